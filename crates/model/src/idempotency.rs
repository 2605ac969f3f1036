//! Requests that are sent once more because nobody knows what became of them (tickets.md 17).

use crate::error::{Code, FieldError};
use crate::secrets::{Digest, digest};
use serde_json::Value;
use std::time::Duration;

/// The header that names an attempt.
pub const HEADER: &str = "idempotency-key";
/// Longest key, in bytes.
pub const KEY_MAX: usize = 255;
/// How long it is known what was made under a key.
pub const KEY_LIVES: Duration = Duration::from_secs(86_400);

/// What a client wants done once, however often it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Of the key.
    pub key: Digest,
    /// Of what is asked for: another request under the same key is told from the same one by it.
    pub request: Digest,
}

impl Attempt {
    /// The attempt that `key` names: to do `what` with `body`.
    ///
    /// # Errors
    /// For a key that is empty or too long.
    pub fn new(key: &str, what: &str, body: &Value) -> Result<Self, FieldError> {
        if key.is_empty() || key.len() > KEY_MAX {
            let detail = format!("Idempotency-Key must have 1 to {KEY_MAX} characters.");
            return Err(FieldError::whole(Code::InvalidInput, detail));
        }
        Ok(Self {
            key: digest(key),
            request: digest(&format!("{what}\n{body}")),
        })
    }
}
