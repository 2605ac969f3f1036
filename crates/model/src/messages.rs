//! The messages of a conversation, in the shapes clients know (ai-conversations.md 10).

use crate::json::{DEPTH_MAX, is_deeper_than};
use crate::{MessageId, TicketId};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Absent only in failures that were never stored.
    pub id: Option<MessageId>,
    /// What is said, and by whom.
    pub body: Body,
}

/// What a message says, by its `type`.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `human`: what the user wrote.
    Human(Human),
    /// `ai`: what the assistant answered.
    Ai(Ai),
    /// `tool`: what a tool that the assistant called gave back.
    Tool(Tool),
    /// `ai/failure`: the turn could not be finished; the text says what the user can do.
    Failure(String),
}

/// What the user wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Human {
    /// The text, trimmed.
    pub content: String,
    /// What the user's page showed, as the client sent it.
    pub ui_context: Option<Value>,
    /// The client's mark for this request.
    pub trace_id: Option<Uuid>,
}

/// What the assistant answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ai {
    /// Markdown.
    pub content: String,
    /// What else is known of the answer.
    pub meta: Option<Meta>,
    /// The tools the assistant wants to be called.
    pub tool_calls: Vec<ToolCall>,
}

/// What else is known of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Choices offered to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// Why the text ends where it does, when it was not the assistant who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// The knowledge the answer rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The model's reasoning, in blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thinking: Vec<Value>,
    /// The ticket that was opened with this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<OpenedTicket>,
}

/// A ticket that was opened from a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedTicket {
    /// Its id.
    pub id: TicketId,
    /// Its number in the project.
    pub number: i64,
}

impl Meta {
    /// One block of reasoning text; nothing for an empty text.
    pub fn thinking_blocks(text: &str) -> Vec<Value> {
        if text.is_empty() {
            Vec::new()
        } else {
            vec![json!({"type": "thinking", "thinking": text})]
        }
    }
}

/// Why an answer was cut (spec "Cancel" and "Crash, stop, takeover").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interrupted {
    /// The user stopped it.
    Cancelled,
    /// The model or the server failed in the middle.
    Failed,
    /// It reached the longest length that one answer may have.
    Length,
}

/// A piece of knowledge that an answer cites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The article's id; absent where it is no article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article_id: Option<Uuid>,
    /// The heading the passage stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// The short id of the macro of the team's that it is instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_id: Option<String>,
    /// The article's title, or the macro's name.
    pub title: String,
    /// Where the article can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A call of a tool, as the assistant asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The arguments; `{}` in partial messages.
    pub args: Value,
    /// The call's id, made by the model.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Always `tool_call`.
    #[serde(rename = "type", default = "tool_call_type")]
    pub kind: String,
}

impl ToolCall {
    /// A call of the tool `name`. All of it is made up by the model, so it is made fit to be stored: an id without
    /// U+0000, and arguments that are nested too deep as the text that they are, under `_raw`.
    pub fn new(id: String, name: String, args: Value) -> Self {
        let args = if is_deeper_than(&args, DEPTH_MAX) {
            json!({ "_raw": args.to_string() })
        } else {
            args
        };
        Self {
            args,
            id: id.replace('\0', ""),
            name,
            kind: tool_call_type(),
        }
    }
}

fn tool_call_type() -> String {
    "tool_call".into()
}

/// What a tool gave back.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// What the model is told.
    pub content: String,
    /// The call this answers.
    pub tool_call_id: String,
    /// What the client's page is handed, keyed by the tool's name.
    pub ui_payload: Option<Map<String, Value>>,
}

impl Message {
    /// A human message.
    pub fn human(
        id: MessageId,
        content: String,
        ui_context: Option<Value>,
        trace_id: Uuid,
    ) -> Self {
        Self {
            id: Some(id),
            body: Body::Human(Human {
                content,
                ui_context,
                trace_id: Some(trace_id),
            }),
        }
    }

    /// A plain answer.
    pub fn ai(id: MessageId, content: impl Into<String>) -> Self {
        Self {
            id: Some(id),
            body: Body::Ai(Ai {
                content: content.into(),
                ..Ai::default()
            }),
        }
    }

    /// A visible failure.
    pub fn failure(id: MessageId, content: impl Into<String>) -> Self {
        Self {
            id: Some(id),
            body: Body::Failure(content.into()),
        }
    }

    /// An answer that is not (or not yet) a final message may lack an id; the stored form never does.
    pub fn partial(body: Body) -> Self {
        Self { id: None, body }
    }

    /// The value of `type`.
    pub fn kind(&self) -> &'static str {
        match self.body {
            Body::Human(_) => "human",
            Body::Ai(_) => "ai",
            Body::Tool(_) => "tool",
            Body::Failure(_) => "ai/failure",
        }
    }

    /// An `ai` message without text, calls and meta says nothing: it is neither stored nor shown
    /// (ai-conversations.md 3.1).
    pub fn is_empty(&self) -> bool {
        matches!(&self.body, Body::Ai(ai) if ai.content.is_empty() && ai.tool_calls.is_empty() && ai.meta.is_none())
    }

    /// The form of streams and of storage: nulls left out, keys in alphabetical order (ai-conversations.md 5.1).
    pub fn to_stream_json(&self) -> String {
        let shape = Shape {
            message: self,
            nulls: false,
        };
        serde_json::to_string(&shape).unwrap_or_default()
    }

    /// Reads a stored message; `None` when the text is not one that this version writes.
    pub fn from_stored(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let content = stored.content.unwrap_or_default();
        let body = match stored.kind.as_str() {
            "human" => Body::Human(Human {
                content,
                ui_context: stored.ui_context,
                trace_id: stored.trace_id,
            }),
            "ai" => Body::Ai(Ai {
                content,
                meta: stored.meta,
                tool_calls: stored.tool_calls,
            }),
            "tool" => Body::Tool(Tool {
                content,
                tool_call_id: stored.tool_call_id.unwrap_or_default(),
                ui_payload: stored.ui_payload,
            }),
            "ai/failure" => Body::Failure(content),
            _ => return None,
        };
        Some(Self {
            id: stored.id.map(MessageId),
            body,
        })
    }
}

/// A message in the form of GET: absent fields are null (ai-conversations.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct MessageDetail(pub Message);

impl Serialize for MessageDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = Shape {
            message: &self.0,
            nulls: true,
        };
        shape.serialize(serializer)
    }
}

/// How a message is written. Long conversations are read whole, so no tree of values is built on the way.
struct Shape<'a> {
    message: &'a Message,
    /// Whether absent fields are written as null or not at all.
    nulls: bool,
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields {
            map: serializer.serialize_map(None)?,
            nulls: self.nulls,
        };
        let id = self.message.id;
        let kind = Some(self.message.kind());
        // In alphabetical order.
        match &self.message.body {
            Body::Human(human) => {
                fields.put("content", Some(&human.content))?;
                fields.put("id", id)?;
                fields.put::<()>("parent_tool_call_id", None)?;
                fields.put("trace_id", human.trace_id)?;
                fields.put("type", kind)?;
                let page = human.ui_context.as_ref();
                fields.put("ui_context", page.filter(|page| !page.is_null()))?;
            }
            Body::Ai(ai) => {
                fields.put("content", Some(&ai.content))?;
                fields.put("id", id)?;
                let meta = ai.meta.as_ref();
                fields.put("meta", meta.filter(|meta| **meta != Meta::default()))?;
                fields.put::<()>("parent_tool_call_id", None)?;
                let calls = Some(&ai.tool_calls);
                fields.put("tool_calls", calls.filter(|calls| !calls.is_empty()))?;
                fields.put("type", kind)?;
            }
            Body::Tool(tool) => {
                fields.put("content", Some(&tool.content))?;
                fields.put("id", id)?;
                fields.put::<()>("parent_tool_call_id", None)?;
                fields.put("tool_call_id", Some(&tool.tool_call_id))?;
                fields.put("type", kind)?;
                fields.put("ui_payload", tool.ui_payload.as_ref())?;
            }
            Body::Failure(content) => {
                fields.put("content", Some(content))?;
                fields.put("id", id)?;
                fields.put::<()>("parent_tool_call_id", None)?;
                fields.put("type", kind)?;
            }
        }
        fields.map.end()
    }
}

struct Fields<M> {
    map: M,
    nulls: bool,
}

impl<M: SerializeMap> Fields<M> {
    fn put<T: Serialize>(&mut self, name: &str, value: Option<T>) -> Result<(), M::Error> {
        if value.is_some() || self.nulls {
            self.map.serialize_entry(name, &value)
        } else {
            Ok(())
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    kind: String,
    id: Option<Uuid>,
    content: Option<String>,
    ui_context: Option<Value>,
    trace_id: Option<Uuid>,
    meta: Option<Meta>,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
    tool_call_id: Option<String>,
    ui_payload: Option<Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> MessageId {
        MessageId(Uuid::from_u128(7))
    }

    fn every_kind() -> Vec<Message> {
        let call = ToolCall::new("c1".into(), "open_page".into(), json!({"path": "/"}));
        let meta = Meta {
            interrupted: Some(Interrupted::Cancelled),
            thinking: Meta::thinking_blocks("hm"),
            ..Meta::default()
        };
        vec![
            Message::human(
                id(),
                "hello".into(),
                Some(json!({"dashboards": []})),
                Uuid::from_u128(1),
            ),
            Message::ai(id(), "hi"),
            Message {
                id: Some(id()),
                body: Body::Ai(Ai {
                    content: "so".into(),
                    meta: Some(meta),
                    tool_calls: vec![call],
                }),
            },
            Message {
                id: Some(id()),
                body: Body::Tool(Tool {
                    content: "done".into(),
                    tool_call_id: "c1".into(),
                    ui_payload: json!({"open_page": {"path": "/"}}).as_object().cloned(),
                }),
            },
            Message::failure(id(), "no luck"),
        ]
    }

    #[test]
    fn every_kind_survives_storage() {
        for message in every_kind() {
            assert_eq!(
                Message::from_stored(&message.to_stream_json()),
                Some(message)
            );
        }
    }

    #[test]
    fn keys_are_in_alphabetical_order() {
        for message in every_kind() {
            let stream = message.to_stream_json();
            let sorted: Value = serde_json::from_str(&stream).unwrap();
            assert_eq!(stream, sorted.to_string());
            let detail = serde_json::to_string(&MessageDetail(message)).unwrap();
            let sorted: Value = serde_json::from_str(&detail).unwrap();
            assert_eq!(detail, sorted.to_string());
        }
    }

    #[test]
    fn the_stream_form_leaves_out_nulls_and_sorts_keys() {
        let message = Message::partial(Body::Ai(Ai {
            content: "test response".into(),
            ..Ai::default()
        }));
        assert_eq!(
            message.to_stream_json(),
            r#"{"content":"test response","type":"ai"}"#
        );
    }

    #[test]
    fn the_detail_form_shows_nulls() {
        let detail = json!(MessageDetail(Message::ai(id(), "hi")));
        for field in ["meta", "tool_calls", "parent_tool_call_id"] {
            assert_eq!(detail.get(field), Some(&Value::Null), "{field}");
        }
    }

    #[test]
    fn whatever_a_model_calls_can_be_stored_and_read() {
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({"x": inner}));
        for depth in [1, DEPTH_MAX, DEPTH_MAX + 1, 127] {
            let call = ToolCall::new("a\0b".into(), "na\0me".into(), nested(depth));
            assert_eq!(call.id, "ab");
            assert_eq!(call.args.get("_raw").is_some(), depth > DEPTH_MAX);
            let ai = Ai {
                tool_calls: vec![call],
                ..Ai::default()
            };
            let message = Message {
                id: Some(id()),
                body: Body::Ai(ai),
            };
            let stored = message.to_stream_json();
            assert_eq!(Message::from_stored(&stored), Some(message));
        }
    }

    #[test]
    fn an_unknown_type_is_not_read() {
        assert_eq!(
            Message::from_stored(r#"{"type":"ai/poem","content":"x"}"#),
            None
        );
        assert_eq!(Message::from_stored("nonsense"), None);
    }

    #[test]
    fn only_an_answer_without_text_calls_and_meta_is_empty() {
        assert!(Message::ai(id(), "").is_empty());
        assert!(every_kind().iter().all(|message| !message.is_empty()));
    }
}
