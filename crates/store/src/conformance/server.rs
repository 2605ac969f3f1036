//! What only a server can do to us: locks, lost connections, a full pool, encryption.

use super::{add, create_sample, insert, words};
use crate::testing::{TestStore, skip};
use crate::{Engine, Error, Result, Store, StoreConfig, Target, params};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A store with a sample table, and a second one on it with some settings changed; `None` without a server.
async fn open(test: &str, change: impl FnOnce(&mut StoreConfig)) -> Option<(TestStore, Store)> {
    let store = TestStore::open(Engine::Postgres, test).await.unwrap()?;
    create_sample(&store).await;
    let mut config = store.config();
    change(&mut config);
    let changed = Store::open(&config).await.unwrap();
    Some((store, changed))
}

/// A write that has begun and holds the row 1, until the sender is dropped.
async fn hold_row(store: &Store) -> (watch::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
    let (release, mut released) = watch::channel(());
    let begun = Arc::new(Notify::new());
    let begin = Arc::clone(&begun);
    let store = store.clone();
    let write = tokio::spawn(async move {
        store
            .write(move |c| {
                Box::pin(async move {
                    c.exec("UPDATE sample SET number = 1 WHERE id = 1", &[])
                        .await?;
                    begin.notify_one();
                    let _ = released.changed().await;
                    Ok::<_, Error>(())
                })
            })
            .await
    });
    begun.notified().await;
    (release, write)
}

async fn lock_row(store: &Store) -> Result<i64> {
    store
        .write(|c| {
            Box::pin(async move {
                c.one(
                    "SELECT id FROM sample WHERE id = ?1 /*lock*/",
                    params![1_i64],
                )
                .await
            })
        })
        .await
}

#[tokio::test]
async fn a_locked_row_makes_others_wait_and_then_busy() {
    let test = "a_locked_row_makes_others_wait_and_then_busy";
    let impatient = |config: &mut StoreConfig| config.busy_timeout = Duration::from_millis(50);
    let Some((_home, store)) = open(test, impatient).await else {
        return;
    };
    add(&store, 1, "one").await.unwrap();
    let (release, write) = hold_row(&store).await;
    assert_eq!(lock_row(&store).await, Err(Error::Busy));
    drop(release);
    write.await.unwrap().unwrap();
    assert_eq!(lock_row(&store).await, Ok(1));
}

#[tokio::test]
async fn when_all_connections_are_in_use_the_store_is_busy() {
    let test = "when_all_connections_are_in_use_the_store_is_busy";
    let small = |config: &mut StoreConfig| {
        config.pool_size = 1;
        config.pool_timeout = Duration::from_millis(500);
    };
    let Some((_home, store)) = open(test, small).await else {
        return;
    };
    add(&store, 1, "one").await.unwrap();
    let (release, write) = hold_row(&store).await;
    assert_eq!(store.ping().await, Err(Error::Busy));
    drop(release);
    write.await.unwrap().unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_fails_its_operation_and_no_later_one() {
    let test = "a_lost_connection_fails_its_operation_and_no_later_one";
    let Some((_home, store)) = open(test, |config| config.pool_size = 1).await else {
        return;
    };
    let result: Result<()> = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                c.find::<bool>("SELECT pg_terminate_backend(pg_backend_pid())", &[])
                    .await?;
                insert(c, 2, "two").await
            })
        })
        .await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    add(&store, 3, "three").await.unwrap();
    assert_eq!(words(&store).await, ["three"]);
}

#[tokio::test]
async fn closing_waits_for_what_runs() {
    let Some((_home, store)) = open("closing_waits_for_what_runs", |_| ()).await else {
        return;
    };
    add(&store, 1, "one").await.unwrap();
    let (release, write) = hold_row(&store).await;
    let mut close = Box::pin(store.close());
    assert!(futures::poll!(&mut close).is_pending());
    drop(release);
    close.await;
    write.await.unwrap().unwrap();
    assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn nobody_listening_is_unavailable_and_the_password_stays_secret() {
    let target = Target::Postgres {
        url: "postgres://nobody:hunter2@127.0.0.1:1/none".to_owned(),
    };
    let config = StoreConfig::new(target);
    let error = Store::open(&config).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(!format!("{error} {config:?}").contains("hunter2"));
}

#[tokio::test]
async fn encryption_is_used_where_offered_and_certificates_are_checked_where_demanded() {
    let test = "encryption_is_used_where_offered_and_certificates_are_checked_where_demanded";
    let Some(store) = TestStore::open(Engine::Postgres, test).await.unwrap() else {
        return;
    };
    let offered: String = store
        .read(|c| Box::pin(async move { c.one("SHOW ssl", &[]).await }))
        .await
        .unwrap();
    if offered != "on" {
        return skip(test, "the test server offers no encryption");
    }
    let url = store.place().database_url().unwrap();
    let with_mode = |mode: &str| {
        let url = url.replace("sslmode=disable", &format!("sslmode={mode}"));
        StoreConfig::new(Target::Postgres { url })
    };
    let preferring = Store::open(&with_mode("prefer")).await.unwrap();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let encrypted: bool = preferring
        .read(move |c| Box::pin(async move { c.one(encrypted, &[]).await }))
        .await
        .unwrap();
    assert!(encrypted);
    // The test server's certificate is signed by nobody.
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = Store::open(&with_mode(mode)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable(detail) if detail.contains("certificate")),
            "{mode}: {error}"
        );
    }
}
