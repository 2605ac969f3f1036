//! What the tests share.

use llm::{
    ChatEvent, ChatMessage, ChatRequest, ChatStream, Completion, Error, Provider, ProviderConfig,
    ProviderKind, Secret,
};
use std::time::Duration;
use stubmodel::{Script, StubModel};

/// Both wires.
pub(crate) const KINDS: [ProviderKind; 2] = [ProviderKind::OpenAi, ProviderKind::Anthropic];

/// A configuration for the stub: short pauses, no patience limits that a test could meet by accident.
pub(crate) fn config(kind: ProviderKind, model: &StubModel) -> ProviderConfig {
    let mut config = ProviderConfig::new(kind, "stub-1");
    config.base_url = match kind {
        ProviderKind::OpenAi => model.openai_url(),
        ProviderKind::Anthropic => model.anthropic_url(),
    };
    config.api_key = Some(Secret::new("test-key"));
    config.retry_pause = Duration::from_millis(1);
    config
}

pub(crate) fn provider(kind: ProviderKind, model: &StubModel) -> Provider {
    Provider::new(config(kind, model)).unwrap()
}

pub(crate) fn ask(text: &str) -> ChatRequest {
    ChatRequest {
        system: "Be brief.".into(),
        messages: vec![ChatMessage::User {
            content: text.into(),
        }],
        ..ChatRequest::default()
    }
}

/// Everything a stream says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) thinking: String,
    /// `index id name` of each call, as they started.
    pub(crate) started: Vec<String>,
    pub(crate) end: Option<Result<Completion, Error>>,
}

impl Heard {
    /// The completion; panics if there was an error.
    pub(crate) fn completion(&self) -> &Completion {
        self.end.as_ref().unwrap().as_ref().unwrap()
    }
}

/// Reads to the end and checks what holds for every stream.
pub(crate) async fn hear(mut stream: ChatStream) -> Heard {
    let mut heard = Heard::default();
    while let Some(event) = stream.next().await {
        assert!(heard.end.is_none(), "an event after the end");
        match event {
            Ok(ChatEvent::Text(text)) => {
                assert!(!text.is_empty());
                heard.text += &text;
            }
            Ok(ChatEvent::Thinking(text)) => {
                assert!(!text.is_empty());
                heard.thinking += &text;
            }
            Ok(ChatEvent::ToolCallStarted { index, id, name }) => {
                heard.started.push(format!("{index} {id} {name}"));
            }
            Ok(ChatEvent::Finished(completion)) => {
                assert_eq!(completion.text, heard.text);
                let calls = completion.tool_calls.iter().enumerate();
                let calls: Vec<_> = calls
                    .map(|(index, call)| format!("{index} {} {}", call.id, call.name))
                    .collect();
                assert_eq!(calls, heard.started);
                heard.end = Some(Ok(completion));
            }
            Err(error) => heard.end = Some(Err(error)),
        }
    }
    assert!(heard.end.is_some(), "a stream without an end");
    assert!(stream.next().await.is_none(), "a stream that goes on");
    heard
}

/// Streams one answer. An error before the first event counts as the end of an empty stream.
pub(crate) async fn stream(provider: &Provider, request: &ChatRequest) -> Heard {
    match provider.stream(request).await {
        Ok(stream) => hear(stream).await,
        Err(error) => Heard {
            end: Some(Err(error)),
            ..Heard::default()
        },
    }
}

/// Streams one scripted answer from a server of its own.
pub(crate) async fn play(kind: ProviderKind, script: Script) -> Heard {
    let model = StubModel::start().await;
    let provider = provider(kind, &model);
    // A transient failure is repeated for every attempt.
    model.respond(move |_| script.clone());
    stream(&provider, &ask("hello")).await
}

/// `too long`, `unavailable`, `api 401`, `bad stream` or `config`.
pub(crate) fn class(error: &Error) -> String {
    match error {
        Error::TooLong { .. } => "too long".into(),
        Error::Unavailable { .. } => "unavailable".into(),
        Error::Api { status, .. } => format!("api {status}"),
        Error::BadStream(_) => "bad stream".into(),
        Error::Config(_) => "config".into(),
    }
}
