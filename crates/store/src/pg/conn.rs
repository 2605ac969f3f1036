//! One PostgreSQL connection, taken from the pool for one operation.

use super::error::from_pg;
use super::rewrite::Rewriter;
use crate::row::Row;
use crate::{Error, FromRow, Result, Value};
use deadpool_postgres::Object;
use futures::TryStreamExt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::{RowStream, Statement};

/// A connection on loan. Dropped inside a transaction it is closed instead of going back: the pool would hand
/// the open transaction to the next one.
pub(crate) struct PgConn {
    // `None` only while dropping.
    client: Option<Object>,
    rewriter: Arc<Rewriter>,
    in_transaction: AtomicBool,
    failed: AtomicBool,
}

impl PgConn {
    pub(super) fn new(client: Object, rewriter: Arc<Rewriter>) -> Self {
        Self {
            client: Some(client),
            rewriter,
            in_transaction: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    pub(crate) async fn begin(&self) -> Result<()> {
        self.in_transaction.store(true, Ordering::Relaxed);
        self.script("BEGIN").await
    }

    pub(crate) async fn commit(&self) -> Result<()> {
        self.end("COMMIT").await
    }

    pub(crate) async fn rollback(&self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(&self, sql: &str) -> Result<()> {
        self.script(sql).await?;
        self.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs several statements without parameters or results.
    pub(crate) async fn script(&self, sql: &str) -> Result<()> {
        self.client()?
            .batch_execute(sql)
            .await
            .map_err(|e| from_pg(&e, sql))
    }

    fn client(&self) -> Result<&Object> {
        self.client
            .as_ref()
            .ok_or_else(|| Error::Internal("the connection was given back".to_owned()))
    }

    pub(crate) async fn exec(&self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        let statement = self.prepare(sql, params).await?;
        if !statement.columns().is_empty() {
            return Err(Error::Internal(format!(
                "exec would lose the rows of: {sql}"
            )));
        }
        self.client()?
            .execute_raw(&statement, params)
            .await
            .map_err(|e| self.fail(&e, sql))
    }

    pub(crate) async fn all<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<T>> {
        let rows: Vec<_> = self
            .query(sql, params)
            .await?
            .try_collect()
            .await
            .map_err(|e| self.fail(&e, sql))?;
        rows.iter().map(|row| decode(row, sql)).collect()
    }

    pub(crate) async fn find<T: FromRow>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<T>> {
        let mut rows = pin!(self.query(sql, params).await?);
        let mut first = None;
        // To the end, because an error may come after the first row.
        while let Some(row) = rows.try_next().await.map_err(|e| self.fail(&e, sql))? {
            first.get_or_insert(row);
        }
        first.map(|row| decode(&row, sql)).transpose()
    }

    async fn query(&self, sql: &'static str, params: &[Value<'_>]) -> Result<RowStream> {
        let statement = self.prepare(sql, params).await?;
        self.client()?
            .query_raw(&statement, params)
            .await
            .map_err(|e| self.fail(&e, sql))
    }

    async fn prepare(&self, sql: &'static str, params: &[Value<'_>]) -> Result<Statement> {
        if self.has_failed() {
            return Err(Error::after_failure(sql));
        }
        let statement = self
            .client()?
            .prepare_cached(&self.rewriter.rewrite(sql))
            .await
            .map_err(|e| self.fail(&e, sql))?;
        crate::value::check(params, statement.params().len(), sql)?;
        Ok(statement)
    }

    /// The types of a statement's parameters and columns.
    #[cfg(test)]
    pub(crate) async fn describe(&self, sql: &'static str) -> Result<(Vec<String>, Vec<String>)> {
        let statement = self
            .client()?
            .prepare(&self.rewriter.rewrite(sql))
            .await
            .map_err(|e| from_pg(&e, sql))?;
        Ok((
            statement.params().iter().map(ToString::to_string).collect(),
            statement
                .columns()
                .iter()
                .map(|column| column.type_().to_string())
                .collect(),
        ))
    }

    fn fail(&self, error: &tokio_postgres::Error, sql: &str) -> Error {
        self.failed.store(true, Ordering::Relaxed);
        from_pg(error, sql)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for PgConn {
    fn drop(&mut self) {
        if self.in_transaction.load(Ordering::Relaxed)
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}

fn decode<T: FromRow>(row: &tokio_postgres::Row, sql: &str) -> Result<T> {
    Row::pg(row)
        .decode()
        .map_err(|error| error.in_statement(sql))
}
