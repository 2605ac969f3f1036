//! The program as people run it: the real binary, a data directory of its own, and what it prints and answers.

mod admin;
mod articles;
mod backup;
mod crash;
mod demo;
mod harness;
mod postgres;
mod serve;
mod server;
mod settings;
