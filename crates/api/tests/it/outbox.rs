//! The mails that a project sends, and who may read them (tickets.md 11.5).

use crate::common::assert_error;
use crate::tickets_desk::Desk;
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    the_team_is_told_of_a_customers_first_message,
    nobody_is_told_where_nobody_wants_to_know,
    a_flood_of_tickets_is_no_flood_of_mails,
    only_admins_read_the_outbox,
}

async fn mails(desk: &Desk, query: &str) -> Value {
    let path = path(desk);
    let list = desk.api.get(&format!("{path}?{query}")).await;
    list.expect(200).json
}

fn path(desk: &Desk) -> String {
    let project = desk.tenant.project;
    format!("/api/projects/{project}/conversations/outbox/")
}

async fn the_team_is_told_of_a_customers_first_message(setup: Setup) {
    let desk = Desk::new(setup).await;
    let recipients = "a@example.com,b@example.com";
    desk.app
        .set(desk.tenant.project, "notification_recipients", recipients)
        .await;
    let ticket = desk
        .add(json!({"anonymous_traits": {"name": "Jo", "email": "jo@example.com"}}))
        .await;
    desk.reply(&ticket, json!({"message": "We are looking."}))
        .await
        .expect(201);
    assert_eq!(mails(&desk, "").await["count"], 0);
    desk.hear(&ticket, "My\r\nBcc: x@example.com printer burns")
        .await;
    desk.hear(&ticket, "Really").await;
    let first = mails(&desk, "limit=1").await;
    assert_eq!(first["count"], 2);
    assert!(first["next"].is_string());
    let second = mails(&desk, "limit=1&offset=1").await;
    let mail = &first["results"][0];
    let mut told = [&mail["to"], &second["results"][0]["to"]].map(|to| to.as_str().unwrap());
    told.sort_unstable();
    assert_eq!(told, ["a@example.com", "b@example.com"]);
    assert_eq!(mail["purpose"], "new_ticket");
    assert_eq!(mail["state"], "queued");
    assert_eq!(mail["sent_at"], Value::Null);
    assert_eq!(
        mail["subject"],
        "[Test project] New ticket #1: My Bcc: x@example.com printer burns"
    );
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.starts_with("Jo <jo@example.com> wrote ticket #1 in Test project:"),
        "{text}"
    );
    assert!(text.contains("printer burns"), "{text}");
}

async fn nobody_is_told_where_nobody_wants_to_know(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "Hello").await;
    assert_eq!(mails(&desk, "").await["results"], json!([]));
}

async fn a_flood_of_tickets_is_no_flood_of_mails(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.app
        .set(
            desk.tenant.project,
            "notification_recipients",
            "a@example.com",
        )
        .await;
    let flood = async |times: usize| {
        for _ in 0..times {
            let ticket = desk.arrive(|_| ()).await;
            desk.hear(&ticket, "Hello").await;
        }
    };
    flood(62).await;
    assert_eq!(mails(&desk, "").await["count"], 60);
    desk.later(3600);
    flood(1).await;
    assert_eq!(mails(&desk, "").await["count"], 61);
}

async fn only_admins_read_the_outbox(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (organization, project) = (desk.tenant.organization, desk.tenant.project);
    let member = desk.app.member(organization, project).await;
    let (user, now) = (member.user, desk.app.env.now());
    desk.app
        .store
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
    let refused = member.api.get(&path(&desk)).await;
    assert_error(&refused, 403, "permission_denied", "");
    let key = desk.app.key(desk.tenant.user, &["ticket:write"]).await;
    let refused = desk.app.api(&key).get(&path(&desk)).await;
    assert_error(&refused, 403, "permission_denied", "");
    let key = desk.app.key(desk.tenant.user, &["project:read"]).await;
    desk.app.api(&key).get(&path(&desk)).await.expect(200);
    let other = desk.app.tenant().await;
    let refused = other.api.get(&path(&desk)).await;
    assert_error(&refused, 403, "permission_denied", "");
}
