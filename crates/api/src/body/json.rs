//! JSON bodies, read strictly.

use crate::ApiError;
use model::Code;
use model::json::{DEPTH_MAX, is_deeper_than};
use serde_json::Value;

/// Reads one JSON value and nothing after it. A byte order mark, `NaN`, lone surrogates, white space alone and
/// nesting deeper than 100 levels are refused; of equal keys the last counts.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    // The parser's sentence names line and column, and nothing of the content.
    let refused = |reason: &dyn std::fmt::Display| {
        ApiError::with_detail(Code::ParseError, format!("JSON parse error - {reason}"))
    };
    let value = serde_json::from_slice(bytes).map_err(|error| refused(&error))?;
    if is_deeper_than(&value, DEPTH_MAX) {
        return Err(refused(&format_args!(
            "nested deeper than {DEPTH_MAX} levels"
        )));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::response::IntoResponse as _;

    async fn detail(body: &[u8]) -> Option<String> {
        let response = parse(body).err()?.into_response();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let envelope: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(envelope["code"], "parse_error");
        assert_eq!(envelope["type"], "invalid_request");
        Some(envelope["detail"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn refuses_everything_that_is_not_one_json_value() {
        let deep = "[".repeat(100_000);
        let closed = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for body in [
            "{bad",
            "{}{}",
            "\u{feff}{}",
            "  \n ",
            "NaN",
            "{\"a\": NaN}",
            "{\"a\": Infinity}",
            "{\"a\": 1e999}",
            r#"{"a": "\ud800"}"#,
            r#"{"a": "\udc00x"}"#,
            "{\"a\": 'x'}",
            "{\"a\": 1,}",
            "{\"a\": \"line\nbreak\"}",
            &deep,
            &closed,
        ] {
            let detail = detail(body.as_bytes()).await.expect("refused");
            assert!(detail.starts_with("JSON parse error - "), "{detail}");
            assert!(
                detail.contains("line ") && detail.contains("column "),
                "{detail}"
            );
        }
        let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
        assert_eq!(
            detail(deep.as_bytes()).await.as_deref(),
            Some("JSON parse error - nested deeper than 100 levels")
        );
        assert!(detail(b"{\"a\": \"\xff\"}").await.is_some());
    }

    #[tokio::test]
    async fn names_line_and_column() {
        assert_eq!(
            detail(b"{\n bad").await.as_deref(),
            Some("JSON parse error - key must be a string at line 2 column 2")
        );
    }

    #[test]
    fn takes_pairs_of_surrogates_and_moderate_depth() {
        assert_eq!(parse(br#""\ud83d\ude00""#).unwrap(), "\u{1f600}");
        let fine = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(parse(fine.as_bytes()).is_ok());
    }
}
