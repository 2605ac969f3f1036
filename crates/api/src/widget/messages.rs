//! `POST /message`, `GET /messages/:ticket`, `POST /messages/:ticket/read` (tickets.md 14.2 to 14.4).

use super::access::VisitorCall;
use super::{forbidden, read};
use crate::ApiError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::UuidKind;
use model::tickets::{Message, Side, Status, Ticket};
use model::widget::{Claim, Intake, MessagesQuery};
use model::{MessageId, TicketId};
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use store::tickets::{self, Reception, VisitError};
use store::users::User;

/// What the browser is told of its message.
#[derive(Serialize)]
struct Sent {
    /// The ticket that the visitor has: with a merged one, not the one that it was merged into.
    ticket_id: TicketId,
    message_id: MessageId,
    ticket_status: Status,
    unread_count: i64,
    /// In full precision: it comes back as `after`.
    created_at: String,
}

/// A page of messages.
#[derive(Serialize)]
struct Page {
    ticket_id: TicketId,
    ticket_status: Status,
    unread_count: i64,
    messages: Vec<MessageView>,
    has_more: bool,
}

/// A public message, as the visitor sees it.
#[derive(Serialize)]
struct MessageView {
    id: MessageId,
    content: String,
    rich_content: Option<Box<RawValue>>,
    /// `customer`, `human` or `AI`.
    author_type: &'static str,
    author_name: String,
    created_at: String,
}

pub(super) async fn create(visit: VisitorCall) -> Result<Response, ApiError> {
    let (claim, intake) = read(&visit, |fields, problems| {
        // The claim comes last: rules about the whole are told when every field is right.
        let intake = Intake::read(fields, problems);
        Some((Claim::read(fields, true, problems), intake?))
    })?;
    let visitor = visit.visitor(claim)?;
    let ticket = match &visit.input["ticket_id"] {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(UuidKind::parse(text).ok_or_else(bad_ticket_id)?),
        _ => return Err(bad_ticket_id()),
    };
    let scene = visit.scene();
    let settings = &visit.project().settings;
    let reception = Reception {
        is_embedded: settings.widget_enabled,
        reopens: settings.reopen_on_customer_message,
    };
    let received = visit
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let ticket = ticket.map(TicketId);
                tickets::receive(c, &scene, &visitor, ticket, &intake, reception).await
            })
        })
        .await;
    let (visited, message) = received?;
    visit.app.customer_wrote(visit.project().id);
    visit.app.unread_changed(visit.project().id).await;
    let current = visited.current();
    Ok(Json(Sent {
        ticket_id: visited.ticket.id,
        message_id: message.id,
        ticket_status: current.status,
        unread_count: current.unread_customer_count,
        created_at: message.created_at.with_offset(),
    })
    .into_response())
}

fn bad_ticket_id() -> ApiError {
    ApiError::hand_made(StatusCode::BAD_REQUEST, "Invalid ticket_id format")
}

pub(super) async fn list(visit: VisitorCall, ticket: TicketId) -> Result<Response, ApiError> {
    let (claim, query) = read(&visit, |fields, problems| {
        let query = MessagesQuery::read(fields, problems);
        Some((Claim::read(fields, false, problems), query))
    })?;
    let visitor = visit.visitor(claim)?;
    let project = visit.project().id;
    let page = visit
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let visited = tickets::visit(c, project, &visitor, ticket).await?;
                let found = tickets::messages_of_visited(c, &visited, query).await?;
                let authors: Vec<_> = found.iter().filter_map(|it| it.created_by).collect();
                let people = store::users::find_many(c, &authors).await?;
                let has_more = i64::try_from(found.len()).unwrap_or(i64::MAX) >= query.limit;
                let view = |message: Message| {
                    let author = message.created_by.and_then(|id| people.get(&id));
                    view(&visited.ticket, message, author)
                };
                let messages: store::Result<Vec<_>> = found.into_iter().map(view).collect();
                let current = visited.current();
                Ok::<_, VisitError>(Page {
                    ticket_id: visited.ticket.id,
                    ticket_status: current.status,
                    unread_count: current.unread_customer_count,
                    messages: messages?,
                    has_more,
                })
            })
        })
        .await?;
    Ok(Json(page).into_response())
}

fn view(ticket: &Ticket, message: Message, author: Option<&User>) -> store::Result<MessageView> {
    let author_name = match message.side {
        Side::Customer => customer_name(ticket),
        Side::Ai => "Thicket AI".to_owned(),
        // Addresses of the team are nobody's business.
        Side::Team => {
            let name = author.map(|user| user.first_name.as_str());
            let name = name.filter(|name| !name.is_empty() && !name.contains('@'));
            name.unwrap_or("Support").to_owned()
        }
    };
    Ok(MessageView {
        id: message.id,
        content: message.content,
        rich_content: match message.rich_content {
            Some(json) => Some(RawValue::from_string(json).map_err(|_| {
                store::Error::Corrupt("ticket_message.rich_content holds no JSON".to_owned())
            })?),
            None => None,
        },
        author_type: match message.side {
            Side::Customer => "customer",
            Side::Team => "human",
            Side::Ai => "AI",
        },
        author_name,
        created_at: message.created_at.with_offset(),
    })
}

fn customer_name(ticket: &Ticket) -> String {
    let name = ticket
        .trait_text("name")
        .or_else(|| ticket.trait_text("email"));
    name.unwrap_or_else(|| "You".to_owned())
}

pub(super) async fn mark_read(visit: VisitorCall, ticket: TicketId) -> Result<Response, ApiError> {
    let claim = read(&visit, |fields, problems| {
        Some(Claim::read(fields, false, problems))
    })?;
    let visitor = visit.visitor(claim)?;
    let (scene, project) = (visit.scene(), visit.project().id);
    let asking = visitor.clone();
    // Most have read everything already: that costs no write.
    let is_unread = visit
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let visited = tickets::visit(c, project, &asking, ticket).await?;
                Ok::<_, VisitError>(visited.has_unread())
            })
        })
        .await?;
    if is_unread {
        let is_news = visit
            .app
            .store
            .write(move |c| {
                Box::pin(async move { tickets::mark_seen(c, &scene, &visitor, ticket).await })
            })
            .await?;
        if is_news {
            visit.app.tickets_changed(project);
        }
    }
    Ok(Json(json!({"success": true, "unread_count": 0})).into_response())
}

impl From<VisitError> for ApiError {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::Store(error) => error.into(),
            VisitError::NoTicket => Self::hand_made(StatusCode::NOT_FOUND, "Ticket not found"),
            VisitError::NotTheirs => forbidden("Forbidden"),
        }
    }
}
