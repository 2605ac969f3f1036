//! The caller, the key, projects and roles.

use super::support::{Server, request};
use model::MemberLevel;
use model::settings::SETTINGS;
use serde_json::{Value, json};

#[tokio::test]
async fn me_is_the_person_with_organisation_and_project() {
    let server = Server::start().await;
    let key = server.key(&[]).await;
    let me = server.get("/api/users/@me", &key).await.json();
    let organization = json!({"id": server.organization, "name": "Acme", "membership_level": 8});
    assert_eq!(me["id"], server.ada.id.0);
    assert_eq!(me["uuid"], server.ada.uuid.to_string());
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(
        (&me["first_name"], &me["last_name"]),
        (&json!("Ada"), &json!("Lovelace"))
    );
    assert_eq!(me["date_joined"], "2026-01-02T03:04:05.678901Z");
    assert_eq!(me["organization"], organization);
    assert_eq!(me["organizations"], json!([organization]));
    assert_eq!(me["team"]["id"], server.project.0);
    assert_eq!(me["team"]["organization"], server.organization.to_string());
    assert!(
        me["team"]["api_token"]
            .as_str()
            .unwrap()
            .starts_with("phc_")
    );
}

#[tokio::test]
async fn a_key_is_told_what_it_is() {
    let server = Server::start().await;
    let (project, organization) = (server.project, server.organization);
    let key = server
        .key_of(
            server.ada.id,
            &["ticket:read", "conversation:write"],
            |key| {
                key.label = "ci".to_owned();
                key.scoped_projects = vec![project];
                key.scoped_organizations = vec![organization];
            },
        )
        .await;
    let answer = server.get("/api/personal_api_keys/@current/", &key).await;
    let mut found = answer.json();
    assert!(found["id"].take().is_string());
    assert_eq!(
        found,
        json!({
            "id": null,
            "label": "ci",
            "mask_value": format!("phx_...{}", &key[key.len() - 4..]),
            "user_id": server.ada.id.0,
            "scopes": ["conversation:write", "ticket:read"],
            "scoped_teams": [project.0],
            "scoped_organizations": [organization],
            "created_at": "2026-01-02T03:04:05.678901Z",
            "last_used_at": null,
        })
    );
    assert!(!answer.text.contains(&key));
}

#[tokio::test]
async fn a_project_shows_every_setting_and_no_secret() {
    let server = Server::start().await;
    let key = server.key(&["project:read"]).await;
    let answer = server
        .get(&format!("/api/projects/{}/", server.project), &key)
        .await;
    let project = answer.json();
    for setting in SETTINGS {
        assert_eq!(project[setting.name], setting.default(), "{}", setting.name);
    }
    assert_eq!(project["organization"], server.organization.to_string());
    assert_eq!(project["created_at"], "2026-01-02T03:04:05.678901Z");
    assert!(project["widget_public_token"].is_string());
    assert!(!answer.text.contains("phs_"));
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let server = Server::start().await;
    let key = server.key(&["project:write"]).await;
    let path = format!("/api/projects/{}/", server.project);
    let patch =
        |body: Value| server.send(request("PATCH", &path).key(&key).json(&body.to_string()));
    let before = server.get(&path, &key).await.json();
    let token = before["widget_public_token"].clone();
    let changed = patch(json!({"widget_enabled": "yes", "ai_burst": "off", "name": " New "}))
        .await
        .json();
    let mut expected = before.clone();
    expected["widget_enabled"] = json!(true);
    expected["conversations_settings"]["widget_enabled"] = json!(true);
    expected["ai_burst"] = json!("off");
    expected["name"] = json!("New");
    assert_eq!(changed, expected);
    assert_eq!(server.get(&path, &key).await.json(), expected);
    let off = patch(json!({"conversations_enabled": false})).await.json();
    assert_eq!(off["widget_public_token"], Value::Null);
    let on = patch(json!({"conversations_enabled": true})).await.json();
    assert!(on["widget_public_token"].is_string() && on["widget_public_token"] != token);
    let null = patch(json!({"ai_burst": null})).await.json();
    assert_eq!(null["ai_burst"], Value::Null);
    let wrong = patch(json!({"name": "Kept out", "widget_color": null})).await;
    assert_eq!(wrong.error().0, 400);
    assert_eq!(server.get(&path, &key).await.json()["name"], "New");
}

#[tokio::test]
async fn limits_are_for_admins() {
    let server = Server::start().await;
    let (organization, eve, now) = (server.organization, server.eve.id, server.app.env.now());
    let member = server.app.store.write(move |c| {
        Box::pin(store::organizations::set_member(
            c,
            organization,
            eve,
            MemberLevel::Member,
            now,
        ))
    });
    member.await.unwrap();
    let key = server.key_of(eve, &["*"], |_| {}).await;
    let path = format!("/api/projects/{}/", server.project);
    for (body, status) in [
        (r#"{"widget_enabled": true}"#, 200),
        (r#"{"ai_limits_exempt": true}"#, 403),
        (r#"{"ai_credits_exhausted": false}"#, 403),
        (r#"{"ai_sustained": "off"}"#, 403),
    ] {
        let answer = server
            .send(request("PATCH", &path).key(&key).json(body))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
    }
    let roles = format!("/api/organizations/{organization}/roles/");
    let answer = server.get(&roles, &key).await;
    assert_eq!(
        answer.error(),
        (
            403,
            "permission_denied".to_owned(),
            "You do not have permission to perform this action.".to_owned()
        )
    );
}

#[tokio::test]
async fn roles_are_made_and_listed() {
    let server = Server::start().await;
    let key = server.key(&["organization:write"]).await;
    let path = format!("/api/organizations/{}/roles/", server.organization);
    let post = |body: &'static str| server.send(request("POST", &path).key(&key).json(body));
    let made = post(r#"{"name": " Billing "}"#).await;
    assert_eq!(made.status, 201);
    let billing = made.json();
    assert_eq!(
        (&billing["name"], &billing["members"]),
        (&json!("Billing"), &json!([]))
    );
    let again = post(r#"{"name": "Billing"}"#).await;
    assert_eq!(
        again.text,
        r#"{"type":"validation_error","code":"unique","detail":"There is already a role with this name.","attr":"name"}"#
    );
    assert_eq!(post("{}").await.error().1, "required");
    assert_eq!(post(r#"{"name": "Admins"}"#).await.status, 201);
    let list = server.get(&format!("{path}?limit=1"), &key).await.json();
    assert_eq!(
        (&list["count"], &list["results"][0]["name"]),
        (&json!(2), &json!("Admins"))
    );
    assert_eq!(
        list["next"],
        format!("http://localhost{path}?limit=1&offset=1")
    );
    let mine = server
        .get("/api/organizations/@current/roles/", &key)
        .await
        .json();
    assert_eq!(mine["results"][1], billing);
    let unknown = format!("/api/organizations/{}/roles/", server.app.env.uuid());
    assert_eq!(
        server.get(&unknown, &key).await.error().2,
        "Organization not found."
    );
    let eves = server.key_of(server.eve.id, &["*"], |_| {}).await;
    assert_eq!(
        server.get(&path, &eves).await.error().2,
        "You don't have access to the organization."
    );
    let reader = server.key(&["organization:read"]).await;
    let refused = server
        .send(request("POST", &path).key(&reader).json("{}"))
        .await;
    assert_eq!(
        refused.error().2,
        "API key missing required scope 'organization:write'"
    );
}
