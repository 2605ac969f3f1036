//! `POST …/tickets/bulk_update_status/` and `…/bulk_update_tags/` (tickets.md 10.4, 10.5).

use super::{scene, schema};
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::error::{Code, FieldError};
use model::fields::{Fields, Text, UuidKind};
use model::tickets::{Status, TAG_MAX, TAGS_MAX, TicketKey, normal_tags};
use model::{TicketId, tickets as rules};
use serde_json::json;
use store::tickets::{self, Skipped, TagAction};

/// Tickets that may be changed at once.
const IDS_MAX: usize = 500;
/// Tickets times tags that may be changed at once.
const PAIRS_MAX: usize = 10_000;

/// Move many tickets to a status
///
/// Those that are there already, or that there are not, are passed over.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/bulk_update_status/",
    operation_id = "conversations_tickets_bulk_update_status_create",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = schema::BulkStatusFields,
    responses((status = 200, description = "Those that were moved.", body = schema::BulkStatusResult), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn update_status(mut call: Call) -> Result<Response, ApiError> {
    let scene = scene(&call)?;
    let project = scene.project;
    let fields = Fields::of(call.json().await?)?;
    let ids = fields.list("ids", UuidKind).not_empty().max(IDS_MAX);
    let ids: Vec<TicketId> = ids.required()?.into_iter().map(TicketId).collect();
    let word = fields.choice("status", Status::WORDS).required()?;
    let status = Status::from_word(word).ok_or_else(|| ApiError::internal("an unknown status"))?;
    let moved = call
        .app
        .store
        .write(move |c| Box::pin(async move { tickets::set_status(c, &scene, &ids, status).await }))
        .await?;
    if !moved.is_empty() {
        call.app.tickets_changed(project);
        call.app.unread_changed(project).await;
    }
    let ids: Vec<TicketId> = moved.into_iter().map(|ticket| ticket.id).collect();
    Ok(Json(json!({"updated": ids.len(), "ids": ids})).into_response())
}

/// Change the tags of many tickets
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/bulk_update_tags/",
    operation_id = "conversations_tickets_bulk_update_tags_create",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = schema::BulkTagsFields,
    responses((status = 200, description = "The tags now.", body = schema::BulkTagsResult), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn update_tags(mut call: Call) -> Result<Response, ApiError> {
    let scene = scene(&call)?;
    let project = scene.project;
    let fields = Fields::of(call.json().await?)?;
    let ids = fields.list("ids", Text::new()).not_empty().max(IDS_MAX);
    let ids = ids.required()?;
    let keys = read_keys(&ids)?;
    let word = fields
        .choice("action", &["add", "remove", "set"])
        .required()?;
    let tags = fields.list("tags", Text::new().max(TAG_MAX).allow_blank());
    let tags = normal_tags(tags.max(TAGS_MAX).required()?);
    let action = match word {
        "add" => TagAction::Add,
        "remove" => TagAction::Remove,
        _ => TagAction::Set,
    };
    if tags.is_empty() && action != TagAction::Set {
        let detail = format!("tags must not be empty for action '{word}'.");
        return Err(FieldError::at("tags", Code::InvalidInput, detail).into());
    }
    if keys.len() * tags.len() > PAIRS_MAX {
        let detail = format!("Too many tickets and tags at once (at most {PAIRS_MAX} pairs).");
        return Err(FieldError::whole(Code::InvalidInput, detail).into());
    }
    let done = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move { tickets::set_tags(c, &scene, &keys, action, &tags).await })
        })
        .await?;
    if !done.updated.is_empty() {
        call.app.tickets_changed(project);
    }
    let updated = done.updated.into_iter();
    let updated: Vec<_> = updated
        .map(|(id, tags)| json!({"id": id, "tags": tags}))
        .collect();
    let skipped = done.skipped.into_iter();
    let skipped: Vec<_> = skipped
        .filter_map(|(place, why)| {
            let reason = match why {
                Skipped::Missing => "Not found or no edit access".to_owned(),
                Skipped::TooManyTags => format!("It would have more than {TAGS_MAX} tags"),
            };
            Some(json!({"id": ids.get(place)?, "reason": reason}))
        })
        .collect();
    Ok(Json(json!({"updated": updated, "skipped": skipped})).into_response())
}

/// UUIDs or numbers, which may come as text.
fn read_keys(ids: &[String]) -> Result<Vec<TicketKey>, FieldError> {
    let read = |(index, id): (usize, &String)| {
        let wrong = || {
            let attr = format!("ids__{index}");
            FieldError::at(attr, Code::InvalidInput, "Must be a valid UUID.")
        };
        rules::TicketKey::parse(id).ok_or_else(wrong)
    };
    ids.iter().enumerate().map(read).collect()
}
