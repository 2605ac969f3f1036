//! Which values a setting takes.

use crate::error::{Code, FieldError};
use crate::fields::{Boolean, Choice, Email, Integer, Kind as _, List, Text};
use crate::rates::Limit;
use crate::tickets::OfficeHours;
use serde_json::Value;

/// Which values a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// True or false.
    Boolean,
    /// A text of at most so many characters; it may be empty.
    Text {
        /// Code points.
        length: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Name of a time zone.
    Timezone,
    /// At most so many texts of at most so many characters each.
    Texts {
        /// Elements.
        most: usize,
        /// Code points of each.
        length: usize,
    },
    /// At most so many e-mail addresses.
    Emails {
        /// Elements.
        most: usize,
    },
    /// At most so many whole numbers within bounds.
    Integers {
        /// Elements.
        most: usize,
        /// The smallest.
        min: i64,
        /// The biggest.
        max: i64,
    },
    /// A rate such as `10/minute`, `off`, or null for the server's own.
    Limit,
    /// Days and times at which the office is open, or null: always.
    OfficeHours,
}

impl Rule {
    /// Checks the value and gives its canonical form.
    ///
    /// # Errors
    /// The first rule that the value breaks, at `name`.
    pub fn read(self, value: &Value, name: &str) -> Result<Value, FieldError> {
        if value.is_null() {
            return match self {
                Self::Limit | Self::OfficeHours => Ok(Value::Null),
                _ => Err(FieldError::plain(name, Code::Null)),
            };
        }
        Ok(match self {
            Self::Boolean => Boolean.read(value, name)?.into(),
            Self::Text { length } => Text::new()
                .max(length)
                .allow_blank()
                .read(value, name)?
                .into(),
            Self::Choice(words) => Choice::of(words).read(value, name)?.into(),
            Self::Timezone => {
                let zone = Text::new().max(64).read(value, name)?;
                jiff::tz::TimeZone::get(&zone).map_err(|_| {
                    let detail = format!("\"{zone}\" is not a valid choice.");
                    FieldError::at(name, Code::InvalidChoice, detail)
                })?;
                zone.into()
            }
            Self::Texts { most, length } => List::of(Text::new().max(length))
                .max(most)
                .read(value, name)?
                .into(),
            Self::Emails { most } => List::of(Email).max(most).read(value, name)?.into(),
            Self::Integers { most, min, max } => List::of(Integer::new().min(min).max(max))
                .max(most)
                .read(value, name)?
                .into(),
            Self::OfficeHours => OfficeHours::read(value, name)?.into_value(),
            Self::Limit => {
                let text = Text::new().max(64).read(value, name)?;
                let limit = text
                    .parse::<Limit>()
                    .map_err(|error| FieldError::at(name, Code::InvalidInput, error.to_string()))?;
                limit.to_string().into()
            }
        })
    }

    /// The JSON value that a text on a command line stands for.
    pub fn value_of_text(self, text: &str) -> Value {
        match self {
            Self::Texts { .. } | Self::Emails { .. } | Self::Integers { .. } => {
                serde_json::from_str(text).unwrap_or_else(|_| {
                    text.split(',')
                        .map(str::trim)
                        .filter(|item| !item.is_empty())
                        .map(Value::from)
                        .collect()
                })
            }
            Self::OfficeHours => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
            _ => Value::from(text),
        }
    }

    /// The values in words, for help texts and the documentation.
    pub fn describe(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Text { length } => format!("text of at most {length} characters"),
            Self::Choice(words) => words.join(", "),
            Self::Timezone => "name of a time zone".to_owned(),
            Self::Texts { most, .. } => format!("list of at most {most} texts"),
            Self::Emails { most } => format!("list of at most {most} e-mail addresses"),
            Self::Integers { most, min, max } => {
                format!("list of at most {most} numbers from {min} to {max}")
            }
            Self::OfficeHours => {
                "an object with days and time, such as `{\"days\": [\"monday\"], \"time\": [\"09:00\", \"17:00\"]}`, or null".to_owned()
            }
            Self::Limit => "a rate such as 10/minute, off, or null".to_owned(),
        }
    }
}
