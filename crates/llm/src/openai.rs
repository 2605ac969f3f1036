//! OpenAI's chat completions, as OpenAI and its many near-compatible servers speak them.

use crate::assembly::Assembly;
use crate::failure;
use crate::history::{Entry, heal};
use crate::lenient::{Content, First, List, Number, Object, Text};
use crate::{ChatRequest, Error, Finish};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where in the base URL's tree the endpoint is.
pub(crate) const PATH: &str = "/chat/completions";

/// What one server does not understand, learnt from its refusals and remembered for later requests.
#[derive(Debug, Default)]
pub(crate) struct Quirks {
    /// It refuses `stream_options`; there will be no usage.
    no_stream_options: AtomicBool,
    /// It wants `max_completion_tokens` (OpenAI's newer models) instead of `max_tokens` (everybody else).
    max_completion_tokens: AtomicBool,
    /// It, or its model, knows no tools: an answer without them is better than none.
    no_tools: AtomicBool,
}

/// What servers say of a model that cannot call tools, or was not set up to.
const NO_TOOLS: [&str; 2] = ["does not support tool", "enable-auto-tool-choice"];

impl Quirks {
    /// Notes what a refusal of the server says about it.
    pub(crate) fn learn(&self, refusal: &str) {
        for (quirk, name) in [
            (&self.no_stream_options, "stream_options"),
            (&self.max_completion_tokens, "max_completion_tokens"),
        ] {
            if refusal.contains(name) {
                quirk.store(true, Ordering::Relaxed);
            }
        }
        if NO_TOOLS.iter().any(|words| refusal.contains(words)) {
            self.no_tools.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Message<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        /// Empty rather than `null` beside tool calls: templates of local servers stumble over `null`.
        content: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: &'a str,
    },
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: CallFunction<'a>,
}

#[derive(Serialize)]
struct CallFunction<'a> {
    name: &'a str,
    arguments: String,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a serde_json::Value,
}

/// The request's body.
pub(crate) fn body(
    model: &str,
    request: &ChatRequest,
    limit: Option<u32>,
    stream: bool,
    quirks: &Quirks,
) -> serde_json::Result<Vec<u8>> {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(Message::System {
            content: &request.system,
        });
    }
    messages.extend(heal(&request.messages, |_| true).into_iter().map(message));
    let renamed = quirks.max_completion_tokens.load(Ordering::Relaxed);
    let offers_tools = !quirks.no_tools.load(Ordering::Relaxed);
    let usage = stream && !quirks.no_stream_options.load(Ordering::Relaxed);
    serde_json::to_vec(&Request {
        model,
        messages,
        tools: request
            .tools
            .iter()
            .filter(|_| offers_tools)
            .map(tool)
            .collect(),
        max_tokens: limit.filter(|_| !renamed),
        max_completion_tokens: limit.filter(|_| renamed),
        stream,
        stream_options: usage.then_some(StreamOptions {
            include_usage: true,
        }),
    })
}

fn message(entry: Entry<'_>) -> Message<'_> {
    match entry {
        Entry::User(content) => Message::User { content },
        Entry::Assistant { text, calls } => Message::Assistant {
            content: text,
            tool_calls: calls
                .into_iter()
                .map(|(id, call)| Call {
                    id,
                    r#type: "function",
                    function: CallFunction {
                        name: &call.name,
                        arguments: call.args.to_string(),
                    },
                })
                .collect(),
        },
        Entry::Tool { id, text } => Message::Tool {
            tool_call_id: id,
            content: text,
        },
    }
}

fn tool(spec: &crate::ToolSpec) -> Tool<'_> {
    Tool {
        r#type: "function",
        function: ToolFunction {
            name: &spec.name,
            description: &spec.description,
            parameters: &spec.parameters,
        },
    }
}

/// A chunk of a stream, or (with `message` in place of `delta`) a whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: First<Choice<'a>>,
    usage: Object<UsageCount>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    /// `error` where an error is not wrapped in an object of that name (older vLLM).
    #[serde(borrow)]
    object: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Object<Delta<'a>>,
    #[serde(borrow)]
    message: Object<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Content<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    #[serde(borrow)]
    reasoning: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<CallDelta<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CallDelta<'a> {
    index: Number,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    function: Object<FunctionDelta<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionDelta<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// A string by the format; some servers send the object itself.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UsageCount {
    prompt_tokens: Number,
    completion_tokens: Number,
}

/// Takes one event of a stream.
pub(crate) fn event(data: &str, answer: &mut Assembly) -> Result<(), Error> {
    let data = data.trim();
    if data == "[DONE]" {
        answer.set_over();
        return Ok(());
    }
    if data.is_empty() {
        return Ok(());
    }
    let chunk = parse(data)?;
    if let Some(choice) = chunk.choices.0 {
        take(choice.delta.0.unwrap_or_default(), answer)?;
        reason(&choice.finish_reason.0, answer)?;
    }
    usage(chunk.usage.0, answer);
    Ok(())
}

/// Takes a whole answer.
pub(crate) fn whole(data: &str, answer: &mut Assembly) -> Result<(), Error> {
    let chunk = parse(data)?;
    let Some(choice) = chunk.choices.0 else {
        return Err(Error::BadStream("an answer without choices".into()));
    };
    take(
        choice.message.0.or(choice.delta.0).unwrap_or_default(),
        answer,
    )?;
    reason(&choice.finish_reason.0, answer)?;
    usage(chunk.usage.0, answer);
    answer.set_over();
    Ok(())
}

fn parse(data: &str) -> Result<Chunk<'_>, Error> {
    let chunk: Chunk<'_> = serde_json::from_str(data).map_err(|error| failure::bad_json(&error))?;
    match chunk.error {
        Some(error) => Err(failure::in_stream(error.get())),
        None if chunk.object.0 == "error" => Err(failure::in_stream(data)),
        None => Ok(chunk),
    }
}

fn take(delta: Delta<'_>, answer: &mut Assembly) -> Result<(), Error> {
    // Servers in the middle of renaming the field send both, with the same text.
    if delta.reasoning_content.0.is_empty() {
        answer.thinking(delta.reasoning.0)?;
    } else {
        answer.thinking(delta.reasoning_content.0)?;
    }
    answer.thinking(delta.content.thinking)?;
    answer.text(delta.content.text)?;
    answer.text(delta.refusal.0)?;
    for call in delta.tool_calls.0 {
        let function = call.function.0.unwrap_or_default();
        let handle = match find(answer, call.index.0, &call.id.0, &function.name.0) {
            Some(handle) => handle,
            None => answer.add_call(call.index.0)?,
        };
        let arguments = function.arguments.map_or(Cow::Borrowed(""), arguments);
        answer.extend_call(handle, &call.id.0, &function.name.0, &arguments)?;
    }
    Ok(())
}

/// The call that a fragment continues; `None` if it begins one.
///
/// By the format, `index` decides. But some servers leave it out, and some send several whole calls that all
/// have index 0: a fragment that brings a name and an id other than its place already has begins another
/// call. (An id alone does not: some servers make up a new one for every fragment.)
fn find(answer: &Assembly, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
    let by_id = || {
        Some(id)
            .filter(|id| !id.is_empty())
            .and_then(|id| answer.find_call_by_id(id))
    };
    match index {
        Some(index) => answer.find_call(index).filter(|&call| {
            let known = answer.call_id(call);
            name.is_empty() || id.is_empty() || known.is_empty() || known == id
        }),
        None if name.is_empty() => by_id().or_else(|| answer.last_call()),
        None => by_id(),
    }
}

fn arguments(raw: &RawValue) -> Cow<'_, str> {
    let text = raw.get();
    match serde_json::from_str::<Text<'_>>(text) {
        Ok(Text(string)) if text.starts_with('"') => string,
        _ if text == "null" => Cow::Borrowed(""),
        _ => Cow::Borrowed(text),
    }
}

fn reason(reason: &str, answer: &mut Assembly) -> Result<(), Error> {
    let reason = match reason {
        // Some servers send an empty reason with every chunk: it says nothing.
        "" => return Ok(()),
        "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" => Finish::Stop,
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" | "safety" | "refusal" => Finish::ContentFilter,
        "error" | "abort" => {
            return Err(Error::unavailable("the server broke off its own answer"));
        }
        _ => Finish::Unknown,
    };
    answer.set_reason(reason);
    Ok(())
}

fn usage(count: Option<UsageCount>, answer: &mut Assembly) {
    // Some servers send running totals with every chunk: the last one counts.
    let Some(count) = count else { return };
    let usage = answer.usage_mut();
    usage.input_tokens = count.prompt_tokens.0.unwrap_or(usage.input_tokens);
    usage.output_tokens = count.completion_tokens.0.unwrap_or(usage.output_tokens);
}

#[cfg(test)]
mod tests;
