//! The API from outside, over real HTTP, on both engines.

mod common;
mod queue;
mod queue_drain;
mod queue_race;
mod smoke;
