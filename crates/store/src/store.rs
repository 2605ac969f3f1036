//! The store: where operations come in.

use crate::lite::Lite;
use crate::{Conn, Engine, Error, Result};
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the data is.
#[derive(Clone)]
pub enum Target {
    /// A file, created when there is none (its directory must exist).
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
}

/// How to open a [`Store`].
#[derive(Clone)]
pub struct StoreConfig {
    /// Where the data is.
    pub target: Target,
    /// SQLite: threads that read. Default 4.
    pub reader_threads: usize,
    /// SQLite: read operations that may wait before [`Error::Busy`]. Default 4096.
    pub reader_queue: usize,
    /// SQLite: write operations that may wait before [`Error::Busy`]. Default 1024.
    pub writer_queue: usize,
    /// SQLite: write operations committed together at most. Default 256.
    pub writer_batch: usize,
    /// SQLite: how long to wait for another process (a backup tool, say) that holds the file. Default 5 s.
    pub busy_timeout: Duration,
}

impl StoreConfig {
    /// The defaults for a place.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            reader_threads: 4,
            reader_queue: 4096,
            writer_queue: 1024,
            writer_batch: 256,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// The database. Cheap to clone; the last clone to be dropped closes it.
#[derive(Clone)]
pub struct Store(Arc<Backend>);

enum Backend {
    Lite(Lite),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::TooNew`], [`Error::Corrupt`] or [`Error::Unavailable`]; the database is as it was.
    pub async fn open(config: &StoreConfig) -> Result<Self> {
        let config = config.clone();
        match config.target.clone() {
            Target::Sqlite { path } => {
                let lite = tokio::task::spawn_blocking(move || Lite::open(&path, &config))
                    .await
                    .map_err(Error::internal)??;
                Ok(Self(Arc::new(Backend::Lite(lite))))
            }
        }
    }

    /// The engine in use.
    pub fn engine(&self) -> Engine {
        match &*self.0 {
            Backend::Lite(_) => Engine::Sqlite,
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
        match &*self.0 {
            Backend::Lite(lite) => lite.read(operation).await,
        }
    }

    /// Runs an operation in one transaction. Returns after a durable commit; an `Err` rolls everything back.
    ///
    /// The operation may await nothing but its connection. It runs to its end even when the caller goes away.
    ///
    /// # Errors
    /// The operation's own, or a storage [`Error`] turned into its type.
    pub async fn write<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &*self.0 {
            Backend::Lite(lite) => lite.write(operation).await,
        }
    }

    /// Finishes what has begun, and closes the database. Later operations fail with [`Error::Unavailable`].
    pub async fn close(&self) {
        let store = self.clone();
        let closing = tokio::task::spawn_blocking(move || match &*store.0 {
            Backend::Lite(lite) => lite.close(),
        });
        drop(closing.await);
    }
}
