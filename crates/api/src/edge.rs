//! Around every request: its id, the rules for other sites' pages, the line in the log, the numbers, and the net
//! under a panic.

use crate::error::InternalDetail;
use crate::{ApiError, App, cors, metrics, routing};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use model::traces::{STATE_MAX, TraceParent};
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client or proxy.
const LONGEST_ID: usize = 128;

/// Names a request, in its answer's `X-Request-Id` and in every log line about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl Default for RequestId {
    fn default() -> Self {
        Self("-".into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RequestId {
    /// The client's or a proxy's id if it is harmless to repeat, else a new one.
    fn of(app: &App, headers: &HeaderMap) -> Self {
        let is_harmless = |id: &&str| {
            (1..=LONGEST_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"-_.:/+=".contains(&c))
        };
        let theirs = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        match theirs.filter(is_harmless) {
            Some(id) => Self(id.into()),
            None => Self(app.env.uuid().to_string().into()),
        }
    }
}

/// Which route answered, in the response's extensions.
#[derive(Clone, Debug)]
pub(crate) struct RouteTemplate(pub(crate) Arc<str>);

/// The outermost layer.
pub(crate) async fn handle(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&app, request.headers());
    let span = tracing::info_span!("request", request_id = %id, trace_id = Empty);
    // For traces; lines of the log show nothing of it.
    let method = request.method().as_str();
    let trace = tracing::debug_span!(
        target: "otel", parent: &span, "request",
        otel.name = method, otel.kind = "server", otel.status_code = Empty, request.id = %id,
        http.request.method = method, http.route = Empty, http.response.status_code = Empty,
    );
    if let Some(trace_id) = join(&app, &trace, request.headers()) {
        span.record("trace_id", trace_id);
    }
    let answered = answer(&id, &mut request, next, &trace).instrument(trace.clone());
    answered.instrument(span).await
}

/// Makes the request's span part of the caller's trace, and says which trace it is part of. What is malformed, or is
/// there twice, is ignored.
fn join(app: &App, trace: &Span, headers: &HeaderMap) -> Option<String> {
    let mut parents = headers.get_all("traceparent").iter();
    let parent = parents.next().filter(|_| parents.next().is_none());
    let parent = parent
        .and_then(|it| it.to_str().ok())
        .and_then(TraceParent::read);
    let states = headers.get_all("tracestate").iter();
    let states: Option<Vec<&str>> = states.map(|it| it.to_str().ok()).collect();
    let state = states
        .map(|states| states.join(","))
        .filter(|state| !state.is_empty() && state.len() <= STATE_MAX);
    (app.config.traces.0)(trace, parent, state.as_deref())
}

async fn answer(id: &RequestId, request: &mut Request, next: Next, trace: &Span) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let is_cors = cors::applies(&path);
    let preflight = is_cors.then(|| cors::preflight(&method, request.headers()));
    let mut response = match preflight.flatten() {
        Some(response) => response,
        None => {
            let mut request = std::mem::take(request);
            request.extensions_mut().insert(id.clone());
            routing::normalise(&mut request);
            AssertUnwindSafe(next.run(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| ApiError::internal(describe(&*panic)).into_response())
        }
    };
    let template = response.extensions_mut().remove::<RouteTemplate>();
    let route = template.map_or_else(|| "unmatched".into(), |template| template.0);
    let status = response.status();
    let elapsed = started.elapsed();
    metrics::record(&method, &route, status, elapsed);
    if !trace.is_disabled() {
        trace.record("http.route", &*route);
        trace.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            trace.record("otel.status_code", "ERROR");
        }
    }
    let cause = response.extensions_mut().remove::<InternalDetail>();
    let cause = cause.as_ref().map(|cause| &*cause.0);
    let milliseconds = (elapsed.as_secs_f64() * 1e6).round() / 1e3;
    let status_code = status.as_u16();
    let path = &*logged(&path);
    if status.is_server_error() && cause.is_some() {
        tracing::error!(%method, path, status = status_code, milliseconds, cause, "answered");
    } else if path.starts_with("/_") || path == "/metrics" {
        tracing::debug!(%method, path, status = status_code, milliseconds, "answered");
    } else {
        tracing::info!(%method, path, status = status_code, milliseconds, cause, "answered");
    }
    let headers = response.headers_mut();
    if is_cors {
        cors::allow(has_origin, headers);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// What is logged of a path. Not the query, which may hold a key, nor what a path ends in, where that is a secret.
fn logged(path: &str) -> Cow<'_, str> {
    const BEFORE_SECRETS: [&str; 2] = ["/api/invites/", "/invite/"];
    let found = BEFORE_SECRETS.iter().find(|it| path.starts_with(**it));
    found.map_or(path.into(), |beginning| format!("{beginning}…").into())
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("of unknown kind"))
}
