//! How the original names types and shows values in its messages, which clients match on.

use serde_json::Value;

/// The original's name of a JSON value's type: `str`, `int`, `float`, `bool`, `list`, `dict`, `NoneType`.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// The value as the original shows it inside a sentence: `True`, `None`, `5`, the text itself.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text without the white space around it, by the original's idea of white space (Unicode's, and the four
/// separators U+001C to U+001F).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
