//! What the tests of the widget share: a project, its team, and browsers.

use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup, new_uuid};
use uuid::Uuid;

pub(crate) const BASE: &str = "/api/conversations/v1/widget/";

/// A project whose widget is switched on, and its team.
pub(crate) struct Site {
    pub(crate) desk: Desk,
    pub(crate) token: String,
}

/// A browser with the widget.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) api: Api,
    pub(crate) token: String,
    pub(crate) session: Uuid,
    pub(crate) distinct_id: String,
    /// Sent as `Origin`.
    pub(crate) origin: Option<String>,
}

impl Site {
    pub(crate) async fn new(setup: Setup) -> Self {
        let desk = Desk::new(setup).await;
        let token = widget_token(&desk.api, desk.tenant.project.0).await;
        Self { desk, token }
    }

    pub(crate) fn browser(&self, distinct_id: &str) -> Browser {
        Browser {
            api: self.desk.app.stranger(),
            token: self.token.clone(),
            session: new_uuid(),
            distinct_id: distinct_id.to_owned(),
            origin: None,
        }
    }

    pub(crate) async fn set(&self, name: &str, value: &str) {
        let project = self.desk.tenant.project;
        self.desk.app.set(project, name, value).await;
    }

    /// Path below the project.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/projects/{}/{rest}", self.desk.tenant.project)
    }

    /// The mails of the outbox, newest first.
    pub(crate) async fn mails(&self) -> Vec<Value> {
        let path = self.path("conversations/outbox/");
        let list = self.desk.api.get(&path).await.expect(200).json;
        list["results"].as_array().unwrap().clone()
    }

    /// The secret that identities are signed with.
    pub(crate) async fn secret(&self) -> String {
        let path = self.path("rotate_secret_token/");
        let reply = self.desk.api.post(&path, &json!({})).await.expect(200);
        reply.json["secret_token"].as_str().unwrap().to_owned()
    }

    /// Sends an event as browsers do.
    pub(crate) async fn capture(&self, event: &Value) {
        let project = self.desk.api.get(&self.path("")).await.expect(200).json;
        let mut event = event.clone();
        event["api_key"] = project["api_token"].clone();
        let visitor = self.desk.app.stranger();
        visitor.post("/i/v0/e/", &event).await.expect(200);
    }

    /// How the team sees a ticket, without reading it.
    pub(crate) async fn staff_sees(&self, ticket: &Value) -> Value {
        self.desk.peek(&json!({ "id": ticket })).await
    }

    pub(crate) async fn staff_says(&self, ticket: &Value, body: Value) -> Value {
        let ticket = json!({ "id": ticket });
        self.desk.reply(&ticket, body).await.expect(201).json
    }
}

pub(crate) async fn widget_token(api: &Api, project: i64) -> String {
    let project = api.get(&format!("/api/projects/{project}/")).await;
    let token = &project.expect(200).json["widget_public_token"];
    token.as_str().unwrap().to_owned()
}

impl Browser {
    /// Sends a body, or for GET parameters, to a path below [`BASE`].
    pub(crate) async fn send(&self, method: Method, path: &str, input: &Value) -> Reply {
        let mut path = format!("{BASE}{path}");
        if method == Method::GET {
            path = format!("{path}?{}", query_of(input));
        }
        let mut request = self
            .api
            .request(method.clone(), &path)
            .header("x-conversations-token", &self.token);
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        if method != Method::GET {
            request = request.json(input);
        }
        self.api.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, body).await
    }

    /// A message with everything that the widget sends.
    pub(crate) async fn write(&self, more: Value) -> Reply {
        let mut body = json!({"widget_session_id": self.session, "distinct_id": self.distinct_id});
        let members = body.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.post("message", &body).await
    }

    /// Begins a ticket and gives the answer.
    pub(crate) async fn begin(&self, text: &str) -> Value {
        self.write(json!({ "message": text }))
            .await
            .expect(200)
            .json
    }

    /// Writes into a ticket.
    pub(crate) async fn go_on(&self, ticket: &Value, text: &str) -> Reply {
        self.write(json!({"message": text, "ticket_id": ticket}))
            .await
    }

    pub(crate) async fn read(&self, ticket: &Value, more: Value) -> Reply {
        let path = format!("messages/{}", ticket.as_str().unwrap());
        self.send(Method::GET, &path, &self.me(more)).await
    }

    pub(crate) async fn mark_read(&self, ticket: &Value) -> Reply {
        let path = format!("messages/{}/read", ticket.as_str().unwrap());
        self.post(&path, &self.me(json!({}))).await
    }

    pub(crate) async fn tickets(&self, more: Value) -> Reply {
        self.send(Method::GET, "tickets", &self.me(more)).await
    }

    /// The numbers of this browser's tickets.
    pub(crate) async fn numbers(&self) -> Vec<i64> {
        numbers(&self.tickets(json!({})).await.expect(200).json)
    }

    fn me(&self, more: Value) -> Value {
        let mut input = json!({"widget_session_id": self.session});
        let members = input.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        input
    }
}

/// The members of an object as parameters of a query.
fn query_of(input: &Value) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in input.as_object().unwrap() {
        match value {
            Value::String(text) => query.append_pair(name, text),
            other => query.append_pair(name, &other.to_string()),
        };
    }
    query.finish()
}

/// The numbers of a list of tickets.
pub(crate) fn numbers(list: &Value) -> Vec<i64> {
    let results = list["results"].as_array().unwrap();
    let number = |ticket: &Value| ticket["ticket_number"].as_i64().unwrap();
    results.iter().map(number).collect()
}

/// The texts of a page of messages.
pub(crate) fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}
