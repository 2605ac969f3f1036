//! The scripted model server: see [`stubmodel`].

pub use stubmodel::*;
