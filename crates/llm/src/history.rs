//! Brings a conversation into the shape that every provider accepts.
//!
//! A provider answers 400 to a tool result nobody asked for, to a call nobody answered, to two calls with one id. A
//! conversation that got such a scar, because a turn was cancelled or its history was cut, could never be
//! continued. So it is healed here, for both wires.

use crate::{ChatMessage, ToolCall};
use std::borrow::Cow;
use std::collections::HashSet;

/// What a call without a result gets.
const INTERRUPTED: &str = "No result: the call was interrupted.";

/// OpenAI takes ids of up to 40 characters.
const MAX_ID: usize = 40;

/// One message, healed.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry<'a> {
    User(&'a str),
    Assistant {
        text: &'a str,
        calls: Vec<(Cow<'a, str>, &'a ToolCall)>,
    },
    Tool {
        id: Cow<'a, str>,
        text: &'a str,
    },
}

/// The messages such that every call has exactly one result right after it, every result a call, every id is
/// used once and satisfies `valid_id`, and no message is blank.
pub(crate) fn heal(messages: &[ChatMessage], valid_id: fn(char) -> bool) -> Vec<Entry<'_>> {
    let mut history = History {
        valid_id,
        entries: Vec::with_capacity(messages.len()),
        ids: HashSet::new(),
        open: Vec::new(),
    };
    for message in messages {
        history.add(message);
    }
    history.close();
    history.entries
}

struct History<'a> {
    valid_id: fn(char) -> bool,
    entries: Vec<Entry<'a>>,
    ids: HashSet<Cow<'a, str>>,
    /// The calls without a result so far: the id here, and the id sent.
    open: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> History<'a> {
    fn add(&mut self, message: &'a ChatMessage) {
        match message {
            ChatMessage::User { content } => {
                self.close();
                if !content.trim().is_empty() {
                    self.entries.push(Entry::User(content));
                }
            }
            ChatMessage::Assistant {
                content,
                tool_calls,
            } => {
                self.close();
                let blank = content.trim().is_empty();
                if blank && tool_calls.is_empty() {
                    return;
                }
                let mut calls = Vec::with_capacity(tool_calls.len());
                for call in tool_calls {
                    let id = self.fresh_id(&call.id);
                    self.open.push((&call.id, id.clone()));
                    calls.push((id, call));
                }
                let text = if blank { "" } else { content.as_str() };
                self.entries.push(Entry::Assistant { text, calls });
            }
            ChatMessage::Tool { call_id, content } => {
                let call = self.open.iter().position(|(id, _)| id == call_id);
                if let Some(call) = call {
                    let (_, id) = self.open.remove(call);
                    self.entries.push(Entry::Tool { id, text: content });
                }
            }
        }
    }

    /// Answers the calls that were left without a result.
    fn close(&mut self) {
        for (_, id) in self.open.drain(..) {
            self.entries.push(Entry::Tool {
                id,
                text: INTERRUPTED,
            });
        }
    }

    /// The id itself if it can be sent, or a new one: nine letters and digits, which is what Mistral wants.
    fn fresh_id(&mut self, id: &'a str) -> Cow<'a, str> {
        let valid = !id.is_empty() && id.len() <= MAX_ID && id.chars().all(self.valid_id);
        if valid && self.ids.insert(Cow::Borrowed(id)) {
            return Cow::Borrowed(id);
        }
        let mut number = self.ids.len();
        loop {
            let id: Cow<'a, str> = Cow::Owned(format!("call{number:05}"));
            if self.ids.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(content: &str) -> ChatMessage {
        ChatMessage::User {
            content: content.into(),
        }
    }

    fn calls(content: &str, ids: &[&str]) -> ChatMessage {
        ChatMessage::Assistant {
            content: content.into(),
            tool_calls: ids
                .iter()
                .map(|id| ToolCall {
                    id: (*id).into(),
                    name: "search".into(),
                    args: json!({}),
                })
                .collect(),
        }
    }

    fn result(id: &str, content: &str) -> ChatMessage {
        ChatMessage::Tool {
            call_id: id.into(),
            content: content.into(),
        }
    }

    fn shape(messages: &[ChatMessage]) -> Vec<String> {
        heal(messages, |c| c.is_ascii_alphanumeric() || c == '_')
            .into_iter()
            .map(|entry| match entry {
                Entry::User(text) => format!("user {text}"),
                Entry::Assistant { text, calls } => {
                    let ids: Vec<_> = calls.iter().map(|(id, _)| &**id).collect();
                    format!("assistant {text:?} {}", ids.join(","))
                }
                Entry::Tool { id, text } => format!("tool {id} {text}"),
            })
            .collect()
    }

    #[test]
    fn a_sound_conversation_is_left_alone() {
        let messages = [
            user("hi"),
            calls("let me see", &["a", "b"]),
            result("b", "2"),
            result("a", "1"),
            calls("done", &[]),
        ];
        assert_eq!(
            shape(&messages),
            [
                "user hi",
                "assistant \"let me see\" a,b",
                "tool b 2",
                "tool a 1",
                "assistant \"done\" "
            ]
        );
    }

    #[test]
    fn scars_are_healed() {
        let messages = [
            result("lost", "the call was cut off the history"),
            calls(" ", &[]),
            user("\n"),
            calls("", &["a", "b"]),
            result("a", "1"),
            result("a", "again"),
            user("stop"),
            calls("", &["a"]),
        ];
        assert_eq!(
            shape(&messages),
            [
                "assistant \"\" a,b",
                "tool a 1",
                "tool b No result: the call was interrupted.",
                "user stop",
                "assistant \"\" call00002",
                "tool call00002 No result: the call was interrupted.",
            ]
        );
    }

    #[test]
    fn ids_are_unique_and_valid_and_results_follow_them() {
        let long = "x".repeat(41);
        let messages = [
            calls("", &["call00001", "", "a.b", &long]),
            result("a.b", "dotted"),
            result(&long, "long"),
            result("", "empty"),
            result("call00001", "first"),
            calls("", &["call00001"]),
            result("call00001", "second"),
        ];
        let shape = shape(&messages);
        assert_eq!(
            shape,
            [
                "assistant \"\" call00001,call00002,call00003,call00004",
                "tool call00003 dotted",
                "tool call00004 long",
                "tool call00002 empty",
                "tool call00001 first",
                "assistant \"\" call00005",
                "tool call00005 second",
            ]
        );
    }
}
