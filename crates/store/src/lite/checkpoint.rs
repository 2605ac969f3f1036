//! Keeping the write-ahead log short.

use crate::Conn;
use crate::conn::Inner;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The log is emptied when it is longer than this, in bytes.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How long a checkpoint may wait for readers. Writes wait with it.
const PATIENCE: Duration = Duration::from_millis(100);

/// SQLite copies the log into the database by itself every few thousand pages, but starts the log afresh only when
/// no reader happens to look at it. Under steady reading that moment never comes, and the log grows without end:
/// so past the limit the writer makes the moment, by waiting for the readers of the present.
pub(super) struct Checkpoint {
    log: PathBuf,
    next: u64,
    busy_timeout: Duration,
}

impl Checkpoint {
    pub(super) fn new(database: &Path, busy_timeout: Duration) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self {
            log: PathBuf::from(log),
            next: LIMIT,
            busy_timeout,
        }
    }

    pub(super) fn after_commit(&mut self, conn: &Conn) {
        let length = fs::metadata(&self.log).map_or(0, |log| log.len());
        if length <= self.next {
            return;
        }
        let emptied = self.empty(conn, PATIENCE);
        // With a reader in the way (a backup, say) not every commit shall wait for it again.
        self.next = if emptied { LIMIT } else { length + LIMIT / 4 };
    }

    /// Leaves everything in the database file itself.
    pub(super) fn last(&mut self, conn: &Conn) {
        self.empty(conn, self.busy_timeout);
    }

    fn empty(&self, conn: &Conn, patience: Duration) -> bool {
        let Inner::Lite(lite) = &conn.0 else {
            return false;
        };
        let connection = lite.connection();
        let result = connection.busy_timeout(patience).and_then(|()| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0)
            })
        });
        drop(connection.busy_timeout(self.busy_timeout));
        match result {
            Ok(busy) => busy == 0,
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be emptied");
                false
            }
        }
    }
}
