//! The store: where operations come in.

use crate::lite::Lite;
use crate::pg::Pg;
use crate::statements::statements;
use crate::{Conn, Engine, Error, Result};
use futures::future::BoxFuture;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument as _;

statements! {
    // Reads a page of the file, which a mere `SELECT 1` does not.
    PING = "SELECT count(*) FROM schema_migration";
}

/// Where the data is.
#[derive(Clone)]
pub enum Target {
    /// A file, created when there is none (its directory must exist).
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// `postgres://user:password@host:port/database`, with the parameters of libpq. `sslmode` is `disable`,
        /// `prefer` (the default: encrypted if the server can, whatever its certificate), or `require` and
        /// `verify-full` (encrypted, with a certificate that is valid for the host).
        url: String,
    },
}

/// Shows the kind of place only: a URL has a password.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "Sqlite({})", path.display()),
            Self::Postgres { .. } => f.write_str("Postgres"),
        }
    }
}

/// How to open a [`Store`].
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Where the data is.
    pub target: Target,
    /// Whether opening brings the schema up to date. Default true; otherwise an older database is refused.
    pub migrate: bool,
    /// SQLite: threads that read. Default 4.
    pub reader_threads: usize,
    /// SQLite: read operations that may wait before [`Error::Busy`]. Default 4096.
    pub reader_queue: usize,
    /// SQLite: write operations that may wait before [`Error::Busy`]. Default 1024.
    pub writer_queue: usize,
    /// SQLite: write operations committed together at most. Default 256.
    pub writer_batch: usize,
    /// How long a statement waits for a lock: of another process on the SQLite file, of another transaction on
    /// PostgreSQL. Default 5 s.
    pub busy_timeout: Duration,
    /// PostgreSQL: connections at most. Default 16.
    pub pool_size: usize,
    /// PostgreSQL: how long an operation waits for a connection. Default 5 s.
    pub pool_timeout: Duration,
}

impl StoreConfig {
    /// The defaults for a place.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            migrate: true,
            reader_threads: 4,
            reader_queue: 4096,
            writer_queue: 1024,
            writer_batch: 256,
            busy_timeout: Duration::from_secs(5),
            pool_size: 16,
            pool_timeout: Duration::from_secs(5),
        }
    }
}

/// The database. Cheap to clone; the last clone to be dropped closes it.
#[derive(Clone)]
pub struct Store(Backend);

#[derive(Clone)]
enum Backend {
    Lite(Arc<Lite>),
    Pg(Pg),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.engine())
    }
}

impl Store {
    /// Opens the database and brings its schema up to date, unless the configuration says not to.
    ///
    /// # Errors
    /// [`Error::TooNew`], [`Error::TooOld`], [`Error::Corrupt`] or [`Error::Unavailable`]; the database is as it was.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        let config = config.clone();
        match config.target.clone() {
            Target::Sqlite { path } => {
                let lite = tokio::task::spawn_blocking(move || Lite::open(&path, &config))
                    .await
                    .map_err(Error::internal)??;
                Ok(Self(Backend::Lite(Arc::new(lite))))
            }
            Target::Postgres { url } => {
                let pg = Pg::open(&url, &config).await?;
                Ok(Self(Backend::Pg(pg)))
            }
        }
    }

    /// The engine in use.
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Backend::Lite(_) => Engine::Sqlite,
            Backend::Pg(_) => Engine::Postgres,
        }
    }

    /// Runs an operation that only reads. On SQLite its statements see one state of the database, on PostgreSQL
    /// each sees its own.
    ///
    /// The operation may await nothing but its connection. It runs to its end even when the caller goes away.
    ///
    /// # Errors
    /// The operation's own, or a storage [`Error`] turned into its type.
    pub async fn read<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.0 {
            Backend::Lite(lite) => lite.read(operation).await,
            Backend::Pg(pg) => pg.read(operation).await,
        }
    }

    /// Runs an operation in one transaction. Returns after a durable commit; an `Err` rolls everything back.
    ///
    /// The operation may await nothing but its connection. It runs to its end even when the caller goes away, and on
    /// SQLite perhaps twice: once more when another that shares its transaction fails. So it changes nothing but the
    /// database; what it takes elsewhere is given back when its result is dropped, which comes before the second run.
    ///
    /// # Errors
    /// The operation's own, or a storage [`Error`] turned into its type.
    pub async fn write<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Clone + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let trace = tracing::debug_span!(target: "otel", "write", otel.kind = "client", db.system.name = self.system());
        match &self.0 {
            Backend::Lite(lite) => lite.write(operation).instrument(trace).await,
            Backend::Pg(pg) => pg.write(operation).instrument(trace).await,
        }
    }

    /// What OpenTelemetry calls the engine.
    fn system(&self) -> &'static str {
        match &self.0 {
            Backend::Lite(_) => "sqlite",
            Backend::Pg(_) => "postgresql",
        }
    }

    /// Whether the database answers, for readiness.
    ///
    /// # Errors
    /// [`Error::Busy`] or [`Error::Unavailable`], after the timeouts of the configuration at the latest.
    pub async fn ping(&self) -> Result<()> {
        self.read(|c| Box::pin(async move { c.one::<i64>(PING, &[]).await }))
            .await
            .map(drop)
    }

    /// The database file; `None` on PostgreSQL.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.0 {
            Backend::Lite(lite) => Some(lite.path().to_owned()),
            Backend::Pg(_) => None,
        }
    }

    /// Finishes what has begun, and closes the database. Later operations fail with [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.0 {
            Backend::Lite(lite) => {
                let lite = Arc::clone(lite);
                let closing = tokio::task::spawn_blocking(move || lite.close());
                drop(closing.await);
            }
            Backend::Pg(pg) => pg.close().await,
        }
    }
}
