//! The widget's endpoints: a customer's browser writes to the team and reads its answers (tickets.md 14,
//! conventions.md 8). No slash at the end, 200 for every success, and errors of their own form.
//!
//! Anybody may call who knows the widget's token, which every visitor of a site does. What a caller may do is decided
//! in [`access`], and nowhere else.

mod access;
mod messages;
mod restore;
mod tickets;

use crate::edge::RouteTemplate;
use crate::{ApiError, App};
pub(crate) use access::count;

use access::VisitorCall;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use model::TicketId;
use model::fields::Problems;
use serde_json::json;

/// Where the endpoints are.
pub(crate) const BASE: &str = "/api/conversations/v1/widget/";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// POST a message.
    Message,
    /// GET a ticket's messages.
    Messages,
    /// POST that a ticket's messages have been read.
    Read,
    /// GET the visitor's tickets.
    Tickets,
    /// POST an address that a link is to be mailed to.
    RestoreRequest,
    /// POST the token of such a link.
    Restore,
}

impl Operation {
    const ALL: [Self; 6] = [
        Self::Message,
        Self::Messages,
        Self::Read,
        Self::Tickets,
        Self::RestoreRequest,
        Self::Restore,
    ];

    /// Below [`BASE`].
    const fn path(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Messages => "messages/{ticket_id}",
            Self::Read => "messages/{ticket_id}/read",
            Self::Tickets => "tickets",
            Self::RestoreRequest => "restore/request",
            Self::Restore => "restore",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Messages | Self::Tickets => Method::GET,
            Self::Message | Self::Read | Self::RestoreRequest | Self::Restore => Method::POST,
        }
    }

    /// Whether it only looks.
    const fn is_read(self) -> bool {
        matches!(self, Self::Messages | Self::Tickets)
    }
}

pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for operation in Operation::ALL {
        let template = format!("{BASE}{}", operation.path());
        let name: std::sync::Arc<str> = template.as_str().into();
        let handler = move |State(app): State<App>, request: Request| {
            let name = RouteTemplate(std::sync::Arc::clone(&name));
            async move {
                let answer = answer(&app, operation, request).await;
                let mut response = answer.unwrap_or_else(ApiError::into_response);
                response.extensions_mut().insert(name);
                // What a visitor is shown is for nobody else, and their secret is in the address.
                let no_store = HeaderValue::from_static("no-store");
                response
                    .headers_mut()
                    .insert(header::CACHE_CONTROL, no_store);
                response
            }
        };
        router = router.route(&template, any(handler));
    }
    router.with_state(app)
}

async fn answer(app: &App, operation: Operation, request: Request) -> Result<Response, ApiError> {
    let ticket = match ticket_of(operation, request.uri().path()) {
        Ok(ticket) => ticket,
        Err(NoRoute) => return Err(ApiError::endpoint_not_found()),
    };
    if *request.method() == Method::OPTIONS {
        // Browsers ask with headers that are answered before anything gets here.
        return Ok(StatusCode::OK.into_response());
    }
    let visit = access::admit(app, operation, request).await?;
    match (operation, ticket) {
        (Operation::Message, _) => messages::create(visit).await,
        (Operation::Messages, Some(ticket)) => messages::list(visit, ticket).await,
        (Operation::Read, Some(ticket)) => messages::mark_read(visit, ticket).await,
        (Operation::Tickets, _) => tickets::list(visit).await,
        (Operation::RestoreRequest, _) => restore::request(visit).await,
        (Operation::Restore, _) => restore::redeem(visit).await,
        (Operation::Messages | Operation::Read, None) => Err(ApiError::endpoint_not_found()),
    }
}

/// The path names no ticket that there could be.
struct NoRoute;

/// The ticket that the path names, on the routes that have one: a UUID in lower case, with dashes.
fn ticket_of(operation: Operation, path: &str) -> Result<Option<TicketId>, NoRoute> {
    if !matches!(operation, Operation::Messages | Operation::Read) {
        return Ok(None);
    }
    let rest = path
        .strip_prefix(BASE)
        .and_then(|rest| rest.strip_prefix("messages/"));
    let text = rest
        .and_then(|rest| rest.split('/').next())
        .ok_or(NoRoute)?;
    lower_case_uuid(text)
        .map(|id| Some(TicketId(id)))
        .ok_or(NoRoute)
}

/// A UUID as the paths of the widget and of the external endpoints hold it (conventions.md 3).
pub(crate) fn lower_case_uuid(text: &str) -> Option<uuid::Uuid> {
    let is_plain = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    uuid::Uuid::try_parse(text).ok().filter(|_| is_plain)
}

/// A 403 in the form of these endpoints.
fn forbidden(error: &str) -> ApiError {
    ApiError::hand_made(StatusCode::FORBIDDEN, error)
}

/// The 400 that names every broken rule.
fn invalid(problems: Problems) -> ApiError {
    let body = json!({"error": "Invalid request data", "details": problems.into_json()});
    ApiError::json(StatusCode::BAD_REQUEST, body)
}

/// The body or query of a request, read to the end.
fn read<T>(
    visit: &VisitorCall,
    read: impl FnOnce(&model::fields::Fields<'_>, &mut Problems) -> Option<T>,
) -> Result<T, ApiError> {
    let mut problems = Problems::default();
    let fields = problems.take(model::fields::Fields::of(&visit.input));
    let value = fields.and_then(|fields| read(&fields, &mut problems));
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(invalid(problems)),
    }
}
