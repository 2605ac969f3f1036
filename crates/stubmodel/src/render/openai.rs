use super::{Output, Step, error, in_one_piece, reason, text_of, thinking_of};
use crate::script::{End, Part};
use crate::{Received, Script, ToolStyle, Wire};
use serde_json::{Value, json};

fn chunk(delta: Value, finish: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-stub",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "an_unknown_field": {"nested": [1, null]},
    })
    .to_string()
}

fn usage(script: &Script) -> Value {
    let (input, output) = script.usage;
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

pub(super) fn stream(script: &Script, request: &Received, output: &mut Output) {
    let raw = matches!(script.parts.first(), Some(Part::Raw(_)));
    if !raw {
        output.send(
            "",
            &chunk(json!({"role": "assistant", "content": ""}), None),
        );
    }
    let mut calls = 0;
    for part in &script.parts {
        match part {
            Part::Text(text) => output.piece("", &chunk(json!({"content": text}), None)),
            Part::Thinking(text) => {
                output.piece("", &chunk(json!({script.reasoning_field: text}), None));
            }
            Part::ToolCall {
                id,
                name,
                fragments,
            } => {
                for delta in call(script.tool_style, calls, id, name, fragments) {
                    output.piece("", &chunk(json!({"tool_calls": [delta]}), None));
                }
                calls += 1;
            }
            Part::Error(kind) => output.piece("", &error(Wire::OpenAi, kind).to_string()),
            Part::Raw(data) => output.piece("", data),
            Part::Wait(gate) => output.steps.push(Step::Pass(gate.clone())),
            Part::Flood(count, size) => {
                let text = "x".repeat(*size);
                output.flood("", &chunk(json!({"content": text}), None), *count);
            }
        }
    }
    if let Some(reason) = reason(script, "stop", "tool_calls") {
        output.send("", &chunk(json!({}), Some(reason)));
    }
    let ends = script.end == End::Proper;
    if ends && request.body["stream_options"]["include_usage"] == true {
        output.send(
            "",
            &json!({"choices": [], "usage": usage(script)}).to_string(),
        );
    }
    if ends {
        output.send("", "[DONE]");
    }
}

fn call(style: ToolStyle, index: usize, id: &str, name: &str, fragments: &[String]) -> Vec<Value> {
    let joined = fragments.concat();
    if in_one_piece(style) {
        let mut delta = json!({"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": joined}});
        match style {
            ToolStyle::AllZero => delta["index"] = json!(0),
            ToolStyle::Object => {
                let args = serde_json::from_str(&joined).unwrap_or(Value::Null);
                delta = json!({"function": {"name": name, "arguments": args}});
            }
            _ => {}
        }
        return vec![delta];
    }
    let mut deltas = vec![json!({"index": index, "id": id, "type": "function",
        "function": {"name": name, "arguments": ""}})];
    for fragment in fragments {
        let mut delta = json!({"index": index, "function": {"arguments": fragment}});
        if style == ToolStyle::Repeated {
            delta["id"] = json!(id);
            delta["function"]["name"] = json!(name);
        }
        deltas.push(delta);
    }
    if style == ToolStyle::NoIndex {
        for delta in &mut deltas {
            delta.as_object_mut().map(|delta| delta.remove("index"));
        }
    }
    deltas
}

pub(super) fn whole(script: &Script) -> Value {
    let calls = script.parts.iter().filter_map(|part| match part {
        Part::ToolCall {
            id,
            name,
            fragments,
        } => Some(json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": fragments.concat()}})),
        _ => None,
    });
    let calls: Vec<Value> = calls.collect();
    let mut message = json!({"role": "assistant", "content": text_of(script)});
    let thinking = thinking_of(script);
    if !thinking.is_empty() {
        message[script.reasoning_field] = json!(thinking);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "model": "stub",
        "choices": [{"index": 0, "message": message, "finish_reason": reason(script, "stop", "tool_calls")}],
        "usage": usage(script),
    })
}
