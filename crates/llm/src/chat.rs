//! What is asked of a model and what it answers, the same for every provider.

use serde_json::Value;

/// One call of a model: the whole conversation as it should see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatRequest {
    /// Standing instructions. Empty means none.
    pub system: String,
    /// The conversation, oldest first.
    pub messages: Vec<ChatMessage>,
    /// The tools the model may call. Empty means none.
    pub tools: Vec<ToolSpec>,
    /// Upper bound of the answer in tokens. `None` is the provider's: `ProviderConfig::max_output_tokens`.
    pub max_output_tokens: Option<u32>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatMessage {
    /// Words of the person.
    User {
        /// The text.
        content: String,
    },
    /// An earlier answer of the model.
    Assistant {
        /// The text; empty if the model only called tools.
        content: String,
        /// The tools it called.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The [`ToolCall::id`] this answers.
        call_id: String,
        /// The result as text for the model.
        content: String,
    },
}

/// A tool the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_` and `-`, at most 64 (the narrower of the providers' rules).
    pub name: String,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// JSON schema of the arguments; an object schema.
    pub parameters: Value,
}

/// A tool call the model asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The provider's id of the call, or one of our own if the server sent none. Unique within one
    /// [`Completion`], not beyond it.
    pub id: String,
    /// The tool's name, as the model wrote it: it may name a tool that does not exist.
    pub name: String,
    /// The arguments: always an object. Arguments that are not a JSON object, for example because the
    /// answer was cut off, become `{"_raw": "<the text>"}`.
    pub args: Value,
}

/// One step of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatEvent {
    /// A piece of the answer, never empty. Pieces that arrived in one read are joined.
    Text(String),
    /// A piece of the model's reasoning, never empty. Not part of the answer.
    Thinking(String),
    /// The model has begun to call a tool; its arguments follow with [`ChatEvent::Finished`].
    ToolCallStarted {
        /// Position in [`Completion::tool_calls`].
        index: usize,
        /// As in [`ToolCall::id`].
        id: String,
        /// As in [`ToolCall::name`].
        name: String,
    },
    /// The answer is complete. The last event.
    Finished(Completion),
}

/// A complete answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// The whole text: all [`ChatEvent::Text`] joined. Empty if the model only called tools.
    pub text: String,
    /// The tools it wants called, in its order.
    pub tool_calls: Vec<ToolCall>,
    /// Why the answer ended.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Finish {
    /// The model had said everything.
    Stop,
    /// The limit of output tokens was reached: the text, or the arguments of the last tool call, are cut off.
    Length,
    /// The model waits for the results of its tool calls. Also reported when a server says "stop" although
    /// there are calls.
    ToolCalls,
    /// The provider's filter, or the model itself, refused.
    ContentFilter,
    /// The server ended the answer properly but gave no reason, or one we do not know. Treat it as `Stop`.
    #[default]
    Unknown,
}

/// Tokens as the provider counted them. Zero where it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
}
