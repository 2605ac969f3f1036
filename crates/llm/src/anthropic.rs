//! Anthropic's messages.

use crate::assembly::Assembly;
use crate::failure;
use crate::history::{Entry, heal};
use crate::lenient::{List, Number, Object, Text};
use crate::{ChatRequest, Error, Finish};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where in the base URL's tree the endpoint is.
pub(crate) const PATH: &str = "/v1/messages";

/// The value of the `anthropic-version` header.
pub(crate) const VERSION: &str = "2023-06-01";

/// The format insists on a limit, and a model refuses one that is beyond what it can do. This is what all current
/// models can; of an older one its own is learnt.
const DEFAULT_MAX_TOKENS: u32 = 32_000;

/// What one model can do less of, learnt from its refusals and remembered for later requests.
#[derive(Debug, Default)]
pub(crate) struct Quirks {
    /// The most tokens that it answers with; 0 as long as it has refused no number.
    max_tokens: AtomicU32,
}

impl Quirks {
    /// Notes what a refusal says: "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens".
    pub(crate) fn learn(&self, refusal: &str) {
        let allowed = |refusal: &str| -> Option<u32> {
            let (_, rest) = refusal.split_once("max_tokens: ")?;
            let (_, rest) = rest.split_once(" > ")?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok().filter(|number| *number > 0)
        };
        if let Some(most) = allowed(refusal) {
            self.max_tokens.store(most, Ordering::Relaxed);
        }
    }

    fn at_most(&self, limit: u32) -> u32 {
        match self.max_tokens.load(Ordering::Relaxed) {
            0 => limit,
            most => limit.min(most),
        }
    }
}

/// The format insists on a person speaking first, also where the history has been cut.
const CUT: &str = "(Earlier messages are left out.)";

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    system: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    stream: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, serde_json::Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: &'a str,
    },
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a serde_json::Value,
}

/// The request's body.
pub(crate) fn body(
    model: &str,
    request: &ChatRequest,
    limit: Option<u32>,
    stream: bool,
    quirks: &Quirks,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model,
        max_tokens: quirks.at_most(limit.unwrap_or(DEFAULT_MAX_TOKENS)),
        system: &request.system,
        messages: messages(request),
        tools: request
            .tools
            .iter()
            .map(|spec| Tool {
                name: &spec.name,
                description: &spec.description,
                input_schema: &spec.parameters,
            })
            .collect(),
        stream,
    })
}

/// The conversation with speakers alternating: what one role says in a row is one message of several blocks.
fn messages(request: &ChatRequest) -> Vec<Message<'_>> {
    let valid_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut messages: Vec<Message<'_>> = Vec::new();
    for entry in heal(&request.messages, valid_id) {
        let (role, blocks) = blocks(entry);
        if messages.is_empty() && role != "user" {
            messages.push(Message {
                role: "user",
                content: vec![Block::Text { text: CUT }],
            });
        }
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => messages.push(Message {
                role,
                content: blocks,
            }),
        }
    }
    messages
}

fn blocks(entry: Entry<'_>) -> (&'static str, Vec<Block<'_>>) {
    match entry {
        Entry::User(text) => ("user", vec![Block::Text { text }]),
        Entry::Assistant { text, calls } => {
            // Empty text blocks are refused.
            let text = Some(text).filter(|text| !text.is_empty());
            let calls = calls.into_iter().map(|(id, call)| Block::ToolUse {
                id,
                name: &call.name,
                input: match &call.args {
                    args @ serde_json::Value::Object(_) => Cow::Borrowed(args),
                    odd => Cow::Owned(serde_json::json!({ "_raw": odd })),
                },
            });
            let text = text.map(|text| Block::Text { text });
            ("assistant", text.into_iter().chain(calls).collect())
        }
        Entry::Tool { id, text } => (
            "user",
            vec![Block::ToolResult {
                tool_use_id: id,
                content: text,
            }],
        ),
    }
}

/// An event of a stream. Its fields are enough to tell what it says; `kind` matters where they are not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    index: Number,
    #[serde(borrow)]
    message: Object<Whole<'a>>,
    #[serde(borrow)]
    content_block: Object<ContentBlock<'a>>,
    #[serde(borrow)]
    delta: Object<Delta<'a>>,
    usage: Object<UsageCount>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    partial_json: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentBlock<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// A whole answer, or what is known of one when its stream begins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    content: List<ContentBlock<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    usage: Object<UsageCount>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UsageCount {
    input_tokens: Number,
    cache_creation_input_tokens: Number,
    cache_read_input_tokens: Number,
    output_tokens: Number,
}

/// Takes one event of a stream. `name` is the event's name on the wire, used if the data does not repeat it.
pub(crate) fn event(name: &str, data: &str, answer: &mut Assembly) -> Result<(), Error> {
    let data = data.trim();
    if data.is_empty() || data == "[DONE]" {
        return Ok(());
    }
    let event: Event<'_> = serde_json::from_str(data).map_err(|error| failure::bad_json(&error))?;
    let kind = if event.kind.0.is_empty() {
        name
    } else {
        &event.kind.0
    };
    if let Some(error) = event.error {
        return Err(failure::in_stream(error.get()));
    }
    match kind {
        "error" => return Err(failure::in_stream(data)),
        "message_stop" => answer.set_over(),
        _ => {}
    }
    if let Some(message) = event.message.0 {
        usage(message.usage.0, answer);
    }
    if let Some(content) = event.content_block.0 {
        block(event.index.0, content, answer)?;
    }
    if let Some(delta) = event.delta.0 {
        answer.thinking(delta.thinking.0)?;
        answer.text(delta.text.0)?;
        let call = event.index.0.and_then(|index| answer.find_call(index));
        if let Some(call) = call {
            answer.extend_call(call, "", "", &delta.partial_json.0)?;
        }
        reason(&delta.stop_reason.0, answer);
    }
    usage(event.usage.0, answer);
    Ok(())
}

/// Takes a whole answer.
pub(crate) fn whole(data: &str, answer: &mut Assembly) -> Result<(), Error> {
    let whole: Whole<'_> = serde_json::from_str(data).map_err(|error| failure::bad_json(&error))?;
    if let Some(error) = whole.error {
        return Err(failure::in_stream(error.get()));
    }
    if whole.kind.0 != "message" && whole.content.0.is_empty() {
        return Err(Error::BadStream("an answer without content".into()));
    }
    for (index, content) in (0..).zip(whole.content.0) {
        block(Some(index), content, answer)?;
    }
    reason(&whole.stop_reason.0, answer);
    usage(whole.usage.0, answer);
    answer.set_over();
    Ok(())
}

/// A block of content, whole or just begun.
fn block(
    index: Option<u64>,
    content: ContentBlock<'_>,
    answer: &mut Assembly,
) -> Result<(), Error> {
    answer.thinking(content.thinking.0)?;
    answer.text(content.text.0)?;
    // `server_tool_use` and its kin are the provider's own affair.
    if content.kind.0 == "tool_use" {
        let call = answer.add_call(index)?;
        answer.extend_call(call, &content.id.0, &content.name.0, "")?;
        answer.whole_args(call, content.input.map_or("", RawValue::get))?;
    }
    Ok(())
}

fn reason(reason: &str, answer: &mut Assembly) {
    let reason = match reason {
        "" => return,
        "end_turn" | "stop_sequence" | "stop" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Unknown,
    };
    answer.set_reason(reason);
}

/// Counts arrive in two parts, and the later ones are totals. Cached tokens are counted apart from the others.
fn usage(count: Option<UsageCount>, answer: &mut Assembly) {
    let Some(count) = count else { return };
    let usage = answer.usage_mut();
    if let Some(input) = count.input_tokens.0 {
        let cached = [
            count.cache_creation_input_tokens,
            count.cache_read_input_tokens,
        ];
        let cached = cached.iter().filter_map(|count| count.0);
        usage.input_tokens = cached.fold(input, u64::saturating_add);
    }
    usage.output_tokens = count.output_tokens.0.unwrap_or(usage.output_tokens);
}

#[cfg(test)]
mod tests;
