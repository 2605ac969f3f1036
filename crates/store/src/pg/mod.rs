//! The server engine: PostgreSQL, through a pool.

mod conn;
mod error;
mod rewrite;
mod tls;
mod types;

pub(crate) use conn::PgConn;

use crate::conn::Inner;
use crate::{Conn, Error, Result, StoreConfig, migrate};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use rewrite::Rewriter;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::Arc;
use tls::Certificate;
use tokio::sync::RwLock;
use tokio_postgres::config::SslMode;
use tracing::Instrument;

/// The server engine, connected.
#[derive(Clone)]
pub(crate) struct Pg {
    pool: Pool,
    /// Held shared by every operation; whoever closes waits for it alone.
    gate: Arc<RwLock<()>>,
    rewriter: Arc<Rewriter>,
}

/// Runs statements on a connection of their own.
#[cfg(any(test, feature = "testing"))]
pub(crate) async fn script(url: &str, sql: &str) -> Result<()> {
    let (server, certificate) = parse(url)?;
    let (client, connection) = server
        .connect(tls::connector(certificate)?)
        .await
        .map_err(|e| error::from_connect(&e))?;
    let connection = tokio::spawn(connection);
    let done = client
        .batch_execute(sql)
        .await
        .map_err(|e| error::from_pg(&e, sql));
    drop(client);
    drop(connection.await);
    done
}

impl Pg {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(url: &str, config: &StoreConfig) -> Result<Self> {
        let (mut server, certificate) = parse(url)?;
        if server.get_application_name().is_none() {
            server.application_name("thicket");
        }
        if server.get_connect_timeout().is_none() {
            server.connect_timeout(config.pool_timeout);
        }
        let manager = Manager::from_config(
            server,
            tls::connector(certificate)?,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        // Nobody waits for a lock longer than for SQLite's, and a process that hangs holds no lock for ever.
        let session = format!(
            "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = '60s'",
            config.busy_timeout.as_millis()
        );
        let pool = Pool::builder(manager)
            .max_size(config.pool_size.max(1))
            .timeouts(deadpool_postgres::Timeouts {
                wait: Some(config.pool_timeout),
                create: Some(config.pool_timeout),
                recycle: Some(config.pool_timeout),
            })
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let session = session.clone();
                Box::pin(async move {
                    client
                        .batch_execute(&session)
                        .await
                        .map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(Error::internal)?;
        let pg = Self {
            pool,
            gate: Arc::default(),
            rewriter: Arc::default(),
        };
        migrate::pg(&pg.connection().await?, config.migrate).await?;
        Ok(pg)
    }

    async fn connection(&self) -> Result<PgConn> {
        let client = self.pool.get().await.map_err(|error| match error {
            // All connections are in use: as a full queue on SQLite.
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Error::Busy,
            PoolError::Timeout(_) => Error::Unavailable("no connection in time".to_owned()),
            PoolError::Backend(error) => error::from_connect(&error),
            PoolError::PostCreateHook(HookError::Backend(error)) => error::from_connect(&error),
            PoolError::Closed => Error::Unavailable("the store is closed".to_owned()),
            other => Error::Unavailable(other.to_string()),
        })?;
        Ok(PgConn::new(client, Arc::clone(&self.rewriter)))
    }

    pub(crate) async fn read<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let _open = self.gate.read().await;
        let conn = Conn(Inner::Pg(self.connection().await?));
        run(&conn, operation).await
    }

    pub(crate) async fn write<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let open = Arc::clone(&self.gate).read_owned().await;
        let pg = self.connection().await?;
        // A task of its own, so that a caller who goes away interrupts nothing: as on SQLite.
        let task = async move {
            let _open = open;
            pg.begin().await?;
            let conn = Conn(Inner::Pg(pg));
            let result = run(&conn, operation).await;
            let Inner::Pg(pg) = &conn.0 else {
                return result;
            };
            if result.is_ok() {
                pg.commit().await?;
            } else if let Err(error) = pg.rollback().await {
                // The connection is dropped inside its transaction, which ends it as well.
                tracing::warn!(%error, "a transaction could not be rolled back");
            }
            result
        };
        tokio::spawn(task.in_current_span())
            .await
            .unwrap_or_else(|error| {
                Err(Error::Unavailable(format!("a write was given up: {error}")).into())
            })
    }

    /// Waits for what runs, and closes the pool. Later operations are refused.
    pub(crate) async fn close(&self) {
        let _alone = self.gate.write().await;
        self.pool.close();
    }
}

async fn run<F, T, E>(conn: &Conn, operation: F) -> Result<T, E>
where
    F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>>,
    E: From<Error>,
{
    let future = AssertUnwindSafe(async move { operation(conn).await });
    let result = future
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(Error::panicked(&*panic).into()));
    match result {
        Ok(_) if conn.has_failed() => Err(Error::ignored_failure().into()),
        other => other,
    }
}

/// The driver's configuration, and how the server's certificate is treated. The driver does not know the two
/// strictest modes of `sslmode`; here `require` checks the certificate already, so they mean the same.
fn parse(url: &str) -> Result<(tokio_postgres::Config, Certificate)> {
    let url = url
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    let config = tokio_postgres::Config::from_str(&url).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Error::Unavailable(format!(
            "the database URL cannot be used: {}",
            cause.unwrap_or_else(|| error.to_string())
        ))
    })?;
    let certificate = match config.get_ssl_mode() {
        SslMode::Disable | SslMode::Prefer => Certificate::Unchecked,
        _ => Certificate::Checked,
    };
    Ok((config, certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_checked_whenever_encryption_is_demanded() {
        for (mode, expected) in [
            ("", Certificate::Unchecked),
            ("?sslmode=disable", Certificate::Unchecked),
            ("?sslmode=prefer", Certificate::Unchecked),
            ("?sslmode=require", Certificate::Checked),
            ("?sslmode=verify-ca", Certificate::Checked),
            ("?sslmode=verify-full", Certificate::Checked),
        ] {
            let (_, certificate) = parse(&format!("postgres://db.example/thicket{mode}")).unwrap();
            assert_eq!(certificate, expected, "{mode}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_showing_its_password() {
        let error = parse("postgres://me:hunter2@db.example/thicket?sslmode=maybe").unwrap_err();
        assert_eq!(
            error,
            Error::Unavailable(
                "the database URL cannot be used: invalid value for option `sslmode`".to_owned()
            )
        );
    }
}
