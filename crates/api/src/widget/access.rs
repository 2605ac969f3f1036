//! The one place that decides whether a visitor may do what they ask for (tickets.md 14, conventions.md 8).
//!
//! The order: token, throttles, honeypot, origin ([`admit`]); then, when the body has been read, who it is
//! ([`VisitorCall::visitor`]). Whose ticket it is can only be said in the transaction that uses it:
//! [`store::tickets::visit`].

use super::{Operation, forbidden};
use crate::body::RequestBody;
use crate::{ApiError, App, accept, accept::Offer, address};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use model::fields::{Fields, UuidKind};
use model::rates::{self, Limit, Throttle};
use model::widget::{Claim, RestoreRequest, Site, Visitor, is_listed};
use model::{Code, secrets};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;
use store::projects::{OpenProject, Project};
use store::tickets::{Actor, Scene};
use tokio::time::Instant;

/// Names the project, and is known to every visitor of its site.
const TOKEN: &str = "x-conversations-token";
/// Longest token that is looked for, in bytes.
const TOKEN_MAX: usize = 200;
/// The longest body, in bytes: a message of 10,000 characters, and what may come with it.
const BODY_MAX: usize = 256 * 1024;

/// A request that has the right token, comes from the right place, and not too often.
pub(super) struct VisitorCall {
    pub(super) app: App,
    open: Arc<OpenProject>,
    /// The body, or the parameters of the query as an object of texts.
    pub(super) input: Value,
    pub(super) headers: HeaderMap,
}

/// Lets a request in, or says why not: 406, the token's 403, 405, a missing token's 403, 429, what reading the body
/// gives, the honeypot's 400, the origin's 403.
///
/// # Errors
/// The first thing that is wrong.
pub(super) async fn admit(
    app: &App,
    operation: Operation,
    request: Request,
) -> Result<VisitorCall, ApiError> {
    let (parts, body) = request.into_parts();
    accept::negotiate(&parts.headers, Offer::Json)?;
    let token = parts
        .headers
        .get(TOKEN)
        .and_then(|token| token.to_str().ok());
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    let open = match token {
        Some(token) => Some(find_project(app, token).await?),
        None => None,
    };
    let is_head = parts.method == Method::HEAD && operation.is_read();
    if parts.method != operation.method() && !is_head {
        return Err(wrong_method(&parts.method, operation));
    }
    let open = open.ok_or_else(|| forbidden("Authentication required"))?;
    let input = if operation.is_read() {
        Ok(parameters(parts.uri.query().unwrap_or_default()))
    } else {
        let limit = app.config.body_limit.min(BODY_MAX);
        let mut body = RequestBody::new(body);
        body.value(&parts.headers, limit).await.cloned()
    };
    let peer = parts.extensions.get::<address::Peer>().copied();
    let client = address::client(&app.config.trusted_proxies, peer, &parts.headers);
    // What cannot be read counts, too.
    let known = input.as_ref().unwrap_or(&Value::Null);
    throttle(app, &open.project, operation, known, client).await?;
    let visit = VisitorCall {
        app: app.clone(),
        open,
        input: input?,
        headers: parts.headers,
    };
    if operation == Operation::Message && is_filled(&visit.input["_hp"]) {
        return Err(ApiError::hand_made(
            StatusCode::BAD_REQUEST,
            "Invalid request",
        ));
    }
    visit.check_origin()?;
    Ok(visit)
}

impl VisitorCall {
    pub(super) fn project(&self) -> &Project {
        &self.open.project
    }

    /// Where a change takes place, and that the customer makes it.
    pub(super) fn scene(&self) -> Scene {
        let project = self.project();
        Scene {
            project: project.id,
            organization: project.organization_id,
            actor: Actor::customer(),
            env: self.app.env.clone(),
            now: self.app.env.now(),
        }
    }

    /// Who is asking.
    ///
    /// # Errors
    /// 403 when they are not who they say.
    pub(super) fn visitor(&self, claim: Claim) -> Result<Visitor, ApiError> {
        let secrets = if claim.needs_secrets() {
            self.open.secrets(&self.app.secret_key)?
        } else {
            Vec::new()
        };
        let visitor = claim.check(&secrets, self.app.env.now());
        visitor.ok_or_else(|| forbidden("Forbidden"))
    }

    /// The site that a header names.
    fn site(&self, name: header::HeaderName) -> Option<Site> {
        Site::of(self.headers.get(name)?.to_str().ok()?)
    }

    /// The site of the page that calls.
    pub(super) fn origin(&self) -> Option<Site> {
        let origin = self.site(header::ORIGIN);
        origin.or_else(|| self.site(header::REFERER))
    }

    fn check_origin(&self) -> Result<(), ApiError> {
        let domains = &self.project().settings.widget_domains;
        let sites = [header::ORIGIN, header::REFERER].map(|name| self.site(name));
        let is_known = |site: &Site| is_listed(domains, site.host());
        if domains.is_empty() || sites.iter().flatten().any(is_known) {
            return Ok(());
        }
        Err(forbidden("Origin not allowed"))
    }
}

/// The project of a token, if its conversations are switched on.
async fn find_project(app: &App, token: &str) -> Result<Arc<OpenProject>, ApiError> {
    let unknown = || {
        let detail = "Invalid token or conversations not enabled";
        ApiError::with_detail(Code::AuthenticationFailed, detail).with_status(StatusCode::FORBIDDEN)
    };
    if token.len() > TOKEN_MAX || token.contains('\0') {
        return Err(unknown());
    }
    let digest = secrets::digest(token);
    if let Some(found) = app.caches.widgets.find(&digest) {
        return Ok(found);
    }
    let read_at = Instant::now();
    let token = token.to_owned();
    let found = app
        .store
        .read(move |c| {
            Box::pin(async move { store::projects::find_by_widget_token(c, &token).await })
        })
        .await?;
    let found = found.filter(|found| found.project.settings.conversations_enabled);
    let found = found.ok_or_else(unknown)?;
    Ok(app.caches.widgets.keep(digest, read_at, found))
}

fn wrong_method(method: &Method, operation: Operation) -> ApiError {
    let detail = format!("Method \"{method}\" not allowed.");
    let allow = if operation.is_read() {
        "GET, HEAD, OPTIONS"
    } else {
        "POST, OPTIONS"
    };
    ApiError::with_detail(Code::MethodNotAllowed, detail)
        .header(header::ALLOW, HeaderValue::from_static(allow))
}

/// Parameters as an object of texts; of several with one name the last counts. An empty one is as if it were not there.
fn parameters(query: &str) -> Value {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        members.insert(name.into_owned(), value.into_owned().into());
    }
    members.retain(|_, value| value != "");
    Value::Object(members)
}

/// Counts a request: for its visitor and for the project; those about restoring for the address of the mail or of the
/// network instead of the visitor.
async fn throttle(
    app: &App,
    project: &Project,
    operation: Operation,
    input: &Value,
    client: Option<IpAddr>,
) -> Result<(), ApiError> {
    let id = project.id;
    let network = client.map(address::network).unwrap_or_default();
    let (mine, subject) = match operation {
        Operation::RestoreRequest => {
            let email = Fields::of(input)
                .ok()
                .and_then(|it| RestoreRequest::email_of(&it));
            let subject = email.unwrap_or(network);
            (&rates::WIDGET_RESTORE_REQUESTS, format!("{id} {subject}"))
        }
        Operation::Restore => (&rates::WIDGET_RESTORES, network),
        _ => {
            let session = input["widget_session_id"]
                .as_str()
                .and_then(UuidKind::parse);
            let subject = session.map_or(network, |session| session.to_string());
            (&rates::WIDGET_VISITOR, format!("{id} {subject}"))
        }
    };
    let all = if operation.is_read() {
        &rates::WIDGET_READS
    } else {
        &rates::WIDGET_WRITES
    };
    count(app, project, mine, &subject).await?;
    count(app, project, all, &id.to_string()).await
}

/// Counts one for a subject that is not a member of the team.
pub(crate) async fn count(
    app: &App,
    project: &Project,
    throttle: &Throttle,
    subject: &str,
) -> Result<(), ApiError> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let own = project.settings.limit(throttle);
    match own.unwrap_or_else(|| app.config.limit(throttle)) {
        Limit::Off => Ok(()),
        // What is kept of a visitor is a digest, and has one length.
        Limit::At(rate) => app
            .limits
            .check(throttle.name, rate, &hex(&secrets::digest(subject)))
            .await
            .map_err(ApiError::throttled),
    }
}

fn hex(digest: &secrets::Digest) -> String {
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether a program has filled in what people do not see.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}
