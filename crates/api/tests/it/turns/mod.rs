//! Turns: what begins them, what their streams say, and what they survive.

mod bad_input;
mod busy_store;
mod cursors;
mod model_failures;
mod post;
mod post_body;
mod post_json;
mod post_order;
mod post_resume;
mod readers;
mod reconnect;
mod repeats;
mod research;
mod restarts;
pub(crate) mod scene;
mod snapshots;
mod streams;
mod titles;
mod two_servers;
