//! What a member of an organisation may do.

use crate::fields::Kind;
use crate::{Code, FieldError};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long an invitation can be accepted.
pub const INVITE_LIVES: Duration = Duration::from_secs(7 * 86_400);

/// A person's standing in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberLevel {
    /// Reads and changes what belongs to the organisation's projects.
    Member,
    /// Also manages the organisation itself: people, roles, project settings, tokens.
    Admin,
}

impl MemberLevel {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The number by which the original's clients know it: 1 for a member, 8 for an admin.
    pub const fn number(self) -> i64 {
        match self {
            Self::Member => 1,
            Self::Admin => 8,
        }
    }
}

impl fmt::Display for MemberLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither admin nor member")]
pub struct UnknownLevel(pub String);

impl FromStr for MemberLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            other => Err(UnknownLevel(other.to_owned())),
        }
    }
}

/// A level in a request: its number, or its word.
#[derive(Clone, Copy, Debug)]
pub struct LevelKind;

impl Kind for LevelKind {
    type Output = MemberLevel;

    fn read(&self, value: &Value, attr: &str) -> Result<MemberLevel, FieldError> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        [MemberLevel::Member, MemberLevel::Admin]
            .into_iter()
            .find(|level| text == level.as_str() || text == level.number().to_string())
            .ok_or_else(|| {
                let shown: String = text.chars().take(100).collect();
                let detail = format!("\"{shown}\" is not a valid choice.");
                FieldError::at(attr, Code::InvalidChoice, detail)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_shows() {
        for level in [MemberLevel::Member, MemberLevel::Admin] {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for level in [MemberLevel::Member, MemberLevel::Admin] {
            let read = |value: Value| LevelKind.read(&value, "level");
            assert_eq!(read(level.number().into()), Ok(level));
            assert_eq!(read(level.as_str().into()), Ok(level));
            assert_eq!(read(15.into()).unwrap_err().code, Code::InvalidChoice);
        }
        assert!("owner".parse::<MemberLevel>().is_err());
        assert!(MemberLevel::Admin > MemberLevel::Member);
    }
}
