//! The benchmarks, one file each.

mod append;
mod first_event;
mod frames;
mod idle;
mod long_answer;
mod process;
mod reads;

use crate::report::Report;

/// The names of the benchmarks, in their order.
pub(crate) const NAMES: [&str; 7] = [
    "first-event",
    "frames",
    "long-answer",
    "idle",
    "reads",
    "append",
    "process",
];

/// Rounds of each measurement. Thicket and the limit take turns, so that both have the machine in the same moods.
const ROUNDS: usize = 5;

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
            _ => process::run(report).await?,
        }
    }
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
