//! Paths, methods and headers (conventions.md 3, 4.3, 7; rows 18 to 24 and 44 to 47 of its section 11).

use crate::common::{assert_error, assert_json};
use http::Method;
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup, Tenant, TestApp, on_both_engines};

on_both_engines! {
    slash_suffix_format_and_prefix_do_not_matter,
    what_no_route_has_is_not_found,
    a_method_that_a_path_lacks_is_told_with_those_it_has,
    who_takes_no_json_is_refused_before_anything_else,
    head_answers_as_get_without_a_body,
    options_describes_a_path,
    fixed_words_win_over_ids,
    every_answer_carries_a_request_id,
    pages_of_other_sites_may_call,
    a_post_is_checked_for_scope_before_its_body,
}

fn list(tenant: &Tenant) -> String {
    format!("/api/projects/{}/conversations", tenant.project)
}

async fn send(api: &Api, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = api.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request).await
}

async fn slash_suffix_format_and_prefix_do_not_matter(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let chat = tenant.chat();
    chat.say("hello").await.expect(201).events().await;
    let bare = chat.path("").trim_end_matches('/').to_owned();
    let expected = chat.detail().await;
    for path in [
        bare.clone(),
        format!("{bare}/"),
        format!("{bare}.json"),
        format!("{bare}/?format=json"),
        format!("{bare}?format=json"),
        bare.replace("environments", "projects"),
        bare.replace(&format!("/{}/", tenant.project), "/@current/"),
    ] {
        assert_json(&tenant.api.get(&path).await, 200, &expected);
    }
    // Never a redirect, for whatever method.
    for path in [
        format!("{bare}/cancel"),
        format!("{bare}/cancel/"),
        format!("{bare}/cancel.json"),
    ] {
        tenant.api.patch(&path, &json!({})).await.expect(200);
    }
    for format in ["xml", "api", "JSON"] {
        let reply = tenant.api.get(&format!("{bare}/?format={format}")).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Not found.");
    }
}

async fn what_no_route_has_is_not_found(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let expected = json!({
        "type": "invalid_request", "code": "not_found", "detail": "Endpoint not found.", "attr": null,
    });
    let id = tenant.chat().id;
    for path in [
        "/api/nope/".to_owned(),
        "/api/nope".to_owned(),
        format!("{}/{id}/nope/", list(&tenant)),
        format!("{}/{id}/queue/{id}/nope/", list(&tenant)),
        format!("{}/{id}//", list(&tenant)),
        format!("{}/a.b/", list(&tenant)),
        format!("{}/a%2Fb/", list(&tenant)),
    ] {
        for api in [&tenant.api, &app.stranger()] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                assert_json(&send(api, method, &path, &[]).await, 404, &expected);
            }
        }
    }
}

async fn a_method_that_a_path_lacks_is_told_with_those_it_has(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let id = tenant.chat().id;
    for (rest, allow) in [
        (String::new(), "GET, POST, HEAD, OPTIONS"),
        (format!("/{id}"), "GET, DELETE, HEAD, OPTIONS"),
        (format!("/{id}/append_message"), "POST, OPTIONS"),
        (format!("/{id}/cancel"), "PATCH, OPTIONS"),
        (format!("/{id}/queue"), "GET, POST, HEAD, OPTIONS"),
        (format!("/{id}/queue/{id}"), "PATCH, DELETE, OPTIONS"),
        (format!("/{id}/queue/clear"), "POST, OPTIONS"),
    ] {
        let path = format!("{}{rest}/", list(&tenant));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let verb = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = send(&tenant.api, verb.clone(), &path, &[]).await;
            assert_error(&reply, 405, "method_not_allowed", "");
            let detail = format!("Method \"{method}\" not allowed.");
            assert_eq!(reply.json["detail"], detail, "{path}");
            assert_eq!(reply.header("allow"), allow, "{path}");
            assert_eq!(send(&app.stranger(), verb, &path, &[]).await.status, 401);
        }
    }
}

async fn who_takes_no_json_is_refused_before_anything_else(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = list(&tenant);
    let expected = json!({
        "type": "invalid_request", "code": "not_acceptable",
        "detail": "Could not satisfy the request Accept header.", "attr": null,
    });
    for accept in [
        "text/html",
        "application/xml",
        "text/event-stream",
        "image/png, text/*;q=0.5",
    ] {
        for api in [&tenant.api, &app.stranger()] {
            let reply = send(api, Method::GET, &path, &[("accept", accept)]).await;
            assert_json(&reply, 406, &expected);
        }
    }
    for accept in [
        "*/*",
        "application/json",
        "application/*",
        "text/html, */*;q=0.1",
        "",
    ] {
        let reply = send(&tenant.api, Method::GET, &path, &[("accept", accept)]).await;
        assert_eq!(reply.status, 200, "{accept}");
        assert_eq!(reply.header("content-type"), "application/json", "{accept}");
    }
}

async fn head_answers_as_get_without_a_body(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    for path in [
        list(&tenant),
        tenant.chat().path(""),
        "/api/users/@me/".to_owned(),
        "/api/nope/".to_owned(),
    ] {
        let get = tenant.api.get(&path).await;
        let head = send(&tenant.api, Method::HEAD, &path, &[]).await;
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    // Where there is nothing to read there is nothing to look at.
    let cancel = tenant.chat().path("cancel/");
    assert_eq!(
        send(&tenant.api, Method::HEAD, &cancel, &[]).await.status,
        405
    );
    let reader = app.api(&app.key(tenant.user, &["conversation:read"]).await);
    assert_eq!(
        send(&reader, Method::HEAD, &list(&tenant), &[])
            .await
            .status,
        200
    );
}

async fn options_describes_a_path(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let reader = app.api(&app.key(tenant.user, &["conversation:read"]).await);
    let described = send(&reader, Method::OPTIONS, &list(&tenant), &[])
        .await
        .expect(200)
        .json;
    let members: Vec<_> = crate::common::keys(&described);
    assert_eq!(
        members,
        ["actions", "description", "name", "parses", "renders"]
    );
    assert_eq!(described["renders"], json!(["application/json"]));
    assert_eq!(described["actions"], json!({"POST": {}}));
    assert_eq!(described["name"], "conversations");
    // Unknown paths as well, for everybody.
    let unknown = send(&app.stranger(), Method::OPTIONS, "/api/nope/", &[])
        .await
        .expect(200);
    assert!(unknown.json["name"].is_string(), "{}", unknown.text);
    let known = send(&app.stranger(), Method::OPTIONS, &list(&tenant), &[]).await;
    assert_eq!(known.status, 401);
}

async fn fixed_words_win_over_ids(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    for word in [
        "tickets",
        "views",
        "articles",
        "events",
        "macros",
        "quick_actions",
        "guidance",
        "availability",
    ] {
        let path = format!("{}/{word}/", list(&tenant));
        let bare = path.replace("/projects/", "/environments/");
        for path in [&*path, bare.trim_end_matches('/')] {
            let reply = tenant.api.get(path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        }
    }
    // Below them there is no conversation either.
    let cancel = format!("{}/views/cancel/", list(&tenant));
    let reply = tenant.api.patch(&cancel, &json!({})).await;
    assert_error(&reply, 404, "not_found", "");
}

async fn every_answer_carries_a_request_id(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let (path, nope) = (list(&tenant), "/api/nope/".to_owned());
    let mut seen = Vec::new();
    for (api, path) in [
        (&tenant.api, &path),
        (&app.stranger(), &path),
        (&tenant.api, &nope),
    ] {
        let reply = api.get(path).await;
        let id = reply.header("x-request-id").to_owned();
        assert!(!id.is_empty() && !seen.contains(&id), "{path}");
        seen.push(id);
        let reply = send(
            api,
            Method::GET,
            path,
            &[("x-request-id", "from-the-proxy:1")],
        )
        .await;
        assert_eq!(reply.header("x-request-id"), "from-the-proxy:1");
        let hostile = "<script>\"x\"</script>";
        let reply = send(api, Method::GET, path, &[("x-request-id", hostile)]).await;
        assert_ne!(reply.header("x-request-id"), hostile);
    }
    let chat = tenant.chat();
    let stream = chat.say("hello").await.expect(201);
    assert!(stream.headers.contains_key("x-request-id"));
}

const EVIL: (&str, &str) = ("origin", "https://shop.example");

async fn preflight(app: &TestApp, path: &str, wanted: &str) -> Reply {
    let headers = [
        EVIL,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", wanted),
    ];
    send(&app.stranger(), Method::OPTIONS, path, &headers).await
}

async fn pages_of_other_sites_may_call(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = list(&tenant);
    for path in [path.as_str(), "/api/nope/", "/static/nope.js"] {
        let wanted = "authorization, content-type, last-event-id, x-conversations-token";
        let answer = preflight(&app, path, wanted).await.expect(200);
        assert_eq!(answer.text, "");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let methods = "DELETE, GET, OPTIONS, PATCH, POST, PUT";
        assert_eq!(answer.header("access-control-allow-methods"), methods);
        assert_eq!(answer.header("access-control-max-age"), "86400");
        let allowed: Vec<_> = answer
            .header("access-control-allow-headers")
            .split(", ")
            .collect();
        for name in wanted.split(", ").chain([
            "accept",
            "user-agent",
            "x-csrftoken",
            "x-requested-with",
            "prefer",
            "traceparent",
        ]) {
            assert!(allowed.contains(&name), "{name} is missing in {allowed:?}");
        }
        // An arbitrary origin together with credentials would hand everybody's session to every page.
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    for (api, status) in [(&tenant.api, 200), (&app.stranger(), 401)] {
        let reply = send(api, Method::GET, &path, &[EVIL]).await.expect(status);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
        let vary = reply
            .headers
            .get_all("vary")
            .iter()
            .any(|it| it.as_bytes().eq_ignore_ascii_case(b"origin"));
        assert!(vary, "{:?}", reply.headers);
    }
    let plain = tenant.api.get(&path).await;
    assert_eq!(plain.header("access-control-allow-origin"), "");
    let chat = tenant.chat();
    let request = chat
        .api
        .request(Method::POST, &chat.root())
        .header(EVIL.0, EVIL.1);
    let reply = chat
        .api
        .send(request.json(&chat.message("hello")))
        .await
        .expect(201);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    // The health routes are nobody else's business.
    let health = send(&app.stranger(), Method::GET, "/_health", &[EVIL]).await;
    assert_eq!(health.header("access-control-allow-origin"), "");
}

async fn a_post_is_checked_for_scope_before_its_body(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = format!("/api/environments/{}/conversations/", tenant.project);
    let empty: Value = json!({});
    let full = tenant.api.post(&path, &empty).await;
    assert_error(&full, 400, "required", "content");
    let reader = app.api(
        &app.key(tenant.user, &["conversation:read", "ticket:read"])
            .await,
    );
    let refused = reader.post(&path, &empty).await;
    assert_error(&refused, 403, "permission_denied", "");
    let detail = "API key missing required scope 'conversation:write'";
    assert_eq!(refused.json["detail"], detail);
}
