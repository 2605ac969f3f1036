//! What the project knows about a question: the passages of its enabled articles that fit best, and the team's macros if
//! the project says so.

#[cfg(test)]
mod fixtures;
mod import;
#[cfg(test)]
mod tests;

pub use import::{ImportError, ImportEvent, ImportReport, Outcome, import_dir};

use crate::extractive;
use crate::replies::Candidate;
use crate::replies::candidates;
use model::ProjectId;
use model::messages::Source;
use model::settings::ProjectSettings;
use model::text::Query;
use store::Store;
use store::articles::{self, PassageHit};
use uuid::Uuid;

/// What an answer may draw on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// The enabled articles.
    Articles,
    /// And the team's macros (the setting `macros_in_chat`). Never somebody's own.
    ArticlesAndMacros,
}

impl Shelf {
    /// What the project says.
    pub fn of(settings: &ProjectSettings) -> Self {
        if settings.macros_in_chat {
            Self::ArticlesAndMacros
        } else {
            Self::Articles
        }
    }
}

/// Where a passage is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An article, by its id.
    Article(Uuid),
    /// A macro of the team's, by its short id.
    Macro(String),
}

/// A piece of an article, or a macro.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Where it is from.
    pub origin: Origin,
    /// The article's title, or the macro's name.
    pub title: String,
    /// Where the article can be read.
    pub url: Option<String>,
    /// The headings above the passage, outermost first, joined by ` › `.
    pub heading: Option<String>,
    /// Plain text: paragraphs separated by an empty line, list entries with their bullets, code fenced.
    pub text: String,
    /// How well it fits the question, from 0 to below 1.
    pub score: f64,
}

impl Passage {
    /// What an answer that rests on this passage cites.
    pub fn to_source(&self) -> Source {
        let (article_id, macro_id) = match &self.origin {
            Origin::Article(id) => (Some(*id), None),
            Origin::Macro(id) => (None, Some(id.clone())),
        };
        Source {
            article_id,
            heading: self.heading.clone(),
            macro_id,
            title: self.title.clone(),
            url: self.url.clone(),
        }
    }
}

impl From<PassageHit> for Passage {
    fn from(hit: PassageHit) -> Self {
        Self {
            origin: Origin::Article(hit.article_id.0),
            title: hit.title,
            url: hit.url,
            heading: Some(hit.heading).filter(|heading| !heading.is_empty()),
            text: hit.text,
            score: hit.score,
        }
    }
}

/// At most `limit` passages for a question, best first. `previous` is the user's message before it: a very short
/// question is understood as its continuation.
///
/// Passages that hardly touch the question are left out, so the list may be empty. A question that names no subject (a
/// greeting, "what can you do?") gets the opening passages of the newest articles, with score 0, so that the answer
/// can say what it could be about.
///
/// # Errors
/// When the store fails.
pub async fn retrieve(
    store: &Store,
    project: ProjectId,
    question: &str,
    previous: Option<&str>,
    shelf: Shelf,
    limit: usize,
) -> Result<Vec<Passage>, store::Error> {
    let query = extractive::query(question, previous);
    store
        .read(move |c| Box::pin(async move { find(c, project, query, shelf, limit).await }))
        .await
}

async fn find(
    c: &store::Conn,
    project: ProjectId,
    query: Query,
    shelf: Shelf,
    limit: usize,
) -> Result<Vec<Passage>, store::Error> {
    if !query.asks {
        let first = articles::first_passages(c, project, limit).await?;
        return Ok(first.into_iter().map(Passage::from).collect());
    }
    let hits = articles::search(c, project, &query.terms, limit).await?;
    let mut found: Vec<Passage> = hits.into_iter().map(Passage::from).collect();
    if shelf == Shelf::ArticlesAndMacros {
        let macros = candidates::find_macros(c, project, &query).await?;
        found.extend(macros.iter().map(Candidate::to_passage));
        // Stable: the order of passages that fit equally well is the search's.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(limit);
    }
    found.retain(|passage| passage.score >= extractive::WORTH_READING);
    Ok(found)
}
