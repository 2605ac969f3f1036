//! A folder of Markdown files becomes articles (`thicket article import`, operating.md).

mod file;
mod walk;

use model::articles::{Article, ArticleChange, Body, NewArticle};
use model::{ArticleId, Env, ProjectId};
use std::io;
use std::path::{Path, PathBuf};
use store::Store;
use store::articles;

/// Most files in one import.
const FILES_MAX: usize = 10_000;

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is a new article.
    Created,
    /// Its article was brought up to date. A disabled article stays disabled.
    Updated,
    /// Its article says the same already.
    Unchanged,
    /// It is not imported, and why.
    Skipped(String),
}

/// Progress of an import: one file is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEvent {
    /// The file, relative to the folder, with `/` between the names.
    pub file: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How many files are done, this one included.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// New articles.
    pub created: usize,
    /// Articles that were brought up to date.
    pub updated: usize,
    /// Articles that said the same already.
    pub unchanged: usize,
    /// Files that were not imported, in order, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Why an import could not go on. What was imported before stays; importing again continues.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is a file, not a folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// There are too many files: probably it is the wrong folder. Nothing was imported.
    #[error("there are more than {FILES_MAX} Markdown files below {}", .0.display())]
    TooManyFiles(PathBuf),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Imports every `*.md` file below `dir` into the project, in the order of their paths, each in a transaction of its
/// own. `progress` is told of every file.
///
/// An article remembers its file (the folder's name and the path in it), so importing again updates it. A link that the
/// file does not name stays, and so do articles whose files are gone. Not followed or read: hidden folders and files, links that leave the folder, links to folders,
/// anything that is not a regular file, files over 1 MiB.
///
/// # Errors
/// [`ImportError`]. Files that cannot be used are no errors: they are reported as skipped.
pub async fn import_dir(
    store: &Store,
    env: &Env,
    project: ProjectId,
    dir: &Path,
    mut progress: impl FnMut(&ImportEvent),
) -> Result<ImportReport, ImportError> {
    let folder = dir.to_owned();
    let found = tokio::task::spawn_blocking(move || walk::walk(&folder, FILES_MAX))
        .await
        .map_err(|error| folder_error(dir, io::Error::other(error)))??;
    let total = found.files.len();
    let mut report = ImportReport::default();
    for (file, done) in found.files.into_iter().zip(1..) {
        let name = file.name.clone();
        let source_path = format!("{}/{name}", found.folder_name);
        let read = tokio::task::spawn_blocking(move || file::read(&file))
            .await
            .unwrap_or_else(|error| Err(format!("cannot be read: {error}")));
        let outcome = match read {
            Ok(content) => save(store, env, project, source_path, content).await?,
            Err(reason) => Outcome::Skipped(reason),
        };
        match &outcome {
            Outcome::Created => report.created += 1,
            Outcome::Updated => report.updated += 1,
            Outcome::Unchanged => report.unchanged += 1,
            Outcome::Skipped(reason) => report.skipped.push((name.clone(), reason.clone())),
        }
        progress(&ImportEvent {
            file: name,
            outcome,
            done,
            total,
        });
    }
    Ok(report)
}

fn folder_error(path: &Path, error: io::Error) -> ImportError {
    ImportError::Folder {
        path: path.to_owned(),
        error,
    }
}

/// What a file says, checked against the limits of an article.
#[derive(Clone, Debug)]
struct Content {
    title: String,
    url: Option<String>,
    body: Body,
}

async fn save(
    store: &Store,
    env: &Env,
    project: ProjectId,
    source_path: String,
    content: Content,
) -> Result<Outcome, store::Error> {
    let (now, id) = (env.now(), ArticleId(env.uuid()));
    store
        .write(move |c| {
            Box::pin(async move {
                let Some(old) = articles::find_by_source(c, project, &source_path).await? else {
                    let new = NewArticle {
                        id,
                        title: content.title,
                        body: content.body,
                        url: content.url,
                        is_enabled: true,
                        source_path: Some(source_path),
                    };
                    articles::create(c, project, &new, now).await?;
                    return Ok(Outcome::Created);
                };
                if says_the_same(&old, &content) {
                    return Ok(Outcome::Unchanged);
                }
                let change = ArticleChange {
                    title: Some(content.title),
                    body: Some(content.body),
                    url: content.url.map(Some),
                    is_enabled: None,
                };
                articles::update(c, project, old.id, &change, now).await?;
                Ok(Outcome::Updated)
            })
        })
        .await
}

fn says_the_same(article: &Article, content: &Content) -> bool {
    article.title == content.title
        && article.body == content.body.markdown()
        && (content.url.is_none() || article.url == content.url)
}

#[cfg(test)]
mod tests;
