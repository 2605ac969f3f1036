//! An authorised request, as handlers see it.

use crate::accept::Accepted;
use crate::body::RequestBody;
use crate::edge::RequestId;
use crate::{ApiError, App};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::pagination::{Bounds, Page, Paginated};
use model::sessions::SessionSecret;
use model::{MemberLevel, ProjectId, SessionId, UserId};
use serde_json::Value;
use std::sync::Arc;
use store::keys::Key;
use store::organizations::Organization;
use store::projects::{Project, ProjectForUser};
use store::users::User;
use uuid::Uuid;

/// Longest text that is searched for, in characters.
const SEARCH_MAX: usize = 200;

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person.
    pub user: User,
    /// The personal API key that was used; `None` for a session.
    pub key: Option<Key>,
    /// The session, when no key was used.
    pub session: Option<SessionId>,
}

/// The parts of the path that the route leaves open, by name, percent-decoded.
#[derive(Clone, Debug, Default)]
pub struct PathParams(pub(crate) Vec<(String, String)>);

impl PathParams {
    /// The value of a part; empty when the route has no such part.
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The value of a part, which may be empty; `None`: the route has no such part.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(part, _)| part == name);
        found.map(|(_, value)| value.as_ref())
    }

    /// The value of a part as a UUID, in any of the usual notations.
    pub fn uuid(&self, name: &str) -> Option<Uuid> {
        model::fields::UuidKind::parse(self.text(name))
    }
}

/// The query string.
#[derive(Clone, Debug, Default)]
pub struct Query(pub(crate) String);

impl Query {
    /// As it came.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// A parameter's value; of several the last.
    pub fn text(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .filter(|(parameter, _)| parameter == name)
            .last()
            .map(|(_, value)| value.into_owned())
    }

    /// A parameter that is `true` or `false`; anything else is as if it were not there.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    /// A text that is searched for; an empty one, and one of more than 200 characters, is as if it were not there
    /// (tickets.md 3).
    pub fn search(&self, name: &str) -> Option<String> {
        let text = self.text(name)?.replace('\0', "");
        let text = text.trim();
        (!text.is_empty() && text.chars().count() <= SEARCH_MAX).then(|| text.to_owned())
    }
}

/// A request that may do what it asks for.
pub struct Call {
    /// The state that handlers share.
    pub app: App,
    /// Who is calling.
    pub caller: Caller,
    /// The open parts of the path.
    pub params: PathParams,
    /// The query string.
    pub query: Query,
    /// The request's method.
    pub method: Method,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The form of the answer that was negotiated.
    pub accepted: Accepted,
    /// Scheme and host that absolute links begin with.
    pub base_url: String,
    /// The path as the client wrote it, with or without a slash at its end.
    pub path: String,
    /// Names the request in the log.
    pub request_id: RequestId,
    pub(crate) project: Option<Arc<ProjectForUser>>,
    pub(crate) organization: Option<(Organization, MemberLevel)>,
    pub(crate) body: RequestBody,
}

impl Call {
    /// The project that the path names.
    ///
    /// # Errors
    /// 500 on a route without a project: a defect.
    pub fn project(&self) -> Result<&Project, ApiError> {
        Ok(&self.project_for_user()?.project)
    }

    /// The id of the project that the path names.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn project_id(&self) -> Result<ProjectId, ApiError> {
        Ok(self.project()?.id)
    }

    /// The project with its organisation, as the caller finds it.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn project_for_user(&self) -> Result<&ProjectForUser, ApiError> {
        let project = self.project.as_deref();
        project.ok_or_else(|| ApiError::internal("this route names no project"))
    }

    /// The organisation that the path names, and the caller's level in it.
    ///
    /// # Errors
    /// 500 on a route without an organisation: a defect.
    pub fn organization(&self) -> Result<&(Organization, MemberLevel), ApiError> {
        let organization = self.organization.as_ref();
        organization.ok_or_else(|| ApiError::internal("this route names no organisation"))
    }

    /// The secret of the session that the request came with; `None` when it came with a key.
    pub(crate) fn session_secret(&self) -> Option<SessionSecret> {
        self.caller.session?;
        crate::cookies::session_secret(&self.headers, &self.base_url)
    }

    /// Id of the person who is calling.
    pub fn user_id(&self) -> UserId {
        self.caller.user.id
    }

    /// The path's `short_id`.
    ///
    /// # Errors
    /// 404 when it can be none.
    pub(crate) fn short_id(&self) -> Result<String, ApiError> {
        let text = self.params.text("short_id");
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_plain
            .then(|| text.to_owned())
            .ok_or_else(ApiError::not_found)
    }

    /// The body as a JSON value. An empty body is an empty object.
    ///
    /// # Errors
    /// 408, 413, 415, and 400 `parse_error`; the same again for whoever asks again.
    pub async fn json(&mut self) -> Result<&Value, ApiError> {
        let limit = self.app.config.body_limit;
        self.body.value(&self.headers, limit).await
    }

    /// The body as it comes, on a route that [takes files](crate::Access::uploads).
    pub(crate) fn take_body(&mut self) -> axum::body::Body {
        self.body.take()
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The absolute address of this request, without its query.
    pub fn url(&self) -> String {
        format!("{}{}", self.base_url, self.path)
    }

    /// The part of a list that the request asks for.
    pub fn page(&self, bounds: Bounds) -> Page {
        Page::of(self.query.raw(), bounds)
    }

    /// A page of a list with the links to its neighbours.
    pub fn paginated<T>(&self, page: Page, results: Vec<T>, count: i64) -> Paginated<T> {
        page.wrap(results, count, &self.url(), self.query.raw())
    }
}

/// The answer to who has something deleted: 204.
///
/// # Errors
/// 404 when there was no such thing.
pub(crate) fn deleted(was_there: bool) -> Result<Response, ApiError> {
    match was_there {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(ApiError::not_found()),
    }
}

/// An answer that a browser saves under a name.
///
/// # Errors
/// 500 for a name that no header can hold: a defect.
pub(crate) fn download(kind: &'static str, name: &str, body: Body) -> Result<Response, ApiError> {
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(ApiError::internal)?;
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
