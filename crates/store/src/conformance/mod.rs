//! What both engines have to do alike. Every case runs on SQLite, and on PostgreSQL where there is a server.

mod backup;
mod erasure;
mod events;
mod load;
mod migrations;
mod outbox;
mod persons;
mod server;
mod statements;
mod tenancy;
mod transactions;
mod values;

use crate::{Conn, Result, Store};

/// A table for the cases that need one with all kinds of columns. Two texts, as this is no migration.
async fn create_sample(store: &Store) {
    let script = "CREATE TABLE sample (
        id BIGINT NOT NULL PRIMARY KEY,
        number BIGINT,
        ratio DOUBLE PRECISION,
        flag BOOLEAN,
        word TEXT UNIQUE,
        uid UUID,
        bytes BYTEA
    )";
    store
        .write(move |c| Box::pin(async move { c.exec(script, &[]).await }))
        .await
        .unwrap();
}

const INSERT: &str = "INSERT INTO sample (id, word) VALUES (?1, ?2)";
const COUNT: &str = "SELECT count(*) FROM sample";
const WORDS: &str = "SELECT word FROM sample ORDER BY id";

async fn insert(c: &Conn, id: i64, word: &str) -> Result<()> {
    c.exec_one(INSERT, crate::params![id, word]).await
}

async fn add(store: &Store, id: i64, word: &'static str) -> Result<()> {
    store.write(move |c| Box::pin(insert(c, id, word))).await
}

async fn words(store: &Store) -> Vec<String> {
    store
        .read(|c| Box::pin(async move { c.all::<String>(WORDS, &[]).await }))
        .await
        .unwrap()
}
