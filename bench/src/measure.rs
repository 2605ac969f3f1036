//! The benchmarks, one file each.

mod append;
mod first_event;
mod frames;
mod idle;
mod knowledge;
mod long_answer;
mod process;
mod reads;
mod tickets;

use crate::child::Server;
use crate::http::{self, Prepared};
use crate::report::{Report, Unit};
use std::time::Duration;

/// The names of the benchmarks, in their order.
pub(crate) const NAMES: [&str; 9] = [
    "first-event",
    "frames",
    "long-answer",
    "idle",
    "reads",
    "append",
    "tickets",
    "process",
    "knowledge",
];

/// Rounds of each measurement. Thicket and the limit take turns, so that both have the machine in the same moods.
const ROUNDS: usize = 5;
/// How long a round of requests takes.
const ROUND: Duration = Duration::from_secs(1);
/// Clients of such a round.
const CLIENTS: usize = 64;

/// Runs one benchmark, or all.
pub(crate) async fn run(only: Option<&str>, report: &mut Report) -> anyhow::Result<()> {
    for name in NAMES {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        say(name);
        match name {
            "first-event" => first_event::run(report).await?,
            "frames" => frames::run(report).await?,
            "long-answer" => long_answer::run(report).await?,
            "idle" => idle::run(report).await?,
            "reads" => reads::run(report).await?,
            "append" => append::run(report).await?,
            "tickets" => tickets::run(report).await?,
            "process" => process::run(report).await?,
            _ => knowledge::run(report).await?,
        }
    }
    Ok(())
}

/// Compares how many requests thicket and the limit server answer under the same load: 64 clients, each on a connection
/// of its own. The goal is a part of the limit's rate; without one the part is told.
async fn compare(
    report: &mut Report,
    name: &str,
    goal: Option<f64>,
    (server, requests): (&Server, &[Prepared]),
    (bare, bare_requests): (&Server, &[Prepared]),
) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for round in 1..=ROUNDS {
        say(&format!("  {name}, round {round} of {ROUNDS}"));
        let load = http::load(server, CLIENTS, requests, ROUND).await?;
        ours.0.push(load.rate);
        ours.1.push(load.cpu);
        let load = http::load(bare, CLIENTS, bare_requests, ROUND).await?;
        theirs.0.push(load.rate);
        theirs.1.push(load.cpu);
    }
    report.share(name, &ours.0, &theirs.0, goal);
    let name = "  processor time for one";
    report.told(name, Unit::Micros, &ours.1, Some(&theirs.1));
    Ok(())
}

/// A line about what goes on.
fn say(what: &str) {
    eprintln!("bench: {what}");
}

/// Numbers as floating-point ones, which all ratios are.
fn real(count: usize) -> f64 {
    count as f64
}
