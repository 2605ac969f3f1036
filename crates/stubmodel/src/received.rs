//! What clients sent.

use hyper::HeaderMap;
use serde_json::Value;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `…/chat/completions`.
    OpenAi,
    /// `…/messages`.
    Anthropic,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// The format, told by the path.
    pub wire: Wire,
    /// The path.
    pub path: String,
    /// Whether it asked for a stream.
    pub streaming: bool,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Value,
}

impl Received {
    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The standing instructions; empty if there are none.
    pub fn system(&self) -> String {
        let first = &self.body["messages"][0];
        match self.wire {
            Wire::Anthropic => text(&self.body["system"]),
            Wire::OpenAi if first["role"] == "system" => text(&first["content"]),
            Wire::OpenAi => String::new(),
        }
    }

    /// Role and text of every message but the standing instructions. Tool calls and results have the text of
    /// their JSON.
    pub fn messages(&self) -> Vec<(String, String)> {
        let messages = self.body["messages"].as_array();
        let pair = |message: &Value| {
            let role = message["role"].as_str().unwrap_or("").to_owned();
            let mut content = text(&message["content"]);
            if message["tool_calls"].is_array() {
                content += &message["tool_calls"].to_string();
            }
            (role, content)
        };
        let pairs = messages.into_iter().flatten().map(pair);
        pairs.filter(|(role, _)| role != "system").collect()
    }

    /// The text of the last message of the person; empty if there is none.
    pub fn last_user_text(&self) -> String {
        let mut messages = self.messages().into_iter().rev();
        let last = messages.find(|(role, _)| role == "user");
        last.map(|(_, text)| text).unwrap_or_default()
    }

    /// The names of the tools offered.
    pub fn tools(&self) -> Vec<String> {
        let tools = self.body["tools"].as_array();
        let name = |tool: &Value| {
            let name = tool["name"].as_str().or(tool["function"]["name"].as_str());
            name.unwrap_or("").to_owned()
        };
        tools.into_iter().flatten().map(name).collect()
    }
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let block = |block: &Value| match block["text"].as_str() {
                Some(text) => text.to_owned(),
                None => block.to_string(),
            };
            blocks.iter().map(block).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
