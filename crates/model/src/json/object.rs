//! JSON objects that are written down as they are made.

use serde::Serialize;

/// A JSON object as text. What happens often is told in such objects: making a map of values first, only to write it
/// down, took longer than all else about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonObject {
    /// Everything but the last brace.
    text: Vec<u8>,
}

impl JsonObject {
    /// One without members.
    pub fn new() -> Self {
        let mut text = Vec::with_capacity(512);
        text.push(b'{');
        Self { text }
    }

    /// Adds a member, whose name must be a new one. A value that JSON cannot say (a map whose keys are no texts) is null.
    pub fn put(&mut self, name: &str, value: impl Serialize) {
        self.begin(name);
        let before = self.text.len();
        if serde_json::to_writer(&mut self.text, &value).is_err() {
            self.text.truncate(before);
            self.text.extend_from_slice(b"null");
        }
    }

    /// The same, for chains.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.put(name, value);
        self
    }

    /// Adds a member that is a list of objects.
    pub fn put_all(&mut self, name: &str, objects: &[Self]) {
        self.begin(name);
        self.text.push(b'[');
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(&object.text);
            self.text.push(b'}');
        }
        self.text.push(b']');
    }

    /// The text.
    pub fn into_text(mut self) -> String {
        self.text.push(b'}');
        // serde_json writes nothing but UTF-8, and what is added here is ASCII.
        String::from_utf8(self.text).unwrap_or_default()
    }

    fn begin(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        // Into memory, and a text: neither fails.
        drop(serde_json::to_writer(&mut self.text, name));
        self.text.push(b':');
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::HashMap;

    #[test]
    fn an_object_says_what_a_map_of_the_same_values_says() {
        let inner = |n: i64| JsonObject::new().with("n", n);
        let mut object = JsonObject::new()
            .with("a \"name\"\n", "ä\u{2028}\\")
            .with("none", None::<i64>)
            .with("list", [1.5, 2.0]);
        object.put_all("objects", &[inner(1), JsonObject::new(), inner(-2)]);
        object.put_all("nothing", &[]);
        let value: Value = serde_json::from_str(&object.into_text()).unwrap();
        assert_eq!(
            value,
            json!({
                "a \"name\"\n": "ä\u{2028}\\",
                "none": null,
                "list": [1.5, 2.0],
                "objects": [{"n": 1}, {}, {"n": -2}],
                "nothing": [],
            })
        );
        assert_eq!(JsonObject::default().into_text(), "{}");
    }

    #[test]
    fn a_value_that_json_cannot_say_is_null() {
        let unsayable = HashMap::from([([1_u8, 2], "two bytes")]);
        let object = JsonObject::new().with("a", unsayable).with("b", 1);
        assert_eq!(object.into_text(), r#"{"a":null,"b":1}"#);
    }
}
