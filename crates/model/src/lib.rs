//! What Thicket is about, without any input or output: identifiers, value types, rules, and the shapes
//! that clients see.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or waits. Time and randomness come
//! in through [`Env`], so every rule can be tested by a table.

pub mod articles;
pub mod comments;
pub mod contextual_tools;
pub mod conversations;
pub mod datetime;
pub mod drafts;
pub mod env;
pub mod error;
pub mod fields;
pub mod frames;
pub mod guidance;
pub mod idempotency;
pub mod ids;
pub mod json;
pub mod macros;
pub mod media;
pub mod members;
pub mod messages;
pub mod outbox;
pub mod pagination;
pub mod passwords;
pub mod persons;
mod python;
pub mod queue;
pub mod rates;
pub mod scopes;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod statistics;
pub mod text;
pub mod tickets;
pub mod time;
pub mod traces;
pub mod turns;
pub mod ui_context;
pub mod widget;

pub use env::{Clock, Env, ManualClock, Rng, SystemClock, SystemRng};
pub use error::{Code, FieldError};
pub use ids::*;
pub use members::MemberLevel;
pub use time::Timestamp;
