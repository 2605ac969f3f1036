//! What a client is told when a request fails, and what only the log is told.
//!
//! The envelope is that of conventions.md 4: `{"type", "code", "detail", "attr"}`, in this order. A few answers
//! are hand-made instead: [`ApiError::hand_made`].

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::rates::{retry_after_seconds, throttled_detail};
use model::{Code, FieldError};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a client should wait before it tries again when storage is busy.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// A failed request: status, body and headers for the client, and perhaps a cause for the log.
#[derive(Clone)]
pub struct ApiError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    body: ErrorBody,
    headers: HeaderMap,
    internal: Option<Arc<str>>,
}

#[derive(Clone)]
enum ErrorBody {
    Envelope(Envelope),
    HandMade(Value),
    Empty,
}

#[derive(Clone)]
struct Envelope {
    code: Code,
    detail: String,
    attr: Option<String>,
    /// Further members, in the order in which they were added.
    extra: Vec<(&'static str, Value)>,
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.code.entry();
        let mut map = serializer.serialize_map(Some(4 + self.extra.len()))?;
        map.serialize_entry("type", entry.kind)?;
        map.serialize_entry("code", entry.name)?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("attr", &self.attr)?;
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The cause of a failure, on its way in the response's extensions to the line that is logged for the request.
#[derive(Clone, Debug)]
pub(crate) struct InternalDetail(pub(crate) Arc<str>);

impl ApiError {
    /// The table's answer for a code.
    pub fn new(code: Code) -> Self {
        Self::with_detail(code, code.entry().detail)
    }

    /// The table's answer for a code, with an exacter sentence.
    pub fn with_detail(code: Code, detail: impl Into<String>) -> Self {
        let entry = code.entry();
        let status = StatusCode::from_u16(entry.status);
        let envelope = Envelope {
            code,
            detail: detail.into(),
            attr: None,
            extra: Vec::new(),
        };
        Self::of(
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            ErrorBody::Envelope(envelope),
        )
    }

    /// `{"error": <text>}` without an envelope, where clients expect that.
    pub fn hand_made(status: StatusCode, error: &str) -> Self {
        Self::json(status, serde_json::json!({ "error": error }))
    }

    /// Any JSON body without an envelope, where clients expect that.
    pub fn json(status: StatusCode, body: Value) -> Self {
        Self::of(status, ErrorBody::HandMade(body))
    }

    /// No body at all.
    pub fn empty(status: StatusCode) -> Self {
        Self::of(status, ErrorBody::Empty)
    }

    fn of(status: StatusCode, body: ErrorBody) -> Self {
        Self(Box::new(Inner {
            status,
            body,
            headers: HeaderMap::new(),
            internal: None,
        }))
    }

    /// 404 `Not found.`
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// 404 for a path that no route has.
    pub fn endpoint_not_found() -> Self {
        Self::with_detail(Code::NotFound, "Endpoint not found.")
    }

    /// 403 with a sentence that says what is missing.
    pub fn permission_denied(detail: impl Into<String>) -> Self {
        Self::with_detail(Code::PermissionDenied, detail)
    }

    /// 409 in the envelope.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::with_detail(Code::Conflict, detail)
    }

    /// 429 with the general throttles' sentence.
    pub fn throttled(wait: Duration) -> Self {
        Self::throttled_with(wait, throttled_detail(wait))
    }

    /// 429 with a sentence of its own.
    pub fn throttled_with(wait: Duration, detail: String) -> Self {
        Self::with_detail(Code::Throttled, detail).retry_after(wait)
    }

    /// 503, to be tried again after `wait`.
    pub fn unavailable(wait: Duration) -> Self {
        Self::new(Code::Unavailable).retry_after(wait)
    }

    /// 500. The cause is for the log only; the client is told nothing of it.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Code::Error).because(cause)
    }

    /// Names the field that the envelope is about.
    #[must_use]
    pub fn attr(mut self, attr: impl Into<String>) -> Self {
        if let ErrorBody::Envelope(envelope) = &mut self.0.body {
            envelope.attr = Some(attr.into());
        }
        self
    }

    /// Adds a member to the envelope.
    #[must_use]
    pub fn extra(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        if let ErrorBody::Envelope(envelope) = &mut self.0.body {
            envelope.extra.push((name, value.into()));
        }
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Tells the client how long to wait: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, retry_after_seconds(wait).into())
    }

    /// Another status than the table's, where clients expect that.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Adds a cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.internal = Some(cause.to_string().into());
        self
    }

    /// The status that will be answered.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code of the envelope; `None` for a hand-made body.
    pub fn code(&self) -> Option<Code> {
        match &self.0.body {
            ErrorBody::Envelope(envelope) => Some(envelope.code),
            ErrorBody::HandMade(_) | ErrorBody::Empty => None,
        }
    }

    /// The body as it goes out.
    fn bytes(&self) -> Vec<u8> {
        let rendered = match &self.0.body {
            ErrorBody::Envelope(envelope) => serde_json::to_vec(envelope),
            ErrorBody::HandMade(value) => serde_json::to_vec(value),
            ErrorBody::Empty => Ok(Vec::new()),
        };
        // Maps with text keys always render.
        rendered.unwrap_or_default()
    }
}

/// For logs: the status, what the client is told, and the cause.
impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.0.status.as_u16())
            .field("body", &String::from_utf8_lossy(&self.bytes()))
            .field("internal", &self.0.internal)
            .finish()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let bytes = self.bytes();
        let Inner {
            status,
            body,
            headers,
            internal,
        } = *self.0;
        let is_json = !matches!(body, ErrorBody::Empty);
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        if is_json {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(cause) = internal {
            response.extensions_mut().insert(InternalDetail(cause));
        }
        response
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        let answer = Self::with_detail(error.code, error.detail);
        match error.attr {
            Some(attr) => answer.attr(attr),
            None => answer,
        }
    }
}

/// A storage failure is never the client's fault here: what a client can cause (a taken name, say) is to be told
/// apart before.
impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy => Self::unavailable(BUSY_RETRY),
            store::Error::Unavailable(_) => Self::unavailable(BUSY_RETRY).because(error),
            other => Self::internal(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn text(error: ApiError) -> (u16, HeaderMap, String) {
        let response = error.into_response();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_envelope_has_its_members_in_order() {
        let error = ApiError::from(FieldError::plain("content", Code::Required));
        let (status, headers, body) = text(error).await;
        assert_eq!(status, 400);
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(
            body,
            r#"{"type":"validation_error","code":"required","detail":"This field is required.","attr":"content"}"#
        );
        let idle =
            ApiError::with_detail(Code::InvalidInput, "Idle.").extra("reason", "conversation_idle");
        assert_eq!(
            text(idle).await.2,
            r#"{"type":"validation_error","code":"invalid_input","detail":"Idle.","attr":null,"reason":"conversation_idle"}"#
        );
    }

    #[tokio::test]
    async fn a_401_carries_a_challenge_and_a_429_says_when() {
        let (status, headers, _) = text(ApiError::new(Code::NotAuthenticated)).await;
        assert_eq!(status, 401);
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
        let (status, headers, body) =
            text(ApiError::throttled(Duration::from_millis(59_001))).await;
        assert_eq!(status, 429);
        assert_eq!(headers[header::RETRY_AFTER], "60");
        assert!(body.contains("Expected available in 60 seconds."), "{body}");
    }

    #[tokio::test]
    async fn the_cause_is_for_the_log_only() {
        let error = ApiError::from(store::Error::Internal("no such table: secrets".to_owned()));
        let response = error.clone().into_response();
        let cause = response.extensions().get::<InternalDetail>().unwrap();
        assert!(cause.0.contains("no such table"));
        let (status, _, body) = text(error).await;
        assert_eq!(status, 500);
        assert_eq!(
            body,
            r#"{"type":"server_error","code":"error","detail":"A server error occurred.","attr":null}"#
        );
    }

    #[tokio::test]
    async fn busy_storage_asks_to_come_back() {
        for error in [
            store::Error::Busy,
            store::Error::Unavailable("disk".to_owned()),
        ] {
            let (status, headers, body) = text(error.into()).await;
            assert_eq!(status, 503);
            assert_eq!(headers[header::RETRY_AFTER], "1");
            assert!(body.contains("\"A server error occurred.\""), "{body}");
            assert!(!body.contains("disk"));
        }
    }

    #[tokio::test]
    async fn hand_made_bodies_stand_alone() {
        let error = ApiError::hand_made(StatusCode::NOT_FOUND, "Conversation not found");
        let (status, _, body) = text(error).await;
        assert_eq!(
            (status, body.as_str()),
            (404, r#"{"error":"Conversation not found"}"#)
        );
        let (status, headers, body) = text(ApiError::empty(StatusCode::SERVICE_UNAVAILABLE)).await;
        assert_eq!((status, body.as_str()), (503, ""));
        assert!(!headers.contains_key(header::CONTENT_TYPE));
    }
}
