//! Request bodies: JSON and forms become one JSON value (conventions.md 4.3).

mod form;
mod json;

use crate::ApiError;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use model::Code;
use serde_json::{Map, Value};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a body may take to arrive.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(60);

/// A request's body, read when somebody asks for it.
pub(crate) enum RequestBody {
    /// Not looked at. The mutex is never waited for: it lets handlers share a request that holds one.
    Unread(Mutex<axum::body::Body>),
    /// Read; the outcome is kept for whoever asks again.
    Read(Result<Value, ApiError>),
}

impl RequestBody {
    /// A body that is read when somebody asks for it.
    pub(crate) fn new(body: axum::body::Body) -> Self {
        Self::Unread(Mutex::new(body))
    }

    /// The body itself, for a handler that reads it in its own way. Empty when it has been read already.
    pub(crate) fn take(&mut self) -> axum::body::Body {
        match self {
            Self::Unread(body) => {
                std::mem::take(body.get_mut().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Read(_) => axum::body::Body::empty(),
        }
    }

    /// The body as a JSON value. An empty body is an empty object.
    ///
    /// # Errors
    /// 408, 413, 415, and 400 `parse_error`.
    pub(crate) async fn value(
        &mut self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<&Value, ApiError> {
        if let Self::Unread(body) = self {
            let body = std::mem::take(body.get_mut().unwrap_or_else(PoisonError::into_inner));
            *self = Self::Read(read(body, headers, limit).await);
        }
        match self {
            Self::Read(Ok(value)) => Ok(value),
            Self::Read(Err(error)) => Err(error.clone()),
            // Read just above.
            Self::Unread(_) => Err(ApiError::internal("the body was not read")),
        }
    }
}

async fn read(
    body: axum::body::Body,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Value, ApiError> {
    let bytes = receive(body, headers, limit).await?;
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or_default());
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        // Who sends no type is taken to mean the usual one.
        "application/json" | "" => json::parse(&bytes),
        "application/x-www-form-urlencoded" => Ok(form::urlencoded(&bytes)),
        "multipart/form-data" => form::multipart(bytes, content_type).await,
        _ => {
            let shown: String = content_type.chars().take(200).collect();
            Err(ApiError::with_detail(
                Code::UnsupportedMediaType,
                format!("Unsupported media type \"{shown}\" in request."),
            ))
        }
    }
}

/// A body of at most `limit` bytes, as it came.
///
/// # Errors
/// 408 and 413, and 400 for one that breaks off.
pub(crate) async fn receive(
    body: axum::body::Body,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, ApiError> {
    receive_within(body, headers, limit, RECEIVE_TIMEOUT).await
}

/// As [`receive`], within this time.
///
/// # Errors
/// As [`receive`].
pub(crate) async fn receive_within(
    body: axum::body::Body,
    headers: &HeaderMap,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, ApiError> {
    let receiving = collect(body, headers, limit);
    tokio::time::timeout(timeout, receiving)
        .await
        .map_err(|_| ApiError::new(Code::RequestTimeout))?
}

/// Takes the whole body in, but never more than the limit.
async fn collect(
    mut body: axum::body::Body,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(refuse(body, headers, limit).await);
    }
    // An announcement alone costs its sender nothing, so it gets little memory.
    let mut out = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::with_detail(Code::ParseError, "The request body ended before its time.")
                .because(error)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > limit - out.len() {
            return Err(refuse(body, headers, limit).await);
        }
        out.extend_from_slice(&data);
    }
    Ok(out.into())
}

/// Reads on for a while and throws it away: a client that is cut off in the middle of sending sees a broken
/// connection instead of the answer. One that waits for a go-ahead has sent nothing and needs no such care.
async fn refuse(mut body: axum::body::Body, headers: &HeaderMap, limit: usize) -> ApiError {
    let mut patience = limit.saturating_mul(4);
    while !headers.contains_key(header::EXPECT) {
        match body.frame().await {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match patience.checked_sub(length) {
                    Some(rest) => patience = rest,
                    None => break,
                }
            }
            Some(Err(_)) | None => break,
        }
    }
    ApiError::new(Code::RequestTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Value, ApiError> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        let mut body = RequestBody::new(axum::body::Body::from(body.to_vec()));
        body.value(&headers, 1000).await.cloned()
    }

    #[tokio::test]
    async fn reads_json_and_forms() {
        const MULTIPART: &str = "multipart/form-data; boundary=X";
        for (content_type, body, expected) in [
            (Some("application/json"), &b"{\"a\": 1}"[..], json!({"a": 1})),
            (Some("application/json; charset=latin-1"), "{\"a\":\"\u{e4}\"}".as_bytes(), json!({"a": "\u{e4}"})),
            (Some("Application/JSON"), b"[]", json!([])),
            (None, b"{\"a\":1,\"a\":2}", json!({"a": 2})),
            (Some("text/plain"), b"", json!({})),
            (Some("application/json"), b"", json!({})),
            (
                Some("application/x-www-form-urlencoded"),
                b"status=open&x=a+b%26&x=last&empty",
                json!({"status": "open", "x": "last", "empty": ""}),
            ),
            (
                Some(MULTIPART),
                b"--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhello\r\n--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\n\r\n\xff\r\n--X--\r\n",
                json!({"a": "hello"}),
            ),
        ] {
            assert_eq!(parse(content_type, body).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn says_what_cannot_be_read() {
        for (content_type, body, status, code) in [
            ("application/json", &b"{bad"[..], 400, Code::ParseError),
            ("text/plain", b"x", 415, Code::UnsupportedMediaType),
            (
                "application/vnd.api+json",
                b"{}",
                415,
                Code::UnsupportedMediaType,
            ),
            ("multipart/form-data", b"x", 400, Code::ParseError),
            (
                "multipart/form-data; boundary=X",
                b"--X\r\nContent",
                400,
                Code::ParseError,
            ),
            (
                "application/json",
                &[b' '; 1001],
                413,
                Code::RequestTooLarge,
            ),
        ] {
            let error = parse(Some(content_type), body).await.unwrap_err();
            assert_eq!(
                (error.status().as_u16(), error.code()),
                (status, Some(code)),
                "{content_type}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_taken() {
        let mut body = vec![b' '; 998];
        body.extend_from_slice(b"{}");
        assert_eq!(parse(None, &body).await.unwrap(), json!({}));
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_refused_at_once() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "1001".parse().unwrap());
        headers.insert(header::EXPECT, "100-continue".parse().unwrap());
        let never = futures::stream::pending::<std::io::Result<Bytes>>();
        let never = axum::body::Body::from_stream(never);
        let error = RequestBody::new(never)
            .value(&headers, 1000)
            .await
            .unwrap_err();
        assert_eq!(error.status().as_u16(), 413);
    }

    #[tokio::test]
    async fn the_outcome_is_kept() {
        let mut body = RequestBody::new(axum::body::Body::from("{bad"));
        for _ in 0..2 {
            let error = body.value(&HeaderMap::new(), 1000).await.unwrap_err();
            assert_eq!(error.code(), Some(Code::ParseError));
        }
    }
}
