//! Answers that are streams of server-sent events.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use std::convert::Infallible;

/// A response that sends the events as they come. Nothing between server and client may hold it back, change it
/// or keep it.
pub(crate) fn events(
    status: StatusCode,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        ),
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (
        status,
        headers,
        Body::from_stream(events.map(Ok::<_, Infallible>)),
    )
        .into_response()
}

/// A stream of one `message` event without an id, or of none.
pub(super) fn single_message(message: Option<String>) -> Response {
    let event = message.map(|data| Bytes::from(format!("event: message\ndata: {data}\n\n")));
    events(StatusCode::OK, futures::stream::iter(event))
}
