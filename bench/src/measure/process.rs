//! The process itself: how soon it is ready, how big it is.

use super::{CLIENTS, ROUNDS, say};
use crate::http::{self, Connection};
use crate::limit;
use crate::report::{Report, Unit};
use crate::world::{World, thicket};
use std::time::{Duration, Instant};

/// Longer than everything that a server does after its start takes.
const REST: Duration = Duration::from_secs(2);

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let world = World::create()?;
    say("  filling");
    let ids = world.fill(10).await?;
    let database = limit::empty(&world.path("limit.db"))?;
    let ready = http::request("/_ready", None, None)?;
    let (mut ours, mut theirs, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        say(&format!("  start {round} of {ROUNDS}"));
        let began = Instant::now();
        let server = world.serve(None)?;
        Connection::open(server.address)
            .await?
            .drain(&ready)
            .await?;
        ours.push(began.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(REST).await;
        resident.push(server.resident_kib()? / 1024.0);
        let began = Instant::now();
        let bare = limit::start(&database)?;
        Connection::open(bare.address).await?;
        theirs.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let name = "ready after exec, 10,000 conversations";
    report.at_most(name, Unit::Milliseconds, &ours, Some(&theirs), 150.0);
    report.at_most(
        "memory at rest, 10,000 conversations",
        Unit::MiB,
        &resident,
        None,
        40.0,
    );

    let server = world.serve(None)?;
    let list = vec![world.get("?limit=50")?; CLIENTS];
    http::load(&server, CLIENTS, &list, REST).await?;
    let details = ids
        .iter()
        .take(CLIENTS)
        .map(|id| world.get(&format!("{id}/")));
    let details = details.collect::<Result<Vec<_>, _>>()?;
    http::load(&server, CLIENTS, &details, REST).await?;
    let resident = server.resident_kib()? / 1024.0;
    report.told(
        "memory after 4 s of lists and details",
        Unit::MiB,
        &[resident],
        None,
    );

    let binary = std::fs::metadata(thicket()?)?.len() as f64 / 1024.0 / 1024.0;
    report.at_most("binary, stripped", Unit::MiB, &[binary], None, 30.0);
    Ok(())
}
