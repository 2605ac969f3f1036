//! Who may call from a browser of another site: everybody, without credentials (conventions.md 7).

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

const METHODS: &str = "DELETE, GET, OPTIONS, PATCH, POST, PUT";
const REQUEST_HEADERS: &str = "accept, authorization, baggage, content-type, idempotency-key, last-event-id, prefer, \
    sentry-trace, traceparent, tracestate, user-agent, x-conversations-token, x-csrftoken, x-posthog-client, \
    x-posthog-session-id, x-posthog-distinct-id, x-posthog-window-id, x-request-id, x-requested-with";
const RESPONSE_HEADERS: &str = "retry-after, x-request-id";

/// Whether the rules of this module hold for a path.
pub(crate) fn applies(path: &str) -> bool {
    ["/api/", "/array/", "/static/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
        || crate::capture::PATHS.contains(&path.trim_end_matches('/'))
}

/// The answer to a browser that asks whether it may send a request.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let is_preflight = method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    is_preflight.then(|| {
        let answer = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ];
        (StatusCode::OK, answer).into_response()
    })
}

/// Lets a page of any site read the answer. A browser sends no cookies along with such a request, so nothing is
/// given away that the page could not have got without the browser.
pub(crate) fn allow(request_has_origin: bool, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if request_has_origin {
        let any = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
        let exposed = HeaderValue::from_static(RESPONSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
