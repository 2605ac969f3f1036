//! Persons: the customers of a project, and what events say about them (tickets.md 2.4, spec "Around the contract").

use crate::{PersonId, Timestamp};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeStruct as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

/// The longest distinct id, in characters.
pub const DISTINCT_ID_MAX: usize = 400;
/// The most distinct ids of one person.
pub const DISTINCT_IDS_MAX: usize = 1000;
/// The largest properties of one person, in bytes of JSON.
pub const PROPERTIES_MAX: usize = 64 * 1024;
/// So many of a person's ids can be searched for by a part.
const SEARCHED_IDS: usize = 100;

/// Where a person's name is looked for, in this order.
const NAMES: [&str; 7] = [
    "email", "Email", "name", "Name", "username", "Username", "UserName",
];

/// What programs send in place of an id by mistake. Linking by one of them would make one person of all.
const GENERIC_IDS: [&str; 17] = [
    "0",
    "anonymous",
    "distinct_id",
    "distinctid",
    "email",
    "false",
    "guest",
    "id",
    "nan",
    "nil",
    "none",
    "not_authenticated",
    "null",
    "true",
    "undefined",
    "unknown",
    "[object object]",
];

/// A customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Stays when others are merged into this person; theirs lead here then.
    pub id: PersonId,
    /// What is known about them.
    pub properties: Map<String, Value>,
    /// The ids under which they appear, oldest first; at least one.
    pub distinct_ids: Vec<String>,
    /// Somebody said who they are.
    pub is_identified: bool,
    /// When they were first seen.
    pub created_at: Timestamp,
}

impl Person {
    /// What people call them: address, else name, else an id, rather one that was not made by a machine.
    pub fn name(&self) -> String {
        name(
            NAMES.map(|name| self.properties.get(name)),
            &self.distinct_ids,
        )
    }

    /// Their address in the form in which addresses are compared.
    pub fn email(&self) -> Option<String> {
        let email = self.properties.get("email")?.as_str()?;
        Some(folded_email(email)).filter(|email| !email.is_empty())
    }

    /// The text in which they are searched for: address, names and ids, folded, one on a line.
    pub fn search_text(&self) -> String {
        let texts = NAMES
            .iter()
            .filter_map(|name| self.properties.get(*name)?.as_str());
        let ids = self.distinct_ids.iter().map(String::as_str);
        let lines: Vec<_> = texts.chain(ids.take(SEARCHED_IDS)).map(folded).collect();
        lines.join("\n")
    }
}

/// A property that stands at the place of each of [`NAMES`], else an id, rather one that was not made by a machine.
fn name(properties: [Option<&Value>; NAMES.len()], distinct_ids: &[String]) -> String {
    let text = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let spoken = |id: &&String| Uuid::try_parse(id).is_err();
    let id = || {
        let id = distinct_ids.iter().find(spoken);
        id.or(distinct_ids.first()).cloned().unwrap_or_default()
    };
    let mut properties = properties.into_iter().flatten();
    properties.find_map(text).unwrap_or_else(id)
}

/// A person for showing, in the form in which clients get one (tickets.md 2.4). What is known about them stays the text
/// that it is stored as: lists have many of them.
#[derive(Clone, Debug, Serialize)]
pub struct PersonView {
    /// As in [`Person`].
    pub id: PersonId,
    /// [`Person::name`].
    pub name: String,
    /// As in [`Person`].
    pub distinct_ids: Vec<String>,
    /// As in [`Person`].
    pub properties: Box<RawValue>,
    /// As in [`Person`].
    pub created_at: Timestamp,
    /// As in [`Person`].
    pub is_identified: bool,
}

impl PersonView {
    /// A person of whom nobody has said who they are, first seen at the beginning of time.
    ///
    /// # Errors
    /// When the properties are no JSON object.
    pub fn new(
        id: PersonId,
        properties: String,
        distinct_ids: Vec<String>,
    ) -> serde_json::Result<Self> {
        let Named(named) = serde_json::from_str(&properties)?;
        Ok(Self {
            id,
            name: name(named.each_ref().map(Option::as_ref), &distinct_ids),
            distinct_ids,
            properties: RawValue::from_string(properties)?,
            created_at: Timestamp::from_micros(0),
            is_identified: false,
        })
    }
}

/// The properties at [`NAMES`]; the others are passed over.
struct Named([Option<Value>; NAMES.len()]);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Properties;

        impl<'de> Visitor<'de> for Properties {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                let mut named = Named([const { None }; NAMES.len()]);
                while let Some(Key(place)) = map.next_key()? {
                    match place.and_then(|place| named.0.get_mut(place)) {
                        Some(property) => *property = Some(map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(named)
            }
        }

        deserializer.deserialize_map(Properties)
    }
}

/// The place of a property's name in [`NAMES`].
struct Key(Option<usize>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key(NAMES.iter().position(|known| *known == name)))
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}

/// The form in which clients get a person (tickets.md 2.4).
impl Serialize for Person {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut person = serializer.serialize_struct("Person", 6)?;
        person.serialize_field("id", &self.id)?;
        person.serialize_field("name", &self.name())?;
        person.serialize_field("distinct_ids", &self.distinct_ids)?;
        person.serialize_field("properties", &self.properties)?;
        person.serialize_field("created_at", &self.created_at)?;
        person.serialize_field("is_identified", &self.is_identified)?;
        person.end()
    }
}

/// Text in the one case and the one composition that searching compares in, the same on both engines. Letters that have
/// the same capitals are one letter here, whichever of them was written: `ς` and `σ`, `ß` and `ss`, `ı`, `İ` and `i`.
pub fn folded(text: &str) -> String {
    let lower = lower_case(text);
    if lower.is_ascii() {
        return lower;
    }
    let mut folded = String::with_capacity(lower.len());
    for character in lower.chars() {
        match character {
            'ς' => folded.push('σ'),
            'ß' => folded.push_str("ss"),
            'ı' => folded.push('i'),
            // What is left of the dot of `İ`.
            '\u{307}' if folded.ends_with('i') => {}
            _ => folded.push(character),
        }
    }
    folded
}

/// Text in one case and one composition, in which different letters stay different: whoever owns one name does not own
/// the other.
pub(crate) fn lower_case(text: &str) -> String {
    if text.is_ascii() {
        let mut lower = text.to_ascii_lowercase();
        lower.retain(|character| character != '\0');
        return lower;
    }
    // Character by character: the lower case of a whole text depends on what stands beside a character.
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.filter(|character| *character != '\0').collect()
}

/// An address in the form in which addresses are compared.
pub fn folded_email(email: &str) -> String {
    lower_case(email.trim())
}

/// Whether a text can be the id of a person at all.
pub fn is_distinct_id(text: &str) -> bool {
    !text.trim().is_empty()
        && !text.contains('\0')
        && (text.len() <= DISTINCT_ID_MAX || text.chars().count() <= DISTINCT_ID_MAX)
}

/// Whether an id is one that programs send by mistake, and so is no reason to link two persons.
pub fn is_generic_id(text: &str) -> bool {
    let bare = text.trim().trim_matches(['"', '\'']).to_lowercase();
    bare.is_empty() || GENERIC_IDS.contains(&bare.as_str())
}

/// What one event says about a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Whom it is about; [`is_distinct_id`] holds.
    pub distinct_id: String,
    /// Under which id they were known before they said who they are; [`is_distinct_id`] holds.
    pub anon_distinct_id: Option<String>,
    /// It says who they are (`$identify`).
    pub identifies: bool,
    /// Properties to write.
    pub set: Map<String, Value>,
    /// Properties to write if there are none of the name.
    pub set_once: Map<String, Value>,
}

/// What has to be done about a [`Profile`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whose row it is about; `None`: a new person.
    pub person: Option<PersonId>,
    /// Ids that become theirs.
    pub attach: Vec<String>,
    /// Who turned out to be the same.
    pub absorb: Option<PersonId>,
    /// All their properties from now on.
    pub properties: Map<String, Value>,
    /// Somebody has said who they are.
    pub is_identified: bool,
}

impl Profile {
    /// Decides, given the person with the event's id, and the one with the id of before. `None`: all is as the event
    /// says.
    ///
    /// Whoever has been identified is never merged into another: an event comes from anybody, and would otherwise
    /// make one of two customers. Properties that would become too large stay as they are.
    pub fn plan(&self, own: Option<&Person>, before: Option<&Person>) -> Option<Plan> {
        let link = self.anon_distinct_id.as_ref().filter(|anon| {
            self.identifies
                && **anon != self.distinct_id
                && !is_generic_id(anon)
                && !is_generic_id(&self.distinct_id)
        });
        let before = before.filter(|_| link.is_some());
        let (target, attach, absorbed) = match (own, before) {
            (None, None) => {
                let ids = std::iter::once(&self.distinct_id).chain(link);
                (None, ids.cloned().collect(), None)
            }
            (Some(own), None) => (Some(own), link.cloned().into_iter().collect(), None),
            (None, Some(before)) => (Some(before), vec![self.distinct_id.clone()], None),
            (Some(own), Some(before)) => {
                let absorbed = Some(before).filter(|it| it.id != own.id && !it.is_identified);
                (Some(own), Vec::new(), absorbed)
            }
        };
        let known = target.map_or(0, |person| person.distinct_ids.len());
        let coming = attach.len() + absorbed.map_or(0, |person| person.distinct_ids.len());
        let is_full = known + coming > DISTINCT_IDS_MAX;
        if is_full && own.is_none() {
            // No room for the id itself: there is nobody to write to.
            return None;
        }
        let (attach, absorbed) = if is_full {
            (Vec::new(), None)
        } else {
            (attach, absorbed)
        };
        let present = target.map(|person| &person.properties);
        let mut properties = present.cloned().unwrap_or_default();
        for (name, value) in absorbed.iter().flat_map(|person| &person.properties) {
            properties.entry(name).or_insert_with(|| value.clone());
        }
        for (name, value) in &self.set_once {
            properties.entry(name).or_insert_with(|| value.clone());
        }
        for (name, value) in &self.set {
            properties.insert(name.clone(), value.clone());
        }
        if !is_within_limit(&properties) {
            properties = present.cloned().unwrap_or_default();
        }
        let was_identified = target.is_some_and(|person| person.is_identified);
        let plan = Plan {
            person: target.map(|person| person.id),
            attach,
            absorb: absorbed.map(|person| person.id),
            properties,
            is_identified: was_identified || self.identifies,
        };
        let is_same = plan.person.is_some()
            && plan.attach.is_empty()
            && plan.absorb.is_none()
            && plan.is_identified == was_identified
            && present == Some(&plan.properties);
        (!is_same).then_some(plan)
    }
}

/// Whether properties are small enough to be stored.
pub fn is_within_limit(properties: &Map<String, Value>) -> bool {
    // Maps with text keys always render.
    serde_json::to_string(properties).is_ok_and(|text| text.len() <= PROPERTIES_MAX)
}

/// Properties with a change: named members are written, and removed by null.
pub fn changed(properties: &Map<String, Value>, change: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = properties.clone();
    for (name, value) in change {
        if value.is_null() {
            changed.remove(name);
        } else {
            changed.insert(name.clone(), value.clone());
        }
    }
    changed
}

#[cfg(test)]
mod tests;
