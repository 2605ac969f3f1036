use super::{Output, Step, error, reason, text_of, thinking_of};
use crate::script::{End, Part};
use crate::{Script, Wire};
use serde_json::{Value, json};

/// Numbers the blocks, and opens and closes them as the kind of content changes.
struct Blocks<'a> {
    output: &'a mut Output,
    next: usize,
    open: Option<&'static str>,
}

impl Blocks<'_> {
    fn close(&mut self) {
        if self.open.take().is_some() {
            let data = json!({"type": "content_block_stop", "index": self.next - 1});
            self.output.send("content_block_stop", &data.to_string());
        }
    }

    /// Goes on with a block of this kind. Blocks of tool calls are never gone on with.
    fn open(&mut self, kind: &'static str, block: Value) {
        if self.open == Some(kind) && kind != "tool_use" {
            return;
        }
        self.close();
        let data =
            json!({"type": "content_block_start", "index": self.next, "content_block": block});
        self.output.send("content_block_start", &data.to_string());
        self.open = Some(kind);
        self.next += 1;
    }

    fn delta(&self, delta: Value) -> String {
        json!({"type": "content_block_delta", "index": self.next - 1, "delta": delta}).to_string()
    }

    fn piece(&mut self, delta: Value) {
        let data = self.delta(delta);
        self.output.piece("content_block_delta", &data);
    }
}

pub(super) fn stream(script: &Script, output: &mut Output) {
    let (input, tokens) = script.usage;
    let raw = matches!(script.parts.first(), Some(Part::Raw(_)));
    if !raw {
        let start = json!({"type": "message_start", "message": {"id": "msg_stub", "type": "message",
            "role": "assistant", "model": "stub", "content": [], "stop_reason": null,
            "usage": {"input_tokens": input, "output_tokens": 1}}});
        output.send("message_start", &start.to_string());
        output.send("ping", r#"{"type":"ping"}"#);
    }
    let mut blocks = Blocks {
        output,
        next: 0,
        open: None,
    };
    for part in &script.parts {
        match part {
            Part::Text(text) => {
                blocks.open("text", json!({"type": "text", "text": ""}));
                blocks.piece(json!({"type": "text_delta", "text": text}));
            }
            Part::Thinking(text) => {
                blocks.open("thinking", json!({"type": "thinking", "thinking": ""}));
                blocks.piece(json!({"type": "thinking_delta", "thinking": text}));
            }
            Part::ToolCall {
                id,
                name,
                fragments,
            } => {
                let start = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                blocks.open("tool_use", start);
                for fragment in fragments {
                    blocks.piece(json!({"type": "input_json_delta", "partial_json": fragment}));
                }
            }
            Part::Error(kind) => {
                let data = error(Wire::Anthropic, kind).to_string();
                blocks.output.piece("error", &data);
            }
            Part::Raw(data) => {
                let parsed: Value = serde_json::from_str(data).unwrap_or(Value::Null);
                let name = parsed["type"].as_str().unwrap_or("");
                blocks.output.piece(name, data);
            }
            Part::Wait(gate) => blocks.output.steps.push(Step::Pass(gate.clone())),
            Part::Flood(count, size) => {
                blocks.open("text", json!({"type": "text", "text": ""}));
                let data = blocks.delta(json!({"type": "text_delta", "text": "x".repeat(*size)}));
                blocks.output.flood("content_block_delta", &data, *count);
            }
        }
    }
    let reason = reason(script, "end_turn", "tool_use");
    if reason.is_some() || script.end == End::Proper {
        blocks.close();
    }
    if let Some(reason) = reason {
        let data = json!({"type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": tokens}});
        output.send("message_delta", &data.to_string());
    }
    if script.end == End::Proper {
        output.send("message_stop", r#"{"type":"message_stop"}"#);
    }
}

pub(super) fn whole(script: &Script) -> Value {
    let (input, tokens) = script.usage;
    let mut content = Vec::new();
    let (thinking, text) = (thinking_of(script), text_of(script));
    if !thinking.is_empty() {
        content.push(json!({"type": "thinking", "thinking": thinking}));
    }
    if !text.is_empty() {
        content.push(json!({"type": "text", "text": text}));
    }
    for part in &script.parts {
        if let Part::ToolCall {
            id,
            name,
            fragments,
        } = part
        {
            let input: Value = serde_json::from_str(&fragments.concat()).unwrap_or(Value::Null);
            content.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        }
    }
    json!({
        "id": "msg_stub",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": content,
        "stop_reason": reason(script, "end_turn", "tool_use"),
        "usage": {"input_tokens": input, "output_tokens": tokens},
    })
}
