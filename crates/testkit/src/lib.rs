//! testkit

pub mod stub_model;
