//! How fast an answer goes through: the model's chunks in, text out, as fast as the stub can send. The limit forwards the same chunks
//! byte for byte, parses nothing and keeps nothing.

use super::{ROUNDS, real, say};
use crate::child::Server;
use crate::http::{self, Connection, Prepared};
use crate::limit;
use crate::model::{self, Ask};
use crate::report::{Report, Unit, median};
use crate::world::World;
use anyhow::{Context as _, ensure};
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::task::JoinSet;

/// Turns at a time, and the chunks of each.
const LOADS: [(usize, usize); 3] = [(1, 20_000), (16, 2_500), (64, 1_000)];
/// Bytes of text in a chunk: about a token.
const SIZE: usize = 5;
const DIALECTS: [(&str, &str); 2] = [("snapshot", ""), ("delta", "?stream=delta")];

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (model, world) = (model::start()?, World::create()?);
    let server = world.serve(Some(&model))?;
    let bare = limit::start(&limit::empty(&world.path("limit.db"))?)?;
    check(&server, &world).await?;
    let mut cpu = (Vec::new(), Vec::new());
    for (turns, chunks) in LOADS {
        let (mut relayed, mut ours) = (Vec::new(), [Vec::new(), Vec::new()]);
        for round in 1..=ROUNDS {
            say(&format!("  {turns} turns, round {round} of {ROUNDS}"));
            let requests = (0..turns)
                .map(|_| relay(&model, chunks))
                .collect::<Result<Vec<_>, _>>()?;
            let passed = pass(&bare, requests, chunks).await?;
            relayed.push(passed.rate);
            cpu.1.push(passed.cpu);
            for ((_, query), rates) in DIALECTS.iter().zip(&mut ours) {
                let ask = |_| world.ask(world.new_id(), Ask::Chunks(chunks, SIZE), query);
                let requests = (0..turns).map(ask).collect::<Result<Vec<_>, _>>()?;
                let passed = pass(&server, requests, chunks).await?;
                rates.push(passed.rate);
                cpu.0.push(passed.cpu);
            }
        }
        for ((dialect, _), rates) in DIALECTS.iter().zip(&ours) {
            let turns = if turns == 1 {
                "1 turn".into()
            } else {
                format!("{turns} turns")
            };
            report.share(
                &format!("chunks relayed, {turns}, {dialect}"),
                rates,
                &relayed,
                Some(0.3),
            );
        }
    }
    report.told(
        "  processor time per chunk",
        Unit::Micros,
        &[median(&cpu.0)],
        Some(&[median(&cpu.1)]),
    );
    Ok(())
}

struct Passed {
    /// Chunks in a second.
    rate: f64,
    /// The server's processor time for a chunk, in microseconds.
    cpu: f64,
}

/// Sends all requests at once and reads the answers to their ends.
async fn pass(server: &Server, requests: Vec<Prepared>, chunks: usize) -> anyhow::Result<Passed> {
    let mut connections = Vec::new();
    for request in requests {
        connections.push((Connection::open(server.address).await?, request));
    }
    let total = real(chunks * connections.len());
    let (began, cpu) = (Instant::now(), server.cpu()?);
    let mut readers = JoinSet::new();
    for (mut connection, request) in connections {
        readers.spawn(async move { connection.drain(&request).await });
    }
    while let Some(reader) = readers.join_next().await {
        let drained = reader??;
        ensure!(drained.bytes > chunks * SIZE, "an answer is not complete");
    }
    Ok(Passed {
        rate: total / began.elapsed().as_secs_f64(),
        cpu: (server.cpu()? - cpu).as_secs_f64() * 1e6 / total,
    })
}

fn relay(model: &Server, chunks: usize) -> anyhow::Result<Prepared> {
    let message = Ask::Chunks(chunks, SIZE).message();
    let body = json!({"stream": true, "messages": [{"role": "user", "content": message}]});
    let mut request = http::request("/relay", None, Some(body.to_string()))?;
    let address = HeaderValue::from_str(&model.address.to_string())?;
    request.headers_mut().insert(limit::MODEL, address);
    Ok(request)
}

/// Whether the text that comes out is the one that went in, in both dialects.
async fn check(server: &Server, world: &World) -> anyhow::Result<()> {
    for (_, query) in DIALECTS {
        let request = world.ask(world.new_id(), Ask::Chunks(1_000, SIZE), query)?;
        let mut connection = Connection::open(server.address).await?;
        let body = String::from_utf8(connection.whole(&request).await?.to_vec())?;
        let mut data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let last: Value = serde_json::from_str(data.next_back().context("no event")?)?;
        let content = last["content"].as_str().unwrap_or_default();
        ensure!(
            last["type"] == "ai" && content.len() == 1_000 * SIZE,
            "not the answer: {last}"
        );
    }
    Ok(())
}
