//! A ticket for the customer's own backend (tickets.md 15.1, 18.8 rows 193 to 204; conventions.md 9, 11 rows 55 to 57).

mod access;
mod changes;
mod due;

use crate::common::assert_json;
use crate::tickets_desk::Desk;
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup};

/// A project, and a program with its secret.
struct Backend {
    desk: Desk,
    secret: String,
    api: Api,
}

impl Backend {
    async fn new(setup: Setup) -> Self {
        let desk = Desk::new(setup).await;
        let secret = rotate(&desk).await;
        let api = desk.app.api(&secret);
        Self { desk, secret, api }
    }

    async fn get(&self, ticket: &Value) -> Reply {
        self.api.get(&path(ticket)).await
    }

    async fn patch(&self, ticket: &Value, body: Value) -> Reply {
        self.api.patch(&path(ticket), &body).await
    }

    /// A change that is made.
    async fn change(&self, ticket: &Value, body: Value) -> Value {
        assert_json(&self.patch(ticket, body).await, 200, &json!({"ok": true}));
        self.desk.peek(ticket).await
    }
}

async fn rotate(desk: &Desk) -> String {
    let path = format!("/api/projects/{}/rotate_secret_token/", desk.tenant.project);
    let reply = desk.api.post(&path, &json!({})).await.expect(200);
    reply.json["secret_token"].as_str().unwrap().to_owned()
}

fn path(ticket: &Value) -> String {
    let id = ticket["id"].as_str().unwrap();
    format!("/api/conversations/external/ticket/{id}")
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}
