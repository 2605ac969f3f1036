//! Which files of a folder are imported.

use super::{ImportError, folder_error};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders, at most.
const DEPTH_MAX: usize = 64;

/// A folder's files.
#[derive(Debug)]
pub(super) struct Found {
    /// The folder's own name.
    pub(super) folder_name: String,
    /// In the order of their names.
    pub(super) files: Vec<File>,
}

/// A file to import.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the folder, with `/` between the names.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Why it is not read after all.
    pub(super) obstacle: Option<String>,
}

/// Finds every Markdown file below a folder, by name and not by content.
pub(super) fn walk(dir: &Path, files_max: usize) -> Result<Found, ImportError> {
    let root = fs::canonicalize(dir).map_err(|error| folder_error(dir, error))?;
    if !root.is_dir() {
        return Err(ImportError::NotAFolder(dir.to_owned()));
    }
    let mut files = Vec::new();
    let mut folders = vec![(root.clone(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| folder_error(&folder, error))? {
            let entry = entry.map_err(|error| folder_error(&folder, error))?;
            let kind = entry
                .file_type()
                .map_err(|error| folder_error(&folder, error))?;
            let file_name = entry.file_name();
            let text = file_name.to_string_lossy();
            if text.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{text}");
            if kind.is_dir() {
                if depth < DEPTH_MAX {
                    folders.push((entry.path(), format!("{name}/"), depth + 1));
                }
            } else if text.to_lowercase().ends_with(".md") {
                let obstacle = if file_name.to_str().is_none() {
                    Some("its name is not valid UTF-8".to_owned())
                } else if kind.is_symlink() {
                    link_obstacle(&root, &entry.path())
                } else {
                    (!kind.is_file()).then(|| "it is not a regular file".to_owned())
                };
                files.push(File {
                    name,
                    path: entry.path(),
                    obstacle,
                });
                if files.len() > files_max {
                    return Err(ImportError::TooManyFiles(dir.to_owned()));
                }
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let folder_name = root
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Found { folder_name, files })
}

/// Why a symbolic link is not followed.
fn link_obstacle(root: &Path, link: &Path) -> Option<String> {
    match fs::canonicalize(link) {
        Err(_) => Some("it is a link to nothing".to_owned()),
        Ok(target) if !target.starts_with(root) => {
            Some("it is a link to a place outside the folder".to_owned())
        }
        Ok(target) if !target.is_file() => Some("it is not a regular file".to_owned()),
        Ok(_) => None,
    }
}
