//! What somebody might try against people who sign in (spec "Sessions"; conventions.md 7).

use crate::common::{assert_error, assert_json, send_raw};
use http::Method;
use model::rates::{Limit, Per};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Api, Engine, Reply, Session, Setup, TestApp, on_both_engines};

on_both_engines! {
    an_unknown_address_and_a_wrong_password_are_told_and_timed_alike,
    a_person_without_a_password_does_not_sign_in,
    guesses_are_counted_for_each_address_of_e_mail_and_network,
    a_stranger_who_guesses_keeps_nobody_out,
    a_change_needs_the_token_of_its_own_session,
    a_page_of_another_site_changes_nothing,
    a_page_of_another_site_signs_nobody_in,
    no_other_site_is_ever_let_in_with_credentials,
    a_planted_session_is_not_taken_over,
    what_is_no_session_is_no_credential,
    hostile_bodies_are_refused,
}

const PASSWORD: &str = "correct horse battery";
const ME: &str = "/api/users/@me/";

async fn log_in(app: &TestApp, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    app.stranger().post("/api/login/", &body).await
}

fn wrong() -> Value {
    json!({
        "type": "validation_error", "code": "invalid_credentials",
        "detail": "The e-mail address or the password is wrong.", "attr": null,
    })
}

async fn an_unknown_address_and_a_wrong_password_are_told_and_timed_alike(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let time = async |email: &str| {
        let started = Instant::now();
        let reply = log_in(&app, email, "a wrong password").await;
        let took = started.elapsed();
        assert_json(&reply, 400, &wrong());
        assert_eq!(Session::of(&reply), None);
        took
    };
    // A password's hash takes far longer than all the rest, so who left it out would be much faster, every time.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..50 {
        known = known.min(time(&email).await);
        unknown = unknown.min(time("nobody@example.com").await);
        if unknown * 2 > known && known * 2 > unknown {
            return;
        }
    }
    panic!("{known:?} for a known address, {unknown:?} for an unknown one");
}

async fn a_person_without_a_password_does_not_sign_in(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let me = tenant.api.get(ME).await.expect(200).json;
    let email = me["email"].as_str().unwrap();
    for password in ["x", "null", PASSWORD] {
        assert_json(&log_in(&app, email, password).await, 400, &wrong());
    }
}

async fn guesses_are_counted_for_each_address_of_e_mail_and_network(mut setup: Setup) {
    setup.api.rate_limits = true;
    setup
        .api
        .rates
        .insert("login_email", Limit::at(3, Per::Hour));
    setup
        .api
        .rates
        .insert("login_address", Limit::at(6, Per::Minute));
    setup.api.trusted_proxies = "127.0.0.1".parse().unwrap();
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let stranger = app.stranger();
    let guess = async |from: &str, email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        let request = stranger.request(Method::POST, "/api/login/").json(&body);
        stranger.send(request.header("x-forwarded-for", from)).await
    };
    // In whatever case.
    for email in [email.clone(), email.to_uppercase(), format!(" {email}")] {
        assert_json(&guess("198.51.100.7", &email, "guess").await, 400, &wrong());
    }
    let refused = guess("198.51.100.7", &email, PASSWORD).await;
    assert_error(&refused, 429, "throttled", "");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 3000);
    // An address that nobody has is counted alike, or one could tell.
    for status in [400, 400, 400, 429] {
        let reply = guess("203.0.113.10", "nobody@example.com", "guess").await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    // From one place, however many addresses are tried; broken requests count.
    for index in 0..6 {
        let from = if index % 2 == 0 {
            "2001:db8::1"
        } else {
            "2001:db8::2:1"
        };
        let reply = guess(from, &format!("{index}@example.com"), "").await;
        assert_error(&reply, 400, "blank", "password");
    }
    assert_error(
        &guess("2001:db8::3", "7@example.com", "guess").await,
        429,
        "throttled",
        "",
    );
    app.advance(Duration::from_secs(3600));
    guess("198.51.100.7", &email, PASSWORD).await.expect(200);
}

/// The cookie by which a browser is known after somebody has signed in.
fn device_cookie(reply: &Reply) -> String {
    let cookies = reply.headers.get_all("set-cookie");
    let mut cookies = cookies.iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies
        .find(|cookie| cookie.starts_with("thicket_device="))
        .unwrap();
    assert!(
        cookie.contains("; HttpOnly; Path=/; SameSite=Lax; Max-Age=15552000"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

async fn a_stranger_who_guesses_keeps_nobody_out(mut setup: Setup) {
    setup.api.rate_limits = true;
    let rates = &mut setup.api.rates;
    rates.insert("login_email", Limit::at(3, Per::Hour));
    rates.insert("login_email_anywhere", Limit::at(7, Per::Hour));
    setup.api.trusted_proxies = "127.0.0.1".parse().unwrap();
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    let email = app.set_password(tenant.user, PASSWORD).await;
    let others = app.set_password(other.user, PASSWORD).await;
    let stranger = app.stranger();
    let attempt = async |from: &str, email: &str, password: &str, cookie: &str| {
        let body = json!({"email": email, "password": password});
        let request = stranger.request(Method::POST, "/api/login/").json(&body);
        let request = request
            .header("x-forwarded-for", from)
            .header("cookie", cookie);
        stranger.send(request).await
    };
    for status in [400, 400, 400, 429] {
        let reply = attempt("198.51.100.7", &email, "guess", "").await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    // From one network, everybody else still comes in.
    let mine = attempt("203.0.113.9", &email, PASSWORD, "")
        .await
        .expect(200);
    let (mine, theirs) = (
        device_cookie(&mine),
        device_cookie(
            &attempt("203.0.113.8", &others, PASSWORD, "")
                .await
                .expect(200),
        ),
    );
    // From many networks, only those whose browser is known, from wherever.
    for from in ["198.51.100.8", "198.51.100.9", "198.51.100.10"] {
        assert_json(&attempt(from, &email, "guess", "").await, 400, &wrong());
    }
    let forged = mine.replacen("thicket_device=", "thicket_device=0", 1);
    for cookie in [
        "",
        &theirs,
        &forged,
        "thicket_device=..",
        "thicket_device=a.9.b",
    ] {
        let reply = attempt("203.0.113.11", &email, PASSWORD, cookie).await;
        assert_error(&reply, 429, "throttled", "");
        app.advance(Duration::from_millis(1));
    }
    let again = attempt("203.0.113.12", &email, PASSWORD, &mine)
        .await
        .expect(200);
    assert_ne!(device_cookie(&again), mine);
    // It is a counter of its own, and no way to guess without end.
    for status in [400, 400, 429] {
        let reply = attempt("203.0.113.13", &email, "guess", &mine).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    attempt("203.0.113.14", &email, PASSWORD, &device_cookie(&again))
        .await
        .expect(200);
}

fn csrf_failed() -> Value {
    json!({
        "type": "authentication_error", "code": "permission_denied",
        "detail": "CSRF Failed: CSRF token missing or incorrect.", "attr": null,
    })
}

async fn a_change_needs_the_token_of_its_own_session(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let (mine, other) = (
        app.signed_in(tenant.user).await,
        app.signed_in(tenant.user).await,
    );
    let session = |csrf_token: &str| {
        let session = Session {
            csrf_token: csrf_token.to_owned(),
            ..mine.session().clone()
        };
        mine.with_session(session)
    };
    let cookie_value = mine.session().cookie.split('=').nth(1).unwrap();
    let article = json!({"title": "t", "body": "b"});
    let articles = format!("/api/projects/{}/conversations/articles/", tenant.project);
    for bad in ["", "x", &other.session().csrf_token, cookie_value] {
        let attacker = session(bad);
        for reply in [
            attacker.post(&articles, &article).await,
            attacker.patch(ME, &json!({"first_name": "x"})).await,
            attacker.delete("/api/users/@me/sessions/x/").await,
            attacker.post("/api/logout/", &json!({})).await,
            tenant
                .chat()
                .seen_by(&attacker)
                .post(&json!({"content": "x"}))
                .await,
        ] {
            assert_json(&reply, 403, &csrf_failed());
        }
        // Looking needs none.
        attacker.get(ME).await.expect(200);
    }
    // No header at all, as a form of another site would send it.
    let bare = app.stranger();
    let request = bare
        .request(Method::POST, &articles)
        .header("cookie", &mine.session().cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("title=t&body=b");
    assert_json(&bare.send(request).await, 403, &csrf_failed());
    mine.post(&articles, &article).await.expect(201);
}

async fn with_origin(api: &Api, path: &str, origin: &str, body: &Value) -> Reply {
    let request = api.request(Method::POST, path).header("origin", origin);
    api.send(request.json(body)).await
}

async fn a_page_of_another_site_changes_nothing(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let articles = format!("/api/projects/{}/conversations/articles/", tenant.project);
    let article = json!({"title": "t", "body": "b"});
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
    ] {
        // Even with the right token.
        let reply = with_origin(&browser, &articles, origin, &article).await;
        assert_error(&reply, 403, "permission_denied", "");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.starts_with("CSRF Failed: "), "{detail}");
    }
    with_origin(&browser, &articles, &app.base, &article)
        .await
        .expect(201);
    // A key is not added by a browser, so its holder may be anywhere.
    with_origin(&tenant.api, &articles, "https://host.example", &article)
        .await
        .expect(201);
}

async fn a_page_of_another_site_signs_nobody_in(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let email = app.set_password(tenant.user, PASSWORD).await;
    let body = json!({"email": email, "password": PASSWORD});
    let stranger = app.stranger();
    let reply = with_origin(&stranger, "/api/login/", "https://evil.example", &body).await;
    assert_error(&reply, 403, "permission_denied", "");
    assert_eq!(Session::of(&reply), None);
    with_origin(&stranger, "/api/login/", &app.base, &body)
        .await
        .expect(200);
}

async fn no_other_site_is_ever_let_in_with_credentials(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    for (method, path) in [
        (Method::GET, ME),
        (Method::OPTIONS, ME),
        (Method::OPTIONS, "/api/login/"),
        (Method::POST, "/api/login/"),
    ] {
        let request = browser
            .request(method.clone(), path)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "PATCH");
        let reply = browser.send(request).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials"),
            "{method} {path}"
        );
    }
}

async fn a_planted_session_is_not_taken_over(setup: Setup) {
    let app = setup.start().await;
    let (attacker, victim) = (app.tenant().await, app.tenant().await);
    let planted = app.signed_in(attacker.user).await;
    let email = app.set_password(victim.user, PASSWORD).await;
    let body = json!({"email": email, "password": PASSWORD});
    // The victim signs in from a browser that holds the attacker's cookie.
    let request = planted.request(Method::POST, "/api/login/").json(&body);
    let reply = planted.send(request).await.expect(200);
    let session = Session::of(&reply).unwrap();
    assert_ne!(session.cookie, planted.session().cookie);
    assert_ne!(session.csrf_token, planted.session().csrf_token);
    assert_error(&planted.get(ME).await, 401, "not_authenticated", "");
    let theirs = planted.with_session(session);
    assert_eq!(theirs.get(ME).await.json["id"], json!(victim.user));
    // Neither does one that the attacker has made up.
    let made_up = Session {
        cookie: format!("thicket_session={}", "A".repeat(43)),
        csrf_token: String::new(),
    };
    let reply = planted
        .with_session(made_up.clone())
        .post("/api/login/", &body)
        .await
        .expect(200);
    assert_ne!(Session::of(&reply).unwrap().cookie, made_up.cookie);
}

async fn what_is_no_session_is_no_credential(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let value = browser.session().cookie.split('=').nth(1).unwrap();
    for cookie in [
        String::new(),
        "thicket_session".to_owned(),
        "thicket_session=".to_owned(),
        format!("thicket_session={}", "A".repeat(43)),
        format!("thicket_session={value}A"),
        format!("thicket_session=\"{value}\""),
        format!("Thicket_session={value}"),
        format!("sessionid={value}"),
        format!("thicket_session={}", tenant.key),
        format!("thicket_session={}", "x".repeat(4000)),
    ] {
        let stranger = app.stranger();
        let request = stranger.request(Method::GET, ME).header("cookie", &cookie);
        let reply = stranger.send(request).await;
        assert_error(&reply, 401, "not_authenticated", "");
    }
    // Nor is a session's value a key.
    let as_key = app.api(value);
    assert_error(&as_key.get(ME).await, 401, "authentication_failed", "");
}

async fn hostile_bodies_are_refused(setup: Setup) {
    let app = setup.start().await;
    let stranger = app.stranger();
    let login = "/api/login/";
    for (body, code, attr) in [
        (json!({}), "required", "email"),
        (json!({"email": "a@example.com"}), "required", "password"),
        (json!({"email": null, "password": "x"}), "null", "email"),
        (
            json!({"email": ["x"], "password": "x"}),
            "invalid_input",
            "email",
        ),
        (
            json!({"email": "a\u{0}b", "password": "x"}),
            "null_characters_not_allowed",
            "email",
        ),
        (
            json!({"email": "a@example.com", "password": 12345}),
            "invalid_input",
            "password",
        ),
        (
            json!({"email": "a@example.com", "password": "x".repeat(257)}),
            "max_length",
            "password",
        ),
        (
            json!({"email": "x".repeat(255), "password": "x"}),
            "max_length",
            "email",
        ),
        (json!([]), "invalid_input", ""),
    ] {
        assert_error(&stranger.post(login, &body).await, 400, code, attr);
    }
    // A password may hold anything.
    let strange = json!({"email": "a@example.com", "password": "\u{0}\u{1f600}"});
    assert_json(&stranger.post(login, &strange).await, 400, &wrong());
    let long = send_raw(
        &stranger,
        Method::POST,
        login,
        "application/json",
        " ".repeat(20_000),
    )
    .await;
    assert_error(&long, 413, "request_too_large", "");
    let malformed = send_raw(&stranger, Method::POST, login, "application/json", "{bad").await;
    assert_error(&malformed, 400, "parse_error", "");
    let get = stranger.get(login).await;
    assert_error(&get, 405, "method_not_allowed", "");
    assert_eq!(get.header("allow"), "POST, OPTIONS");
}

/// Who gets hold of the files of the embedded engine, but not of the key beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_database_has_no_key_session_password_or_secret() {
    let name = "who_has_the_database_has_no_key_session_password_or_secret";
    let setup = Setup::new(Engine::Sqlite, name).await.unwrap();
    let place = setup.place.clone();
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let browser = app.signed_in(tenant.user).await;
    let me = browser.get(ME).await.expect(200).json;
    let cookie = &browser.session().cookie;
    let session = cookie.split_once('=').unwrap().1.to_owned();
    let path = format!("/api/projects/{}/rotate_secret_token/", tenant.project);
    let rotated = tenant.api.post(&path, &json!({})).await.expect(200).json;
    let secret = rotated["secret_token"].as_str().unwrap();
    drop(app.stop().await);
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(place.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            stored.extend(std::fs::read(path).unwrap());
        }
    }
    let holds = |text: &str| stored.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(holds(me["email"].as_str().unwrap()), "it is the database");
    for hidden in [&*tenant.key, &session, PASSWORD, secret] {
        assert!(!holds(hidden), "{hidden}");
    }
}
