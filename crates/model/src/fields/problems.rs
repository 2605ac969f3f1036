//! Every broken rule of a body at once, for the endpoints that tell them all (conventions.md 8 and 9).

use crate::error::FieldError;
use serde_json::{Map, Value};

/// Name under which rules about the whole body are told.
const WHOLE: &str = "non_field_errors";

/// The broken rules so far: lists of sentences by field, nested as the body is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problems(Map<String, Value>);

impl Problems {
    /// What was read; a broken rule is noted.
    pub fn take<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(error);
                None
            }
        }
    }

    /// Notes a broken rule.
    pub fn note(&mut self, error: FieldError) {
        let attr = error.attr.as_deref().unwrap_or(WHOLE);
        let mut place = &mut self.0;
        let mut names = attr.split("__").peekable();
        while let Some(name) = names.next() {
            let slot = place.entry(name).or_insert(Value::Null);
            if names.peek().is_none() {
                match slot {
                    Value::Array(details) => details.push(error.detail.into()),
                    other => *other = Value::Array(vec![error.detail.into()]),
                }
                return;
            }
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(members) = slot else {
                return;
            };
            place = members;
        }
    }

    /// Whether no rule is broken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `{"field": ["sentence"]}`.
    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use serde_json::json;

    #[test]
    fn problems_are_told_by_field_as_the_body_is_nested() {
        let mut problems = Problems::default();
        assert!(problems.is_empty());
        assert_eq!(problems.take(Ok(1)), Some(1));
        for (attr, detail) in [
            (Some("message"), "one"),
            (Some("message"), "two"),
            (Some("tags__1"), "three"),
            (Some("hours__days__0"), "four"),
            (None, "five"),
        ] {
            problems.note(FieldError {
                code: Code::InvalidInput,
                detail: detail.to_owned(),
                attr: attr.map(str::to_owned),
            });
        }
        assert_eq!(
            problems.into_json(),
            json!({
                "message": ["one", "two"],
                "tags": {"1": ["three"]},
                "hours": {"days": {"0": ["four"]}},
                "non_field_errors": ["five"],
            })
        );
    }
}
