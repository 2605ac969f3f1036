//! A consistent copy of the database while it is in use.

use super::error::from_lite;
use crate::{Error, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::Path;

/// Copies a database with SQLite's online backup. Writers go on meanwhile, and the log grows with what they write.
///
/// In one step: page by page, every write in between would start it from the beginning. Blocks.
pub(crate) fn snapshot(database: &Path, copy: &Path) -> Result<()> {
    let failed = |error: rusqlite::Error| from_lite(&error, "online backup");
    let source = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    let mut target = Connection::open(copy).map_err(failed)?;
    let result = Backup::new(&source, &mut target)
        .and_then(|backup| backup.step(-1))
        .map_err(failed)?;
    if result != StepResult::Done {
        return Err(Error::Busy);
    }
    target.close().map_err(|(_, error)| failed(error))?;
    File::open(copy)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::Unavailable(format!("the copy cannot be kept: {error}")))
}
