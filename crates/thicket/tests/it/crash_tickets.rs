//! `kill -9` right after a write to a ticket was acknowledged, while others write too: what was acknowledged is there,
//! once; numbers are unique; and every counter is what a recount gives.

use crate::harness::Place;
use crate::postgres::on_postgres;
use crate::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use testkit::{Api, http_client, new_uuid};

/// Kills of one run; a longer run is asked for with this variable.
const ROUNDS: (&str, usize) = ("THICKET_CRASH_TICKET_ROUNDS", 100);
/// On PostgreSQL.
const ROUNDS_ON_POSTGRES: (&str, usize) = ("THICKET_CRASH_TICKET_ROUNDS_ON_POSTGRES", 30);
/// Writes of the first clerk in a round; the kill follows the last one. It has no divisor in common with the number of
/// kinds, so each kind is the last one in turn.
const WRITES: usize = 3;
/// People who write at once; the first one says when the server dies.
const CLERKS: usize = 3;
/// The whole store is looked through so often, and at the end.
const CHECK_EVERY: usize = 25;

/// Everything that writes to tickets.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Create,
    Reply,
    Note,
    Patch,
    WidgetBegins,
    WidgetGoesOn,
    BulkStatus,
    BulkTags,
    Comment,
    Merge,
}

const KINDS: [Kind; 10] = [
    Kind::Create,
    Kind::Reply,
    Kind::Note,
    Kind::Patch,
    Kind::WidgetBegins,
    Kind::WidgetGoesOn,
    Kind::BulkStatus,
    Kind::BulkTags,
    Kind::Comment,
    Kind::Merge,
];

const STATUSES: [&str; 4] = ["open", "pending", "on_hold", "resolved"];

/// What a clerk knows of a ticket.
#[derive(Debug, Default)]
struct Known {
    id: String,
    number: Option<i64>,
    /// Of the widget's visitor who began it.
    session: Option<String>,
    /// It has one of these; empty when nothing is known.
    statuses: Vec<String>,
    /// It has at least these.
    tags: Vec<String>,
    /// Messages that are there once.
    texts: Vec<String>,
    /// Messages that are there once or not at all.
    unsure: Vec<String>,
    merged_into: Option<String>,
    /// It may have been merged without a word about it.
    is_merged_perhaps: bool,
}

/// Somebody who writes to tickets of their own.
struct Clerk {
    name: usize,
    api: Api,
    token: String,
    tickets: Vec<Known>,
    writes: usize,
    /// Acknowledged writes.
    acknowledged: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_of_a_ticket_is_lost_when_the_server_is_killed() {
    kill_it(Place::new(), ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_of_a_ticket_is_lost_when_the_server_is_killed_on_postgresql() {
    let test = "nothing_acknowledged_of_a_ticket_is_lost_when_the_server_is_killed_on_postgresql";
    if let Some((place, _schema)) = on_postgres("crash_tickets", test).await {
        kill_it(place, ROUNDS_ON_POSTGRES).await;
    }
}

async fn kill_it(place: Place, rounds: (&str, usize)) {
    let rounds = std::env::var(rounds.0).map_or(rounds.1, |rounds| rounds.parse().unwrap());
    let project = place.json("project create --name Acme");
    place.json("project set 1 widget_enabled=true");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes *");
    let key = key["key"].as_str().unwrap().to_owned();
    let token = project["widget_token"].as_str().unwrap().to_owned();
    let mut clerks: Vec<Clerk> = (0..CLERKS)
        .map(|name| Clerk {
            name,
            api: Api::new(http_client(), String::new(), None),
            token: token.clone(),
            tickets: Vec::new(),
            writes: 0,
            acknowledged: 0,
        })
        .collect();
    for round in 0..=rounds {
        let server = start(&place);
        let api = Api::new(http_client(), server.url(), Some(key.clone()));
        clerks.iter_mut().for_each(|it| it.api = api.clone());
        check(&api, &mut clerks, round, round == rounds).await;
        if round == rounds {
            break;
        }
        let mut first = clerks.remove(0);
        let others: Vec<_> = clerks
            .drain(..)
            .map(|mut clerk| {
                tokio::spawn(async move {
                    while clerk.write().await {}
                    clerk
                })
            })
            .collect();
        for _ in 0..WRITES {
            assert!(first.write().await, "round {round}: the server is gone");
        }
        drop(server); // kill -9
        clerks.push(first);
        for other in others {
            clerks.push(other.await.unwrap());
        }
        if round % CHECK_EVERY == 0 {
            place.run("check").ok();
        }
    }
    place.run("check").ok();
    let written: usize = clerks.iter().map(|clerk| clerk.acknowledged).sum();
    assert!(written > rounds * WRITES, "the others wrote nothing");
}

fn start(place: &Place) -> Server {
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command.env("THICKET_RATE_LIMITS", "off");
    Server::of(command)
}

const TICKETS: &str = "/api/projects/1/conversations/tickets/";

fn at(ticket: &Known, rest: &str) -> String {
    format!("{TICKETS}{}/{rest}", ticket.id)
}

impl Clerk {
    /// Makes the next write. `false`: the server is gone, so nobody knows what came of it.
    async fn write(&mut self) -> bool {
        let kind = KINDS[self.writes % KINDS.len()];
        let text = format!("clerk {} write {}", self.name, self.writes);
        let status = STATUSES[self.writes / KINDS.len() % STATUSES.len()];
        self.writes += 1;
        let done = match kind {
            Kind::Create => self.create().await,
            Kind::Reply => self.reply(text, false).await,
            Kind::Note => self.reply(text, true).await,
            Kind::Comment => self.comment(text).await,
            Kind::Patch => self.patch(status).await,
            Kind::WidgetBegins => self.begin(text).await,
            Kind::WidgetGoesOn => self.go_on(text).await,
            Kind::BulkStatus => self.set_statuses(status).await,
            Kind::BulkTags => self.add_tag(format!("tag-{}", self.writes)).await,
            Kind::Merge => self.merge().await,
        };
        self.acknowledged += usize::from(done.is_some());
        done.is_some()
    }

    /// Sends a request; `None` when there is no whole answer.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Option<Value> {
        let request = self.api.request(method, path).json(body);
        let request = request.header("x-conversations-token", &self.token);
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The newest ticket that is not merged, and those before it.
    fn newest(&mut self) -> impl Iterator<Item = &mut Known> {
        let open = |it: &&mut Known| it.merged_into.is_none() && !it.is_merged_perhaps;
        self.tickets.iter_mut().rev().filter(open)
    }

    async fn create(&mut self) -> Option<()> {
        let body = json!({"priority": "high", "tags": ["born"]});
        let made = self.ask(Method::POST, TICKETS, &body).await?;
        self.tickets.push(Known {
            id: made["id"].as_str()?.to_owned(),
            number: made["ticket_number"].as_i64(),
            statuses: vec!["new".to_owned()],
            tags: vec!["born".to_owned()],
            ..Known::default()
        });
        Some(())
    }

    async fn reply(&mut self, text: String, is_private: bool) -> Option<()> {
        let path = at(self.newest().next()?, "reply/");
        let body = json!({"message": text, "is_private": is_private});
        let answer = self.ask(Method::POST, &path, &body).await;
        self.said(text, answer)
    }

    async fn comment(&mut self, text: String) -> Option<()> {
        let body = json!({
            "scope": "conversations_ticket", "item_id": self.newest().next()?.id, "content": text,
            "item_context": {"author_type": "support", "is_private": false},
        });
        let answer = self
            .ask(Method::POST, "/api/projects/1/comments/", &body)
            .await;
        self.said(text, answer)
    }

    fn said(&mut self, text: String, answer: Option<Value>) -> Option<()> {
        let ticket = self.newest().next()?;
        match answer {
            Some(_) => ticket.texts.push(text),
            None => ticket.unsure.push(text),
        }
        answer.map(|_| ())
    }

    async fn widget(&self, session: &str, text: &str, ticket: Option<&str>) -> Option<Value> {
        let body = json!({
            "widget_session_id": session, "distinct_id": "d", "message": text, "ticket_id": ticket,
        });
        let path = "/api/conversations/v1/widget/message";
        self.ask(Method::POST, path, &body).await
    }

    async fn begin(&mut self, text: String) -> Option<()> {
        let session = new_uuid().to_string();
        let made = self.widget(&session, &text, None).await?;
        self.tickets.push(Known {
            id: made["ticket_id"].as_str()?.to_owned(),
            session: Some(session),
            texts: vec![text],
            ..Known::default()
        });
        Some(())
    }

    async fn go_on(&mut self, text: String) -> Option<()> {
        // Who began it may have got no answer.
        let Some((id, session)) = self
            .newest()
            .find_map(|it| Some((it.id.clone(), it.session.clone()?)))
        else {
            return self.begin(text).await;
        };
        let answer = self.widget(&session, &text, Some(&id)).await;
        let ticket = self.newest().find(|it| it.id == id)?;
        match answer {
            Some(_) => ticket.texts.push(text),
            None => ticket.unsure.push(text),
        }
        answer.map(|_| ())
    }

    async fn patch(&mut self, status: &str) -> Option<()> {
        let path = at(self.newest().next()?, "");
        let body = json!({"status": status, "priority": "low"});
        let answer = self.ask(Method::PATCH, &path, &body).await;
        let ticket = self.newest().next()?;
        match &answer {
            Some(_) => ticket.statuses = vec![status.to_owned()],
            None => ticket.statuses.push(status.to_owned()),
        }
        answer.map(|_| ())
    }

    async fn set_statuses(&mut self, status: &str) -> Option<()> {
        let ids: Vec<_> = self.newest().take(2).map(|it| it.id.clone()).collect();
        let body = json!({"ids": ids, "status": status});
        let path = format!("{TICKETS}bulk_update_status/");
        let answer = self.ask(Method::POST, &path, &body).await;
        for ticket in self.newest().take(2) {
            match &answer {
                Some(_) => ticket.statuses = vec![status.to_owned()],
                // Of a ticket of which nothing is known, nothing is known now.
                None if ticket.statuses.is_empty() => {}
                None => ticket.statuses.push(status.to_owned()),
            }
        }
        answer.map(|_| ())
    }

    async fn add_tag(&mut self, tag: String) -> Option<()> {
        let ids: Vec<_> = self.newest().take(2).map(|it| it.id.clone()).collect();
        let body = json!({"ids": ids, "action": "add", "tags": [tag]});
        let path = format!("{TICKETS}bulk_update_tags/");
        self.ask(Method::POST, &path, &body).await?;
        for ticket in self.newest().take(2) {
            ticket.tags.push(tag.clone());
        }
        Some(())
    }

    async fn merge(&mut self) -> Option<()> {
        let mut newest = self.newest();
        let (source, target) = (newest.next()?.id.clone(), newest.next()?.id.clone());
        drop(newest);
        let path = format!("{TICKETS}{source}/merge/");
        let body = json!({"target_ticket_id": target});
        let answer = self.ask(Method::POST, &path, &body).await;
        // What was merged into it goes along.
        for ticket in &mut self.tickets {
            if ticket.id != source && ticket.merged_into.as_ref() != Some(&source) {
                continue;
            }
            match &answer {
                Some(_) => ticket.merged_into = Some(target.clone()),
                None => {
                    ticket.merged_into = None;
                    ticket.is_merged_perhaps = true;
                }
            }
            ticket.statuses.clear();
        }
        answer.map(|_| ())
    }
}

/// After a restart: what was acknowledged is so, and the counters agree with what there is.
async fn check(api: &Api, clerks: &mut [Clerk], round: usize, is_last: bool) {
    let mut tickets = HashMap::new();
    let (mut numbers, mut unread, mut offset) = (HashSet::new(), 0, 0);
    loop {
        let page = format!("{TICKETS}?order_by=ticket_number&limit=1000&offset={offset}");
        let list = api.get(&page).await.expect(200).json;
        let results = list["results"].as_array().unwrap();
        offset += results.len();
        for ticket in results {
            let number = ticket["ticket_number"].as_i64().unwrap();
            assert!(numbers.insert(number), "round {round}: two of {number}");
            if ticket["status"] != "resolved" {
                unread += ticket["unread_team_count"].as_i64().unwrap();
            }
            let id = ticket["id"].as_str().unwrap().to_owned();
            tickets.insert(id, ticket.clone());
        }
        if results.is_empty() {
            assert_eq!(list["count"], offset, "round {round}");
            break;
        }
    }
    let count = api
        .get(&format!("{TICKETS}unread_count/"))
        .await
        .expect(200);
    assert_eq!(count.json["count"], unread, "round {round}");
    for clerk in clerks {
        let recent = if is_last { usize::MAX } else { 4 };
        for (place, known) in clerk.tickets.iter_mut().rev().enumerate() {
            let shown = tickets.get(&known.id);
            let shown = shown.unwrap_or_else(|| panic!("round {round}: lost {known:?}"));
            let what = format!("round {round}: {known:?} but {shown}");
            check_fields(known, shown, &what);
            if place < recent {
                check_messages(api, known, shown, &what).await;
            }
            if known.is_merged_perhaps {
                known.is_merged_perhaps = false;
                known.merged_into = shown["merged_into_id"].as_str().map(str::to_owned);
            }
            known.statuses = vec![shown["status"].as_str().unwrap().to_owned()];
        }
    }
}

fn check_fields(known: &Known, shown: &Value, what: &str) {
    if let Some(number) = known.number {
        assert_eq!(shown["ticket_number"], number, "{what}");
    }
    let status = shown["status"].as_str().unwrap();
    let is_known = known.statuses.iter().any(|it| it == status);
    assert!(known.statuses.is_empty() || is_known, "{what}");
    let tags = shown["tags"].as_array().unwrap();
    assert!(
        known.tags.iter().all(|tag| tags.contains(&json!(tag))),
        "{what}"
    );
    if let Some(target) = &known.merged_into {
        assert_eq!(shown["merged_into_id"], json!(target), "{what}");
    }
}

async fn check_messages(api: &Api, known: &Known, shown: &Value, what: &str) {
    let path = format!("{}?limit=200", at(known, "messages/"));
    let list = api.get(&path).await.expect(200).json;
    let messages = list["results"].as_array().unwrap();
    assert_eq!(list["count"], messages.len(), "{what}");
    let times = |text: &String| messages.iter().filter(|it| it["content"] == *text).count();
    for text in &known.texts {
        assert_eq!(times(text), 1, "{text}: {what}: {list}");
    }
    for text in &known.unsure {
        assert!(times(text) <= 1, "{text}: {what}: {list}");
    }
    let public = messages.iter().filter(|it| it["is_private"] == false);
    assert_eq!(shown["message_count"], public.count(), "{what}: {list}");
}
