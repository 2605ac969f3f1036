//! The client of one model.

use crate::{ChatRequest, ChatStream, Completion, Error, ProviderConfig};
use std::sync::Arc;

/// A client of one model. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Provider {
    config: Arc<ProviderConfig>,
}

impl Provider {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a base URL or a key that cannot work.
    pub fn new(config: ProviderConfig) -> Result<Self, Error> {
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// `openai` or `anthropic`, for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.config.kind.name()
    }

    /// The model's name at the provider.
    pub fn model(&self) -> &str {
        &self.config.model
    }

    /// Asks for a streamed answer and returns once its first event is there. Dropping the future, or the stream,
    /// closes the request.
    ///
    /// # Errors
    /// Any but [`Error::Config`]; transient ones only after [`ProviderConfig::max_retries`] more attempts.
    pub async fn stream(&self, _request: &ChatRequest) -> Result<ChatStream, Error> {
        Err(Error::unavailable("not connected"))
    }

    /// Asks for a whole answer at once.
    ///
    /// # Errors
    /// As [`Provider::stream`].
    pub async fn complete(&self, _request: &ChatRequest) -> Result<Completion, Error> {
        Err(Error::unavailable("not connected"))
    }
}
