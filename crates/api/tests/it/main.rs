//! The API from outside, over real HTTP, on both engines.

mod smoke;
