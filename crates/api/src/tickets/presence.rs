//! `POST …/tickets/:id/presence/` and `GET …/tickets/presence/`: who looks at which ticket (tickets.md 10.9).

use super::items::find;
use super::schema;
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use bus::{Place, Signal};
use model::TicketId;
use model::error::{Code, FieldError};
use model::fields::{Fields, UuidKind};
use model::rates::{Per, Rate};
use model::tickets::Ticket;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::tickets;

/// Tickets that can be asked about at once.
const TICKETS_MAX: usize = 100;
/// Longest name of a tab, in characters.
const TAB_MAX: usize = 64;
/// What the event stream calls it.
const EVENT: &str = "ticket_presence";

/// How often the others are told what one person does at one ticket. More is heard, and not passed on: whoever sends
/// more does not type faster.
const TOLD: Rate = Rate {
    count: 60,
    per: Per::Minute,
};

/// What somebody does at a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Viewing,
    Typing,
    Left,
}

impl State {
    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let is_typing = fields.boolean("is_typing").or(false)?;
        let is_leaving = fields.boolean("is_leaving").or(false)?;
        Ok(match (is_leaving, is_typing) {
            (true, _) => Self::Left,
            (false, true) => Self::Typing,
            (false, false) => Self::Viewing,
        })
    }
}

/// Say that one looks at a ticket
///
/// To be repeated at least every 30 seconds; afterwards one has gone. Answers who else looks at it. The others learn of
/// it from the event stream: at once, by an event `ticket_presence` without a cursor.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/presence/",
    operation_id = "conversations_tickets_presence_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    request_body = schema::PresenceFields,
    responses((status = 200, description = "Who else looks at it.", body = schema::Viewers), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn create(mut call: Call) -> Result<Response, ApiError> {
    let ticket = find(&call).await?;
    let fields = Fields::of(call.json().await?)?;
    let tab = fields.text("tab").max(TAB_MAX).allow_blank();
    let tab = tab.or(String::new())?;
    let mut state = State::read(&fields)?;
    let (project, user) = (ticket.project_id, call.user_id());
    let shown = json!(crate::people::basic(&call.caller.user));
    let presence = &call.app.presence;
    let place = Place { user, tab };
    if state != State::Left {
        let beat = presence.beat(project, ticket.id, place, shown.clone());
        beat.await;
    } else if presence
        .leave(project, ticket.id, place, shown.clone())
        .await
    {
        // One tab is closed, and another still shows the ticket.
        state = State::Viewing;
    }
    tell(&call, &ticket, state, shown).await;
    let viewers = presence.viewers(project, ticket.id, user).await;
    Ok(Json(json!({ "viewers": viewers })).into_response())
}

/// Tells everybody else who follows the project (spec "Events and live inbox").
async fn tell(call: &Call, ticket: &Ticket, state: State, viewer: Value) {
    let (app, user) = (&call.app, call.user_id());
    let subject = format!("{user}:{}", ticket.id);
    let is_limited = app.config.rate_limits;
    if is_limited && app.limits.check("presence", TOLD, &subject).await.is_err() {
        return;
    }
    let properties = json!({
        "ticket_id": ticket.id,
        "ticket_number": ticket.number,
        "viewer": viewer,
        "state": state,
    });
    let data = json!({"event": EVENT, "properties": properties, "timestamp": app.env.now()});
    let signal = Signal {
        from: user,
        event: EVENT.to_owned(),
        data: data.to_string(),
    };
    app.signals.send(ticket.project_id, signal);
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
