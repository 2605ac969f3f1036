//! Reads the errors that servers report, for [`Error`] and for the log.

use crate::Error;
use serde_json::Value;

/// The error for data that is not the JSON it should be. The text itself stays out of it.
pub(crate) fn bad_json(error: &serde_json::Error) -> Error {
    Error::BadStream(format!(
        "not the expected JSON ({:?} at line {} column {})",
        error.classify(),
        error.line(),
        error.column()
    ))
}

/// The error that a server reports inside a stream it had begun with 200.
///
/// It has no status of its own: a number among its fields is one, and otherwise its type tells. What tells
/// nothing is the server's fault.
pub(crate) fn in_stream(error: &str) -> Error {
    let error = serde_json::from_str(error).unwrap_or(Value::Null);
    let number = ["code", "status"].iter().find_map(|field| {
        let value = &error[*field];
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        u16::try_from(number)
            .ok()
            .filter(|status| (400..600).contains(status))
    });
    let names = [&error["type"], &error["code"]];
    let named = || names.iter().find_map(|name| status_of(name.as_str()?));
    let status = number.or_else(named).unwrap_or(500);
    let detail = format!("an error inside the stream{}", describe(&error));
    Error::of_status(status, None, detail)
}

fn status_of(name: &str) -> Option<u16> {
    Some(match name {
        "invalid_request_error"
        | "context_length_exceeded"
        | "exceed_context_size_error"
        | "BadRequestError" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// `, type …, code …` as far as the error says so. Only short identifiers: a message may quote the prompt or the key.
pub(crate) fn describe(error: &Value) -> String {
    let mut text = String::new();
    for field in ["type", "code"] {
        let value = match &error[field] {
            Value::String(value) => value.clone(),
            Value::Number(value) => value.to_string(),
            _ => continue,
        };
        if is_identifier(&value) {
            text += &format!(", {field} {value}");
        }
    }
    text
}

/// Whether a text that came from a server may be logged as it is.
pub(crate) fn is_identifier(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// What went wrong with a connection, with all causes but without the URL.
pub(crate) fn transport(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text += ": ";
            text += &more;
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::discriminant;

    #[test]
    fn errors_inside_a_stream_are_sorted_like_statuses() {
        let too_long = Error::of_status(400, None, String::new());
        let unavailable = Error::unavailable("");
        let api = Error::of_status(401, None, String::new());
        let cases = [
            (r#"{"type":"overloaded_error","message":"x"}"#, &unavailable),
            (r#"{"type":"api_error"}"#, &unavailable),
            (r#"{"code":429}"#, &unavailable),
            (r#"{"code":"503"}"#, &unavailable),
            (r#"{"code":"rate_limit_exceeded"}"#, &unavailable),
            (r#"{"type":"server_error","code":null}"#, &unavailable),
            (r#""words""#, &unavailable),
            ("not json", &unavailable),
            (r#"{"code":99999999}"#, &unavailable),
            (
                r#"{"code":400,"type":"exceed_context_size_error"}"#,
                &too_long,
            ),
            (
                r#"{"type":"invalid_request_error","code":"context_length_exceeded"}"#,
                &too_long,
            ),
            (r#"{"code":422}"#, &too_long),
            (r#"{"type":"authentication_error"}"#, &api),
            (r#"{"type":"x","code":404}"#, &api),
        ];
        for (text, expected) in cases {
            let error = in_stream(text);
            assert_eq!(
                discriminant(&error),
                discriminant(expected),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn what_a_server_says_in_words_stays_out_of_the_log() {
        let error = in_stream(
            r#"{"type":"invalid_request_error","code":"sk-abc is not a key","message":"you said: my card is 4111"}"#,
        );
        assert_eq!(
            error.to_string(),
            "the model rejected the request: an error inside the stream, type invalid_request_error"
        );
    }
}
