//! SQLite under load: the bounded queue, the group commit, the log.

use super::{create_sample, insert};
use crate::testing::{TestPlace, TestStore};
use crate::{Engine, Error, Store, StoreConfig, params};
use futures::FutureExt;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

async fn open(change: impl FnOnce(&mut StoreConfig)) -> (Store, TestPlace) {
    let place = TestPlace::create(Engine::Sqlite, "load").await.unwrap().unwrap();
    let mut config = place.config();
    change(&mut config);
    let store = Store::open(&config).await.unwrap();
    create_sample(&store).await;
    (store, place)
}

/// Keeps the writer occupied until the returned sender is used or dropped.
async fn occupy_writer(store: &Store) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        store
            .write(move |_| {
                Box::pin(async move {
                    drop(begin.send(()));
                    drop(released.recv());
                    Ok::<_, Error>(())
                })
            })
            .await
    });
    begun.await.unwrap();
    release
}

#[tokio::test]
async fn a_full_queue_is_busy_and_recovers() {
    let (store, _place) = open(|config| config.writer_queue = 3).await;
    let release = occupy_writer(&store).await;
    let mut waiting = Vec::new();
    for id in 0..3 {
        let mut write = Box::pin(store.write(move |c| Box::pin(insert_number(c, id))));
        assert!((&mut write).now_or_never().is_none());
        waiting.push(write);
    }
    let refused = super::add(&store, 99, "refused").await;
    assert_eq!(refused, Err(Error::Busy));
    // Readers have a queue of their own.
    store.ping().await.unwrap();
    drop(release);
    for write in waiting {
        write.await.unwrap();
    }
    super::add(&store, 99, "taken").await.unwrap();
    assert_eq!(super::words(&store).await, ["0", "1", "2", "taken"]);
}

async fn insert_number(c: &crate::Conn, id: i64) -> crate::Result<()> {
    insert(c, id, &id.to_string()).await
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let (store, place) = open(|config| config.writer_batch = 256).await;
    let log = place.data_dir().join("thicket.db-wal");
    let release = occupy_writer(&store).await;
    let writes: Vec<_> = (0..200)
        .map(|id| {
            let mut write = Box::pin(store.write(move |c| Box::pin(insert_number(c, id))));
            assert!((&mut write).now_or_never().is_none());
            write
        })
        .collect();
    let before = fs::metadata(&log).unwrap().len();
    drop(release);
    for write in writes {
        write.await.unwrap();
    }
    let grown = fs::metadata(&log).unwrap().len() - before;
    // A commit of its own would write at least one page (4 KiB) for each of the 200.
    assert!(grown < 200 * 4096 / 4, "the log grew by {grown} bytes");
}

#[tokio::test]
async fn a_batch_is_bounded_and_keeps_the_order() {
    let (store, _place) = open(|config| config.writer_batch = 7).await;
    let release = occupy_writer(&store).await;
    let writes: Vec<_> = (0..50)
        .map(|id| {
            let mut write = Box::pin(store.write(move |c| {
                Box::pin(async move {
                    let count: i64 = c.one(super::COUNT, &[]).await?;
                    insert_number(c, id).await?;
                    Ok::<_, Error>(count)
                })
            }));
            assert!((&mut write).now_or_never().is_none());
            write
        })
        .collect();
    drop(release);
    for (expected, write) in (0..).zip(writes) {
        assert_eq!(write.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_operation_that_waits_for_something_else_is_refused() {
    let (store, _place) = open(|_| ()).await;
    let error = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                tokio::task::yield_now().await;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::Internal("an operation waited for something other than its connection".to_owned())
    );
    assert!(super::words(&store).await.is_empty());
}

#[tokio::test]
async fn a_read_sees_one_state_and_cannot_write() {
    let (store, _place) = open(|config| config.reader_threads = 1).await;
    super::add(&store, 1, "one").await.unwrap();
    let (pause, paused) = mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .read(move |c| {
                    Box::pin(async move {
                        let before: i64 = c.one(super::COUNT, &[]).await?;
                        drop(begin.send(()));
                        drop(paused.recv());
                        let after: i64 = c.one(super::COUNT, &[]).await?;
                        Ok::<_, Error>((before, after))
                    })
                })
                .await
        }
    });
    begun.await.unwrap();
    super::add(&store, 2, "two").await.unwrap();
    drop(pause);
    assert_eq!(reader.await.unwrap().unwrap(), (1, 1));
    let error = store
        .read(|c| Box::pin(insert(c, 3, "three")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn another_process_that_holds_the_file_makes_it_busy_and_no_more() {
    let (store, place) = open(|config| config.busy_timeout = Duration::from_millis(50)).await;
    let other = rusqlite::Connection::open(place.data_dir().join("thicket.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(super::add(&store, 1, "one").await, Err(Error::Busy));
    store.ping().await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    super::add(&store, 1, "one").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_stays_bounded_while_readers_never_pause() {
    let (store, place) = open(|config| config.reader_threads = 4).await;
    let log = place.data_dir().join("thicket.db-wal");
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..16)
        .map(|_| {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    store
                        .read(|c| {
                            Box::pin(async move {
                                c.one::<i64>("SELECT count(*) FROM sample WHERE length(bytes) > 5", &[])
                                    .await
                            })
                        })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    let mut longest = 0;
    // 1,000 writes of 64 KiB: without a limit a log of more than 64 MiB.
    for id in 0..1000 {
        store
            .write(move |c| {
                Box::pin(async move {
                    let bytes = vec![0_u8; 64 * 1024];
                    c.exec_one(
                        "INSERT INTO sample (id, bytes) VALUES (?1, ?2) \
                         ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes",
                        params![id % 10, &bytes],
                    )
                    .await
                })
            })
            .await
            .unwrap();
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(longest < 32 * 1024 * 1024, "the log grew to {longest} bytes");
}

#[tokio::test]
async fn closing_finishes_what_waits_and_leaves_no_log() {
    let (store, place) = open(|_| ()).await;
    let release = occupy_writer(&store).await;
    let mut write = Box::pin(super::add(&store, 1, "one"));
    assert!((&mut write).now_or_never().is_none());
    let close = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    drop(release);
    close.await.unwrap();
    write.await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let log = place.data_dir().join("thicket.db-wal");
    while fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        assert!(Instant::now() < deadline, "the log was not emptied");
        tokio::task::yield_now().await;
    }
    let again = Store::open(&place.config()).await.unwrap();
    assert_eq!(super::words(&again).await, ["one"]);
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_other() {
    let store = TestStore::open(Engine::Sqlite, "two").await.unwrap().unwrap();
    create_sample(&store).await;
    let other = Store::open(&store.config()).await.unwrap();
    super::add(&store, 1, "one").await.unwrap();
    super::add(&other, 2, "two").await.unwrap();
    assert_eq!(super::words(&store).await, ["one", "two"]);
    assert_eq!(super::words(&other).await, ["one", "two"]);
}
