//! What a member of an organisation may do.

use std::fmt;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_shows() {
        for level in [MemberLevel::Member, MemberLevel::Admin] {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!("owner".parse::<MemberLevel>().is_err());
        assert!(MemberLevel::Admin > MemberLevel::Member);
    }
}
