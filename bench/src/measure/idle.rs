//! What an open, silent stream costs: readers attach to turns whose model has fallen silent.

use super::{real, say};
use crate::child::Server;
use crate::http::Connection;
use crate::model::{self, Ask};
use crate::report::{Report, Unit};
use crate::world::World;
use anyhow::{Context as _, ensure};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Turns that run; readers share them.
const TURNS: usize = 200;
const STEPS: [usize; 2] = [1_000, 10_000];
/// Readers that open their streams at the same time.
const OPENING: usize = 64;
/// How long all streams together may take to end.
const END: Duration = Duration::from_secs(30);

struct Stream {
    // Closing the connection would end the stream.
    _connection: Connection,
    body: Incoming,
}

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (model, world) = (model::start()?, World::create()?);
    let server = world.serve(Some(&model))?;
    let ids: Vec<_> = (0..TURNS).map(|_| world.new_id()).collect();
    let before_turns = server.resident_kib()?;
    let mut streams = Vec::new();
    for id in &ids {
        let request = world.ask(*id, Ask::Silence, "")?;
        streams.push(open(&server, &request).await?);
    }
    let begun = server.resident_kib()?;
    let first = streams.len();
    let mut sizes = Vec::new();
    for step in STEPS {
        say(&format!("  {step} streams"));
        while streams.len() < first + step {
            let mut opening = JoinSet::new();
            for id in ids
                .iter()
                .cycle()
                .skip(streams.len())
                .take(OPENING.min(first + step - streams.len()))
            {
                let body = json!({"content": null, "conversation": id, "trace_id": world.new_id()});
                let request = world.post("", &body)?;
                let address = server.address;
                opening.spawn(async move { open_at(address, &request).await });
            }
            while let Some(stream) = opening.join_next().await {
                streams.push(stream??);
            }
        }
        sizes.push(server.resident_kib()?);
    }
    let [thousand, all] = sizes.as_slice() else {
        return Ok(());
    };
    report.at_most(
        "an idle stream, of 10,000",
        Unit::KiB,
        &[(all - begun) / real(STEPS[1])],
        None,
        16.0,
    );
    report.told(
        "an idle stream, of the first 1,000",
        Unit::KiB,
        &[(thousand - begun) / real(STEPS[0])],
        None,
    );
    report.told(
        "a silent turn with one reader",
        Unit::KiB,
        &[(begun - before_turns) / real(TURNS)],
        None,
    );
    report.note(format!(
        "idle streams: {:.1} MiB with none, {:.1} with {TURNS} silent turns, {:.1} with 1,000 readers of these turns, {:.1} \
         with 10,000",
        before_turns / 1024.0,
        begun / 1024.0,
        thousand / 1024.0,
        all / 1024.0
    ));
    report.note(end(&server, &world, &ids, streams).await?);
    Ok(())
}

async fn open(server: &Server, request: &crate::http::Prepared) -> anyhow::Result<Stream> {
    open_at(server.address, request).await
}

/// Opens a stream and waits for what the model has said before it fell silent.
async fn open_at(
    address: std::net::SocketAddr,
    request: &crate::http::Prepared,
) -> anyhow::Result<Stream> {
    let mut connection = Connection::open(address).await?;
    let mut body = connection.send(request).await?.into_body();
    let mut text = Vec::new();
    while !text.windows(10).any(|window| window == b"One moment") {
        let frame = body.frame().await.context("the stream ended too early")??;
        text.extend_from_slice(frame.data_ref().context("no data")?);
    }
    Ok(Stream {
        _connection: connection,
        body,
    })
}

/// Cancels the turns and waits until every stream has ended, which shows that all were alive.
async fn end(
    server: &Server,
    world: &World,
    ids: &[uuid::Uuid],
    streams: Vec<Stream>,
) -> anyhow::Result<String> {
    say("  ending them");
    let count = streams.len();
    let began = Instant::now();
    let mut readers = JoinSet::new();
    for mut stream in streams {
        readers.spawn(async move {
            let mut text = Vec::new();
            while let Some(frame) = stream.body.frame().await {
                text.extend_from_slice(frame?.data_ref().map_or(&[], |data| data));
            }
            anyhow::Ok(String::from_utf8_lossy(&text).contains("cancelled"))
        });
    }
    let mut connection = Connection::open(server.address).await?;
    for id in ids {
        let mut request = world.post(&format!("{id}/cancel/"), &json!({}))?;
        *request.method_mut() = hyper::Method::PATCH;
        connection.drain(&request).await?;
    }
    let all = async {
        while let Some(reader) = readers.join_next().await {
            ensure!(reader??, "a stream ended without its last event");
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(END, all)
        .await
        .context("streams did not end")??;
    let seconds = began.elapsed().as_secs_f64();
    Ok(format!(
        "idle streams: cancelling the {TURNS} turns ended all {count} streams in {seconds:.1} s"
    ))
}
