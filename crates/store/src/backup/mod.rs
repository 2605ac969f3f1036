//! Backup to one archive while the server runs, and restore into an empty data directory.
//!
//! The archive is a tar of `thicket.db` (a consistent copy by SQLite's online backup), everything under
//! `attachments/`, and last a `manifest.json` with sizes and checksums. The secret key is not in it: who finds a
//! backup shall not find the stored secrets as well. It has to be kept apart.

mod create;
mod restore;

pub use restore::restore;

use crate::lock::LockError;
use crate::{Error, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The embedded database in the data directory and in the archive.
pub const DATABASE_FILE: &str = "thicket.db";

/// The folder of uploaded files in the data directory and in the archive.
pub const ATTACHMENTS: &str = "attachments";

const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// Why a backup or a restore failed. A restore that fails leaves the data directory as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data is on PostgreSQL.
    #[error(
        "the data is on PostgreSQL, which has its own tools: use pg_dump for a backup of the database, or \
         `thicket export` for a copy that any Thicket can import"
    )]
    Postgres,
    /// Something is in the directory already.
    #[error(
        "{} is not empty: restore into a new directory, and start the server with it afterwards",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// The archive is damaged, incomplete, or no backup of Thicket.
    #[error("the archive cannot be restored: {0}")]
    Archive(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A server runs on the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] Error),
}

/// What was backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The number of attachments.
    pub attachments: usize,
    /// The sizes of the database and the attachments together.
    pub bytes: u64,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The number of attachments.
    pub attachments: usize,
    /// The sizes of the database and the attachments together.
    pub bytes: u64,
    /// The version of Thicket that made the backup.
    pub made_by: String,
}

impl Store {
    /// Writes a backup of the database and of the data directory's attachments to `archive`, while everything
    /// goes on. An older file of that name is replaced once the new one is complete. Needs room for the database
    /// twice beside the archive. The archive is readable by its owner only.
    ///
    /// # Errors
    /// [`BackupError::Postgres`] when the data is not in the embedded database; otherwise what went wrong.
    pub async fn backup(
        &self,
        data_dir: &Path,
        archive: &Path,
    ) -> Result<BackupReport, BackupError> {
        let Some(database) = self.file() else {
            return Err(BackupError::Postgres);
        };
        let (data_dir, archive) = (data_dir.to_owned(), archive.to_owned());
        tokio::task::spawn_blocking(move || create::create(&database, &data_dir, &archive))
            .await
            .map_err(Error::internal)?
    }
}

/// What an archive holds; its last entry.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    thicket: String,
    migration: i64,
    files: Vec<Entry>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    path: String,
    size: u64,
    sha256: String,
}

/// Passes bytes through, and knows their number and checksum.
struct Hashing<R> {
    inner: R,
    digest: Sha256,
    size: u64,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            digest: Sha256::new(),
            size: 0,
        }
    }

    fn entry(self, path: String) -> Entry {
        Entry {
            path,
            size: self.size,
            sha256: crate::hex::hex(&self.digest.finalize()),
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(read) = buffer.get(..length) {
            self.digest.update(read);
            self.size += u64::try_from(length).unwrap_or(u64::MAX);
        }
        Ok(length)
    }
}

/// The error for a file.
fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io {
        path: path.clone(),
        source,
    }
}

/// Makes the names in a directory durable.
fn sync_dir(path: &Path) -> Result<(), BackupError> {
    // Other systems have no such call.
    #[cfg(unix)]
    std::fs::File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(at(path))?;
    Ok(())
}
