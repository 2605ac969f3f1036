//! How often a caller may come (conventions.md 6).

use super::support::{Server, request};
use crate::ApiConfig;
use model::rates::{Limit, Per};
use serde_json::json;
use std::collections::HashMap;

fn at_most(burst: u32, sustained: u32) -> ApiConfig {
    ApiConfig {
        rates: HashMap::from([
            ("api_burst", Limit::at(burst, Per::Minute)),
            ("api_sustained", Limit::at(sustained, Per::Hour)),
        ]),
        ..ApiConfig::default()
    }
}

#[tokio::test]
async fn a_key_may_come_as_often_as_the_rate_says() {
    let server = Server::start_with(at_most(3, 5)).await;
    let (key, other) = (server.key(&["*"]).await, server.key(&["*"]).await);
    let path = format!("/api/projects/{}/", server.project);
    for _ in 0..3 {
        assert_eq!(server.get(&path, &key).await.status, 200);
    }
    let answer = server.get(&path, &key).await;
    assert_eq!(
        answer.text,
        r#"{"type":"throttled_error","code":"throttled","detail":"Request was throttled. Expected available in 60 seconds.","attr":null}"#
    );
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.headers["retry-after"].to_str().unwrap()
        ),
        (429, "60")
    );
    assert_eq!(server.get(&path, &other).await.status, 200);
    server.advance(60);
    for _ in 0..2 {
        assert_eq!(server.get(&path, &key).await.status, 200);
    }
    // Now the long rate is used up.
    let answer = server.get(&path, &key).await;
    assert_eq!(
        answer.headers["retry-after"],
        (3600 - 60).to_string().as_str()
    );
}

#[tokio::test]
async fn refused_and_broken_requests_are_told_apart() {
    let server = Server::start_with(at_most(2, 100)).await;
    let key = server.key(&["project:write"]).await;
    let path = format!("/api/projects/{}/", server.project);
    // Without the permission nothing is counted.
    for _ in 0..5 {
        assert_eq!(server.get("/api/projects/99/", &key).await.status, 404);
    }
    // A broken body counts: throttles run before validation.
    for _ in 0..2 {
        let broken = request("PATCH", &path).key(&key).json("{bad");
        assert_eq!(server.send(broken).await.status, 400);
    }
    assert_eq!(server.get(&path, &key).await.status, 429);
}

#[tokio::test]
async fn limits_can_be_lifted_for_a_key_a_project_or_the_server() {
    let server = Server::start_with(at_most(1, 100)).await;
    let path = format!("/api/projects/{}/", server.project);
    let free = server
        .key_of(server.ada.id, &["*"], |key| key.unthrottled = true)
        .await;
    let key = server.key(&["*"]).await;
    for _ in 0..3 {
        assert_eq!(server.get(&path, &free).await.status, 200);
    }
    assert_eq!(server.get(&path, &key).await.status, 200);
    assert_eq!(server.get(&path, &key).await.status, 429);
    server.set("api_burst", json!("3/minute")).await;
    for status in [200, 200, 200, 429] {
        assert_eq!(server.get(&path, &key).await.status, status);
    }
    server.set("api_burst", json!("off")).await;
    assert_eq!(server.get(&path, &key).await.status, 200);
    let config = ApiConfig {
        rate_limits: false,
        ..at_most(1, 1)
    };
    let server = Server::start_with(config).await;
    let key = server.key(&["*"]).await;
    for _ in 0..3 {
        assert_eq!(server.get("/api/users/@me/", &key).await.status, 200);
    }
}
