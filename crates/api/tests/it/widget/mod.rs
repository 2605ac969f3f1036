//! The widget's endpoints from outside (tickets.md 14, 18.7; conventions.md 8).

mod access;
mod answers;
mod identity;
mod merged;
mod messages;
mod restore;
pub(crate) mod scene;
mod throttles;
mod tickets;

pub(crate) use scene::Site;
