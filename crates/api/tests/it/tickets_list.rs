//! The list of tickets (tickets.md 3, 18.1).

use crate::common::keys;
use crate::tickets_desk::{Desk, encoded};
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_project_lists_its_own_tickets_newest_change_first,
    statuses_and_priorities_are_any_of,
    channels_are_exact_and_unknown_ones_ignored,
    assignees_are_people_roles_nobody_and_me,
    dates_bound_the_last_change,
    customers_are_exact_and_joined_to_addresses,
    sla_states_are_by_the_due_date_alone,
    orders_put_empty_dates_last,
    a_search_finds_numbers_names_addresses_subjects_and_messages,
    a_search_for_a_number_finds_that_ticket_alone,
    tags_are_any_all_or_none,
    conditions_hold_together,
    snoozed_tickets_can_be_asked_for,
    ids_read_nothing,
    pages_are_cut_and_linked,
    persons_are_shown_with_their_tickets,
    a_page_of_many_shows_what_pages_of_one_show,
}

async fn a_project_lists_its_own_tickets_newest_change_first(setup: Setup) {
    let desk = Desk::new(setup).await;
    assert_eq!(desk.numbers("").await, [0; 0]);
    let mut tickets = Vec::new();
    for _ in 0..3 {
        desk.later(1);
        tickets.push(desk.add(json!({})).await);
    }
    assert_eq!(desk.numbers("").await, [3, 2, 1]);
    desk.later(1);
    desk.patch(&tickets[0], json!({"status": "open"}))
        .await
        .expect(200);
    assert_eq!(desk.numbers("").await, [1, 3, 2]);
    assert_eq!(desk.numbers("order_by=password").await, [1, 3, 2]);

    let other = desk.app.tenant().await;
    let path = crate::tickets_desk::path_of(&other);
    assert_eq!(other.api.get(&path).await.expect(200).json["count"], 0);
    let environments = desk.path.replace("/projects/", "/environments/");
    assert_eq!(
        desk.api.get(&environments).await.expect(200).json["count"],
        3
    );

    let shown = &desk.list("").await["results"][0];
    let names: Vec<_> = shown
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for name in [
        "id",
        "ticket_number",
        "channel_source",
        "distinct_id",
        "status",
        "priority",
        "assignee",
        "anonymous_traits",
        "ai_resolved",
        "escalation_reason",
        "created_at",
        "updated_at",
        "message_count",
        "last_message_at",
        "last_message_text",
        "unread_team_count",
        "unread_customer_count",
        "session_id",
        "session_context",
        "sla_due_at",
        "slack_channel_id",
        "slack_thread_ts",
        "slack_team_id",
        "person",
        "tags",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(!names.contains(&"widget_session_id") && !names.contains(&"resolved_at"));
    assert_eq!(keys(shown), keys(&desk.get(shown).await.json));
}

async fn statuses_and_priorities_are_any_of(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (status, priority) in [
        ("new", None),
        ("open", Some("high")),
        ("resolved", Some("low")),
    ] {
        desk.add(json!({"status": status, "priority": priority}))
            .await;
    }
    for (query, expected) in [
        ("status=open", vec![2]),
        ("status=new,open", vec![2, 1]),
        ("status=new,bogus", vec![1]),
        ("status=bogus", vec![3, 2, 1]),
        ("status=", vec![3, 2, 1]),
        ("status=open&status=resolved", vec![3]),
        ("status[]=open", vec![3, 2, 1]),
        ("priority=high", vec![2]),
        ("priority=low,high", vec![3, 2]),
        ("priority=urgent", vec![3, 2, 1]),
        ("nonsense=1", vec![3, 2, 1]),
    ] {
        assert_eq!(desk.numbers(query).await, expected, "{query}");
    }
}

async fn channels_are_exact_and_unknown_ones_ignored(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    desk.arrive(|new| {
        new.channel_source = "slack".to_owned();
        new.channel_detail = Some("slack_bot_mention".to_owned());
    })
    .await;
    assert_eq!(desk.numbers("channel_source=slack").await, [2]);
    assert_eq!(desk.numbers("channel_source=widget").await, [1]);
    assert_eq!(desk.numbers("channel_source=bogus").await, [2, 1]);
    assert_eq!(desk.numbers("channel_detail=slack_bot_mention").await, [2]);
    assert_eq!(desk.numbers("channel_detail=github_issue").await, [0; 0]);
}

async fn assignees_are_people_roles_nobody_and_me(setup: Setup) {
    let desk = Desk::new(setup).await;
    let path = format!("/api/organizations/{}/roles/", desk.tenant.organization);
    let role = desk
        .api
        .post(&path, &json!({"name": "Tier 2"}))
        .await
        .expect(201)
        .json;
    let role = role["id"].as_str().unwrap();
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    for assignee in [
        Value::Null,
        json!({"type": "user", "id": desk.tenant.user}),
        json!({"type": "role", "id": role}),
        json!({"type": "user", "id": colleague.user}),
    ] {
        desk.add(json!({ "assignee": assignee })).await;
    }
    let user = desk.tenant.user;
    for (query, expected) in [
        ("unassigned".to_owned(), vec![1]),
        ("UNASSIGNED".to_owned(), vec![1]),
        (format!("user:{user}"), vec![2]),
        ("me".to_owned(), vec![2]),
        (format!("role:{role}"), vec![3]),
        ("me,unassigned".to_owned(), vec![2, 1]),
        (format!("user:{},role:{role}", colleague.user), vec![4, 3]),
        ("user:abc".to_owned(), vec![4, 3, 2, 1]),
        ("role:nope".to_owned(), vec![4, 3, 2, 1]),
        ("x".to_owned(), vec![4, 3, 2, 1]),
        ("user:999999".to_owned(), vec![]),
    ] {
        let query = format!("assignee={query}");
        assert_eq!(desk.numbers(&query).await, expected, "{query}");
    }
    let shown = desk.list("order_by=ticket_number").await;
    let role = json!({"id": role, "type": "role", "user": null, "role": {"name": "Tier 2"}});
    assert_eq!(shown["results"][2]["assignee"], role);
    assert!(shown["results"][1]["assignee"]["user"]["email"].is_string());
}

async fn dates_bound_the_last_change(setup: Setup) {
    let desk = Desk::new(setup).await;
    let day = 86_400;
    desk.add(json!({})).await;
    desk.later(7 * day);
    desk.add(json!({})).await;
    desk.later(3 * day);
    for (query, expected) in [
        ("date_from=-7d".to_owned(), vec![2]),
        ("date_from=7d".to_owned(), vec![2]),
        ("date_from=-11d".to_owned(), vec![2, 1]),
        ("date_from=all".to_owned(), vec![2, 1]),
        ("date_from=garbage".to_owned(), vec![2, 1]),
        ("date_to=-5d".to_owned(), vec![1]),
        ("date_to=all".to_owned(), vec![2, 1]),
        ("date_to=2024-01-15".to_owned(), vec![]),
        (
            format!("date_to={}", &desk.in_seconds(-5 * day.cast_signed())[..10]),
            vec![1],
        ),
        (
            format!("date_to={}", desk.in_seconds(-5 * day.cast_signed())),
            vec![1],
        ),
    ] {
        assert_eq!(desk.numbers(&query).await, expected, "{query}");
    }
}

async fn customers_are_exact_and_joined_to_addresses(setup: Setup) {
    let desk = Desk::new(setup).await;
    for id in ["user-1", "user-2", "user-11"] {
        desk.add(json!({ "distinct_id": id })).await;
    }
    desk.arrive(|new| new.email_from = Some("x@y.z".to_owned()))
        .await;
    assert_eq!(desk.numbers("distinct_ids=user-1,user-2").await, [2, 1]);
    assert_eq!(desk.numbers("emails=X@y.Z").await, [4]);
    assert_eq!(
        desk.numbers("distinct_ids=user-1&emails=X@y.z").await,
        [4, 1]
    );
    assert_eq!(desk.numbers("distinct_ids=nobody").await, [0; 0]);
    let many: Vec<_> = (0..100).map(|n| format!("x-{n}")).collect();
    let query = format!("distinct_ids={},user-1", many.join(","));
    assert_eq!(desk.numbers(&query).await, [0; 0], "only the first 100");
}

async fn sla_states_are_by_the_due_date_alone(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    for seconds in [-60, 1800, 7200] {
        let due = desk.in_seconds(seconds);
        desk.add(json!({"sla_due_at": due, "status": "resolved"}))
            .await;
    }
    assert_eq!(desk.numbers("sla=breached").await, [2]);
    assert_eq!(desk.numbers("sla=at-risk").await, [3]);
    assert_eq!(desk.numbers("sla=on-track").await, [4]);
    assert_eq!(desk.numbers("sla=late").await, [4, 3, 2, 1]);
}

async fn orders_put_empty_dates_last(setup: Setup) {
    let desk = Desk::new(setup).await;
    for due in [Some(200), None, Some(100), None] {
        desk.later(1);
        let due = due.map(|seconds| desk.in_seconds(seconds));
        desk.add(json!({ "sla_due_at": due })).await;
    }
    for (order, expected) in [
        ("sla_due_at", [3, 1, 4, 2]),
        ("-sla_due_at", [1, 3, 4, 2]),
        ("created_at", [1, 2, 3, 4]),
        ("-created_at", [4, 3, 2, 1]),
        ("updated_at", [1, 2, 3, 4]),
        ("ticket_number", [1, 2, 3, 4]),
        ("-ticket_number", [4, 3, 2, 1]),
        ("snoozed_until", [4, 3, 2, 1]),
    ] {
        let query = format!("order_by={order}");
        assert_eq!(desk.numbers(&query).await, expected, "{query}");
    }
}

async fn a_search_finds_numbers_names_addresses_subjects_and_messages(setup: Setup) {
    let desk = Desk::new(setup).await;
    let john = json!({"name": "John Doe 2", "email": "jane@example.com"});
    desk.add(json!({ "anonymous_traits": john })).await;
    let talk = desk.add(json!({})).await;
    desk.hear(&talk, "My printer BURNS").await;
    desk.hear(&talk, "it burns still, at 100%_ of power").await;
    desk.arrive(|new| new.email_subject = Some("Refund please".to_owned()))
        .await;
    let note = json!({"message": "secretly angry", "is_private": true});
    let note = desk.reply(&talk, note).await.expect(201).json;
    for (search, expected) in [
        ("2", vec![2]),
        ("#2", vec![2]),
        ("john", vec![1]),
        ("JANE@", vec![1]),
        ("Burns", vec![2]),
        ("printer", vec![2]),
        ("refund", vec![3]),
        ("angry", vec![2]),
        ("0%_ of", vec![2]),
        ("1%0", vec![]),
        ("99999999999999999999999", vec![]),
        ("nothing like it", vec![]),
    ] {
        let query = format!("search={}", encoded(search));
        assert_eq!(desk.numbers(&query).await, expected, "{query}");
    }
    let greek = json!({"name": "ΝΙΚΟΣ Παπαδόπουλος"});
    let greek = desk.add(json!({ "anonymous_traits": greek })).await;
    desk.hear(&greek, "Ich wohne in der Hauptstraße in İzmir")
        .await;
    for search in ["νικος", "νικοσ", "ΠΑΠΑΔΌΠΟΥΛΟΣ", "HAUPTSTRASSE", "izmir"]
    {
        let query = format!("search={}", encoded(search));
        assert_eq!(desk.numbers(&query).await, [4], "{search}");
    }
    let path = format!("notes/{}/", note["id"].as_str().unwrap());
    desk.api.delete(&desk.at(&talk, &path)).await.expect(204);
    assert_eq!(desk.numbers("search=angry").await, [0; 0], "deleted");
    let long = format!("search={}", "x".repeat(201));
    assert_eq!(desk.numbers(&long).await.len(), 4, "ignored");
    assert_eq!(desk.numbers("search=burns&status=resolved").await, [0; 0]);
}

async fn a_search_for_a_number_finds_that_ticket_alone(setup: Setup) {
    let desk = Desk::new(setup).await;
    for _ in 0..11 {
        desk.add(json!({})).await;
    }
    let twelfth = json!({"name": "2", "email": "2@x.com"});
    let twelfth = desk.add(json!({ "anonymous_traits": twelfth })).await;
    desk.hear(&twelfth, "2").await;
    for (search, expected) in [
        ("2", vec![2]),
        ("#2", vec![2]),
        ("12", vec![12]),
        ("#12", vec![12]),
        ("22", vec![]),
        ("2@", vec![12]),
    ] {
        let query = format!("search={}", encoded(search));
        assert_eq!(desk.numbers(&query).await, expected, "{search}");
    }
}

async fn tags_are_any_all_or_none(setup: Setup) {
    let desk = Desk::new(setup).await;
    for tags in [
        json!([]),
        json!(["bug"]),
        json!(["vip"]),
        json!(["bug", "vip"]),
    ] {
        desk.add(json!({ "tags": tags })).await;
    }
    for (query, expected) in [
        ("tags=[\"bug\",\"vip\"]", vec![4, 3, 2]),
        ("tags=[\" Bug\"]", vec![4, 2]),
        ("tags=notjson", vec![4, 3, 2, 1]),
        ("tags={}", vec![4, 3, 2, 1]),
        ("tags=[]", vec![4, 3, 2, 1]),
        ("tags_all=[\"bug\",\"vip\"]", vec![4]),
        ("tags_exclude=[\"bug\"]", vec![3, 1]),
        ("tags=[\"vip\"]&tags_exclude=[\"bug\"]", vec![3]),
    ] {
        assert_eq!(desk.numbers(query).await, expected, "{query}");
    }
}

async fn conditions_hold_together(setup: Setup) {
    let desk = Desk::new(setup).await;
    let all = json!({"status": "open", "priority": "high", "tags": ["a"]});
    desk.add(all.clone()).await;
    for (name, value) in [
        ("status", json!("new")),
        ("priority", json!("low")),
        ("tags", json!([])),
    ] {
        let mut other = all.clone();
        other[name] = value;
        desk.add(other).await;
    }
    let query = "status=open&priority=high&tags=[\"a\"]";
    assert_eq!(desk.numbers(query).await, [1]);
}

async fn snoozed_tickets_can_be_asked_for(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    let until = desk.in_seconds(3600);
    desk.add(json!({ "snoozed_until": until })).await;
    assert_eq!(desk.numbers("snoozed=true").await, [2]);
    assert_eq!(desk.numbers("snoozed=false").await, [1]);
    assert_eq!(desk.numbers("snoozed=maybe").await, [2, 1]);
}

async fn ids_read_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.add(json!({})).await;
    desk.hear(&ticket, "hello").await;
    let query = format!("ids={},nope,{}", ticket["id"].as_str().unwrap(), new_uuid());
    assert_eq!(desk.numbers(&query).await, [1]);
    assert_eq!(
        desk.list(&query).await["results"][0]["unread_team_count"],
        1
    );
}

async fn pages_are_cut_and_linked(setup: Setup) {
    let desk = Desk::new(setup).await;
    for _ in 0..5 {
        desk.add(json!({})).await;
    }
    let page = desk.list("status=new&limit=1&offset=1").await;
    assert_eq!(page["count"], 5);
    let ends = |link: &Value, end: &str| link.as_str().unwrap().ends_with(end);
    assert!(ends(&page["next"], "/tickets/?limit=1&offset=2&status=new"));
    assert!(ends(&page["previous"], "/tickets/?limit=1&status=new"));
    let beyond = desk.list("offset=99").await;
    assert_eq!(
        (&beyond["results"], &beyond["count"]),
        (&json!([]), &json!(5))
    );
    assert!(beyond["next"].is_null() && beyond["previous"].is_string());
    for query in [
        "limit=abc",
        "limit=0",
        "limit=-1",
        "offset=-3",
        "offset=x",
        "limit=5000",
    ] {
        assert_eq!(desk.numbers(query).await.len(), 5, "{query}");
    }
    // A page that is cut to the longest says so in its links.
    let cut = desk.list("limit=5000&offset=2").await;
    assert!(ends(&cut["previous"], "/tickets/?limit=1000"), "{cut}");
}

async fn persons_are_shown_with_their_tickets(setup: Setup) {
    let desk = Desk::new(setup).await;
    let path = format!("/api/projects/{}/persons/", desk.tenant.project);
    let person =
        json!({"distinct_ids": ["u1", "u2"], "properties": {"email": "jo@x.com", "name": "Jo"}});
    let person = desk.api.post(&path, &person).await.expect(201).json;
    let known = desk.add(json!({"distinct_id": "u2"})).await;
    assert_eq!(known["person"]["id"], person["id"]);
    assert_eq!(known["person"]["name"], "jo@x.com");
    assert_eq!(known["person"]["distinct_ids"], json!(["u1", "u2"]));
    assert_eq!(known["person"]["properties"]["email"], "jo@x.com");
    assert!(
        known["person"]["is_identified"].is_boolean() && known["person"]["created_at"].is_string()
    );
    assert_eq!(desk.peek(&known).await["person"], known["person"]);
    assert_eq!(desk.get(&known).await.json["person"], known["person"]);
    let unknown = desk.add(json!({"distinct_id": "u3"})).await;
    assert_eq!(unknown["person"], Value::Null);
    assert_eq!(desk.peek(&unknown).await["person"], Value::Null);
    for (channel, expected) in [("email", &person["id"]), ("widget", &Value::Null)] {
        let ticket = desk
            .arrive(|new| {
                new.channel_source = channel.to_owned();
                new.email_from = Some("Jo@X.com".to_owned());
            })
            .await;
        assert_eq!(
            &desk.peek(&ticket).await["person"]["id"],
            expected,
            "{channel}"
        );
        assert_eq!(
            &desk.get(&ticket).await.json["person"]["id"],
            expected,
            "{channel}"
        );
    }
    let changed = desk
        .patch(&known, json!({"status": "open"}))
        .await
        .expect(200)
        .json;
    assert_eq!(changed["person"], known["person"]);
    let stranger = desk.app.tenant().await;
    let theirs = crate::tickets_desk::path_of(&stranger);
    let theirs = stranger
        .api
        .post(&theirs, &json!({"distinct_id": "u1"}))
        .await
        .expect(201);
    assert_eq!(theirs.json["person"], Value::Null);
}

/// Whatever is shown beside a ticket is looked up once for the page, and must come to the right one.
async fn a_page_of_many_shows_what_pages_of_one_show(setup: Setup) {
    let desk = Desk::new(setup).await;
    let me = json!({"type": "user", "id": desk.tenant.user});
    for number in 0..20 {
        let id = format!("u{number}");
        desk.add(json!({"assignee": me, "tags": ["a"], "distinct_id": id}))
            .await;
    }
    let whole = desk.list("order_by=ticket_number").await;
    for number in [0, 7, 19] {
        let one = desk
            .list(&format!("order_by=ticket_number&limit=1&offset={number}"))
            .await;
        assert_eq!(one["results"][0], whole["results"][number]);
    }
}
