//! Tickets under many hands at once, and tickets of other projects (tickets.md 2.6, 9, 11.4).

use crate::common::assert_error;
use crate::tickets_desk::{Desk, path_of};
use crate::widget::scene::Site;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    two_hundred_tickets_at_once_get_consecutive_numbers,
    agents_and_customers_at_once_lose_nothing,
    fifty_customers_and_two_agents_at_once_lose_nothing,
    nothing_tells_of_another_projects_tickets,
}

async fn two_hundred_tickets_at_once_get_consecutive_numbers(setup: Setup) {
    let desk = Desk::new(setup).await;
    let made = join_all((0..200).map(|_| desk.add(json!({})))).await;
    let mut numbers: Vec<i64> = made
        .iter()
        .map(|ticket| ticket["ticket_number"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_eq!(desk.list("limit=1").await["count"], 200);
}

async fn agents_and_customers_at_once_lose_nothing(setup: Setup) {
    const EACH: usize = 25;
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let statuses = ["new", "open", "pending", "resolved", "on_hold"];
    let patching = async |api: testkit::Api| {
        for round in 0..EACH {
            let body = json!({"status": statuses[round % 5], "tags": [round.to_string()]});
            api.patch(&desk.at(&ticket, ""), &body).await.expect(200);
        }
    };
    let writing = async || {
        for _ in 0..EACH {
            desk.hear(&ticket, "hello").await;
        }
    };
    let replying = async || {
        for _ in 0..EACH {
            desk.reply(&ticket, json!({"message": "hi"}))
                .await
                .expect(201);
        }
    };
    tokio::join!(
        patching(desk.api.clone()),
        patching(colleague.api.clone()),
        writing(),
        writing(),
        replying(),
    );
    let end = desk.peek(&ticket).await;
    assert_eq!(end["message_count"], 3 * EACH);
    assert_eq!(end["unread_team_count"], 2 * EACH);
    assert_eq!(end["unread_customer_count"], EACH);
    assert_eq!(end["tags"].as_array().unwrap().len(), 1);
    let status = end["status"].as_str().unwrap();
    for word in statuses {
        let count = desk.list(&format!("status={word}")).await["count"].clone();
        assert_eq!(count, i64::from(word == status), "{word}");
    }
    let messages = desk
        .api
        .get(&desk.at(&ticket, "messages/"))
        .await
        .expect(200)
        .json;
    assert_eq!(messages["count"], 3 * EACH);
    // Every change of the status is told, each beginning where the one before ended.
    let mut last = json!("new");
    for event in desk.events_of("$conversation_ticket_status_changed").await {
        assert_eq!(event["old_status"], last);
        last = event["new_status"].clone();
    }
    assert_eq!(last, end["status"]);
    let findings = desk.app.store.check().await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

async fn fifty_customers_and_two_agents_at_once_lose_nothing(setup: Setup) {
    const EACH: usize = 4;
    let site = Site::new(setup).await;
    let desk = &site.desk;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let browsers: Vec<_> = (0..50).map(|n| site.browser(&n.to_string())).collect();
    let begun = join_all(browsers.iter().map(|browser| browser.begin("hello"))).await;
    let tickets: Vec<Value> = begun
        .into_iter()
        .map(|sent| json!({"id": sent["ticket_id"]}))
        .collect();
    let writing = browsers
        .iter()
        .zip(&tickets)
        .map(|(browser, ticket)| async move {
            for _ in 0..EACH {
                browser.go_on(&ticket["id"], "more").await.expect(200);
            }
        });
    let patching = async |api: testkit::Api, tag: &str| {
        for (place, ticket) in tickets.iter().enumerate() {
            let status = ["open", "pending", "resolved"][place % 3];
            let body = json!({"status": status, "tags": [tag]});
            api.patch(&desk.at(ticket, ""), &body).await.expect(200);
        }
    };
    tokio::join!(
        join_all(writing),
        patching(desk.api.clone(), "mine"),
        patching(colleague.api.clone(), "theirs"),
    );
    let mut unread = 0;
    for (place, ticket) in tickets.iter().enumerate() {
        let end = desk.peek(ticket).await;
        assert_eq!(end["message_count"], 1 + EACH);
        assert_eq!(end["unread_team_count"], 1 + EACH);
        assert_eq!(end["status"], ["open", "pending", "resolved"][place % 3]);
        assert_eq!(end["tags"].as_array().unwrap().len(), 1);
        if place % 3 != 2 {
            unread += 1 + EACH;
        }
    }
    assert_eq!(desk.unread().await, i64::try_from(unread).unwrap());
    for (status, expected) in [("new", 0), ("open", 17), ("pending", 17), ("resolved", 16)] {
        let list = desk.list(&format!("status={status}&limit=1")).await;
        assert_eq!(list["count"], expected, "{status}");
    }
    let findings = desk.app.store.check().await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

async fn nothing_tells_of_another_projects_tickets(setup: Setup) {
    let desk = Desk::new(setup).await;
    let secret = json!({"anonymous_traits": {"name": "secret"}, "tags": ["secret"], "distinct_id": "secret"});
    let ticket = desk.add(secret).await;
    desk.hear(&ticket, "secret").await;
    let note = json!({"message": "secret", "is_private": true});
    let note = desk.reply(&ticket, note).await.expect(201).json;
    let id = ticket["id"].as_str().unwrap();

    // Another project of the same organisation, and the same person: only the project in the path counts.
    let project = desk.app.project(desk.tenant.organization).await;
    let there = testkit::Tenant {
        project,
        ..desk.tenant.clone()
    };
    let path = path_of(&there);
    for query in [
        String::new(),
        "status=new".to_owned(),
        "search=secret".to_owned(),
        "search=se".to_owned(),
        "search=1".to_owned(),
        "tags=[\"secret\"]".to_owned(),
        "tags_all=[\"secret\"]".to_owned(),
        "distinct_ids=secret".to_owned(),
        "assignee=unassigned".to_owned(),
        format!("ids={id}"),
    ] {
        let list = there
            .api
            .get(&format!("{path}?{query}"))
            .await
            .expect(200)
            .json;
        assert_eq!(
            (&list["count"], &list["results"]),
            (&json!(0), &json!([])),
            "{query}"
        );
    }
    let unread = there
        .api
        .get(&format!("{path}unread_count/"))
        .await
        .expect(200);
    assert_eq!(unread.json["count"], 0);
    for name in [id, "1"] {
        let item = format!("{path}{name}/");
        let notes = format!("{item}notes/{}/", note["id"].as_str().unwrap());
        for reply in [
            there.api.get(&item).await,
            there.api.patch(&item, &json!({"status": "open"})).await,
            there.api.delete(&item).await,
            there.api.get(&format!("{item}messages/")).await,
            there
                .api
                .post(&format!("{item}reply/"), &json!({"message": "x"}))
                .await,
            there
                .api
                .post(&format!("{item}merge/"), &json!({"target_ticket_id": id}))
                .await,
            there
                .api
                .post(&format!("{item}presence/"), &json!({}))
                .await,
            there
                .api
                .post(
                    &format!("{item}ai_feedback/"),
                    &json!({"message_id": "m", "rating": "good"}),
                )
                .await,
            there.api.patch(&notes, &json!({"message": "x"})).await,
            there.api.delete(&notes).await,
        ] {
            assert_error(&reply, 404, "not_found", "");
        }
    }
    let body = json!({"ids": [id], "status": "resolved"});
    let bulk = there
        .api
        .post(&format!("{path}bulk_update_status/"), &body)
        .await
        .expect(200);
    assert_eq!(bulk.json["updated"], 0);
    let body = json!({"ids": [id], "action": "set", "tags": []});
    let bulk = there
        .api
        .post(&format!("{path}bulk_update_tags/"), &body)
        .await
        .expect(200);
    assert_eq!(bulk.json["updated"], json!([]));
    let now = desk.peek(&ticket).await;
    assert_eq!(
        (&now["status"], &now["tags"]),
        (&json!("new"), &json!(["secret"]))
    );
    assert_eq!(now["unread_team_count"], 1);
}
