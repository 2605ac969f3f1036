//! Visitors whom the project vouches for (tickets.md 14.1, 18.7 rows 185 and 186; README.md, "Decisions").

use super::scene::{Browser, Site, numbers, texts};
use crate::common::assert_json;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{Reply, Setup, on_both_engines};

on_both_engines! {
    a_person_sees_their_tickets_from_any_browser,
    a_wrong_hash_is_refused_also_with_a_good_session,
    all_ids_of_a_person_are_as_good,
    a_rotated_secret_is_good_until_it_is_dropped,
    a_claim_without_an_expiry_is_passed_over,
    a_claim_that_holds_sets_the_address,
    a_ticket_that_a_person_takes_over_leaves_its_browser,
    what_browsers_say_of_persons_opens_no_ticket_of_a_verified_one,
    all_verified_ids_of_a_person_are_as_good_on_the_projects_word,
}

fn hash(secret: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A person with a hash, in some browser.
struct Person {
    browser: Browser,
    identity: Value,
}

impl Person {
    fn new(site: &Site, secret: &str, id: &str) -> Self {
        Self {
            browser: site.browser(id),
            identity: json!({"identity_distinct_id": id, "identity_hash": hash(secret, id)}),
        }
    }

    async fn send(&self, method: Method, path: &str, more: Value) -> Reply {
        let mut input = self.identity.clone();
        let members = input.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.browser.send(method, path, &input).await
    }

    async fn write(&self, more: Value) -> Reply {
        self.send(Method::POST, "message", more).await
    }

    async fn numbers(&self) -> Vec<i64> {
        let list = self.send(Method::GET, "tickets", json!({})).await;
        numbers(&list.expect(200).json)
    }
}

async fn a_person_sees_their_tickets_from_any_browser(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    let (here, there) = (
        Person::new(&site, &secret, "user-1"),
        Person::new(&site, &secret, "user-1"),
    );
    let stranger = Person::new(&site, &secret, "user-2");
    let sent = here.write(json!({"message": "Hi"})).await.expect(200).json;
    let seen = site.staff_sees(&sent["ticket_id"]).await;
    assert_eq!(
        (&seen["identity_verified"], &seen["distinct_id"]),
        (&json!(true), &json!("user-1"))
    );
    assert_eq!(there.numbers().await, [1]);
    let path = format!("messages/{}", sent["ticket_id"].as_str().unwrap());
    let page = there
        .send(Method::GET, &path, json!({}))
        .await
        .expect(200)
        .json;
    assert_eq!(texts(&page), ["Hi"]);
    let more = json!({"message": "more", "ticket_id": sent["ticket_id"]});
    there.write(more.clone()).await.expect(200);
    there
        .send(Method::POST, &format!("{path}/read"), json!({}))
        .await
        .expect(200);
    assert!(stranger.numbers().await.is_empty());
    let forbidden = json!({"error": "Forbidden"});
    assert_json(&stranger.write(more).await, 403, &forbidden);
    assert_json(
        &stranger.send(Method::GET, &path, json!({})).await,
        403,
        &forbidden,
    );
    // What a browser began in the name of the person is theirs, too.
    site.browser("user-1").begin("before the login").await;
    assert_eq!(there.numbers().await, [2, 1]);
}

async fn a_wrong_hash_is_refused_also_with_a_good_session(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    let browser = site.browser("user-1");
    let ticket = browser.begin("Hi").await["ticket_id"].clone();
    let forbidden = json!({"error": "Forbidden"});
    for hash in [
        hash("phs_other", "user-1"),
        hash(&secret, "user-2"),
        "nonsense".to_owned(),
        "0".repeat(64),
    ] {
        let claim = json!({"identity_distinct_id": "user-1", "identity_hash": hash});
        assert_json(&browser.tickets(claim.clone()).await, 403, &forbidden);
        assert_json(&browser.read(&ticket, claim.clone()).await, 403, &forbidden);
        let mut body = claim;
        body["message"] = json!("x");
        assert_json(&browser.write(body).await, 403, &forbidden);
    }
    // Another project's secret signs nothing here.
    let other = site.desk.app.tenant().await;
    let path = format!("/api/projects/{}/rotate_secret_token/", other.project);
    let theirs = other.api.post(&path, &json!({})).await.expect(200).json;
    let theirs = Person::new(&site, theirs["secret_token"].as_str().unwrap(), "user-1");
    assert_json(
        &theirs.write(json!({"message": "x"})).await,
        403,
        &forbidden,
    );
}

async fn all_ids_of_a_person_are_as_good(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    site.browser("anonymous-1").begin("before the login").await;
    let person = Person::new(&site, &secret, "user-1");
    assert!(person.numbers().await.is_empty());
    let path = site.path("persons/");
    let ids = json!({"distinct_ids": ["user-1", "anonymous-1"]});
    site.desk.api.post(&path, &ids).await.expect(201);
    assert_eq!(person.numbers().await, [1]);
    let list = person
        .send(Method::GET, "tickets", json!({"status": "open"}))
        .await;
    assert_eq!(list.expect(200).json["count"], 0);
    // A person of another project with the same id is somebody else.
    let other = site.desk.app.tenant().await;
    let path = format!("/api/projects/{}/persons/", other.project);
    let ids = json!({"distinct_ids": ["user-1", "anonymous-2"]});
    other.api.post(&path, &ids).await.expect(201);
    site.browser("anonymous-2").begin("somebody else").await;
    assert_eq!(person.numbers().await, [1]);
}

async fn a_rotated_secret_is_good_until_it_is_dropped(setup: Setup) {
    let site = Site::new(setup).await;
    let (old, new) = (site.secret().await, site.secret().await);
    assert_ne!(old, new);
    let (before, after) = (Person::new(&site, &old, "u"), Person::new(&site, &new, "u"));
    before.write(json!({"message": "one"})).await.expect(200);
    after.write(json!({"message": "two"})).await.expect(200);
    assert_eq!(before.numbers().await, [2, 1]);
    let path = site.path("delete_secret_token_backup/");
    site.desk.api.post(&path, &json!({})).await.expect(204);
    before.write(json!({"message": "three"})).await.expect(403);
    assert_eq!(after.numbers().await, [2, 1]);
}

async fn a_claim_without_an_expiry_is_passed_over(setup: Setup) {
    let site = Site::new(setup).await;
    let person = Person::new(&site, &site.secret().await, "user-1");
    let sent = person
        .write(json!({
            "message": "Hi", "identity_email": "me@x.example", "identity_hash_email": "0".repeat(64),
            "traits": {"email": "typed@x.example"},
        }))
        .await
        .expect(200)
        .json;
    let seen = site.staff_sees(&sent["ticket_id"]).await;
    assert_eq!(seen["anonymous_traits"]["email"], "typed@x.example");
    let broken =
        json!({"message": "Hi", "identity_email": "me@x.example", "identity_exp_email": 1});
    person.write(broken).await.expect(400);
}

async fn a_claim_that_holds_sets_the_address(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    let person = Person::new(&site, &secret, "user-1");
    let now = site.desk.app.env.now().as_micros() / 1_000_000;
    let write = async |expiry: i64| {
        let message = format!("v1\0user-1\0sure@x.example\0{expiry}");
        let claim = json!({
            "message": "Hi", "traits": {"email": "typed@x.example"}, "identity_email": " Sure@X.example",
            "identity_hash_email": hash(&secret, &message), "identity_exp_email": expiry,
        });
        let sent = person.write(claim).await.expect(200).json;
        let seen = site.staff_sees(&sent["ticket_id"]).await;
        seen["anonymous_traits"]["email"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(write(now + 3600).await, "sure@x.example");
    assert_eq!(write(now - 1).await, "typed@x.example");
    assert_eq!(write(now + 100_000).await, "typed@x.example");
}

async fn a_ticket_that_a_person_takes_over_leaves_its_browser(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    // A stranger begins a ticket in the name of a person, and waits for what the person will write into it.
    let stranger = site.browser("user-1");
    let ticket = stranger.begin("Tell me your password").await["ticket_id"].clone();
    let person = Person::new(&site, &secret, "user-1");
    assert_eq!(person.numbers().await, [1]);
    let answer = json!({"message": "my words", "ticket_id": ticket});
    person.write(answer).await.expect(200);
    stranger.read(&ticket, json!({})).await.expect(403);
    assert!(stranger.numbers().await.is_empty());
    assert_eq!(person.numbers().await, [1]);
}

async fn what_browsers_say_of_persons_opens_no_ticket_of_a_verified_one(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    let (victim, thief) = (
        Person::new(&site, &secret, "user-2"),
        Person::new(&site, &secret, "user-1"),
    );
    let sent = victim.write(json!({"message": "my secret"})).await;
    let ticket = sent.expect(200).json["ticket_id"].clone();
    site.browser("anonymous-1").begin("before the login").await;
    // Everybody knows the public token, and may say that any id was theirs before.
    for id in ["user-2", "anonymous-1"] {
        site.capture(&json!({
            "event": "$identify", "distinct_id": "user-1", "properties": {"$anon_distinct_id": id},
        }))
        .await;
    }
    assert_eq!(thief.numbers().await, [2]);
    let path = format!("messages/{}", ticket.as_str().unwrap());
    let forbidden = json!({"error": "Forbidden"});
    let read = thief.send(Method::GET, &path, json!({})).await;
    assert_json(&read, 403, &forbidden);
    let write = json!({"message": "now mine", "ticket_id": ticket});
    assert_json(&thief.write(write).await, 403, &forbidden);
    assert_eq!(victim.numbers().await, [2, 1]);
}

async fn all_verified_ids_of_a_person_are_as_good_on_the_projects_word(setup: Setup) {
    let site = Site::new(setup).await;
    let secret = site.secret().await;
    let (old, new) = (
        Person::new(&site, &secret, "user-1-before"),
        Person::new(&site, &secret, "user-1"),
    );
    old.write(json!({"message": "Hi"})).await.expect(200);
    assert!(new.numbers().await.is_empty());
    let ids = json!({"distinct_ids": ["user-1", "user-1-before"]});
    let path = site.path("persons/");
    site.desk.api.post(&path, &ids).await.expect(201);
    assert_eq!(new.numbers().await, [1]);
    let more = json!({"message": "me again"});
    new.write(more).await.expect(200);
    assert_eq!(old.numbers().await, [2, 1]);
}
