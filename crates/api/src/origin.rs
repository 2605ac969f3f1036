//! Whether a change comes from a page of this server, for requests whose credentials a browser adds by itself.

use crate::ApiError;
use axum::http::{HeaderMap, Uri, header};

/// Refuses a request that a browser says a page of another site has made. Programs send no `Origin`.
///
/// The page's host and port must be those that the request asked for, or those that this server's links begin with.
/// Its scheme may be another: a proxy may have taken the TLS off.
///
/// # Errors
/// 403.
pub(crate) fn check(headers: &HeaderMap, base_url: &str) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let authority = |url: &str| {
        let url = url.parse::<Uri>().ok()?;
        url.scheme()?;
        Some(url.authority()?.as_str().to_ascii_lowercase())
    };
    let origin = origin.to_str().ok().and_then(authority);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let is_ours = |origin: &String| {
        host.is_some_and(|host| host.eq_ignore_ascii_case(origin))
            || authority(base_url).as_ref() == Some(origin)
    };
    if origin.as_ref().is_some_and(is_ours) {
        return Ok(());
    }
    Err(ApiError::permission_denied(
        "CSRF Failed: Origin checking failed: the request comes from a page of another site.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(origin: Option<&str>, host: &str, base_url: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check(&headers, base_url).is_ok()
    }

    #[test]
    fn a_page_must_have_the_host_that_was_asked_for_or_the_public_one() {
        for (origin, host, base_url, expected) in [
            (None, "a.example", "http://a.example", true),
            (
                Some("http://a.example"),
                "a.example",
                "http://a.example",
                true,
            ),
            (
                Some("http://A.example"),
                "a.EXAMPLE",
                "http://b.example",
                true,
            ),
            (
                Some("https://a.example"),
                "a.example",
                "http://a.example",
                true,
            ),
            (
                Some("https://a.example"),
                "inner:8080",
                "https://a.example",
                true,
            ),
            (
                Some("http://127.0.0.1:8080"),
                "127.0.0.1:8080",
                "https://a.example",
                true,
            ),
            (
                Some("http://a.example:81"),
                "a.example",
                "http://a.example",
                false,
            ),
            (
                Some("https://b.example"),
                "a.example",
                "https://a.example",
                false,
            ),
            (
                Some("https://a.example.evil"),
                "a.example",
                "https://a.example",
                false,
            ),
            (
                Some("https://a.example@evil"),
                "a.example",
                "https://a.example",
                false,
            ),
            (Some("a.example"), "a.example", "https://a.example", false),
            (Some("null"), "a.example", "https://a.example", false),
            (Some(""), "a.example", "https://a.example", false),
        ] {
            assert_eq!(
                is_ours(origin, host, base_url),
                expected,
                "{origin:?} {host}"
            );
        }
    }
}
