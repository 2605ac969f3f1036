//! SQLite's errors in our terms.

use crate::{ConstraintKind, Error};
use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Translates an error of the driver, met while running `sql`.
pub(crate) fn from_lite(error: &rusqlite::Error, sql: &str) -> Error {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return Error::Internal(format!("{error}, in: {sql}"));
    };
    let message = message.as_deref().unwrap_or_default();
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy,
        ErrorCode::ConstraintViolation => constraint(failure.extended_code, message, sql),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt(error.to_string()),
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::FileLockingProtocolFailed => Error::Unavailable(error.to_string()),
        _ => Error::Internal(format!("{error}, in: {sql}")),
    }
}

fn constraint(extended_code: i32, message: &str, sql: &str) -> Error {
    // "UNIQUE constraint failed: role.organization_id, role.name"
    let subject = message
        .split_once("constraint failed: ")
        .map_or("", |(_, subject)| subject);
    let (kind, name) = match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => (ConstraintKind::Unique, columns(subject)),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => (ConstraintKind::ForeignKey, String::new()),
        ffi::SQLITE_CONSTRAINT_NOTNULL => (ConstraintKind::NotNull, columns(subject)),
        ffi::SQLITE_CONSTRAINT_CHECK => (ConstraintKind::Check, subject.to_owned()),
        _ => return Error::Internal(format!("{message}, in: {sql}")),
    };
    Error::Constraint { kind, name }
}

/// `role.organization_id, role.name` as `role.organization_id,name`; `index 'x'` as `x`.
fn columns(subject: &str) -> String {
    if let Some(index) = subject.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let mut parts = subject.split(", ");
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        name.push(',');
        name.push_str(part.rsplit_once('.').map_or(part, |(_, column)| column));
    }
    name
}
