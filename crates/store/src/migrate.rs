//! The schema's migrations: embedded, numbered, checksummed, never edited after a release.
//!
//! One text serves both engines; a line that ends in `-- sqlite` or `-- postgres` is for that engine only
//! (docs/decisions/0001-one-migration-text.md).

use crate::hex::hex;
use crate::lite::LiteConn;
use crate::pg::PgConn;
use crate::{Engine, Error, FromRow, Result, Row};
use sha2::{Digest, Sha256};

/// The migrations in order: the first has number 1. A new file adds its line at the end.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_tenancy",
        text: include_str!("../migrations/0001_tenancy.sql"),
    },
    Migration {
        name: "0002_conversations",
        text: include_str!("../migrations/0002_conversations.sql"),
    },
    Migration {
        name: "0003_articles",
        text: include_str!("../migrations/0003_articles.sql"),
    },
    Migration {
        name: "0004_erasure",
        text: include_str!("../migrations/0004_erasure.sql"),
    },
    Migration {
        name: "0005_events",
        text: include_str!("../migrations/0005_events.sql"),
    },
    Migration {
        name: "0006_tickets",
        text: include_str!("../migrations/0006_tickets.sql"),
    },
    Migration {
        name: "0007_persons",
        text: include_str!("../migrations/0007_persons.sql"),
    },
    Migration {
        name: "0008_customers",
        text: include_str!("../migrations/0008_customers.sql"),
    },
    Migration {
        name: "0009_sessions",
        text: include_str!("../migrations/0009_sessions.sql"),
    },
    Migration {
        name: "0010_desk",
        text: include_str!("../migrations/0010_desk.sql"),
    },
    Migration {
        name: "0011_team",
        text: include_str!("../migrations/0011_team.sql"),
    },
    Migration {
        name: "0012_reply_jobs",
        text: include_str!("../migrations/0012_reply_jobs.sql"),
    },
    Migration {
        name: "0013_statistics",
        text: include_str!("../migrations/0013_statistics.sql"),
    },
    Migration {
        name: "0014_idempotency",
        text: include_str!("../migrations/0014_idempotency.sql"),
    },
    Migration {
        name: "0015_search_tickets",
        text: include_str!("../migrations/0015_search_tickets.sql"),
    },
    Migration {
        name: "0016_activity_indexes",
        text: include_str!("../migrations/0016_activity_indexes.sql"),
    },
    Migration {
        name: "0017_text_removals",
        text: include_str!("../migrations/0017_text_removals.sql"),
    },
    Migration {
        name: "0018_letters_alike",
        text: include_str!("../migrations/0018_letters_alike.sql"),
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

impl FromRow for Applied {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get()?,
            name: row.get()?,
            checksum: row.get()?,
        })
    }
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
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SCHEMA: &str = "SELECT current_schema()";
/// For each schema its own lock, until the transaction ends.
const LOCK: &str =
    "SELECT CAST(pg_advisory_xact_lock(hashtext('thicket'), hashtext(current_schema())) AS TEXT)";
const LIST: &str = "SELECT number, name, checksum FROM schema_migration ORDER BY number";
const INSERT: &str =
    "INSERT INTO schema_migration (number, name, checksum, applied_by) VALUES (?1, ?2, ?3, ?4)";

/// Brings an embedded database up to date, all or nothing; or only makes sure that it is, when it must `change`
/// nothing.
pub(crate) fn lite(conn: &LiteConn, change: bool) -> Result<()> {
    lite_with(conn, MIGRATIONS, change)
}

fn lite_with(conn: &LiteConn, migrations: &[Migration], change: bool) -> Result<()> {
    conn.script("BEGIN IMMEDIATE")?;
    let outcome =
        lite_in_transaction(conn, migrations, change).and_then(|()| conn.script("COMMIT"));
    if outcome.is_err() {
        drop(conn.script("ROLLBACK"));
    }
    outcome
}

fn lite_in_transaction(conn: &LiteConn, migrations: &[Migration], change: bool) -> Result<()> {
    // Rolled back with everything else when nothing is to change.
    conn.script(CREATE_TABLE)?;
    let applied = conn.all(LIST, &[])?;
    for (number, migration) in to_apply(migrations, &applied, change)? {
        conn.script(&text_for(migration.text, Engine::Sqlite))
            .map_err(|error| named(migration, error))?;
        let checksum = checksum(migration.text);
        conn.exec(
            INSERT,
            crate::params![number, migration.name, &checksum, VERSION],
        )?;
    }
    Ok(())
}

/// Brings a server's schema up to date, all or nothing. Of several processes that start at once one does it, and
/// the others wait for it.
pub(crate) async fn pg(conn: &PgConn, change: bool) -> Result<()> {
    pg_with(conn, MIGRATIONS, change).await
}

async fn pg_with(conn: &PgConn, migrations: &[Migration], change: bool) -> Result<()> {
    conn.begin().await?;
    match pg_in_transaction(conn, migrations, change).await {
        Ok(()) => conn.commit().await,
        Err(error) => {
            drop(conn.rollback().await);
            Err(error)
        }
    }
}

async fn pg_in_transaction(conn: &PgConn, migrations: &[Migration], change: bool) -> Result<()> {
    if conn
        .find::<Option<String>>(SCHEMA, &[])
        .await?
        .flatten()
        .is_none()
    {
        return Err(Error::Unavailable(
            "the database has no schema to use: search_path names none that exists".to_owned(),
        ));
    }
    // A long migration in another process is no reason to give up.
    conn.script("SET LOCAL lock_timeout = 0").await?;
    conn.find::<String>(LOCK, &[]).await?;
    conn.script(CREATE_TABLE).await?;
    let applied = conn.all(LIST, &[]).await?;
    for (number, migration) in to_apply(migrations, &applied, change)? {
        conn.script(&text_for(migration.text, Engine::Postgres))
            .await
            .map_err(|error| named(migration, error))?;
        let checksum = checksum(migration.text);
        conn.exec(
            INSERT,
            crate::params![number, migration.name, &checksum, VERSION],
        )
        .await?;
    }
    Ok(())
}

/// The pending migrations, if they may be applied.
fn to_apply<'m>(
    migrations: &'m [Migration],
    applied: &[Applied],
    change: bool,
) -> Result<Vec<(i64, &'m Migration)>> {
    let pending = pending(migrations, applied)?;
    if change || pending.is_empty() {
        return Ok(pending);
    }
    Err(Error::TooOld {
        database: number_after(applied.len()) - 1,
        program: number_after(migrations.len()) - 1,
    })
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

/// A defect or a broken rule in a migration names it; other errors are not its fault.
fn named(migration: &Migration, error: Error) -> Error {
    match error {
        Error::Internal(_) | Error::Constraint { .. } => {
            Error::Internal(format!("migration {}: {error}", migration.name))
        }
        other => other,
    }
}

/// SHA-256 in hexadecimal. A checkout with other line ends has the same.
pub(crate) fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text.replace("\r\n", "\n").as_bytes()))
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
