//! What the tests of turns and streams share.

use crate::common::Stage;
use http::Method;
use llm::{Provider, ProviderConfig, ProviderKind};
use serde_json::{Value, json};
use std::time::Duration;
use store::turns::{Turn, TurnKey};
use testkit::{Chat, Event, EventStream, Gate, Reply, Script, Setup, StubModel, TestApp};
use tokio::runtime::Runtime;

/// Looks at leases, at turns of other servers and at old frames so often that no test waits for it.
pub(crate) fn brisk(mut setup: Setup) -> Setup {
    setup.assistant.look_every = Duration::from_millis(20);
    setup
}

/// Answers with a model whose client is set up with the test's own limits.
pub(crate) fn answered_with(
    mut setup: Setup,
    model: &StubModel,
    kind: ProviderKind,
    change: impl FnOnce(&mut ProviderConfig),
) -> Setup {
    let mut config = ProviderConfig::new(kind, "stub");
    config.base_url = match kind {
        ProviderKind::OpenAi => model.openai_url(),
        ProviderKind::Anthropic => model.anthropic_url(),
    };
    config.max_retries = 0;
    change(&mut config);
    setup.assistant.answerer = assistant::Answerer::Model(Provider::new(config).unwrap());
    setup
}

/// Begins a turn in which the model waits at the gate before every piece.
pub(crate) async fn hold(stage: &Stage, chat: &Chat, pieces: &[&str]) -> (EventStream, Gate) {
    let gate = Gate::new();
    let pieces = pieces.iter().copied();
    stage.model.script([Script::text(pieces).gated(&gate)]);
    (chat.say("go on").await.expect(201), gate)
}

/// The chat as another key of the same user sees it, and that key.
pub(crate) async fn with_another_key(stage: &Stage, chat: &Chat) -> (Chat, String) {
    let user = stage.tenant.user;
    let key = stage.app.key(user, &["conversation:write"]).await;
    (chat.seen_by(&stage.app.api(&key)), key)
}

/// An answer that waits at the gate before every piece and before its end, so that every piece is a frame of its own.
pub(crate) fn stepwise(gate: &Gate, pieces: &[&str]) -> Script {
    let nothing = Script::text([""; 0]);
    let steps = pieces.iter().fold(nothing, |script, piece| {
        script.and_wait(gate).and_text([*piece])
    });
    steps.and_wait(gate)
}

/// A body with a member set, or replaced.
pub(crate) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// A body without a member.
pub(crate) fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

/// An attaching POST whose answer is read to its end.
pub(crate) async fn attach_reply(chat: &Chat, query: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = chat
        .api
        .request(Method::POST, &format!("{}{query}", chat.root()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    chat.api.send(request.json(&chat.attaching())).await
}

/// POSTs a body with an `Accept` header and reads the answer to its end.
pub(crate) async fn post_accepting(chat: &Chat, accept: &str, body: &Value) -> Reply {
    let request = chat.api.request(Method::POST, &chat.root());
    chat.api
        .send(request.header("accept", accept).json(body))
        .await
}

/// The events as the bytes they came in.
pub(crate) fn raw(events: &[Event]) -> String {
    events.iter().map(|event| event.raw.as_str()).collect()
}

/// The sequence number in an event's id.
pub(crate) fn seq(event: &Event) -> i64 {
    event.id.split_once(':').unwrap().1.parse().unwrap()
}

/// A conversation's final messages as the detail form has them, but without their ids.
pub(crate) async fn messages_without_ids(chat: &Chat) -> Vec<Value> {
    let detail = chat.detail().await;
    let messages = detail["messages"].as_array().unwrap().clone();
    let bare = |message: Value| without(message, "id");
    messages.into_iter().map(bare).collect()
}

/// The caller's conversations, as the list counts them.
pub(crate) async fn count(chat: &Chat) -> i64 {
    let list = chat.api.get(&chat.root()).await.expect(200);
    list.json["count"].as_i64().unwrap()
}

/// A turn as it is stored, for what no client can see.
pub(crate) async fn stored_turn(app: &TestApp, chat: &Chat, number: i64) -> Turn {
    let key = TurnKey {
        project_id: chat.project,
        conversation_id: model::ConversationId(chat.id),
        number,
    };
    let found = app
        .store
        .read(move |c| Box::pin(store::turns::find(c, key)))
        .await;
    found.unwrap().unwrap()
}

/// `contextual_tools` with one tool of this name.
pub(crate) fn tool(name: &str, rules: Value) -> Value {
    json!({ name: rules })
}

/// A server that can be stopped dead, as by `kill -9`: it has a runtime of its own, and when that is shut down no task
/// of the server runs on, and nothing is said to anybody.
pub(crate) struct Mortal {
    pub(crate) app: TestApp,
    /// Taken when it dies.
    runtime: Option<Runtime>,
    heir: Setup,
}

impl Mortal {
    pub(crate) async fn start(setup: Setup) -> Self {
        let heir = setup.twin();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let app = runtime.spawn(setup.start()).await.unwrap();
        Self {
            app,
            runtime: Some(runtime),
            heir,
        }
    }

    /// Stops it dead. Gives the setup for a server on what it leaves behind.
    pub(crate) fn kill(self) -> Setup {
        self.heir.twin()
    }

    /// As [`Self::kill`], and lets so much time go by that nobody believes it alive.
    pub(crate) fn kill_and_wait(self) -> Setup {
        let lease = self.heir.assistant.lease;
        let heir = self.kill();
        heir.clock.advance(lease + Duration::from_secs(1));
        heir
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
