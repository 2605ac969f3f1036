//! Signing in and out, and what a session may do (spec "Sessions"). Who attacks them: `sessions_attacks.rs`.

use crate::common::{assert_error, assert_json, demote, eventually, keys};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Api, Reply, Session, Setup, TestApp, on_both_engines};

on_both_engines! {
    who_signs_in_is_told_who_it_is_and_gets_its_cookies,
    over_https_the_cookie_is_bound_to_this_very_host,
    a_session_passes_scopes_and_not_roles,
    a_session_reads_streams,
    a_key_in_the_header_wins_over_the_cookie,
    sessions_are_not_throttled_as_keys_are,
    a_session_is_listed_with_its_browser_and_ended_by_its_id,
    who_signs_out_is_out_and_the_cookies_go,
    who_signs_out_everywhere_is_out_everywhere,
    a_session_lives_fourteen_days_from_its_last_use,
    the_use_of_a_session_is_recorded_once_an_hour,
    an_ended_session_is_refused_within_a_second_and_its_stream_ends,
    a_person_changes_names_and_current_project,
    a_new_password_needs_the_old_one_and_ends_the_other_sessions,
}

const PASSWORD: &str = "correct horse battery";
const ME: &str = "/api/users/@me/";

async fn log_in(app: &TestApp, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    app.stranger().post("/api/login/", &body).await
}

async fn sessions(api: &Api) -> Vec<Value> {
    let page = api.get("/api/users/@me/sessions/").await.expect(200).json;
    page["results"].as_array().unwrap().clone()
}

fn cookies(reply: &Reply) -> Vec<&str> {
    let cookies = reply.headers.get_all("set-cookie");
    cookies.iter().map(|it| it.to_str().unwrap()).collect()
}

async fn who_signs_in_is_told_who_it_is_and_gets_its_cookies(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let reply = log_in(&app, &email, PASSWORD).await.expect(200);
    assert_eq!(reply.json, tenant.api.get(ME).await.expect(200).json);
    assert_eq!(reply.header("cache-control"), "no-store");
    let [session, csrf, device] = cookies(&reply)[..] else {
        panic!("{:?}", reply.headers)
    };
    assert!(session.starts_with("thicket_session="), "{session}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains("Secure"), "{session}");
    assert!(device.starts_with("thicket_device="), "{device}");
    assert!(
        csrf.starts_with("thicket_csrf=") && csrf.contains("SameSite=Lax"),
        "{csrf}"
    );
    assert!(!csrf.contains("HttpOnly"), "{csrf}");

    let browser = app.stranger().with_session(Session::of(&reply).unwrap());
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me.json, reply.json);
    // The cookies live on with the session.
    assert_eq!(cookies(&me), cookies(&reply)[..2]);
    // The address in any case, and with spaces around it.
    log_in(&app, &format!(" {} ", email.to_uppercase()), PASSWORD)
        .await
        .expect(200);
}

async fn over_https_the_cookie_is_bound_to_this_very_host(mut setup: Setup) {
    setup.api.trusted_proxies = "127.0.0.1".parse().unwrap();
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let stranger = app.stranger();
    let body = json!({"email": email, "password": PASSWORD});
    let request = stranger.request(Method::POST, "/api/login/").json(&body);
    let reply = stranger
        .send(request.header("x-forwarded-proto", "https"))
        .await
        .expect(200);
    let [session, csrf, _] = cookies(&reply)[..] else {
        panic!("{:?}", reply.headers)
    };
    assert!(session.starts_with("__Host-thicket_session="), "{session}");
    assert!(
        session.contains("Secure") && session.contains("Path=/"),
        "{session}"
    );
    assert!(!session.contains("Domain"), "{session}");
    assert!(csrf.contains("Secure"), "{csrf}");

    let value = session.split(['=', ';']).nth(1).unwrap();
    for (name, scheme, status) in [
        ("__Host-thicket_session", "https", 200),
        // Nobody else can set the first name; anybody near can set the second.
        ("thicket_session", "https", 401),
        ("__Host-thicket_session", "http", 401),
    ] {
        let request = stranger
            .request(Method::GET, ME)
            .header("cookie", format!("{name}={value}"))
            .header("x-forwarded-proto", scheme);
        assert_eq!(
            stranger.send(request).await.status,
            status,
            "{name} {scheme}"
        );
    }
}

async fn a_session_passes_scopes_and_not_roles(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let member = app.member(admin.organization, admin.project).await;
    demote(&app, &member).await;
    let browser = app.signed_in(member.user).await;
    // Whatever a key would need a scope for, in families A and B and around them.
    let project = format!("/api/projects/{}", admin.project);
    for path in [
        "/conversations/",
        "/conversations/tickets/",
        "/conversations/articles/",
        "/conversations/events/",
        "/persons/",
        "/",
    ] {
        browser.get(&format!("{project}{path}")).await.expect(200);
    }
    let ticket = browser
        .post(&format!("{project}/conversations/tickets/"), &json!({}))
        .await
        .expect(201);
    assert_eq!(ticket.json["status"], "new");
    let roles = format!("/api/organizations/{}/roles/", admin.organization);
    assert_error(&browser.get(&roles).await, 403, "permission_denied", "");
    app.signed_in(admin.user)
        .await
        .get(&roles)
        .await
        .expect(200);
    // Another tenant's project exists and is closed.
    let other = app.tenant().await;
    let theirs = format!("/api/projects/{}/conversations/", other.project);
    assert_json(
        &browser.get(&theirs).await,
        403,
        &json!({"type": "authentication_error", "code": "permission_denied",
            "detail": "You don't have access to the project.", "attr": null}),
    );
    // A session is no key.
    let current = browser.get("/api/personal_api_keys/@current/").await;
    assert_error(&current, 404, "not_found", "");
}

async fn a_session_reads_streams(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let chat = tenant.chat().seen_by(&browser);
    let events = chat
        .say("Is anybody there?")
        .await
        .expect(201)
        .events()
        .await;
    assert!(events.iter().any(|event| event.name == "message"));
    let again = chat.seen_by(&tenant.api).detail().await;
    assert_eq!(chat.detail().await, again);
}

async fn a_key_in_the_header_wins_over_the_cookie(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = (app.tenant().await, app.tenant().await);
    let browser = app.signed_in(one.user).await;
    let me = browser.get(ME).await.expect(200).json;
    assert_eq!(me["id"], json!(one.user));
    let with_key = browser.request(Method::GET, ME).bearer_auth(&two.key);
    assert_eq!(browser.send(with_key).await.json["id"], json!(two.user));
    let with_bad_key = browser.request(Method::GET, ME).bearer_auth("phx_nope");
    assert_error(
        &browser.send(with_bad_key).await,
        401,
        "authentication_failed",
        "",
    );
    let in_query = format!("{ME}?personal_api_key={}", two.key);
    assert_eq!(browser.get(&in_query).await.json["id"], json!(two.user));
    // A key needs no token.
    let cookie = &browser.session().cookie;
    let request = two.api.request(Method::PATCH, ME).header("cookie", cookie);
    two.api.send(request.json(&json!({}))).await.expect(200);
}

async fn sessions_are_not_throttled_as_keys_are(mut setup: Setup) {
    use model::rates::{Limit, Per};
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("api_burst", Limit::at(2, Per::Minute));
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    for _ in 0..5 {
        browser.get(ME).await.expect(200);
    }
}

async fn a_session_is_listed_with_its_browser_and_ended_by_its_id(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let stranger = app.stranger();
    let mut browsers = Vec::new();
    for agent in ["Firefox".to_owned(), "x".repeat(500)] {
        let request = stranger
            .request(Method::POST, "/api/login/")
            .header("user-agent", &agent)
            .json(&json!({"email": email, "password": PASSWORD}));
        let reply = stranger.send(request).await.expect(200);
        browsers.push(stranger.with_session(Session::of(&reply).unwrap()));
        app.advance(Duration::from_secs(1));
    }
    let listed = sessions(&browsers[0]).await;
    let agents: Vec<_> = listed.iter().map(|it| it["user_agent"].clone()).collect();
    assert_eq!(agents, [json!("x".repeat(300)), json!("Firefox")]);
    assert_eq!(
        (&listed[0]["is_current"], &listed[1]["is_current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        keys(&listed[0]),
        [
            "created_at",
            "expires_at",
            "id",
            "is_current",
            "last_seen_at",
            "user_agent"
        ]
    );
    let page = browsers[0]
        .get("/api/users/@me/sessions/?limit=1")
        .await
        .expect(200);
    assert_eq!(page.json["count"], 2);
    for secret in [
        &browsers[0].session().cookie,
        &browsers[0].session().csrf_token,
    ] {
        assert!(!page.text.contains(secret.split('=').next_back().unwrap()));
    }

    let path = |session: &Value| {
        format!(
            "/api/users/@me/sessions/{}/",
            session["id"].as_str().unwrap()
        )
    };
    // Neither somebody else's nor none at all.
    let other = app.tenant().await.api;
    assert_error(&other.delete(&path(&listed[0])).await, 404, "not_found", "");
    assert_error(
        &browsers[0].delete("/api/users/@me/sessions/x/").await,
        404,
        "not_found",
        "",
    );
    browsers[0].delete(&path(&listed[0])).await.expect(204);
    assert_error(
        &browsers[0].delete(&path(&listed[0])).await,
        404,
        "not_found",
        "",
    );
    assert_error(&browsers[1].get(ME).await, 401, "not_authenticated", "");
    assert_eq!(sessions(&browsers[0]).await.len(), 1);
    // A key sees them within its scopes.
    let reader = app.api(&app.key(tenant.user, &["user:read"]).await);
    assert_eq!(sessions(&reader).await[0]["is_current"], false);
    assert_error(
        &reader.delete(&path(&listed[1])).await,
        403,
        "permission_denied",
        "",
    );
}

async fn who_signs_out_is_out_and_the_cookies_go(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let (one, two) = (
        app.signed_in(tenant.user).await,
        app.signed_in(tenant.user).await,
    );
    let reply = one.post("/api/logout/", &json!({})).await.expect(204);
    assert_eq!(cookies(&reply).len(), 2);
    assert!(cookies(&reply).iter().all(|it| it.contains("Max-Age=0")));
    assert_error(&one.get(ME).await, 401, "not_authenticated", "");
    assert_error(
        &one.post("/api/logout/", &json!({})).await,
        401,
        "not_authenticated",
        "",
    );
    two.get(ME).await.expect(200);
    // A key does not sign out.
    for path in ["/api/logout/", "/api/logout/everywhere/"] {
        let reply = tenant.api.post(path, &json!({})).await;
        assert_error(&reply, 403, "permission_denied", "");
        assert_eq!(
            reply.json["detail"],
            "This action does not support personal API key access"
        );
    }
}

async fn who_signs_out_everywhere_is_out_everywhere(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let (one, two) = (
        app.signed_in(tenant.user).await,
        app.signed_in(tenant.user).await,
    );
    let colleague = app.member(tenant.organization, tenant.project).await;
    let colleague = app.signed_in(colleague.user).await;
    one.post("/api/logout/everywhere/", &json!({}))
        .await
        .expect(204);
    for browser in [&one, &two] {
        assert_error(&browser.get(ME).await, 401, "not_authenticated", "");
    }
    colleague.get(ME).await.expect(200);
    tenant.api.get(ME).await.expect(200);
}

const DAY: Duration = Duration::from_secs(86_400);

async fn a_session_lives_fourteen_days_from_its_last_use(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let expires = async || sessions(&tenant.api).await[0]["expires_at"].clone();
    let first = expires().await;
    app.advance(DAY * 13);
    browser.get(ME).await.expect(200);
    eventually("the session lives on", async || expires().await != first).await;
    app.advance(DAY * 13);
    browser.get(ME).await.expect(200);
    eventually("it is seen again", async || {
        browser.get(ME).await.expect(200);
        let seen = sessions(&tenant.api).await[0]["last_seen_at"].clone();
        seen.as_str().unwrap() > first.as_str().unwrap()
    })
    .await;
    app.advance(DAY * 14);
    assert_error(&browser.get(ME).await, 401, "not_authenticated", "");
    assert!(sessions(&tenant.api).await.is_empty());
}

async fn the_use_of_a_session_is_recorded_once_an_hour(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let seen = async || sessions(&browser).await[0]["last_seen_at"].clone();
    let first = seen().await;
    app.advance(Duration::from_secs(3500));
    seen().await;
    assert_eq!(seen().await, first);
    app.advance(Duration::from_secs(200));
    eventually("the later use is recorded", async || seen().await != first).await;
}

async fn an_ended_session_is_refused_within_a_second_and_its_stream_ends(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let path = format!("/api/projects/{}/conversations/events/", tenant.project);
    let stream = browser
        .request(Method::GET, &path)
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status(), 200);
    browser.get(ME).await.expect(200);
    // As another process would: the server that answers is told nothing.
    let user = tenant.user;
    app.store
        .write(move |c| Box::pin(store::sessions::delete_of_user(c, user, None)))
        .await
        .unwrap();
    let ended = Instant::now();
    eventually("the session is refused", async || {
        browser.get(ME).await.status == 401
    })
    .await;
    let took = ended.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Reads to the end.
    let rest = tokio::time::timeout(testkit::PATIENCE, stream.text()).await;
    assert!(rest.is_ok(), "the stream goes on");
}

async fn a_person_changes_names_and_current_project(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let second = app.project(tenant.organization).await;
    let browser = app.signed_in(tenant.user).await;
    let current = async || {
        browser
            .get("/api/projects/@current/")
            .await
            .expect(200)
            .json["id"]
            .clone()
    };
    assert_eq!(current().await, json!(tenant.project));
    let change = json!({"first_name": " Grace ", "last_name": "", "current_project": second});
    let me = browser.patch(ME, &change).await.expect(200).json;
    assert_eq!(
        (&me["first_name"], &me["last_name"]),
        (&json!("Grace"), &json!(""))
    );
    assert_eq!(me["team"]["id"], json!(second));
    assert_eq!(browser.get(ME).await.expect(200).json, me);
    assert_eq!(current().await, json!(second));
    assert_eq!(browser.patch(ME, &json!({})).await.expect(200).json, me);
    let me = browser
        .patch(ME, &json!({"current_project": null}))
        .await
        .expect(200)
        .json;
    assert_eq!(me["team"]["id"], json!(tenant.project));

    let other = app.tenant().await.project;
    for (body, code, attr) in [
        (
            json!({"current_project": other}),
            "invalid_choice",
            "current_project",
        ),
        (
            json!({"current_project": 999_999}),
            "invalid_choice",
            "current_project",
        ),
        (
            json!({"current_project": "x"}),
            "invalid_input",
            "current_project",
        ),
        (
            json!({"first_name": "x".repeat(201)}),
            "max_length",
            "first_name",
        ),
        (json!({"first_name": null}), "null", "first_name"),
    ] {
        assert_error(&browser.patch(ME, &body).await, 400, code, attr);
    }
    let reader = app.api(&app.key(tenant.user, &["user:read"]).await);
    assert_error(
        &reader.patch(ME, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
}

async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let open = async || {
        let reply = log_in(&app, &email, PASSWORD).await.expect(200);
        app.stranger().with_session(Session::of(&reply).unwrap())
    };
    let (one, two) = (open().await, open().await);
    for (body, code, attr) in [
        (
            json!({"password": "new password"}),
            "required",
            "current_password",
        ),
        (
            json!({"password": "new password", "current_password": "guess"}),
            "invalid_credentials",
            "current_password",
        ),
        (
            json!({"password": "short", "current_password": PASSWORD}),
            "invalid_input",
            "password",
        ),
    ] {
        assert_error(&one.patch(ME, &body).await, 400, code, attr);
    }
    two.get(ME).await.expect(200);
    let change = json!({"password": "new password", "current_password": PASSWORD});
    one.patch(ME, &change).await.expect(200);
    one.get(ME).await.expect(200);
    assert_error(&two.get(ME).await, 401, "not_authenticated", "");
    assert_error(
        &log_in(&app, &email, PASSWORD).await,
        400,
        "invalid_credentials",
        "",
    );
    log_in(&app, &email, "new password").await.expect(200);
}
