//! The schema and its history.

use crate::migrate::{MIGRATIONS, Migration, text_for};
use crate::testing::{TestPlace, TestStore};
use crate::{Engine, Error, Store, StoreConfig, params};
use std::collections::BTreeMap;

crate::on_both_engines! {
    opening_again_changes_nothing,
    a_newer_database_is_refused_untouched,
    an_older_database_is_refused_untouched_when_it_must_not_be_changed,
    a_migration_with_another_text_is_refused,
    a_missing_migration_is_refused,
}

const HISTORY: &str =
    "SELECT number, name, checksum, applied_by FROM schema_migration ORDER BY number";

async fn history(store: &Store) -> Vec<(i64, String, String, String)> {
    store
        .read(|c| Box::pin(async move { c.all(HISTORY, &[]).await }))
        .await
        .unwrap()
}

async fn change(store: &Store, sql: &'static str) {
    store
        .write(move |c| Box::pin(async move { c.exec_one(sql, &[]).await }))
        .await
        .unwrap();
}

async fn opening_again_changes_nothing(store: TestStore) {
    let before = history(&store).await;
    assert_eq!(
        before.len(),
        usize::try_from(crate::migrate::latest()).unwrap()
    );
    let again = Store::open(&store.config()).await.unwrap();
    assert_eq!(history(&again).await, before);
}

async fn a_newer_database_is_refused_untouched(store: TestStore) {
    let program = crate::migrate::latest();
    let database = program + 1;
    store
        .write(move |c| {
            Box::pin(async move {
                c.exec_one(
                    "INSERT INTO schema_migration (number, name, checksum, applied_by) VALUES (?1, 'x', 'x', 'x')",
                    params![database],
                )
                .await
            })
        })
        .await
        .unwrap();
    let before = history(&store).await;
    let error = Store::open(&store.config()).await.err();
    assert_eq!(error, Some(Error::TooNew { database, program }));
    assert_eq!(history(&store).await, before);
}

async fn an_older_database_is_refused_untouched_when_it_must_not_be_changed(store: TestStore) {
    let program = crate::migrate::latest();
    let config = StoreConfig {
        migrate: false,
        ..store.config()
    };
    assert!(Store::open(&config).await.is_ok());

    store
        .write(move |c| {
            Box::pin(async move {
                let last = "DELETE FROM schema_migration WHERE number = ?1";
                c.exec_one(last, params![program]).await
            })
        })
        .await
        .unwrap();
    let before = history(&store).await;
    let error = Store::open(&config).await.err();
    let database = program - 1;
    assert_eq!(error, Some(Error::TooOld { database, program }));
    assert_eq!(history(&store).await, before);
}

async fn a_migration_with_another_text_is_refused(store: TestStore) {
    change(
        &store,
        "UPDATE schema_migration SET checksum = 'other' WHERE number = 1",
    )
    .await;
    let error = Store::open(&store.config()).await.err();
    assert_eq!(
        error,
        Some(Error::Corrupt(
            "migration 0001_tenancy was applied from another file than this program's 0001_tenancy"
                .to_owned()
        ))
    );
}

async fn a_missing_migration_is_refused(store: TestStore) {
    change(&store, "DELETE FROM schema_migration WHERE number = 1").await;
    let error = Store::open(&store.config()).await.err();
    assert_eq!(
        error,
        Some(Error::Corrupt(
            "migration 1 is missing before migration 2".to_owned()
        ))
    );
}

/// Tables with their columns (and whether they may be null), and the names of the indexes that migrations name.
type Schema = (BTreeMap<String, Vec<(String, bool)>>, Vec<String>);

async fn schema(store: &Store) -> Schema {
    let (columns, indexes) = match store.engine() {
        Engine::Sqlite => (
            "SELECT t.name, c.name, c.\"notnull\" = 0 AND c.pk = 0 FROM pragma_table_list t \
             JOIN pragma_table_xinfo(t.name) c \
             WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name COLLATE \"C\"",
        ),
        Engine::Postgres => (
            "SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns \
             WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
            "SELECT CAST(i.relname AS TEXT) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
             JOIN pg_namespace n ON n.oid = i.relnamespace WHERE n.nspname = current_schema() \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u')) \
             ORDER BY i.relname COLLATE \"C\"",
        ),
    };
    let (columns, indexes) = store
        .read(move |c| {
            Box::pin(async move {
                let columns: Vec<(String, String, bool)> = c.all(columns, &[]).await?;
                let indexes: Vec<String> = c.all(indexes, &[]).await?;
                Ok::<_, Error>((columns, indexes))
            })
        })
        .await
        .unwrap();
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (table, column, nullable) in columns {
        if !DIFFERENT_COLUMNS.contains(&(&*table, &*column)) {
            tables.entry(table).or_default().push((column, nullable));
        }
    }
    let same = |index: &String| !DIFFERENT_INDEXES.contains(&&**index);
    (tables, indexes.into_iter().filter(same).collect())
}

/// Columns that one engine has and the other has not, on purpose: what full-text search hangs on.
const DIFFERENT_COLUMNS: &[(&str, &str)] = &[
    ("article_passage", "search_id"),
    ("article_passage", "search"),
    ("ticket_search_state", "indexed_until"),
    ("ticket_search_ticket", "search_id"),
    ("ticket_search_ticket", "project_id"),
    ("ticket_search_ticket", "ticket_number"),
    ("ticket_text", "search_id"),
    ("ticket_text_removal", "project_id"),
    ("ticket_text_removal", "count"),
];

/// Indexes likewise.
const DIFFERENT_INDEXES: &[&str] = &["article_passage_search", "ticket_text_search"];

#[tokio::test]
async fn both_engines_end_with_the_same_schema() {
    let test = "both_engines_end_with_the_same_schema";
    let Some(server) = TestStore::open(Engine::Postgres, test).await.unwrap() else {
        return;
    };
    let file = TestStore::open(Engine::Sqlite, test)
        .await
        .unwrap()
        .unwrap();
    let ours = schema(&file).await;
    assert!(ours.0.contains_key("conversation") && !ours.1.is_empty());
    assert_eq!(ours, schema(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_may_start_at_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let place = TestPlace::create(engine, "many_processes_may_start_at_once")
            .await
            .unwrap();
        let Some(place) = place else { continue };
        let opening: Vec<_> = (0..6)
            .map(|_| {
                let config = place.config();
                tokio::spawn(async move { Store::open(&config).await.map(drop) })
            })
            .collect();
        for store in opening {
            store.await.unwrap().unwrap();
        }
    }
}

/// A database with the first migrations, and those that are left. Rows may be put into one table without those of others.
fn older_database(applied: usize) -> (rusqlite::Connection, &'static [Migration]) {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let (before, after) = MIGRATIONS.split_at(applied);
    apply(&database, before);
    (database, after)
}

fn apply(database: &rusqlite::Connection, migrations: &[Migration]) {
    for migration in migrations {
        let text = text_for(migration.text, Engine::Sqlite);
        database.execute_batch(&text).unwrap();
    }
}

/// 0018 on a database whose texts were folded otherwise.
#[test]
fn texts_that_were_folded_before_are_folded_anew() {
    let (database, after) = older_database(17);
    let run = |sql: &str| database.execute_batch(sql).unwrap();
    for (source, text) in [
        ("1a", "ο νίκος"),
        ("1b", "hauptstraße i\u{307}zmir ısparta"),
        ("1c", "nothing"),
        ("1d", "ο νίκος waits"),
    ] {
        run(&format!(
            "INSERT INTO ticket_text (project_id, source_id, ticket_id, text) VALUES (1, x'{source}', x'0a', '{text}')"
        ));
    }
    run("UPDATE ticket_search_state SET indexed_until = 3");
    apply(&database, after);
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let all = texts("SELECT text FROM ticket_text ORDER BY search_id");
    let expected = [
        "ο νίκοσ",
        "hauptstrasse izmir isparta",
        "nothing",
        "ο νίκοσ waits",
    ];
    assert_eq!(all, expected);
    assert_eq!(all, expected.map(model::tickets::fold));
    // The index knows of it, too.
    let found = "SELECT text FROM ticket_search WHERE ticket_search MATCH";
    assert_eq!(texts(&format!("{found} '\"νίκοσ\"'")), ["ο νίκοσ"]);
    assert_eq!(texts(&format!("{found} '\"νίκος\"'")), [""; 0]);
    assert_eq!(texts(&format!("{found} '\"strasse izmir\"'")).len(), 1);
}

/// 0015 on a database that has texts in the index, and one that waits.
#[test]
fn texts_that_were_indexed_before_have_their_narrow_rows_afterwards() {
    let (database, after) = older_database(14);
    let run = |sql: &str| database.execute_batch(sql).unwrap();
    let narrow_rows = || -> Vec<(i64, i64, i64)> {
        let sql = "SELECT search_id, project_id, ticket_number FROM ticket_search_ticket ORDER BY search_id";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    for (project, id, number) in [(1, "0a", 7), (1, "0b", 8), (2, "0a", 9)] {
        run(&format!(
            "INSERT INTO ticket (project_id, id, number, channel_source, distinct_id, status, assignee, anonymous_traits, \
               ai_resolved, created_at, updated_at, message_count, unread_team_count, unread_customer_count, \
               session_context, sla_breached, cc_participants, tags) \
             VALUES ({project}, x'{id}', {number}, 'widget', '', 'new', '', '{{}}', 0, 0, 0, 0, 0, 0, '{{}}', 0, '[]', '[]')"
        ));
    }
    for (project, ticket, source) in [
        (1, "0a", "1a"),
        (2, "0a", "2a"),
        (1, "0b", "1b"),
        (1, "0a", "1c"),
    ] {
        run(&format!(
            "INSERT INTO ticket_text (project_id, source_id, ticket_id, text) \
             VALUES ({project}, x'{source}', x'{ticket}', 'a word')"
        ));
    }
    run("UPDATE ticket_search_state SET indexed_until = 3");
    apply(&database, after);
    assert_eq!(narrow_rows(), [(1, 1, 7), (2, 2, 9), (3, 1, 8)]);
    run("UPDATE ticket_search_state SET indexed_until = 4");
    assert_eq!(narrow_rows()[3..], [(4, 1, 7)]);
    run("DELETE FROM ticket_text WHERE search_id = 2");
    assert_eq!(narrow_rows(), [(1, 1, 7), (3, 1, 8), (4, 1, 7)]);
}
