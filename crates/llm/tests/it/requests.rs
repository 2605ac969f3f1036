//! What is sent.

use crate::support::{KINDS, ask, provider, stream};
use llm::{ChatMessage, ChatRequest, ProviderKind, ToolCall, ToolSpec};
use serde_json::{Value, json};
use stubmodel::{Received, StubModel};

fn conversation() -> ChatRequest {
    let schema = json!({"type": "object", "properties": {"q": {"type": "string"}}});
    ChatRequest {
        system: "Be brief.".into(),
        messages: vec![
            ChatMessage::User {
                content: "hi".into(),
            },
            ChatMessage::Assistant {
                content: "Let me look.".into(),
                tool_calls: vec![
                    ToolCall {
                        id: "a".into(),
                        name: "search".into(),
                        args: json!({"q": "x"}),
                    },
                    ToolCall {
                        id: "b".into(),
                        name: "search".into(),
                        args: json!("odd"),
                    },
                ],
            },
            ChatMessage::Tool {
                call_id: "a".into(),
                content: "found".into(),
            },
            ChatMessage::User {
                content: "and?".into(),
            },
            ChatMessage::User {
                content: "please".into(),
            },
        ],
        tools: vec![ToolSpec {
            name: "search".into(),
            description: "Searches.".into(),
            parameters: schema,
        }],
        max_output_tokens: Some(500),
    }
}

async fn sent(kind: ProviderKind, request: &ChatRequest, streaming: bool) -> Received {
    let model = StubModel::start().await;
    let provider = provider(kind, &model);
    if streaming {
        stream(&provider, request).await.completion();
    } else {
        provider.complete(request).await.unwrap();
    }
    model.requests().remove(0)
}

#[tokio::test]
async fn openai_requests_look_as_documented() {
    let received = sent(ProviderKind::OpenAi, &conversation(), true).await;
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.header("authorization"), "Bearer test-key");
    assert_eq!(received.header("content-type"), "application/json");
    assert!(received.header("user-agent").starts_with("thicket/"));
    let interrupted = "No result: the call was interrupted.";
    assert_eq!(
        received.body,
        json!({
            "model": "stub-1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "a", "type": "function",
                     "function": {"name": "search", "arguments": "{\"q\":\"x\"}"}},
                    {"id": "b", "type": "function",
                     "function": {"name": "search", "arguments": "\"odd\""}},
                ]},
                {"role": "tool", "tool_call_id": "a", "content": "found"},
                {"role": "tool", "tool_call_id": "b", "content": interrupted},
                {"role": "user", "content": "and?"},
                {"role": "user", "content": "please"},
            ],
            "tools": [{"type": "function", "function": {
                "name": "search", "description": "Searches.",
                "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
            }}],
            "max_tokens": 500,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
}

#[tokio::test]
async fn anthropic_requests_look_as_documented() {
    let received = sent(ProviderKind::Anthropic, &conversation(), true).await;
    assert_eq!(received.path, "/v1/messages");
    assert_eq!(received.header("x-api-key"), "test-key");
    assert_eq!(received.header("anthropic-version"), "2023-06-01");
    assert_eq!(received.header("authorization"), "");
    let interrupted = "No result: the call was interrupted.";
    assert_eq!(
        received.body,
        json!({
            "model": "stub-1",
            "max_tokens": 500,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "a", "name": "search", "input": {"q": "x"}},
                    {"type": "tool_use", "id": "b", "name": "search", "input": {"_raw": "odd"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "found"},
                    {"type": "tool_result", "tool_use_id": "b", "content": interrupted},
                    {"type": "text", "text": "and?"},
                    {"type": "text", "text": "please"},
                ]},
            ],
            "tools": [{
                "name": "search", "description": "Searches.",
                "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
            }],
            "stream": true,
        })
    );
}

#[tokio::test]
async fn what_is_empty_is_left_out() {
    for kind in KINDS {
        let mut request = ask("hi");
        request.system.clear();
        let received = sent(kind, &request, false).await;
        assert_eq!(received.system(), "");
        assert_eq!(received.messages(), [("user".into(), "hi".into())]);
        for absent in ["tools", "stream_options", "system"] {
            assert_eq!(received.body.get(absent), None, "{kind:?}");
        }
        assert_eq!(received.body["stream"], false);
        let max_tokens = match kind {
            ProviderKind::OpenAi => Value::Null,
            ProviderKind::Anthropic => json!(32_000),
        };
        assert_eq!(received.body["max_tokens"], max_tokens);
    }
}

#[tokio::test]
async fn a_history_that_was_cut_begins_with_a_person_where_that_is_a_must() {
    let mut request = ask("and now?");
    let answer = ChatMessage::Assistant {
        content: "earlier".into(),
        tool_calls: Vec::new(),
    };
    request.messages.insert(0, answer);
    let received = sent(ProviderKind::Anthropic, &request, false).await;
    let roles: Vec<_> = received
        .messages()
        .into_iter()
        .map(|(role, _)| role)
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    let received = sent(ProviderKind::OpenAi, &request, false).await;
    assert_eq!(received.messages().len(), 2);
}
