//! What the parts of a process (and, with Redis, the processes of a cluster) tell each other: live frames and
//! rate counters. Hints only: everything that must not be lost is in the store.

mod cache;
mod limits;
mod live;
mod pokes;
mod presence;

pub use cache::{Cache, Generation};
pub use limits::Limits;
pub use live::{Batch, End, Feed, Hub};
pub use pokes::Pokes;
pub use presence::Presence;
