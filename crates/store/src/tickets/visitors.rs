//! A ticket as its customer has it: found by who they are, written to, and read (tickets.md 14).
//!
//! What was merged goes on in the ticket it was merged into: a visitor who has the one writes to the other, and sees
//! what is said there from the merge on.

use super::rows::ticket_columns;
use super::{Scene, WriteError, create, find, find_for_update, log::Log, messages, rows};
use crate::statements::statements;
use crate::{Conn, Error, Result, params, persons};
use model::tickets::{Message, NewMessage, NewTicket, Ticket, TicketChange, TicketKey, WIDGET};
use model::widget::{Intake, MessagesQuery, TicketsQuery, Visitor};
use model::{MessageId, ProjectId, TicketId, Timestamp};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

macro_rules! of_session {
    () => {
        " FROM ticket t WHERE t.project_id = ?1 AND t.deleted_at IS NULL AND t.widget_session_id = ?2 \
            AND (CAST(?3 AS TEXT) IS NULL OR t.status = ?3)"
    };
}

/// A ticket of somebody whom the project vouched for is another id's only on the project's word, too ([`persons`]).
/// Joined from the visitor's side: else SQLite would walk over the project.
macro_rules! of_person {
    () => {
        " FROM ticket t WHERE t.project_id = ?1 AND t.deleted_at IS NULL AND t.id IN \
            (SELECT s.id FROM ticket s WHERE s.project_id = ?1 AND s.deleted_at IS NULL AND s.widget_session_id = ?2 \
             UNION ALL SELECT i.id FROM ticket i WHERE i.project_id = ?1 AND i.deleted_at IS NULL AND i.distinct_id = ?4 \
             UNION ALL SELECT p.id FROM person_distinct_id mine CROSS JOIN person_distinct_id same CROSS JOIN ticket p \
               WHERE mine.project_id = ?1 AND mine.distinct_id = ?4 \
                 AND same.project_id = mine.project_id AND same.person_id = mine.person_id \
                 AND p.project_id = same.project_id AND p.distinct_id = same.distinct_id AND p.deleted_at IS NULL \
                 AND (p.identity_verified IS NULL OR NOT p.identity_verified \
                      OR (mine.is_vouched AND same.is_vouched))) \
            AND (CAST(?3 AS TEXT) IS NULL OR t.status = ?3)"
    };
}

/// A visitor has few tickets. The plus keeps SQLite from walking over the project in this order to find them.
macro_rules! newest_first {
    ($limit:literal) => {
        concat!(" ORDER BY +t.created_at DESC, t.number DESC", $limit)
    };
}

statements! {
    COUNT_OF_SESSION = concat!("SELECT count(*)", of_session!());
    LIST_OF_SESSION = concat!(
        "SELECT ", ticket_columns!("t."), of_session!(), newest_first!(" LIMIT ?4 OFFSET ?5")
    );
    COUNT_OF_PERSON = concat!("SELECT count(*)", of_person!());
    LIST_OF_PERSON = concat!(
        "SELECT ", ticket_columns!("t."), of_person!(), newest_first!(" LIMIT ?5 OFFSET ?6")
    );
}

/// Why a visitor does not get at a ticket, or the store's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
    /// There is no such ticket.
    #[error("there is no such ticket")]
    NoTicket,
    /// It is somebody else's.
    #[error("the ticket is somebody else's")]
    NotTheirs,
}

/// A visitor's ticket, and where its conversation goes on.
#[derive(Clone, Debug)]
pub struct Visited {
    /// The one they have.
    pub ticket: Ticket,
    /// The one it was merged into.
    pub target: Option<Ticket>,
}

impl Visited {
    /// Whether there is anything that the customer has not seen.
    pub fn has_unread(&self) -> bool {
        self.ticket.unread_customer_count > 0 || self.current().unread_customer_count > 0
    }

    /// Where the conversation goes on.
    pub fn current(&self) -> &Ticket {
        self.target.as_ref().unwrap_or(&self.ticket)
    }
}

/// A visitor's ticket.
///
/// # Errors
/// That there is none, or that it is not theirs; otherwise when the store fails.
pub async fn visit(
    c: &Conn,
    project: ProjectId,
    visitor: &Visitor,
    id: TicketId,
) -> Result<Visited, VisitError> {
    let found = find(c, project, TicketKey::Id(id)).await?;
    let ticket = found.ok_or(VisitError::NoTicket)?;
    if !is_theirs(c, visitor, &ticket).await? {
        return Err(VisitError::NotTheirs);
    }
    let target = match ticket.merged_into_id {
        Some(target) => find(c, project, TicketKey::Id(target)).await?,
        None => None,
    };
    Ok(Visited { ticket, target })
}

async fn is_theirs(c: &Conn, visitor: &Visitor, ticket: &Ticket) -> Result<bool> {
    let session = visitor.session().to_string();
    let known = ticket.widget_session_id.as_deref().unwrap_or_default();
    if bool::from(known.as_bytes().ct_eq(session.as_bytes())) {
        return Ok(true);
    }
    if !visitor.is_verified() {
        return Ok(false);
    }
    let (project, mine) = (ticket.project_id, visitor.distinct_id());
    // Whom the project vouched for is nobody else because a browser says so.
    match ticket.identity_verified {
        Some(true) => persons::is_vouched_same(c, project, mine, &ticket.distinct_id).await,
        _ => persons::is_same(c, project, mine, &ticket.distinct_id).await,
    }
}

/// One page of a visitor's tickets, the newest first, and how many they have on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list_of_visitor(
    c: &Conn,
    project: ProjectId,
    visitor: &Visitor,
    query: TicketsQuery,
) -> Result<(Vec<Visited>, i64)> {
    let session = visitor.session().to_string();
    let status = query.status.map(|status| status.as_str());
    let (limit, offset) = (query.limit, query.offset);
    let (tickets, count): (Vec<Ticket>, i64) = match visitor {
        Visitor::Session { .. } => {
            let values = params![project, &session, status, limit, offset];
            let tickets = c.all(LIST_OF_SESSION, values).await?;
            (tickets, c.one(COUNT_OF_SESSION, &values[..3]).await?)
        }
        Visitor::Person { distinct_id, .. } => {
            let values = params![project, &session, status, distinct_id, limit, offset];
            let tickets = c.all(LIST_OF_PERSON, values).await?;
            (tickets, c.one(COUNT_OF_PERSON, &values[..4]).await?)
        }
    };
    let mut visited = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let target = match ticket.merged_into_id {
            Some(target) => find(c, project, TicketKey::Id(target)).await?,
            None => None,
        };
        visited.push(Visited { ticket, target });
    }
    Ok((visited, count))
}

/// The public messages of a visitor's ticket, oldest first; of the ticket it was merged into those since the merge.
///
/// # Errors
/// When the store fails.
pub async fn messages_of_visited(
    c: &Conn,
    visited: &Visited,
    query: MessagesQuery,
) -> Result<Vec<Message>> {
    let project = visited.ticket.project_id;
    let after = query.after.unwrap_or(Timestamp::from_micros(i64::MIN));
    let list = async |id, after| messages::list_public(c, project, id, after, query.limit).await;
    let mut found = list(visited.ticket.id, after).await?;
    if let (Some(target), Some(merged_at)) = (&visited.target, visited.ticket.merged_at) {
        let merged_at = Timestamp::from_micros(merged_at.as_micros().saturating_sub(1));
        found.extend(list(target.id, after.max(merged_at)).await?);
        found.sort_by_key(|message| (message.created_at, message.id));
        found.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// What a project sets for messages of its visitors.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    /// Tickets come from the embedded widget, and not from a page's own program.
    pub is_embedded: bool,
    /// A message opens a resolved ticket.
    pub reopens: bool,
}

/// Takes a visitor's message: into their ticket, or into a new one.
///
/// # Errors
/// That there is no such ticket, or that it is not theirs; otherwise when the store fails.
pub async fn receive(
    c: &Conn,
    scene: &Scene,
    visitor: &Visitor,
    ticket: Option<TicketId>,
    intake: &Intake,
    reception: Reception,
) -> Result<(Visited, Message), VisitError> {
    let id = MessageId(scene.env.uuid());
    let mut new = NewMessage::by_customer(id, intake.message.clone());
    let context = &mut new.item_context;
    context.insert("distinct_id".to_owned(), visitor.distinct_id().into());
    let Some(ticket) = ticket else {
        let ticket = begin(c, scene, visitor, intake, reception).await?;
        let (ticket, message) = messages::add_to(c, scene, ticket, &new, false, |_| ()).await?;
        let visited = Visited {
            ticket,
            target: None,
        };
        return Ok((visited, message));
    };
    let visited = visit(c, scene.project, visitor, ticket).await?;
    let key = TicketKey::Id(visited.current().id);
    let locked = find_for_update(c, scene.project, key).await?;
    let locked = locked.ok_or(VisitError::NoTicket)?;
    if visited.target.is_some() {
        // Whose ticket the target is does not change by what is written to another one.
        let added = messages::add_to(c, scene, locked, &new, reception.reopens, |_| ()).await?;
        let (target, message) = added;
        let visited = Visited {
            target: Some(target),
            ..visited
        };
        return Ok((visited, message));
    }
    // Between the look and the lock it may have become somebody else's.
    if !is_theirs(c, visitor, &locked).await? {
        return Err(VisitError::NotTheirs);
    }
    let may_rename = may_rename(c, visitor, &locked).await?;
    let take_over = |ticket: &mut Ticket| ticket.take_over(visitor, intake, may_rename);
    let added = messages::add_to(c, scene, locked, &new, reception.reopens, take_over).await?;
    let (ticket, message) = added;
    Ok((
        Visited {
            ticket,
            target: None,
        },
        message,
    ))
}

/// Makes the ticket of a first message.
async fn begin(
    c: &Conn,
    scene: &Scene,
    visitor: &Visitor,
    intake: &Intake,
    reception: Reception,
) -> Result<Ticket> {
    let mut traits = intake.traits.clone();
    if let Visitor::Person {
        email: Some(email), ..
    } = visitor
    {
        traits.insert("email".to_owned(), email.as_str().into());
    }
    let detail = if reception.is_embedded {
        "widget_embedded"
    } else {
        "widget_api"
    };
    let fields = TicketChange {
        anonymous_traits: Some(Value::Object(traits)),
        ..TicketChange::default()
    };
    let new = NewTicket {
        channel_source: WIDGET.to_owned(),
        channel_detail: Some(detail.to_owned()),
        distinct_id: visitor.distinct_id().to_owned(),
        widget_session_id: Some(visitor.session().to_string()),
        session_id: intake.session_id.clone(),
        session_context: Value::Object(intake.session_context.clone()),
        identity_verified: Some(visitor.is_verified()),
        ..NewTicket::new(TicketId(scene.env.uuid()), fields)
    };
    match create(c, scene, new).await {
        Ok(ticket) => Ok(ticket),
        Err(WriteError::Store(error)) => Err(error),
        // The ticket has no assignee.
        Err(WriteError::Assignee(error)) => Err(Error::internal(error)),
    }
}

/// Whether the visitor's id may take the place of the ticket's: an unknown customer becomes a known one, but a mere
/// session does not take a ticket away from a person who has been identified.
async fn may_rename(c: &Conn, visitor: &Visitor, ticket: &Ticket) -> Result<bool> {
    let (old, new) = (ticket.distinct_id.as_str(), visitor.distinct_id());
    if visitor.is_verified() || old.is_empty() || old == new {
        return Ok(true);
    }
    if ticket.identity_verified == Some(true) {
        return Ok(false);
    }
    let is_identified = persons::is_identified(c, ticket.project_id, old).await?;
    Ok(!is_identified || persons::is_same(c, ticket.project_id, old, new).await?)
}

/// The customer has seen what the team wrote. `false`: there was nothing new. `updated_at` stays (tickets.md 14.4).
///
/// # Errors
/// That there is no such ticket, or that it is not theirs; otherwise when the store fails.
pub async fn mark_seen(
    c: &Conn,
    scene: &Scene,
    visitor: &Visitor,
    id: TicketId,
) -> Result<bool, VisitError> {
    let visited = visit(c, scene.project, visitor, id).await?;
    let mut unread: Vec<TicketId> = [Some(&visited.ticket), visited.target.as_ref()]
        .into_iter()
        .flatten()
        .filter(|ticket| ticket.unread_customer_count > 0)
        .map(|ticket| ticket.id)
        .collect();
    unread.sort_unstable();
    let mut log = Log::new(scene);
    let mut is_news = false;
    for id in unread {
        let found = find_for_update(c, scene.project, TicketKey::Id(id)).await?;
        let Some(mut ticket) = found.filter(|ticket| ticket.unread_customer_count > 0) else {
            continue;
        };
        let before = ticket.clone();
        ticket.unread_customer_count = 0;
        rows::save(c, &before, &ticket).await?;
        log.hidden("seen", &ticket);
        is_news = true;
    }
    log.write(c).await?;
    Ok(is_news)
}
