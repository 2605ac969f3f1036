//! Restoring an archive.

use super::{
    ATTACHMENTS, BackupError, DATABASE_FILE, Entry, FORMAT, Hashing, MANIFEST, Manifest,
    RestoreReport, at, sync_dir,
};
use crate::lock::{DataLock, LOCK_FILE};
use crate::sealed::KEY_FILE;
use crate::{Error, migrate};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use tar::{Archive, EntryType};

/// Where everything is unpacked until it has been checked.
const STAGING: &str = ".restoring";

/// The longest manifest that is read, in bytes: some hundred thousand attachments.
const MAX_MANIFEST: u64 = 256 * 1024 * 1024;

/// Restores a backup into `data_dir`, which is made if need be. It must be empty, except for a `secret.key` put
/// there for it. Nothing appears in it before every file has proved complete. Blocks.
///
/// # Errors
/// [`BackupError::NotEmpty`], [`BackupError::Archive`], [`Error::TooNew`] for the backup of a newer Thicket;
/// otherwise what went wrong.
pub fn restore(archive: &Path, data_dir: &Path) -> Result<RestoreReport, BackupError> {
    let input = File::open(archive).map_err(at(archive))?;
    fs::create_dir_all(data_dir).map_err(at(data_dir))?;
    let _lock = DataLock::acquire(data_dir)?;
    // What an interrupted restore has left.
    let staging = Staging(data_dir.join(STAGING));
    staging.clear()?;
    refuse_unless_empty(data_dir)?;

    fs::create_dir(&staging.0).map_err(at(&staging.0))?;
    let (found, manifest) = unpack(archive, BufReader::new(input), &staging.0)?;
    let manifest = verify(&found, manifest)?;
    place(&staging.0, data_dir)?;
    Ok(RestoreReport {
        attachments: found.len().saturating_sub(1),
        bytes: found.values().map(|entry| entry.size).sum(),
        made_by: manifest.thicket,
    })
}

fn refuse_unless_empty(data_dir: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(data_dir).map_err(at(data_dir))? {
        let name = entry.map_err(at(data_dir))?.file_name();
        if name != LOCK_FILE && name != KEY_FILE {
            return Err(BackupError::NotEmpty(data_dir.to_owned()));
        }
    }
    Ok(())
}

type Found = BTreeMap<String, Entry>;

/// Unpacks all files, and returns what they are and what the manifest says they should be.
fn unpack(
    archive: &Path,
    input: impl Read,
    staging: &Path,
) -> Result<(Found, Option<Vec<u8>>), BackupError> {
    // The archive comes from outside: what cannot be read as one is its fault.
    let damaged = |error: io::Error| BackupError::Archive(error.to_string());
    let mut found = Found::new();
    let mut manifest = None;
    let mut tar = Archive::new(input);
    for entry in tar.entries().map_err(at(archive))? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry_name(&entry)?;
        if name == MANIFEST {
            let mut text = Vec::new();
            entry
                .by_ref()
                .take(MAX_MANIFEST)
                .read_to_end(&mut text)
                .map_err(damaged)?;
            manifest = Some(text);
            continue;
        }
        let path = staging.join(safe_path(&name)?);
        if found.contains_key(&name) {
            return Err(BackupError::Archive(format!("it has {name:?} twice")));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let mut file = crate::sealed::private_file()
            .create_new(true)
            .open(&path)
            .map_err(at(&path))?;
        let mut reader = Hashing::new(&mut entry);
        io::copy(&mut reader, &mut file).map_err(damaged)?;
        file.sync_all().map_err(at(&path))?;
        found.insert(name.clone(), reader.entry(name));
    }
    Ok((found, manifest))
}

fn entry_name<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String, BackupError> {
    let name = String::from_utf8(entry.path_bytes().into_owned())
        .map_err(|_| BackupError::Archive("it has a name that is no UTF-8".to_owned()))?;
    match entry.header().entry_type() {
        EntryType::Regular => Ok(name),
        _ => Err(BackupError::Archive(format!("{name:?} is no plain file"))),
    }
}

/// The relative path of an entry. Only the names that a backup makes are taken, so nothing can get out of the
/// data directory.
fn safe_path(name: &str) -> Result<PathBuf, BackupError> {
    let is_plain =
        |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    let mut parts = name.split('/');
    let is_attachment =
        parts.next() == Some(ATTACHMENTS) && name.contains('/') && parts.all(is_plain);
    if name == DATABASE_FILE || is_attachment {
        Ok(PathBuf::from(name))
    } else {
        Err(BackupError::Archive(format!(
            "{name:?} does not belong into a backup"
        )))
    }
}

fn verify(found: &Found, manifest: Option<Vec<u8>>) -> Result<Manifest, BackupError> {
    let wrong = |detail: String| Err(BackupError::Archive(detail));
    let Some(manifest) = manifest else {
        return wrong(format!(
            "it has no {MANIFEST}, so it is no backup or not all of one"
        ));
    };
    let manifest: Manifest = serde_json::from_slice(&manifest)
        .map_err(|error| BackupError::Archive(format!("{MANIFEST}: {error}")))?;
    if manifest.migration > migrate::latest() || manifest.format > FORMAT {
        return Err(Error::TooNew {
            database: manifest.migration,
            program: migrate::latest(),
        }
        .into());
    }
    for entry in &manifest.files {
        match found.get(&entry.path) {
            Some(same) if same == entry => {}
            Some(_) => return wrong(format!("{:?} is damaged", entry.path)),
            None => return wrong(format!("{:?} is missing", entry.path)),
        }
    }
    if found.len() != manifest.files.len() {
        return wrong(format!("it has files that {MANIFEST} does not name"));
    }
    if !found.contains_key(DATABASE_FILE) {
        return wrong(format!("it has no {DATABASE_FILE}"));
    }
    Ok(manifest)
}

/// Moves what was unpacked to its place; the database last, because with it the directory counts as one.
fn place(staging: &Path, data_dir: &Path) -> Result<(), BackupError> {
    for name in [ATTACHMENTS, DATABASE_FILE] {
        let from = staging.join(name);
        if from.exists() {
            let to = data_dir.join(name);
            fs::rename(&from, &to).map_err(at(&to))?;
        }
    }
    sync_dir(data_dir)
}

struct Staging(PathBuf);

impl Staging {
    fn clear(&self) -> Result<(), BackupError> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&self.0)(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        drop(self.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_backup_makes_are_taken() {
        for name in ["thicket.db", "attachments/a", "attachments/1/ä b.png"] {
            assert!(safe_path(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "attachments",
            "attachments/",
            "attachments//a",
            "attachments/../thicket.db",
            "attachments/./a",
            "attachments/a/..",
            "attachments/..\\a",
            "attachments/c:a",
            "../thicket.db",
            "/thicket.db",
            "./thicket.db",
            "thicket.db/a",
            "secret.key",
            "thicket.db-wal",
        ] {
            assert!(safe_path(name).is_err(), "{name}");
        }
    }
}
