//! Clients of language models: the OpenAI-compatible and the Anthropic wire format.
//!
//! They are lenient where servers differ and strict about limits: see [`ChatRequest`], [`Provider`] and [`ChatStream`].

mod chat;
mod config;
mod error;
mod provider;
mod stream;

pub use chat::{
    ChatEvent, ChatMessage, ChatRequest, Completion, Finish, ToolCall, ToolSpec, Usage,
};
pub use config::{ProviderConfig, ProviderKind, Secret, Timeouts};
pub use error::Error;
pub use provider::Provider;
pub use stream::ChatStream;
