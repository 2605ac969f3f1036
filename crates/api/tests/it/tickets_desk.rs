//! What the tests of tickets share: a project with a member, and customers without a widget.

use model::fields::Fields;
use model::tickets::{NewMessage, NewTicket, TicketChange, TicketKey};
use model::{MessageId, TicketId};
use serde_json::{Value, json};
use std::time::Duration;
use store::tickets::{Actor, Scene};
use testkit::{Api, Reply, Setup, Tenant, TestApp, new_uuid};

pub(crate) struct Desk {
    pub(crate) app: TestApp,
    pub(crate) tenant: Tenant,
    pub(crate) api: Api,
    /// `…/conversations/tickets/`
    pub(crate) path: String,
}

impl Desk {
    pub(crate) async fn new(setup: Setup) -> Self {
        let app = setup.start().await;
        let tenant = app.tenant().await;
        Self::of(app, tenant)
    }

    /// The desk of a tenant who was there before the server.
    pub(crate) fn of(app: TestApp, tenant: Tenant) -> Self {
        let api = app.api(&tenant.key);
        let tenant = Tenant {
            api: api.clone(),
            ..tenant
        };
        let path = path_of(&tenant);
        Self {
            app,
            tenant,
            api,
            path,
        }
    }

    /// POSTs a ticket and gives it.
    pub(crate) async fn add(&self, body: Value) -> Value {
        self.api.post(&self.path, &body).await.expect(201).json
    }

    /// A ticket as a channel makes it.
    pub(crate) async fn arrive(&self, change: impl FnOnce(&mut NewTicket)) -> Value {
        let fields = TicketChange::read(&Fields::of(&json!({})).unwrap()).unwrap();
        let mut new = NewTicket::new(TicketId(new_uuid()), fields);
        change(&mut new);
        let scene = self.scene();
        let ticket = self
            .app
            .store
            .write(move |c| Box::pin(async move { store::tickets::create(c, &scene, new).await }))
            .await
            .unwrap();
        json!({"id": ticket.id, "ticket_number": ticket.number})
    }

    /// The customer writes, through no cache.
    pub(crate) async fn hear(&self, ticket: &Value, text: &str) {
        hear(&self.app, &self.tenant, ticket, text).await;
    }

    pub(crate) fn scene(&self) -> Scene {
        scene(&self.app, &self.tenant)
    }

    /// A path below a ticket.
    pub(crate) fn at(&self, ticket: &Value, rest: &str) -> String {
        format!("{}{}/{rest}", self.path, ticket["id"].as_str().unwrap())
    }

    pub(crate) async fn get(&self, ticket: &Value) -> Reply {
        self.api.get(&self.at(ticket, "")).await
    }

    /// The ticket as the list shows it: reads nothing.
    pub(crate) async fn peek(&self, ticket: &Value) -> Value {
        let id = ticket["id"].as_str().unwrap();
        let list = self.list(&format!("ids={id}")).await;
        list["results"][0].clone()
    }

    pub(crate) async fn patch(&self, ticket: &Value, body: Value) -> Reply {
        self.api.patch(&self.at(ticket, ""), &body).await
    }

    pub(crate) async fn reply(&self, ticket: &Value, body: Value) -> Reply {
        self.api.post(&self.at(ticket, "reply/"), &body).await
    }

    pub(crate) async fn list(&self, query: &str) -> Value {
        let path = format!("{}?{query}", self.path);
        self.api.get(&path).await.expect(200).json
    }

    /// The numbers of the tickets that a query finds, in its order.
    pub(crate) async fn numbers(&self, query: &str) -> Vec<i64> {
        let list = self.list(query).await;
        let results = list["results"].as_array().unwrap();
        let numbers: Vec<i64> = results
            .iter()
            .map(|ticket| ticket["ticket_number"].as_i64().unwrap())
            .collect();
        let count = usize::try_from(list["count"].as_i64().unwrap()).unwrap();
        assert_eq!(count, numbers.len(), "{query}");
        numbers
    }

    pub(crate) async fn unread(&self) -> i64 {
        let path = format!("{}unread_count/", self.path);
        let count = self.api.get(&path).await.expect(200).json;
        count["count"].as_i64().unwrap()
    }

    /// The published and hidden events of the project, oldest first.
    pub(crate) async fn events(&self) -> Vec<(String, Value)> {
        let project = self.tenant.project;
        let events = self
            .app
            .store
            .read(move |c| {
                Box::pin(
                    async move { store::events::list_after(c, project, 0, 10_000, true).await },
                )
            })
            .await
            .unwrap();
        let read = |event: store::events::Event| {
            let properties = serde_json::from_str(&event.properties).unwrap();
            (event.kind, properties)
        };
        events.into_iter().map(read).collect()
    }

    /// The events of one kind.
    pub(crate) async fn events_of(&self, kind: &str) -> Vec<Value> {
        let events = self.events().await.into_iter();
        events
            .filter(|(it, _)| it == kind)
            .map(|(_, properties)| properties)
            .collect()
    }

    /// What the activity log says of a ticket, newest first.
    pub(crate) async fn activity(&self, ticket: &Value) -> Vec<Value> {
        let path = format!(
            "/api/projects/{}/activity_log/?scope=Ticket&item_id={}",
            self.tenant.project,
            ticket["id"].as_str().unwrap()
        );
        let log = self.api.get(&path).await.expect(200).json;
        log["results"].as_array().unwrap().clone()
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.app.advance(Duration::from_secs(seconds));
    }

    /// A moment from now, as clients write it.
    pub(crate) fn in_seconds(&self, seconds: i64) -> String {
        let now = self.app.env.now().as_micros();
        model::Timestamp::from_micros(now + seconds * 1_000_000).to_string()
    }
}

/// A path below the conversations of a tenant's project.
pub(crate) fn path(tenant: &Tenant, rest: &str) -> String {
    format!("/api/projects/{}/conversations/{rest}", tenant.project)
}

pub(crate) fn path_of(tenant: &Tenant) -> String {
    format!("/api/projects/{}/conversations/tickets/", tenant.project)
}

pub(crate) fn key(ticket: &Value) -> TicketKey {
    TicketKey::parse(ticket["id"].as_str().unwrap()).unwrap()
}

/// A text for a query string.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn scene(app: &TestApp, tenant: &Tenant) -> Scene {
    Scene {
        project: tenant.project,
        organization: tenant.organization,
        actor: Actor::customer(),
        env: app.env.clone(),
        now: app.env.now(),
    }
}

/// The customer writes, through no cache.
pub(crate) async fn hear(app: &TestApp, tenant: &Tenant, ticket: &Value, text: &str) {
    let new = NewMessage::by_customer(MessageId(new_uuid()), text.to_owned());
    let (scene, key) = (scene(app, tenant), key(ticket));
    let added = app
        .store
        .write(move |c| {
            Box::pin(async move { store::tickets::add_message(c, &scene, key, &new, false).await })
        })
        .await
        .unwrap();
    assert!(added.is_some());
}
