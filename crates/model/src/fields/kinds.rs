//! The kinds of value a field can have: one type each, with the coercions and sentences of conventions.md 4.2.

use crate::error::{Code, FieldError};
use crate::{Timestamp, datetime, python};
use serde_json::{Map, Value};
use uuid::Uuid;

/// How one kind of value is read. `value` is never null: that is the business of whoever asks.
pub trait Kind {
    /// What comes out.
    type Output;

    /// Reads the value; `attr` is the field's name for the error.
    ///
    /// # Errors
    /// The first rule that the value breaks.
    fn read(&self, value: &Value, attr: &str) -> Result<Self::Output, FieldError>;
}

/// A text: trimmed, not blank, without U+0000. Numbers are taken as text, unless they are not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    max: usize,
    blank: bool,
    numbers: bool,
}

impl Text {
    /// Any length, but not blank.
    pub const fn new() -> Self {
        Self {
            max: usize::MAX,
            blank: false,
            numbers: true,
        }
    }

    /// At most so many code points, counted after trimming.
    #[must_use]
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// The empty text is allowed.
    #[must_use]
    pub const fn allow_blank(self) -> Self {
        Self {
            blank: true,
            ..self
        }
    }

    /// A number is none.
    #[must_use]
    pub const fn without_numbers(self) -> Self {
        Self {
            numbers: false,
            ..self
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl Kind for Text {
    type Output = String;

    fn read(&self, value: &Value, attr: &str) -> Result<String, FieldError> {
        let number;
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Number(n) if self.numbers => {
                number = n.to_string();
                &number
            }
            _ => return Err(invalid(attr, "Not a valid string.")),
        };
        let text = python::trim(text);
        if text.is_empty() && !self.blank {
            return Err(FieldError::plain(attr, Code::Blank));
        }
        // A text has at most as many code points as bytes, so most need no counting.
        if text.len() > self.max && text.chars().count() > self.max {
            let detail = format!(
                "Ensure this field has no more than {} characters.",
                self.max
            );
            return Err(FieldError::at(attr, Code::MaxLength, detail));
        }
        if text.contains('\0') {
            return Err(FieldError::plain(attr, Code::NullCharacters));
        }
        Ok(text.to_owned())
    }
}

/// A UUID: upper or lower case, with or without dashes, in braces, as a URN, or as a whole number.
#[derive(Clone, Copy, Debug)]
pub struct UuidKind;

impl UuidKind {
    /// Reads a text as the body fields do; also good for path segments.
    pub fn parse(text: &str) -> Option<Uuid> {
        let bare = text.replace("urn:", "").replace("uuid:", "");
        let digits = bare.trim_matches(['{', '}']).replace('-', "");
        if digits.len() != 32 {
            return None;
        }
        Uuid::try_parse(&digits).ok()
    }
}

impl Kind for UuidKind {
    type Output = Uuid;

    fn read(&self, value: &Value, attr: &str) -> Result<Uuid, FieldError> {
        let uuid = match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => number.as_u64().map(|n| Uuid::from_u128(n.into())),
            _ => None,
        };
        uuid.ok_or_else(|| invalid(attr, "Must be a valid UUID."))
    }
}

/// True or false, or a word or number for one of them, in any case.
#[derive(Clone, Copy, Debug)]
pub struct Boolean;

impl Kind for Boolean {
    type Output = bool;

    fn read(&self, value: &Value, attr: &str) -> Result<bool, FieldError> {
        let truth = match value {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::String(word) => match word.to_ascii_lowercase().as_str() {
                "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
                "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        truth.ok_or_else(|| invalid(attr, "Must be a valid boolean."))
    }
}

/// A whole number, or a text of one; `3.0` counts as whole.
#[derive(Clone, Copy, Debug)]
pub struct Integer {
    min: i64,
    max: i64,
}

impl Integer {
    /// Any whole number of 64 bits.
    pub const fn new() -> Self {
        Self {
            min: i64::MIN,
            max: i64::MAX,
        }
    }

    /// At least this.
    #[must_use]
    pub const fn min(self, min: i64) -> Self {
        Self { min, ..self }
    }

    /// At most this.
    #[must_use]
    pub const fn max(self, max: i64) -> Self {
        Self { max, ..self }
    }

    fn parse(text: &str) -> Option<i64> {
        let text = python::trim(text);
        let whole = match text.split_once('.') {
            Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
            Some(_) => return None,
            None => text,
        };
        whole.parse().ok()
    }
}

impl Default for Integer {
    fn default() -> Self {
        Self::new()
    }
}

impl Kind for Integer {
    type Output = i64;

    fn read(&self, value: &Value, attr: &str) -> Result<i64, FieldError> {
        let number = match value {
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::String(text) => Self::parse(text),
            _ => None,
        };
        let number = number.ok_or_else(|| invalid(attr, "A valid integer is required."))?;
        if number < self.min {
            let detail = format!(
                "Ensure this value is greater than or equal to {}.",
                self.min
            );
            return Err(FieldError::at(attr, Code::MinValue, detail));
        }
        if number > self.max {
            let detail = format!("Ensure this value is less than or equal to {}.", self.max);
            return Err(FieldError::at(attr, Code::MaxValue, detail));
        }
        Ok(number)
    }
}

/// A date and time, in the forms of [`datetime::parse`].
#[derive(Clone, Copy, Debug)]
pub struct Datetime;

impl Kind for Datetime {
    type Output = Timestamp;

    fn read(&self, value: &Value, attr: &str) -> Result<Timestamp, FieldError> {
        let moment = value.as_str().and_then(datetime::parse);
        moment.ok_or_else(|| {
            invalid(
                attr,
                "Datetime has wrong format. Use one of these formats instead: \
                 YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
            )
        })
    }
}

/// One of a few words.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    words: &'static [&'static str],
    blank: bool,
}

impl Choice {
    /// One of these words, spelled exactly so.
    pub const fn of(words: &'static [&'static str]) -> Self {
        Self {
            words,
            blank: false,
        }
    }

    /// The empty text is allowed and stays the empty text.
    #[must_use]
    pub const fn allow_blank(self) -> Self {
        Self {
            blank: true,
            ..self
        }
    }
}

impl Kind for Choice {
    type Output = &'static str;

    fn read(&self, value: &Value, attr: &str) -> Result<&'static str, FieldError> {
        let given = python::text(value);
        if given.is_empty() && self.blank {
            return Ok("");
        }
        let word = self.words.iter().find(|word| **word == given);
        word.copied().ok_or_else(|| {
            // A long text would only come back at its sender.
            let shown: String = given.chars().take(200).collect();
            let detail = format!("\"{shown}\" is not a valid choice.");
            FieldError::at(attr, Code::InvalidChoice, detail)
        })
    }
}

/// A JSON object with any members.
#[derive(Clone, Copy, Debug)]
pub struct Object;

impl Kind for Object {
    type Output = Map<String, Value>;

    fn read(&self, value: &Value, attr: &str) -> Result<Self::Output, FieldError> {
        value.as_object().cloned().ok_or_else(|| {
            let detail = format!(
                "Expected a dictionary of items but got type \"{}\".",
                python::type_name(value)
            );
            FieldError::at(attr, Code::NotADict, detail)
        })
    }
}

/// Any JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Kind for Json {
    type Output = Value;

    fn read(&self, value: &Value, _attr: &str) -> Result<Value, FieldError> {
        Ok(value.clone())
    }
}

/// An e-mail address of at most 254 characters.
#[derive(Clone, Copy, Debug)]
pub struct Email;

impl Email {
    /// Whether the text has the form of an address: a dotted local part, `@`, and a host name with a dot
    /// (or `localhost`).
    pub fn is_valid(text: &str) -> bool {
        let Some((local, host)) = text.rsplit_once('@') else {
            return false;
        };
        let atom = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{}|~-".contains(&c))
        };
        let label = |part: &str| {
            !part.is_empty()
                && part.chars().count() <= 63
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.chars().all(|c| {
                    c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric())
                })
        };
        let top =
            |part: &str| part.chars().count() >= 2 && !part.bytes().all(|c| c.is_ascii_digit());
        let host_is_valid = host == "localhost"
            || host
                .rsplit_once('.')
                .is_some_and(|(rest, last)| label(last) && top(last) && rest.split('.').all(label));
        text.chars().count() <= 254 && local.split('.').all(atom) && host_is_valid
    }
}

impl Kind for Email {
    type Output = String;

    fn read(&self, value: &Value, attr: &str) -> Result<String, FieldError> {
        let text = Text::new().max(254).read(value, attr)?;
        if Self::is_valid(&text) {
            Ok(text)
        } else {
            Err(invalid(attr, "Enter a valid email address."))
        }
    }
}

/// A list whose elements are all of one kind. A broken rule inside is reported at `name__<index>`.
#[derive(Clone, Copy, Debug)]
pub struct List<K> {
    element: K,
    max: usize,
    empty: bool,
}

impl<K> List<K> {
    /// Any number of elements.
    pub const fn of(element: K) -> Self {
        Self {
            element,
            max: usize::MAX,
            empty: true,
        }
    }

    /// At most so many elements.
    #[must_use]
    pub fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// At least one element.
    #[must_use]
    pub fn not_empty(self) -> Self {
        Self {
            empty: false,
            ..self
        }
    }
}

impl<K: Kind> Kind for List<K> {
    type Output = Vec<K::Output>;

    fn read(&self, value: &Value, attr: &str) -> Result<Self::Output, FieldError> {
        let Value::Array(items) = value else {
            return Err(not_a_list(value, attr));
        };
        if items.is_empty() && !self.empty {
            return Err(FieldError::plain(attr, Code::Empty));
        }
        let mut out = Vec::with_capacity(items.len().min(1024));
        for (index, item) in items.iter().enumerate() {
            let attr = format!("{attr}__{index}");
            if item.is_null() {
                return Err(FieldError::plain(attr, Code::Null));
            }
            out.push(self.element.read(item, &attr)?);
        }
        if items.len() > self.max {
            return Err(too_many(self.max, attr));
        }
        Ok(out)
    }
}

fn invalid(attr: &str, detail: &str) -> FieldError {
    FieldError::at(attr, Code::InvalidInput, detail)
}

pub(super) fn not_a_list(value: &Value, attr: &str) -> FieldError {
    let detail = format!(
        "Expected a list of items but got type \"{}\".",
        python::type_name(value)
    );
    FieldError::at(attr, Code::NotAList, detail)
}

pub(super) fn too_many(max: usize, attr: &str) -> FieldError {
    let detail = format!("Ensure this field has no more than {max} elements.");
    FieldError::at(attr, Code::MaxLength, detail)
}
