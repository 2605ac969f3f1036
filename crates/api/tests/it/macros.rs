//! Macros and quick actions, guidance, availability and tags (tickets.md 16.2 to 16.4 and 16.6; cases 164 to 166).

use crate::common::{assert_error, assert_json, keys};
use crate::tickets_desk::{Desk, encoded};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Setup, Tenant, TestApp, new_uuid, on_both_engines};

on_both_engines! {
    a_macro_is_made_listed_changed_and_deleted,
    macros_and_quick_actions_are_the_same_things,
    a_quick_action_needs_a_reply_or_an_action,
    bad_macros_are_told_what_is_wrong,
    a_personal_macro_is_its_makers_alone,
    an_assignee_stays_when_actions_do_not_name_one,
    guidance_rules_are_made_filtered_changed_and_deleted,
    availability_is_said_by_oneself_and_by_admins,
    tags_are_listed_renamed_merged_and_deleted,
    views_and_macros_follow_a_renamed_tag,
    many_tickets_follow_a_renamed_tag,
    articles_are_filtered_by_title_and_switch,
}

fn path(tenant: &Tenant, rest: &str) -> String {
    format!("/api/projects/{}/conversations/{rest}", tenant.project)
}

async fn make(tenant: &Tenant, body: Value) -> Value {
    tenant
        .api
        .post(&path(tenant, "macros/"), &body)
        .await
        .expect(201)
        .json
}

fn at(tenant: &Tenant, it: &Value) -> String {
    path(
        tenant,
        &format!("macros/{}/", it["short_id"].as_str().unwrap()),
    )
}

/// Makes somebody a mere member.
async fn demote(app: &TestApp, tenant: &Tenant) {
    let (organization, user, now) = (tenant.organization, tenant.user, app.env.now());
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
    app.app.forget_cached();
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

async fn guidance_rules_are_made_filtered_changed_and_deleted(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let rules = path(&tenant, "guidance/");
    let mut made = Vec::new();
    for body in [
        json!({"rule_type": "tone", "name": "Freundlich \u{dc}ben", "content": "Be kind."}),
        json!({"rule_type": "escalation", "name": "Refunds 100%", "content": "To people.", "is_active": false,
            "channels": ["widget", "email", "widget"]}),
    ] {
        made.push(tenant.api.post(&rules, &body).await.expect(201).json);
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(made[0]["channels"], json!([]));
    assert_eq!(made[1]["channels"], json!(["email", "widget"]));
    assert_eq!(
        (&made[0]["is_active"], &made[0]["created_by"]["id"]),
        (&json!(true), &json!(tenant.user))
    );
    for (query, expected) in [
        ("", vec![1, 0]),
        ("?is_active=true", vec![0]),
        ("?is_active=false", vec![1]),
        ("?is_active=maybe", vec![1, 0]),
        ("?rule_type=tone", vec![0]),
        ("?rule_type=nope", vec![1, 0]),
        ("?search=%C3%BCBEN", vec![0]),
        ("?search=100%25", vec![1]),
        ("?search=1_0", vec![]),
        ("?rule_type=tone&is_active=false", vec![]),
        ("?limit=1&offset=1", vec![0]),
    ] {
        let list = tenant
            .api
            .get(&format!("{rules}{query}"))
            .await
            .expect(200)
            .json;
        let expected: Vec<&Value> = expected
            .into_iter()
            .map(|index: usize| &made[index])
            .collect();
        assert_eq!(list["results"], json!(expected), "{query}");
    }
    for (body, code, attr) in [
        (
            json!({"name": "n", "content": "c"}),
            "required",
            "rule_type",
        ),
        (
            json!({"rule_type": "x", "name": "n", "content": "c"}),
            "invalid_choice",
            "rule_type",
        ),
        (
            json!({"rule_type": "tone", "content": "c"}),
            "required",
            "name",
        ),
        (
            json!({"rule_type": "tone", "name": "n"}),
            "required",
            "content",
        ),
        (
            json!({"rule_type": "tone", "name": "n", "content": "c", "channels": ["fax"]}),
            "invalid_choice",
            "channels__0",
        ),
    ] {
        assert_error(&tenant.api.post(&rules, &body).await, 400, code, attr);
    }
    let one = format!("{rules}{}/", made[0]["id"].as_str().unwrap());
    let changed = tenant
        .api
        .patch(&one, &json!({"is_active": false, "name": "N"}))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&changed["is_active"], &changed["name"], &changed["content"]),
        (&json!(false), &json!("N"), &json!("Be kind."))
    );
    assert_eq!(tenant.api.get(&one).await.expect(200).json, changed);
    assert_eq!(
        tenant.api.get(&format!("{rules}?search=kind")).await.json["count"],
        0
    );
    let other = app.tenant().await;
    let theirs = path(
        &other,
        &format!("guidance/{}/", made[0]["id"].as_str().unwrap()),
    );
    assert_error(&other.api.get(&theirs).await, 404, "not_found", "");
    assert_error(&other.api.delete(&theirs).await, 404, "not_found", "");
    tenant.api.delete(&one).await.expect(204);
    assert_error(&tenant.api.get(&one).await, 404, "not_found", "");
    assert_error(
        &tenant.api.get(&format!("{rules}nope/")).await,
        404,
        "not_found",
        "",
    );
}

async fn availability_is_said_by_oneself_and_by_admins(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let member = app.member(tenant.organization, tenant.project).await;
    demote(&app, &member).await;
    let everybody = path(&tenant, "availability/");
    let of = |user: Value| format!("{everybody}{user}/");
    let list = member.api.get(&everybody).await.expect(200).json;
    for (entry, user) in list
        .as_array()
        .unwrap()
        .iter()
        .zip([tenant.user, member.user])
    {
        assert_eq!(entry["user"]["id"], json!(user));
        assert_eq!(entry["is_available"], true);
        assert_eq!(
            (&entry["changed_by"], &entry["updated_at"]),
            (&Value::Null, &Value::Null)
        );
    }
    let put = async |who: &Tenant, path: String, body: Value| {
        let request = who.api.request(Method::PUT, &path).json(&body);
        who.api.send(request).await
    };
    let off = json!({"is_available": false});
    let said = put(&member, of(json!(member.user)), off.clone()).await;
    assert_json(
        &said,
        200,
        &json!({"user_id": member.user, "is_available": false}),
    );
    let refused = put(&member, of(json!(tenant.user)), off.clone()).await;
    assert_error(&refused, 403, "permission_denied", "");
    put(
        &tenant,
        of(json!(member.user)),
        json!({"is_available": "true"}),
    )
    .await
    .expect(200);
    let list = tenant.api.get(&everybody).await.expect(200).json;
    assert_eq!(list[1]["is_available"], true);
    assert_eq!(list[1]["changed_by"]["id"], json!(tenant.user));
    assert!(list[1]["updated_at"].is_string());
    // Who takes no tickets can still be given one by hand.
    put(&tenant, of(json!(member.user)), off.clone())
        .await
        .expect(200);
    let body = json!({"assignee": {"type": "user", "id": member.user}});
    tenant
        .api
        .post(&path(&tenant, "tickets/"), &body)
        .await
        .expect(201);
    let assignees = tenant
        .api
        .get(&path(&tenant, "assignees/"))
        .await
        .expect(200)
        .json;
    assert_eq!(assignees["users"][0]["is_available"], true);
    assert_eq!(assignees["users"][1]["is_available"], false);

    let stranger = app.tenant().await;
    for unknown in [json!(stranger.user), json!(987_654), json!("abc")] {
        let unknown = unknown.to_string().replace('"', "");
        let reply = put(&tenant, format!("{everybody}{unknown}/"), off.clone()).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Person not found.");
    }
    let reply = put(&tenant, of(json!(tenant.user)), json!({})).await;
    assert_error(&reply, 400, "required", "is_available");
    let theirs = stranger
        .api
        .get(&path(&stranger, "availability/"))
        .await
        .expect(200)
        .json;
    assert_eq!(theirs.as_array().unwrap().len(), 1);
}

async fn tags_are_listed_renamed_merged_and_deleted(setup: Setup) {
    let desk = Desk::new(setup).await;
    let tags = path(&desk.tenant, "tags/");
    let listed = async |query: &str| {
        let list = desk
            .api
            .get(&format!("{tags}{query}"))
            .await
            .expect(200)
            .json;
        let results = list["results"].as_array().unwrap().clone();
        let pair = |tag: &Value| {
            (
                tag["name"].as_str().unwrap().to_owned(),
                tag["ticket_count"].as_i64().unwrap(),
            )
        };
        results.iter().map(pair).collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let first = desk.add(json!({"tags": ["bug", "v1.0/x"]})).await;
    let second = desk.add(json!({"tags": ["bug", "defect"]})).await;
    desk.add(json!({"tags": ["\u{fc}ber"]})).await;
    assert_eq!(
        listed("").await,
        pairs(&[("bug", 2), ("defect", 1), ("v1.0/x", 1), ("\u{fc}ber", 1)])
    );
    assert_eq!(listed("?search=BU").await, pairs(&[("bug", 2)]));
    assert_eq!(listed("?search=%25").await, pairs(&[]));
    assert_eq!(listed("?limit=1&offset=2").await, pairs(&[("v1.0/x", 1)]));

    let before = desk.peek(&first).await["updated_at"].clone();
    desk.later(5);
    let named = |name: &str| format!("{tags}?name={}", encoded(name));
    let renamed = desk
        .api
        .patch(&named("v1.0/x"), &json!({"name": " V2.0 "}))
        .await;
    assert_json(&renamed, 200, &json!({"name": "v2.0", "ticket_count": 1}));
    assert_eq!(desk.peek(&first).await["tags"], json!(["bug", "v2.0"]));
    assert_eq!(
        desk.peek(&first).await["updated_at"],
        before,
        "a renamed tag is no change of its tickets"
    );
    assert_eq!(desk.numbers("tags=[\"v2.0\"]").await, [1]);
    let taken = desk
        .api
        .patch(&named("bug"), &json!({"name": "defect"}))
        .await;
    assert_error(&taken, 400, "unique", "name");
    assert_error(
        &desk.api.patch(&named("nope"), &json!({"name": "x"})).await,
        404,
        "not_found",
        "",
    );
    assert_error(
        &desk.api.patch(&tags, &json!({"name": "x"})).await,
        400,
        "required",
        "name",
    );
    assert_error(
        &desk.api.patch(&named("bug"), &json!({"name": " "})).await,
        400,
        "blank",
        "name",
    );
    desk.api
        .patch(&named("bug"), &json!({"name": "BUG"}))
        .await
        .expect(200);

    let merged = desk
        .api
        .post(
            &format!("{tags}merge/"),
            &json!({"names": ["Bug", "v2.0", "nope"], "into": "Defect"}),
        )
        .await;
    assert_json(&merged, 200, &json!({"name": "defect", "ticket_count": 2}));
    assert_eq!(desk.peek(&second).await["tags"], json!(["defect"]));
    assert_eq!(listed("").await, pairs(&[("defect", 2), ("\u{fc}ber", 1)]));
    for (body, code, attr) in [
        (json!({"into": "x"}), "required", "names"),
        (json!({"names": [], "into": "x"}), "empty", "names"),
        (json!({"names": ["x"]}), "required", "into"),
    ] {
        assert_error(
            &desk.api.post(&format!("{tags}merge/"), &body).await,
            400,
            code,
            attr,
        );
    }
    desk.api.delete(&named("Defect")).await.expect(204);
    assert_error(
        &desk.api.delete(&named("defect")).await,
        404,
        "not_found",
        "",
    );
    assert_eq!(desk.peek(&first).await["tags"], json!([]));
    assert_eq!(listed("").await, pairs(&[("\u{fc}ber", 1)]));
    let other = desk.app.tenant().await;
    let theirs = other.api.get(&path(&other, "tags/")).await.expect(200).json;
    assert_eq!(theirs["count"], 0);
    assert!(!desk.events_of("tag_changed").await.is_empty());
}

async fn views_and_macros_follow_a_renamed_tag(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({"tags": ["bug"]})).await;
    let views = path(&desk.tenant, "views/");
    let filters = json!({"tags": ["Bug", "vip"], "tagsExclude": ["bug"], "search": "bug"});
    let view = desk
        .api
        .post(&views, &json!({"name": "n", "filters": filters}))
        .await
        .expect(201)
        .json;
    let made = make(
        &desk.tenant,
        json!({"name": "n", "actions": {"tags": ["bug"], "status": "open"}}),
    )
    .await;
    let tag = format!("{}?name=bug", path(&desk.tenant, "tags/"));
    desk.api
        .patch(&tag, &json!({"name": "defect"}))
        .await
        .expect(200);
    let view = desk
        .api
        .get(&format!("{views}{}/", view["short_id"].as_str().unwrap()))
        .await
        .expect(200)
        .json;
    assert_eq!(
        view["filters"],
        json!({"tags": ["defect", "vip"], "tagsExclude": ["defect"], "search": "bug"})
    );
    let made = desk
        .api
        .get(&at(&desk.tenant, &made))
        .await
        .expect(200)
        .json;
    assert_eq!(
        made["actions"],
        json!({"tags": ["defect"], "status": "open"})
    );
}

async fn many_tickets_follow_a_renamed_tag(setup: Setup) {
    let desk = Desk::new(setup).await;
    // More than change in one transaction.
    for _ in 0..401 {
        desk.arrive(|new| new.fields.tags = Some(vec!["bug".into()]))
            .await;
    }
    let tag = format!("{}?name=bug", path(&desk.tenant, "tags/"));
    let renamed = desk.api.patch(&tag, &json!({"name": "defect"})).await;
    assert_json(
        &renamed,
        200,
        &json!({"name": "defect", "ticket_count": 401}),
    );
    assert_eq!(desk.list("tags=[\"bug\"]").await["count"], 0);
    assert_eq!(desk.events_of("tag_changed").await.len(), 1);
}

async fn articles_are_filtered_by_title_and_switch(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let articles = path(&tenant, "articles/");
    let mut made = Vec::new();
    for (title, is_enabled) in [("Queues \u{dc}ber alles", true), ("Limits", false)] {
        let body = json!({"title": title, "body": "text", "is_enabled": is_enabled});
        made.push(tenant.api.post(&articles, &body).await.expect(201).json);
        app.advance(Duration::from_secs(1));
    }
    let found = async |query: &str| {
        tenant
            .api
            .get(&format!("{articles}?{query}"))
            .await
            .expect(200)
            .json["results"]
            .clone()
    };
    assert_eq!(found("").await, json!([made[1], made[0]]));
    assert_eq!(found("is_enabled=true").await, json!([made[0]]));
    assert_eq!(found("is_enabled=false").await, json!([made[1]]));
    assert_eq!(found("search=%C3%BCber").await, json!([made[0]]));
    assert_eq!(found("search=LIM&is_enabled=true").await, json!([]));
    let one = format!("{articles}{}/", made[1]["id"].as_str().unwrap());
    tenant
        .api
        .patch(&one, &json!({"title": "Bounds"}))
        .await
        .expect(200);
    assert_eq!(found("search=limits").await, json!([]));
    assert_eq!(found("search=bounds").await.as_array().unwrap().len(), 1);
}
