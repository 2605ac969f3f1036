//! The `thicket` program: command line, configuration, and the wiring of the server.

mod cli;
mod clockwork;
mod config;
mod data;
mod demo;
#[cfg(test)]
mod docs;
mod janitor;
mod logging;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
