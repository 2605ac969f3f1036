//! Paths, methods and forms (conventions.md 3 and 11, cases 14 to 26).

use super::support::{Server, request};

#[tokio::test]
async fn slash_suffix_format_and_prefix_lead_to_the_same_answer() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    let id = server.project;
    let expected = server.get(&format!("/api/projects/{id}/"), &key).await;
    assert_eq!(expected.status, 200);
    for path in [
        format!("/api/projects/{id}"),
        format!("/api/environments/{id}"),
        format!("/api/environments/{id}/"),
        format!("/api/projects/{id}.json"),
        format!("/api/projects/{id}/?format=json"),
        "/api/projects/@current.json?x=1".to_owned(),
    ] {
        let answer = server.get(&path, &key).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text),
            (200, expected.text.clone()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_no_route_matches_is_not_found() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    let id = server.project;
    for (method, path) in [
        ("GET", "/api/nope/".to_owned()),
        ("POST", "/api/nope".to_owned()),
        ("GET", format!("/api/projects/{id}/nope/")),
        ("GET", format!("/api/projects/{id}//")),
        ("GET", "/api/projects/1.5/".to_owned()),
        ("GET", "/api/projects/a%2Fb/".to_owned()),
        ("DELETE", "/api/".to_owned()),
    ] {
        for credentials in [request(method, &path), request(method, &path).key(&key)] {
            let answer = server.send(credentials).await;
            let expected = (
                404,
                "not_found".to_owned(),
                "Endpoint not found.".to_owned(),
            );
            assert_eq!(answer.error(), expected, "{method} {path}");
        }
    }
    let format = server
        .get(&format!("/api/projects/{id}/?format=xml"), &key)
        .await;
    assert_eq!(format.error().2, "Not found.");
    let page = server.send(request("GET", "/nope")).await;
    assert_eq!(page.status, 404);
    assert_eq!(server.send(request("GET", "/")).await.text, "hello");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_after_authentication() {
    let server = Server::start().await;
    let path = format!("/api/projects/{}/", server.project);
    assert_eq!(server.send(request("PUT", &path)).await.status, 401);
    let key = server.key(&["ticket:read"]).await;
    let answer = server.send(request("PUT", &path).key(&key)).await;
    assert_eq!(
        answer.error(),
        (
            405,
            "method_not_allowed".to_owned(),
            "Method \"PUT\" not allowed.".to_owned()
        )
    );
    assert_eq!(answer.headers["allow"], "GET, PATCH, HEAD, OPTIONS");
    let foreign = format!("/api/projects/{}/", server.foreign);
    assert_eq!(
        server.send(request("PUT", &foreign).key(&key)).await.status,
        403
    );
    assert_eq!(
        server
            .send(request("PUT", "/api/projects/99/").key(&key))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn an_accept_header_that_excludes_json_beats_missing_credentials() {
    let server = Server::start().await;
    let answer = server
        .send(request("GET", "/api/users/@me/").header("accept", "text/html"))
        .await;
    assert_eq!(
        answer.error(),
        (
            406,
            "not_acceptable".to_owned(),
            "Could not satisfy the request Accept header.".to_owned()
        )
    );
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    let path = format!("/api/projects/{}/", server.project);
    let get = server.get(&path, &key).await;
    let head = server.send(request("HEAD", &path).key(&key)).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(
        head.headers["content-length"],
        get.text.len().to_string().as_str()
    );
    assert_eq!(head.headers["content-type"], "application/json");
}

#[tokio::test]
async fn options_describes_a_path() {
    let server = Server::start().await;
    let path = format!("/api/projects/{}/", server.project);
    assert_eq!(server.send(request("OPTIONS", &path)).await.status, 401);
    let other = server.key(&["ticket:read"]).await;
    assert_eq!(
        server
            .send(request("OPTIONS", &path).key(&other))
            .await
            .status,
        403
    );
    let key = server.key(&["project:read"]).await;
    let answer = server.send(request("OPTIONS", &path).key(&key)).await;
    assert_eq!(answer.status, 200);
    let metadata = answer.json();
    for member in ["name", "description", "renders", "parses", "actions"] {
        assert!(metadata.get(member).is_some(), "{member}");
    }
    assert_eq!(metadata["renders"], serde_json::json!(["application/json"]));
    assert_eq!(
        server.send(request("OPTIONS", "/api/nope/")).await.status,
        200
    );
}

#[tokio::test]
async fn bodies_are_read_and_checked() {
    let server = Server::start().await;
    let key = server.key(&["project:write"]).await;
    let path = format!("/api/projects/{}/", server.project);
    let patch = |content_type: &str, body: &str| {
        server.send(request("PATCH", &path).key(&key).body(content_type, body))
    };
    let json = "application/json";
    for (content_type, body, status, code, attr) in [
        (json, "{bad", 400, "parse_error", None),
        (json, "[]", 400, "invalid_input", None),
        (json, "null", 400, "null", None),
        (json, r#"{"name":""}"#, 400, "blank", Some("name")),
        (
            json,
            r#"{"name":null,"timezone":5}"#,
            400,
            "null",
            Some("name"),
        ),
        (
            json,
            r#"{"name":"a\u0000b"}"#,
            400,
            "null_characters_not_allowed",
            Some("name"),
        ),
        (
            json,
            r#"{"ai_replies":"loudly"}"#,
            400,
            "invalid_choice",
            Some("ai_replies"),
        ),
        (
            json,
            r#"{"widget_domains":["a",""]}"#,
            400,
            "blank",
            Some("widget_domains__1"),
        ),
        ("text/plain", "x", 415, "unsupported_media_type", None),
        (
            "application/vnd.api+json",
            "{}",
            415,
            "unsupported_media_type",
            None,
        ),
    ] {
        let answer = patch(content_type, body).await;
        let envelope = answer.json();
        assert_eq!(answer.status.as_u16(), status, "{body}");
        assert_eq!(
            (&envelope["code"], envelope["attr"].as_str()),
            (&code.into(), attr),
            "{body}"
        );
    }
    for (content_type, body) in [
        (json, ""),
        (json, r#"{"id":99,"nope":1,"api_token":"x"}"#),
        (
            "application/x-www-form-urlencoded",
            "name=Renamed&widget_enabled=on",
        ),
    ] {
        let answer = patch(content_type, body).await;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(answer.json()["id"], server.project.0);
    }
    let renamed = server.get(&path, &server.key(&["*"]).await).await.json();
    assert_eq!(
        (&renamed["name"], &renamed["widget_enabled"]),
        (&"Renamed".into(), &true.into())
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let config = crate::ApiConfig {
        body_limit: 100,
        ..crate::ApiConfig::default()
    };
    let server = Server::start_with(config).await;
    let key = server.key(&["project:write"]).await;
    let path = format!("/api/projects/{}/", server.project);
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(100));
    let answer = server
        .send(request("PATCH", &path).key(&key).json(&body))
        .await;
    assert_eq!(
        (answer.error().0, answer.error().1.as_str()),
        (413, "request_too_large")
    );
}
