//! What the program does to tickets without a request (tickets.md 7, 12.5).

use crate::harness::Place;
use crate::server::{Server, until};

const TICKETS: &str = "/api/projects/1/conversations/tickets/";

/// A place with a project and a key for its tickets, as the value of the header `Authorization`.
fn with_ticket_key() -> (Place, String) {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes ticket:write");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    (place, bearer)
}

#[test]
fn a_snooze_ends_and_a_missed_due_date_is_told_without_a_request() {
    const PAST: &str =
        r#"{"snoozed_until": "2020-01-01T00:00:00Z", "sla_due_at": "2020-01-01T00:00:00Z"}"#;
    let (place, bearer) = with_ticket_key();
    let headers = [("Authorization", bearer.as_str())];
    let server = Server::start(&place);
    assert_eq!(server.post(TICKETS, &headers, PAST).status, 201);
    server.stop();

    // Who starts looks at once.
    let server = Server::start(&place);
    let woken = until("the snooze ends", || {
        let list = server.get(TICKETS, &headers).json();
        let ticket = list["results"][0].clone();
        ticket["snoozed_until"].is_null().then_some(ticket)
    });
    assert_eq!(woken["status"], "open");
    let breach = until("the breach is told", || {
        let log = server.get("/api/projects/1/conversations/events/", &headers);
        let log = log.json();
        let mut events = log["results"].as_array().unwrap().iter();
        let breach = events.find(|it| it["event"] == "$conversation_sla_breached");
        breach.cloned()
    });
    assert_eq!(breach["properties"]["ticket_id"], woken["id"]);
    assert_eq!(breach["properties"]["actor_type"], "system");
}

#[test]
fn a_deleted_ticket_is_erased_after_its_grace_and_its_number_is_not_given_again() {
    let (place, bearer) = with_ticket_key();
    let headers = [("Authorization", bearer.as_str())];
    let server = Server::start(&place);
    let made = server.post(TICKETS, &headers, "{}").json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        server.delete(&format!("{TICKETS}{id}/"), &headers).status,
        204
    );
    server.stop();

    let erasing = place.command(["serve", "--listen", "127.0.0.1:0", "--delete-grace", "0s"]);
    let server = Server::of(erasing);
    let log = format!("/api/projects/1/activity_log/?scope=Ticket&item_id={id}");
    until("it is erased", || {
        let log = server.get(&log, &headers).json();
        (log["results"][0]["activity"] == "purged").then_some(())
    });
    let next = server.post(TICKETS, &headers, "{}").json();
    assert_eq!(next["ticket_number"], 2);
}
