//! Storage: everything Thicket keeps, in one embedded file (SQLite) or on a PostgreSQL server.
//!
//! Operations are functions over a [`Conn`], in one module for each concept. They are run by [`Store::read`] and
//! [`Store::write`]; the latter is one transaction. All SQL is in this crate, written once for both engines in
//! their common subset ([`Conn`] lists what that means) and registered in [`statements::STATEMENTS`], so that one
//! test prepares every statement on both.

pub mod activity;
pub mod approvals;
pub mod articles;
pub mod availability;
mod backup;
mod check;
pub mod comments;
#[cfg(test)]
mod conformance;
mod conn;
pub mod conversations;
pub mod drafts;
pub mod erasure;
mod error;
pub mod events;
pub mod frames;
pub mod guidance;
mod hex;
pub mod idempotency;
pub mod invites;
pub mod keys;
mod lite;
pub mod lock;
pub mod macros;
pub mod media;
pub mod messages;
mod migrate;
pub mod organizations;
pub mod outbox;
pub mod persons;
mod pg;
pub mod project_keys;
pub mod project_log;
pub mod projects;
pub mod queue;
pub mod restore;
pub mod roles;
mod row;
pub mod sealed;
pub mod sessions;
pub mod statements;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tickets;
pub mod transfer;
pub mod turns;
pub mod users;
mod value;
pub mod views;

pub use backup::{ATTACHMENTS, BackupError, BackupReport, DATABASE_FILE, RestoreReport, restore};
pub use check::Finding;
pub use conn::{Conn, Engine};
pub use error::{ConstraintKind, Error, Result};
pub use row::{Cell, Column, FromRow, Row};
pub use store::{Store, StoreConfig, Target};
pub use value::Value;
