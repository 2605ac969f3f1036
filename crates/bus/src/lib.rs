//! What the parts of a process, and with Redis the processes of a cluster, tell each other: wake-ups, live frames,
//! signals of the moment, values that may be a little old, and counters. Hints only: everything that must not be lost is in the store.
//!
//! Every type here works alone in its process. A [`Bus`] that was connected to Redis makes the same types reach
//! the other processes; their callers do not see the difference. Whatever goes wrong with Redis is logged and
//! otherwise ignored: a value is not kept, a wake-up does not come, and the caller turns to the store.

mod bus;
mod cache;
mod limits;
mod live;
mod pokes;
mod presence;
mod redis;
mod signals;

pub use bus::{Bus, PATIENCE};
pub use cache::{Cache, CacheKey, Generation};
pub use limits::Limits;
pub use live::{Batch, End, Feed, Hub};
pub use pokes::Pokes;
pub use presence::{Place, Presence};
pub use redis::{InvalidRedisUrl, RedisUrl};
pub use signals::{Signal, Signals};
