//! Saved views, the badges beside them, and the list narrowed by them (tickets.md 16.1, 3; cases 46 and 158 to 163).

use crate::common::{assert_error, keys};
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Reply, Setup, Tenant, on_both_engines};

on_both_engines! {
    a_view_is_made_listed_renamed_and_deleted,
    put_is_not_for_views,
    a_view_needs_a_name_and_small_filters,
    a_view_of_another_project_is_not_there,
    a_private_view_is_its_makers_alone,
    only_its_maker_says_who_sees_a_view,
    a_favourite_floats_to_the_top_for_me_only,
    the_list_takes_a_view_and_explicit_parameters_win,
    every_filter_of_a_view_narrows_the_list,
    badges_count_what_the_list_shows,
    badges_follow_every_change,
    badges_are_those_of_the_caller,
    nothing_that_postgresql_cannot_store_breaks_a_list,
    a_project_has_so_many_views,
}

fn path_of(tenant: &Tenant) -> String {
    format!("/api/projects/{}/conversations/views/", tenant.project)
}

async fn save(tenant: &Tenant, body: Value) -> Value {
    let path = path_of(tenant);
    tenant.api.post(&path, &body).await.expect(201).json
}

fn at(tenant: &Tenant, view: &Value) -> String {
    format!("{}{}/", path_of(tenant), view["short_id"].as_str().unwrap())
}

async fn names(tenant: &Tenant) -> Vec<String> {
    let list = tenant.api.get(&path_of(tenant)).await.expect(200).json;
    let results = list["results"].as_array().unwrap();
    assert_eq!(list["count"], results.len());
    let name = |view: &Value| view["name"].as_str().unwrap().to_owned();
    results.iter().map(name).collect()
}

async fn change(tenant: &Tenant, view: &Value, body: Value) -> Reply {
    tenant.api.patch(&at(tenant, view), &body).await
}

async fn a_view_is_made_listed_renamed_and_deleted(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let filters = json!({"status": ["new"], "anything": {"else": [1]}});
    let view = save(&tenant, json!({"name": " Mine ", "filters": filters})).await;
    assert_eq!(
        keys(&view),
        [
            "created_at",
            "created_by",
            "filters",
            "id",
            "is_favorited",
            "name",
            "short_id",
            "visibility",
        ]
    );
    assert_eq!(
        (&view["name"], &view["filters"]),
        (&json!("Mine"), &filters)
    );
    assert_eq!(view["visibility"], "shared");
    assert_eq!(view["is_favorited"], false);
    assert_eq!(view["created_by"]["id"], json!(tenant.user));
    assert!(view["created_by"]["email"].is_string());
    app.advance(Duration::from_secs(1));
    save(&tenant, json!({"name": "Newer"})).await;
    assert_eq!(names(&tenant).await, ["Newer", "Mine"]);

    let path = at(&tenant, &view);
    let renamed = change(&tenant, &view, json!({"name": "Other"}))
        .await
        .expect(200);
    assert_eq!(
        (&renamed.json["name"], &renamed.json["filters"]),
        (&json!("Other"), &filters)
    );
    assert_eq!(tenant.api.get(&path).await.expect(200).json, renamed.json);
    let emptied = change(&tenant, &view, json!({"filters": {}}))
        .await
        .expect(200);
    assert_eq!(
        (&emptied.json["name"], &emptied.json["filters"]),
        (&json!("Other"), &json!({}))
    );

    let deleted = tenant.api.delete(&path).await.expect(204);
    assert_eq!(deleted.text, "");
    assert_error(&tenant.api.get(&path).await, 404, "not_found", "");
    assert_error(&tenant.api.delete(&path).await, 404, "not_found", "");
    assert_eq!(names(&tenant).await, ["Newer"]);
}

async fn put_is_not_for_views(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let view = save(
        &tenant,
        json!({"name": "n", "filters": {"sla": "breached"}}),
    )
    .await;
    let request = tenant.api.request(Method::PUT, &at(&tenant, &view));
    let reply = tenant.api.send(request.json(&json!({"name": "x"}))).await;
    assert_error(&reply, 405, "method_not_allowed", "");
    assert_eq!(reply.header("allow"), "GET, PATCH, DELETE, HEAD, OPTIONS");
    let kept = tenant.api.get(&at(&tenant, &view)).await.expect(200).json;
    assert_eq!(kept, view);
}

async fn a_view_needs_a_name_and_small_filters(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let path = path_of(&tenant);
    let big = json!({"search": "x".repeat(10_000)});
    for (body, code, attr) in [
        (json!({}), "required", "name"),
        (json!({"name": " "}), "blank", "name"),
        (json!({"name": null}), "null", "name"),
        (json!({"name": "x".repeat(401)}), "max_length", "name"),
        (json!({"name": "n", "filters": []}), "not_a_dict", "filters"),
        (
            json!({"name": "n", "filters": big}),
            "invalid_input",
            "filters",
        ),
        (
            json!({"name": "n", "visibility": "secret"}),
            "invalid_choice",
            "visibility",
        ),
        (
            json!({"name": "n", "is_favorited": "maybe"}),
            "invalid_input",
            "is_favorited",
        ),
    ] {
        let reply = tenant.api.post(&path, &body).await;
        assert_error(&reply, 400, code, attr);
        if attr == "filters" && code == "invalid_input" {
            assert_eq!(reply.json["detail"], "Filters payload is too large.");
        }
    }
    assert!(names(&tenant).await.is_empty());
    let view = save(&tenant, json!({"name": "x".repeat(400)})).await;
    assert_error(
        &change(&tenant, &view, json!({"name": ""})).await,
        400,
        "blank",
        "name",
    );
    change(&tenant, &view, json!({})).await.expect(200);
    let reader = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    reader.get(&path).await.expect(200);
    let refused = reader.post(&path, &json!({"name": "n"})).await;
    assert_error(&refused, 403, "permission_denied", "");
}

async fn a_view_of_another_project_is_not_there(setup: Setup) {
    let app = setup.start().await;
    let (tenant, other) = (app.tenant().await, app.tenant().await);
    let view = save(&tenant, json!({"name": "n"})).await;
    let path = at(&other, &view);
    assert_error(&other.api.get(&path).await, 404, "not_found", "");
    assert_error(
        &other.api.patch(&path, &json!({"name": ""})).await,
        404,
        "not_found",
        "",
    );
    assert_error(&other.api.delete(&path).await, 404, "not_found", "");
    assert!(names(&other).await.is_empty());
    let tickets = format!(
        "/api/projects/{}/conversations/tickets/?view={}",
        other.project,
        view["short_id"].as_str().unwrap()
    );
    assert_error(&other.api.get(&tickets).await, 400, "invalid_input", "view");
}

async fn a_private_view_is_its_makers_alone(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let view = save(&tenant, json!({"name": "n", "visibility": "private"})).await;
    assert_eq!(names(&tenant).await, ["n"]);
    assert!(names(&colleague).await.is_empty());
    let path = at(&tenant, &view);
    assert_error(&colleague.api.get(&path).await, 404, "not_found", "");
    assert_error(
        &colleague.api.patch(&path, &json!({})).await,
        404,
        "not_found",
        "",
    );
    assert_error(&colleague.api.delete(&path).await, 404, "not_found", "");
    let list = format!(
        "/api/projects/{}/conversations/tickets/?view={}",
        tenant.project,
        view["short_id"].as_str().unwrap()
    );
    tenant.api.get(&list).await.expect(200);
    assert_error(
        &colleague.api.get(&list).await,
        400,
        "invalid_input",
        "view",
    );
    let counts = format!("{}counts/", path_of(&tenant));
    let shown = colleague.api.get(&counts).await.expect(200).json;
    assert_eq!(shown["views"], json!({}));
}

async fn only_its_maker_says_who_sees_a_view(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let view = save(&tenant, json!({"name": "n"})).await;
    let private = json!({"visibility": "private", "name": "stolen"});
    let refused = change(&colleague, &view, private).await;
    assert_error(&refused, 400, "invalid_input", "visibility");
    // Nothing of it was saved; the rest of a shared view is everybody's to change.
    assert_eq!(names(&colleague).await, ["n"]);
    change(
        &colleague,
        &view,
        json!({"name": "better", "visibility": "shared"}),
    )
    .await
    .expect(200);
    change(&tenant, &view, json!({"visibility": "private"}))
        .await
        .expect(200);
    assert!(names(&colleague).await.is_empty());
    assert_eq!(names(&tenant).await, ["better"]);
}

async fn a_favourite_floats_to_the_top_for_me_only(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    let old = save(&tenant, json!({"name": "old"})).await;
    for name in ["middle", "new"] {
        app.advance(Duration::from_secs(1));
        save(&tenant, json!({"name": name})).await;
    }
    for _ in 0..2 {
        let shown = change(&tenant, &old, json!({"is_favorited": true}))
            .await
            .expect(200)
            .json;
        assert_eq!(shown["is_favorited"], true);
        assert_eq!(names(&tenant).await, ["old", "new", "middle"]);
    }
    assert_eq!(names(&colleague).await, ["new", "middle", "old"]);
    let theirs = colleague.api.get(&at(&tenant, &old)).await.expect(200).json;
    assert_eq!(theirs["is_favorited"], false);
    let page = tenant
        .api
        .get(&format!("{}?limit=1", path_of(&tenant)))
        .await
        .expect(200)
        .json;
    assert_eq!(page["results"][0]["name"], "old");
    for _ in 0..2 {
        change(&tenant, &old, json!({"is_favorited": false}))
            .await
            .expect(200);
        assert_eq!(names(&tenant).await, ["new", "middle", "old"]);
    }
    // A favourite can be deleted, also by somebody else.
    change(&tenant, &old, json!({"is_favorited": true}))
        .await
        .expect(200);
    colleague.api.delete(&at(&tenant, &old)).await.expect(204);
    assert_eq!(names(&tenant).await, ["new", "middle"]);
    let born = save(&tenant, json!({"name": "born", "is_favorited": true})).await;
    assert_eq!(born["is_favorited"], true);
}

async fn the_list_takes_a_view_and_explicit_parameters_win(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (status, priority) in [
        ("new", "low"),
        ("open", "high"),
        ("open", "low"),
        ("resolved", "high"),
    ] {
        desk.add(json!({"status": status, "priority": priority}))
            .await;
        desk.later(1);
    }
    let view = save(
        &desk.tenant,
        json!({"name": "n", "filters": {
            "status": ["new", "open"], "priority": ["high", "low"],
            "sorting": {"columnKey": "ticket_number", "order": 1},
        }}),
    )
    .await;
    let view = view["short_id"].as_str().unwrap();
    for (query, expected) in [
        ("", vec![1, 2, 3]),
        ("&status=open", vec![2, 3]),
        ("&status=resolved&priority=high", vec![4]),
        ("&status=&order_by=-ticket_number", vec![4, 3, 2, 1]),
        ("&search=nothing", vec![]),
    ] {
        assert_eq!(
            desk.numbers(&format!("view={view}{query}")).await,
            expected,
            "{query}"
        );
    }
    assert_eq!(desk.numbers("view=").await.len(), 4);
    assert_eq!(desk.numbers("view=open").await, [3, 2, 1]);
    assert_eq!(desk.numbers("view=resolved").await, [4]);
    let reply = desk.api.get(&format!("{}?view=nope", desk.path)).await;
    assert_error(&reply, 400, "invalid_input", "view");
    assert_eq!(
        reply.json["detail"],
        "No saved ticket view matches this short_id."
    );
    // The links to other pages keep it.
    let page = desk.list(&format!("view={view}&limit=1")).await;
    assert!(
        page["next"]
            .as_str()
            .unwrap()
            .contains(&format!("view={view}")),
        "{page}"
    );
}

async fn every_filter_of_a_view_narrows_the_list(setup: Setup) {
    let desk = Desk::new(setup).await;
    let user = desk.tenant.user;
    let soon = desk.in_seconds(60);
    let past = desk.in_seconds(-60);
    desk.add(json!({"status": "open", "priority": "high", "tags": ["a"], "sla_due_at": past}))
        .await;
    desk.add(
        json!({"assignee": {"type": "user", "id": user}, "tags": ["a", "b"], "sla_due_at": soon}),
    )
    .await;
    desk.add(json!({"anonymous_traits": {"name": "Zoe"}, "snoozed_until": soon}))
        .await;
    desk.arrive(|new| new.channel_source = "email".into()).await;
    for (filters, expected) in [
        (json!({"status": ["open"]}), vec![1]),
        (json!({"priority": ["high"]}), vec![1]),
        (json!({"channel": "email"}), vec![4]),
        (json!({"sla": "breached"}), vec![1]),
        (json!({"sla": "at-risk"}), vec![2]),
        (json!({"assignee": "me"}), vec![2]),
        (json!({"assignee": {"type": "user", "id": user}}), vec![2]),
        (json!({"assignee": "unassigned"}), vec![1, 3, 4]),
        (json!({"tags": ["a"]}), vec![1, 2]),
        (json!({"tags": ["a", "b"], "tagsMatch": "all"}), vec![2]),
        (json!({"tags": ["a"], "tagsExclude": ["b"]}), vec![1]),
        (json!({"search": "zoe"}), vec![3]),
        (json!({"snoozed": true}), vec![3]),
        (
            json!({"snoozed": false, "assignee": "unassigned"}),
            vec![1, 4],
        ),
        (json!({"dateTo": "-1d"}), vec![]),
        (
            json!({"dateFrom": "-1d", "status": ["open", "on_hold"]}),
            vec![1, 3],
        ),
        (json!({"aiTriageResult": ["clarified"]}), vec![]),
    ] {
        let view = save(&desk.tenant, json!({"name": "n", "filters": filters})).await;
        let short_id = view["short_id"].as_str().unwrap();
        let query = format!("view={short_id}&order_by=ticket_number");
        assert_eq!(desk.numbers(&query).await, expected, "{filters}");
    }
    // All their badges say the same.
    let counts = counts(&desk).await;
    let listed = desk.api.get(&path_of(&desk.tenant)).await.expect(200).json;
    for view in listed["results"].as_array().unwrap() {
        let short_id = view["short_id"].as_str().unwrap();
        let list = desk.list(&format!("view={short_id}")).await;
        assert_eq!(counts["views"][short_id]["count"], list["count"], "{view}");
    }
}

async fn counts(desk: &Desk) -> Value {
    let path = format!("{}counts/", path_of(&desk.tenant));
    desk.api.get(&path).await.expect(200).json
}

async fn badges_count_what_the_list_shows(setup: Setup) {
    let desk = Desk::new(setup).await;
    let me = json!({"type": "user", "id": desk.tenant.user});
    let overdue = desk.in_seconds(-60);
    let later = desk.in_seconds(3600);
    for body in [
        json!({}),
        json!({"status": "open", "assignee": me}),
        json!({"status": "pending", "assignee": me, "sla_due_at": overdue}),
        json!({"status": "resolved", "assignee": me, "sla_due_at": overdue}),
        json!({"snoozed_until": later}),
    ] {
        let ticket = desk.add(body).await;
        desk.hear(&ticket, "hello").await;
    }
    let counts = counts(&desk).await;
    for (view, expected) in [
        ("mine", 2),
        ("unassigned", 2),
        ("open", 4),
        ("snoozed", 1),
        ("breaching", 1),
        ("resolved", 1),
    ] {
        let badge = json!({"count": expected, "unread": expected});
        assert_eq!(counts["built_in"][view], badge, "{view}");
        assert_eq!(
            desk.list(&format!("view={view}")).await["count"],
            expected,
            "{view}"
        );
    }
    assert_eq!(keys(&counts["built_in"]).len(), 6);
}

async fn badges_follow_every_change(setup: Setup) {
    let desk = Desk::new(setup).await;
    let view = save(
        &desk.tenant,
        json!({"name": "n", "filters": {"priority": ["high"], "status": ["open"]}}),
    )
    .await;
    let short_id = view["short_id"].as_str().unwrap();
    let badge = async || counts(&desk).await["views"][short_id].clone();
    let ticket = desk.add(json!({})).await;
    assert_eq!(badge().await, json!({"count": 0, "unread": 0}));
    desk.patch(&ticket, json!({"status": "open", "priority": "high"}))
        .await
        .expect(200);
    assert_eq!(badge().await, json!({"count": 1, "unread": 0}));
    desk.hear(&ticket, "one").await;
    desk.hear(&ticket, "two").await;
    assert_eq!(badge().await, json!({"count": 1, "unread": 2}));
    desk.get(&ticket).await.expect(200);
    assert_eq!(badge().await, json!({"count": 1, "unread": 0}));
    desk.patch(
        &ticket,
        json!({"assignee": {"type": "user", "id": desk.tenant.user}}),
    )
    .await
    .expect(200);
    assert_eq!(counts(&desk).await["built_in"]["mine"]["count"], 1);
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    let counts = counts(&desk).await;
    assert_eq!(counts["views"][short_id]["count"], 0);
    assert_eq!(counts["built_in"]["mine"]["count"], 0);
    assert_eq!(desk.app.store.check().await.unwrap(), []);
}

async fn badges_are_those_of_the_caller(setup: Setup) {
    let desk = Desk::new(setup).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    desk.add(json!({"assignee": {"type": "user", "id": colleague.user}}))
        .await;
    let path = format!("{}counts/", path_of(&desk.tenant));
    let theirs = colleague.api.get(&path).await.expect(200).json;
    assert_eq!(theirs["built_in"]["mine"]["count"], 1);
    assert_eq!(counts(&desk).await["built_in"]["mine"]["count"], 0);
    let stranger = desk.app.tenant().await;
    assert_error(&stranger.api.get(&path).await, 403, "permission_denied", "");
}

async fn a_project_has_so_many_views(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let project = tenant.project;
    let (env, user) = (app.env.clone(), tenant.user);
    app.store
        .write(move |c| {
            Box::pin(async move {
                for _ in 0..model::tickets::VIEWS_MAX {
                    let view = model::tickets::TicketView {
                        project_id: project,
                        id: model::ViewId(env.uuid()),
                        short_id: model::secrets::short_id(&env),
                        name: "n".into(),
                        filters: serde_json::Map::new(),
                        visibility: model::tickets::ViewVisibility::Private,
                        created_by: Some(user),
                        created_at: env.now(),
                    };
                    store::views::create(c, &view).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
    let refused = tenant
        .api
        .post(&path_of(&tenant), &json!({"name": "n"}))
        .await;
    assert_error(&refused, 400, "invalid_input", "");
    let counts = format!("{}counts/", path_of(&tenant));
    let counts = tenant.api.get(&counts).await.expect(200).json;
    assert_eq!(counts["views"].as_object().unwrap().len(), 500);
}

async fn nothing_that_postgresql_cannot_store_breaks_a_list(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    // What a filter cannot be is no filter.
    for query in [
        "tags=[\"%5Cu0000\"]",
        "tags_exclude=[\"%5Cu0000\"]",
        "distinct_ids=%00",
        "emails=%00",
        "search=%00",
        "status=%00",
    ] {
        assert_eq!(desk.numbers(query).await, [1], "{query}");
    }
    let filters = json!({"tags": ["\0"], "tagsExclude": ["a\0"], "search": "\0", "assignee": "\0"});
    let view = save(&desk.tenant, json!({"name": "n", "filters": filters})).await;
    let short_id = view["short_id"].as_str().unwrap();
    assert_eq!(counts(&desk).await["views"][short_id]["count"], 1);
    let view = desk.api.get(&format!("{}?view=%00", desk.path)).await;
    assert_error(&view, 400, "invalid_input", "view");
    let below = desk.path.replace("tickets/", "");
    for path in [
        "views/%00/",
        "views/a-b/",
        "macros/%00/",
        "quick_actions/%00/",
    ] {
        let reply = desk.api.get(&format!("{below}{path}")).await;
        assert_error(&reply, 404, "not_found", "");
    }
    assert_error(
        &desk.api.delete(&format!("{below}tags/?name=%00")).await,
        404,
        "not_found",
        "",
    );
    for path in [
        "tags/?search=%00",
        "guidance/?search=%00",
        "articles/?search=%00",
        "views/?search=%00",
    ] {
        desk.api.get(&format!("{below}{path}")).await.expect(200);
    }
    let comments = format!(
        "/api/projects/{}/comments/?scope=conversations_ticket",
        desk.tenant.project
    );
    for query in ["item_id=%00", "source_comment=%00", "search=%00"] {
        desk.api
            .get(&format!("{comments}&{query}"))
            .await
            .expect(200);
    }
    let media = format!("/uploaded_media/{}?token=%00.%00", testkit::new_uuid());
    assert_error(&desk.api.get(&media).await, 404, "not_found", "");
}
