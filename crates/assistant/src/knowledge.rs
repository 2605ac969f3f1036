//! What the project knows about a question: the passages of its enabled articles that fit best.

#[cfg(test)]
mod fixtures;
mod import;
#[cfg(test)]
mod tests;

pub use import::{ImportError, ImportEvent, ImportReport, Outcome, import_dir};

use crate::extractive;
use model::ProjectId;
use model::messages::Source;
use model::text::Query;
use store::Store;
use store::articles::{self, PassageHit};
use uuid::Uuid;

/// A piece of an article.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The article it is from.
    pub article_id: Uuid,
    /// That article's title.
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
        Source {
            article_id: self.article_id,
            heading: self.heading.clone(),
            title: self.title.clone(),
            url: self.url.clone(),
        }
    }
}

impl From<PassageHit> for Passage {
    fn from(hit: PassageHit) -> Self {
        Self {
            article_id: hit.article_id.0,
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
    limit: usize,
) -> Result<Vec<Passage>, store::Error> {
    let query = extractive::query(question, previous);
    let hits = store
        .read(move |c| Box::pin(async move { find(c, project, query, limit).await }))
        .await?;
    Ok(hits.into_iter().map(Passage::from).collect())
}

async fn find(
    c: &store::Conn,
    project: ProjectId,
    query: Query,
    limit: usize,
) -> Result<Vec<PassageHit>, store::Error> {
    if !query.asks {
        return articles::first_passages(c, project, limit).await;
    }
    let mut hits = articles::search(c, project, &query.terms, limit).await?;
    hits.retain(|hit| hit.score >= extractive::WORTH_READING);
    Ok(hits)
}
