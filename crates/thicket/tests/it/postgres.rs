//! The same program on PostgreSQL.

use crate::harness::Place;
use crate::server::Server;
use store::Engine;
use store::testing::TestPlace;

/// A place whose commands work on a schema of their own; `None`, named as skipped, when there is no server.
pub(crate) async fn on_postgres(module: &str, test: &str) -> Option<(Place, TestPlace)> {
    let name = format!("thicket::it::{module}::{test}");
    let schema = TestPlace::create(Engine::Postgres, &name).await.unwrap()?;
    let url = schema.database_url().unwrap();
    Some((Place::new().with("THICKET_DATABASE_URL", url), schema))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_server_share_a_postgresql_database() {
    let Some((place, _schema)) = on_postgres(
        "postgres",
        "commands_and_server_share_a_postgresql_database",
    )
    .await
    else {
        return;
    };
    assert_eq!(place.json("migrate")["engine"], "postgres");
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    place.write(
        "help/begin.md",
        "# How to begin\n\nTo begin, open the box.\n",
    );
    place.json("article import help --project 1");
    let key = place.json("key create --user ada@example.com --scopes conversation:write");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let headers = [("Authorization", bearer.as_str())];
    let question = r#"{"content": "How do I begin?", "conversation": "018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10",
        "trace_id": "3f0f7a86-5f0c-4d0e-8b0b-0a6d3f6c1b22"}"#;

    let server = Server::start(&place);
    let answer = server.post("/api/environments/1/conversations", &headers, question);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.body.contains("open the box"), "{answer:?}");
    assert_eq!(place.json("check")["ok"], true);
    let end = server.stop();
    assert_eq!(end.code, Some(0), "{end:?}");

    assert!(place.path("thicket-data/secret.key").exists());
    assert!(!place.path("thicket-data/thicket.db").exists());
    let server = Server::start(&place);
    let list = server
        .get("/api/environments/1/conversations", &headers)
        .json();
    assert_eq!(list["count"], 1, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_left_to_postgresqls_own_tools() {
    let Some((place, _schema)) =
        on_postgres("postgres", "a_backup_is_left_to_postgresqls_own_tools").await
    else {
        return;
    };
    let refusal = place.run("backup saved.tar").refusal(1);
    assert!(refusal.contains("pg_dump"), "{refusal}");
    assert!(!place.path("saved.tar").exists());
    let refusal = place.run("restore saved.tar").refusal(1);
    assert!(refusal.contains("pg_restore"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_runs_on_postgresql_too() {
    let Some((place, _schema)) =
        on_postgres("postgres", "a_demonstration_runs_on_postgresql_too").await
    else {
        return;
    };
    let server = Server::of(place.command(["demo", "--listen", "127.0.0.1:0"]));
    let greeting = server.greeting();
    assert!(greeting.contains("curl -N "), "{greeting}");
    assert_eq!(server.get("/_ready", &[]).status, 200);
}
