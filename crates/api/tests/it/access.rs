//! Who may do what, and in which order it is asked (conventions.md 2.3, 2.4 and rows 10 to 17 of its section 11).

use crate::common::{assert_json, send_raw};
use http::Method;
use model::{MemberLevel, ProjectId};
use serde_json::{Value, json};
use store::{organizations, params, users};
use testkit::{Api, Reply, Setup, Tenant, TestApp, on_both_engines};

on_both_engines! {
    keys_need_the_scope_that_is_named,
    a_project_that_does_not_exist_is_told_from_one_that_is_not_yours,
    a_key_can_be_restricted_to_projects_and_organisations,
    a_key_of_one_project_reaches_nothing_of_the_organisation,
    an_organisation_is_not_named_to_who_does_not_belong_to_it,
    an_organisation_can_forbid_keys,
    the_current_project_is_the_keys_only_one_else_the_chosen_else_the_first,
    checks_come_in_their_order,
    some_things_are_for_admins,
}

fn denied(detail: &str) -> Value {
    json!({"type": "authentication_error", "code": "permission_denied", "detail": detail, "attr": null})
}

fn not_found(detail: &str) -> Value {
    json!({"type": "invalid_request", "code": "not_found", "detail": detail, "attr": null})
}

fn path(project: impl std::fmt::Display) -> String {
    format!("/api/projects/{project}/conversations/")
}

async fn keys_need_the_scope_that_is_named(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let project = tenant.project;
    let calls = [
        ("conversation", Method::GET, path(project)),
        ("ticket", Method::GET, format!("{}articles/", path(project))),
        (
            "ticket",
            Method::POST,
            format!("{}articles/", path(project)),
        ),
        ("project", Method::GET, format!("/api/projects/{project}/")),
        (
            "project",
            Method::PATCH,
            format!("/api/projects/{project}/"),
        ),
        (
            "organization",
            Method::GET,
            "/api/organizations/@current/roles/".to_owned(),
        ),
        (
            "organization",
            Method::POST,
            "/api/organizations/@current/roles/".to_owned(),
        ),
    ];
    for (object, method, path) in calls {
        let verb = if method == Method::GET {
            "read"
        } else {
            "write"
        };
        let reply_with = async |scopes: &[&str]| -> Reply {
            let api = app.api(&app.key(tenant.user, scopes).await);
            let request = api.request(method.clone(), &path);
            api.send(request.json(&json!({"name": scopes.len()}))).await
        };
        let detail = format!("API key missing required scope '{object}:{verb}'");
        let other = if object == "conversation" {
            "ticket:write"
        } else {
            "conversation:write"
        };
        assert_json(&reply_with(&[other]).await, 403, &denied(&detail));
        assert_json(&reply_with(&[]).await, 403, &denied(&detail));
        // To write is to be allowed to read, and not the other way round.
        let read = format!("{object}:read");
        let status = reply_with(&[&read]).await.status;
        assert_eq!(status == 403, verb == "write", "{method} {path}: {status}");
        let write = format!("{object}:write");
        assert_ne!(reply_with(&[&write]).await.status, 403, "{method} {path}");
        assert_ne!(reply_with(&["*"]).await.status, 403, "{method} {path}");
    }
}

async fn a_project_that_does_not_exist_is_told_from_one_that_is_not_yours(setup: Setup) {
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    for unknown in [
        "",
        "999999",
        "abc",
        "-1",
        "0x1",
        "99999999999999999999",
        "@me",
    ] {
        let reply = tenant.api.get(&path(unknown)).await;
        assert_json(&reply, 404, &not_found("Project not found."));
    }
    let reply = tenant.api.get("/api/organizations//members/").await;
    assert_json(&reply, 404, &not_found("Organization not found."));
    let reply = tenant.api.get(&path(other.project)).await;
    assert_json(
        &reply,
        403,
        &denied("You don't have access to the project."),
    );
    for (id, status, body) in [
        (
            other.organization.to_string(),
            403,
            denied("You don't have access to the organization."),
        ),
        (
            testkit::new_uuid().to_string(),
            404,
            not_found("Organization not found."),
        ),
        ("nope".to_owned(), 404, not_found("Organization not found.")),
    ] {
        let reply = tenant
            .api
            .get(&format!("/api/organizations/{id}/roles/"))
            .await;
        assert_json(&reply, status, &body);
    }
}

/// A member of two organisations with a project each.
async fn member_of_two(app: &TestApp) -> (Tenant, Tenant) {
    let (one, two) = (app.tenant().await, app.tenant().await);
    let (organization, user, now) = (two.organization, one.user, app.env.now());
    app.store
        .write(move |c| {
            Box::pin(organizations::set_member(
                c,
                organization,
                user,
                MemberLevel::Member,
                now,
            ))
        })
        .await
        .unwrap();
    (one, two)
}

async fn a_key_can_be_restricted_to_projects_and_organisations(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = member_of_two(&app).await;
    one.api.get(&path(two.project)).await.expect(200);
    let key = app
        .key_with(one.user, &["*"], |key| {
            key.scoped_projects = vec![one.project]
        })
        .await;
    let api = app.api(&key);
    api.get(&path(one.project)).await.expect(200);
    let detail = format!(
        "API key does not have access to the requested project: ID {}.",
        two.project
    );
    assert_json(&api.get(&path(two.project)).await, 403, &denied(&detail));

    let only = |key: &mut store::keys::Key| key.scoped_organizations = vec![one.organization];
    let api = app.api(&app.key_with(one.user, &["*"], only).await);
    api.get(&path(one.project)).await.expect(200);
    let detail = format!(
        "API key does not have access to the requested organization: ID {}.",
        two.organization
    );
    assert_json(&api.get(&path(two.project)).await, 403, &denied(&detail));
    let roles = api
        .get(&format!("/api/organizations/{}/roles/", two.organization))
        .await;
    assert_json(&roles, 403, &denied(&detail));
}

async fn a_key_of_one_project_reaches_nothing_of_the_organisation(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let key = app
        .key_with(tenant.user, &["*"], |key| {
            key.scoped_projects = vec![tenant.project]
        })
        .await;
    let api = app.api(&key);
    let detail = "API keys with scoped projects are only supported on project-based endpoints.";
    for organization in [tenant.organization.to_string(), "@current".to_owned()] {
        let path = |rest: &str| format!("/api/organizations/{organization}/{rest}/");
        let invited = json!({"email": "accomplice@example.com", "level": 8});
        for reply in [
            api.post(&path("invites"), &invited).await,
            api.get(&path("members")).await,
            api.get(&path("roles")).await,
        ] {
            assert_json(&reply, 403, &denied(detail));
        }
        tenant.api.get(&path("members")).await.expect(200);
    }
    api.get("/api/users/@me/").await.expect(200);
}

async fn an_organisation_is_not_named_to_who_does_not_belong_to_it(setup: Setup) {
    let app = setup.start().await;
    let (tenant, stranger) = (app.tenant().await, app.tenant().await);
    let organization = tenant.organization;
    app.store
        .write(move |c| {
            Box::pin(async move {
                let forbid =
                    "UPDATE organization SET allows_personal_api_keys = FALSE WHERE id = ?1";
                c.exec(forbid, params![organization]).await
            })
        })
        .await
        .unwrap();
    let own = |key: &mut store::keys::Key| key.scoped_organizations = vec![stranger.organization];
    let narrow = app.api(&app.key_with(stranger.user, &["*"], own).await);
    let refused = denied("You don't have access to the project.");
    for api in [&stranger.api, &narrow] {
        assert_json(&api.get(&path(tenant.project)).await, 403, &refused);
    }
}

async fn an_organisation_can_forbid_keys(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let organization = tenant.organization;
    let name = app
        .store
        .write(move |c| {
            Box::pin(async move {
                let forbid =
                    "UPDATE organization SET allows_personal_api_keys = FALSE WHERE id = ?1";
                c.exec(forbid, params![organization]).await?;
                let found = organizations::find(c, organization).await?;
                found.map(|it| it.name).ok_or(store::Error::NoRow)
            })
        })
        .await
        .unwrap();
    let detail = format!(
        "Organization '{name}' does not allow using personal API keys. Contact an admin to enable personal API keys \
         for this organization."
    );
    assert_json(
        &tenant.api.get(&path(tenant.project)).await,
        403,
        &denied(&detail),
    );
}

async fn the_current_project_is_the_keys_only_one_else_the_chosen_else_the_first(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = member_of_two(&app).await;
    let current = async |api: &Api| -> Value {
        let project = api.get("/api/projects/@current/").await.expect(200);
        project.json["id"].clone()
    };
    assert_eq!(current(&one.api).await, json!(one.project));
    let key = app
        .key_with(one.user, &["*"], |key| {
            key.scoped_projects = vec![two.project]
        })
        .await;
    let restricted = app.api(&key);
    assert_eq!(current(&restricted).await, json!(two.project));
    let encoded = restricted.get("/api/projects/%40current/").await;
    assert_eq!(encoded.expect(200).json["id"], json!(two.project));
    let (user, chosen) = (one.user, two.project);
    app.store
        .write(move |c| Box::pin(users::set_current_project(c, user, chosen)))
        .await
        .unwrap();
    let is_chosen = async || current(&one.api).await == json!(two.project);
    crate::common::eventually("the chosen project is current", is_chosen).await;
    // Who belongs nowhere has none.
    let env = app.env.clone();
    let lonely = app
        .store
        .write(move |c| {
            Box::pin(async move {
                let new = users::NewUser {
                    email: "lonely@example.com".into(),
                    name: "Lonely".into(),
                    password_hash: None,
                };
                users::create(c, &env, &new).await
            })
        })
        .await
        .unwrap();
    let api = app.api(&app.key(lonely.id, &["*"]).await);
    assert_json(
        &api.get(&path("@current")).await,
        404,
        &not_found("Project not found."),
    );
    let me = api.get("/api/users/@me/").await.expect(200).json;
    assert_eq!(
        (&me["team"], &me["organization"]),
        (&Value::Null, &Value::Null)
    );
}

/// Every request breaks the rule it is about and all those after it.
async fn checks_come_in_their_order(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = member_of_two(&app).await;
    let foreign = app.tenant().await;
    let ask = async |api: &Api, project: ProjectId, accept: &str| -> (u16, String) {
        let request = api.request(Method::PATCH, &format!("/api/projects/{project}/"));
        let request = request
            .header("accept", accept)
            .header("content-type", "application/json");
        let reply = api.send(request.body("{bad")).await;
        (
            reply.status.as_u16(),
            reply.json["detail"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let json = "application/json";
    let nowhere = ProjectId(999_999);
    let bad = app.api("phx_nope");
    let (status, _) = ask(&bad, nowhere, "text/html").await;
    assert_eq!(status, 406, "what can be answered comes first");
    let (status, _) = ask(&bad, nowhere, json).await;
    assert_eq!(status, 401, "then who is calling");
    let restrict = |key: &mut store::keys::Key| key.scoped_projects = vec![one.project];
    let narrow = app.api(&app.key_with(one.user, &["ticket:read"], restrict).await);
    let (status, _) = ask(&narrow, nowhere, json).await;
    assert_eq!(status, 404, "then whether the project exists");
    let (_, detail) = ask(&narrow, foreign.project, json).await;
    assert!(
        detail.contains("requested project"),
        "then what the key reaches: {detail}"
    );
    let reader = app.api(&app.key(one.user, &["project:read"]).await);
    let (_, detail) = ask(&reader, foreign.project, json).await;
    assert!(
        detail.contains("scope 'project:write'"),
        "then its scope: {detail}"
    );
    let (_, detail) = ask(&one.api, foreign.project, json).await;
    assert_eq!(
        detail, "You don't have access to the project.",
        "then the membership"
    );
    let (status, detail) = ask(&one.api, two.project, json).await;
    assert!(
        status == 400 && detail.starts_with("JSON parse error - "),
        "and then the body: {detail}"
    );
    // A method that the path does not have is told after all that.
    let unknown = send_raw(&bad, Method::PUT, &path(one.project), json, "{bad").await;
    assert_eq!(unknown.status, 401);
    let unknown = send_raw(&one.api, Method::PUT, &path(foreign.project), json, "{bad").await;
    assert_eq!(unknown.status, 403);
    let unknown = send_raw(&one.api, Method::PUT, &path(one.project), json, "{bad").await;
    assert_eq!(unknown.status, 405);
}

async fn some_things_are_for_admins(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = member_of_two(&app).await;
    let project = format!("/api/projects/{}/", two.project);
    one.api
        .patch(&project, &json!({"name": "A member may"}))
        .await
        .expect(200);
    for limit in [
        "ai_burst",
        "api_sustained",
        "ai_limits_exempt",
        "ai_credits_exhausted",
    ] {
        let value = if limit.starts_with("ai_l") || limit.ends_with("exhausted") {
            json!(true)
        } else {
            json!("off")
        };
        let refused = one
            .api
            .patch(&project, &json!({"name": "Not so", limit: value}))
            .await;
        assert_json(
            &refused,
            403,
            &denied("You do not have editor access to this resource."),
        );
        two.api
            .patch(&project, &json!({limit: value}))
            .await
            .expect(200);
    }
    assert_eq!(one.api.get(&project).await.json["name"], "A member may");
    let roles = format!("/api/organizations/{}/roles/", two.organization);
    for reply in [
        one.api.get(&roles).await,
        one.api.post(&roles, &json!({"name": "x"})).await,
    ] {
        assert_json(
            &reply,
            403,
            &denied("You do not have permission to perform this action."),
        );
    }
    two.api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201);
}
