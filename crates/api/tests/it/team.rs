//! Members and roles of an organisation, as its admins change them.

use crate::common::assert_error;
use serde_json::{Value, json};
use testkit::{Setup, Tenant, on_both_engines};

on_both_engines! {
    an_admin_makes_admins_and_members,
    who_is_taken_out_is_out_at_once,
    an_organisation_keeps_an_admin,
    of_two_admins_who_demote_each_other_at_once_one_stays,
    members_change_nobody_and_strangers_reach_nobody,
    whoever_wants_to_leave_leaves_but_for_the_last_admin,
    a_role_is_renamed_filled_and_removed,
    roles_of_others_are_out_of_reach,
    the_current_organisation_is_that_of_the_current_project,
}

fn members(tenant: &Tenant) -> String {
    format!("/api/organizations/{}/members/", tenant.organization)
}

fn member(tenant: &Tenant, of: &Tenant) -> String {
    format!("{}{}/", members(of), tenant.user)
}

async fn an_admin_makes_admins_and_members(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let colleague = app.member(admin.organization, admin.project).await;
    let path = member(&colleague, &admin);
    let roles = format!("/api/organizations/{}/roles/", admin.organization);
    let changed = admin
        .api
        .patch(&path, &json!({"level": 1}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["id"], &changed["level"]),
        (&json!(colleague.user), &json!(1))
    );
    assert_error(
        &colleague.api.get(&roles).await,
        403,
        "permission_denied",
        "",
    );
    // By UUID, with the level's word, and without any change.
    let by_uuid = format!("{}{}/", members(&admin), changed["uuid"].as_str().unwrap());
    admin
        .api
        .patch(&by_uuid, &json!({"level": "admin"}))
        .await
        .expect(200);
    colleague.api.get(&roles).await.expect(200);
    assert_eq!(
        admin.api.patch(&by_uuid, &json!({})).await.expect(200).json["level"],
        8
    );
    for (body, code) in [
        (json!({"level": 3}), "invalid_choice"),
        (json!({"level": null}), "null"),
    ] {
        assert_error(&admin.api.patch(&path, &body).await, 400, code, "level");
    }
    for nobody in ["999999", "x", "-1", "0190a4b0-0000-7000-8000-000000000000"] {
        let path = format!("{}{nobody}/", members(&admin));
        assert_error(
            &admin.api.patch(&path, &json!({"level": 1})).await,
            404,
            "not_found",
            "",
        );
    }
}

async fn who_is_taken_out_is_out_at_once(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let colleague = app.member(admin.organization, admin.project).await;
    let browser = app.signed_in(colleague.user).await;
    let roles = format!("/api/organizations/{}/roles/", admin.organization);
    let role = admin
        .api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    let in_role = format!("{roles}{}/members/", role["id"].as_str().unwrap());
    admin
        .api
        .post(&in_role, &json!({"user": colleague.user}))
        .await
        .expect(201);
    browser
        .patch(
            "/api/users/@me/",
            &json!({"current_project": admin.project}),
        )
        .await
        .expect(200);
    let tickets = format!("/api/projects/{}/conversations/tickets/", admin.project);
    browser.get(&tickets).await.expect(200);
    admin
        .api
        .delete(&member(&colleague, &admin))
        .await
        .expect(204);
    for api in [&browser, &colleague.api] {
        assert_error(&api.get(&tickets).await, 403, "permission_denied", "");
        assert_eq!(
            api.get("/api/users/@me/").await.expect(200).json["team"],
            Value::Null
        );
        assert_error(
            &api.get("/api/projects/@current/").await,
            404,
            "not_found",
            "",
        );
    }
    assert_error(
        &admin.api.delete(&member(&colleague, &admin)).await,
        404,
        "not_found",
        "",
    );
    assert_eq!(admin.api.get(&members(&admin)).await.json["count"], 1);
    let role = admin
        .api
        .get(&format!("{roles}{}/", role["id"].as_str().unwrap()))
        .await;
    assert_eq!(role.expect(200).json["members"], json!([]));
}

async fn an_organisation_keeps_an_admin(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let colleague = app.member(admin.organization, admin.project).await;
    admin
        .api
        .patch(&member(&colleague, &admin), &json!({"level": 1}))
        .await
        .expect(200);
    let own = member(&admin, &admin);
    for reply in [
        admin.api.patch(&own, &json!({"level": 1})).await,
        admin.api.delete(&own).await,
    ] {
        assert_error(&reply, 409, "conflict", "");
    }
    admin
        .api
        .patch(&own, &json!({"level": 8}))
        .await
        .expect(200);
    admin
        .api
        .patch(&member(&colleague, &admin), &json!({"level": 8}))
        .await
        .expect(200);
    admin.api.delete(&own).await.expect(204);
    assert_eq!(colleague.api.get(&members(&admin)).await.json["count"], 1);
}

async fn of_two_admins_who_demote_each_other_at_once_one_stays(setup: Setup) {
    let app = setup.start().await;
    for _ in 0..5 {
        let one = app.tenant().await;
        let two = app.member(one.organization, one.project).await;
        let (of_one, of_two) = (member(&one, &one), member(&two, &one));
        let level = json!({"level": 1});
        let (a, b) = tokio::join!(one.api.patch(&of_two, &level), two.api.delete(&of_one));
        let statuses = [a.status.as_u16(), b.status.as_u16()];
        let done = statuses.iter().filter(|status| **status < 300).count();
        assert_eq!(done, 1, "{statuses:?}");
    }
}

async fn members_change_nobody_and_strangers_reach_nobody(setup: Setup) {
    let app = setup.start().await;
    let (admin, other) = (app.tenant().await, app.tenant().await);
    let colleague = app.member(admin.organization, admin.project).await;
    admin
        .api
        .patch(&member(&colleague, &admin), &json!({"level": 1}))
        .await
        .expect(200);
    for api in [&colleague.api, &other.api] {
        let path = member(&colleague, &admin);
        assert_error(
            &api.patch(&path, &json!({"level": 8})).await,
            403,
            "permission_denied",
            "",
        );
        let path = member(&admin, &admin);
        assert_error(&api.delete(&path).await, 403, "permission_denied", "");
    }
    // By way of one's own organisation neither.
    let crossed = format!("{}{}/", members(&other), colleague.user);
    assert_error(
        &other.api.patch(&crossed, &json!({"level": 8})).await,
        404,
        "not_found",
        "",
    );
    assert_error(&other.api.delete(&crossed).await, 404, "not_found", "");
}

async fn whoever_wants_to_leave_leaves_but_for_the_last_admin(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let (one, two) = (
        app.member(admin.organization, admin.project).await,
        app.member(admin.organization, admin.project).await,
    );
    for colleague in [&one, &two] {
        let path = member(colleague, &admin);
        let body = json!({"level": 1});
        admin.api.patch(&path, &body).await.expect(200);
    }
    // By number and by UUID; nobody else by that.
    let me = one.api.get("/api/users/@me/").await.expect(200).json;
    let mine = format!("{}{}/", members(&admin), me["uuid"].as_str().unwrap());
    assert_error(&two.api.delete(&mine).await, 403, "permission_denied", "");
    let reader = app.key(one.user, &["organization:read"]).await;
    let refused = app.api(&reader).delete(&mine).await;
    assert_error(&refused, 403, "permission_denied", "");
    one.api.delete(&mine).await.expect(204);
    two.api.delete(&member(&two, &admin)).await.expect(204);
    for gone in [&one, &two] {
        let refused = gone.api.get(&members(&admin)).await;
        assert_error(&refused, 403, "permission_denied", "");
    }
    let last = admin.api.delete(&member(&admin, &admin)).await;
    assert_error(&last, 409, "conflict", "");
    assert_eq!(admin.api.get(&members(&admin)).await.json["count"], 1);
}

async fn a_role_is_renamed_filled_and_removed(setup: Setup) {
    let app = setup.start().await;
    let admin = app.tenant().await;
    let colleague = app.member(admin.organization, admin.project).await;
    let roles = format!("/api/organizations/{}/roles/", admin.organization);
    let made = admin
        .api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    admin
        .api
        .post(&roles, &json!({"name": "Billing"}))
        .await
        .expect(201);
    let path = format!("{roles}{}/", made["id"].as_str().unwrap());
    assert_eq!(admin.api.get(&path).await.expect(200).json, made);
    assert_error(
        &admin.api.patch(&path, &json!({"name": "Billing"})).await,
        400,
        "unique",
        "name",
    );
    let renamed = admin
        .api
        .patch(&path, &json!({"name": "Help"}))
        .await
        .expect(200)
        .json;
    assert_eq!(renamed["name"], "Help");
    assert_eq!(
        admin.api.patch(&path, &json!({})).await.expect(200).json,
        renamed
    );

    let in_role = format!("{path}members/");
    for _ in 0..2 {
        let filled = admin
            .api
            .post(&in_role, &json!({"user": colleague.user}))
            .await
            .expect(201);
        let ids: Vec<_> = filled.json["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["id"])
            .collect();
        assert_eq!(ids, [&json!(colleague.user)]);
    }
    let other = app.tenant().await;
    for nobody in [json!(other.user), json!("x"), json!(999_999)] {
        let reply = admin.api.post(&in_role, &json!({"user": nobody})).await;
        assert_error(&reply, 400, "invalid_choice", "user");
    }
    let one = format!("{in_role}{}/", colleague.user);
    admin.api.delete(&one).await.expect(204);
    assert_error(&admin.api.delete(&one).await, 404, "not_found", "");

    admin
        .api
        .post(&in_role, &json!({"user": colleague.user}))
        .await
        .expect(201);
    let tickets = format!("/api/projects/{}/conversations/tickets/", admin.project);
    let ticket = admin.api.post(&tickets, &json!({})).await.expect(201).json;
    let ticket = format!("{tickets}{}/", ticket["id"].as_str().unwrap());
    let assignee = json!({"assignee": {"type": "role", "id": made["id"]}});
    admin.api.patch(&ticket, &assignee).await.expect(200);
    admin.api.delete(&path).await.expect(204);
    assert_eq!(
        admin.api.get(&ticket).await.expect(200).json["assignee"],
        Value::Null
    );
    for reply in [
        admin.api.get(&path).await,
        admin.api.patch(&path, &json!({"name": "x"})).await,
        admin.api.delete(&path).await,
        admin
            .api
            .post(&in_role, &json!({"user": colleague.user}))
            .await,
        admin.api.get(&format!("{roles}x/")).await,
    ] {
        assert_error(&reply, 404, "not_found", "");
    }
}

async fn roles_of_others_are_out_of_reach(setup: Setup) {
    let app = setup.start().await;
    let (admin, other) = (app.tenant().await, app.tenant().await);
    let roles = |tenant: &Tenant| format!("/api/organizations/{}/roles/", tenant.organization);
    let made = admin
        .api
        .post(&roles(&admin), &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    let id = made["id"].as_str().unwrap();
    for (path, status) in [
        (format!("{}{id}/", roles(&admin)), 403),
        (format!("{}{id}/", roles(&other)), 404),
    ] {
        for reply in [
            other.api.get(&path).await,
            other.api.patch(&path, &json!({"name": "x"})).await,
            other.api.delete(&path).await,
            other
                .api
                .post(&format!("{path}members/"), &json!({"user": other.user}))
                .await,
            other
                .api
                .delete(&format!("{path}members/{}/", other.user))
                .await,
        ] {
            assert_eq!(reply.status, status, "{path} {}", reply.text);
        }
    }
}

async fn the_current_organisation_is_that_of_the_current_project(setup: Setup) {
    let app = setup.start().await;
    let (one, two) = (app.tenant().await, app.tenant().await);
    let (organization, user, now) = (two.organization, one.user, app.env.now());
    app.store
        .write(move |c| {
            Box::pin(store::organizations::set_member(
                c,
                organization,
                user,
                model::MemberLevel::Member,
                now,
            ))
        })
        .await
        .unwrap();
    let count = async || {
        let page = one.api.get("/api/organizations/@current/members/").await;
        page.expect(200).json["count"].clone()
    };
    assert_eq!(count().await, 1);
    let me = "/api/users/@me/";
    one.api
        .patch(me, &json!({"current_project": two.project}))
        .await
        .expect(200);
    assert_eq!(count().await, 2);
}
