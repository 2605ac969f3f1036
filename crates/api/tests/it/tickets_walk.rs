//! A long random walk over tickets, beside a model of what every counter must be (tickets.md 9, 11.4).

use crate::tickets_desk::Desk;
use model::{Rng as _, SystemRng};
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    counters_follow_a_random_walk,
}

const STEPS: usize = 1000;
const TICKETS_MAX: usize = 40;
const STATUSES: [&str; 5] = ["new", "open", "pending", "on_hold", "resolved"];

/// Any walk will do, as long as it can be named.
struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    fn new() -> Self {
        let mut bytes = [0; 8];
        SystemRng.fill(&mut bytes);
        let seed = u64::from_le_bytes(bytes);
        Self {
            seed,
            state: seed | 1,
        }
    }

    /// xorshift64.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % bound as u64).unwrap()
    }

    fn status(&mut self) -> &'static str {
        STATUSES[self.below(STATUSES.len())]
    }
}

/// What the numbers of one ticket should be.
struct Expected {
    ticket: Value,
    status: &'static str,
    /// Of the customer's messages, not read by the team.
    unread: i64,
    /// Of the team's messages, not read by the customer.
    unseen: i64,
    messages: i64,
    is_mine: bool,
    is_tagged: bool,
    is_snoozed: bool,
    /// It is not walked over any more.
    is_merged: bool,
    /// A message that can be deleted and brought back, and whether it is deleted.
    comment: Option<(String, bool)>,
}

impl Expected {
    async fn new(desk: &Desk, status: &'static str) -> Self {
        Self {
            ticket: desk.add(json!({ "status": status })).await,
            status,
            unread: 0,
            unseen: 0,
            messages: 0,
            is_mine: false,
            is_tagged: false,
            is_snoozed: false,
            is_merged: false,
            comment: None,
        }
    }

    async fn patch(&self, desk: &Desk, body: Value) {
        desk.patch(&self.ticket, body).await.expect(200);
    }

    async fn hear(&mut self, desk: &Desk) {
        desk.hear(&self.ticket, "hello").await;
        self.unread += 1;
        self.messages += 1;
    }

    async fn read(&mut self, desk: &Desk) {
        desk.get(&self.ticket).await.expect(200);
        self.unread = 0;
    }

    async fn reply(&mut self, desk: &Desk, is_private: bool) {
        let body = json!({"message": "hi", "is_private": is_private});
        desk.reply(&self.ticket, body).await.expect(201);
        self.messages += i64::from(!is_private);
        self.unseen += i64::from(!is_private);
    }

    /// Makes a comment, deletes it, or brings it back.
    async fn comment(&mut self, desk: &Desk) {
        let path = format!("/api/projects/{}/comments/", desk.tenant.project);
        let (id, is_deleted) = match self.comment.take() {
            None => {
                let new = json!({
                    "scope": "conversations_ticket", "item_id": self.ticket["id"], "content": "hello",
                });
                let made = desk.api.post(&path, &new).await.expect(201).json;
                (made["id"].as_str().unwrap().to_owned(), false)
            }
            Some((id, was_deleted)) => {
                let path = format!("{path}{id}/");
                let change = json!({"deleted": !was_deleted});
                desk.api.patch(&path, &change).await.expect(200);
                (id, !was_deleted)
            }
        };
        let more = if is_deleted { -1 } else { 1 };
        self.messages += more;
        self.unseen += more;
        self.comment = Some((id, is_deleted));
    }

    async fn move_to(&mut self, desk: &Desk, status: &'static str, in_bulk: bool) {
        if in_bulk {
            let body = json!({"ids": [self.ticket["id"]], "status": status});
            let path = format!("{}bulk_update_status/", desk.path);
            desk.api.post(&path, &body).await.expect(200);
        } else {
            self.patch(desk, json!({ "status": status })).await;
        }
        self.status = status;
    }

    async fn snooze_or_wake(&mut self, desk: &Desk) {
        self.is_snoozed = !self.is_snoozed;
        let until = self.is_snoozed.then(|| desk.in_seconds(1_000_000));
        // The status is named, so that it does not move by itself.
        let body = json!({"snoozed_until": until, "status": self.status});
        self.patch(desk, body).await;
    }
}

async fn counters_follow_a_random_walk(setup: Setup) {
    let desk = Desk::new(setup).await;
    let mut dice = Dice::new();
    let mut tickets: Vec<Expected> = Vec::new();
    for step in 0..STEPS {
        let action = dice.below(18);
        let open: Vec<usize> = (0..tickets.len())
            .filter(|place| !tickets[*place].is_merged)
            .collect();
        if open.len() < 2 || (action == 0 && tickets.len() < TICKETS_MAX) {
            tickets.push(Expected::new(&desk, dice.status()).await);
            continue;
        }
        let place = open[dice.below(open.len())];
        let it = &mut tickets[place];
        match action {
            1 => {
                desk.api.delete(&desk.at(&it.ticket, "")).await.expect(204);
                tickets.swap_remove(place);
            }
            2 => {
                let target = open.into_iter().find(|other| *other != place).unwrap();
                merge(&desk, &mut tickets, place, target).await;
            }
            3..=5 => it.hear(&desk).await,
            6 => it.move_to(&desk, dice.status(), true).await,
            7 | 8 => it.move_to(&desk, dice.status(), false).await,
            9 => it.read(&desk).await,
            10 => it.reply(&desk, false).await,
            11 => it.reply(&desk, true).await,
            12 | 13 => it.comment(&desk).await,
            14 => {
                it.is_mine = !it.is_mine;
                let me = json!({"type": "user", "id": desk.tenant.user});
                let assignee = if it.is_mine { me } else { Value::Null };
                it.patch(&desk, json!({ "assignee": assignee })).await;
            }
            15 => {
                it.is_tagged = !it.is_tagged;
                let tags: &[&str] = if it.is_tagged { &["walked"] } else { &[] };
                it.patch(&desk, json!({ "tags": tags })).await;
            }
            16 => it.snooze_or_wake(&desk).await,
            _ => {
                let priority = ["low", "medium", "high", "critical"][dice.below(4)];
                it.patch(&desk, json!({ "priority": priority })).await;
            }
        }
        if step % 100 == 99 {
            desk.later(30);
            check(&desk, &tickets, &format!("seed {}, step {step}", dice.seed)).await;
        }
    }
    for it in &tickets {
        let shown = desk.peek(&it.ticket).await;
        let seed = dice.seed;
        assert_eq!(shown["status"], it.status, "seed {seed}");
        assert_eq!(shown["unread_team_count"], it.unread, "seed {seed}");
        assert_eq!(shown["unread_customer_count"], it.unseen, "seed {seed}");
        assert_eq!(shown["message_count"], it.messages, "seed {seed}");
    }
    let findings = desk.app.store.check().await.unwrap();
    assert!(findings.is_empty(), "seed {}: {findings:?}", dice.seed);
}

/// The one is resolved and the caller's then; the notes are private and count nowhere.
async fn merge(desk: &Desk, tickets: &mut [Expected], place: usize, target: usize) {
    let body = json!({"target_ticket_id": tickets[target].ticket["id"]});
    let it = &mut tickets[place];
    let path = desk.at(&it.ticket, "merge/");
    desk.api.post(&path, &body).await.expect(200);
    it.status = "resolved";
    it.is_mine = true;
    it.is_merged = true;
}

async fn check(desk: &Desk, tickets: &[Expected], place: &str) {
    let is_open = |it: &&Expected| it.status != "resolved";
    let unread: i64 = tickets.iter().filter(is_open).map(|it| it.unread).sum();
    assert_eq!(desk.unread().await, unread, "{place}");
    type Fits = fn(&Expected) -> bool;
    let filters: [(&str, Fits); 8] = [
        ("", |_| true),
        ("assignee=me", |it| it.is_mine),
        ("assignee=unassigned", |it| !it.is_mine),
        ("tags=[\"walked\"]", |it| it.is_tagged),
        ("snoozed=true", |it| it.is_snoozed),
        ("status=new,open", |it| ["new", "open"].contains(&it.status)),
        ("status=resolved&assignee=me", |it| {
            it.status == "resolved" && it.is_mine
        }),
        ("status=pending&snoozed=false", |it| {
            it.status == "pending" && !it.is_snoozed
        }),
    ];
    for (query, fits) in filters {
        let list = desk.list(&format!("limit=1&{query}")).await;
        let expected = tickets.iter().filter(|it| fits(it)).count();
        assert_eq!(list["count"], expected, "{place}: {query}");
    }
    for status in STATUSES {
        let list = desk.list(&format!("status={status}&limit=1")).await;
        let expected = tickets.iter().filter(|it| it.status == status).count();
        assert_eq!(list["count"], expected, "{place}: {status}");
    }
}
