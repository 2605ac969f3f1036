//! What JSON values look like from outside, and objects that are written down as they are made.

mod object;

pub use object::JsonObject;
use serde_json::Value;

/// The deepest nesting of what is taken in, from clients and from models. Parsers, our own too, give up at 128 levels,
/// and what is taken in is stored and handed on inside of other things: a context in a message in a conversation, say.
pub const DEPTH_MAX: usize = 100;

/// Whether lists and objects are nested deeper than so many levels. A text or a number has no level, `[]` has one.
pub fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let within = |inner: &Value| match levels.checked_sub(1) {
        Some(left) => is_deeper_than(inner, left),
        None => true,
    };
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(within),
        Value::Object(members) => levels == 0 || members.values().any(within),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn levels_are_counted_through_lists_and_objects() {
        for (value, depth) in [
            (json!(5), 0),
            (json!("[[["), 0),
            (json!([]), 1),
            (json!({}), 1),
            (json!([1, {}]), 2),
            (json!({"a": [], "b": {"c": [{"d": 1}]}}), 4),
        ] {
            assert!(!is_deeper_than(&value, depth), "{value}");
            assert!(depth == 0 || is_deeper_than(&value, depth - 1), "{value}");
        }
    }
}
