//! `GET /api/projects/:id/conversations/events/`: what happens to a project's tickets, page by page or live (spec
//! "Events and live inbox").

mod live;

use crate::accept::Accepted;
use crate::openapi::{CommonErrors, ErrorEnvelope, StreamEvent};
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::pagination::Bounds;
use model::{Code, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use store::events::{self, Event, Extent};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds::THOUSAND;

const ACCESS: Access = Access::read("ticket").may_stream();

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_list, _, _>(ACCESS, list)
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = ConversationEvent)]
struct EventView {
    /// Its place in the project's log, from 1; also the cursor of who has read up to it.
    id: i64,
    /// What happened, such as `$conversation_ticket_created`.
    event: String,
    /// The person it is about, or by.
    distinct_id: String,
    #[schema(value_type = Object)]
    properties: Box<RawValue>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

impl TryFrom<Event> for EventView {
    type Error = store::Error;

    fn try_from(event: Event) -> Result<Self, store::Error> {
        let properties = RawValue::from_string(event.properties)
            .map_err(|_| store::Error::Corrupt("event.properties is no JSON".to_owned()))?;
        Ok(Self {
            id: event.seq,
            event: event.kind,
            distinct_id: event.distinct_id,
            properties,
            timestamp: event.created_at,
        })
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = ConversationEventPage)]
struct EventPage {
    /// The `after` of the next page, also when this one is the last so far.
    next: i64,
    /// The next page has events already.
    has_more: bool,
    /// Oldest first.
    results: Vec<EventView>,
}

/// Read the event log
///
/// One page, oldest first; `next` is the cursor of the page after it. With `Accept: text/event-stream` the same log
/// live: everything after the cursor, then what happens from now on; without a cursor only the latter. The stream
/// also has events that are not published, for keeping a list of tickets up to date. Each of its events has the
/// cursor as `id`, so a browser comes back where it was; only `ticket_presence`, which says who looks at a ticket or
/// types, has none, and is kept nowhere.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/events/",
    operation_id = "conversations_events_list",
    tag = "events",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("after" = Option<i64>, Query, minimum = 0, description = "A cursor: only what came after it."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("Last-Event-ID" = Option<i64>, Header, minimum = 0, description = "As `after`, and wins over it."),
    ),
    responses(
        (status = 200, description = "A page of events, or the stream.", content(
            (EventPage = "application/json"), (StreamEvent = "text/event-stream"),
        )),
        (status = 410, body = ErrorEnvelope, description = "The events after this cursor are no longer kept."),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let after = cursor(&call)?;
    match call.accepted {
        Accepted::Json => page(&call, after).await,
        Accepted::Stream { .. } => live::follow(call, after).await,
    }
}

async fn page(call: &Call, after: Option<i64>) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let limit = call.page(PAGE).limit;
    let (extent, found) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let extent = events::extent(c, project).await?;
                let after = check(after, extent)?.unwrap_or(extent.first - 1);
                let found = events::list_after(c, project, after, limit + 1, false).await?;
                Ok::<_, ApiError>((extent, found))
            })
        })
        .await?;
    let mut results = found
        .into_iter()
        .map(EventView::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let has_more = results.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if has_more {
        results.pop();
    }
    let last_id = results.last().map_or(0, |event| event.id);
    // Past the hidden events at the end, so that nobody reads over them again and again.
    let next = if has_more {
        last_id
    } else {
        last_id.max(extent.last)
    };
    let page = EventPage {
        next,
        has_more,
        results,
    };
    Ok(Json(page).into_response())
}

/// Where the client wants to read on: `Last-Event-ID` beats `after` (spec "Cursors").
fn cursor(call: &Call) -> Result<Option<i64>, ApiError> {
    let header = call
        .header("last-event-id")
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let Some(text) = header.or_else(|| call.query.text("after")) else {
        return Ok(None);
    };
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number
        .map(Some)
        .ok_or_else(|| invalid_cursor("A cursor is a whole number, the id of an event."))
}

/// Whether everything after a cursor is there.
fn check(after: Option<i64>, extent: Extent) -> Result<Option<i64>, ApiError> {
    match after {
        Some(after) if after > extent.last => Err(invalid_cursor(
            "The cursor names an event that has not happened.",
        )),
        Some(after) if after + 1 < extent.first => Err(ApiError::with_detail(
            Code::CursorExpired,
            "The events after this cursor are no longer kept. Read the tickets instead.",
        )),
        after => Ok(after),
    }
}

fn invalid_cursor(detail: &str) -> ApiError {
    ApiError::with_detail(Code::InvalidInput, detail).attr("after")
}
