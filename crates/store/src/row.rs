//! Rows on their way out of a statement.

use crate::{Error, Result};
use model::{
    ArticleId, ConversationId, GuidanceRuleId, InviteId, KeyId, MacroId, MailId, MediaId,
    MessageId, NodeId, OrganizationId, PersonId, ProjectId, QueueItemId, RoleId, SessionId,
    TicketId, Timestamp, UserId, ViewId,
};
use uuid::Uuid;

/// One row of a result, read column by column in the order of the statement's select list.
pub struct Row<'r> {
    source: Source<'r>,
    next: usize,
    width: usize,
}

enum Source<'r> {
    Lite(&'r rusqlite::Row<'r>),
    Pg(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub(crate) fn lite(row: &'r rusqlite::Row<'r>, width: usize) -> Self {
        Self {
            source: Source::Lite(row),
            next: 0,
            width,
        }
    }

    pub(crate) fn pg(row: &'r tokio_postgres::Row) -> Self {
        Self {
            source: Source::Pg(row),
            next: 0,
            width: row.len(),
        }
    }

    /// Reads the next column.
    ///
    /// # Errors
    /// [`Error::Internal`] when no column is left, or when its type is not `T`'s (a null needs an `Option`).
    pub fn get<T: Column>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        let cell = self.cell(index)?;
        T::from_cell(cell).ok_or_else(|| mismatch::<T>(index, cell))
    }

    /// Reads the next column as text and makes a `T` of it. `what` names the column in the error.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the text is none that this version writes; otherwise as [`Row::get`].
    pub fn parse<T>(&mut self, what: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let index = self.next;
        self.next += 1;
        match self.cell(index)? {
            Cell::Text(text) => {
                parse(text).ok_or_else(|| Error::Corrupt(format!("{what} holds an unknown value")))
            }
            other => Err(mismatch::<String>(index, other)),
        }
    }

    /// Whether every column has been read.
    pub(crate) const fn is_over(&self) -> bool {
        self.next >= self.width
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        if index >= self.width {
            return Err(Error::Internal(format!(
                "column {} was read of a row with {}",
                index + 1,
                self.width
            )));
        }
        match self.source {
            Source::Lite(row) => {
                let value = row.get_ref(index).map_err(Error::internal)?;
                Cell::from_lite(value)
                    .ok_or_else(|| Error::Corrupt(format!("column {} is no UTF-8", index + 1)))
            }
            Source::Pg(row) => row.try_get(index).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                Error::Internal(format!(
                    "column {}: {}",
                    index + 1,
                    cause.unwrap_or_default()
                ))
            }),
        }
    }

    /// Decodes a whole row. A select list and its reader that disagree about the number of columns would
    /// sooner or later disagree about their order too, so a rest is an error.
    pub(crate) fn decode<T: FromRow>(mut self) -> Result<T> {
        let value = T::from_row(&mut self)?;
        if self.next == self.width {
            Ok(value)
        } else {
            Err(Error::Internal(format!(
                "{} columns were read of a row with {}",
                self.next, self.width
            )))
        }
    }
}

fn mismatch<T>(index: usize, cell: Cell<'_>) -> Error {
    let (kind, wanted) = (cell.kind(), std::any::type_name::<T>());
    Error::Internal(format!(
        "column {} holds {kind}, which is no {wanted}",
        index + 1
    ))
}

/// One column's value as the engine gave it. SQLite has neither booleans nor UUIDs, so those come as integers
/// and bytes there; [`Column`] evens that out.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// SQL null.
    Null,
    /// An integer, or a boolean of SQLite.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// A boolean of PostgreSQL.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// A UUID of PostgreSQL.
    Uuid(Uuid),
    /// Bytes, or a UUID of SQLite.
    Bytes(&'a [u8]),
}

impl<'a> Cell<'a> {
    fn from_lite(value: rusqlite::types::ValueRef<'a>) -> Option<Self> {
        use rusqlite::types::ValueRef;
        Some(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(n) => Self::Int(n),
            ValueRef::Real(n) => Self::Real(n),
            ValueRef::Text(text) => Self::Text(std::str::from_utf8(text).ok()?),
            ValueRef::Blob(bytes) => Self::Bytes(bytes),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "text",
            Self::Uuid(_) => "a UUID",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// A type that one column can be read as.
pub trait Column: Sized {
    /// The value, or `None` when the cell holds something else.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

/// A type that a whole row can be read as. Also implemented for the single columns and for tuples of two to
/// four of them.
pub trait FromRow: Sized {
    /// Reads every column, in the order of the select list.
    ///
    /// # Errors
    /// [`Error::Internal`] when the row is not of this shape.
    fn from_row(row: &mut Row<'_>) -> Result<Self>;
}

impl<T: Column> Column for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

macro_rules! columns {
    ($($type:ty: $($pattern:pat => $value:expr),+;)*) => {$(
        impl Column for $type {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $($pattern => $value,)+
                    _ => None,
                }
            }
        }
    )*};
}

columns! {
    i64: Cell::Int(n) => Some(n);
    f64: Cell::Real(n) => Some(n);
    bool: Cell::Bool(b) => Some(b), Cell::Int(0) => Some(false), Cell::Int(1) => Some(true);
    String: Cell::Text(text) => Some(text.to_owned());
    Vec<u8>: Cell::Bytes(bytes) => Some(bytes.to_owned());
    Uuid: Cell::Uuid(id) => Some(id), Cell::Bytes(bytes) => Uuid::from_slice(bytes).ok();
    Timestamp: Cell::Int(micros) => Some(Timestamp::from_micros(micros));
}

macro_rules! wrapped_columns {
    ($($type:ty => $inner:ty),* $(,)?) => {$(
        impl Column for $type {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                <$inner>::from_cell(cell).map(Self::from)
            }
        }
    )*};
}

wrapped_columns! {
    ProjectId => i64,
    UserId => i64,
    OrganizationId => Uuid,
    RoleId => Uuid,
    KeyId => Uuid,
    InviteId => Uuid,
    SessionId => Uuid,
    ConversationId => Uuid,
    MessageId => Uuid,
    PersonId => Uuid,
    QueueItemId => Uuid,
    ArticleId => Uuid,
    NodeId => Uuid,
    TicketId => Uuid,
    MailId => Uuid,
    ViewId => Uuid,
    MacroId => Uuid,
    GuidanceRuleId => Uuid,
    MediaId => Uuid,
}

impl<T: Column> FromRow for T {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.get()
    }
}

macro_rules! tuple_rows {
    ($(($($type:ident),+))*) => {$(
        impl<$($type: Column),+> FromRow for ($($type,)+) {
            fn from_row(row: &mut Row<'_>) -> Result<Self> {
                Ok(($(row.get::<$type>()?,)+))
            }
        }
    )*};
}

tuple_rows! {
    (A, B)
    (A, B, C)
    (A, B, C, D)
}
