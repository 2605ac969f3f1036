//! One connection, as operations see it.

use crate::lite::{LiteConn, Searches};
use crate::pg::PgConn;
use crate::{FromRow, Result, Value};

/// The two database engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A connection that an operation runs its statements on: inside [`Store::read`](crate::Store::read) or
/// [`Store::write`](crate::Store::write).
///
/// Statements are one text for both engines, in their common subset:
///
/// - Parameters are `?1`, `?2`, …: all of them used, the lowest is 1.
/// - `/*lock*/` at the end of a `SELECT` becomes `FOR UPDATE` on PostgreSQL. On SQLite there is one writer,
///   who needs no locks.
/// - A `SUM` of integers is a `numeric` on PostgreSQL: write `CAST(SUM(x) AS BIGINT)`.
/// - Text sorts by the database's collation on PostgreSQL and by bytes on SQLite: write
///   `ORDER BY name COLLATE "C"` on both (SQLite gets a collation of that name). No index without the same
///   collation serves such an order.
/// - `LIKE` ignores ASCII case on SQLite and does not on PostgreSQL: compare `lower(x)` with lower case.
/// - After a statement failed (a constraint, for example) the transaction is lost on PostgreSQL. So it is here on
///   both engines: the operation cannot go on, and is rolled back whatever it returns. Write
///   `ON CONFLICT … DO …` where a conflict is expected.
pub struct Conn(pub(crate) Inner);

pub(crate) enum Inner {
    Lite(LiteConn),
    Pg(PgConn),
}

impl Conn {
    /// The engine behind this connection, for the few statements that need two texts.
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Inner::Lite(_) => Engine::Sqlite,
            Inner::Pg(_) => Engine::Postgres,
        }
    }

    /// Runs a statement that gives no rows; returns how many rows it inserted, changed or removed.
    ///
    /// # Errors
    /// Everything of [`Error`](crate::Error) except `NoRow`.
    pub async fn exec(&self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        match &self.0 {
            Inner::Lite(lite) => lite.exec(sql, params),
            Inner::Pg(pg) => pg.exec(sql, params).await,
        }
    }

    /// Runs a statement that must change at least one row.
    ///
    /// # Errors
    /// [`Error::NoRow`](crate::Error::NoRow) when it changed none; otherwise as [`exec`](Self::exec).
    pub async fn exec_one(&self, sql: &'static str, params: &[Value<'_>]) -> Result<()> {
        match self.exec(sql, params).await? {
            0 => Err(crate::Error::NoRow),
            _ => Ok(()),
        }
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// Everything of [`Error`](crate::Error) except `NoRow`.
    pub async fn all<T: FromRow>(&self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<T>> {
        match &self.0 {
            Inner::Lite(lite) => lite.all(sql, params),
            Inner::Pg(pg) => pg.all(sql, params).await,
        }
    }

    /// Each row of a query, one after the other: on SQLite without keeping them.
    ///
    /// # Errors
    /// Everything of [`Error`](crate::Error) except `NoRow`.
    pub(crate) async fn each<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        take: impl FnMut(T),
    ) -> Result<()> {
        match &self.0 {
            Inner::Lite(lite) => lite.each(sql, params, take),
            Inner::Pg(pg) => {
                pg.all(sql, params).await?.into_iter().for_each(take);
                Ok(())
            }
        }
    }

    /// The first row of a query, or of a statement with `RETURNING`; `None` when there is none.
    ///
    /// # Errors
    /// Everything of [`Error`](crate::Error) except `NoRow`.
    pub async fn find<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<T>> {
        match &self.0 {
            Inner::Lite(lite) => lite.find(sql, params),
            Inner::Pg(pg) => pg.find(sql, params).await,
        }
    }

    /// The first row of a query, which must exist.
    ///
    /// # Errors
    /// [`Error::NoRow`](crate::Error::NoRow) when there is none; otherwise as [`find`](Self::find).
    pub async fn one<T: FromRow>(&self, sql: &'static str, params: &[Value<'_>]) -> Result<T> {
        self.find(sql, params).await?.ok_or(crate::Error::NoRow)
    }

    /// What searches on the embedded engine have found; `None` in a write, and on PostgreSQL.
    pub(crate) fn searches(&self) -> Option<&Searches> {
        match &self.0 {
            Inner::Lite(lite) => lite.searches(),
            Inner::Pg(_) => None,
        }
    }

    /// Whether a statement has failed since the transaction began.
    pub(crate) fn has_failed(&self) -> bool {
        match &self.0 {
            Inner::Lite(lite) => lite.has_failed(),
            Inner::Pg(pg) => pg.has_failed(),
        }
    }
}
