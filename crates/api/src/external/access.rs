//! The one place that decides whether a program of the customer's may do what it asks for (conventions.md 9).

use crate::body::RequestBody;
use crate::widget::count;
use crate::{ApiError, App, accept, accept::Offer};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use model::rates;
use model::scopes::{Scope, Verb};
use model::secrets::{self, Digest};
use model::tickets::BusinessHours;
use serde_json::Value;
use std::sync::Arc;
use store::projects::Outsider;
use store::tickets::{Actor, ActorKind, Scene};
use tokio::time::Instant;
use uuid::Uuid;

/// The longest body, in bytes.
const BODY_MAX: usize = 256 * 1024;
/// Names the workflow that makes the change.
const FLOW: &str = "x-posthog-hog-flow-id";
/// What a key with a name must be allowed.
const SCOPE: Scope = Scope {
    object: "support_ticket",
    verb: Verb::Read,
};

/// A request of a program that may make it.
pub(super) struct Errand {
    pub(super) app: App,
    outsider: Arc<Outsider>,
    pub(super) body: Value,
    /// The workflow that sends the program.
    flow: Option<Uuid>,
}

impl Errand {
    /// The project's own office hours.
    pub(super) fn office_hours(&self) -> Option<BusinessHours> {
        self.outsider.project.settings.business_hours()
    }

    /// Where a change takes place, and that nobody of the team makes it.
    pub(super) fn scene(&self) -> Scene {
        let project = &self.outsider.project;
        Scene {
            project: project.id,
            organization: project.organization_id,
            actor: Actor {
                kind: ActorKind::External { flow: self.flow },
                ..Actor::system()
            },
            env: self.app.env.clone(),
            now: self.app.env.now(),
        }
    }
}

/// Lets a request in, or says why not: 406, 401, 403, 429, and for a change what reading the body gives.
///
/// # Errors
/// The first thing that is wrong.
pub(super) async fn admit(
    app: &App,
    request: Request,
    is_change: bool,
) -> Result<Errand, ApiError> {
    let (parts, body) = request.into_parts();
    accept::negotiate(&parts.headers, Offer::Json)?;
    let limit = app.config.body_limit.min(BODY_MAX);
    let mut body = RequestBody::new(body);
    let header = bearer(&parts.headers);
    let secret = match &header {
        Some(secret) => secret.clone(),
        // The project's own secret may come in the body, too.
        None => match body.value(&parts.headers, limit).await?["secret_api_key"].as_str() {
            Some(secret) if secret.starts_with("phs_") => secret.to_owned(),
            _ => return Err(unauthorised("Missing or invalid Authorization header")),
        },
    };
    if secret.is_empty() {
        return Err(unauthorised("Empty API key"));
    }
    let digest = secrets::digest(&secret);
    let outsider = find(app, digest).await?;
    let outsider = outsider.filter(|it| it.scopes.is_none() || header.is_some());
    let outsider = outsider.ok_or_else(|| unauthorised("Invalid API key"))?;
    if let Some(scopes) = &outsider.scopes {
        if is_change {
            let error = "Project secret API keys can only read tickets on this route";
            return Err(ApiError::hand_made(StatusCode::FORBIDDEN, error));
        }
        if !scopes.allow(SCOPE) {
            let error = format!("API key missing required scope '{SCOPE}'");
            return Err(ApiError::hand_made(StatusCode::FORBIDDEN, &error));
        }
    }
    for throttle in [&rates::EXTERNAL_BURST, &rates::EXTERNAL_SUSTAINED] {
        count(app, &outsider.project, throttle, &secret).await?;
    }
    let body = if is_change {
        body.value(&parts.headers, limit).await?.clone()
    } else {
        Value::Null
    };
    let flow = parts.headers.get(FLOW).and_then(|flow| flow.to_str().ok());
    Ok(Errand {
        app: app.clone(),
        outsider,
        body,
        flow: flow.and_then(|flow| Uuid::try_parse(flow.trim()).ok()),
    })
}

fn unauthorised(error: &str) -> ApiError {
    ApiError::hand_made(StatusCode::UNAUTHORIZED, error)
}

/// What stands behind `Bearer`; `None` without such a header.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

/// Whose secret it is. It is looked for by its digest, so the time that takes tells nothing of the secret itself.
async fn find(app: &App, digest: Digest) -> Result<Option<Arc<Outsider>>, ApiError> {
    if let Some(found) = app.caches.outsiders.find(&digest) {
        return Ok(Some(found));
    }
    let read_at = Instant::now();
    let found = app
        .store
        .read(move |c| Box::pin(async move { store::projects::find_outsider(c, &digest).await }))
        .await?;
    let found = found.filter(|found| found.project.settings.conversations_enabled);
    Ok(found.map(|found| app.caches.outsiders.keep(digest, read_at, found)))
}
