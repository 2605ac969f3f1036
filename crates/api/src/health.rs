//! `/_health`, `/_ready` and `/metrics` (operating.md, "Watching it").

use crate::{App, edge::RouteTemplate, metrics};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::time::Duration;

/// How long storage may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/_health", get(health))
        .route("/_ready", get(ready))
        .route("/metrics", get(numbers))
        .with_state(app)
}

/// The process lives. Never touches storage.
async fn health() -> Response {
    named("/_health", Json(json!({"status": "ok"})).into_response())
}

/// Storage and Redis answer, and the server is not shutting down.
async fn ready(State(app): State<App>) -> Response {
    let response = match why_not_ready(&app).await {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(reason) => {
            let body = json!({"status": "unavailable", "reason": reason});
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    };
    named("/_ready", response)
}

async fn why_not_ready(app: &App) -> Option<&'static str> {
    if app.shutdown.is_cancelled() {
        return Some("shutting down");
    }
    match tokio::time::timeout(PATIENCE, app.store.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "storage is not ready");
            return Some("storage does not answer");
        }
        Err(_) => return Some("storage does not answer in time"),
    }
    // The server does without Redis, but whoever runs it wants to know.
    app.bus.ping().await.err().map(|error| {
        tracing::warn!(%error, "Redis is not ready");
        "Redis does not answer"
    })
}

async fn numbers() -> Response {
    let text = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    named("/metrics", (text, metrics::render()).into_response())
}

fn named(route: &'static str, mut response: Response) -> Response {
    let template = RouteTemplate(route.into());
    response.extensions_mut().insert(template);
    response
}
