//! Clients of language models: the OpenAI-compatible and the Anthropic wire format.
//!
//! They are lenient where servers differ and strict about limits: see [`ChatRequest`], [`Provider`] and
//! [`ChatStream`].

mod anthropic;
mod assembly;
mod attempt;
mod chat;
mod config;
mod connect;
mod error;
mod failure;
mod history;
mod lenient;
mod openai;
mod provider;
pub mod sse;
mod stream;
mod wire;

pub use chat::{
    ChatEvent, ChatMessage, ChatRequest, Completion, Finish, ToolCall, ToolSpec, Usage,
};
pub use config::{Patience, ProviderConfig, ProviderKind, Secret, Timeouts};
pub use error::{Cause, Error};
pub use provider::Provider;
pub use stream::ChatStream;
