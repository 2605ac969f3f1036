//! SQLite under load: the bounded queue, the group commit, the log.

use super::{create_sample, insert};
use crate::testing::{TestPlace, TestStore};
use crate::{Engine, Error, Store, StoreConfig, params};
use crossbeam_channel::Sender;
use futures::FutureExt;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

async fn open(change: impl FnOnce(&mut StoreConfig)) -> (Store, TestPlace) {
    let place = TestPlace::create(Engine::Sqlite, "load")
        .await
        .unwrap()
        .unwrap();
    let mut config = place.config();
    change(&mut config);
    let store = Store::open(&config).await.unwrap();
    create_sample(&store).await;
    (store, place)
}

/// Keeps the writer occupied until the returned sender is used or dropped.
async fn occupy_writer(store: &Store) -> Sender<()> {
    let (release, released) = crossbeam_channel::bounded::<()>(1);
    let begun = Arc::new(Notify::new());
    let begin = Arc::clone(&begun);
    let store = store.clone();
    tokio::spawn(async move {
        store
            .write(move |_| {
                Box::pin(async move {
                    begin.notify_one();
                    let _ = released.recv();
                    Ok::<_, Error>(())
                })
            })
            .await
    });
    begun.notified().await;
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

/// How often operations were run, by their number.
type Runs = Arc<Mutex<BTreeMap<i64, u32>>>;

/// What the result of an operation holds, and how often it does.
struct Held(Arc<AtomicU64>);

impl Held {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ten operations that share a commit, of which some fail after a number of changes. How often each was run, and
/// the words that there are in the end.
async fn run_together(fails_after: &[(i64, i64)]) -> (Vec<u32>, Vec<String>) {
    let (store, _place) = open(|_| ()).await;
    let runs = Runs::default();
    let release = occupy_writer(&store).await;
    let mut writes = Vec::new();
    for id in 0..10 {
        let fails_after = fails_after.iter().find(|it| it.0 == id).map(|it| it.1);
        let (runs, held) = (Arc::clone(&runs), Arc::<AtomicU64>::default());
        let mut write = Box::pin(store.write(move |c| {
            Box::pin(async move {
                *runs.lock().unwrap().entry(id).or_default() += 1;
                assert_eq!(held.load(Ordering::SeqCst), 0, "what the first run took");
                for change in 0..fails_after.unwrap_or(2) {
                    insert_number(c, 10 * id + change).await?;
                }
                let held = Held::new(&held);
                match fails_after {
                    Some(_) => Err(Error::NoRow),
                    None => Ok::<_, Error>(held),
                }
            })
        }));
        assert!((&mut write).now_or_never().is_none());
        writes.push((write, fails_after));
    }
    drop(release);
    for (write, fails_after) in writes {
        let result = write.await.map(drop);
        assert_eq!(result, fails_after.map_or(Ok(()), |_| Err(Error::NoRow)));
    }
    let runs = runs.lock().unwrap().values().copied().collect();
    (runs, super::words(&store).await)
}

/// The two words of each operation but some.
fn words_without(failed: &[i64]) -> Vec<String> {
    let kept = (0..10).filter(|id| !failed.contains(id));
    kept.flat_map(|id| [10 * id, 10 * id + 1].map(|it| it.to_string()))
        .collect()
}

#[tokio::test]
async fn operations_that_succeed_are_run_once() {
    assert_eq!(run_together(&[]).await, (vec![1; 10], words_without(&[])));
}

#[tokio::test]
async fn an_operation_that_fails_before_it_changes_anything_has_none_run_again() {
    let (runs, words) = run_together(&[(4, 0), (9, 0)]).await;
    assert_eq!((runs, words), (vec![1; 10], words_without(&[4, 9])));
}

#[tokio::test]
async fn an_operation_that_fails_half_way_has_those_before_it_run_again_and_no_other() {
    let (runs, words) = run_together(&[(4, 1)]).await;
    let expected = vec![2, 2, 2, 2, 1, 1, 1, 1, 1, 1];
    assert_eq!((runs, words), (expected, words_without(&[4])));
}

#[tokio::test]
async fn operations_are_run_twice_at_most_however_many_fail_half_way() {
    let (runs, words) = run_together(&[(0, 0), (3, 1), (5, 2), (7, 0), (9, 3)]).await;
    let expected = vec![2, 2, 2, 1, 1, 1, 1, 1, 1, 1];
    assert_eq!((runs, words), (expected, words_without(&[0, 3, 5, 7, 9])));
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
                        begin.send(()).unwrap();
                        let _ = paused.recv();
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

/// Starts a read that lasts over the next ten writes, but no longer than 20 ms: it must not wait for a writer who
/// waits for it.
async fn begin_read(store: &Store, writes: &Arc<AtomicU64>) {
    let (begin, begun) = tokio::sync::oneshot::channel();
    let (store, writes) = (store.clone(), Arc::clone(writes));
    tokio::spawn(async move {
        store
            .read(move |c| {
                Box::pin(async move {
                    c.one::<i64>(super::COUNT, &[]).await?;
                    begin.send(()).unwrap();
                    let enough = writes.load(Ordering::SeqCst) + 10;
                    let latest = Instant::now() + Duration::from_millis(20);
                    while writes.load(Ordering::SeqCst) < enough && Instant::now() < latest {
                        std::thread::yield_now();
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    });
    begun.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_stays_bounded_although_there_is_always_a_reader() {
    let (store, place) = open(|config| config.reader_threads = 2).await;
    let log = place.data_dir().join("thicket.db-wal");
    let stop = Arc::new(AtomicBool::new(false));
    let writes = Arc::new(AtomicU64::new(0));
    // With two threads, a third read begins when the first has ended; the second goes on meanwhile.
    let readers = tokio::spawn({
        let (store, stop, writes) = (store.clone(), Arc::clone(&stop), Arc::clone(&writes));
        async move {
            while !stop.load(Ordering::Relaxed) {
                begin_read(&store, &writes).await;
                let half = writes.load(Ordering::SeqCst) + 5;
                let latest = Instant::now() + Duration::from_millis(10);
                while writes.load(Ordering::SeqCst) < half && Instant::now() < latest {
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    let mut longest = 0;
    // 1,000 writes of 64 KiB: a log of more than 64 MiB, if it were never started afresh.
    for id in 0..1000 {
        store
            .write(move |c| {
                Box::pin(async move {
                    let bytes = id.to_string().repeat(64 * 1024).into_bytes();
                    c.exec_one(
                        "INSERT INTO sample (id, bytes) VALUES (?1, ?2) \
                         ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes",
                        params![id % 10, &bytes[..64 * 1024]],
                    )
                    .await
                })
            })
            .await
            .unwrap();
        writes.fetch_add(1, Ordering::SeqCst);
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    stop.store(true, Ordering::Relaxed);
    readers.await.unwrap();
    assert!(
        longest < 32 * 1024 * 1024,
        "the log grew to {longest} bytes"
    );
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
    let store = TestStore::open(Engine::Sqlite, "two")
        .await
        .unwrap()
        .unwrap();
    create_sample(&store).await;
    let other = Store::open(&store.config()).await.unwrap();
    super::add(&store, 1, "one").await.unwrap();
    super::add(&other, 2, "two").await.unwrap();
    assert_eq!(super::words(&store).await, ["one", "two"]);
    assert_eq!(super::words(&other).await, ["one", "two"]);
}

#[tokio::test]
async fn a_full_disk_fails_the_writes_that_meet_it_and_keeps_the_acknowledged() {
    let (store, _place) = open(|_| ()).await;
    super::add(&store, 1, "before").await.unwrap();
    limit_pages(&store, "PRAGMA max_page_count = 100").await;
    // All in one group: small ones that fit, and every tenth too large.
    let release = occupy_writer(&store).await;
    let writes: Vec<_> = (2..100)
        .map(|id| {
            let mut write = Box::pin(store.write(move |c| {
                Box::pin(async move {
                    let word = "x".repeat(if id % 10 == 0 { 10_000_000 } else { 10 });
                    insert(c, id, &format!("{word}{id}")).await
                })
            }));
            assert!((&mut write).now_or_never().is_none());
            (id, write)
        })
        .collect();
    drop(release);
    let mut kept = 1;
    for (id, write) in writes {
        match write.await {
            Ok(()) => kept += 1,
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{id}: {error}"),
        }
    }
    assert_eq!(super::words(&store).await.len(), kept);
    limit_pages(&store, "PRAGMA max_page_count = 1000000").await;
    super::add(&store, 1000, "after").await.unwrap();
    assert_eq!(store.check().await.unwrap(), []);
}

async fn limit_pages(store: &Store, pragma: &'static str) {
    store
        .write(move |c| Box::pin(async move { c.one::<i64>(pragma, &[]).await }))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_missing_file_is_not_made_when_nothing_may_change() {
    let place = TestPlace::create(Engine::Sqlite, "load")
        .await
        .unwrap()
        .unwrap();
    let config = StoreConfig {
        migrate: false,
        ..place.config()
    };
    let error = Store::open(&config).await.unwrap_err();
    assert!(
        matches!(error, Error::TooOld { database: 0, .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(place.data_dir()).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_store, place) = open(|_| ()).await;
    for entry in fs::read_dir(place.data_dir()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}
