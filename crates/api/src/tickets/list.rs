//! `GET …/tickets/` and `GET …/tickets/unread_count/` (tickets.md 3, 9).

use super::schema;
use super::view::Viewer;
use crate::{ApiError, Call, CommonErrors, Query};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use model::tickets::{Filters, LIST_PAGE, Order};
use serde_json::json;
use store::tickets;

/// About what a ticket takes in a list, so that the body is not moved as it grows.
const TICKET_BYTES: usize = 2_048;

/// List tickets
///
/// All parameters are combined with "and". An empty or invalid value is ignored. Reading the list marks nothing as
/// read.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tickets/",
    operation_id = "conversations_tickets_list",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("status" = Option<String>, Query, description = "Any of: `new`, `open`, `pending`, `on_hold`, `resolved`, separated by commas."),
        ("priority" = Option<String>, Query, description = "Any of: `low`, `medium`, `high`, `critical`, separated by commas."),
        ("channel_source" = Option<String>, Query, description = "`widget`, `email`, `slack`, `teams` or `github`."),
        ("channel_detail" = Option<String>, Query, description = "How exactly the ticket came, such as `widget_api`."),
        ("assignee" = Option<String>, Query, description = "Any of: `unassigned`, `me`, `user:<id>`, `role:<uuid>`, separated by commas."),
        ("date_from" = Option<String>, Query, description = "Changed then or later: a date, a date and time, a length such as `-7d`, or `all`."),
        ("date_to" = Option<String>, Query, description = "Changed then or earlier."),
        ("distinct_ids" = Option<String>, Query, description = "Customers, separated by commas; the first 100 count."),
        ("emails" = Option<String>, Query, description = "Customers' addresses; joined to `distinct_ids` by \"or\"."),
        ("ids" = Option<String>, Query, description = "UUIDs of tickets, separated by commas; the first 100 count."),
        ("search" = Option<String>, Query, description = "A ticket's number (`42`, `#42`), or a part of the customer's name or address, the subject, or any message. At most 200 characters."),
        ("sla" = Option<String>, Query, description = "`breached`, `at-risk` (due within the hour) or `on-track`."),
        ("snoozed" = Option<bool>, Query, description = "Snoozed, or not."),
        ("tags" = Option<String>, Query, description = "Any of these: a JSON array."),
        ("tags_all" = Option<String>, Query, description = "All of these: a JSON array."),
        ("tags_exclude" = Option<String>, Query, description = "None of these: a JSON array."),
        ("ai_triage_result" = Option<String>, Query, description = "Any of these, separated by commas."),
        ("order_by" = Option<String>, Query, description = "`updated_at`, `created_at`, `sla_due_at`, `snoozed_until` or `ticket_number`, with `-` for the largest first. Default `-updated_at`."),
        ("view" = Option<String>, Query, description = "`short_id` of a saved view, or one of `mine`, `unassigned`, `open`, `snoozed`, `breaching`, `resolved`: its filters hold where the query names none. Unknown: 400."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Tickets to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of tickets.", body = schema::TicketList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn list(call: Call) -> Result<Response, ApiError> {
    let viewer = Viewer::of(&call)?;
    let page = call.page(LIST_PAGE);
    let zone = &call.project()?.settings.timezone;
    let query = Query(crate::views::query_of(&call).await?);
    let filters = Filters::read(query.raw(), call.app.env.now(), zone, call.user_id());
    let order = Order::read(&query.text("order_by").unwrap_or_default());
    let (url, parameters) = (call.url(), call.query.raw().to_owned());
    // Written out where it was read: for a page of tickets that is much of the work, and this way it is done by as many
    // threads as read, and the rows are given back where they were taken.
    let body = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = tickets::list(c, viewer.project, &filters, order, page).await?;
                let views = viewer.gather(c, found.0).await?.show()?;
                let mut body = Vec::with_capacity(views.len() * TICKET_BYTES);
                let shown = page.wrap(views, found.1, &url, &parameters);
                serde_json::to_writer(&mut body, &shown).map_err(ApiError::internal)?;
                Ok::<_, ApiError>(body)
            })
        })
        .await?;
    let kind = (header::CONTENT_TYPE, "application/json");
    Ok(([kind], body).into_response())
}

/// Count unread messages
///
/// Customer messages that the team has not read, over all tickets that are not resolved. May be up to 30 seconds old.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tickets/unread_count/",
    operation_id = "conversations_tickets_unread_count_retrieve",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    responses((status = 200, description = "The number.", body = schema::UnreadCount), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn unread_count(call: Call) -> Result<Response, ApiError> {
    let project = call.project()?;
    if !project.settings.conversations_enabled {
        return Ok(Json(json!({"count": 0})).into_response());
    }
    let (project, cache) = (project.id, &call.app.unread);
    if let Some(count) = cache.find(&project).await {
        return Ok(Json(json!({ "count": count })).into_response());
    }
    let generation = cache.generation(&project).await;
    let count = call
        .app
        .store
        .read(move |c| Box::pin(tickets::unread_count(c, project)))
        .await?;
    cache.keep(project, generation, count).await;
    Ok(Json(json!({ "count": count })).into_response())
}
