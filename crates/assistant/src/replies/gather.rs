//! Everything one reply needs to know, read in one look.

use super::candidates::{self, Candidate, MACROS};
use super::{redact, transcript};
use crate::extractive;
use model::ProjectId;
use model::guidance::GuidanceRule;
use model::pagination::Page;
use model::persons::{Person, folded_email};
use model::text::Query;
use model::tickets::{Message, Side, Ticket};
use store::projects::Project;
use store::{Conn, articles, guidance, macros, persons, tickets};

/// Messages of the ticket that are looked at, the newest (tickets.md 8.3).
const MESSAGES: i64 = 50;
/// Solved tickets that are looked through: the newest. What was answered long ago is often no longer true.
const SOLVED: i64 = 500;
/// Passages of articles that take part in the ranking.
const PASSAGES: usize = 12;
/// Rules of the team that a model is given, the newest.
const RULES: i64 = 50;
/// Characters of the customer's text that make up the question.
const QUESTION_MAX: usize = 4_000;

/// Whose eyes a reply is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The team's: solved tickets and macros may be drawn on.
    Team,
    /// The customer's: articles, and macros if the project says so.
    Customer,
}

/// A ticket as it is to be answered.
pub(crate) struct Material {
    pub ticket: Ticket,
    /// Its newest public messages, oldest first; at least one.
    pub messages: Vec<Message>,
    /// The ticket as data for a model.
    pub transcript: String,
    /// What the customer wants to know: their text since somebody last answered.
    pub question: String,
    /// What they had written before.
    pub previous: Option<String>,
    /// What they are called, for greeting them.
    pub customer_name: Option<String>,
}

impl Material {
    /// What is looked up.
    pub(crate) fn query(&self) -> Query {
        extractive::query(&self.question, self.previous.as_deref())
    }
}

/// Reads a ticket; `None`: it has no public message.
pub(crate) async fn read(c: &Conn, ticket: Ticket) -> Result<Option<Material>, store::Error> {
    let messages = tickets::list_recent_public(c, ticket.project_id, ticket.id, MESSAGES).await?;
    if messages.is_empty() {
        return Ok(None);
    }
    let person = find_person(c, &ticket).await?;
    let (question, previous) = questions(&messages);
    let transcript = transcript::render(&ticket, &messages, person.as_ref());
    let customer_name = customer_name(&ticket, person.as_ref());
    Ok(Some(Material {
        ticket,
        messages,
        transcript,
        question,
        previous,
        customer_name,
    }))
}

/// What the project knows about a question, best first.
pub(crate) async fn look_up(
    c: &Conn,
    project: &Project,
    ticket: &Ticket,
    query: &Query,
    audience: Audience,
) -> Result<Vec<Candidate>, store::Error> {
    let id = project.id;
    let solved = match audience {
        Audience::Team => tickets::list_solved(c, id, ticket.id, SOLVED).await?,
        Audience::Customer => Vec::new(),
    };
    let uses_macros = audience == Audience::Team || project.settings.macros_in_chat;
    let prepared = if uses_macros {
        macros::list_team_replies(c, id, MACROS).await?
    } else {
        Vec::new()
    };
    let solved = solved.into_iter().map(redact::piece_of_solved);
    let prepared = prepared.into_iter().map(Candidate::of_macro);
    let pieces = solved.chain(prepared).collect();
    find_candidates(c, id, query, pieces).await
}

/// Passages of the project's articles, and these further pieces, that fit a question; best first, each article once.
///
/// # Errors
/// When the store fails.
pub async fn find_candidates(
    c: &Conn,
    project: ProjectId,
    query: &Query,
    pieces: Vec<Candidate>,
) -> Result<Vec<Candidate>, store::Error> {
    if !query.asks {
        return Ok(Vec::new());
    }
    let passages = articles::search(c, project, &query.terms, PASSAGES).await?;
    let mut known: Vec<Candidate> = passages.into_iter().map(Candidate::of_passage).collect();
    known.extend(candidates::rank(query, pieces));
    Ok(candidates::best_first(known))
}

/// The team's active rules for a ticket's channel, as a model is given them.
pub(crate) async fn guidance(c: &Conn, ticket: &Ticket) -> Result<Vec<GuidanceRule>, store::Error> {
    let filters = guidance::RuleFilters {
        is_active: Some(true),
        ..guidance::RuleFilters::default()
    };
    let page = Page {
        limit: RULES,
        offset: 0,
    };
    let (mut rules, _) = guidance::list(c, ticket.project_id, &filters, page).await?;
    rules.retain(|rule| rule.channels.is_empty() || rule.channels.contains(&ticket.channel_source));
    Ok(rules)
}

async fn find_person(c: &Conn, ticket: &Ticket) -> Result<Option<Person>, store::Error> {
    let project: ProjectId = ticket.project_id;
    if !ticket.distinct_id.is_empty() {
        let ids = [ticket.distinct_id.as_str()];
        let mut found = persons::find_by_distinct_ids(c, project, &ids).await?;
        if let Some(person) = found.remove(&ticket.distinct_id) {
            return Ok(Some(person));
        }
    }
    let address = ticket.email_from.as_deref().map(folded_email);
    let Some(address) = address.filter(|_| ticket.channel_source == "email") else {
        return Ok(None);
    };
    let mut found = persons::find_by_emails(c, project, &[address.as_str()]).await?;
    Ok(found.remove(&address))
}

/// The customer's text since the last answer, and their text before that.
fn questions(messages: &[Message]) -> (String, Option<String>) {
    let is_customers = |message: &&Message| message.side == Side::Customer;
    let answered = messages
        .iter()
        .rposition(|message| message.side != Side::Customer);
    // When the team has spoken last, what was asked before is what there is.
    let open_from = match answered {
        Some(last) if last + 1 < messages.len() => last + 1,
        _ => messages
            .iter()
            .rposition(|message| message.side == Side::Customer)
            .unwrap_or(0),
    };
    let (before, open) = messages.split_at(open_from);
    let texts: Vec<&str> = open
        .iter()
        .filter(is_customers)
        .map(|message| message.content.as_str())
        .collect();
    let question = texts.join("\n\n").chars().take(QUESTION_MAX).collect();
    let previous = before.iter().rev().find(is_customers);
    (question, previous.map(|message| message.content.clone()))
}

/// The customer's first name: of the traits, else of the person.
fn customer_name(ticket: &Ticket, person: Option<&Person>) -> Option<String> {
    let of_person = || {
        let properties = &person?.properties;
        let names = ["first_name", "name"].iter();
        let mut names = names.filter_map(|name| properties.get(*name)?.as_str());
        names.next().map(str::to_owned)
    };
    let name = ticket.trait_text("name").or_else(of_person)?;
    let first = name.split_whitespace().next()?;
    let is_name = first
        .chars()
        .all(|c| c.is_alphabetic() || "-'’.".contains(c));
    (is_name && first.chars().count() <= 40).then(|| first.to_owned())
}
