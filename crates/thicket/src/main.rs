//! The `thicket` program: command line, configuration, and the wiring of the server.

mod cli;
mod clockwork;
mod config;
mod data;
mod demo;
#[cfg(test)]
mod docs;
mod files;
mod janitor;
mod logging;
mod serve;
#[cfg(feature = "otlp")]
mod traces;

use std::process::ExitCode;

/// Rows are made on the store's threads and freed on the web server's, which the C library's allocator takes badly
/// (docs/decisions/0011).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
