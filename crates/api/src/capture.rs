//! `POST /i/v0/e/`, `/e/`, `/capture/`, `/batch/`: events of the browser SDK and others, for what they say about
//! persons (spec "Around the contract"). All else about an event is accepted and dropped.
//!
//! Anybody may send here who knows a project's public token. So the size of a request, what it unpacks to, how many
//! are unpacked at once and how often one sender comes are all bounded, and nothing is told but whether the token is
//! good.

mod event;
mod unpack;

use crate::body;
use crate::call::Query;
use crate::edge::RouteTemplate;
use crate::{ApiError, App, address};
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use event::Captured;
use model::persons::Profile;
use model::rates;
use model::{Code, ProjectId};
use serde_json::json;
use std::sync::Arc;
use store::persons;
use tokio::sync::Semaphore;
use unpack::Packed;

/// Where events are sent, with and without a slash at the end.
pub(crate) const PATHS: [&str; 4] = ["/i/v0/e", "/e", "/capture", "/batch"];
/// The longest request, in bytes as they come over the wire.
const BODY_MAX: usize = 1024 * 1024;
/// So many requests are unpacked at once; the others wait.
const UNPACKERS: usize = 4;
/// So many events are written in one transaction, so that others need not wait for long.
const CHUNK: usize = 50;

#[derive(Clone)]
struct Capture {
    app: App,
    unpackers: Arc<Semaphore>,
}

pub(crate) fn router(app: App) -> Router {
    let state = Capture {
        app,
        unpackers: Arc::new(Semaphore::new(UNPACKERS)),
    };
    let mut router = Router::new();
    for path in PATHS {
        let handler = move |state: State<Capture>, request: Request| async move {
            let answer = answer(&state, request).await;
            let mut response = answer.unwrap_or_else(ApiError::into_response);
            let template = RouteTemplate(path.into());
            response.extensions_mut().insert(template);
            response
        };
        router = router
            .route(path, any(handler))
            .route(&format!("{path}/"), any(handler));
    }
    router.with_state(state)
}

async fn answer(capture: &Capture, request: Request) -> Result<Response, ApiError> {
    let app = &capture.app;
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        let detail = format!("Method \"{}\" not allowed.", parts.method);
        return Err(ApiError::with_detail(Code::MethodNotAllowed, detail)
            .header(header::ALLOW, HeaderValue::from_static("POST, OPTIONS")));
    }
    let peer = parts.extensions.get::<address::Peer>().copied();
    let client = address::client(&app.config.trusted_proxies, peer, &parts.headers);
    let network = client.map(address::network).unwrap_or_default();
    app.throttle_stranger(&rates::CAPTURE, &network).await?;
    let bytes = body::receive(body, &parts.headers, BODY_MAX).await?;
    let query = Query(parts.uri.query().unwrap_or_default().to_owned());
    let given = ["api_key", "token"]
        .into_iter()
        .find_map(|name| query.text(name));
    let captured = {
        // Never closed, so a permit always comes.
        let _permit = capture.unpackers.acquire().await;
        tokio::task::spawn_blocking(move || read(bytes.into()))
            .await
            .map_err(ApiError::internal)??
    };
    let token = given.filter(|token| !token.is_empty()).or(captured.token);
    let token = token.ok_or_else(|| {
        let detail = "The project's public token is missing: send it as api_key.";
        ApiError::with_detail(Code::NotAuthenticated, detail)
    })?;
    let project = find_project(app, token).await?;
    write(app, project, captured.profiles).await?;
    Ok(Json(json!({"status": 1})).into_response())
}

fn read(bytes: Vec<u8>) -> Result<Captured, ApiError> {
    let Packed { json, token } = unpack::unpack(bytes)?;
    let captured = event::read(&json)?;
    Ok(Captured {
        token: token.or(captured.token),
        ..captured
    })
}

async fn find_project(app: &App, token: String) -> Result<ProjectId, ApiError> {
    let unknown = || {
        let detail = "There is no project with this token.";
        ApiError::with_detail(Code::AuthenticationFailed, detail)
    };
    if token.contains('\0') {
        return Err(unknown());
    }
    let found = app
        .store
        .read(move |c| {
            Box::pin(async move { store::projects::find_by_public_token(c, &token).await })
        })
        .await?;
    found.ok_or_else(unknown)
}

/// Writes what is news. An event that says what is known, as most do, costs no write.
async fn write(app: &App, project: ProjectId, profiles: Vec<Profile>) -> Result<(), ApiError> {
    if profiles.is_empty() {
        return Ok(());
    }
    let news = app
        .store
        .read(move |c| {
            Box::pin(async move {
                for (index, profile) in profiles.iter().enumerate() {
                    if !persons::is_known(c, project, profile).await? {
                        // What comes later may say again what this one changes.
                        return Ok(profiles[index..].to_vec());
                    }
                }
                Ok::<_, store::Error>(Vec::new())
            })
        })
        .await?;
    for chunk in news.chunks(CHUNK) {
        for _ in chunk {
            app.throttle_stranger(&rates::CAPTURE_PERSONS, &project.to_string())
                .await?;
        }
        let (chunk, env) = (chunk.to_vec(), app.env.clone());
        app.store
            .write(move |c| {
                Box::pin(async move {
                    for profile in &chunk {
                        persons::apply(c, &env, project, profile).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            })
            .await?;
    }
    Ok(())
}
