//! What can go wrong in storage, in terms a caller can act on.

use std::any::Any;
use std::fmt;

/// The result of storage operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a storage operation failed. Nothing of it was kept.
///
/// The texts are for logs and for operators, not for API clients: they may name tables and statements, but
/// never carry stored values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too much waits already, or another writer held the database for too long. Worth another try in a
    /// moment: answered with 503 and `Retry-After`.
    #[error("the database is busy")]
    Busy,

    /// The database cannot be reached, or cannot be written at present (disk full, connection lost).
    ///
    /// After a connection was lost during commit it is unknown whether the operation was kept.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),

    /// A row would break a rule of the schema.
    #[error("{kind} violated{}", on(.name))]
    Constraint {
        /// Which kind of rule.
        kind: ConstraintKind,
        /// The columns, the same on both engines: `users.email`, `role.organization_id,name`. For a check the
        /// constraint's name, for an index over expressions the index's name. Empty for foreign keys (SQLite
        /// does not tell which one).
        name: String,
    },

    /// [`Conn::one`](crate::Conn::one) found no row, or [`Conn::exec_one`](crate::Conn::exec_one) changed none.
    #[error("no row was found")]
    NoRow,

    /// The database was written by a newer Thicket. Nothing was touched.
    #[error(
        "the database is newer than this program: it has migration {database}, this program knows up to \
         {program}; start the newer program, or restore a backup from before the upgrade"
    )]
    TooNew {
        /// The highest migration in the database.
        database: i64,
        /// The highest migration this program carries.
        program: i64,
    },

    /// The database was written by an older Thicket, and opening it was not to change it.
    #[error(
        "the database is older than this program: it has migration {database}, this program needs {program}; \
         run \"thicket migrate\" first"
    )]
    TooOld {
        /// The highest migration in the database; 0 for an empty one.
        database: i64,
        /// The highest migration this program carries.
        program: i64,
    },

    /// The stored data is damaged, or is not what this program wrote.
    #[error("the stored data is damaged: {0}")]
    Corrupt(String),

    /// A defect in Thicket: a wrong statement, a wrong column type, a panic in an operation.
    #[error("internal storage error: {0}")]
    Internal(String),
}

impl Error {
    /// Whether a row with the same values in these columns exists already, for example
    /// `is_unique("users.email")`; several columns as `role.organization_id,name`.
    pub fn is_unique(&self, columns: &str) -> bool {
        matches!(self, Self::Constraint { kind: ConstraintKind::Unique, name } if name == columns)
    }

    /// Whether it passes by itself, so that the same can be tried again in a moment.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_))
    }

    pub(crate) fn internal(detail: impl fmt::Display) -> Self {
        Self::Internal(detail.to_string())
    }

    /// An operation went on after one of its statements had failed.
    pub(crate) fn after_failure(sql: &str) -> Self {
        Self::Internal(format!(
            "an earlier statement of this transaction failed, before: {sql}"
        ))
    }

    /// An operation reported success although one of its statements had failed.
    pub(crate) fn ignored_failure() -> Self {
        Self::internal("an operation ignored the failure of one of its statements")
    }

    /// An operation panicked.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::Internal(format!("an operation panicked: {said}"))
    }

    /// Names the statement in a defect's description.
    pub(crate) fn in_statement(self, sql: &str) -> Self {
        match self {
            Self::Internal(detail) => Self::Internal(format!("{detail}, in: {sql}")),
            other => other,
        }
    }
}

/// The kinds of rules a schema enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// Unique or primary key.
    Unique,
    /// A reference to a row that does not exist, or the removal of one that is referred to.
    ForeignKey,
    /// A null where none may be.
    NotNull,
    /// A `CHECK`.
    Check,
}

impl fmt::Display for ConstraintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique constraint",
            Self::ForeignKey => "foreign key constraint",
            Self::NotNull => "not-null constraint",
            Self::Check => "check constraint",
        })
    }
}

fn on(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!(" on {name}")
    }
}
