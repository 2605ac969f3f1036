//! Turns a script into the bytes of a wire format.

use crate::script::{End, Part};
use crate::{Gate, Received, Script, ToolStyle, Wire};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

mod anthropic;
mod openai;

/// One step of playing an answer.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Bytes),
    /// The same bytes so many times.
    Repeat(Bytes, usize),
    Pass(Gate),
    Sleep(Duration),
    Abort,
    Hang,
}

/// The steps of a streamed answer.
pub(crate) fn stream(script: &Script, request: &Received) -> Vec<Step> {
    let mut output = Output::new(script);
    match request.wire {
        Wire::OpenAi => openai::stream(script, request, &mut output),
        Wire::Anthropic => anthropic::stream(script, &mut output),
    }
    match script.end {
        End::Proper | End::Unsaid => {}
        End::Abort => output.steps.push(Step::Abort),
        End::Hang => output.steps.push(Step::Hang),
    }
    output.finish(script)
}

/// The steps before a whole answer, and its document.
pub(crate) fn whole(script: &Script, wire: Wire) -> (Vec<Step>, Value) {
    let gates = script.parts.iter().filter_map(|part| match part {
        Part::Wait(gate) => Some(Step::Pass(gate.clone())),
        _ => None,
    });
    let mut steps: Vec<Step> = gates.collect();
    steps.extend(script.gate.clone().map(Step::Pass));
    let document = match wire {
        Wire::OpenAi => openai::whole(script),
        Wire::Anthropic => anthropic::whole(script),
    };
    (steps, document)
}

/// The body of an error status.
pub(crate) fn error(wire: Wire, kind: &str) -> Value {
    let message = "the stub model was told to fail";
    match wire {
        Wire::OpenAi => json!({"error": {"message": message, "type": kind, "code": null}}),
        Wire::Anthropic => {
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
    }
}

/// Collects steps, with pauses and gates before every piece.
struct Output {
    newline: &'static str,
    comments: bool,
    gate: Option<Gate>,
    interval: Option<Duration>,
    steps: Vec<Step>,
}

impl Output {
    fn new(script: &Script) -> Self {
        let mut steps = Vec::new();
        if script.comments {
            steps.push(Step::Send(Bytes::from_static("\u{feff}".as_bytes())));
        }
        Self {
            newline: script.newline,
            comments: script.comments,
            gate: script.gate.clone(),
            interval: script.interval,
            steps,
        }
    }

    /// The event's bytes. An empty name is left out.
    fn event(&self, name: &str, data: &str) -> Bytes {
        let newline = self.newline;
        let mut text = String::new();
        if self.comments {
            text += &format!(": comment{newline}{newline}: id{newline}id: 7{newline}");
        }
        if !name.is_empty() {
            text += &format!("event: {name}{newline}");
        }
        text += &format!("data: {data}{newline}{newline}");
        text.into()
    }

    fn send(&mut self, name: &str, data: &str) {
        let event = self.event(name, data);
        self.steps.push(Step::Send(event));
    }

    /// An event that is part of what the model says: it waits for its turn.
    fn piece(&mut self, name: &str, data: &str) {
        self.before_piece();
        self.send(name, data);
    }

    fn before_piece(&mut self) {
        self.steps.extend(self.gate.clone().map(Step::Pass));
        self.steps.extend(self.interval.map(Step::Sleep));
    }

    fn flood(&mut self, name: &str, data: &str, count: usize) {
        let event = self.event(name, data);
        if self.gate.is_none() && self.interval.is_none() {
            self.steps.push(Step::Repeat(event, count));
            return;
        }
        for _ in 0..count {
            self.before_piece();
            self.steps.push(Step::Send(event.clone()));
        }
    }

    fn finish(mut self, script: &Script) -> Vec<Step> {
        if !script.last_blank_line
            && let Some(Step::Send(last)) = self.steps.last_mut()
        {
            let end = last.len() - 2 * self.newline.len();
            last.truncate(end);
        }
        if script.at_once {
            self.steps = join(self.steps);
        }
        if let Some(size) = script.split {
            let split = |step| match step {
                Step::Send(bytes) => {
                    let cuts = (0..bytes.len()).step_by(size);
                    let cut = |start| bytes.slice(start..bytes.len().min(start + size));
                    cuts.map(cut).map(Step::Send).collect()
                }
                step => vec![step],
            };
            self.steps = self.steps.into_iter().flat_map(split).collect();
        }
        self.steps
    }
}

/// Joins what is sent without a wait between.
fn join(steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut(), step) {
            (Some(Step::Send(last)), Step::Send(next)) => {
                *last = [last.as_ref(), next.as_ref()].concat().into();
            }
            (_, step) => joined.push(step),
        }
    }
    joined
}

/// The text of a script, all pieces joined.
fn text_of(script: &Script) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Flood(count, size) => "x".repeat(count * size),
        _ => String::new(),
    };
    script.parts.iter().map(text).collect()
}

fn thinking_of(script: &Script) -> String {
    let thinking = |part: &Part| match part {
        Part::Thinking(text) => text.clone(),
        _ => String::new(),
    };
    script.parts.iter().map(thinking).collect()
}

/// The finish reason: the script's, or one of these.
fn reason<'a>(script: &'a Script, stop: &'a str, tools: &'a str) -> Option<&'a str> {
    let is_call = |part: &Part| matches!(part, Part::ToolCall { .. });
    match &script.finish {
        Some(reason) => reason.as_deref(),
        None if script.parts.iter().any(is_call) => Some(tools),
        None => Some(stop),
    }
}

/// Whether the OpenAI side sends each call in one piece.
fn in_one_piece(style: ToolStyle) -> bool {
    matches!(
        style,
        ToolStyle::Whole | ToolStyle::AllZero | ToolStyle::Object
    )
}
