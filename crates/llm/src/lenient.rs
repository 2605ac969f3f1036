//! Types that take what servers send in place of what the format says, without ever failing on well-formed JSON:
//! a missing, `null` or oddly typed value reads as empty. Strings are borrowed where JSON allows it.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// What remains of a value after parsing it leniently. Only the interesting shapes need a method.
trait Shape<'de>: Sized + Default {
    fn borrowed(text: &'de str) -> Self {
        Self::owned(text)
    }
    fn owned(_text: &str) -> Self {
        Self::default()
    }
    fn number(_number: u64) -> Self {
        Self::default()
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct AnyShape<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for AnyShape<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::owned(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::number(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(u64::try_from(number).map_or_else(|_| T::default(), T::number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        // A cast saturates: no number is too odd for it. The fraction of a count means nothing.
        Ok(T::number(number as u64))
    }
    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

fn any_shape<'de, T: Shape<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(AnyShape(PhantomData))
}

/// A string.
#[derive(Debug, Default, Clone)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'a, 'de: 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'a, 'de: 'a> Shape<'de> for Text<'a> {
    fn borrowed(text: &'de str) -> Self {
        Self(Cow::Borrowed(text))
    }
    fn owned(text: &str) -> Self {
        Self(Cow::Owned(text.to_owned()))
    }
}

/// A number that is not negative, also written as a string.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Number(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl Shape<'_> for Number {
    fn owned(text: &str) -> Self {
        Self(text.trim().parse().ok())
    }
    fn number(number: u64) -> Self {
        Self(Some(number))
    }
}

/// A message's content: a string, or a list of parts such as `{"type": "text", "text": "…"}`, where reasoning
/// may hide among the parts (Mistral).
#[derive(Debug, Default, Clone)]
pub(crate) struct Content<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) thinking: Cow<'a, str>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Parts<'a>,
}

/// A string, or the text of a list of parts.
#[derive(Default)]
struct Parts<'a>(Cow<'a, str>);

impl<'a, 'de: 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'a, 'de: 'a> Shape<'de> for Parts<'a> {
    fn borrowed(text: &'de str) -> Self {
        Self(Cow::Borrowed(text))
    }
    fn owned(text: &str) -> Self {
        Self(Cow::Owned(text.to_owned()))
    }
    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Content::list(list).map(|content| Self(content.text))
    }
}

impl<'a, 'de: 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'a, 'de: 'a> Shape<'de> for Content<'a> {
    fn borrowed(text: &'de str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            ..Self::default()
        }
    }
    fn owned(text: &str) -> Self {
        Self {
            text: Cow::Owned(text.to_owned()),
            ..Self::default()
        }
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut content = Self::default();
        while let Some(part) = list.next_element::<Object<Part<'de>>>()? {
            let Some(part) = part.0 else { continue };
            content.text.to_mut().push_str(&part.text.0);
            content.thinking.to_mut().push_str(&part.thinking.0);
        }
        Ok(content)
    }
}

/// An object.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Object<T> {
    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Self(Some(object)))
    }
}

/// The objects of a list.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for List<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Object<T>>()? {
            items.extend(item.0);
        }
        Ok(Self(items))
    }
}

/// The first element of a list, if it is an object.
#[derive(Debug)]
pub(crate) struct First<T>(pub(crate) Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_shape(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for First<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let first = list.next_element::<Object<T>>()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(first.and_then(|first| first.0)))
    }
}

/// Any JSON whose objects have these keys, for the tests of those who read it.
#[cfg(test)]
pub(crate) fn any_json(
    keys: &[&'static str],
) -> impl proptest::strategy::Strategy<Value = serde_json::Value> + use<> {
    use proptest::prelude::*;
    use serde_json::Value;
    let words = [
        "",
        "tool_use",
        "error",
        "stop",
        "{",
        "{}",
        "message_stop",
        "id",
    ];
    let key = proptest::sample::select(keys.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_well_formed_is_refused() {
        for odd in [
            "null",
            "true",
            "-1",
            "1.5",
            "1e300",
            "\"\"",
            "\"a\\nb\"",
            "[]",
            "[1]",
            "{}",
            "{\"a\":[1]}",
        ] {
            serde_json::from_str::<Text<'_>>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
            serde_json::from_str::<First<Part<'_>>>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
            serde_json::from_str::<Object<Part<'_>>>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
            serde_json::from_str::<Content<'_>>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
            serde_json::from_str::<Number>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
            serde_json::from_str::<List<Part<'_>>>(odd).unwrap_or_else(|e| panic!("{odd}: {e}"));
        }
    }

    #[test]
    fn plain_strings_are_borrowed() {
        let text: Text<'_> = serde_json::from_str("\"plain\"").unwrap();
        assert!(matches!(text.0, Cow::Borrowed("plain")));
        let text: Text<'_> = serde_json::from_str(r#""a\nb""#).unwrap();
        assert_eq!(text.0, "a\nb");
    }

    #[test]
    fn numbers_come_in_many_forms() {
        for (text, number) in [
            ("7", Some(7)),
            ("7.0", Some(7)),
            ("\"7\"", Some(7)),
            ("\"x\"", None),
            ("null", None),
            ("-7", None),
        ] {
            assert_eq!(serde_json::from_str::<Number>(text).unwrap().0, number);
        }
    }

    #[test]
    fn content_may_be_a_list_of_parts() {
        let content: Content<'_> = serde_json::from_str(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},
                {"type":"text","text":"a"},{"type":"image_url"},{"text":"b"},{"thinking":"!"}]"#,
        )
        .unwrap();
        assert_eq!((&*content.text, &*content.thinking), ("ab", "hm!"));
    }
}
