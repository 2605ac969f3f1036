//! Full-text search over the passages of a project's enabled articles.
//!
//! The engine only says which passages contain a term. Everything that decides about the result (what a term
//! is, how rare it is, how passages are ordered) is computed here and in [`model::text`], so both engines give the
//! same answer. The work is bounded however large a project's knowledge is; the limits are below.

use crate::statements::statements;
use crate::{Conn, Engine, FromRow, Result, Row, params};
use model::text::rank::{Collection, Document, Form, SearchTerm, rarity, relevance};
use model::text::{QueryTerm, below_title, correction, synonyms};
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

macro_rules! columns {
    () => {
        "p.id, p.number, p.article_id, a.title, a.url, p.heading, p.text, p.title_terms, p.heading_terms, p.terms"
    };
}

macro_rules! joined {
    () => {
        "article_passage p JOIN article a ON a.project_id = p.project_id AND a.id = p.article_id"
    };
}

macro_rules! matching {
    (sqlite) => {
        " FROM article_search CROSS JOIN article_passage p \
          WHERE article_search MATCH ?2 AND p.search_id = article_search.rowid \
            AND p.project_id = ?1 AND p.is_enabled \
          ORDER BY article_search.rowid DESC LIMIT ?3"
    };
    (postgres) => {
        " FROM article_passage p \
          WHERE p.search @@ CAST(CAST(?2 AS TEXT) AS TSQUERY) AND p.project_id = ?1 AND p.is_enabled \
          ORDER BY p.id DESC LIMIT ?3"
    };
}

statements! {
    TOTALS = "SELECT enabled, passages, words FROM article_totals WHERE project_id = ?1";

    MATCHES_SQLITE [sqlite] = concat!("SELECT p.id, p.article_id", matching!(sqlite));
    MATCHES_POSTGRES [postgres] = concat!("SELECT p.id, p.article_id", matching!(postgres));

    /// The words near a misspelt one.
    WORDS_SQLITE [sqlite] =
        concat!("SELECT p.title_terms || ' ' || p.heading_terms || ' ' || p.terms", matching!(sqlite));
    WORDS_POSTGRES [postgres] =
        concat!("SELECT p.title_terms || ' ' || p.heading_terms || ' ' || p.terms", matching!(postgres));

    /// The candidates' ids come as a JSON array, because a statement has a fixed number of parameters.
    READ_SQLITE [sqlite] = concat!(
        "SELECT ", columns!(), " FROM ", joined!(),
        " WHERE p.project_id = ?1 AND p.id IN (SELECT value FROM json_each(?2))"
    );
    READ_POSTGRES [postgres] = concat!(
        "SELECT ", columns!(), " FROM ", joined!(),
        " WHERE p.project_id = ?1 AND p.id IN \
            (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(CAST(?2 AS TEXT) AS JSON)))"
    );

    FIRST = concat!(
        "SELECT ", columns!(), " FROM ", joined!(),
        " WHERE a.project_id = ?1 AND a.is_enabled AND p.number = 1 \
          ORDER BY a.created_at DESC, a.id DESC LIMIT ?2"
    );
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
/// A term is also looked up by its synonyms, and one that is found nowhere as the beginning or a misspelling of a
/// word.
///
/// # Errors
/// When the store fails.
pub async fn search(
    c: &Conn,
    project: ProjectId,
    terms: &[QueryTerm],
    limit: usize,
) -> Result<Vec<PassageHit>> {
    let Some(collection) = c.find::<Collection>(TOTALS, params![project]).await? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::with_capacity(terms.len());
    let mut corrections = CORRECTIONS;
    for term in terms {
        found.push(look_up(c, project, term, &mut corrections).await?);
    }
    let stored = read(c, project, &candidates(collection, &found)).await?;

    let terms: Vec<SearchTerm> = found.into_iter().map(|found| found.term).collect();
    let documents: Vec<_> = stored.iter().map(Stored::document).collect();
    let scores = relevance(collection, &terms, &documents);
    let mut hits: Vec<(i64, PassageHit)> = stored
        .into_iter()
        .zip(scores)
        .map(|(stored, score)| (stored.id, stored.into_hit(score)))
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
    Ok(stored
        .into_iter()
        .map(|stored| stored.into_hit(0.0))
        .collect())
}

/// A term of the question and where it is.
struct Found {
    term: SearchTerm,
    /// The passages that contain one of its forms, by id.
    places: BTreeMap<i64, Place>,
}

struct Place {
    article: ArticleId,
    /// Of the surest form in the passage.
    confidence: f64,
}

/// Finds a term or its synonyms; a word like it if there are none, as long as `corrections` are left.
async fn look_up(
    c: &Conn,
    project: ProjectId,
    asked: &QueryTerm,
    corrections: &mut usize,
) -> Result<Found> {
    let typed = Form {
        term: asked.term.clone(),
        confidence: 1.0,
    };
    let mut forms = vec![typed];
    forms.extend_from_slice(synonyms(&asked.term));
    let mut places = places(c, project, &forms).await?;
    if places.is_empty() && *corrections > 0 {
        *corrections -= 1;
        if let Some(form) = corrected(c, project, &asked.term).await? {
            forms = vec![form];
            places = self::places(c, project, &forms).await?;
        }
    }
    let articles: BTreeSet<ArticleId> = places.values().map(|place| place.article).collect();
    let term = SearchTerm {
        weight: asked.weight,
        found_in: articles.len() as u64,
        forms,
    };
    Ok(Found { term, places })
}

async fn places(c: &Conn, project: ProjectId, forms: &[Form]) -> Result<BTreeMap<i64, Place>> {
    let mut places = BTreeMap::new();
    for form in forms {
        for (id, article) in matches(c, project, &form.term).await? {
            let place = places.entry(id).or_insert(Place {
                article,
                confidence: 0.0,
            });
            place.confidence = place.confidence.max(form.confidence);
        }
    }
    Ok(places)
}

/// The newest passages that contain a term, and their articles.
async fn matches(c: &Conn, project: ProjectId, term: &str) -> Result<Vec<(i64, ArticleId)>> {
    let (sql, pattern) = match c.engine() {
        Engine::Sqlite => (MATCHES_SQLITE, format!("\"{project}§{term}\"")),
        Engine::Postgres => (MATCHES_POSTGRES, format!("'{project}§{term}'")),
    };
    c.all(sql, params![project, &pattern, PASSAGES_PER_TERM])
        .await
}

/// The word of the project's passages that a misspelt or unfinished term probably stands for.
async fn corrected(c: &Conn, project: ProjectId, term: &str) -> Result<Option<Form>> {
    // Most mistakes come after the third letter; of the others at least the first is usually right.
    for length in [3, 1] {
        let beginning: String = term.chars().take(length).collect();
        let (sql, pattern) = match c.engine() {
            Engine::Sqlite => (WORDS_SQLITE, format!("\"{project}§{beginning}\" *")),
            Engine::Postgres => (WORDS_POSTGRES, format!("'{project}§{beginning}':*")),
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
            return Ok(Some(Form {
                term: word.to_owned(),
                confidence,
            }));
        }
    }
    Ok(None)
}

/// The passages with the most, and rarest, terms; of equals the newest.
fn candidates(collection: Collection, found: &[Found]) -> Vec<i64> {
    let mut weights: BTreeMap<i64, f64> = BTreeMap::new();
    for Found { term, places } in found {
        let weight = term.weight * rarity(collection, term.found_in);
        for (id, place) in places {
            *weights.entry(*id).or_default() += weight * place.confidence;
        }
    }
    let mut ranked: Vec<(i64, f64)> = weights.into_iter().collect();
    ranked
        .sort_by(|(id, weight), (other_id, other)| other.total_cmp(weight).then(other_id.cmp(id)));
    ranked.truncate(CANDIDATES);
    ranked.into_iter().map(|(id, _)| id).collect()
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

impl FromRow for Collection {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let mut count = || row.get::<i64>().map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Self {
            articles: count()?,
            passages: count()?,
            words: count()?,
        })
    }
}

/// A passage with what is needed to rank it.
struct Stored {
    id: i64,
    number: i64,
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
            number: row.get()?,
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
    fn document(&self) -> (ArticleId, Document<'_>) {
        let document = Document {
            title: &self.title_terms,
            heading: &self.heading_terms,
            text: &self.terms,
            opens: self.number == 1,
        };
        (self.article_id, document)
    }

    fn into_hit(self, score: f64) -> PassageHit {
        PassageHit {
            article_id: self.article_id,
            heading: below_title(&self.title, &self.heading).to_owned(),
            title: self.title,
            url: self.url,
            text: self.text,
            score,
        }
    }
}
