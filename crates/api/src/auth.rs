//! Who is calling: finding and checking a personal API key, or a session (conventions.md 2.1).

use crate::body::RequestBody;
use crate::call::{Caller, Query};
use crate::{ApiError, App, cookies, origin};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use model::secrets::{self, Kind};
use model::sessions::{SessionSecret, TOUCH_INTERVAL};
use model::{Code, KeyId};
use serde_json::Value;
use std::sync::Arc;
use store::keys::{FoundKey, TOUCH_INTERVAL_MICROS};
use store::sessions::FoundSession;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

/// The longest body that is looked into for a key, in bytes. Reading a body takes many times its length in memory, so
/// strangers may not send as much as those who show in another way who they are.
const STRANGERS_BODY_MAX: usize = 1024 * 1024;

/// Where a key was found, as the refusal names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Body,
    Query,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Header => "Authorization header",
            Self::Body => "body",
            Self::Query => "query string",
        }
    }
}

/// Finds out who is calling.
///
/// One candidate only: the header, else the body, else the query, else the session's cookie. If it is bad, the
/// others are not tried. The body is read only when the header has no key, so a request without credentials and
/// with a malformed body is told about the body.
///
/// # Errors
/// 401; 403 for a change that no page of ours asks for; what reading the body gives; 503 when the store does not
/// answer.
pub(crate) async fn authenticate(
    app: &App,
    parts: &Parts,
    query: &Query,
    body: &mut RequestBody,
    base_url: &str,
) -> Result<Caller, ApiError> {
    let (method, headers) = (&parts.method, &parts.headers);
    let (secret, place) = match bearer(headers) {
        Some(secret) => (secret.to_owned(), Place::Header),
        None => {
            let limit = body_limit(app, headers, query, base_url).await?;
            match in_body(body.value(headers, limit).await?) {
                Some(secret) => (secret, Place::Body),
                None => match query.text("personal_api_key") {
                    Some(secret) => (secret, Place::Query),
                    None => {
                        let caller = signed_in(app, method, headers, base_url).await?;
                        return caller.ok_or_else(|| no_credentials(method, query));
                    }
                },
            }
        }
    };
    if place == Place::Header && Kind::of(&secret) == Some(Kind::OauthAccess) {
        return Err(failed("Invalid access token."));
    }
    let found = find(app, &secret).await?.ok_or_else(|| {
        let place = place.name();
        failed(&format!(
            "Personal API key found in request {place} is invalid."
        ))
    })?;
    record_use(app, &found);
    Ok(Caller {
        user: found.user.clone(),
        key: Some(found.key.clone()),
        session: None,
    })
}

/// How much is read of the body of a request that has no key in its header: all that the server takes of who has a
/// good key in the query or a session.
///
/// # Errors
/// 503 when the store does not answer.
async fn body_limit(
    app: &App,
    headers: &HeaderMap,
    query: &Query,
    base_url: &str,
) -> Result<usize, ApiError> {
    let is_known = match query.text("personal_api_key") {
        Some(secret) => find(app, &secret).await?.is_some(),
        None => match cookies::session_secret(headers, base_url) {
            Some(secret) => find_session(app, &secret).await?.is_some(),
            None => false,
        },
    };
    let limit = app.config.body_limit;
    Ok(if is_known {
        limit
    } else {
        limit.min(STRANGERS_BODY_MAX)
    })
}

/// Whoever the session's cookie says, unless it is an old one. A browser adds the cookie by itself, so what changes
/// something must also show that a page of ours has asked for it.
///
/// # Errors
/// 403 for a change that no page of ours asks for; 503 when the store does not answer.
pub(crate) async fn signed_in(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    base_url: &str,
) -> Result<Option<Caller>, ApiError> {
    let Some(secret) = cookies::session_secret(headers, base_url) else {
        return Ok(None);
    };
    let Some(found) = find_session(app, &secret).await? else {
        return Ok(None);
    };
    if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        origin::check(headers, base_url)?;
        let token = headers.get("x-csrftoken");
        let token = token.map_or(&[][..], HeaderValue::as_bytes);
        if !bool::from(token.ct_eq(secret.csrf_token().as_bytes())) {
            return Err(ApiError::permission_denied(
                "CSRF Failed: CSRF token missing or incorrect.",
            ));
        }
    }
    record_session_use(app, &found);
    Ok(Some(Caller {
        user: found.user.clone(),
        key: None,
        session: Some(found.session.id),
    }))
}

/// The session that a secret names, if it is still worth something.
///
/// # Errors
/// 503 when the store does not answer.
pub(crate) async fn find_session(
    app: &App,
    secret: &SessionSecret,
) -> Result<Option<Arc<FoundSession>>, ApiError> {
    let (digest, now) = (secret.digest(), app.env.now());
    let is_good = |found: &FoundSession| {
        // The index has compared the digests already, but not in constant time.
        found.session.expires_at > now && bool::from(found.digest.ct_eq(&digest))
    };
    let kept = app.caches.sessions.find(&digest);
    if let Some(found) = kept.filter(|found| is_good(found)) {
        return Ok(Some(found));
    }
    let read_at = Instant::now();
    let found = app
        .store
        .read(move |c| {
            Box::pin(async move { store::sessions::find_by_digest(c, &digest, now).await })
        })
        .await?;
    Ok(found
        .filter(is_good)
        .map(|found| app.caches.sessions.keep(digest, read_at, found)))
}

/// The token of `Authorization: Bearer <token>`. Another scheme, or a token of fewer than two characters, counts
/// as none at all.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.chars().count() >= 2).then_some(token)
}

fn in_body(body: &Value) -> Option<String> {
    match body.get("personal_api_key")? {
        Value::String(secret) if !secret.is_empty() => Some(secret.clone()),
        _ => None,
    }
}

fn no_credentials(method: &Method, query: &Query) -> ApiError {
    let has_project_token = ["token", "api_key"]
        .iter()
        .any(|name| query.text(name).is_some_and(|token| !token.is_empty()));
    if method == Method::GET && has_project_token {
        // A project's public token is no credential here.
        return ApiError::new(Code::AuthenticationFailed);
    }
    ApiError::new(Code::NotAuthenticated)
}

fn failed(detail: &str) -> ApiError {
    ApiError::with_detail(Code::AuthenticationFailed, detail)
}

async fn find(app: &App, secret: &str) -> Result<Option<Arc<FoundKey>>, ApiError> {
    let digest = secrets::digest(secret);
    if let Some(found) = app.caches.keys.find(&digest) {
        return Ok(Some(found));
    }
    let read_at = Instant::now();
    let found = app
        .store
        .read(move |c| Box::pin(async move { store::keys::find_by_digest(c, &digest).await }))
        .await?;
    // The index has compared the digests already, but not in constant time.
    let is_same = |found: &FoundKey| bool::from(found.digest.ct_eq(&digest));
    Ok(found
        .filter(is_same)
        .map(|found| app.caches.keys.keep(digest, read_at, found)))
}

/// Notes the use of a key, at most once an hour and without holding up the request. When it fails, the next
/// request tries again.
fn record_use(app: &App, found: &FoundKey) {
    let now = app.env.now();
    let is_recent =
        |last: model::Timestamp| now.as_micros() - last.as_micros() < TOUCH_INTERVAL_MICROS;
    if found.key.last_used_at.is_some_and(is_recent) {
        return;
    }
    let id: KeyId = found.key.id;
    if app.caches.touches.find(&id.0).is_some() {
        return;
    }
    app.caches.touches.keep(id.0, Instant::now(), ());
    let store = app.store.clone();
    tokio::spawn(async move {
        let touched = store
            .write(move |c| Box::pin(async move { store::keys::touch(c, id, now).await }))
            .await;
        if let Err(error) = touched {
            tracing::warn!(%error, key_id = %id, "the use of a key was not recorded");
        }
    });
}

/// Notes the use of a session, as [`record_use`] does. With it the session lives on.
fn record_session_use(app: &App, found: &FoundSession) {
    let now = app.env.now();
    if now.since(found.session.last_seen_at) < TOUCH_INTERVAL {
        return;
    }
    let id = found.session.id;
    if app.caches.touches.find(&id.0).is_some() {
        return;
    }
    app.caches.touches.keep(id.0, Instant::now(), ());
    let store = app.store.clone();
    tokio::spawn(async move {
        let touched = store
            .write(move |c| Box::pin(async move { store::sessions::touch(c, id, now).await }))
            .await;
        if let Err(error) = touched {
            tracing::warn!(%error, session_id = %id, "the use of a session was not recorded");
        }
    });
}
