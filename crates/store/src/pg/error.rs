//! PostgreSQL's errors in our terms.

use crate::{ConstraintKind, Error};
use std::error::Error as _;
use tokio_postgres::error::{DbError, SqlState};

/// Translates an error met while running `sql`. The server's message is kept, its detail is not: that holds
/// stored values.
pub(super) fn from_pg(error: &tokio_postgres::Error, sql: &str) -> Error {
    if let Some(error) = error.as_db_error() {
        return from_server(error, sql);
    }
    let lost = error.is_closed()
        || error
            .source()
            .is_some_and(|cause| cause.is::<std::io::Error>());
    if lost {
        Error::Unavailable(with_causes(error))
    } else {
        Error::Internal(format!("{}, in: {sql}", with_causes(error)))
    }
}

/// Translates an error met while connecting.
pub(super) fn from_connect(error: &tokio_postgres::Error) -> Error {
    if let Some(error) = error.as_db_error() {
        return Error::Unavailable(error.message().to_owned());
    }
    let mut detail = with_causes(error);
    if detail.contains("invalid peer certificate") {
        detail.push_str(
            " (install its authority in this system or name it with SSL_CERT_FILE; sslmode=prefer encrypts without \
             checking)",
        );
    }
    Error::Unavailable(detail)
}

fn from_server(error: &DbError, sql: &str) -> Error {
    let code = error.code();
    if let Some(error) = constraint(error) {
        return error;
    }
    let busy = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    if busy.contains(code) {
        return Error::Busy;
    }
    let detail = format!("{} ({})", error.message(), code.code());
    match code.code().get(..2) {
        // Lost connection, wrong password, no such database, out of resources, shutting down, system error.
        Some("08" | "28" | "3D" | "53" | "57" | "58") => Error::Unavailable(detail),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || *code == SqlState::INSUFFICIENT_PRIVILEGE =>
        {
            Error::Unavailable(detail)
        }
        _ if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
            Error::Corrupt(detail)
        }
        _ => Error::Internal(format!("{detail}, in: {sql}")),
    }
}

fn constraint(error: &DbError) -> Option<Error> {
    let table = error.table().unwrap_or_default();
    let constraint = error.constraint().unwrap_or_default();
    let code = error.code();
    let (kind, name) = if *code == SqlState::UNIQUE_VIOLATION {
        let name = match key_columns(error.detail().unwrap_or_default()) {
            Some(columns) => format!("{table}.{columns}"),
            None => constraint.to_owned(),
        };
        (ConstraintKind::Unique, name)
    } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
        (ConstraintKind::ForeignKey, String::new())
    } else if *code == SqlState::NOT_NULL_VIOLATION {
        let column = error.column().unwrap_or_default();
        (ConstraintKind::NotNull, format!("{table}.{column}"))
    } else if *code == SqlState::CHECK_VIOLATION {
        (ConstraintKind::Check, constraint.to_owned())
    } else {
        return None;
    };
    Some(Error::Constraint { kind, name })
}

/// `Key (organization_id, name)=(…) already exists.` as `organization_id,name`, in whatever language the server
/// speaks. `None` for an index over expressions.
fn key_columns(detail: &str) -> Option<String> {
    let (_, after) = detail.split_once('(')?;
    let (columns, _) = after.split_once(")=(")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ' ');
    columns
        .chars()
        .all(plain)
        .then(|| columns.replace(", ", ","))
}

fn with_causes(error: &tokio_postgres::Error) -> String {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_duplicate_are_found_in_any_language() {
        for (detail, expected) in [
            ("Key (email)=(a@b.example) already exists.", Some("email")),
            (
                "Schlüssel »(organization_id, name)=(1, )=(2)« existiert bereits.",
                Some("organization_id,name"),
            ),
            ("Key (lower(name))=(x) already exists.", None),
            ("", None),
        ] {
            assert_eq!(key_columns(detail).as_deref(), expected);
        }
    }
}
