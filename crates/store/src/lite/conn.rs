//! One SQLite connection.

use super::searches::Searches;
use super::{error, set};
use crate::row::Row;
use crate::{Error, FromRow, Result, Value};
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Prepared statements kept for each connection. All of Thicket's statements fit.
const STATEMENT_CACHE: usize = 512;

/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: i64 = 2_000;

/// Page cache of the writer, in KiB: a write touches some pages of each index, and what is not here is read again.
const WRITER_CACHE_KIB: i64 = 16_000;

/// Page cache of the connection that copies the log. It has no use for one.
const COPIER_CACHE_KIB: i64 = 100;

/// A connection to the embedded file. The mutex is never waited for: each connection has a thread of its own,
/// and is only there so that an operation's future may be `Send`.
pub(crate) struct LiteConn {
    connection: Mutex<Connection>,
    failed: AtomicBool,
    /// A reader's.
    searches: Option<Arc<Searches>>,
}

impl LiteConn {
    /// Opens the file for reading and writing, and creates it when there is none.
    pub(super) fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Self> {
        // For its owner only; the log and the shared memory take that over. An empty file is an empty database.
        match crate::sealed::private_file().create_new(true).open(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::Unavailable(format!("{}: {error}", path.display())));
            }
            _ => (),
        }
        let connection = Self::connect(path)?;
        let conn = Self::with(connection, busy_timeout, WRITER_CACHE_KIB)?;
        // In memory is kept what undoes one of the operations that are committed together: as a file it took a third
        // of the time of a write.
        conn.script(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
        )?;
        Ok(conn)
    }

    /// Opens the file, which must exist, for reading only.
    pub(super) fn open_reader(
        path: &Path,
        busy_timeout: Duration,
        searches: Arc<Searches>,
    ) -> Result<Self> {
        // Not opened as read-only, which could not create the shared memory of the log when it comes first.
        let mut conn = Self::with(Self::connect(path)?, busy_timeout, READER_CACHE_KIB)?;
        conn.script("PRAGMA query_only = ON;")?;
        conn.searches = Some(searches);
        Ok(conn)
    }

    /// Opens the file, which must exist, for copying the log into it.
    pub(super) fn open_copier(path: &Path) -> Result<Self> {
        let conn = Self::with(Self::connect(path)?, Duration::ZERO, COPIER_CACHE_KIB)?;
        conn.script("PRAGMA synchronous = FULL;")?;
        Ok(conn)
    }

    /// From now on each commit tells here how many pages are in the log. SQLite itself no longer copies them.
    pub(super) fn count_pages_of_log(&self, pages: Arc<AtomicI64>) -> Result<()> {
        let count = move |_: &mut Wal, now: i32| {
            pages.store(i64::from(now), Ordering::Relaxed);
            Ok(())
        };
        self.connection()
            .wal_hook(Some(count))
            .map_err(|e| error::from_lite(&e, "wal_hook"))
    }

    fn connect(path: &Path) -> Result<Connection> {
        Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|e| error::from_lite(&e, "open"))
    }

    fn with(connection: Connection, busy_timeout: Duration, cache_kib: i64) -> Result<Self> {
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        let conn = Self {
            connection: Mutex::new(connection),
            failed: AtomicBool::new(false),
            searches: None,
        };
        let connection = conn.connection();
        let opened = connection
            .busy_timeout(busy_timeout)
            // The name that PostgreSQL has for sorting by bytes, so that one ORDER BY serves both.
            .and_then(|()| connection.create_collation("C", |a, b| a.as_bytes().cmp(b.as_bytes())))
            .and_then(|()| set::add_function(&connection))
            // Plans do not depend on the values of parameters. Otherwise SQLite would plan a statement with a `LIMIT ?1`
            // anew each time, because the driver clears a cached statement's parameters after use.
            .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true))
            // No memory map: its pages count as our memory, and a disk error in it kills the process.
            .and_then(|_| {
                connection.execute_batch(&format!(
                    "PRAGMA mmap_size = 0; PRAGMA cache_size = -{cache_kib};"
                ))
            })
            .map_err(|e| error::from_lite(&e, "open"));
        drop(connection);
        opened.map(|()| conn)
    }

    /// The driver's connection. A panic while it was held leaves it usable: the transaction is rolled back.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exec(&self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        self.run(sql, params, |statement| {
            if statement.column_count() != 0 {
                return Ok(Err(Error::Internal(format!(
                    "exec would lose the rows of: {sql}"
                ))));
            }
            let changed = statement.raw_execute()?;
            Ok(Ok(u64::try_from(changed).unwrap_or(u64::MAX)))
        })
    }

    pub(crate) fn all<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, |value| all.push(value))?;
        Ok(all)
    }

    pub(crate) fn each<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        mut take: impl FnMut(T),
    ) -> Result<()> {
        self.run(sql, params, |statement| {
            let width = statement.column_count();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                match Row::lite(row, width).decode() {
                    Ok(value) => take(value),
                    Err(error) => return Ok(Err(error.in_statement(sql))),
                }
            }
            Ok(Ok(()))
        })
    }

    pub(crate) fn find<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<T>> {
        self.run(sql, params, |statement| {
            let width = statement.column_count();
            let mut rows = statement.raw_query();
            Ok(match rows.next()? {
                Some(row) => Row::lite(row, width)
                    .decode()
                    .map(Some)
                    .map_err(|error| error.in_statement(sql)),
                None => Ok(None),
            })
        })
    }

    /// Prepares, binds and runs. The outer error is the engine's and loses the transaction, the inner one is ours.
    fn run<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        body: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<Result<T>>,
    ) -> Result<T> {
        if self.has_failed() {
            return Err(Error::after_failure(sql));
        }
        let connection = self.connection();
        let outcome = connection.prepare_cached(sql).and_then(|mut statement| {
            if let Err(error) = crate::value::check(params, statement.parameter_count(), sql) {
                return Ok(Err(error));
            }
            for (index, value) in params.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, value)?;
            }
            body(&mut statement)
        });
        match outcome {
            Ok(result) => result,
            Err(error) => {
                self.failed.store(true, Ordering::Relaxed);
                Err(error::from_lite(&error, sql))
            }
        }
    }

    /// Runs several statements without parameters or results.
    pub(crate) fn script(&self, sql: &str) -> Result<()> {
        self.connection()
            .execute_batch(sql)
            .map_err(|e| error::from_lite(&e, sql))
    }

    /// Runs one statement of the engine's own (`BEGIN`, `SAVEPOINT`, …), kept prepared.
    pub(super) fn control(&self, sql: &'static str) -> Result<()> {
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute())
            .map(drop)
            .map_err(|e| error::from_lite(&e, sql))
    }

    /// A name for each parameter and column of a statement, empty, as SQLite has no types for them.
    #[cfg(test)]
    pub(crate) fn describe(&self, sql: &str) -> Result<(Vec<String>, Vec<String>)> {
        let connection = self.connection();
        let statement = connection
            .prepare(sql)
            .map_err(|e| error::from_lite(&e, sql))?;
        Ok((
            vec![String::new(); statement.parameter_count()],
            vec![String::new(); statement.column_count()],
        ))
    }

    /// How a statement would be carried out: the steps of its plan.
    #[cfg(test)]
    pub(crate) fn plan(&self, sql: &str) -> rusqlite::Result<Vec<String>> {
        let connection = self.connection();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let steps = statement.raw_query().mapped(|step| step.get("detail"));
        steps.collect()
    }

    /// What searches have found. Only readers have it.
    pub(crate) fn searches(&self) -> Option<&Searches> {
        self.searches.as_deref()
    }

    /// Rows inserted, changed and deleted since the connection was opened, by triggers too.
    pub(super) fn total_changes(&self) -> u64 {
        self.connection().total_changes()
    }

    /// Whether a transaction is open. Some errors (disk full) end it behind our back.
    pub(super) fn in_transaction(&self) -> bool {
        !self.connection().is_autocommit()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Forgets an earlier failure, after its transaction is gone.
    pub(super) fn reset(&self) {
        self.failed.store(false, Ordering::Relaxed);
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn a_statement_is_planned_once_whatever_its_parameters_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let conn = LiteConn::open_writer(&path, Duration::ZERO).unwrap();
        conn.script("CREATE TABLE t (a, b); CREATE INDEX i ON t (a) WHERE b = 7;")
            .unwrap();
        let sql = "SELECT a FROM t WHERE a = ?1 AND b = ?2 ORDER BY a LIMIT ?3 OFFSET ?4";
        for number in 0..5 {
            let value = || Value::Int(number);
            conn.all::<i64>(sql, &[value(), value(), value(), value()])
                .unwrap();
        }
        let connection = conn.connection();
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 5);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
