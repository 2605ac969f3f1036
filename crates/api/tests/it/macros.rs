//! Macros and quick actions (tickets.md 16.2; cases 164 to 166).

use crate::common::{assert_error, assert_json, keys};
use crate::tickets_desk::path;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Setup, Tenant, new_uuid, on_both_engines};

on_both_engines! {
    a_macro_is_made_listed_changed_and_deleted,
    macros_and_quick_actions_are_the_same_things,
    a_quick_action_needs_a_reply_or_an_action,
    bad_macros_are_told_what_is_wrong,
    a_personal_macro_is_its_makers_alone,
    an_assignee_stays_when_actions_do_not_name_one,
}

pub(crate) async fn make(tenant: &Tenant, body: Value) -> Value {
    tenant
        .api
        .post(&path(tenant, "macros/"), &body)
        .await
        .expect(201)
        .json
}

pub(crate) fn at(tenant: &Tenant, it: &Value) -> String {
    path(
        tenant,
        &format!("macros/{}/", it["short_id"].as_str().unwrap()),
    )
}

async fn a_macro_is_made_listed_changed_and_deleted(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let actions = json!({"status": "resolved", "priority": "low", "tags": ["done"],
        "assignee": {"type": "user", "id": tenant.user}});
    let made = make(
        &tenant,
        json!({"name": "Thanks", "description": "d", "content": "Hi {{customer.name}}",
            "rich_content": {"type": "doc"}, "actions": actions}),
    )
    .await;
    assert_eq!(
        keys(&made),
        [
            "actions",
            "content",
            "created_at",
            "created_by",
            "description",
            "id",
            "name",
            "rich_content",
            "short_id",
            "updated_at",
            "visibility",
        ]
    );
    assert_eq!(made["actions"], actions);
    assert_eq!(
        (&made["content"], &made["visibility"]),
        (&json!("Hi {{customer.name}}"), &json!("team"))
    );
    assert_eq!(made["created_by"]["id"], json!(tenant.user));
    app.advance(Duration::from_secs(1));
    let newer = make(&tenant, json!({"name": "Newer", "content": "x"})).await;
    let list = tenant.api.get(&path(&tenant, "macros/")).await.expect(200);
    assert_json(
        &list,
        200,
        &json!({"count": 2, "next": null, "previous": null, "results": [newer, made]}),
    );

    let changed = tenant
        .api
        .patch(
            &at(&tenant, &made),
            &json!({"content": "", "rich_content": null}),
        )
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["content"], &changed["rich_content"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(
        (&changed["name"], &changed["actions"]),
        (&json!("Thanks"), &actions)
    );
    assert_ne!(changed["updated_at"], made["updated_at"]);
    assert_eq!(
        tenant.api.get(&at(&tenant, &made)).await.expect(200).json,
        changed
    );

    let other = app.tenant().await;
    let theirs = path(
        &other,
        &format!("macros/{}/", made["short_id"].as_str().unwrap()),
    );
    assert_error(&other.api.get(&theirs).await, 404, "not_found", "");
    tenant.api.delete(&at(&tenant, &made)).await.expect(204);
    assert_error(
        &tenant.api.delete(&at(&tenant, &made)).await,
        404,
        "not_found",
        "",
    );
}

async fn macros_and_quick_actions_are_the_same_things(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let made = tenant
        .api
        .post(
            &path(&tenant, "quick_actions/"),
            &json!({"name": "n", "content": "c"}),
        )
        .await
        .expect(201)
        .json;
    assert_eq!(
        tenant.api.get(&at(&tenant, &made)).await.expect(200).json,
        made
    );
    let quick = path(
        &tenant,
        &format!("quick_actions/{}/", made["short_id"].as_str().unwrap()),
    );
    let changed = tenant
        .api
        .patch(&quick, &json!({"name": "m"}))
        .await
        .expect(200)
        .json;
    assert_eq!(tenant.api.get(&quick).await.expect(200).json, changed);
    let lists = [path(&tenant, "macros/"), path(&tenant, "quick_actions/")];
    let [macros, quick_actions] = [&lists[0], &lists[1]].map(|list| tenant.api.get(list));
    assert_eq!(
        macros.await.json["results"],
        quick_actions.await.json["results"]
    );
    tenant.api.delete(&quick).await.expect(204);
    assert_error(
        &tenant.api.get(&at(&tenant, &made)).await,
        404,
        "not_found",
        "",
    );
}

async fn a_quick_action_needs_a_reply_or_an_action(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let quick = path(&tenant, "quick_actions/");
    for body in [
        json!({"name": "n"}),
        json!({"name": "n", "content": " ", "actions": {}}),
        json!({"name": "n", "actions": {"unknown": 1}}),
    ] {
        assert_error(
            &tenant.api.post(&quick, &body).await,
            400,
            "invalid_input",
            "",
        );
    }
    let made = make(&tenant, json!({"name": "n", "actions": {"status": "open"}})).await;
    let emptied = tenant
        .api
        .patch(&at(&tenant, &made), &json!({"actions": {}}))
        .await;
    assert_error(&emptied, 400, "invalid_input", "");
    let kept = tenant.api.get(&at(&tenant, &made)).await.expect(200).json;
    assert_eq!(kept, made);
}

async fn bad_macros_are_told_what_is_wrong(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let stranger = app.tenant().await;
    let with = |more: Value| {
        let mut body = json!({"name": "n", "content": "c"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (body, code, attr) in [
        (json!({"content": "c"}), "required", "name"),
        (with(json!({"name": "x".repeat(201)})), "max_length", "name"),
        (
            with(json!({"description": "x".repeat(401)})),
            "max_length",
            "description",
        ),
        (
            with(json!({"content": "x".repeat(50_001)})),
            "max_length",
            "content",
        ),
        (
            with(json!({"rich_content": {"t": "x".repeat(100_001)}})),
            "invalid_input",
            "rich_content",
        ),
        (
            with(json!({"visibility": "secret"})),
            "invalid_choice",
            "visibility",
        ),
        (
            with(json!({"actions": {"status": "x"}})),
            "invalid_choice",
            "actions__status",
        ),
        (
            with(json!({"actions": {"assignee": {"type": "user", "id": stranger.user}}})),
            "invalid_input",
            "actions__assignee",
        ),
        (
            with(json!({"actions": {"assignee": {"type": "role", "id": new_uuid()}}})),
            "invalid_input",
            "actions__assignee",
        ),
    ] {
        assert_error(
            &tenant.api.post(&path(&tenant, "macros/"), &body).await,
            400,
            code,
            attr,
        );
    }
    let reader = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    reader.get(&path(&tenant, "macros/")).await.expect(200);
    assert_error(
        &reader
            .post(&path(&tenant, "macros/"), &with(json!({})))
            .await,
        403,
        "permission_denied",
        "",
    );
}

async fn a_personal_macro_is_its_makers_alone(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let mine = make(
        &tenant,
        json!({"name": "mine", "content": "c", "visibility": "personal"}),
    )
    .await;
    let team = make(&tenant, json!({"name": "team", "content": "c"})).await;
    let list = colleague
        .api
        .get(&path(&tenant, "macros/"))
        .await
        .expect(200)
        .json;
    assert_eq!(list["count"], 1);
    assert_error(
        &colleague.api.get(&at(&tenant, &mine)).await,
        404,
        "not_found",
        "",
    );
    assert_error(
        &colleague.api.delete(&at(&tenant, &mine)).await,
        404,
        "not_found",
        "",
    );
    // Everybody may change what is the team's, but not take it away.
    colleague
        .api
        .patch(&at(&tenant, &team), &json!({"content": "d"}))
        .await
        .expect(200);
    let taken = colleague
        .api
        .patch(&at(&tenant, &team), &json!({"visibility": "personal"}))
        .await;
    assert_error(&taken, 400, "invalid_input", "visibility");
    tenant
        .api
        .patch(&at(&tenant, &team), &json!({"visibility": "personal"}))
        .await
        .expect(200);
    let list = colleague
        .api
        .get(&path(&tenant, "macros/"))
        .await
        .expect(200)
        .json;
    assert_eq!(list["count"], 0);
}

async fn an_assignee_stays_when_actions_do_not_name_one(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let assignee = json!({"type": "user", "id": tenant.user});
    let made = make(
        &tenant,
        json!({"name": "n", "actions": {"assignee": assignee, "status": "open"}}),
    )
    .await;
    for (actions, expected) in [
        (
            json!({"priority": "high"}),
            json!({"priority": "high", "assignee": assignee}),
        ),
        (
            json!({"tags": ["B"], "assignee": null}),
            json!({"tags": ["b"]}),
        ),
        (json!({"status": "open"}), json!({"status": "open"})),
    ] {
        let changed = tenant
            .api
            .patch(&at(&tenant, &made), &json!({"actions": actions}))
            .await
            .expect(200)
            .json;
        assert_eq!(changed["actions"], expected);
    }
}
