//! The schema's migrations: embedded, numbered, checksummed, never edited after a release.
//!
//! One text serves both engines; a line that ends in `-- sqlite` or `-- postgres` is for that engine only
//! (docs/decisions/0001-one-migration-text.md).

use crate::lite::LiteConn;
use crate::{Engine, Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The migrations in order: the first has number 1. A new file adds its line at the end.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_tenancy",
        text: include_str!("../migrations/0001_tenancy.sql"),
    },
    Migration {
        name: "0002_conversations",
        text: include_str!("../migrations/0002_conversations.sql"),
    },
];

/// One step of the schema.
#[derive(Clone, Copy)]
pub(crate) struct Migration {
    /// Number and name, as in the file's name.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// A row of `schema_migration`.
pub(crate) struct Applied {
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

/// The number of the newest migration this program carries.
pub(crate) fn latest() -> i64 {
    number_after(MIGRATIONS.len()) - 1
}

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
  number BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  -- SHA-256 of the file, in hexadecimal.
  checksum TEXT NOT NULL,
  -- The version of Thicket that applied it.
  applied_by TEXT NOT NULL
)";
const LIST: &str = "SELECT number, name, checksum FROM schema_migration ORDER BY number";
const INSERT: &str =
    "INSERT INTO schema_migration (number, name, checksum, applied_by) VALUES (?1, ?2, ?3, ?4)";

/// Brings an embedded database up to date, all or nothing.
pub(crate) fn lite(conn: &LiteConn) -> Result<()> {
    lite_with(conn, MIGRATIONS)
}

fn lite_with(conn: &LiteConn, migrations: &[Migration]) -> Result<()> {
    conn.script("BEGIN IMMEDIATE")?;
    let outcome = lite_in_transaction(conn, migrations).and_then(|()| conn.script("COMMIT"));
    if outcome.is_err() {
        drop(conn.script("ROLLBACK"));
    }
    outcome
}

fn lite_in_transaction(conn: &LiteConn, migrations: &[Migration]) -> Result<()> {
    conn.script(CREATE_TABLE)?;
    let applied = conn
        .all::<(i64, String, String)>(LIST, &[])?
        .into_iter()
        .map(|(number, name, checksum)| Applied {
            number,
            name,
            checksum,
        })
        .collect::<Vec<_>>();
    for (number, migration) in pending(migrations, &applied)? {
        conn.script(&text_for(migration.text, Engine::Sqlite))
            .map_err(|error| named(migration, &error))?;
        let checksum = checksum(migration.text);
        let version = env!("CARGO_PKG_VERSION");
        conn.exec(
            INSERT,
            crate::params![number, migration.name, &checksum, version],
        )?;
    }
    Ok(())
}

/// The migrations still to apply, with their numbers.
pub(crate) fn pending<'m>(
    migrations: &'m [Migration],
    applied: &[Applied],
) -> Result<Vec<(i64, &'m Migration)>> {
    if let Some(newest) = applied.last()
        && newest.number > number_after(migrations.len()) - 1
    {
        return Err(Error::TooNew {
            database: newest.number,
            program: number_after(migrations.len()) - 1,
        });
    }
    for (index, applied) in applied.iter().enumerate() {
        let expected = migrations
            .get(index)
            .filter(|_| applied.number == number_after(index));
        let Some(expected) = expected else {
            return Err(Error::Corrupt(format!(
                "migration {} is missing before migration {}",
                number_after(index),
                applied.number
            )));
        };
        if applied.name != expected.name || applied.checksum != checksum(expected.text) {
            return Err(Error::Corrupt(format!(
                "migration {} was applied from another file than this program's {}",
                applied.name, expected.name
            )));
        }
    }
    Ok(migrations
        .iter()
        .enumerate()
        .skip(applied.len())
        .map(|(index, migration)| (number_after(index), migration))
        .collect())
}

fn number_after(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)
}

fn named(migration: &Migration, error: &Error) -> Error {
    Error::Internal(format!("migration {}: {error}", migration.name))
}

/// SHA-256 in hexadecimal. A checkout with other line ends has the same.
pub(crate) fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.replace("\r\n", "\n").as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        drop(write!(hex, "{byte:02x}"));
        hex
    })
}

/// The text without the other engine's lines.
pub(crate) fn text_for(text: &str, engine: Engine) -> String {
    let other = match engine {
        Engine::Sqlite => "-- postgres",
        Engine::Postgres => "-- sqlite",
    };
    text.lines()
        .filter(|line| !line.trim_end().ends_with(other))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_without_gaps() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert!(
                migration.name.starts_with(&format!("{:04}_", index + 1)),
                "{} stands at place {}",
                migration.name,
                index + 1
            );
        }
    }

    #[test]
    fn each_engine_gets_its_own_lines_and_the_common_ones() {
        let text = "a -- sqlite\nb -- postgres  \n-- about -- sqlite, and more\nc\n";
        assert_eq!(
            text_for(text, Engine::Sqlite),
            "a -- sqlite\n-- about -- sqlite, and more\nc\n"
        );
        assert_eq!(
            text_for(text, Engine::Postgres),
            "b -- postgres  \n-- about -- sqlite, and more\nc\n"
        );
    }
}
