//! Replies to tickets: what the assistant would answer a customer (tickets.md 8; spec "Knowledge").
//!
//! `gather.rs` reads everything one reply needs in one look, `transcript.rs` writes the ticket down as data,
//! `candidates.rs` ranks what the project knows, and the reply is written by a model (`pipeline.rs`) or, without one,
//! made of the best candidate (`extract.rs`). `suggest.rs` is the button in the inbox; `jobs.rs` answers by itself.

pub(crate) mod candidates;
mod extract;
mod gather;
pub(crate) mod jobs;
mod pipeline;
mod redact;
mod suggest;
mod transcript;

pub use candidates::{Candidate, CandidateKind};
pub use extract::{fits, is_sure};
pub use gather::find_candidates;
pub use pipeline::Refusal;
pub use suggest::{Suggestion, SuggestionError};

use model::MessageId;
use model::tickets::NewMessage;
use serde::Serialize;
use serde_json::{Map, json};

/// What a reply rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplySource {
    /// `article`, `macro` or `ticket`.
    #[serde(rename = "type")]
    pub kind: CandidateKind,
    /// Its id in the API.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Where it can be read, if there is a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What is thought of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can be sent.
    Good,
    /// Somebody should look at it first.
    Doubtful,
    /// There is none: nothing that is known fits.
    Nothing,
    /// There is none: the customer's text tries to steer the assistant.
    Unsafe,
    /// There is none: nothing was asked.
    Unactionable,
}

/// A reply that was thought of, and what is thought of it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Markdown for the customer. Never empty: without an answer it says so politely.
    pub text: String,
    /// What it rests on.
    pub sources: Vec<ReplySource>,
    /// What is thought of it.
    pub verdict: Verdict,
    /// `how_to` or `diagnostic`, as far as somebody has looked (tickets.md 2.1).
    pub ticket_type: Option<&'static str>,
    /// How sure the answer is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Drafts written.
    pub attempts: u32,
}

/// The message that a reply becomes.
pub(crate) fn message_of(id: MessageId, reply: &Reply, is_private: bool) -> NewMessage {
    let mut item_context = Map::new();
    item_context.insert("author_type".to_owned(), json!("AI"));
    item_context.insert("is_private".to_owned(), json!(is_private));
    if !reply.sources.is_empty() {
        item_context.insert("sources".to_owned(), json!(reply.sources));
    }
    NewMessage {
        id,
        content: reply.text.clone(),
        rich_content: None,
        item_context,
        created_by: None,
    }
}
