//! Support tickets: rows 11 to 15 and 17 of the published contract, and what the inbox needs besides (tickets.md 3 to 11).

mod bulk;
mod compose;
mod feedback;
mod items;
mod list;
mod merge;
mod messages;
mod notes;
mod presence;
mod schema;
mod suggest;
mod view;

pub(crate) use view::raw;

use crate::{Access, ApiError, Call, Routes};
use axum::http::StatusCode;
use model::tickets::TicketKey;
use serde_json::json;
use store::tickets::{Actor, ActorKind, Scene, WriteError};

/// What reading and writing tickets needs.
const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

/// Longest name that a client gives itself, in characters.
const CLIENT_MAX: usize = 100;

/// The routes of this family. Fixed words win over a ticket's id.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<list::__path_list, _, _>(READ, list::list)
        .add::<items::__path_create, _, _>(WRITE, items::create)
        .add::<list::__path_unread_count, _, _>(READ, list::unread_count)
        .add::<compose::__path_compose, _, _>(WRITE, compose::compose)
        .add::<bulk::__path_update_status, _, _>(WRITE, bulk::update_status)
        .add::<bulk::__path_update_tags, _, _>(WRITE, bulk::update_tags)
        .add::<presence::__path_list, _, _>(READ, presence::list)
        .add::<items::__path_retrieve, _, _>(READ, items::retrieve)
        .add::<items::__path_update, _, _>(WRITE, items::update)
        .add::<items::__path_partial_update, _, _>(WRITE, items::partial_update)
        .add::<items::__path_destroy, _, _>(WRITE, items::destroy)
        .add::<messages::__path_list, _, _>(READ, messages::list)
        .add::<messages::__path_reply, _, _>(WRITE, messages::reply)
        .add::<notes::__path_partial_update, _, _>(WRITE, notes::partial_update)
        .add::<notes::__path_destroy, _, _>(WRITE, notes::destroy)
        .add::<merge::__path_merge, _, _>(WRITE, merge::merge)
        .add::<feedback::__path_create, _, _>(WRITE, feedback::create)
        .add::<suggest::__path_create, _, _>(WRITE, suggest::create)
        .add::<presence::__path_create, _, _>(READ, presence::create)
}

/// The ticket that the path names; what is neither UUID nor number names none.
fn key(call: &Call) -> Result<TicketKey, ApiError> {
    TicketKey::parse(call.params.text("id")).ok_or_else(ApiError::not_found)
}

/// Where a change takes place, and that the caller makes it.
pub(crate) fn scene(call: &Call) -> Result<Scene, ApiError> {
    let project = call.project()?;
    let user = &call.caller.user;
    Ok(Scene {
        project: project.id,
        organization: project.organization_id,
        actor: Actor {
            kind: ActorKind::User,
            user: Some((user.id, user.email.clone(), user.distinct_id.clone())),
            client: client_name(call),
        },
        env: call.app.env.clone(),
        now: call.app.env.now(),
    })
}

/// What the client calls itself, for the log of changes.
pub(crate) fn client_name(call: &Call) -> Option<String> {
    let name = call.header("x-posthog-client")?;
    Some(name.chars().take(CLIENT_MAX).collect())
}

/// Refuses what needs the project's switch (tickets.md 1.2).
fn check_enabled(call: &Call) -> Result<(), ApiError> {
    if call.project()?.settings.conversations_enabled {
        return Ok(());
    }
    Err(refused("Conversations is not enabled."))
}

/// A 400 with nothing but a sentence, as these endpoints answer.
fn refused(detail: &str) -> ApiError {
    ApiError::json(StatusCode::BAD_REQUEST, json!({ "detail": detail }))
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => error.into(),
            WriteError::Assignee(error) => model::FieldError::from(error).into(),
        }
    }
}
