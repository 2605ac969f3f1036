//! `POST …/tickets/:id/presence/` and `GET …/tickets/presence/`: who looks at which ticket (tickets.md 10.9).

use super::items::find;
use super::schema;
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::TicketId;
use model::error::{Code, FieldError};
use model::fields::UuidKind;
use serde_json::{Map, Value, json};
use store::tickets;

/// Tickets that can be asked about at once.
const TICKETS_MAX: usize = 100;

/// Say that one looks at a ticket
///
/// To be repeated at least every 30 seconds; afterwards one has gone. Answers who else looks at it.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/presence/",
    operation_id = "conversations_tickets_presence_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    responses((status = 200, description = "Who else looks at it.", body = schema::Viewers), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let ticket = find(&call).await?;
    let user = &call.caller.user;
    let shown = json!(crate::people::basic(user));
    let presence = &call.app.presence;
    presence
        .beat(ticket.project_id, ticket.id, user.id, shown)
        .await;
    let viewers = presence
        .viewers(ticket.project_id, ticket.id, user.id)
        .await;
    Ok(Json(json!({ "viewers": viewers })).into_response())
}

/// Who looks at these tickets
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tickets/presence/",
    operation_id = "conversations_tickets_presence_retrieve",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("ticket_ids" = Option<String>, Query, description = "UUIDs of tickets, separated by commas; at most 100."),
    ),
    responses((status = 200, description = "Viewers by ticket.", body = schema::PresenceResult), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let ids = read_ids(&call.query.text("ticket_ids").unwrap_or_default())?;
    let presence = &call.app.presence;
    let mut viewers = Map::new();
    let user = call.user_id();
    // All at once, so that a hundred tickets take no longer than one.
    let looks = ids.into_iter().map(|id| async move {
        let here = presence.viewers(project, id, user).await;
        (id, here)
    });
    for (id, here) in futures::future::join_all(looks).await {
        if here.is_empty() {
            continue;
        }
        // Somebody may still look at a ticket that has been deleted.
        let key = model::tickets::TicketKey::Id(id);
        let found = call
            .app
            .store
            .read(move |c| Box::pin(tickets::find(c, project, key)))
            .await?;
        if found.is_some() {
            viewers.insert(id.to_string(), Value::Array(here));
        }
    }
    Ok(Json(json!({ "viewers": viewers })).into_response())
}

fn read_ids(text: &str) -> Result<Vec<TicketId>, FieldError> {
    let error = |detail: String| FieldError::at("ticket_ids", Code::InvalidInput, detail);
    let words: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() > TICKETS_MAX {
        return Err(error(format!("At most {TICKETS_MAX} tickets at once.")));
    }
    let read = |word: &str| UuidKind::parse(word).map(TicketId);
    let ids: Option<Vec<TicketId>> = words.into_iter().map(read).collect();
    ids.ok_or_else(|| error("Must be valid UUIDs.".to_owned()))
}
