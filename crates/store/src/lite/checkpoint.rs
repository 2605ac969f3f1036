//! Keeping the write-ahead log short.
//!
//! What is in the log is copied into the database by a thread of its own: the writer, and all who wait for it, would stand
//! still while it copied some thousand pages and made them durable.

use super::LiteConn;
use crate::conn::Inner;
use crate::{Conn, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// Pages in the log before they are copied. A page that was written many times meanwhile is copied once; a start after a
/// crash reads as many.
const COPIED_FROM: i64 = 3_000;

/// Pages in the log before the writer waits for readers, so as to begin it anew: 16 MB.
const LIMIT: i64 = 4_000;

/// How long a checkpoint may wait for readers. Writes wait with it.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the writer knows of the log.
///
/// SQLite starts the log afresh when all of it is copied and no reader happens to look at it. What was written during the
/// copying is copied by the writer, as it is not much. Under steady reading the moment without readers never comes, and
/// the log would grow without end: so past the limit the writer makes the moment, by waiting for the readers of the present.
pub(super) struct Checkpoint {
    /// Pages in the log, as of the last commit.
    pages: Arc<AtomicI64>,
    copier: Copier,
    is_copying: bool,
    /// Pages at which to copy next, and at which to wait for readers.
    copied_from: i64,
    limit: i64,
    busy_timeout: Duration,
}

impl Checkpoint {
    /// For the writer's connection. The thread that copies ends when this is dropped.
    pub(super) fn new(
        writer: &LiteConn,
        path: &Path,
        busy_timeout: Duration,
    ) -> Result<(Self, impl FnOnce() + Send + use<>)> {
        let pages = Arc::new(AtomicI64::new(0));
        writer.count_pages_of_log(Arc::clone(&pages))?;
        let (copier, work) = Copier::new(LiteConn::open_copier(path)?);
        let checkpoint = Self {
            pages,
            copier,
            is_copying: false,
            copied_from: COPIED_FROM,
            limit: LIMIT,
            busy_timeout,
        };
        Ok((checkpoint, work))
    }

    pub(super) fn after_commit(&mut self, conn: &Conn) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < COPIED_FROM {
            (self.copied_from, self.limit) = (COPIED_FROM, LIMIT);
        }
        if self.is_copying {
            if self.copier.has_ended() {
                self.is_copying = false;
                self.copy_rest(conn, "PASSIVE", Duration::ZERO);
                // With a reader in the way (a backup, say) not every commit shall try again.
                self.copied_from = pages + COPIED_FROM / 4;
            }
        } else if pages >= self.copied_from && self.copier.begin() {
            self.is_copying = true;
        } else if pages > self.limit {
            let is_empty = self.copy_rest(conn, "TRUNCATE", PATIENCE);
            self.limit = if is_empty { LIMIT } else { pages + LIMIT / 4 };
        }
    }

    /// Leaves everything in the database file itself.
    pub(super) fn last(&mut self, conn: &Conn) {
        self.copy_rest(conn, "TRUNCATE", self.busy_timeout);
    }

    /// Whether all of it could be done.
    fn copy_rest(&self, conn: &Conn, mode: &str, patience: Duration) -> bool {
        let Inner::Lite(lite) = &conn.0 else {
            return false;
        };
        let connection = lite.connection();
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let result = connection
            .busy_timeout(patience)
            .and_then(|()| connection.query_row(&sql, [], |row| row.get::<_, i64>(0)));
        drop(connection.busy_timeout(self.busy_timeout));
        match result {
            Ok(busy) => busy == 0,
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be copied");
                false
            }
        }
    }
}

/// The thread that copies.
struct Copier {
    orders: Sender<()>,
    has_ended: Arc<AtomicBool>,
}

impl Copier {
    fn new(conn: LiteConn) -> (Self, impl FnOnce() + Send + use<>) {
        let (orders, queue) = bounded(1);
        let has_ended = Arc::new(AtomicBool::new(false));
        let copier = Self {
            orders,
            has_ended: Arc::clone(&has_ended),
        };
        (copier, move || copy(&conn, &queue, &has_ended))
    }

    /// `false`: the thread is gone.
    fn begin(&self) -> bool {
        self.orders.try_send(()).is_ok()
    }

    /// Whether what was begun has ended, told once.
    fn has_ended(&self) -> bool {
        self.has_ended.swap(false, Ordering::AcqRel)
    }
}

fn copy(conn: &LiteConn, queue: &Receiver<()>, has_ended: &AtomicBool) {
    while let Ok(()) = queue.recv() {
        if let Err(error) = conn.script("PRAGMA wal_checkpoint(PASSIVE);") {
            tracing::warn!(%error, "the write-ahead log could not be copied");
        }
        has_ended.store(true, Ordering::Release);
    }
}
