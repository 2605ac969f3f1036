//! Who a ticket is assigned to (tickets.md 2.3, 6.3).

use crate::error::{Code, FieldError};
use crate::fields::UuidKind;
use crate::pagination::whole;
use crate::{RoleId, UserId};
use serde_json::{Value, json};
use std::fmt;

/// A person or a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignee {
    /// A member of the organisation.
    User(UserId),
    /// One of the organisation's roles.
    Role(RoleId),
}

/// Why an assignee was refused, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssigneeError {
    /// The value is no object.
    #[error("must be an object")]
    NoObject,
    /// A member is missing.
    #[error("must have 'type' and 'id'")]
    Incomplete,
    /// The type is another word.
    #[error("type must be 'user' or 'role'")]
    UnknownType,
    /// A user's id is no JSON integer.
    #[error("user id must be an integer")]
    BadUserId,
    /// A role's id is no UUID.
    #[error("role id must be a valid UUID")]
    BadRoleId,
    /// Not in the project's organisation.
    #[error("user is not a member of this organization")]
    NotAMember,
    /// Not of the project's organisation.
    #[error("role does not belong to this organization")]
    ForeignRole,
}

impl From<AssigneeError> for FieldError {
    fn from(error: AssigneeError) -> Self {
        Self::at("assignee", Code::InvalidInput, error.to_string())
    }
}

impl Assignee {
    /// Reads the member of a body; null unassigns. Whether the person or role is one of ours, the store says.
    ///
    /// # Errors
    /// The first rule of tickets.md 6.3 that is broken.
    pub fn read(value: &Value) -> Result<Option<Self>, AssigneeError> {
        if value.is_null() {
            return Ok(None);
        }
        let members = value.as_object().ok_or(AssigneeError::NoObject)?;
        let (Some(kind), Some(id)) = (members.get("type"), members.get("id")) else {
            return Err(AssigneeError::Incomplete);
        };
        match kind.as_str() {
            Some("user") => {
                let id = id.as_i64().ok_or(AssigneeError::BadUserId)?;
                Ok(Some(Self::User(UserId(id))))
            }
            Some("role") => {
                let id = id.as_str().and_then(UuidKind::parse);
                let id = id.ok_or(AssigneeError::BadRoleId)?;
                Ok(Some(Self::Role(RoleId(id))))
            }
            _ => Err(AssigneeError::UnknownType),
        }
    }

    /// Reads what [`fmt::Display`] writes; also what the list's filter takes. A number that is too large for an id is that
    /// of nobody, and not malformed.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.split_once(':')? {
            ("user", id) => Some(Self::User(UserId(whole(id)?))),
            ("role", id) => Some(Self::Role(RoleId(UuidKind::parse(id)?))),
            _ => None,
        }
    }

    /// `user` or `role`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Role(_) => "role",
        }
    }

    /// As clients see it (tickets.md 2.3); `name` is the person's address or the role's name.
    pub fn view(self, name: &str) -> Value {
        match self {
            Self::User(id) => {
                json!({"id": id, "type": "user", "user": {"email": name}, "role": null})
            }
            Self::Role(id) => {
                json!({"id": id, "type": "role", "user": null, "role": {"name": name}})
            }
        }
    }

    /// The id as text, as events carry it.
    pub fn id_text(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Role(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.id_text())
    }
}
