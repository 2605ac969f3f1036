//! What the files of this binary share.

use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Chat, Event, PATIENCE, Reply, Setup, StubModel, Tenant, TestApp};

/// A server that is answered by a scripted model, and a member of a project.
pub(crate) struct Stage {
    pub(crate) app: TestApp,
    pub(crate) model: StubModel,
    pub(crate) tenant: Tenant,
}

impl Stage {
    /// Titles by the model are off: they would change `updated_at` at some moment of a test. So is the assistant's own tool:
    /// these tests are about the page's.
    pub(crate) async fn new(setup: Setup) -> Self {
        let model = StubModel::start().await;
        let app = setup.answered_by(&model).start().await;
        let tenant = app.tenant().await;
        app.set(tenant.project, "titles_by_model", "false").await;
        app.set(tenant.project, "ai_opens_tickets", "false").await;
        Self { app, model, tenant }
    }

    pub(crate) fn chat(&self) -> Chat {
        self.tenant.chat()
    }

    /// A conversation with one finished turn.
    pub(crate) async fn idle_chat(&self) -> Chat {
        let chat = self.chat();
        chat.say("first words").await.expect(201).events().await;
        chat
    }
}

/// Adds a message to the queue.
pub(crate) async fn enqueue(chat: &Chat, text: &str) -> Reply {
    let body = json!({ "content": text });
    chat.api.post(&chat.path("queue/"), &body).await
}

/// Adds a message to the queue, but only behind a running turn.
pub(crate) async fn enqueue_strictly(chat: &Chat, text: &str) -> Reply {
    let request = chat.api.request(Method::POST, &chat.path("queue/"));
    let request = request.header("prefer", "handling=strict");
    chat.api
        .send(request.json(&json!({ "content": text })))
        .await
}

/// The texts that wait.
pub(crate) async fn waiting(chat: &Chat) -> Vec<String> {
    let queue = chat.api.get(&chat.path("queue/")).await.expect(200);
    contents(&queue.json["messages"])
}

/// `content` of every object of a list.
pub(crate) fn contents(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let content = |it: &Value| it["content"].as_str().unwrap_or_default().to_owned();
    list.iter().map(content).collect()
}

/// Stops the running turn and gives the conversation as it is then.
pub(crate) async fn cancel(chat: &Chat) -> Value {
    let path = chat.path("cancel/");
    chat.api.patch(&path, &json!({})).await.expect(200).json
}

/// The final messages among events: `(type, content)`.
pub(crate) fn finals(events: &[Event]) -> Vec<(String, String)> {
    events
        .iter()
        .filter(|event| event.name == "message" && !event.is_partial())
        .map(|event| (event.kind(), event.content()))
        .collect()
}

/// As [`finals`], from texts, for comparing.
pub(crate) fn said(messages: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(kind, content): &(&str, &str)| ((*kind).to_owned(), (*content).to_owned());
    messages.iter().map(owned).collect()
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("no object: {object}"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Fails unless the answer is the error envelope with this status, `code` and `attr` (null for an empty one).
#[track_caller]
pub(crate) fn assert_error(reply: &Reply, status: u16, code: &str, attr: &str) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    assert_eq!(reply.json["code"], code, "{}", reply.text);
    let expected = if attr.is_empty() {
        Value::Null
    } else {
        json!(attr)
    };
    assert_eq!(reply.json["attr"], expected, "{}", reply.text);
    assert!(
        reply.json["type"].is_string() && reply.json["detail"].is_string(),
        "{}",
        reply.text
    );
}

/// Fails unless the answer is exactly this JSON.
#[track_caller]
pub(crate) fn assert_json(reply: &Reply, status: u16, body: &Value) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    assert_eq!(&reply.json, body, "{}", reply.text);
}

/// Sends a request with a body in a format of its own.
pub(crate) async fn send_raw(
    api: &Api,
    method: Method,
    path: &str,
    kind: &str,
    body: impl Into<String>,
) -> Reply {
    let request = api.request(method, path).header("content-type", kind);
    api.send(request.body(body.into())).await
}

/// Asks again and again until the answer is as wanted.
pub(crate) async fn eventually<F>(what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(in_time.is_ok(), "never came to be: {what}");
}

/// Makes somebody a mere member.
pub(crate) async fn demote(app: &TestApp, tenant: &Tenant) {
    let (organization, user, now) = (tenant.organization, tenant.user, app.env.now());
    app.store
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
    app.app.forget_cached();
}
