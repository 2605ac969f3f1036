//! Values on their way into a statement.

use crate::{Error, Result};
use model::{
    ArticleId, ConversationId, GuidanceRuleId, InviteId, KeyId, MacroId, MailId, MediaId,
    MessageId, NodeId, OrganizationId, PersonId, ProjectId, QueueItemId, RoleId, SessionId,
    TicketId, Timestamp, UserId, ViewId,
};
use std::fmt;
use uuid::Uuid;

/// One parameter of a statement. Built by [`params!`](crate::params) from what the caller has.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL null, for a column of any type.
    Null,
    /// `BIGINT`: numbers, integer ids, and times in microseconds UTC.
    Int(i64),
    /// `DOUBLE PRECISION`.
    Real(f64),
    /// `BOOLEAN`.
    Bool(bool),
    /// `TEXT`, and JSON, which is kept as text. A NUL character is refused when the statement runs, because
    /// PostgreSQL cannot store it.
    Text(&'a str),
    /// `UUID`: 16 bytes.
    Uuid(Uuid),
    /// `BYTEA`.
    Bytes(&'a [u8]),
}

/// Shows the kind and size only: parameters are people's words and secrets, and must not get into logs.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(_) => f.write_str("Int"),
            Self::Real(_) => f.write_str("Real"),
            Self::Bool(_) => f.write_str("Bool"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Uuid(_) => f.write_str("Uuid"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

/// The parameters of a statement, each by [`Value::from`]: `params![project, &title, None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*]
    };
}

// A conversion for every `Option<T>` at once would send the compiler in circles over `Option<Option<…>>`.
macro_rules! into_value {
    ($($type:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(convert(value))
            }
        }

        impl From<&$type> for Value<'_> {
            fn from(value: &$type) -> Self {
                Self::from(*value)
            }
        }

        impl From<Option<$type>> for Value<'_> {
            fn from(value: Option<$type>) -> Self {
                value.map_or(Self::Null, Self::from)
            }
        }

        impl From<&Option<$type>> for Value<'_> {
            fn from(value: &Option<$type>) -> Self {
                value.map_or(Self::Null, Self::from)
            }
        }
    )*};
}

into_value! {
    i64 => Int(|n| n),
    i32 => Int(i64::from),
    u32 => Int(i64::from),
    f64 => Real(|n| n),
    bool => Bool(|b| b),
    Uuid => Uuid(|id| id),
    Timestamp => Int(Timestamp::as_micros),
    ProjectId => Int(|id| id.0),
    UserId => Int(|id| id.0),
    OrganizationId => Uuid(|id| id.0),
    RoleId => Uuid(|id| id.0),
    KeyId => Uuid(|id| id.0),
    InviteId => Uuid(|id| id.0),
    SessionId => Uuid(|id| id.0),
    ConversationId => Uuid(|id| id.0),
    MessageId => Uuid(|id| id.0),
    PersonId => Uuid(|id| id.0),
    QueueItemId => Uuid(|id| id.0),
    ArticleId => Uuid(|id| id.0),
    NodeId => Uuid(|id| id.0),
    TicketId => Uuid(|id| id.0),
    MailId => Uuid(|id| id.0),
    ViewId => Uuid(|id| id.0),
    MacroId => Uuid(|id| id.0),
    GuidanceRuleId => Uuid(|id| id.0),
    MediaId => Uuid(|id| id.0),
}

macro_rules! borrow_value {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl<'a> From<&'a $type> for Value<'a> {
            fn from(value: &'a $type) -> Self {
                Self::$variant(value)
            }
        }

        impl<'a> From<Option<&'a $type>> for Value<'a> {
            fn from(value: Option<&'a $type>) -> Self {
                value.map_or(Self::Null, Self::from)
            }
        }
    )*};
}

borrow_value! {
    str => Text,
    String => Text,
    [u8] => Bytes,
    Vec<u8> => Bytes,
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        Self::from(value.as_ref())
    }
}

impl<'a> From<&'a Option<Vec<u8>>> for Value<'a> {
    fn from(value: &'a Option<Vec<u8>>) -> Self {
        Self::from(value.as_ref())
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

/// Refuses the wrong number of parameters, and text that PostgreSQL could not store, on both engines alike.
pub(crate) fn check(params: &[Value<'_>], wanted: usize, sql: &str) -> Result<()> {
    if params.len() != wanted {
        return Err(Error::Internal(format!(
            "{} parameters were given where {wanted} are wanted, in: {sql}",
            params.len()
        )));
    }
    for (index, value) in params.iter().enumerate() {
        if matches!(value, Value::Text(text) if text.contains('\0')) {
            return Err(Error::Internal(format!(
                "parameter {} has a NUL character, in: {sql}",
                index + 1
            )));
        }
    }
    Ok(())
}
