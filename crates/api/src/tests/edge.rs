//! What holds for every request: ids, other sites' pages, panics, health and numbers.

use super::support::{Server, request};

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let server = Server::start().await;
    for path in [
        "/",
        "/nope",
        "/api/nope/",
        "/api/users/@me/",
        "/_health",
        "/api/docs",
    ] {
        let answer = server.send(request("GET", path)).await;
        assert_eq!(answer.headers["x-request-id"].len(), 36, "{path}");
    }
    for (theirs, is_kept) in [
        ("abc-123", true),
        ("Root=1-67891233-abcdef012345678912345678", true),
        ("with space", false),
        ("<script>", false),
        ("", false),
        (&"x".repeat(129), false),
    ] {
        let request = request("GET", "/").header("x-request-id", theirs);
        let answer = server.send(request).await;
        assert_eq!(
            answer.headers["x-request-id"] == theirs,
            is_kept,
            "{theirs:?}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_nothing_of_it_is_told() {
    let server = Server::start().await;
    let answer = server.send(request("GET", "/boom")).await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.text,
        r#"{"type":"server_error","code":"error","detail":"A server error occurred.","attr":null}"#
    );
    assert!(answer.headers.contains_key("x-request-id"));
    assert_eq!(server.send(request("GET", "/")).await.status, 200);
}

#[tokio::test]
async fn pages_of_other_sites_may_call_without_credentials() {
    let server = Server::start().await;
    let preflight = request("OPTIONS", "/api/conversations/v1/widget/message")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-conversations-token");
    let answer = server.send(preflight).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("access-control-max-age"), "86400");
    assert_eq!(
        header("access-control-allow-methods"),
        "DELETE, GET, OPTIONS, PATCH, POST, PUT"
    );
    for name in [
        "accept",
        "authorization",
        "content-type",
        "user-agent",
        "x-csrftoken",
        "x-requested-with",
        "x-conversations-token",
        "last-event-id",
    ] {
        assert!(
            header("access-control-allow-headers")
                .split(", ")
                .any(|known| known == name),
            "{name}"
        );
    }
    assert!(
        !answer
            .headers
            .contains_key("access-control-allow-credentials")
    );
    let get = request("GET", "/api/users/@me/").header("origin", "https://shop.example");
    let answer = server.send(get).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(answer.headers["vary"], "origin");
    let same_site = server.send(request("GET", "/api/users/@me/")).await;
    assert!(
        !same_site
            .headers
            .contains_key("access-control-allow-origin")
    );
    assert_eq!(same_site.headers["vary"], "origin");
    let page = server
        .send(request("GET", "/").header("origin", "https://shop.example"))
        .await;
    assert!(!page.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn health_readiness_and_numbers() {
    let server = Server::start().await;
    assert_eq!(server.send(request("GET", "/_health")).await.status, 200);
    assert_eq!(server.send(request("GET", "/_ready")).await.status, 200);
    let secret = "phx_secretsecretsecret";
    let path = format!(
        "/api/projects/{}/?personal_api_key={secret}",
        server.project
    );
    server.send(request("GET", &path)).await;
    server.send(request("BREW", "/api/nope/")).await;
    let numbers = server.send(request("GET", "/metrics")).await;
    assert!(
        numbers.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    for line in [
        r#"thicket_http_requests_total{method="GET",route="/api/projects/{project_id}",status="401"}"#,
        r#"thicket_http_requests_total{method="other",route="unmatched",status="404"}"#,
        r#"thicket_http_request_duration_seconds_bucket{method="GET",route="/_health",le="0.001"}"#,
    ] {
        assert!(numbers.text.contains(line), "{line}\n{}", numbers.text);
    }
    assert!(!numbers.text.contains(secret));
    server.app.shutdown.cancel();
    let answer = server.send(request("GET", "/_ready")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["reason"]),
        (503, &"shutting down".into())
    );
    assert_eq!(server.send(request("GET", "/_health")).await.status, 200);
}

#[tokio::test]
async fn storage_that_is_closed_is_not_ready() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    server.app.store.close().await;
    let answer = server.send(request("GET", "/_ready")).await;
    assert_eq!(answer.status, 503);
    let reason = answer.json()["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason, "storage does not answer");
    // A hiccup while authenticating is never 401.
    let answer = server.get("/api/users/@me/", &key).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.headers["retry-after"].to_str().unwrap()
        ),
        (503, "1")
    );
}
