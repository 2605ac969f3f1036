//! Reading a request body field by field, with the rules, coercions and sentences that clients of the
//! original know (conventions.md 4.1 and 4.2).
//!
//! Only the first broken rule is reported, so a body must be read in the order in which its fields are
//! declared: ask for them in that order and pass errors on with `?`.
//!
//! ```
//! # use model::fields::Fields;
//! # fn main() -> Result<(), model::FieldError> {
//! let body = serde_json::json!({"content": " hello ", "is_sandbox": "no"});
//! let fields = Fields::of(&body)?;
//! let content: Option<String> = fields.text("content").max(40_000).required_or_null()?;
//! let sandbox: bool = fields.boolean("is_sandbox").or(false)?;
//! assert_eq!(content.as_deref(), Some("hello"));
//! assert!(!sandbox);
//! # Ok(())
//! # }
//! ```

mod kinds;
mod problems;

pub use kinds::{
    Boolean, Choice, Datetime, Email, Integer, Json, Kind, List, Object, Text, UuidKind,
};
pub use problems::Problems;

use crate::error::{Code, FieldError};
use crate::python;
use serde_json::{Map, Value};

/// What a body says about a field that may be left out and may be null.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The body does not name the field.
    #[default]
    Absent,
    /// The body says `null`.
    Null,
    /// The body gives a value, and it is valid.
    Value(T),
}

impl<T> Field<T> {
    /// The value, or `None` when it is absent or null.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, or `default` when it is absent or null.
    pub fn or(self, default: T) -> T {
        self.value().unwrap_or(default)
    }

    /// What to write over the stored value: `None` leaves it alone, `Some(None)` clears it.
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// The same with the value put through `f`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Value(value) => Field::Value(f(value)),
        }
    }
}

/// The members of a JSON object, and where in the body it stands.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    members: &'a Map<String, Value>,
    /// What comes before a member's name in `attr`: empty at the top, `o__` inside `o`.
    prefix: String,
}

impl<'a> Fields<'a> {
    /// The members of a whole body. Unknown members are ignored without a word.
    ///
    /// # Errors
    /// A body that is `null` or not an object.
    pub fn of(body: &'a Value) -> Result<Self, FieldError> {
        match body {
            Value::Object(members) => Ok(Self {
                members,
                prefix: String::new(),
            }),
            Value::Null => Err(FieldError::whole(Code::Null, "No data provided")),
            other => Err(FieldError::whole(Code::InvalidInput, not_an_object(other))),
        }
    }

    /// The members of an object that stands in the field `name`; `None` when it is absent.
    ///
    /// # Errors
    /// A value that is not an object, reported at `name__non_field_errors`, or null.
    pub fn nested(&self, name: &str) -> Result<Option<Fields<'a>>, FieldError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::Null) => Err(FieldError::plain(self.attr(name), Code::Null)),
            Some(value) => Self::within(value, self.attr(name)).map(Some),
        }
    }

    /// The objects of the list in the field `name`, of at most `max` elements; `None` when it is absent.
    /// A broken rule inside is reported at `name__<index>__<field>`.
    ///
    /// # Errors
    /// A value that is not a list, a list that is too long, and an element that is not an object.
    pub fn objects(&self, name: &str, max: usize) -> Result<Option<Vec<Fields<'a>>>, FieldError> {
        let attr = self.attr(name);
        let Some(value) = self.members.get(name) else {
            return Ok(None);
        };
        let items = match value {
            Value::Array(items) => items,
            Value::Null => return Err(FieldError::plain(attr, Code::Null)),
            other => return Err(kinds::not_a_list(other, &attr)),
        };
        if items.len() > max {
            return Err(kinds::too_many(max, &attr));
        }
        let within = |(index, item)| Self::within(item, format!("{attr}__{index}"));
        items
            .iter()
            .enumerate()
            .map(within)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn within(value: &'a Value, attr: String) -> Result<Self, FieldError> {
        match value {
            Value::Object(members) => Ok(Self {
                members,
                prefix: format!("{attr}__"),
            }),
            other => Err(FieldError::at(
                format!("{attr}__non_field_errors"),
                Code::InvalidInput,
                not_an_object(other),
            )),
        }
    }

    /// Whether the body names this member, with whatever value.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The member as it came, without any rule.
    pub fn raw(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    /// A field of the given kind. The kinds that are met most have methods of their own.
    pub fn read<'f, K: Kind>(&'f self, name: &'f str, kind: K) -> Reading<'f, K> {
        Reading {
            fields: self,
            name,
            kind,
        }
    }

    /// A text: trimmed, not blank, without U+0000. Numbers are taken as text.
    pub fn text<'f>(&'f self, name: &'f str) -> Reading<'f, Text> {
        self.read(name, Text::new())
    }

    /// A UUID in any of the usual notations.
    pub fn uuid<'f>(&'f self, name: &'f str) -> Reading<'f, UuidKind> {
        self.read(name, UuidKind)
    }

    /// True or false, or a word or number for one of them.
    pub fn boolean<'f>(&'f self, name: &'f str) -> Reading<'f, Boolean> {
        self.read(name, Boolean)
    }

    /// A whole number, or a text of one.
    pub fn integer<'f>(&'f self, name: &'f str) -> Reading<'f, Integer> {
        self.read(name, Integer::new())
    }

    /// A date and time.
    pub fn datetime<'f>(&'f self, name: &'f str) -> Reading<'f, Datetime> {
        self.read(name, Datetime)
    }

    /// One of the given words.
    pub fn choice<'f>(
        &'f self,
        name: &'f str,
        words: &'static [&'static str],
    ) -> Reading<'f, Choice> {
        self.read(name, Choice::of(words))
    }

    /// A JSON object with any members.
    pub fn object<'f>(&'f self, name: &'f str) -> Reading<'f, Object> {
        self.read(name, Object)
    }

    /// Any JSON value.
    pub fn json<'f>(&'f self, name: &'f str) -> Reading<'f, Json> {
        self.read(name, Json)
    }

    /// An e-mail address.
    pub fn email<'f>(&'f self, name: &'f str) -> Reading<'f, Email> {
        self.read(name, Email)
    }

    /// A list whose elements are all of one kind.
    pub fn list<'f, K: Kind>(&'f self, name: &'f str, element: K) -> Reading<'f, List<K>> {
        self.read(name, List::of(element))
    }

    fn attr(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// A field that is about to be read: refine its rule, then say with the last call whether it may be absent
/// or null.
#[derive(Debug)]
pub struct Reading<'f, K> {
    fields: &'f Fields<'f>,
    name: &'f str,
    kind: K,
}

impl<'f, K: Kind> Reading<'f, K> {
    /// The field must be there and not null.
    ///
    /// # Errors
    /// `required`, `null`, or the kind's own.
    pub fn required(self) -> Result<K::Output, FieldError> {
        match self.nullable()? {
            Field::Value(value) => Ok(value),
            Field::Absent => Err(FieldError::plain(self.attr(), Code::Required)),
            Field::Null => Err(FieldError::plain(self.attr(), Code::Null)),
        }
    }

    /// The field must be there; null is a value like any other.
    ///
    /// # Errors
    /// `required`, or the kind's own.
    pub fn required_or_null(self) -> Result<Option<K::Output>, FieldError> {
        match self.nullable()? {
            Field::Value(value) => Ok(Some(value)),
            Field::Absent => Err(FieldError::plain(self.attr(), Code::Required)),
            Field::Null => Ok(None),
        }
    }

    /// The field may be left out, but not be null.
    ///
    /// # Errors
    /// `null`, or the kind's own.
    pub fn optional(self) -> Result<Option<K::Output>, FieldError> {
        match self.nullable()? {
            Field::Value(value) => Ok(Some(value)),
            Field::Absent => Ok(None),
            Field::Null => Err(FieldError::plain(self.attr(), Code::Null)),
        }
    }

    /// As [`Self::optional`], with a value to take in its stead.
    ///
    /// # Errors
    /// `null`, or the kind's own.
    pub fn or(self, default: K::Output) -> Result<K::Output, FieldError> {
        Ok(self.optional()?.unwrap_or(default))
    }

    /// The field may be left out, and may be null.
    ///
    /// # Errors
    /// The kind's own.
    pub fn nullable(&self) -> Result<Field<K::Output>, FieldError> {
        match self.fields.members.get(self.name) {
            None => Ok(Field::Absent),
            Some(Value::Null) => Ok(Field::Null),
            Some(value) => self.kind.read(value, &self.attr()).map(Field::Value),
        }
    }

    fn attr(&self) -> String {
        self.fields.attr(self.name)
    }

    fn with(self, f: impl FnOnce(K) -> K) -> Self {
        Self {
            kind: f(self.kind),
            ..self
        }
    }
}

impl Reading<'_, Text> {
    /// At most so many code points, counted after trimming.
    #[must_use]
    pub fn max(self, max: usize) -> Self {
        self.with(|kind| kind.max(max))
    }

    /// The empty text is allowed.
    #[must_use]
    pub fn allow_blank(self) -> Self {
        self.with(Text::allow_blank)
    }
}

impl Reading<'_, Integer> {
    /// At least this.
    #[must_use]
    pub fn min(self, min: i64) -> Self {
        self.with(|kind| kind.min(min))
    }

    /// At most this.
    #[must_use]
    pub fn max(self, max: i64) -> Self {
        self.with(|kind| kind.max(max))
    }
}

impl Reading<'_, Choice> {
    /// The empty text is allowed and stays the empty text.
    #[must_use]
    pub fn allow_blank(self) -> Self {
        self.with(Choice::allow_blank)
    }
}

impl<K> Reading<'_, List<K>>
where
    List<K>: Kind,
{
    /// At most so many elements.
    #[must_use]
    pub fn max(self, max: usize) -> Self {
        self.with(|kind| kind.max(max))
    }

    /// At least one element.
    #[must_use]
    pub fn not_empty(self) -> Self {
        self.with(List::not_empty)
    }
}

fn not_an_object(value: &Value) -> String {
    format!(
        "Invalid data. Expected a dictionary, but got {}.",
        python::type_name(value)
    )
}

#[cfg(test)]
mod tests;
