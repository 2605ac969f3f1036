//! The answer of a model while it arrives.

use crate::{ChatEvent, Error};
use std::collections::VecDeque;

/// An answer while it arrives. Dropping it cancels the HTTP request.
#[derive(Debug, Default)]
pub struct ChatStream {
    queue: VecDeque<ChatEvent>,
}

impl ChatStream {
    /// The next event; after [`ChatEvent::Finished`] or an error, `None`. Cancel-safe.
    ///
    /// # Errors
    /// As [`Provider::stream`](crate::Provider::stream).
    pub async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        self.queue.pop_front().map(Ok)
    }
}
