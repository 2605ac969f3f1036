//! A request to one of the few routes that are open to strangers: to sign in, to set the server up, to accept an
//! invitation.

use crate::accept::{self, Offer};
use crate::access::check_format;
use crate::body::RequestBody;
use crate::call::{PathParams, Query};
use crate::{ApiError, App, Caller, address, auth, origin};
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use model::rates::Throttle;
use model::sessions::SessionSecret;
use serde_json::Value;
use std::net::IpAddr;

/// A request of which nobody has asked who sent it. Its handler decides what a stranger may do.
pub struct Visit {
    /// The state that handlers share.
    pub app: App,
    /// The open parts of the path.
    pub params: PathParams,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Scheme and host that absolute links begin with.
    pub base_url: String,
    method: Method,
    client: Option<IpAddr>,
    body: RequestBody,
}

impl Visit {
    /// Takes a request, unless it wants an answer in a form that there is not, or is a change that a page of another
    /// site asks for.
    ///
    /// # Errors
    /// 406, 404 for an unknown `?format=`, and 403.
    pub(crate) fn of(app: &App, request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let query = Query(parts.uri.query().unwrap_or_default().to_owned());
        check_format(&query)?;
        accept::negotiate(&parts.headers, Offer::Json)?;
        let config = &app.config;
        let peer = parts.extensions.get::<address::Peer>().copied();
        let base_url = address::base_url(
            config.public_url.as_deref(),
            &config.trusted_proxies,
            peer,
            &parts.headers,
        );
        // What comes of it may be a session: nobody is to be signed in as somebody else by a page of another site.
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            origin::check(&parts.headers, &base_url)?;
        }
        Ok(Self {
            app: app.clone(),
            params: parts
                .extensions
                .get::<PathParams>()
                .cloned()
                .unwrap_or_default(),
            client: address::client(&config.trusted_proxies, peer, &parts.headers),
            headers: parts.headers,
            method: parts.method,
            base_url,
            body: RequestBody::new(body),
        })
    }

    /// The body as a JSON value. An empty body is an empty object.
    ///
    /// # Errors
    /// 408, 413, 415, and 400 `parse_error`.
    pub async fn json(&mut self) -> Result<&Value, ApiError> {
        self.body.value(&self.headers, BODY_MAX).await
    }

    /// The session that the request's cookie names, whether or not there is such a session.
    pub(crate) fn session_secret(&self) -> Option<SessionSecret> {
        crate::cookies::session_secret(&self.headers, &self.base_url)
    }

    /// Who is signed in in this browser, if anybody is.
    ///
    /// # Errors
    /// 403 without the session's token, 503.
    pub(crate) async fn signed_in(&self) -> Result<Option<Caller>, ApiError> {
        auth::signed_in(&self.app, &self.method, &self.headers, &self.base_url).await
    }

    /// Counts a request of this address.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn throttle_address(&self, throttle: &Throttle) -> Result<(), ApiError> {
        self.app.throttle_stranger(throttle, &self.network()).await
    }

    /// Where it comes from, as far as strangers are told apart.
    pub(crate) fn network(&self) -> String {
        self.client.map(address::network).unwrap_or_default()
    }
}

/// The longest body that a stranger may send, in bytes.
const BODY_MAX: usize = 16 * 1024;
