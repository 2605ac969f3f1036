//! What the server answers, and when.

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Holds an answer back until the test lets it go on. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed gate.
    #[expect(
        clippy::new_without_default,
        reason = "a default gate would be anybody's guess"
    )]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets `count` steps pass.
    pub fn open(&self, count: usize) {
        self.0.add_permits(count);
    }

    /// Lets everything pass from now on.
    pub fn open_all(&self) {
        self.0.close();
    }

    /// Waits for a permit and uses it up.
    pub async fn pass(&self) {
        // Closed means open for good.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

/// How tool calls look in a stream of the OpenAI format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolStyle {
    /// As OpenAI does it: id and name first, then fragments of the arguments under the same index.
    #[default]
    Standard,
    /// Each call in one piece.
    Whole,
    /// Every fragment repeats id and name.
    Repeated,
    /// Without `index`.
    NoIndex,
    /// Each call in one piece, all with index 0.
    AllZero,
    /// Each call in one piece, the arguments an object instead of a string, without an id.
    Object,
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Thinking(String),
    ToolCall {
        id: String,
        name: String,
        fragments: Vec<String>,
    },
    /// An error in the middle of the stream, of this type.
    Error(String),
    /// The data of an event as it is.
    Raw(String),
    Wait(Gate),
    /// So many pieces of text of so many bytes each.
    Flood(usize, usize),
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As the format says.
    Proper,
    /// Without `[DONE]` or `message_stop`.
    Unsaid,
    /// The connection breaks.
    Abort,
    /// Never.
    Hang,
}

#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
}

/// One answer. Built from what it says, followed by how:
/// `Script::text(["a", "b"]).and_tool_call("search", json!({"q": "x"})).crlf()`.
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) refusal: Option<Refusal>,
    pub(crate) headless: Option<End>,
    pub(crate) parts: Vec<Part>,
    pub(crate) finish: Option<Option<String>>,
    pub(crate) end: End,
    pub(crate) usage: (u64, u64),
    pub(crate) gate: Option<Gate>,
    pub(crate) interval: Option<Duration>,
    pub(crate) at_once: bool,
    pub(crate) split: Option<usize>,
    pub(crate) newline: &'static str,
    pub(crate) last_blank_line: bool,
    pub(crate) comments: bool,
    pub(crate) tool_style: ToolStyle,
    pub(crate) reasoning_field: &'static str,
    pub(crate) ignore_stream: bool,
}

impl Script {
    fn of(parts: Vec<Part>) -> Self {
        Self {
            refusal: None,
            headless: None,
            parts,
            finish: None,
            end: End::Proper,
            usage: (12, 7),
            gate: None,
            interval: None,
            at_once: false,
            split: None,
            newline: "\n",
            last_blank_line: true,
            comments: false,
            tool_style: ToolStyle::Standard,
            reasoning_field: "reasoning_content",
            ignore_stream: false,
        }
    }

    /// An answer of these pieces of text, each a chunk of its own.
    pub fn text<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Self {
        Self::of(Vec::new()).and_text(pieces)
    }

    /// An answer that begins with these pieces of reasoning.
    pub fn thinking<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Self {
        Self::of(Vec::new()).and_thinking(pieces)
    }

    /// An answer that calls a tool. Its arguments are streamed in fragments of a few characters.
    pub fn tool_call(name: &str, args: Value) -> Self {
        Self::of(Vec::new()).and_tool_call(name, args)
    }

    /// An answer of `count` pieces of `size` bytes of text each, as fast as they can be sent.
    pub fn flood(count: usize, size: usize) -> Self {
        Self::of(vec![Part::Flood(count, size)])
    }

    /// A stream of events with exactly this data. It ends by closing, with nothing added.
    pub fn raw<S: Into<String>>(data: impl IntoIterator<Item = S>) -> Self {
        let raw = data.into_iter().map(|data| Part::Raw(data.into()));
        Self {
            finish: Some(None),
            end: End::Unsaid,
            ..Self::of(raw.collect())
        }
    }

    /// An error status, with an error body in the format's way.
    pub fn status(status: u16) -> Self {
        Self {
            refusal: Some(Refusal {
                status,
                headers: Vec::new(),
                body: None,
            }),
            ..Self::of(Vec::new())
        }
    }

    /// No answer, not even its head, ever.
    pub fn hang() -> Self {
        Self {
            headless: Some(End::Hang),
            ..Self::of(Vec::new())
        }
    }

    /// The connection breaks before the head of an answer.
    pub fn close() -> Self {
        Self {
            headless: Some(End::Abort),
            ..Self::of(Vec::new())
        }
    }

    /// Then these pieces of text.
    pub fn and_text<S: Into<String>>(mut self, pieces: impl IntoIterator<Item = S>) -> Self {
        let pieces = pieces.into_iter().map(|piece| Part::Text(piece.into()));
        self.parts.extend(pieces);
        self
    }

    /// Then these pieces of reasoning.
    pub fn and_thinking<S: Into<String>>(mut self, pieces: impl IntoIterator<Item = S>) -> Self {
        let pieces = pieces.into_iter().map(|piece| Part::Thinking(piece.into()));
        self.parts.extend(pieces);
        self
    }

    /// Then a tool call, its arguments in fragments of a few characters.
    pub fn and_tool_call(self, name: &str, args: Value) -> Self {
        let args: Vec<char> = args.to_string().chars().collect();
        let fragments = args.chunks(5).map(|chars| chars.iter().collect::<String>());
        self.and_tool_call_fragments(name, fragments)
    }

    /// Then a tool call with its arguments in exactly these fragments, which need not make sense.
    pub fn and_tool_call_fragments<S: Into<String>>(
        mut self,
        name: &str,
        fragments: impl IntoIterator<Item = S>,
    ) -> Self {
        let is_call = |part: &&Part| matches!(part, Part::ToolCall { .. });
        let number = self.parts.iter().filter(is_call).count() + 1;
        self.parts.push(Part::ToolCall {
            id: format!("call_stub_{number}"),
            name: name.to_owned(),
            fragments: fragments.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Then an error of this type (such as `overloaded_error`) inside the stream, which is its end.
    pub fn and_error(mut self, kind: &str) -> Self {
        self.parts.push(Part::Error(kind.to_owned()));
        self.finish = Some(None);
        self.end = End::Unsaid;
        self
    }

    /// Then an event with exactly this data.
    pub fn and_raw(mut self, data: impl Into<String>) -> Self {
        self.parts.push(Part::Raw(data.into()));
        self
    }

    /// Then nothing until the gate lets it pass.
    pub fn and_wait(mut self, gate: &Gate) -> Self {
        self.parts.push(Part::Wait(gate.clone()));
        self
    }

    /// Every piece takes a permit of the gate. Head, finish reason and end take none.
    pub fn gated(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// A pause before every piece, for demos and benchmarks. Tests want [`Script::gated`].
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Everything in a single write.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Everything in writes of `size` bytes, without regard to characters, lines or events.
    pub fn split(mut self, size: usize) -> Self {
        self.at_once = true;
        self.split = Some(size.max(1));
        self
    }

    /// Lines end in `\r\n`.
    pub fn crlf(mut self) -> Self {
        self.newline = "\r\n";
        self
    }

    /// Lines end in `\r`.
    pub fn cr(mut self) -> Self {
        self.newline = "\r";
        self
    }

    /// The last event lacks its line ends.
    pub fn no_last_blank_line(mut self) -> Self {
        self.last_blank_line = false;
        self
    }

    /// A byte order mark at the start, and comments between the events.
    pub fn with_comments(mut self) -> Self {
        self.comments = true;
        self
    }

    /// The finish reason, in place of the format's own for what was said. May be empty.
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = Some(Some(reason.to_owned()));
        self
    }

    /// No finish reason at all.
    pub fn no_finish(mut self) -> Self {
        self.finish = Some(None);
        self
    }

    /// Closes without `[DONE]` or `message_stop`.
    pub fn no_end(mut self) -> Self {
        self.end = End::Unsaid;
        self
    }

    /// Breaks the connection after the last piece, with neither a reason nor an end.
    pub fn abort(mut self) -> Self {
        self.finish = Some(None);
        self.end = End::Abort;
        self
    }

    /// Falls silent after the last piece (and the finish reason, unless [`Script::no_finish`]) and stays so.
    pub fn then_hang(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    /// The tokens reported.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = (input, output);
        self
    }

    /// How tool calls look, in the OpenAI format.
    pub fn tool_style(mut self, style: ToolStyle) -> Self {
        self.tool_style = style;
        self
    }

    /// The field that holds reasoning in the OpenAI format; `reasoning_content` by default.
    pub fn reasoning_field(mut self, field: &'static str) -> Self {
        self.reasoning_field = field;
        self
    }

    /// One JSON document although a stream was asked for.
    pub fn ignore_stream(mut self) -> Self {
        self.ignore_stream = true;
        self
    }

    /// With a status: a `Retry-After` of so many seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    /// With a status: a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.headers.push((name, value.into()));
        }
        self
    }

    /// With a status: the body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.body = Some(body.into());
        }
        self
    }
}
