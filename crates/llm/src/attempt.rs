//! One attempt at a request, and how long to pause before the next.

use crate::{Error, ProviderConfig, failure};
use reqwest::Response;
use reqwest::header::HeaderMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A pause that a server asks for is respected up to this. If it asks for more, we give up and pass its wish on.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// As much of an error's body as is looked at.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// How long to wait for it.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Another attempt may fare better.
    pub(crate) transient: bool,
    /// The body of a refusal (400 or 422), which may name what the server does not understand.
    pub(crate) refusal: Option<String>,
}

impl Failure {
    pub(crate) fn lasting(error: Error) -> Self {
        Self {
            error,
            transient: false,
            refusal: None,
        }
    }

    pub(crate) fn transient(error: Error) -> Self {
        Self {
            transient: true,
            ..Self::lasting(error)
        }
    }

    /// An error found in, or reported by, an answer that had begun well.
    pub(crate) fn from_stream(error: Error) -> Self {
        Self {
            transient: matches!(error, Error::Unavailable { .. }),
            ..Self::lasting(error)
        }
    }

    /// A connection that failed.
    pub(crate) fn transport(error: reqwest::Error) -> Self {
        let is_timeout = error.is_timeout();
        let detail = failure::transport(error);
        Self::transient(if is_timeout {
            Error::timeout(detail)
        } else {
            Error::unavailable(detail)
        })
    }

    /// An answer whose status is an error. Reads its body, if that comes soon.
    pub(crate) async fn status(mut response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_ERROR_BODY {
                    break;
                }
            }
        };
        // The status is worth more than the rest: what has come by then is enough.
        let _ = tokio::time::timeout(ERROR_BODY_WAIT, read).await;
        let detail = detail(status, &headers, &body);
        let error = Error::of_status(status, retry_after(&headers), detail);
        let told_not_to = headers.get("x-should-retry").is_some_and(|v| v == "false");
        Self {
            transient: matches!(error, Error::Unavailable { .. }) && !told_not_to,
            refusal: matches!(error, Error::TooLong { .. })
                .then(|| String::from_utf8_lossy(&body).into_owned()),
            error,
        }
    }
}

fn detail(status: u16, headers: &HeaderMap, body: &[u8]) -> String {
    let mut detail = format!("status {status}");
    if let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) {
        let error = if body["error"].is_object() {
            &body["error"]
        } else {
            &body
        };
        detail += &failure::describe(error);
    }
    for name in ["x-request-id", "request-id"] {
        let id = headers.get(name).and_then(|id| id.to_str().ok());
        if let Some(id) = id.filter(|id| failure::is_identifier(id)) {
            detail += &format!(", request {id}");
        }
    }
    detail += match status {
        300..=399 => " (a redirect, which is not followed: check the base URL)",
        401 | 403 => " (check the API key)",
        404 => " (check the base URL, which often ends in /v1, and the model's name)",
        _ => "",
    };
    detail
}

/// `Retry-After` in seconds, or its more precise cousin in milliseconds. The form with a date is not understood:
/// it needs two clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| -> Option<f64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Decides on pauses between attempts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    counter: AtomicU32,
}

impl Backoff {
    /// The pause after the failure of attempt number `attempt` (from 0); `None` to give up.
    pub(crate) fn pause(
        &self,
        config: &ProviderConfig,
        attempt: u32,
        failure: &Failure,
    ) -> Option<Duration> {
        if !failure.transient || attempt >= config.max_retries {
            return None;
        }
        let pause = match failure.error {
            Error::Unavailable {
                retry_after: Some(wish),
                ..
            } => wish,
            _ => {
                let doubled = 2_u32.saturating_pow(attempt);
                let pause = config.retry_pause.saturating_mul(doubled);
                pause.min(MAX_PAUSE).mul_f64(1.0 - self.jitter() / 4.0)
            }
        };
        (pause <= MAX_PAUSE).then_some(pause)
    }

    /// A number in 0..1 that spreads out calls that fail together. Multiples of the golden ratio do that
    /// without randomness.
    fn jitter(&self) -> f64 {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        (f64::from(count) * 0.618_033_988_749_895).fract()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, ProviderKind};
    use reqwest::header::HeaderValue;

    #[test]
    fn pauses_double_up_to_a_bound_and_differ() {
        let config = ProviderConfig {
            max_retries: 10,
            ..ProviderConfig::new(ProviderKind::OpenAi, "m")
        };
        let failure = Failure::transient(Error::unavailable(""));
        let backoff = Backoff::default();
        let pauses: Vec<_> = (0..10)
            .map(|attempt| {
                backoff
                    .pause(&config, attempt, &failure)
                    .unwrap()
                    .as_millis()
            })
            .collect();
        for (pause, full) in pauses.iter().zip([500, 1000, 2000, 4000, 5000, 5000]) {
            assert!((full * 3 / 4..=full).contains(pause), "{pauses:?}");
        }
        assert_ne!(pauses[4], pauses[5]);
        assert_eq!(backoff.pause(&config, 10, &failure), None);
        assert_eq!(
            backoff.pause(&config, 0, &Failure::lasting(Error::unavailable(""))),
            None
        );
    }

    #[test]
    fn a_servers_wish_counts_unless_it_asks_for_too_much() {
        let config = ProviderConfig::new(ProviderKind::OpenAi, "m");
        for (seconds, pause) in [(0, Some(0)), (3, Some(3)), (5, Some(5)), (6, None)] {
            let failure = Failure::transient(Error::Unavailable {
                cause: Cause::Trouble,
                retry_after: Some(Duration::from_secs(seconds)),
                detail: String::new(),
            });
            assert_eq!(
                Backoff::default().pause(&config, 0, &failure),
                pause.map(Duration::from_secs)
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_a_number() {
        for (name, value, expected) in [
            ("retry-after", "2", Some(2000)),
            ("retry-after", " 0.5 ", Some(500)),
            ("retry-after-ms", "30", Some(30)),
            ("retry-after", "-1", None),
            ("retry-after", "1e300", None),
            ("retry-after", "NaN", None),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(
                retry_after(&headers),
                expected.map(Duration::from_millis),
                "{value}"
            );
        }
    }
}
