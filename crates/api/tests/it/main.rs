//! The API from outside, over real HTTP, on both engines.

mod articles;
mod cancel;
mod cancel_race;
mod common;
mod deletion;
mod listing;
mod notes;
mod ownership;
mod queue;
mod queue_drain;
mod queue_race;
mod retrieval;
mod smoke;
mod turns;
