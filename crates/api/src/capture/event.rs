//! What events say about persons. Everything else of an event is passed over without being taken apart, so what a
//! request holds in memory is bounded by its length.

use super::unpack::malformed;
use crate::ApiError;
use model::persons::{PROPERTIES_MAX, Profile, is_distinct_id, is_generic_id};
use model::{Code, FieldError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The most events of one request that say something about a person.
const PROFILES_MAX: usize = 1000;
/// Longer texts are neither ids nor tokens.
const TEXT_MAX: usize = 4096;

/// What a request says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Captured {
    /// The project's public token.
    pub(super) token: Option<String>,
    /// What is said about persons, in the order of the events.
    pub(super) profiles: Vec<Profile>,
}

/// One event, or a list of them with a token.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Incoming<'a> {
    #[serde(borrow)]
    api_key: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    distinct_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "$distinct_id")]
    dollar_distinct_id: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set")]
    set: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set_once")]
    set_once: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Properties<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    distinct_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "$anon_distinct_id")]
    anon_distinct_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "$process_person_profile")]
    process_person_profile: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set")]
    set: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set_once")]
    set_once: Option<&'a RawValue>,
}

/// Reads one event, a list of events, or an object with a `batch` of them.
///
/// # Errors
/// 400 `parse_error`, and `max_length` for too many events.
pub(super) fn read(json: &[u8]) -> Result<Captured, ApiError> {
    let text = std::str::from_utf8(json).map_err(|_| malformed("the text is no UTF-8"))?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(&format!("line {line} column {column}"))
    })?;
    let mut captured = Captured::default();
    if whole.get().starts_with('[') {
        captured.add_all(whole)?;
        return Ok(captured);
    }
    let incoming = parse_object::<Incoming<'_>>(whole);
    let incoming = incoming.ok_or_else(|| malformed("a member stands there twice"))?;
    captured.token = text_of(incoming.api_key).or_else(|| text_of(incoming.token));
    match incoming.batch {
        Some(batch) => captured.add_all(batch)?,
        None => captured.add(&incoming)?,
    }
    Ok(captured)
}

impl Captured {
    fn add_all(&mut self, list: &RawValue) -> Result<(), ApiError> {
        let events: Vec<&RawValue> =
            serde_json::from_str(list.get()).map_err(|_| malformed("the events are no list"))?;
        for event in events {
            // What is no event is dropped like events that say nothing.
            if let Some(event) = parse_object::<Incoming<'_>>(event) {
                self.add(&event)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, event: &Incoming<'_>) -> Result<(), ApiError> {
        let properties = event.properties.and_then(parse_object::<Properties<'_>>);
        let properties = properties.unwrap_or_default();
        if self.token.is_none() {
            let candidates = [event.api_key, event.token, properties.token];
            self.token = candidates.into_iter().find_map(text_of);
        }
        if let Some(profile) = profile(event, &properties) {
            if self.profiles.len() == PROFILES_MAX {
                let detail = format!("Ensure this field has no more than {PROFILES_MAX} elements.");
                return Err(FieldError::at("batch", Code::MaxLength, detail).into());
            }
            self.profiles.push(profile);
        }
        Ok(())
    }
}

/// What an event says; `None` for all that say nothing about a person.
fn profile(event: &Incoming<'_>, properties: &Properties<'_>) -> Option<Profile> {
    let wants_none = |raw: &RawValue| raw.get() == "false";
    if properties.process_person_profile.is_some_and(wants_none) {
        return None;
    }
    let identifies = text_of(event.event).as_deref() == Some("$identify");
    let set = joined(properties.set, event.set);
    let set_once = joined(properties.set_once, event.set_once);
    if !identifies && set.is_empty() && set_once.is_empty() {
        return None;
    }
    let ids = [
        event.distinct_id,
        event.dollar_distinct_id,
        properties.distinct_id,
    ];
    let distinct_id = ids.into_iter().find_map(text_of)?;
    if !is_distinct_id(&distinct_id) || is_generic_id(&distinct_id) {
        return None;
    }
    let anon = text_of(properties.anon_distinct_id).filter(|_| identifies);
    Some(Profile {
        distinct_id,
        anon_distinct_id: anon.filter(|id| is_distinct_id(id)),
        identifies,
        set,
        set_once,
    })
}

/// The members of both objects; those of the second count.
fn joined(first: Option<&RawValue>, second: Option<&RawValue>) -> Map<String, Value> {
    // Larger ones could not be stored.
    let is_storable = |raw: &&RawValue| raw.get().len() <= PROPERTIES_MAX;
    [first, second]
        .into_iter()
        .flatten()
        .filter(is_storable)
        .filter_map(parse_object::<Map<String, Value>>)
        .flatten()
        .collect()
}

/// A derived struct would be read from a list, too.
fn parse_object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    let text = raw.get();
    text.starts_with('{')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// A text, or a number as one.
fn text_of(raw: Option<&RawValue>) -> Option<String> {
    let text = raw?.get();
    if text.len() > TEXT_MAX {
        return None;
    }
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'0'..=b'9' | b'-' => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> Captured {
        read(value.to_string().as_bytes()).unwrap()
    }

    fn identify(id: &str) -> Value {
        json!({"event": "$identify", "distinct_id": id, "properties": {"token": "t"}})
    }

    #[test]
    fn the_token_is_found_wherever_it_stands() {
        for (body, token) in [
            (json!({"api_key": "k", "event": "e"}), Some("k")),
            (json!({"token": "k", "event": "e"}), Some("k")),
            (
                json!({"event": "e", "properties": {"token": "k"}}),
                Some("k"),
            ),
            (json!({"api_key": "k", "batch": []}), Some("k")),
            (
                json!({"batch": [{"event": "e"}, {"properties": {"token": "k"}}]}),
                Some("k"),
            ),
            (
                json!([{"event": "e", "properties": {"token": "k"}}]),
                Some("k"),
            ),
            (json!([5, null, [], {}]), None),
            (json!({"api_key": null, "token": ["x"]}), None),
            (json!({}), None),
        ] {
            assert_eq!(of(body.clone()).token.as_deref(), token, "{body}");
        }
    }

    #[test]
    fn only_what_is_said_about_persons_is_taken() {
        let said = |value: Value| of(value).profiles.pop();
        for nothing in [
            json!({"event": "$pageview", "distinct_id": "u", "properties": {"x": 1}}),
            json!({"event": "$create_alias", "distinct_id": "u", "properties": {"alias": "v"}}),
            json!({"event": "e", "distinct_id": "u", "$set": {}}),
            json!({"event": "e", "distinct_id": "u", "$set": [1]}),
            json!({"event": "$identify"}),
            json!({"event": "$identify", "distinct_id": ""}),
            json!({"event": "$identify", "distinct_id": "undefined"}),
            json!({"event": "$identify", "distinct_id": {"x": 1}}),
            json!({"event": "$identify", "distinct_id": "x".repeat(401)}),
            json!({"event": "e", "distinct_id": "u",
                "properties": {"$process_person_profile": false, "$set": {"x": 1}}}),
            json!({"event": "e", "distinct_id": "u", "$set": {"x": "y".repeat(PROPERTIES_MAX)}}),
        ] {
            assert_eq!(said(nothing.clone()), None, "{nothing}");
        }
        let profile = said(json!({
            "event": "$identify", "distinct_id": 5, "$set": {"a": 2}, "$set_once": {"c": 1},
            "properties": {"$anon_distinct_id": "anon", "$set": {"a": 1, "b": 1}, "other": [[[]]]},
        }));
        let profile = profile.unwrap();
        assert_eq!(profile.distinct_id, "5");
        assert_eq!(profile.anon_distinct_id.as_deref(), Some("anon"));
        assert!(profile.identifies);
        assert_eq!(Value::Object(profile.set), json!({"a": 2, "b": 1}));
        assert_eq!(Value::Object(profile.set_once), json!({"c": 1}));
        let profile = said(json!({"event": "$set", "properties": {
            "distinct_id": "u", "$anon_distinct_id": "anon", "$set": {"a": 1}}}));
        let profile = profile.unwrap();
        assert!(!profile.identifies);
        assert_eq!(
            (profile.distinct_id.as_str(), profile.anon_distinct_id),
            ("u", None)
        );
    }

    #[test]
    fn a_list_keeps_its_order_and_its_limit() {
        let list = json!([identify("a"), {"event": "x"}, 5, identify("b")]);
        for body in [list.clone(), json!({"batch": list})] {
            let ids: Vec<_> = of(body)
                .profiles
                .into_iter()
                .map(|it| it.distinct_id)
                .collect();
            assert_eq!(ids, ["a", "b"]);
        }
        let events = |count: usize| Value::from(vec![identify("a"); count]);
        assert_eq!(of(events(PROFILES_MAX)).profiles.len(), PROFILES_MAX);
        let error = read(events(PROFILES_MAX + 1).to_string().as_bytes()).unwrap_err();
        assert_eq!(error.code(), Some(Code::MaxLength));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{",
            "[1,",
            "{}{}",
            "nul",
            "{\"token\":1,\"token\":2}",
            "{\"batch\":5}",
            &deep,
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), Some(Code::ParseError), "{text:.20}");
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        // A half of a pair of surrogates makes no text; the event is dropped.
        let lone = br#"{"event":"$identify","distinct_id":"\ud800","api_key":"k"}"#;
        assert_eq!(read(lone).unwrap().profiles, []);
    }
}
