//! Benchmarks: how fast and how small `thicket serve` is, each number beside that of a bare *limit server* that does the least
//! that could do the same job, measured in the same run. Machines differ and are shared, so only the ratios count.
//!
//! Everything runs over loopback, in four kinds of processes: `thicket serve` (the release binary, on a database of its own),
//! the limit server and the stub model (this program, in its other two roles), and this program, which makes the load
//! on one thread and measures. All of them share the machine's cores: on two cores the load and the stub cost about one, which
//! is why throughput is only compared with a limit that was loaded in the same way, round by round, in turns.

mod child;
mod http;
mod limit;
mod measure;
mod model;
mod report;
mod world;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "bench", about = "Measure thicket against a bare limit server")]
struct Cli {
    /// Run only this benchmark
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Exit with 1 when a goal is missed
    #[arg(long)]
    strict: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The other processes of a run.
#[derive(Subcommand)]
enum Role {
    /// Be the limit server
    #[command(hide = true)]
    Limit {
        /// Its database
        database: PathBuf,
        /// Thicket's, when its tickets are to be read from there
        #[arg(long)]
        tickets: Option<PathBuf>,
    },
    /// Be the model
    #[command(hide = true)]
    Model,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.role {
        // As many threads as thicket has.
        Some(Role::Limit { database, tickets }) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(limit::serve(&database, tickets.as_deref()))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Role::Model) => {
            one_thread()?.block_on(model::serve())?;
            Ok(ExitCode::SUCCESS)
        }
        None => run(cli.only.as_deref(), cli.strict),
    }
}

fn one_thread() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("the runtime cannot be started")
}

fn run(only: Option<&str>, strict: bool) -> anyhow::Result<ExitCode> {
    if let Some(name) = only
        && !measure::NAMES.contains(&name)
    {
        bail!(
            "there is no benchmark {name:?}; there are {}",
            measure::NAMES.join(", ")
        );
    }
    let mut report = Report::default();
    one_thread()?.block_on(measure::run(only, &mut report))?;
    println!("{}\n\n{report}", world::machine());
    Ok(if strict && report.has_misses() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
