//! Tools that a client brings with its message (spec "Tools").

use serde_json::{Map, Value, json};

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextualTool {
    /// The key under which the client sent it: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it is for, in words for the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
    /// The user decides before it is called.
    pub requires_approval: bool,
    /// It runs in the client, which sends its result back.
    pub client: bool,
}

impl ContextualTool {
    /// Whether a call of it ends the turn with a question.
    pub fn interrupts(&self) -> bool {
        self.requires_approval || self.client
    }
}

/// Parts the map into tools that can be called and context that is only read.
///
/// A value that is an object with `description`, `parameters`, `requires_approval` or `client` (or with nothing
/// at all) makes its key callable; any other value is context.
pub fn split(tools: &Map<String, Value>) -> (Vec<ContextualTool>, Map<String, Value>) {
    let mut callable = Vec::new();
    let mut context = Map::new();
    for (name, value) in tools {
        match as_tool(name, value) {
            Some(tool) => callable.push(tool),
            None => {
                context.insert(name.clone(), value.clone());
            }
        }
    }
    (callable, context)
}

fn as_tool(name: &str, value: &Value) -> Option<ContextualTool> {
    let named_well = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let object = value.as_object()?;
    let description = object.get("description").and_then(Value::as_str);
    let parameters = object.get("parameters").filter(|value| value.is_object());
    let requires_approval = object.get("requires_approval").and_then(Value::as_bool);
    let client = object.get("client").and_then(Value::as_bool);
    let says_something = description.is_some()
        || parameters.is_some()
        || requires_approval.is_some()
        || client.is_some();
    if !named_well || !(says_something || object.is_empty()) {
        return None;
    }
    Some(ContextualTool {
        name: name.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        parameters: parameters
            .cloned()
            .unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        requires_approval: requires_approval.unwrap_or(false),
        client: client.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_description_of_a_tool_makes_it_callable() {
        let tools = json!({
            "navigate": {"description": "Opens a page", "parameters": {"type": "object"}},
            "delete_all": {"requires_approval": true},
            "pick_file": {"client": true},
            "bare": {},
            "filters": {"current": [1, 2]},
            "page": "billing",
            "bad name!": {"description": "x"},
        });
        let (callable, context) = split(tools.as_object().unwrap());
        let names: Vec<_> = callable.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["bare", "delete_all", "navigate", "pick_file"]);
        assert_eq!(
            context.keys().collect::<Vec<_>>(),
            ["bad name!", "filters", "page"]
        );
        assert!(callable.iter().filter(|tool| tool.interrupts()).count() == 2);
    }
}
