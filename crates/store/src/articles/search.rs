//! Full-text search over the passages of a project's enabled articles.
//!
//! The engine only says which passages contain a term. Everything that decides about the result (what a term
//! is, how rare it is, how passages are ordered) is computed here and in [`model::text`], so both engines give the
//! same answer. The work is bounded however large a project's knowledge is; the limits are below.

use crate::statements::statements;
use crate::{Conn, Engine, FromRow, Result, Row, params};
use model::text::rank::{Collection, Document, SearchTerm, rarity, relevance};
use model::text::{QueryTerm, below_title, correction};
use model::{ArticleId, ProjectId};
use std::collections::{BTreeMap, BTreeSet};

/// Of a term that is in more passages than this, the newest so many are considered.
const PASSAGES_PER_TERM: i64 = 1000;
/// So many passages are read and ranked exactly: those with the most, and rarest, terms of the question.
const CANDIDATES: usize = 200;
/// Terms that were found nowhere and are tried with another spelling.
const CORRECTIONS: usize = 4;
/// Passages whose words are considered for one correction.
const PASSAGES_PER_CORRECTION: i64 = 200;

statements! {
    TOTALS = "SELECT passages, words FROM article_totals WHERE project_id = ?1";

    MATCHES_SQLITE [sqlite] =
        "SELECT p.id FROM article_search \
         JOIN article_passage p ON p.search_id = article_search.rowid \
         JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE article_search MATCH ?2 AND p.project_id = ?1 AND a.is_enabled \
         ORDER BY article_search.rowid DESC LIMIT ?3";
    MATCHES_POSTGRES [postgres] =
        "SELECT p.id FROM article_passage p \
         JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE p.search @@ CAST(CAST(?2 AS TEXT) AS TSQUERY) AND p.project_id = ?1 AND a.is_enabled \
         ORDER BY p.id DESC LIMIT ?3";

    /// The words near a misspelt one.
    WORDS_SQLITE [sqlite] =
        "SELECT p.title_terms || ' ' || p.heading_terms || ' ' || p.terms FROM article_search \
         JOIN article_passage p ON p.search_id = article_search.rowid \
         JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE article_search MATCH ?2 AND p.project_id = ?1 AND a.is_enabled \
         ORDER BY article_search.rowid DESC LIMIT ?3";
    WORDS_POSTGRES [postgres] =
        "SELECT p.title_terms || ' ' || p.heading_terms || ' ' || p.terms FROM article_passage p \
         JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE p.search @@ CAST(CAST(?2 AS TEXT) AS TSQUERY) AND p.project_id = ?1 AND a.is_enabled \
         ORDER BY p.id DESC LIMIT ?3";

    /// The candidates' ids come as a JSON array, because a statement has a fixed number of parameters.
    READ_SQLITE [sqlite] =
        "SELECT p.id, p.article_id, a.title, a.url, p.heading, p.text, p.title_terms, p.heading_terms, p.terms \
         FROM article_passage p JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE p.project_id = ?1 AND p.id IN (SELECT value FROM json_each(?2))";
    READ_POSTGRES [postgres] =
        "SELECT p.id, p.article_id, a.title, a.url, p.heading, p.text, p.title_terms, p.heading_terms, p.terms \
         FROM article_passage p JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id \
         WHERE p.project_id = ?1 \
           AND p.id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(CAST(?2 AS TEXT) AS JSON)))";

    FIRST = "SELECT p.id, p.article_id, a.title, a.url, p.heading, p.text, p.title_terms, p.heading_terms, p.terms \
             FROM article a JOIN article_passage p \
               ON p.project_id = a.project_id AND p.article_id = a.id AND p.number = 1 \
             WHERE a.project_id = ?1 AND a.is_enabled \
             ORDER BY a.created_at DESC, a.id DESC LIMIT ?2";
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct PassageHit {
    /// The article it is from.
    pub article_id: ArticleId,
    /// That article's title.
    pub title: String,
    /// That article's link.
    pub url: Option<String>,
    /// The headings above the passage, joined by ` › `, without one that repeats the title. May be empty.
    pub heading: String,
    /// Plain text (see [`model::text::Passage::text`]).
    pub text: String,
    /// How well it fits, from 0 to below 1 ([`relevance`]).
    pub score: f64,
}

/// The passages of enabled articles that fit a question best, best first; of equals the newest first.
///
/// Terms that are found nowhere are looked up again as the beginning or a misspelling of a word.
///
/// # Errors
/// When the store fails.
pub async fn search(
    c: &Conn,
    project: ProjectId,
    terms: &[QueryTerm],
    limit: usize,
) -> Result<Vec<PassageHit>> {
    let Some((passages, words)) = c.find::<(i64, i64)>(TOTALS, params![project]).await? else {
        return Ok(Vec::new());
    };
    let collection = Collection {
        passages: u64::try_from(passages).unwrap_or(0),
        words: u64::try_from(words).unwrap_or(0),
    };
    let found = look_up(c, project, terms).await?;
    let candidates = candidates(collection, &found);
    let terms: Vec<SearchTerm> = found.into_iter().map(|(term, _)| term).collect();

    let mut hits: Vec<(i64, PassageHit)> = read(c, project, &candidates)
        .await?
        .into_iter()
        .map(|stored| stored.into_hit(collection, &terms))
        .filter(|(_, hit)| hit.score > 0.0)
        .collect();
    hits.sort_by(|(id, hit), (other_id, other)| {
        other.score.total_cmp(&hit.score).then(other_id.cmp(id))
    });
    hits.truncate(limit);
    Ok(hits.into_iter().map(|(_, hit)| hit).collect())
}

/// The opening passages of the newest enabled articles, with score 0: what the project knows about.
///
/// # Errors
/// When the store fails.
pub async fn first_passages(c: &Conn, project: ProjectId, limit: usize) -> Result<Vec<PassageHit>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let stored: Vec<Stored> = c.all(FIRST, params![project, limit]).await?;
    let nothing_asked = |stored: Stored| stored.into_hit(Collection::default(), &[]).1;
    Ok(stored.into_iter().map(nothing_asked).collect())
}

/// Every term, its spelling corrected, with the ids of the passages that contain it.
async fn look_up(
    c: &Conn,
    project: ProjectId,
    terms: &[QueryTerm],
) -> Result<Vec<(SearchTerm, Vec<i64>)>> {
    let mut found = Vec::with_capacity(terms.len());
    let mut corrections = 0;
    for asked in terms {
        let mut term = SearchTerm {
            term: asked.term.clone(),
            weight: asked.weight,
            confidence: 1.0,
            found_in: 0,
        };
        let mut ids = matches(c, project, &term.term).await?;
        if ids.is_empty() && corrections < CORRECTIONS {
            corrections += 1;
            if let Some((meant, confidence)) = corrected(c, project, &term.term).await? {
                ids = matches(c, project, &meant).await?;
                term.term = meant;
                term.confidence = confidence;
            }
        }
        term.found_in = ids.len() as u64;
        found.push((term, ids));
    }
    Ok(found)
}

async fn matches(c: &Conn, project: ProjectId, term: &str) -> Result<Vec<i64>> {
    let (sql, pattern) = match c.engine() {
        Engine::Sqlite => (MATCHES_SQLITE, format!("\"§{project}\" AND \"{term}\"")),
        Engine::Postgres => (MATCHES_POSTGRES, format!("'§{project}' & '{term}'")),
    };
    c.all(sql, params![project, &pattern, PASSAGES_PER_TERM])
        .await
}

/// The word of the project's passages that a misspelt or unfinished term probably stands for.
async fn corrected(c: &Conn, project: ProjectId, term: &str) -> Result<Option<(String, f64)>> {
    // Most mistakes come after the third letter; of the others at least the first is usually right.
    for length in [3, 1] {
        let beginning: String = term.chars().take(length).collect();
        let (sql, pattern) = match c.engine() {
            Engine::Sqlite => (
                WORDS_SQLITE,
                format!("\"§{project}\" AND \"{beginning}\" *"),
            ),
            Engine::Postgres => (WORDS_POSTGRES, format!("'§{project}' & '{beginning}':*")),
        };
        let texts: Vec<String> = c
            .all(sql, params![project, &pattern, PASSAGES_PER_CORRECTION])
            .await?;
        let words: BTreeSet<&str> = texts
            .iter()
            .flat_map(|text| text.split(' '))
            .filter(|word| word.starts_with(&beginning))
            .collect();
        if let Some((word, confidence)) = correction(term, words.into_iter()) {
            return Ok(Some((word.to_owned(), confidence)));
        }
    }
    Ok(None)
}

/// The passages with the most, and rarest, terms; of equals the newest.
fn candidates(collection: Collection, found: &[(SearchTerm, Vec<i64>)]) -> Vec<i64> {
    let mut weights: BTreeMap<i64, f64> = BTreeMap::new();
    for (term, ids) in found {
        let weight = term.weight * term.confidence * rarity(collection, term.found_in);
        for id in ids {
            *weights.entry(*id).or_default() += weight;
        }
    }
    let mut ranked: Vec<(i64, f64)> = weights.into_iter().collect();
    ranked
        .sort_by(|(id, weight), (other_id, other)| other.total_cmp(weight).then(other_id.cmp(id)));
    ranked
        .into_iter()
        .take(CANDIDATES)
        .map(|(id, _)| id)
        .collect()
}

async fn read(c: &Conn, project: ProjectId, ids: &[i64]) -> Result<Vec<Stored>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = match c.engine() {
        Engine::Sqlite => READ_SQLITE,
        Engine::Postgres => READ_POSTGRES,
    };
    let list: Vec<String> = ids.iter().map(i64::to_string).collect();
    let list = format!("[{}]", list.join(","));
    c.all(sql, params![project, &list]).await
}

/// A passage with what is needed to rank it.
struct Stored {
    id: i64,
    article_id: ArticleId,
    title: String,
    url: Option<String>,
    heading: String,
    text: String,
    title_terms: String,
    heading_terms: String,
    terms: String,
}

impl FromRow for Stored {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            article_id: row.get()?,
            title: row.get()?,
            url: row.get()?,
            heading: row.get()?,
            text: row.get()?,
            title_terms: row.get()?,
            heading_terms: row.get()?,
            terms: row.get()?,
        })
    }
}

impl Stored {
    fn into_hit(self, collection: Collection, terms: &[SearchTerm]) -> (i64, PassageHit) {
        let document = Document {
            title: &self.title_terms,
            heading: &self.heading_terms,
            text: &self.terms,
        };
        let score = relevance(collection, terms, document);
        let hit = PassageHit {
            article_id: self.article_id,
            heading: below_title(&self.title, &self.heading).to_owned(),
            title: self.title,
            url: self.url,
            text: self.text,
            score,
        };
        (self.id, hit)
    }
}
