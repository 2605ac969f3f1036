//! Content negotiation: which form of an answer the client takes (conventions.md 4.3, spec/README.md "The POST of
//! row 2 negotiates").

use crate::ApiError;
use axum::http::{HeaderMap, header};
use model::Code;

/// What an endpoint can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// JSON only.
    Json,
    /// A stream of events, or JSON.
    StreamOrJson,
    /// JSON, or a stream of events for who names that.
    JsonOrStream,
    /// Bytes of some type, whatever the client names.
    Anything,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// One JSON body.
    Json,
    /// Server-sent events.
    Stream {
        /// The client asked for the delta dialect in the `Accept` header.
        delta: bool,
    },
}

/// Chooses. No `Accept`, or an empty one, takes everything.
///
/// # Errors
/// 406 when the header excludes what the endpoint has.
pub(crate) fn negotiate(headers: &HeaderMap, offer: Offer) -> Result<Accepted, ApiError> {
    let accept = Accept::of(headers);
    let chosen = match offer {
        Offer::Json => (accept.any || accept.application || accept.json).then_some(Accepted::Json),
        Offer::Anything => Some(Accepted::Json),
        Offer::StreamOrJson if accept.stream => Some(Accepted::Stream {
            delta: accept.delta,
        }),
        Offer::JsonOrStream if accept.stream => Some(Accepted::Stream {
            delta: accept.delta,
        }),
        Offer::JsonOrStream if accept.any || accept.application || accept.json => {
            Some(Accepted::Json)
        }
        Offer::JsonOrStream => accept.text.then_some(Accepted::Stream { delta: false }),
        // Who names JSON and not the stream wants JSON, whatever wildcards follow.
        Offer::StreamOrJson if accept.json => Some(Accepted::Json),
        Offer::StreamOrJson if accept.any || accept.text => Some(Accepted::Stream { delta: false }),
        Offer::StreamOrJson => accept.application.then_some(Accepted::Json),
    };
    chosen.ok_or_else(|| ApiError::new(Code::NotAcceptable))
}

/// What an `Accept` header names. Media types with `q=0` are not named.
#[derive(Default)]
struct Accept {
    any: bool,
    text: bool,
    application: bool,
    json: bool,
    stream: bool,
    delta: bool,
}

impl Accept {
    fn of(headers: &HeaderMap) -> Self {
        let mut accept = Self::default();
        let mut is_empty = true;
        for value in headers.get_all(header::ACCEPT) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let mut parts = item.split(';').map(str::trim);
                let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
                if media_type.is_empty() {
                    continue;
                }
                is_empty = false;
                let parameters: Vec<_> = parts
                    .filter_map(|part| part.split_once('='))
                    .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
                    .collect();
                if parameters
                    .iter()
                    .any(|(name, value)| name == "q" && is_zero(value))
                {
                    continue;
                }
                match media_type.as_str() {
                    "*/*" => accept.any = true,
                    "text/*" => accept.text = true,
                    "application/*" => accept.application = true,
                    "application/json" => accept.json = true,
                    "text/event-stream" => {
                        accept.stream = true;
                        accept.delta |= parameters.iter().any(|(name, value)| {
                            name == "dialect"
                                && value.trim_matches('"').eq_ignore_ascii_case("delta")
                        });
                    }
                    _ => {}
                }
            }
        }
        accept.any |= is_empty;
        accept
    }
}

fn is_zero(quality: &str) -> bool {
    quality.parse::<f32>().is_ok_and(|quality| quality == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: Option<&str>, offer: Offer) -> Option<Accepted> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        negotiate(&headers, offer).ok()
    }

    #[test]
    fn json_endpoints_refuse_who_excludes_json() {
        for (accept, is_accepted) in [
            (None, true),
            (Some(""), true),
            (Some("*/*"), true),
            (Some("application/*"), true),
            (Some("application/json"), true),
            (Some("application/json; indent=4"), true),
            (Some("APPLICATION/JSON"), true),
            (Some("text/html, application/json;q=0.1"), true),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), true),
            (Some("text/html"), false),
            (Some("application/xml"), false),
            (Some("text/event-stream"), false),
            (Some("application/json;q=0"), false),
            (Some("text/*"), false),
        ] {
            assert_eq!(
                chosen(accept, Offer::Json).is_some(),
                is_accepted,
                "{accept:?}"
            );
        }
    }

    #[test]
    fn where_json_is_the_rule_the_stream_is_for_who_names_it() {
        let stream = Some(Accepted::Stream { delta: false });
        for (accept, expected) in [
            (None, Some(Accepted::Json)),
            (Some("*/*"), Some(Accepted::Json)),
            (Some("text/html, */*;q=0.8"), Some(Accepted::Json)),
            (Some("application/*"), Some(Accepted::Json)),
            (Some("application/json"), Some(Accepted::Json)),
            (Some("text/event-stream"), stream),
            (Some("text/event-stream, application/json"), stream),
            (Some("text/event-stream;q=0, */*"), Some(Accepted::Json)),
            (Some("text/*"), stream),
            (Some("text/html"), None),
        ] {
            assert_eq!(chosen(accept, Offer::JsonOrStream), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_stream_is_for_who_names_it_or_anything() {
        let stream = Some(Accepted::Stream { delta: false });
        let delta = Some(Accepted::Stream { delta: true });
        for (accept, expected) in [
            (None, stream),
            (Some("*/*"), stream),
            (Some("text/event-stream"), stream),
            (Some("application/json, text/event-stream"), stream),
            (Some("text/*"), stream),
            (Some("text/event-stream;dialect=delta"), delta),
            (Some("text/event-stream; Dialect=\"delta\", */*"), delta),
            (Some("text/event-stream;dialect=snapshot"), stream),
            (Some("application/json"), Some(Accepted::Json)),
            (
                Some("application/json, text/plain, */*"),
                Some(Accepted::Json),
            ),
            (Some("application/*"), Some(Accepted::Json)),
            (Some("text/event-stream;q=0, */*"), stream),
            (
                Some("text/event-stream;q=0.0, application/json"),
                Some(Accepted::Json),
            ),
            (Some("text/html"), None),
            (Some("application/xml, image/png"), None),
        ] {
            assert_eq!(chosen(accept, Offer::StreamOrJson), expected, "{accept:?}");
        }
    }
}
