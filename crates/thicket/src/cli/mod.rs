//! The command line. One file for each family of commands.

mod output;
mod settings;

use crate::config::{self, Config, ConfigError};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::process::ExitCode;

/// Answers customers: first an AI assistant, streaming, then, when it must, a person.
#[derive(Debug, Parser)]
#[command(name = "thicket", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the table of settings of docs/operations.md
    #[command(hide = true)]
    ConfigReference,
}

/// The commands that run a server, and so understand the server's settings.
const SERVERS: &[&str] = &[];

/// The command line asks for something impossible: exit code 2 instead of 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs the command that the command line names.
pub fn run() -> ExitCode {
    let matches = settings::add_flags(Cli::command(), SERVERS).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let Err(error) = execute(cli.command, settings::sources(&matches)) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    let misused = error.is::<Usage>() || error.is::<ConfigError>();
    ExitCode::from(if misused { 2 } else { 1 })
}

fn execute(command: Command, sources: config::Sources) -> anyhow::Result<()> {
    match command {
        Command::ConfigReference => Ok(output::print(&config::reference())?),
    }
}
