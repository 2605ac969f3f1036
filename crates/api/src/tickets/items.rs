//! One ticket: make, read, change, delete (tickets.md 4 to 7).

use super::view::{TicketView, Viewer};
use super::{key, scene, schema};
use crate::idempotency::Once;
use crate::openapi::ErrorEnvelope;
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::tickets::{BusinessHours, NewTicket, Ticket, TicketChange, TicketKey, read_promise};
use model::{TicketId, Timestamp};
use store::tickets;

/// Make a ticket
///
/// Nothing is required. It gets the project's next number. With an `Idempotency-Key` it is made once, however often the
/// request is sent within a day.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/",
    operation_id = "conversations_tickets_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Names the attempt."),
    ),
    request_body = schema::CreateFields,
    responses(
        CommonErrors,
        (status = 201, description = "The ticket.", body = TicketView),
        (status = 409, description = "The key was used for another request.", body = ErrorEnvelope),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn create(mut call: Call) -> Result<Response, ApiError> {
    let id = TicketId(call.app.env.uuid());
    let once = Once::of(&mut call, "POST tickets").await?;
    let clock = clock(&call)?;
    let fields = Fields::of(call.json().await?)?;
    let mut new = NewTicket::read(id, &fields)?;
    promise(clock, &fields, &mut new.fields)?;
    let (scene, viewer) = (scene(&call)?, Viewer::of(&call)?);
    let gathered = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let made = match once {
                    Some(once) => once.claim(c, id.into(), scene.now).await?,
                    None => None,
                };
                let ticket = match made.map(TicketId) {
                    Some(made) => tickets::find(c, scene.project, TicketKey::Id(made)).await?,
                    None => Some(tickets::create(c, &scene, new).await?),
                };
                let ticket = ticket.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(viewer.gather_one(c, ticket).await?)
            })
        })
        .await?;
    call.app.tickets_changed(call.project_id()?);
    call.app.unread_changed(call.project_id()?).await;
    Ok((StatusCode::CREATED, Json(gathered.show_one()?)).into_response())
}

/// A ticket
///
/// Reading it marks the customer's messages as read by the team.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/",
    operation_id = "conversations_tickets_retrieve",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    responses((status = 200, description = "The ticket.", body = TicketView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (key, scene, viewer) = (key(&call)?, scene(&call)?, Viewer::of(&call)?);
    // HEAD looks without reading. Nothing is written either when there is nothing to mark.
    let marks = call.method != Method::HEAD;
    let found = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let ticket = tickets::find(c, viewer.project, key).await?;
                let ticket = ticket.ok_or_else(ApiError::not_found)?;
                if marks && ticket.unread_team_count > 0 {
                    return Ok::<_, ApiError>(None);
                }
                Ok(Some(viewer.gather_one(c, ticket).await?))
            })
        })
        .await?;
    if let Some(gathered) = found {
        return Ok(Json(gathered.show_one()?).into_response());
    }
    let gathered = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let read = tickets::mark_read(c, &scene, key).await?;
                let (ticket, _) = read.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(viewer.gather_one(c, ticket).await?)
            })
        })
        .await?;
    call.app.tickets_changed(viewer.project);
    call.app.unread_changed(viewer.project).await;
    Ok(Json(gathered.show_one()?).into_response())
}

/// Change a ticket
///
/// As PATCH: only the members that are named change.
#[utoipa::path(
    put,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/",
    operation_id = "conversations_tickets_update",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    request_body = schema::PatchedFields,
    responses((status = 200, description = "The ticket as it is now.", body = TicketView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn update(call: Call) -> Result<Response, ApiError> {
    change(call).await
}

/// Change a ticket
///
/// Only the members that are named change.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/",
    operation_id = "conversations_tickets_partial_update",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    request_body = schema::PatchedFields,
    responses((status = 200, description = "The ticket as it is now.", body = TicketView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn partial_update(call: Call) -> Result<Response, ApiError> {
    change(call).await
}

async fn change(mut call: Call) -> Result<Response, ApiError> {
    let (key, viewer) = (key(&call)?, Viewer::of(&call)?);
    let change = match read_change(&mut call).await {
        Ok(change) => change,
        Err(error) => return Err(after_not_found(&call, error).await),
    };
    let scene = scene(&call)?;
    let (gathered, changed, status) = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let updated = tickets::update(c, &scene, key, &change).await?;
                let (ticket, changed) = updated.ok_or_else(ApiError::not_found)?;
                let status = ticket.status;
                Ok::<_, ApiError>((viewer.gather_one(c, ticket).await?, changed, status))
            })
        })
        .await?;
    if changed.is_any() {
        call.app.tickets_changed(viewer.project);
    }
    if changed.counts_otherwise(status) {
        call.app.unread_changed(viewer.project).await;
    }
    Ok(Json(gathered.show_one()?).into_response())
}

async fn read_change(call: &mut Call) -> Result<TicketChange, ApiError> {
    let clock = clock(call)?;
    let fields = Fields::of(call.json().await?)?;
    let mut change = TicketChange::read(&fields)?;
    promise(clock, &fields, &mut change)?;
    Ok(change)
}

/// What is wrong with a request, unless its ticket does not exist: that is told first (conventions.md 2.4). A request
/// with nothing wrong finds out as it writes, and so does not look twice.
pub(super) async fn after_not_found(call: &Call, error: ApiError) -> ApiError {
    match find(call).await {
        Ok(_) => error,
        Err(not_found) => not_found,
    }
}

/// What an amount of time is counted by: the moment, and the project's office hours.
type Clock = (Timestamp, Option<BusinessHours>);

fn clock(call: &Call) -> Result<Clock, ApiError> {
    let office = call.project()?.settings.business_hours();
    Ok((call.app.env.now(), office))
}

/// Takes over the due date that `sla_amount` comes to. The server counts: it alone knows the office hours.
fn promise(
    (now, office): Clock,
    fields: &Fields<'_>,
    change: &mut TicketChange,
) -> Result<(), ApiError> {
    if let Some(due) = read_promise(fields, now, office)? {
        change.sla_due_at = Some(Some(due));
    }
    Ok(())
}

/// Delete a ticket
///
/// Nobody sees it from now on; after a grace it is erased with its messages.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/",
    operation_id = "conversations_tickets_destroy",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (key, scene) = (key(&call)?, scene(&call)?);
    let project = scene.project;
    let deleted = call
        .app
        .store
        .write(move |c| Box::pin(async move { tickets::delete(c, &scene, key).await }))
        .await?;
    if !deleted {
        return Err(ApiError::not_found());
    }
    call.app.tickets_changed(project);
    call.app.unread_changed(project).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The ticket that the path names.
pub(super) async fn find(call: &Call) -> Result<Ticket, ApiError> {
    let (project, key) = (call.project_id()?, key(call)?);
    call.app
        .store
        .read(move |c| Box::pin(tickets::find(c, project, key)))
        .await?
        .ok_or_else(ApiError::not_found)
}
