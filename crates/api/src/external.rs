//! `GET, PATCH /api/conversations/external/ticket/:uuid`: a ticket for the customer's own backend and for workflows
//! (tickets.md 15.1, conventions.md 9). No slash at the end, and errors of their own form.

mod access;

use crate::edge::RouteTemplate;
use crate::widget::lower_case_uuid;
use crate::{ApiError, App};
use access::Errand;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use model::fields::{Fields, Problems};
use model::tickets::{Assignee, ExternalChange, Priority, Status, Ticket, TicketKey};
use model::{Code, TicketId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::{Conn, tickets};

const BASE: &str = "/api/conversations/external/ticket/";

pub(crate) fn router(app: App) -> Router {
    let template = format!("{BASE}{{ticket_id}}");
    let name: std::sync::Arc<str> = template.as_str().into();
    let handler = move |State(app): State<App>, request: Request| {
        let name = RouteTemplate(std::sync::Arc::clone(&name));
        async move {
            let answer = answer(&app, request).await;
            let mut response = answer.unwrap_or_else(ApiError::into_response);
            response.extensions_mut().insert(name);
            let no_store = HeaderValue::from_static("no-store");
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, no_store);
            response
        }
    };
    Router::new().route(&template, any(handler)).with_state(app)
}

async fn answer(app: &App, request: Request) -> Result<Response, ApiError> {
    let id = request
        .uri()
        .path()
        .strip_prefix(BASE)
        .and_then(lower_case_uuid);
    let id = TicketId(id.ok_or_else(ApiError::endpoint_not_found)?);
    let method = request.method().clone();
    match method {
        Method::GET | Method::HEAD => retrieve(access::admit(app, request, false).await?, id).await,
        Method::PATCH => update(access::admit(app, request, true).await?, id).await,
        Method::OPTIONS => Ok(StatusCode::OK.into_response()),
        _ => {
            let detail = format!("Method \"{method}\" not allowed.");
            let allow = HeaderValue::from_static("GET, PATCH, HEAD, OPTIONS");
            Err(ApiError::with_detail(Code::MethodNotAllowed, detail).header(header::ALLOW, allow))
        }
    }
}

/// A ticket, under the names that this endpoint has for things.
#[derive(Serialize)]
struct TicketView {
    id: TicketId,
    number: i64,
    status: Status,
    priority: Option<Priority>,
    channel_source: String,
    channel_detail: Option<String>,
    distinct_id: String,
    created_at: String,
    updated_at: String,
    message_count: i64,
    last_message_at: Option<String>,
    last_message_text: Option<String>,
    unread_team_count: i64,
    unread_customer_count: i64,
    sla: Option<String>,
    snoozed_until: Option<String>,
    assignee: Value,
    /// Where the customer was when they wrote.
    url: Option<String>,
    slack_channel_id: Option<String>,
    slack_thread_ts: Option<String>,
    slack_team_id: Option<String>,
    email_subject: Option<String>,
    email_from: Option<String>,
    email_to: Option<String>,
    cc_participants: Box<RawValue>,
    tags: Vec<String>,
}

impl TicketView {
    fn of(it: Ticket, assignee: Value) -> store::Result<Self> {
        let shown = |moment: Option<Timestamp>| moment.map(Timestamp::with_offset);
        let context: Value = serde_json::from_str(&it.session_context).unwrap_or_default();
        let cc_participants = RawValue::from_string(it.cc_participants).map_err(|_| {
            store::Error::Corrupt("ticket.cc_participants holds no JSON".to_owned())
        })?;
        Ok(Self {
            id: it.id,
            number: it.number,
            status: it.status,
            priority: it.priority,
            channel_source: it.channel_source,
            channel_detail: it.channel_detail,
            distinct_id: it.distinct_id,
            created_at: it.created_at.with_offset(),
            updated_at: it.updated_at.with_offset(),
            message_count: it.message_count,
            last_message_at: shown(it.last_message_at),
            last_message_text: it.last_message_text,
            unread_team_count: it.unread_team_count,
            unread_customer_count: it.unread_customer_count,
            sla: shown(it.sla_due_at),
            snoozed_until: shown(it.snoozed_until),
            assignee,
            url: context["current_url"].as_str().map(str::to_owned),
            slack_channel_id: it.slack_channel_id,
            slack_thread_ts: it.slack_thread_ts,
            slack_team_id: it.slack_team_id,
            email_subject: it.email_subject,
            email_from: it.email_from,
            email_to: it.email_to,
            cc_participants,
            tags: it.tags,
        })
    }
}

async fn retrieve(errand: Errand, id: TicketId) -> Result<Response, ApiError> {
    let scene = errand.scene();
    let view = errand
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = tickets::find(c, scene.project, TicketKey::Id(id)).await?;
                let Some(ticket) = found else {
                    return Ok::<_, store::Error>(None);
                };
                let assignee = assignee(c, &scene, ticket.assignee).await?;
                TicketView::of(ticket, assignee).map(Some)
            })
        })
        .await?;
    Ok(Json(view.ok_or_else(not_found)?).into_response())
}

async fn assignee(
    c: &Conn,
    scene: &tickets::Scene,
    assignee: Option<Assignee>,
) -> store::Result<Value> {
    let Some(assignee) = assignee else {
        return Ok(Value::Null);
    };
    let names = tickets::names_of_assignees(c, scene.organization, &[assignee]).await?;
    Ok(assignee.view(names.get(&assignee).map_or("", String::as_str)))
}

async fn update(errand: Errand, id: TicketId) -> Result<Response, ApiError> {
    let scene = errand.scene();
    let project = scene.project;
    // A ticket that does not exist is told before a body that does not fit.
    let found = errand
        .app
        .store
        .read(move |c| Box::pin(tickets::find(c, project, TicketKey::Id(id))))
        .await?;
    found.ok_or_else(not_found)?;
    let mut problems = Problems::default();
    let fields = problems.take(Fields::of(&errand.body));
    let office = errand.office_hours();
    let change =
        fields.map(|fields| ExternalChange::read(&fields, scene.now, office, &mut problems));
    let change = match change {
        Some(change) if problems.is_empty() => change,
        _ => return Err(refused(problems.into_json())),
    };
    let outcome = errand
        .app
        .store
        .write(move |c| {
            Box::pin(async move { tickets::update_from_outside(c, &scene, id, &change).await })
        })
        .await?;
    let outcome = outcome.ok_or_else(not_found)?;
    if outcome.changed.is_any() {
        errand.app.tickets_changed(project);
    }
    if outcome.changed.counts_otherwise(outcome.ticket.status) {
        errand.app.unread_changed(project).await;
    }
    if outcome.assignee_failed {
        return Err(refused(json!("Failed to assign ticket")));
    }
    Ok(Json(json!({"ok": true})).into_response())
}

fn refused(error: Value) -> ApiError {
    ApiError::json(StatusCode::BAD_REQUEST, json!({ "error": error }))
}

fn not_found() -> ApiError {
    ApiError::hand_made(StatusCode::NOT_FOUND, "Ticket not found")
}
