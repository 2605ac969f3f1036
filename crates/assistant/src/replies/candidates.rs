//! What the project knows and might answer with: passages of articles, macros, and what the team has answered before.
//! All are ranked by the same measure, so that they can be compared.

use super::ReplySource;
use crate::knowledge::{Origin, Passage};
use model::ProjectId;
use model::macros::Macro;
use model::text::rank::{Collection, Document, Form, SearchTerm, relevance};
use model::text::{Query, synonyms, terms};
use serde::Serialize;
use store::articles::PassageHit;
use store::{Conn, macros};

/// Macros that are looked through: the newest of the team's.
pub(super) const MACROS: i64 = 500;

/// A macro was written to be sent, so of two that fit equally well it is the better reply.
const MACRO: f64 = 1.15;
/// An answer to somebody else may not fit this customer.
const TICKET: f64 = 0.9;

/// What kind of knowledge it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateKind {
    /// A passage of an article.
    Article,
    /// A macro of the team's.
    Macro,
    /// The team's answer in a solved ticket.
    Ticket,
}

/// A piece of knowledge that was found for a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub kind: CandidateKind,
    /// Its id in the API.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// The headings above it.
    pub heading: Option<String>,
    /// What it says.
    pub text: String,
    /// What it is found by besides its text; not shown.
    pub found_by: String,
    /// How well it fits, from 0 to about 1.
    pub score: f64,
}

impl Candidate {
    /// A passage that the search of articles has found, and ranked.
    pub(crate) fn of_passage(hit: PassageHit) -> Self {
        let passage = Passage::from(hit);
        Self {
            kind: CandidateKind::Article,
            id: match passage.origin {
                Origin::Article(id) => id.to_string(),
                Origin::Macro(id) => id,
            },
            title: passage.title,
            url: passage.url,
            heading: passage.heading,
            text: passage.text,
            found_by: String::new(),
            score: passage.score,
        }
    }

    /// A macro of the team's, before it is ranked.
    pub(crate) fn of_macro(prepared: Macro) -> Self {
        Self {
            kind: CandidateKind::Macro,
            id: prepared.short_id,
            title: prepared.name,
            url: None,
            heading: None,
            text: prepared.content,
            found_by: prepared.description,
            score: 0.0,
        }
    }

    /// The passage that it was.
    pub(crate) fn to_passage(&self) -> Passage {
        Passage {
            origin: match self.kind {
                CandidateKind::Macro => Origin::Macro(self.id.clone()),
                CandidateKind::Article | CandidateKind::Ticket => {
                    Origin::Article(self.id.parse().unwrap_or_default())
                }
            },
            title: self.title.clone(),
            url: self.url.clone(),
            heading: self.heading.clone(),
            text: self.text.clone(),
            score: self.score,
        }
    }

    /// What a reply that rests on it names.
    pub(crate) fn to_source(&self) -> ReplySource {
        ReplySource {
            kind: self.kind,
            id: self.id.clone(),
            title: self.title.clone(),
            url: self.url.clone(),
        }
    }
}

/// The team's macros that touch a question, as somebody reads them who has no ticket: without variables.
pub(crate) async fn find_macros(
    c: &Conn,
    project: ProjectId,
    query: &Query,
) -> Result<Vec<Candidate>, store::Error> {
    let prepared = macros::list_team_replies(c, project, MACROS).await?;
    let of_macro = |mut prepared: Macro| {
        prepared.content = without_variables(&prepared.content);
        Candidate::of_macro(prepared)
    };
    let pieces = prepared.into_iter().map(of_macro);
    Ok(rank(
        query,
        pieces.filter(|it| !it.text.is_empty()).collect(),
    ))
}

/// A macro that goes to nobody in particular: greetings are without the name, other lines with variables are left out.
fn without_variables(content: &str) -> String {
    let text = content
        .replace(" {{customer.name}}", "")
        .replace("{{customer.name}}", "");
    let lines = text.lines().filter(|line| !line.contains("{{"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Gives macros and answered tickets their scores; what does not touch the question is left out. They are few enough to
/// be looked through.
pub(crate) fn rank(query: &Query, mut pieces: Vec<Candidate>) -> Vec<Candidate> {
    let texts: Vec<[String; 3]> = pieces
        .iter()
        .map(|piece| {
            let title = match piece.kind {
                // The number of a ticket is no subject.
                CandidateKind::Ticket => String::new(),
                CandidateKind::Article | CandidateKind::Macro => piece.title.clone(),
            };
            [title.as_str(), &piece.found_by, &piece.text].map(|text| terms(text).join(" "))
        })
        .collect();
    let documents: Vec<(usize, Document<'_>)> = texts
        .iter()
        .enumerate()
        .map(|(number, [title, heading, text])| {
            let document = Document {
                title,
                heading,
                text,
                opens: false,
            };
            (number, document)
        })
        .collect();
    let words: usize = texts.iter().map(|[.., text]| text.split(' ').count()).sum();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let collection = Collection {
        articles: count(pieces.len()),
        passages: count(pieces.len()),
        words: count(words),
    };
    let wanted: Vec<SearchTerm> = query
        .terms
        .iter()
        .map(|asked| {
            let mut forms = vec![Form {
                term: asked.term.clone(),
                confidence: 1.0,
            }];
            forms.extend_from_slice(synonyms(&asked.term));
            let has = |text: &String| {
                let mut words = text.split(' ');
                words.any(|word| forms.iter().any(|form| form.term == word))
            };
            let found_in = texts.iter().filter(|texts| texts.iter().any(has)).count();
            SearchTerm {
                weight: asked.weight,
                found_in: count(found_in),
                forms,
            }
        })
        .collect();
    let scores = relevance(collection, &wanted, &documents);
    for (piece, score) in pieces.iter_mut().zip(scores) {
        piece.score = score
            * match piece.kind {
                CandidateKind::Article => 1.0,
                CandidateKind::Macro => MACRO,
                CandidateKind::Ticket => TICKET,
            };
    }
    pieces.retain(|piece| piece.score > 0.0);
    pieces
}

/// Puts candidates in order, each article and macro and ticket once for its best piece.
pub(crate) fn best_first(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut seen = std::collections::HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.id.clone()));
    candidates
}
