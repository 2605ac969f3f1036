//! A ticket that was merged goes on in another one (tickets.md 10.6).

use super::scene::{Site, texts};
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    what_a_customer_writes_to_a_merged_ticket_goes_to_the_target,
    what_was_said_before_the_merge_stays_with_whom_it_was_said_to,
}

/// Two customers' tickets, the first merged into the second.
async fn merged(site: &Site) -> (super::scene::Browser, Value, super::scene::Browser, Value) {
    let (ann, ben) = (site.browser("ann"), site.browser("ben"));
    let source = ann.begin("ann's question").await["ticket_id"].clone();
    let target = ben.begin("ben's secret").await["ticket_id"].clone();
    let path = site.desk.at(&json!({ "id": source }), "merge/");
    let body = json!({ "target_ticket_id": target });
    site.desk.api.post(&path, &body).await.expect(200);
    (ann, source, ben, target)
}

async fn what_a_customer_writes_to_a_merged_ticket_goes_to_the_target(setup: Setup) {
    let site = Site::new(setup).await;
    let (ann, source, ben, target) = merged(&site).await;
    let before = site.staff_sees(&source).await;
    let sent = ann.go_on(&source, "still broken").await.expect(200).json;
    assert_eq!(sent["ticket_id"], source);
    assert_eq!(sent["ticket_status"], "new");
    assert_eq!(site.staff_sees(&source).await, before);
    let seen = site.staff_sees(&target).await;
    assert_eq!(seen["last_message_text"], "still broken");
    assert_eq!(seen["unread_team_count"], 2);
    assert_eq!(seen["distinct_id"], "ben");
    site.staff_says(&target, json!({"message": "fixed for both"}))
        .await;
    for (browser, ticket, shown) in [
        (
            &ann,
            &source,
            vec!["ann's question", "still broken", "fixed for both"],
        ),
        (
            &ben,
            &target,
            vec!["ben's secret", "still broken", "fixed for both"],
        ),
    ] {
        let page = browser.read(ticket, json!({})).await.expect(200).json;
        assert_eq!(texts(&page), shown);
        assert_eq!(page["unread_count"], 1);
        let list = browser.tickets(json!({})).await.expect(200).json;
        let row = &list["results"][0];
        assert_eq!(
            (&row["status"], &row["unread_count"]),
            (&json!("new"), &json!(1))
        );
    }
    // Reading on works across both.
    let after = json!({ "after": sent["created_at"] });
    let page = ann.read(&source, after).await.expect(200).json;
    assert_eq!(texts(&page), ["fixed for both"]);
    ann.mark_read(&source).await.expect(200);
    assert_eq!(site.staff_sees(&target).await["unread_customer_count"], 0);
}

async fn what_was_said_before_the_merge_stays_with_whom_it_was_said_to(setup: Setup) {
    let site = Site::new(setup).await;
    let (ann, source, _, target) = merged(&site).await;
    let page = ann.read(&source, json!({})).await.expect(200);
    assert!(!page.text.contains("secret"), "{}", page.text);
    ann.read(&target, json!({})).await.expect(403);
    ann.go_on(&target, "x").await.expect(403);
}
