//! The side of the bus that speaks with Redis.
//!
//! Two connections: one for commands ([`Link`]), one that listens to published messages (`listen`). Both are made
//! again whenever they break. While Redis is known to be away nothing is sent to it, so that nobody waits for it
//! more than once; a look every half second finds out when it is back.
//!
//! What is sent where:
//!
//! | channel | to whom | what |
//! |---|---|---|
//! | `thicket:<db>:turn:<conversation>:<turn>` | processes with a reader of a turn that runs elsewhere | its frames; nothing, when they are many: look into the log |
//! | `thicket:<db>:project:<project>` | processes with a follower of the project's event log | nothing: look into the log; or a signal of the moment, which is in no log |
//! | `thicket:<db>:node:<process>` | one process | nothing: look what has become of the turns you run |
//!
//! A process is subscribed only to what somebody in it waits for, so a frame goes to those who have a reader for it
//! and to nobody else. Messages wait in a queue of bounded length and size; what does not fit is dropped. Whoever
//! misses one finds the same in the log within a second.

mod address;
mod connection;
mod link;
mod listen;
mod message;
mod speak;

pub use address::{InvalidRedisUrl, RedisUrl};
pub(crate) use link::{Link, watch};
pub(crate) use listen::listen;
pub(crate) use message::Topic;
pub(crate) use speak::speak;
