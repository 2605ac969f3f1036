//! What Thicket is about, without any input or output: identifiers, value types, rules, and the shapes
//! that clients see.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or waits. Time and randomness come
//! in through [`Env`], so every rule can be tested by a table.

pub mod env;
pub mod ids;
pub mod time;

pub use env::{Clock, Env, ManualClock, Rng, SystemClock, SystemRng};
pub use ids::*;
pub use time::Timestamp;
