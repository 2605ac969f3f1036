//! Making an archive.

use super::{
    ATTACHMENTS, BackupError, BackupReport, DATABASE_FILE, Entry, FORMAT, Hashing, MANIFEST,
    Manifest, at, sync_dir,
};
use crate::lite::snapshot;
use crate::migrate;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Blocks.
pub(super) fn create(
    database: &Path,
    data_dir: &Path,
    archive: &Path,
) -> Result<BackupReport, BackupError> {
    let copy = Temporary(beside(archive, "database"));
    let partial = Temporary(beside(archive, "partial"));
    // Before the attachments: whatever the copy speaks of has been stored by then.
    drop(create_private(&copy.0)?);
    snapshot(database, &copy.0)?;

    let mut tar = Builder::new(BufWriter::new(create_private(&partial.0)?));
    let mut files = Vec::new();
    files.extend(append(&mut tar, &partial.0, DATABASE_FILE, &copy.0)?);
    let mut paths = Vec::new();
    list_files(&data_dir.join(ATTACHMENTS), ATTACHMENTS, &mut paths)?;
    paths.sort();
    for (name, path) in paths {
        files.extend(append(&mut tar, &partial.0, &name, &path)?);
    }
    let report = BackupReport {
        attachments: files.len().saturating_sub(1),
        bytes: files.iter().map(|file| file.size).sum(),
    };
    let manifest = Manifest {
        format: FORMAT,
        thicket: env!("CARGO_PKG_VERSION").to_owned(),
        migration: migrate::latest(),
        files,
    };
    let manifest = serde_json::to_vec_pretty(&manifest)
        .map_err(io::Error::from)
        .map_err(at(&partial.0))?;
    let mut header = header(u64::try_from(manifest.len()).unwrap_or(u64::MAX));
    tar.append_data(&mut header, MANIFEST, manifest.as_slice())
        .map_err(at(&partial.0))?;
    finish(tar).map_err(at(&partial.0))?;
    fs::rename(&partial.0, archive).map_err(at(archive))?;
    let folder = archive.parent().filter(|path| !path.as_os_str().is_empty());
    sync_dir(folder.unwrap_or(Path::new(".")))?;
    Ok(report)
}

fn finish(tar: Builder<BufWriter<File>>) -> io::Result<()> {
    let mut writer = tar.into_inner()?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// Adds a file; `None` when it has been deleted meanwhile.
fn append(
    tar: &mut Builder<BufWriter<File>>,
    archive: &Path,
    name: &str,
    path: &Path,
) -> Result<Option<Entry>, BackupError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at(path))?,
    };
    let size = file.metadata().map_err(at(path))?.len();
    let mut reader = Hashing::new(file.take(size));
    tar.append_data(&mut header(size), name, &mut reader)
        .map_err(at(archive))?;
    if reader.size != size {
        return Err(at(path)(io::Error::other("it shrank while it was read")));
    }
    Ok(Some(reader.entry(name.to_owned())))
}

/// The same for every file: private, and without a time, which the archive's own file has.
fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header
}

/// All plain files below a folder, with their names in the archive. Links are not followed.
fn list_files(
    folder: &Path,
    name: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(at(folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(at(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(at(&path))?;
        let file_name = entry
            .file_name()
            .into_string()
            .map_err(|_| at(&path)(io::Error::other("its name is no UTF-8")))?;
        let name = format!("{name}/{file_name}");
        if kind.is_dir() {
            list_files(&path, &name, files)?;
        } else if kind.is_file() && !name.contains('#') {
            // A name with that sign is a file that is being written.
            files.push((name, path));
        }
    }
    Ok(())
}

fn create_private(path: &Path) -> Result<File, BackupError> {
    crate::sealed::private_file()
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(at(path))
}

fn beside(archive: &Path, what: &str) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// A file that is removed at the end, if it is still there.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
