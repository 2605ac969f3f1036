//! A visitor's tickets go with them to a new browser (tickets.md 14.6, 18.7 rows 188 to 191).

use super::scene::{Browser, Site};
use crate::common::assert_json;
use serde_json::{Value, json};
use testkit::{Reply, Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_link_is_mailed_and_moves_the_tickets,
    an_unknown_address_is_told_the_same_and_gets_no_mail,
    a_link_leads_only_to_a_listed_page_that_asks,
    a_token_is_used_once_and_for_an_hour,
    another_token_of_the_same_address_is_void,
    of_two_who_use_a_token_at_once_one_wins,
    a_project_must_allow_restoring,
    broken_bodies_are_told,
    a_persons_address_is_as_good_unless_something_speaks_against_it,
    what_browsers_say_of_a_persons_address_moves_no_ticket,
    a_token_of_another_project_is_unknown,
    a_token_is_kept_as_a_digest,
}

const ORIGIN: &str = "https://shop.example";

/// A site with restoring, and a browser that has a ticket with an address.
async fn scene(setup: Setup) -> (Site, Browser, Value) {
    let site = Site::new(setup).await;
    site.set("widget_restore_enabled", "true").await;
    site.set("widget_domains", "shop.example").await;
    let old = at_shop(&site);
    let ticket = with_email(&old, "Jo@Example.com").await;
    (site, old, ticket)
}

fn at_shop(site: &Site) -> Browser {
    let mut browser = site.browser("u");
    browser.origin = Some(ORIGIN.to_owned());
    browser
}

async fn with_email(browser: &Browser, email: &str) -> Value {
    let body = json!({"message": "Hi", "traits": {"email": email}});
    browser.write(body).await.expect(200).json["ticket_id"].clone()
}

async fn ask(browser: &Browser, email: &str, url: &str) -> Reply {
    let body = json!({"email": email, "request_url": url});
    browser.post("restore/request", &body).await
}

/// Asks and takes the token from the mail.
async fn token(site: &Site, browser: &Browser) -> String {
    let reply = ask(
        browser,
        "jo@example.com",
        "https://shop.example/help?x=1#top",
    )
    .await;
    assert_json(&reply, 200, &json!({"ok": true}));
    let mail = site.mails().await.remove(0);
    assert_eq!(
        (&mail["to"], &mail["purpose"]),
        (&json!("jo@example.com"), &json!("restore"))
    );
    let text = mail["text"].as_str().unwrap();
    let link = text
        .lines()
        .find(|line| line.starts_with("https://"))
        .unwrap();
    let token = link.strip_prefix("https://shop.example/help?x=1&ph_conv_restore=");
    let token = token.unwrap_or_else(|| panic!("{link}"));
    assert_eq!(token.len(), 43);
    token.to_owned()
}

async fn redeem(browser: &Browser, token: &str) -> Reply {
    let body = json!({
        "restore_token": token, "widget_session_id": browser.session, "distinct_id": "d", "current_url": ORIGIN,
    });
    browser.post("restore", &body).await
}

async fn a_link_is_mailed_and_moves_the_tickets(setup: Setup) {
    let (site, old, ticket) = scene(setup).await;
    let second = with_email(&old, "jo@example.com").await;
    with_email(&old, "somebody@else.example").await;
    let new = at_shop(&site);
    new.read(&ticket, json!({})).await.expect(403);
    let token = token(&site, &new).await;
    let expected = json!({
        "status": "success", "code": null, "widget_session_id": new.session,
        "migrated_ticket_ids": [ticket, second],
    });
    assert_json(&redeem(&new, &token).await, 200, &expected);
    assert_eq!(new.numbers().await, [2, 1]);
    new.go_on(&ticket, "from the new browser").await.expect(200);
    assert_eq!(old.numbers().await, [3]);
    old.read(&ticket, json!({})).await.expect(403);
}

async fn an_unknown_address_is_told_the_same_and_gets_no_mail(setup: Setup) {
    let (site, old, ticket) = scene(setup).await;
    let before = site.mails().await.len();
    let reply = ask(&old, "nobody@example.com", "https://shop.example/").await;
    assert_json(&reply, 200, &json!({"ok": true}));
    assert_eq!(site.mails().await.len(), before);
    let path = site.desk.at(&json!({ "id": ticket }), "");
    site.desk.api.delete(&path).await.expect(204);
    ask(&old, "jo@example.com", "https://shop.example/")
        .await
        .expect(200);
    assert_eq!(site.mails().await.len(), before);
}

async fn a_link_leads_only_to_a_listed_page_that_asks(setup: Setup) {
    let (site, old, _) = scene(setup).await;
    let other = "URL must match request origin";
    for (url, error) in [
        ("https://evil.example/", other),
        ("https://shop.example.evil.example/", other),
        ("http://shop.example/", other),
        ("https://shop.example:8443/", other),
        ("https://shop.example@evil.example/", other),
        ("https://evil.example\\@shop.example/", other),
    ] {
        let reply = ask(&old, "jo@example.com", url).await;
        assert_json(&reply, 403, &json!({ "error": error }));
    }
    // An empty list lets every site in, but none be linked to.
    site.set("widget_domains", "").await;
    let reply = ask(&old, "jo@example.com", "https://shop.example/").await;
    assert_json(&reply, 403, &json!({"error": "URL domain not allowed"}));
    let mut nowhere = old.clone();
    nowhere.origin = None;
    let reply = ask(&nowhere, "jo@example.com", "https://shop.example/").await;
    assert_json(&reply, 403, &json!({ "error": other }));
    assert!(site.mails().await.is_empty());
}

async fn a_token_is_used_once_and_for_an_hour(setup: Setup) {
    let (site, _, _) = scene(setup).await;
    let new = at_shop(&site);
    let outcome = |status: &str, code: &str| json!({"status": status, "code": code, "widget_session_id": null, "migrated_ticket_ids": []});
    let first = token(&site, &new).await;
    redeem(&new, &first).await.expect(200);
    let used = outcome("used", "token_already_used");
    assert_json(&redeem(&new, &first).await, 200, &used);
    let second = token(&site, &new).await;
    site.desk.later(3601);
    let expired = outcome("expired", "token_expired");
    assert_json(&redeem(&new, &second).await, 200, &expired);
    let invalid = outcome("invalid", "token_invalid");
    assert_json(&redeem(&new, &"x".repeat(43)).await, 200, &invalid);
}

async fn another_token_of_the_same_address_is_void(setup: Setup) {
    let (site, _, _) = scene(setup).await;
    let new = at_shop(&site);
    let (first, second) = (token(&site, &new).await, token(&site, &new).await);
    assert_eq!(
        redeem(&new, &second).await.expect(200).json["status"],
        "success"
    );
    assert_eq!(
        redeem(&new, &first).await.expect(200).json["status"],
        "used"
    );
}

async fn of_two_who_use_a_token_at_once_one_wins(setup: Setup) {
    let (site, _, _) = scene(setup).await;
    let tokens = [
        token(&site, &at_shop(&site)).await,
        token(&site, &at_shop(&site)).await,
    ];
    let attempts = (0..8).map(|number| {
        let (browser, token) = (at_shop(&site), tokens[number % 2].clone());
        async move { redeem(&browser, &token).await.expect(200).json }
    });
    let outcomes = futures::future::join_all(attempts).await;
    let count = |status: &str| outcomes.iter().filter(|it| it["status"] == status).count();
    assert_eq!((count("success"), count("used")), (1, 7), "{outcomes:?}");
}

async fn a_project_must_allow_restoring(setup: Setup) {
    let (site, old, _) = scene(setup).await;
    site.set("widget_restore_enabled", "false").await;
    let off = json!({"error": "Restore is not enabled"});
    let reply = ask(&old, "jo@example.com", "https://shop.example/").await;
    assert_json(&reply, 403, &off);
    assert_json(&redeem(&old, &"x".repeat(43)).await, 403, &off);
}

async fn broken_bodies_are_told(setup: Setup) {
    let (_site, old, _) = scene(setup).await;
    let reply = old.post("restore/request", &json!({"email": "x"})).await;
    let details = json!({"email": ["Enter a valid email address."], "request_url": ["This field is required."]});
    let expected = json!({"error": "Invalid request data", "details": details});
    assert_json(&reply, 400, &expected);
    for url in [
        "javascript:alert(1)",
        "ftp://shop.example/",
        "https://shop.example/a b",
        &format!("https://shop.example/{}", "x".repeat(2048)),
    ] {
        let reply = ask(&old, "jo@example.com", url).await.expect(400);
        assert!(
            reply.json["details"]["request_url"].is_array(),
            "{}",
            reply.text
        );
    }
    let reply = old
        .post("restore", &json!({"restore_token": "short"}))
        .await;
    let details = reply.expect(400).json["details"].clone();
    assert_eq!(
        details["widget_session_id"],
        json!(["This field is required."])
    );
    assert!(details["restore_token"].is_array());
}

async fn a_persons_address_is_as_good_unless_something_speaks_against_it(setup: Setup) {
    let (site, old, first) = scene(setup).await;
    let without = at_shop(&site);
    let second = without.begin("no address").await["ticket_id"].clone();
    let mut other = at_shop(&site);
    other.distinct_id = "v".to_owned();
    let third = with_email(&other, "other@example.com").await;
    let path = site.path("persons/");
    let person = json!({"distinct_ids": ["u", "v"], "properties": {"email": "JO@example.com"}});
    site.desk.api.post(&path, &person).await.expect(201);
    let new = at_shop(&site);
    let token = token(&site, &new).await;
    let moved = redeem(&new, &token).await.expect(200).json;
    // The third says another address, whatever is said of the person.
    assert_eq!(moved["migrated_ticket_ids"], json!([first, second]));
    other.read(&third, json!({})).await.expect(200);
    old.read(&first, json!({})).await.expect(403);
}

async fn what_browsers_say_of_a_persons_address_moves_no_ticket(setup: Setup) {
    let (site, _, _) = scene(setup).await;
    let path = site.path("persons/");
    let known = json!({"distinct_ids": ["thief"], "properties": {"email": "thief@example.com"}});
    site.desk.api.post(&path, &known).await.expect(201);
    for (id, event) in [
        // The address of somebody else's person, ...
        (
            "victim-1",
            json!({"event": "$set", "distinct_id": "victim-1", "$set": {"email": "thief@example.com"}}),
        ),
        // ... or somebody else's id for a person whose address is known.
        (
            "victim-2",
            json!({
                "event": "$identify", "distinct_id": "thief", "properties": {"$anon_distinct_id": "victim-2"},
            }),
        ),
    ] {
        let mut victim = at_shop(&site);
        victim.distinct_id = id.to_owned();
        victim.begin("a secret").await;
        site.capture(&event).await;
        let before = site.mails().await.len();
        let thief = at_shop(&site);
        ask(&thief, "thief@example.com", ORIGIN).await.expect(200);
        assert_eq!(site.mails().await.len(), before, "{id}");
    }
    // What the project says of somebody holds for the ids that it has given them.
    let page = format!("{path}?distinct_id=victim-1");
    let person = site.desk.api.get(&page).await.expect(200).json["results"][0].clone();
    let path = format!("{path}{}/", person["id"].as_str().unwrap());
    let said = json!({"properties": {"email": "thief@example.com"}});
    site.desk.api.patch(&path, &said).await.expect(200);
    let before = site.mails().await.len();
    ask(&at_shop(&site), "thief@example.com", ORIGIN)
        .await
        .expect(200);
    assert_eq!(site.mails().await.len(), before);
}

async fn a_token_of_another_project_is_unknown(setup: Setup) {
    let (site, _, _) = scene(setup).await;
    let new = at_shop(&site);
    let token = token(&site, &new).await;
    let other = site.desk.app.tenant().await;
    site.desk
        .app
        .set(other.project, "widget_restore_enabled", "true")
        .await;
    let mut elsewhere = new.clone();
    elsewhere.token = super::scene::widget_token(&other.api, other.project.0).await;
    let reply = redeem(&elsewhere, &token).await.expect(200);
    assert_eq!(reply.json["status"], "invalid");
    let foreign = Browser {
        session: new_uuid(),
        ..new
    };
    assert_eq!(
        redeem(&foreign, &token).await.expect(200).json["status"],
        "success"
    );
}

async fn a_token_is_kept_as_a_digest(setup: Setup) {
    const KEPT: &str = "SELECT count(*) FROM restore_token WHERE project_id = ?1 AND digest = ?2";
    let (site, _, _) = scene(setup).await;
    let token = token(&site, &at_shop(&site)).await;
    let (project, digest) = (site.desk.tenant.project, model::secrets::digest(&token));
    let kept = site.desk.app.store.read(move |c| {
        Box::pin(async move { c.one::<i64>(KEPT, store::params![project, &digest]).await })
    });
    assert_eq!(kept.await.unwrap(), 1);
}
