//! Who one is, what one's key is, and what belongs to a project and an organisation (spec "Around the contract").

use crate::common::{assert_error, assert_json, eventually, keys};
use model::settings::SETTINGS;
use serde_json::{Value, json};
use store::roles;
use testkit::{Setup, on_both_engines};

on_both_engines! {
    me_is_the_person_with_organisation_and_project,
    a_key_is_told_its_label_its_scopes_and_its_restrictions,
    a_project_shows_every_setting_and_no_secret,
    a_changed_setting_holds_at_once_for_everybody,
    roles_are_made_and_listed,
    members_are_listed_for_members,
    an_inbox_is_told_whom_tickets_can_be_assigned_to,
    settings_that_the_assistant_obeys_take_effect,
}

async fn me_is_the_person_with_organisation_and_project(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    // No scope is needed to be told who one is.
    let api = app.api(&app.key(tenant.user, &[]).await);
    let me = api.get("/api/users/@me/").await.expect(200).json;
    assert_eq!(me["id"], json!(tenant.user));
    assert_eq!(
        (&me["first_name"], &me["last_name"]),
        (&json!("Robin"), &json!("Example"))
    );
    assert!(me["email"].as_str().unwrap().ends_with("@example.com"));
    for name in ["uuid", "distinct_id", "date_joined"] {
        assert!(me[name].is_string(), "{name}: {me}");
    }
    let organization = json!({
        "id": tenant.organization, "name": me["organization"]["name"], "membership_level": 8,
    });
    assert_eq!(me["organization"], organization);
    assert_eq!(me["organizations"], json!([organization]));
    assert_eq!(me["team"]["id"], json!(tenant.project));
    assert_eq!(me["team"]["organization"], json!(tenant.organization));
    assert_eq!(me["team"]["timezone"], "UTC");
    assert_eq!(api.get("/api/users/%40me").await.expect(200).json, me);
    assert_error(&api.get("/api/users/7/").await, 404, "not_found", "");
    assert_error(
        &app.stranger().get("/api/users/@me/").await,
        401,
        "not_authenticated",
        "",
    );
}

async fn a_key_is_told_its_label_its_scopes_and_its_restrictions(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let secret = app
        .key_with(tenant.user, &["conversation:read", "ticket:write"], |key| {
            key.label = "Nightly export".into();
            key.scoped_projects = vec![tenant.project];
            key.scoped_organizations = vec![tenant.organization];
        })
        .await;
    assert!(secret.starts_with("phx_"), "{secret}");
    let key = app
        .api(&secret)
        .get("/api/personal_api_keys/@current/")
        .await
        .expect(200);
    assert!(
        !key.text.contains(&secret),
        "the secret is never shown again"
    );
    let key = key.json;
    assert_eq!(key["label"], "Nightly export");
    assert_eq!(key["user_id"], json!(tenant.user));
    assert_eq!(key["scopes"], json!(["conversation:read", "ticket:write"]));
    assert_eq!(key["scoped_teams"], json!([tenant.project]));
    assert_eq!(key["scoped_organizations"], json!([tenant.organization]));
    let mask = key["mask_value"].as_str().unwrap();
    let end = &secret[secret.len() - 4..];
    assert!(mask.contains('*') || mask.contains("..."), "{mask}");
    assert!(mask.ends_with(end) && mask.len() < secret.len(), "{mask}");
    assert!(key["created_at"].is_string());
}

async fn a_project_shows_every_setting_and_no_secret(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = format!("/api/projects/{}/", tenant.project);
    let shown = tenant.api.get(&path).await.expect(200);
    assert!(!shown.text.contains("phs_"), "{}", shown.text);
    let project = shown.json;
    for setting in SETTINGS {
        assert_eq!(project[setting.name], setting.default(), "{}", setting.name);
    }
    let mut expected: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    expected.extend([
        "api_token",
        "conversations_settings",
        "created_at",
        "has_secret_token_backup",
        "id",
        "is_mail_configured",
        "name",
        "organization",
        "widget_public_token",
    ]);
    expected.sort_unstable();
    assert_eq!(keys(&project), expected);
    assert!(project["api_token"].as_str().unwrap().starts_with("phc_"));
    // The widget has a token for as long as conversations are switched on, and a new one after that.
    let first = project["widget_public_token"].as_str().unwrap().to_owned();
    assert_eq!(first.len(), 43, "{first}");
    let off = tenant
        .api
        .patch(&path, &json!({"conversations_enabled": false}))
        .await
        .expect(200);
    assert_eq!(off.json["widget_public_token"], Value::Null);
    let on = tenant
        .api
        .patch(&path, &json!({"conversations_enabled": true}))
        .await
        .expect(200);
    let second = on.json["widget_public_token"].as_str().unwrap();
    assert_ne!(second, first);
    // The same under the other prefix.
    let other = path.replace("projects", "environments");
    assert_json(&tenant.api.get(&other).await, 200, &on.json);
}

async fn a_changed_setting_holds_at_once_for_everybody(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let path = format!("/api/projects/{}/", tenant.project);
    let change = json!({"name": "Renamed", "timezone": "Europe/Berlin", "widget_domains": ["https://a.example"]});
    colleague.api.get(&path).await.expect(200);
    let changed = tenant.api.patch(&path, &change).await.expect(200).json;
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&changed[name], value, "{name}");
    }
    assert_json(&tenant.api.get(&path).await, 200, &changed);
    assert_json(&colleague.api.get(&path).await, 200, &changed);
    let me = tenant.api.get("/api/users/@me/").await.expect(200).json;
    assert_eq!(
        (&me["team"]["name"], &me["team"]["timezone"]),
        (&json!("Renamed"), &json!("Europe/Berlin"))
    );
}

async fn roles_are_made_and_listed(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = format!("/api/organizations/{}/roles/", tenant.organization);
    assert_json(
        &tenant.api.get(&path).await,
        200,
        &json!({"count": 0, "next": null, "previous": null, "results": []}),
    );
    for name in ["Support", "Billing", " Ops "] {
        let role = tenant
            .api
            .post(&path, &json!({"name": name}))
            .await
            .expect(201)
            .json;
        assert_eq!(keys(&role), ["created_at", "id", "members", "name"]);
        assert_eq!(
            (&role["name"], &role["members"]),
            (&json!(name.trim()), &json!([]))
        );
    }
    let taken = tenant.api.post(&path, &json!({"name": "Support"})).await;
    assert_error(&taken, 400, "unique", "name");
    for (body, code) in [
        (json!({}), "required"),
        (json!({"name": ""}), "blank"),
        (json!({"name": "x".repeat(201)}), "max_length"),
    ] {
        assert_error(&tenant.api.post(&path, &body).await, 400, code, "name");
    }
    // In another organisation the name is free.
    let other = app.tenant().await;
    let theirs = format!("/api/organizations/{}/roles/", other.organization);
    other
        .api
        .post(&theirs, &json!({"name": "Support"}))
        .await
        .expect(201);

    let page = tenant
        .api
        .get(&format!("{path}?limit=2"))
        .await
        .expect(200)
        .json;
    let names: Vec<_> = (0..2)
        .map(|index| page["results"][index]["name"].clone())
        .collect();
    assert_eq!(
        (&page["count"], names),
        (&json!(3), vec![json!("Billing"), json!("Ops")])
    );
    assert!(
        page["next"]
            .as_str()
            .unwrap()
            .ends_with("?limit=2&offset=2")
    );

    let billing = page["results"][0]["id"].as_str().unwrap().parse().unwrap();
    let (organization, user, now) = (tenant.organization, tenant.user, app.env.now());
    app.store
        .write(move |c| {
            Box::pin(async move {
                roles::add_member(c, organization, model::RoleId(billing), user, now).await
            })
        })
        .await
        .unwrap();
    let current = tenant
        .api
        .get("/api/organizations/@current/roles/")
        .await
        .expect(200)
        .json;
    let member = &current["results"][0]["members"][0];
    assert_eq!(
        keys(member),
        ["email", "first_name", "id", "last_name", "uuid"]
    );
    assert_eq!(member["id"], json!(tenant.user));
}

async fn settings_that_the_assistant_obeys_take_effect(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = format!("/api/projects/{}/", tenant.project);
    tenant
        .api
        .patch(&path, &json!({"ai_credits_exhausted": true}))
        .await
        .expect(200);
    let chat = tenant.chat();
    let refused = async || chat.post(&chat.message("hello")).await;
    assert_error(&refused().await, 402, "quota_limit_exceeded", "");
    // Also when another process has changed it.
    app.set(tenant.project, "ai_credits_exhausted", "false")
        .await;
    eventually("the credits are back", async || {
        refused().await.status != 402
    })
    .await;
}

async fn members_are_listed_for_members(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    app.tenant().await;
    let path = format!("/api/organizations/{}/members/", tenant.organization);
    let api = app.api(&app.key(colleague.user, &["organization:read"]).await);
    let list = api.get(&path).await.expect(200).json;
    assert_eq!(list["count"], 2);
    let expected = [tenant.user, colleague.user];
    let results = list["results"].as_array().unwrap();
    for (member, user) in results.iter().zip(expected) {
        assert_eq!(
            keys(member),
            [
                "distinct_id",
                "email",
                "first_name",
                "hedgehog_config",
                "id",
                "is_email_verified",
                "last_name",
                "level",
                "role_at_organization",
                "uuid",
            ]
        );
        assert_eq!((&member["id"], &member["level"]), (&json!(user), &json!(8)));
    }
    let page = api
        .get(&format!("{path}?limit=1&offset=1"))
        .await
        .expect(200)
        .json;
    assert_eq!(page["results"], json!([results[1]]));
    assert_eq!(page["next"], Value::Null);
    let current = api.get("/api/organizations/@current/members/").await;
    assert_eq!(current.expect(200).json["results"], list["results"]);

    let stranger = app.tenant().await;
    assert_error(&stranger.api.get(&path).await, 403, "permission_denied", "");
    let other_scope = app.api(&app.key(tenant.user, &["ticket:write"]).await);
    assert_error(&other_scope.get(&path).await, 403, "permission_denied", "");
}

async fn an_inbox_is_told_whom_tickets_can_be_assigned_to(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let role_path = format!("/api/organizations/{}/roles/", tenant.organization);
    for name in ["Tier 2", "Billing"] {
        tenant
            .api
            .post(&role_path, &json!({"name": name}))
            .await
            .expect(201);
    }
    let roles = tenant.api.get(&role_path).await.expect(200).json;
    let (organization, env) = (tenant.organization, app.env.clone());
    let billing = model::RoleId(roles["results"][0]["id"].as_str().unwrap().parse().unwrap());
    app.store
        .write(move |c| {
            Box::pin(async move {
                roles::add_member(c, organization, billing, colleague.user, env.now()).await
            })
        })
        .await
        .unwrap();

    let path = format!("/api/projects/{}/conversations/assignees/", tenant.project);
    let api = app.api(&app.key(colleague.user, &["ticket:read"]).await);
    let shown = api.get(&path).await.expect(200).json;
    let ids: Vec<_> = shown["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&json!(tenant.user), &json!(colleague.user)]);
    assert_eq!(
        shown["roles"],
        json!([
            {"id": roles["results"][0]["id"], "name": "Billing", "members": [colleague.user]},
            {"id": roles["results"][1]["id"], "name": "Tier 2", "members": []},
        ])
    );
    // Each of them is taken as an assignee.
    let tickets = format!("/api/projects/{}/conversations/tickets/", tenant.project);
    for assignee in [
        json!({"type": "user", "id": shown["users"][1]["id"]}),
        json!({"type": "role", "id": shown["roles"][0]["id"]}),
    ] {
        let body = json!({ "assignee": assignee });
        let ticket = tenant.api.post(&tickets, &body).await.expect(201).json;
        assert_eq!(ticket["assignee"]["id"], assignee["id"]);
    }
    assert_error(
        &app.tenant().await.api.get(&path).await,
        403,
        "permission_denied",
        "",
    );
}
