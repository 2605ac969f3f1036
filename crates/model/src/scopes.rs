//! What a personal API key may do (conventions.md 2.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Everything a scope can be about.
pub const OBJECTS: &[&str] = &[
    "conversation",
    "organization",
    "person",
    "project",
    "support_ticket",
    "ticket",
    "user",
];

/// What reading and writing each of [`OBJECTS`] means, in the same order.
const DESCRIPTIONS: &[(&str, &str)] = &[
    (
        "Read conversations with the assistant.",
        "Ask the assistant, and change one's conversations.",
    ),
    (
        "See organisations, their members and roles.",
        "Manage members, invitations and roles; for admins.",
    ),
    ("Read persons: the customers.", "Make and change persons."),
    (
        "Read projects and their settings.",
        "Change projects and their settings.",
    ),
    (
        "Read single tickets from a customer's own backend.",
        "Change single tickets from a customer's own backend.",
    ),
    (
        "Read tickets, messages, views and articles.",
        "Answer and change tickets, views and articles.",
    ),
    ("See one's own account.", "Change one's own account."),
];

/// Every scope there is with what it means, and the one for everything.
pub fn described() -> impl Iterator<Item = (String, &'static str)> {
    let both = OBJECTS.iter().zip(DESCRIPTIONS);
    let scopes = both.flat_map(|(object, (read, write))| {
        [
            (format!("{object}:read"), *read),
            (format!("{object}:write"), *write),
        ]
    });
    scopes.chain([("*".to_owned(), "Everything, also what is yet to come.")])
}

/// Reading or writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Look.
    Read,
    /// Change; includes looking.
    Write,
}

/// One scope: what it is about, and how far it goes. Shown as `ticket:read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// One of [`OBJECTS`].
    pub object: &'static str,
    /// Reading or writing.
    pub verb: Verb,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Read => "read",
            Verb::Write => "write",
        };
        write!(f, "{}:{verb}", self.object)
    }
}

/// A text that is not a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a scope: write <object>:read or <object>:write with one of {objects}, or *", objects = OBJECTS.join(", "))]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let unknown = || UnknownScope(text.to_owned());
        let (object, verb) = text.split_once(':').ok_or_else(unknown)?;
        let object = OBJECTS.iter().find(|known| **known == object);
        let verb = match verb {
            "read" => Verb::Read,
            "write" => Verb::Write,
            _ => return Err(unknown()),
        };
        Ok(Self {
            object: object.ok_or_else(unknown)?,
            verb,
        })
    }
}

/// The scopes of one key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scopes {
    everything: bool,
    list: BTreeSet<Scope>,
}

impl Scopes {
    /// All scopes there are and will be: `*`.
    pub fn everything() -> Self {
        Self {
            everything: true,
            list: BTreeSet::new(),
        }
    }

    /// Reads a list such as `["ticket:read", "conversation:write"]`, for a key that is being made.
    ///
    /// # Errors
    /// The first text that is not a scope.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, UnknownScope> {
        let mut scopes = Self::default();
        for text in texts {
            scopes.add(text.as_ref())?;
        }
        Ok(scopes)
    }

    /// Reads a stored list. What this version does not know (a newer one may have written it) allows nothing.
    pub fn from_stored<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut scopes = Self::default();
        for text in texts {
            // An unknown scope is no scope.
            let _ = scopes.add(text.as_ref());
        }
        scopes
    }

    fn add(&mut self, text: &str) -> Result<(), UnknownScope> {
        match text.trim() {
            "*" => self.everything = true,
            text => {
                self.list.insert(text.parse()?);
            }
        }
        Ok(())
    }

    /// Whether a key with these scopes may do what needs `wanted`: writing includes reading, `*` everything.
    pub fn allow(&self, wanted: Scope) -> bool {
        self.everything
            || self.list.contains(&wanted)
            || self.list.contains(&Scope {
                verb: Verb::Write,
                ..wanted
            })
    }

    /// The texts, as they are stored and shown.
    pub fn texts(&self) -> Vec<String> {
        let star = self.everything.then(|| "*".to_owned());
        star.into_iter()
            .chain(self.list.iter().map(Scope::to_string))
            .collect()
    }

    /// Whether nothing at all is allowed.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_includes_reading_and_the_star_everything() {
        for (held, wanted, allowed) in [
            ("ticket:read", "ticket:read", true),
            ("ticket:write", "ticket:read", true),
            ("ticket:read", "ticket:write", false),
            ("conversation:write", "ticket:read", false),
            ("*", "project:write", true),
        ] {
            let scopes = Scopes::parse([held]).unwrap();
            assert_eq!(
                scopes.allow(wanted.parse().unwrap()),
                allowed,
                "{held} / {wanted}"
            );
        }
    }

    #[test]
    fn refuses_unknown_objects_and_verbs_with_a_helpful_text() {
        for text in [
            "dashboard:read",
            "ticket",
            "ticket:admin",
            "",
            "ticket:*",
            ":read",
        ] {
            let error = Scopes::parse([text]).unwrap_err();
            assert!(error.to_string().contains("conversation"), "{error}");
        }
    }

    #[test]
    fn every_scope_is_described_and_can_be_given() {
        assert_eq!(DESCRIPTIONS.len(), OBJECTS.len());
        let all: Vec<_> = described().map(|(scope, _)| scope).collect();
        assert_eq!(all.len(), 2 * OBJECTS.len() + 1);
        assert!(Scopes::parse(all).is_ok());
    }

    #[test]
    fn stored_scopes_of_a_newer_version_allow_nothing() {
        let scopes = Scopes::from_stored(["dashboard:read", "ticket:read"]);
        assert_eq!(scopes.texts(), ["ticket:read"]);
        assert!(Scopes::from_stored(["dashboard:read"]).is_empty());
        assert_eq!(
            Scopes::parse(["*", "ticket:write"]).unwrap().texts(),
            ["*", "ticket:write"]
        );
    }
}
