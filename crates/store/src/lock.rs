//! One server for one data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The lock's file in the data directory. It stays when the lock is gone; only the lock on it counts.
pub const LOCK_FILE: &str = "thicket.lock";

/// Held by the process that serves a data directory, until it is dropped or the process dies.
///
/// The embedded database would bear two servers, but turns, caches and wake-ups of one are unknown to the other.
#[derive(Debug)]
#[must_use = "the lock ends when it is dropped"]
pub struct DataLock {
    _file: File,
}

/// Why a data directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process serves it.
    #[error(
        "{} is in use by another Thicket process; stop that one, or choose another data directory",
        .0.display()
    )]
    InUse(PathBuf),
    /// The lock's file cannot be made or locked.
    #[error("{} cannot be locked: {source}", .path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataLock {
    /// Takes the lock of a data directory, which must exist. Does not wait.
    ///
    /// # Errors
    /// [`LockError::InUse`] when another process has it.
    pub fn acquire(data_dir: &Path) -> Result<Self, LockError> {
        let path = data_dir.join(LOCK_FILE);
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LockError::InUse(data_dir.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        // For the person who wonders who has it.
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_once_and_free_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataLock::acquire(dir.path()).unwrap();
        let refused = DataLock::acquire(dir.path()).unwrap_err();
        assert!(matches!(refused, LockError::InUse(_)), "{refused}");
        drop(lock);
        drop(DataLock::acquire(dir.path()).unwrap());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("nowhere");
        let error = DataLock::acquire(&missing).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
