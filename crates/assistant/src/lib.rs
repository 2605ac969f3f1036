//! The assistant: turns, from the user's message to their end, and everything that can be asked of a conversation.
//!
//! - What a POST means is decided in [`model::turns`] and carried out in `post.rs`; a turn begins in `begin.rs`,
//!   runs in `run.rs` and `call.rs`, writes through `commit.rs`, is stopped in `cancel.rs` and survives a dead
//!   process in `takeover.rs`.
//! - Readers follow it in `follow.rs`, from the log or from the live feed, and cannot tell the difference.
//! - `engine.rs` is the clockwork: leases, orphans, old frames, shutdown.

mod answerer;
mod begin;
mod call;
mod cancel;
mod commit;
mod endings;
mod engine;
mod escalate;
pub mod extractive;
mod follow;
pub mod knowledge;
mod notes;
mod post;
mod prompt;
mod provider;
mod queue;
pub mod replies;
mod resume;
mod run;
mod takeover;
mod titles;
mod tools;
mod views;

pub use answerer::Answerer;
pub use engine::{Config, Engine, RunLimits, TicketListener};
pub use follow::Place;
pub use post::{Post, PostPreview, PostRefusal, Posted};
pub use provider::{ProviderFacts, ProviderTest, Trouble};
pub use queue::{NewQueueItem, QueueAnswer};
pub use views::ConversationDetail;

/// Why an operation of the assistant failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed; nothing was written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The server is about to stop and begins no new turns: ask again in a moment.
    #[error("the server is shutting down")]
    ShuttingDown,
}
