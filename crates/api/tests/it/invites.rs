//! Inviting people into an organisation, and accepting.

use crate::common::{assert_error, keys};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Reply, Session, Setup, Tenant, TestApp, on_both_engines};

on_both_engines! {
    who_is_invited_joins_with_a_password_and_is_signed_in,
    the_link_is_mailed_shown_once_and_kept_nowhere_else,
    a_link_is_good_for_once_and_for_seven_days,
    of_many_who_use_a_link_at_once_one_joins,
    who_has_an_account_must_be_signed_in_with_it,
    a_second_invitation_takes_the_place_of_the_first,
    only_admins_invite_and_only_into_their_own_organisation,
    an_invitation_with_mistakes_is_refused,
}

const PASSWORD: &str = "correct horse battery";

fn path(tenant: &Tenant) -> String {
    format!("/api/organizations/{}/invites/", tenant.organization)
}

async fn invite(tenant: &Tenant, email: &str, level: i64) -> Value {
    let body = json!({"email": email, "level": level});
    tenant.api.post(&path(tenant), &body).await.expect(201).json
}

fn token(invite: &Value) -> String {
    let link = invite["link"].as_str().unwrap();
    link.rsplit('/').next().unwrap().to_owned()
}

async fn accept(app: &TestApp, token: &str) -> Reply {
    let body = json!({"name": "Grace Hopper", "password": PASSWORD});
    let path = format!("/api/invites/{token}/");
    app.stranger().post(&path, &body).await
}

async fn level_of(tenant: &Tenant, email: &str) -> Value {
    let path = format!("/api/organizations/{}/members/", tenant.organization);
    let members = tenant.api.get(&path).await.expect(200).json;
    let members = members["results"].as_array().unwrap();
    let found = members.iter().find(|it| it["email"] == email);
    found.map_or(Value::Null, |it| it["level"].clone())
}

async fn who_is_invited_joins_with_a_password_and_is_signed_in(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = invite(&tenant, "Grace@Example.com", 1).await;
    let path = format!("/api/invites/{}/", token(&made));
    let shown = app.stranger().get(&path).await.expect(200).json;
    let me = tenant.api.get("/api/users/@me/").await.expect(200).json;
    assert_eq!(
        shown,
        json!({"organization_name": me["organization"]["name"], "email": "grace@example.com", "level": 1,
            "has_account": false})
    );
    let joined = accept(&app, &token(&made)).await.expect(201);
    assert_eq!(joined.json["email"], "grace@example.com");
    assert_eq!(joined.json["first_name"], "Grace");
    assert_eq!(joined.json["organization"]["membership_level"], 1);
    let browser = app.stranger().with_session(Session::of(&joined).unwrap());
    assert_eq!(
        browser.get("/api/users/@me/").await.expect(200).json,
        joined.json
    );
    let tickets = format!("/api/projects/{}/conversations/tickets/", tenant.project);
    browser.get(&tickets).await.expect(200);
    let login = json!({"email": "grace@example.com", "password": PASSWORD});
    app.stranger().post("/api/login/", &login).await.expect(200);
    // As an admin, when that was the invitation.
    let made = invite(&tenant, "ada@example.com", 8).await;
    accept(&app, &token(&made)).await.expect(201);
    assert_eq!(level_of(&tenant, "ada@example.com").await, 8);
}

async fn the_link_is_mailed_shown_once_and_kept_nowhere_else(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = invite(&tenant, "grace@example.com", 1).await;
    assert_eq!(
        keys(&made),
        [
            "created_at",
            "created_by",
            "email",
            "expires_at",
            "id",
            "level",
            "link"
        ]
    );
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}/invite/", app.base)), "{link}");
    let listed = tenant.api.get(&path(&tenant)).await.expect(200);
    assert!(!listed.text.contains(&token(&made)), "{}", listed.text);
    assert_eq!(listed.json["results"][0]["id"], made["id"]);
    assert_eq!(listed.json["results"][0]["created_by"], json!(tenant.user));
    let outbox = format!("/api/projects/{}/conversations/outbox/", tenant.project);
    let mails = tenant.api.get(&outbox).await.expect(200).json;
    let mail = &mails["results"][0];
    assert_eq!(
        (&mail["purpose"], &mail["to"]),
        (&json!("invite"), &json!("grace@example.com"))
    );
    assert!(mail["text"].as_str().unwrap().contains(link), "{mail}");
}

async fn a_link_is_good_for_once_and_for_seven_days(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = invite(&tenant, "a@example.com", 1).await;
    accept(&app, &token(&made)).await.expect(201);
    let shown = format!("/api/invites/{}/", token(&made));
    assert_error(&app.stranger().get(&shown).await, 404, "not_found", "");
    assert_error(&accept(&app, &token(&made)).await, 404, "not_found", "");

    let taken_back = invite(&tenant, "b@example.com", 1).await;
    let one = format!("{}{}/", path(&tenant), taken_back["id"].as_str().unwrap());
    tenant.api.delete(&one).await.expect(204);
    assert_error(&tenant.api.delete(&one).await, 404, "not_found", "");
    assert_error(
        &accept(&app, &token(&taken_back)).await,
        404,
        "not_found",
        "",
    );

    let old = invite(&tenant, "c@example.com", 1).await;
    app.advance(Duration::from_secs(7 * 86_400 - 60));
    let shown = format!("/api/invites/{}/", token(&old));
    app.stranger().get(&shown).await.expect(200);
    app.advance(Duration::from_secs(60));
    assert_error(&app.stranger().get(&shown).await, 404, "not_found", "");
    assert_error(&accept(&app, &token(&old)).await, 404, "not_found", "");
    assert_eq!(tenant.api.get(&path(&tenant)).await.json["count"], 0);
    for nonsense in ["x", "%00", &"A".repeat(43)] {
        assert_error(&accept(&app, nonsense).await, 404, "not_found", "");
    }
}

async fn of_many_who_use_a_link_at_once_one_joins(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = invite(&tenant, "grace@example.com", 1).await;
    let token = token(&made);
    let attempts = (0..6).map(|_| accept(&app, &token));
    let replies = futures::future::join_all(attempts).await;
    let joined = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(joined, 1, "{replies:?}");
    assert!(
        replies
            .iter()
            .all(|reply| [201, 403, 404, 409].contains(&reply.status.as_u16()))
    );
}

async fn who_has_an_account_must_be_signed_in_with_it(setup: Setup) {
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    let email = app.set_password(other.user, PASSWORD).await;
    let made = invite(&tenant, &email, 1).await;
    let path = format!("/api/invites/{}/", token(&made));
    assert_eq!(
        app.stranger().get(&path).await.expect(200).json["has_account"],
        true
    );
    // Whoever has the link: it makes nobody that person, and sets no password.
    assert_error(
        &accept(&app, &token(&made)).await,
        403,
        "permission_denied",
        "",
    );
    let somebody = app.signed_in(tenant.user).await;
    assert_error(
        &somebody.post(&path, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    let browser = app.signed_in(other.user).await;
    let forged = browser.with_session(Session {
        csrf_token: "x".into(),
        ..browser.session().clone()
    });
    assert_error(
        &forged.post(&path, &json!({})).await,
        403,
        "permission_denied",
        "",
    );
    assert_eq!(level_of(&tenant, &email).await, Value::Null);
    let joined = browser.post(&path, &json!({})).await.expect(201).json;
    assert_eq!(joined["organizations"].as_array().unwrap().len(), 2);
    assert_eq!(level_of(&tenant, &email).await, 1);
}

async fn a_second_invitation_takes_the_place_of_the_first(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let first = invite(&tenant, "grace@example.com", 1).await;
    let second = invite(&tenant, "GRACE@example.com", 8).await;
    assert_eq!(tenant.api.get(&path(&tenant)).await.json["count"], 1);
    assert_error(&accept(&app, &token(&first)).await, 404, "not_found", "");
    accept(&app, &token(&second)).await.expect(201);
    // Now a member.
    let body = json!({"email": "grace@example.com"});
    assert_error(
        &tenant.api.post(&path(&tenant), &body).await,
        400,
        "unique",
        "email",
    );
}

async fn only_admins_invite_and_only_into_their_own_organisation(setup: Setup) {
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    let made = invite(&tenant, "grace@example.com", 1).await;
    let joined = accept(&app, &token(&made)).await.expect(201);
    let member = app.stranger().with_session(Session::of(&joined).unwrap());
    let pending = invite(&tenant, "b@example.com", 1).await;
    let one = format!("{}{}/", path(&tenant), pending["id"].as_str().unwrap());
    for api in [&member, &other.api] {
        let body = json!({"email": "x@example.com", "level": 8});
        assert_error(
            &api.post(&path(&tenant), &body).await,
            403,
            "permission_denied",
            "",
        );
        assert_error(&api.get(&path(&tenant)).await, 403, "permission_denied", "");
        assert_error(&api.delete(&one).await, 403, "permission_denied", "");
    }
    // By way of one's own organisation neither.
    let crossed = format!("{}{}/", path(&other), pending["id"].as_str().unwrap());
    assert_error(&other.api.delete(&crossed).await, 404, "not_found", "");
    let reader = app.api(&app.key(tenant.user, &["organization:read"]).await);
    let body = json!({"email": "x@example.com"});
    assert_error(
        &reader.post(&path(&tenant), &body).await,
        403,
        "permission_denied",
        "",
    );
}

async fn an_invitation_with_mistakes_is_refused(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    for (body, code, attr) in [
        (json!({}), "required", "email"),
        (json!({"email": "x"}), "invalid_input", "email"),
        (
            json!({"email": "x@example.com", "level": 15}),
            "invalid_choice",
            "level",
        ),
        (
            json!({"email": "x@example.com", "level": {}}),
            "invalid_choice",
            "level",
        ),
    ] {
        assert_error(
            &tenant.api.post(&path(&tenant), &body).await,
            400,
            code,
            attr,
        );
    }
    let made = invite(&tenant, "grace@example.com", 1).await;
    let accepting = format!("/api/invites/{}/", token(&made));
    for (body, code, attr) in [
        (json!({}), "required", "name"),
        (json!({"name": "Grace"}), "required", "password"),
        (
            json!({"name": "Grace", "password": "short"}),
            "invalid_input",
            "password",
        ),
    ] {
        assert_error(
            &app.stranger().post(&accepting, &body).await,
            400,
            code,
            attr,
        );
    }
    // From a page of another site neither.
    let stranger = app.stranger();
    let request = stranger
        .request(Method::POST, &accepting)
        .header("origin", "https://evil.example");
    let body = json!({"name": "Grace", "password": PASSWORD});
    assert_error(
        &stranger.send(request.json(&body)).await,
        403,
        "permission_denied",
        "",
    );
}
