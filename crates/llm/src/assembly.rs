//! Puts the pieces of an answer together, whichever wire they came from.

use crate::{ChatEvent, Completion, Error, Finish, ToolCall, Usage};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Text, reasoning and arguments of one answer together, in bytes. Far beyond what models write; it bounds
/// what a broken server can make us hold.
pub(crate) const MAX_ANSWER: usize = 8 << 20;

/// Tool calls in one answer.
const MAX_CALLS: usize = 128;

/// An answer in the making, and the events it has given rise to.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    events: VecDeque<ChatEvent>,
    text: String,
    calls: Vec<Call>,
    /// How many of `calls` have a name and hence a place in the answer.
    started: usize,
    size: usize,
    reason: Option<Finish>,
    over: bool,
    usage: Usage,
}

#[derive(Debug, Default)]
struct Call {
    /// What the server calls this call's place, if anything.
    key: Option<u64>,
    id: String,
    name: String,
    /// Place in the answer, once the name is known.
    place: Option<usize>,
    /// The fragments of the arguments.
    args: String,
    /// Arguments that came as a whole with the start; fragments take precedence.
    whole_args: String,
}

impl Assembly {
    /// The next event that has not been taken yet.
    pub(crate) fn pop(&mut self) -> Option<ChatEvent> {
        self.events.pop_front()
    }

    /// Whether there is an event to take.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn text(&mut self, piece: Cow<'_, str>) -> Result<(), Error> {
        self.grow(piece.len())?;
        self.text.push_str(&piece);
        match self.events.back_mut() {
            _ if piece.is_empty() => {}
            Some(ChatEvent::Text(last)) => last.push_str(&piece),
            _ => self.events.push_back(ChatEvent::Text(piece.into_owned())),
        }
        Ok(())
    }

    pub(crate) fn thinking(&mut self, piece: Cow<'_, str>) -> Result<(), Error> {
        self.grow(piece.len())?;
        match self.events.back_mut() {
            _ if piece.is_empty() => {}
            Some(ChatEvent::Thinking(last)) => last.push_str(&piece),
            _ => self
                .events
                .push_back(ChatEvent::Thinking(piece.into_owned())),
        }
        Ok(())
    }

    /// The handle of the call that the server knows under this key.
    pub(crate) fn find_call(&self, key: u64) -> Option<usize> {
        self.calls.iter().rposition(|call| call.key == Some(key))
    }

    /// The handle of the call with this id.
    pub(crate) fn find_call_by_id(&self, id: &str) -> Option<usize> {
        self.calls.iter().rposition(|call| call.id == id)
    }

    /// The handle of the newest call.
    pub(crate) fn last_call(&self) -> Option<usize> {
        self.calls.len().checked_sub(1)
    }

    /// The id of a call as far as it is known.
    pub(crate) fn call_id(&self, handle: usize) -> &str {
        self.calls.get(handle).map_or("", |call| &call.id)
    }

    /// Begins a call and returns its handle.
    pub(crate) fn add_call(&mut self, key: Option<u64>) -> Result<usize, Error> {
        if self.calls.len() >= MAX_CALLS {
            return Err(Error::BadStream(format!(
                "more than {MAX_CALLS} tool calls"
            )));
        }
        self.calls.push(Call {
            key,
            ..Call::default()
        });
        Ok(self.calls.len() - 1)
    }

    /// Adds what is known of a call: the first id and the first name count, fragments of arguments are appended.
    pub(crate) fn extend_call(
        &mut self,
        handle: usize,
        id: &str,
        name: &str,
        args: &str,
    ) -> Result<(), Error> {
        self.grow(id.len() + name.len() + args.len())?;
        let Some(call) = self.calls.get_mut(handle) else {
            return Ok(());
        };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.place.is_none() && !name.is_empty() {
            if call.id.is_empty() {
                call.id = format!("call_{}", self.started);
            }
            name.clone_into(&mut call.name);
            call.place = Some(self.started);
            self.events.push_back(ChatEvent::ToolCallStarted {
                index: self.started,
                id: call.id.clone(),
                name: call.name.clone(),
            });
            self.started += 1;
        }
        call.args.push_str(args);
        Ok(())
    }

    /// Notes arguments that came as a whole with the start of a call.
    pub(crate) fn whole_args(&mut self, handle: usize, args: &str) -> Result<(), Error> {
        self.grow(args.len())?;
        if let Some(call) = self.calls.get_mut(handle) {
            args.clone_into(&mut call.whole_args);
        }
        Ok(())
    }

    pub(crate) fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// The server named a reason for the end of the answer. More may follow, such as the usage.
    pub(crate) fn set_reason(&mut self, reason: Finish) {
        self.reason = Some(reason);
    }

    /// The server said that the stream is over.
    pub(crate) fn set_over(&mut self) {
        self.over = true;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the answer counts as complete if the connection ends now: a reason has been named, or the
    /// server has said that this was all and it was something.
    pub(crate) fn is_complete(&self) -> bool {
        self.reason.is_some() || (self.over && (!self.text.is_empty() || self.started > 0))
    }

    /// Ends the answer: the rest of the events, [`ChatEvent::Finished`] last, come out of [`Assembly::pop`].
    pub(crate) fn finish(&mut self) {
        let completion = self.completion();
        self.events.push_back(ChatEvent::Finished(completion));
    }

    /// The answer as it stands.
    pub(crate) fn completion(&mut self) -> Completion {
        let mut calls: Vec<_> = std::mem::take(&mut self.calls)
            .into_iter()
            .filter_map(|call| call.place.map(|place| (place, call)))
            .collect();
        calls.sort_by_key(|(place, _)| *place);
        let tool_calls: Vec<_> = calls.into_iter().map(|(_, call)| call.into()).collect();
        // Some servers say "stop" although they want tools called, and some the other way round.
        let finish = match self.reason.unwrap_or_default() {
            Finish::Stop | Finish::Unknown if !tool_calls.is_empty() => Finish::ToolCalls,
            Finish::ToolCalls if tool_calls.is_empty() => Finish::Unknown,
            reason => reason,
        };
        Completion {
            text: std::mem::take(&mut self.text),
            tool_calls,
            finish,
            usage: self.usage,
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        self.size = self.size.saturating_add(bytes);
        if self.size > MAX_ANSWER {
            return Err(Error::BadStream(format!(
                "an answer of more than {MAX_ANSWER} bytes"
            )));
        }
        Ok(())
    }
}

impl From<Call> for ToolCall {
    fn from(call: Call) -> Self {
        let args = if call.args.trim().is_empty() {
            &call.whole_args
        } else {
            &call.args
        };
        Self {
            id: call.id,
            name: call.name,
            args: parse_args(args),
        }
    }
}

/// The arguments as an object. Nothing at all means no arguments; an object inside a string is taken out.
fn parse_args(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(args)) => Value::Object(args),
        Ok(Value::Null) => json!({}),
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(Value::Object(args)) => Value::Object(args),
            _ => json!({ "_raw": text }),
        },
        _ => json!({ "_raw": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_always_an_object() {
        for (text, args) in [
            ("", json!({})),
            (" ", json!({})),
            ("null", json!({})),
            (r#"{"a":1}"#, json!({"a": 1})),
            (r#""{\"a\":1}""#, json!({"a": 1})),
            (r#"{"a":"#, json!({"_raw": "{\"a\":"})),
            ("[1]", json!({"_raw": "[1]"})),
            ("\"x\"", json!({"_raw": "\"x\""})),
            ("plain words", json!({"_raw": "plain words"})),
        ] {
            assert_eq!(parse_args(text), args, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse_args(&deep), json!({ "_raw": deep }));
    }

    #[test]
    fn pieces_of_one_read_are_joined_and_order_is_kept() {
        let mut answer = Assembly::default();
        answer.thinking("h".into()).unwrap();
        answer.thinking("m".into()).unwrap();
        answer.text("a".into()).unwrap();
        answer.text("".into()).unwrap();
        answer.text("b".into()).unwrap();
        answer.thinking("!".into()).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| answer.pop()).collect();
        assert_eq!(
            events,
            [
                ChatEvent::Thinking("hm".into()),
                ChatEvent::Text("ab".into()),
                ChatEvent::Thinking("!".into())
            ]
        );
        assert_eq!(answer.completion().text, "ab");
    }

    #[test]
    fn an_endless_answer_is_refused() {
        let mut answer = Assembly::default();
        let piece = "x".repeat(1 << 20);
        let count = (0..100)
            .take_while(|_| {
                let taken = answer.text(Cow::Borrowed(&piece)).is_ok();
                while answer.pop().is_some() {}
                taken
            })
            .count();
        assert_eq!(count, MAX_ANSWER >> 20);
        let mut answer = Assembly::default();
        let calls = (0..1000)
            .take_while(|_| answer.add_call(None).is_ok())
            .count();
        assert_eq!(calls, MAX_CALLS);
    }
}
