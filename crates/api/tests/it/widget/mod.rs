//! The widget's endpoints from outside (tickets.md 14, 18.7; conventions.md 8).

mod access;
mod answers;
mod identity;
mod merged;
mod messages;
mod restore;
mod scene;
mod throttles;
mod tickets;
