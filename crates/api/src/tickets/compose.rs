//! `POST …/tickets/compose/`: the team begins a ticket by mail (tickets.md 10.3).

use super::{check_enabled, messages, refused, schema};
use crate::{ApiError, Call, CommonErrors};
use axum::response::Response;
use model::fields::Fields;
use model::tickets::{DISTINCT_ID_MAX, rich_content};

/// Longest subject, in characters.
const SUBJECT_MAX: usize = 500;

/// Begin a ticket by mail
///
/// This server has no mail channel yet: a valid request is answered with 400 and says so.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/compose/",
    operation_id = "conversations_tickets_compose_create",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = schema::ComposeFields,
    responses(
        CommonErrors,
        (status = 201, description = "The ticket.", body = schema::Composed),
        (status = 400, body = schema::ActionError, description = "The body does not fit, or a switch is off."),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn compose(mut call: Call) -> Result<Response, ApiError> {
    call.app.throttle_replies(&call).await?;
    let fields = Fields::of(call.json().await?)?;
    fields.email("recipient_email").required()?;
    let distinct_id = fields.text("recipient_distinct_id").max(DISTINCT_ID_MAX);
    distinct_id.allow_blank().nullable()?;
    fields
        .text("email_subject")
        .max(SUBJECT_MAX)
        .allow_blank()
        .optional()?;
    fields.uuid("email_config_id").required()?;
    messages::text(&fields)?;
    rich_content(&fields)?;
    check_enabled(&call)?;
    Err(refused("Email channel is not enabled."))
}
