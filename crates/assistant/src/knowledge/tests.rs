//! Retrieval and answers from end to end, and how good they are on the labelled questions of `bench/knowledge.jsonl`.

mod quality;

use super::fixtures::{add, disable, project};
use super::*;
use crate::extractive::answer;
use store::testing::TestStore;

store::on_both_engines! {
    a_question_is_answered_from_the_articles,
    a_greeting_lists_the_newest_articles,
    nothing_is_said_about_disabled_articles,
    a_short_follow_up_continues_the_question,
}

async fn ask(store: &Store, project: ProjectId, question: &str, previous: Option<&str>) -> String {
    let passages = retrieve(store, project, question, previous, Shelf::Articles, 8)
        .await
        .unwrap();
    answer(question, previous, &passages).text
}

async fn a_question_is_answered_from_the_articles(store: TestStore) {
    let project = project(&store).await;
    add(
        &store,
        project,
        "Backups",
        "Backups are made with `thicket backup`.",
    )
    .await;
    add(&store, project, "Keys", "A key is shown once.").await;
    let text = ask(&store, project, "how do I make a backup?", None).await;
    assert!(
        text.contains("**Backups**\n\n> Backups are made with `thicket backup`."),
        "{text}"
    );
    assert!(!text.contains("Keys"));
    let text = ask(&store, project, "What is the capital of France?", None).await;
    assert!(
        text.starts_with("I found nothing about “capital of France”"),
        "{text}"
    );
}

async fn a_greeting_lists_the_newest_articles(store: TestStore) {
    let project = project(&store).await;
    let text = ask(&store, project, "hello", None).await;
    assert!(text.contains("none yet"), "{text}");
    add(&store, project, "Backups", "x").await;
    add(&store, project, "Keys", "y").await;
    let text = ask(&store, project, "Hello, can you help me?", None).await;
    assert!(text.contains("- Keys\n- Backups"), "{text}");
}

async fn nothing_is_said_about_disabled_articles(store: TestStore) {
    let project = project(&store).await;
    add(&store, project, "Plans", "We plan a rocket.").await;
    assert!(
        ask(&store, project, "rocket", None)
            .await
            .contains("> We plan a rocket.")
    );
    disable(&store, project, "Plans").await;
    assert!(
        ask(&store, project, "rocket", None)
            .await
            .contains("I found nothing about “rocket”")
    );
    assert!(!ask(&store, project, "hello", None).await.contains("Plans"));
}

async fn a_short_follow_up_continues_the_question(store: TestStore) {
    let project = project(&store).await;
    add(
        &store,
        project,
        "SQLite",
        "Backups of SQLite are made with `thicket backup`.",
    )
    .await;
    add(
        &store,
        project,
        "PostgreSQL",
        "Backups of PostgreSQL are made with `pg_dump`.",
    )
    .await;
    add(
        &store,
        project,
        "Connections",
        "PostgreSQL is reached by an address.",
    )
    .await;
    let text = ask(
        &store,
        project,
        "and on Postgres?",
        Some("how do I make a backup"),
    )
    .await;
    assert!(text.contains("pg_dump"), "{text}");
    assert!(!text.contains("thicket backup"), "{text}");
}
