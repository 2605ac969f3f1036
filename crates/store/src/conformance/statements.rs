//! Every statement of every module, prepared on both engines.

use crate::conn::Inner;
use crate::migrate::MIGRATIONS;
use crate::statements::STATEMENTS;
use crate::testing::TestStore;
use crate::tickets::statistics;
use crate::{Engine, Result};
use std::collections::BTreeSet;

crate::on_both_engines! {
    every_statement_can_be_prepared,
    parameters_and_columns_have_types_that_values_have,
}

/// The statements for a store's engine, by full name.
fn all(store: &TestStore) -> Vec<(String, &'static str)> {
    STATEMENTS
        .iter()
        .flat_map(|(module, statements)| statements.iter().map(move |s| (*module, s)))
        .filter(|(_, statement)| statement.only.is_none_or(|only| only == store.engine()))
        .map(|(module, statement)| (format!("{module}::{}", statement.name), statement.sql))
        .collect()
}

/// What the engine says about a statement: the types of parameters and of columns on PostgreSQL, their number on
/// SQLite.
async fn describe(store: &TestStore, sql: &'static str) -> Result<(Vec<String>, Vec<String>)> {
    store
        .read(move |c| {
            Box::pin(async move {
                match &c.0 {
                    Inner::Lite(lite) => lite.describe(sql),
                    Inner::Pg(pg) => pg.describe(sql).await,
                }
            })
        })
        .await
}

/// How SQLite would carry out a statement; without a store's figures, as everywhere.
async fn plan(store: &TestStore, sql: &'static str) -> Vec<String> {
    let plan = store.read(move |c| {
        Box::pin(async move {
            match &c.0 {
                Inner::Lite(lite) => lite.plan(sql).map_err(crate::Error::internal),
                Inner::Pg(_) => Ok(Vec::new()),
            }
        })
    });
    plan.await.unwrap()
}

#[tokio::test]
async fn a_period_is_counted_from_indexes_alone() {
    let test = "a_period_is_counted_from_indexes_alone";
    let opened = TestStore::open(Engine::Sqlite, test).await.unwrap();
    let store = opened.unwrap();
    for statement in statistics::ALL {
        let plan = plan(&store, statement.sql).await;
        let is_covered = plan
            .iter()
            .any(|step| step.contains("USING COVERING INDEX"));
        assert!(is_covered, "{}: {plan:?}", statement.name);
    }
}

/// Modules of which every statement is about one thing, or the few that belong to it: none may look at all there are in a
/// project to find them, however SQLite guesses without figures.
const NARROW: &[&str] = &[
    "activity",
    "conversations",
    "frames",
    "idempotency",
    "media",
    "messages",
    "persons/write",
    "queue",
    "restore",
    "tickets/merge",
    "tickets/messages",
    "tickets/rows",
    "tickets/solved",
    "tickets/visitors",
    "turns",
];

/// What they may walk over nevertheless.
const WALKS: &[&str] = &[
    // The whole log, in the order of an index.
    "activity::LIST",
    "activity::COUNT",
    "activity::LIST_OF_TICKETS",
    // One row for each project.
    "persons/write::LOCK_TOTALS",
    "persons/write::ADD_TO_TOTALS",
];

#[tokio::test]
async fn what_belongs_to_one_thing_is_found_without_a_walk_through_the_project() {
    let test = "what_belongs_to_one_thing_is_found_without_a_walk_through_the_project";
    let opened = TestStore::open(Engine::Sqlite, test).await.unwrap();
    let store = opened.unwrap();
    let mut walking = Vec::new();
    for (name, sql) in all(&store) {
        let module = name.split_once("::").map_or("", |(module, _)| module);
        if !NARROW.contains(&module) {
            continue;
        }
        let plan = plan(&store, sql).await;
        if plan.iter().any(|step| step.contains("(project_id=?)")) {
            walking.push(name);
        }
    }
    assert_eq!(walking, WALKS);
}

/// What looks through texts that are newer than some text.
const LOOK_AT_WAITING_TEXTS: &[&str] = &[
    "comments::OLDER_WITH_INDEXED_PART",
    "comments::NEWER_WITH_INDEXED_PART",
    "tickets/list/found::INDEXED",
    "tickets/list/found::READ",
    "tickets/list/found::ADDED",
];

/// SQLite would rather look at all texts of a project than at those of the last minutes.
#[tokio::test]
async fn texts_that_wait_for_the_index_are_found_by_their_ids() {
    let test = "texts_that_wait_for_the_index_are_found_by_their_ids";
    let opened = TestStore::open(Engine::Sqlite, test).await.unwrap();
    let store = opened.unwrap();
    let mut found = Vec::new();
    for (name, sql) in all(&store) {
        if !sql.contains("s.search_id > ") {
            continue;
        }
        let plan = plan(&store, sql).await;
        let by_id = "SEARCH s USING INTEGER PRIMARY KEY";
        let of_texts: Vec<_> = plan.iter().filter(|it| it.contains(" s USING")).collect();
        let is_quick = of_texts.iter().all(|step| step.starts_with(by_id));
        assert!(is_quick, "{name}: {plan:?}");
        let expected = sql.matches("ticket_text s ").count();
        assert_eq!(of_texts.len(), expected, "{name}: {plan:?}");
        found.push(name);
    }
    assert_eq!(found, LOOK_AT_WAITING_TEXTS);
}

async fn every_statement_can_be_prepared(store: TestStore) {
    let statements = all(&store);
    assert!(statements.len() > 50, "the register is empty");
    let mut wrong = Vec::new();
    for (name, sql) in statements {
        if let Err(error) = describe(&store, sql).await {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn parameters_and_columns_have_types_that_values_have(store: TestStore) {
    let known = [
        "", "int2", "int4", "int8", "float4", "float8", "bool", "text", "varchar", "name", "uuid",
        "bytea",
    ];
    let mut wrong = Vec::new();
    for (name, sql) in all(&store) {
        let (parameters, columns) = describe(&store, sql).await.unwrap();
        let types = parameters.iter().chain(&columns);
        for ty in types.filter(|ty| !known.contains(&ty.as_str())) {
            wrong.push(format!("{name}: {ty}"));
        }
        let highest = (1..=99)
            .rev()
            .find(|n| sql.contains(&format!("?{n}")))
            .unwrap_or(0);
        if parameters.len() != highest {
            wrong.push(format!(
                "{name}: {} of {highest} parameters",
                parameters.len()
            ));
        }
        let lock_at_end = sql
            .find("/*lock*/")
            .is_none_or(|at| sql[at..].trim_end() == "/*lock*/");
        if !lock_at_end {
            wrong.push(format!("{name}: /*lock*/ does not stand at the end"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Statements that name no project, on purpose.
const OF_ALL_PROJECTS: &[&str] = &[
    // The one directory across projects.
    "conversations::PROJECT_OF",
    "transfer/import::FIND_CONVERSATION",
    // A secret's digest, or a membership, says which.
    "media::FIND_OF_USER",
    "projects::FIND_BY_KEY",
    // No request asks for these.
    "erasure::DELETED",
    "idempotency::ERASE",
    "outbox::COUNT_DUE",
    "tickets/messages::INDEX_TEXTS",
    "media::DOOMED",
    "media::SWEEP",
    "outbox::DUE",
    "outbox::ERASE",
    "outbox::EXPIRE",
    "restore::ERASE",
    "tickets/background::DELETED",
    "tickets/background::PROJECTS_WITH_DUE_DATES",
    "tickets/background::SNOOZED",
    "tickets/reply_jobs::OWNED",
    "tickets/reply_jobs::RELEASE",
    "tickets/reply_jobs::RENEW",
    "tickets/reply_jobs::WAITING",
    "turns::ENDED",
    "turns::RELEASE",
    "turns::RENEW",
    "turns::RUNNING",
];

/// The tables whose rows belong to a project.
fn tables_of_projects() -> BTreeSet<&'static str> {
    let tables = MIGRATIONS
        .iter()
        .flat_map(|it| it.text.split("CREATE TABLE ").skip(1));
    tables
        .filter(|table| {
            table
                .split(");")
                .next()
                .is_some_and(|it| it.contains("project_id BIGINT NOT NULL"))
        })
        .filter_map(|table| table.split_whitespace().next())
        .collect()
}

#[test]
fn a_statement_about_rows_of_projects_names_the_project() {
    let tables = tables_of_projects();
    assert!(tables.len() > 20 && tables.contains("ticket"), "{tables:?}");
    let is_about_projects = |sql: &str| {
        let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let is_named = |pair: &[&str]| {
            ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]) && tables.contains(pair[1])
        };
        words.windows(2).any(is_named)
    };
    let mut found = BTreeSet::new();
    for (module, statements) in STATEMENTS {
        // Those look at everything, for damage.
        if *module == "check::invariants" {
            continue;
        }
        for statement in *statements {
            let sql = statement.sql;
            let inserts = sql.starts_with("INSERT INTO ")
                && sql
                    .split(')')
                    .next()
                    .is_some_and(|it| it.contains("project_id"));
            if is_about_projects(sql) && !inserts && !sql.contains("project_id = ?") {
                found.insert(format!("{module}::{}", statement.name));
            }
        }
    }
    let expected = OF_ALL_PROJECTS.iter().map(|name| (*name).to_owned());
    assert_eq!(found, expected.collect());
}

#[test]
fn names_are_registered_once() {
    let mut modules: Vec<_> = STATEMENTS.iter().map(|(module, _)| *module).collect();
    let count = modules.len();
    modules.sort_unstable();
    modules.dedup();
    assert_eq!(modules.len(), count);
    assert!(modules.is_sorted());
}
