//! A whole project as lines of JSON, and back (operating.md, `export` and `import`).
//!
//! What is written are the rows of the project's tables, one line each, parents before children, between a line that
//! says what it is and one that says that it is complete. So a table needs no code here, only its columns: see
//! `tables.rs`, where a test finds those that are missing.
//!
//! Behind the rows come the bytes of uploaded files, in pieces. They are not in the store, so whoever writes or reads the
//! lines hands them over.
//!
//! What is not written: secrets (tokens, keys, and the secrets of visitors' browsers), mails, and what lives for a moment
//! only (running turns and their frames). Counters are counted anew by who reads.

mod export;
mod import;
mod links;
mod people;
mod tables;

pub use export::{Export, Exported};
pub use import::{FilePart, Import, ImportError, Imported, Into};

pub(crate) use export::ALL as EXPORT;
pub(crate) use import::ALL as IMPORT;

use crate::row::Cell;
use crate::{Column, Error, FromRow, Result, Row, Value};
use uuid::Uuid;

/// The form of the lines. Raised when an older program could not read them.
const FORMAT: i64 = 1;
/// Rows in one read, and in one write.
const BATCH: usize = 500;

/// A value between the database and a line.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

impl Field {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(n) => Value::Int(*n),
            Self::Bool(b) => Value::Bool(*b),
            Self::Text(text) => Value::Text(text),
            Self::Uuid(id) => Value::Uuid(*id),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

impl Column for Field {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => Self::Null,
            Cell::Int(n) => Self::Int(n),
            Cell::Bool(b) => Self::Bool(b),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Uuid(id) => Self::Uuid(id),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
            Cell::Real(_) => return None,
        })
    }
}

/// A row of whatever width.
struct Fields(Vec<Field>);

impl FromRow for Fields {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let mut fields = Vec::new();
        while !row.is_over() {
            fields.push(row.get()?);
        }
        Ok(Self(fields))
    }
}

/// A name or a text as JSON.
fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(Error::internal)
}
