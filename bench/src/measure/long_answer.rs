//! What a long answer costs: bytes on the wire and processor time, which must not grow faster than the answer.

use super::{ROUNDS, real, say};
use crate::child::Server;
use crate::http::Connection;
use crate::model::{self, Ask, prose};
use crate::report::{Report, Unit, median};
use crate::world::World;
use std::time::Duration;
use tokio::task::JoinSet;

/// Tokens of the answers compared, and how often each is asked for in a round, so that all rounds have the same work.
const LENGTHS: [(usize, usize); 3] = [(6_250, 8), (12_500, 4), (25_000, 2)];
/// How much more a token of the longest answer may cost than one of the shortest, and still count as the same.
const LINEAR: f64 = 1.25;
/// Answers at the speeds of real models: so many at once, for so long.
const SPEEDS: [u32; 2] = [50, 100];
const PACED_TURNS: usize = 32;
const PACED_FOR: Duration = Duration::from_secs(4);
const DIALECTS: [(&str, &str); 2] = [("snapshot", ""), ("delta", "?stream=delta")];

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (model, world) = (model::start()?, World::create()?);
    let server = world.serve(Some(&model))?;
    for (dialect, query) in DIALECTS {
        let mut costs = LENGTHS.map(|_| Vec::new());
        let mut bytes = Vec::new();
        for round in 1..=ROUNDS {
            say(&format!("  {dialect}, round {round} of {ROUNDS}"));
            for ((tokens, times), costs) in LENGTHS.iter().zip(&mut costs) {
                for _ in 0..*times {
                    let answer = Ask::Prose(*tokens, Duration::ZERO);
                    let cost = measure(&server, &world, answer, 1, query).await?;
                    costs.push(cost.micros_per_token);
                    if *tokens == LENGTHS[2].0 {
                        bytes.push(cost.bytes_per_byte);
                    }
                }
            }
        }
        let name = format!("25,000 tokens, {dialect}: bytes sent for one of text");
        if dialect == "delta" {
            report.at_most(&name, Unit::Times, &bytes, None, 2.0);
        } else {
            report.told(&name, Unit::Times, &bytes, None);
        }
        let [short, middle, long] = costs.map(|costs| median(&costs));
        let name = format!("25,000 tokens, {dialect}: cost of one, of 6,250");
        report.at_most(&name, Unit::Times, &[long / short], None, LINEAR);
        report.note(format!(
            "{dialect}: {short:.2}, {middle:.2} and {long:.2} µs of processor time for a token of an answer of 6,250, \
             12,500 and 25,000 tokens"
        ));
    }
    for speed in SPEEDS {
        for (dialect, query) in DIALECTS {
            say(&format!(
                "  {PACED_TURNS} answers at {speed} tokens/s, {dialect}"
            ));
            let pause = Duration::from_secs(1) / speed;
            let tokens = usize::try_from(PACED_FOR.as_millis() / pause.as_millis())?;
            let answer = Ask::Prose(tokens, pause);
            let cost = measure(&server, &world, answer, PACED_TURNS, query).await?;
            let name = format!("{speed} tokens/s, {dialect}");
            let bytes = [cost.bytes_per_byte];
            report.told(
                &format!("{name}: bytes sent for one of text"),
                Unit::Times,
                &bytes,
                None,
            );
            let micros = [cost.micros_per_token];
            report.told(
                &format!("{name}: processor time for a token"),
                Unit::Micros,
                &micros,
                None,
            );
        }
    }
    Ok(())
}

struct Cost {
    bytes_per_byte: f64,
    micros_per_token: f64,
}

/// Asks for so many answers at once.
async fn measure(
    server: &Server,
    world: &World,
    ask: Ask,
    turns: usize,
    query: &str,
) -> anyhow::Result<Cost> {
    let tokens = match ask {
        Ask::Prose(tokens, _) => tokens,
        _ => 1,
    };
    let text: usize = prose(tokens).iter().map(|token| token.len()).sum();
    let mut readers = JoinSet::new();
    let before = server.cpu()?;
    for _ in 0..turns {
        let mut connection = Connection::open(server.address).await?;
        let request = world.ask(world.new_id(), ask, query)?;
        readers.spawn(async move { connection.drain(&request).await });
    }
    let mut bytes = 0;
    while let Some(reader) = readers.join_next().await {
        bytes += reader??.bytes;
    }
    let cpu = server.cpu()? - before;
    Ok(Cost {
        bytes_per_byte: real(bytes) / real(text * turns),
        micros_per_token: cpu.as_secs_f64() * 1e6 / real(tokens * turns),
    })
}
