//! How soon a POST is answered: the time from sending it to the first event, which is durable by then. The model answers at once.

use super::{ROUNDS, say};
use crate::child::Server;
use crate::http::{self, Connection, Prepared};
use crate::model::{self, Ask};
use crate::report::{Report, Unit, percentile};
use crate::world::World;
use crate::{limit, report};
use std::time::Duration;
use tokio::task::JoinSet;

/// POSTs of one round, alone and beside running turns.
const ALONE: usize = 100;
const LOADED: usize = 300;
/// The turns that run beside them, each at the speed of a fast model.
const TURNS: usize = 64;
const TOKEN_EVERY: Duration = Duration::from_millis(20);
/// More tokens than the measurement lasts.
const TOKENS: usize = 10_000;

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (model, world) = (model::start()?, World::create()?);
    let server = world.serve(Some(&model))?;
    let bare = limit::start(&limit::empty(&world.path("limit.db"))?)?;
    let ask = || world.ask(world.new_id(), Ask::Hello, "");
    let insert = http::request("/first", None, Some(r#"{"content":"bench"}"#.into()))?;
    let insert = || Ok(insert.clone());
    probe(&server, ALONE, ask).await?;
    probe(&bare, ALONE, insert).await?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        say(&format!("  alone, round {round} of {ROUNDS}"));
        ours.push(report::median(&probe(&server, ALONE, ask).await?));
        theirs.push(report::median(&probe(&bare, ALONE, insert).await?));
    }
    report.at_most(
        "first event, alone: p50",
        Unit::Milliseconds,
        &ours,
        Some(&theirs),
        2.0,
    );

    let mut readers = JoinSet::new();
    for _ in 0..TURNS {
        let mut connection = Connection::open(server.address).await?;
        let request = world.ask(world.new_id(), Ask::Prose(TOKENS, TOKEN_EVERY), "")?;
        readers.spawn(async move { connection.drain(&request).await });
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    probe(&server, LOADED, ask).await?;
    for round in 1..=ROUNDS {
        say(&format!(
            "  beside {TURNS} turns, round {round} of {ROUNDS}"
        ));
        ours.push(percentile(&probe(&server, LOADED, ask).await?, 0.99));
        theirs.push(percentile(&probe(&bare, LOADED, insert).await?, 0.99));
    }
    anyhow::ensure!(
        readers.try_join_next().is_none(),
        "the turns ended too early"
    );
    let name = "first event, 64 turns running: p99";
    report.at_most(name, Unit::Milliseconds, &ours, Some(&theirs), 15.0);
    Ok(())
}

/// The times to the first event of POSTs that follow one another, in milliseconds.
async fn probe(
    server: &Server,
    count: usize,
    request: impl Fn() -> anyhow::Result<Prepared>,
) -> anyhow::Result<Vec<f64>> {
    let mut connection = Connection::open(server.address).await?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let drained = connection.drain(&request()?).await?;
        times.push(drained.first.as_secs_f64() * 1000.0);
    }
    Ok(times)
}
