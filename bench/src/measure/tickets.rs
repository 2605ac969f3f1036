//! Tickets, at ten thousand, a hundred thousand and a million of them: reading, changing and searching. The rates are compared with
//! the limit server's at a hundred thousand; the times must not grow with the number.

mod filling;

use super::{CLIENTS, ROUND, ROUNDS, compare, say};
use crate::child::Server;
use crate::http::{self, Connection, Prepared};
use crate::limit::{self, Shaped};
use crate::measure::reads::take_apart;
use crate::report::{Report, Unit, median};
use crate::world::World;
use anyhow::ensure;
use filling::{COMMON, RARE, common_parts, fill};
use serde_json::{Value, json};
use store::DATABASE_FILE;

/// How many tickets there are, one after the other.
const SIZES: [i64; 3] = [10_000, 100_000, 1_000_000];
/// Where the rates are compared.
const COMPARED: i64 = 100_000;
/// How much longer a hundredth of the answers may take at the most tickets than at the fewest.
const GROWTH: f64 = 1.5;
/// Too short for an index: every text is looked at, so it has no goal.
const SHORT: &str = "search, two letters";
/// Clients when the time of a request is measured.
const FEW: usize = 2;

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let world = World::create()?;
    let mut times: Vec<(&'static str, Vec<f64>)> = Vec::new();
    let mut filled = 0;
    for size in SIZES {
        fill(&world, filled..size).await?;
        filled = size;
        let server = world.serve(None)?;
        if size == COMPARED {
            let resident = server.resident_kib()? / 1024.0;
            let name = "memory at rest, 100,000 tickets";
            report.at_most(name, Unit::MiB, &[resident], None, 40.0);
            compare_rates(report, &world, &server).await?;
        }
        for (index, kind) in kinds(&world)?.into_iter().enumerate() {
            let mut p99 = Vec::new();
            for _ in 0..ROUNDS {
                // Few clients: what a request takes, not how long it waits for others.
                p99.push(http::load(&server, FEW, kind.for_few(), ROUND).await?.p99);
            }
            let p99 = median(&p99);
            say(&format!(
                "  {} of {size} tickets: p99 {p99:.2} ms",
                kind.name
            ));
            if index == times.len() {
                times.push((kind.name, Vec::new()));
            }
            times[index].1.push(p99);
        }
    }
    for (name, times) in times {
        let (least, most) = (&times[..1], &times[times.len() - 1..]);
        let name = format!("{name}: p99 of 1,000,000 beside 10,000");
        if name.starts_with(SHORT) {
            report.told(&name, Unit::Milliseconds, most, Some(least));
            continue;
        }
        let goal = GROWTH * least[0];
        report.at_most(&name, Unit::Milliseconds, most, Some(least), goal);
    }
    Ok(())
}

/// Requests of one kind.
struct Kind {
    name: &'static str,
    requests: Vec<Prepared>,
    /// All the same.
    is_same: bool,
}

impl Kind {
    /// Each connection begins with all of its requests once: of those that are the same, one is enough.
    fn for_few(&self) -> &[Prepared] {
        match self.is_same {
            true => &self.requests[..FEW],
            false => &self.requests,
        }
    }
}

/// Each kind with enough requests that no two in a row are the same.
fn kinds(world: &World) -> anyhow::Result<Vec<Kind>> {
    // The first tickets are there at every size.
    let numbers = 1..=i64::try_from(2 * CLIENTS)?;
    let each = |request: &dyn Fn(i64) -> anyhow::Result<Prepared>| -> anyhow::Result<Vec<_>> {
        numbers.clone().map(request).collect()
    };
    let kind = |name, requests| Kind {
        name,
        requests,
        is_same: false,
    };
    let same = |name, rest: &str| {
        let requests = vec![world.get(rest)?; CLIENTS];
        anyhow::Ok(Kind {
            name,
            requests,
            is_same: true,
        })
    };
    Ok(vec![
        same("list 50 tickets", "tickets/?limit=50")?,
        same("list 50 open tickets", "tickets/?limit=50&status=open")?,
        kind(
            "retrieve a ticket",
            each(&|number| world.get(&format!("tickets/{number}/")))?,
        ),
        same("unread count", "tickets/unread_count/")?,
        kind(
            "patch a ticket",
            each(&|number| {
                // The second half of the numbers is sent after the first: each PATCH changes something.
                let priority = if number % 2 == 0 { "high" } else { "low" };
                let half = i64::try_from(CLIENTS)?;
                let (number, priority) = match number > half {
                    true => (
                        number - half,
                        if priority == "low" { "high" } else { "low" },
                    ),
                    false => (number, priority),
                };
                world.patch(
                    &format!("tickets/{number}/"),
                    &json!({"priority": priority}),
                )
            })?,
        ),
        kind(
            "reply to a ticket",
            each(&|number| {
                let text = json!({"message": "Thank you, a colleague will look into it today."});
                world.post(&format!("tickets/{number}/reply/"), &text)
            })?,
        ),
        kind(
            "create a ticket",
            each(&|_| {
                let traits = json!({"name": "Grace", "email": "grace@example.com"});
                world.post("tickets/", &json!({"anonymous_traits": traits}))
            })?,
        ),
        same(
            "search, a rare word",
            &format!("tickets/?limit=50&search={RARE}"),
        )?,
        same(
            "search, a common word",
            &format!("tickets/?limit=50&search={COMMON}"),
        )?,
        kind(
            "search, a common word, each time another",
            common_parts()
                .into_iter()
                .map(|part| {
                    let part = part.replace(' ', "%20");
                    world.get(&format!("tickets/?limit=50&search={part}"))
                })
                .collect::<anyhow::Result<_>>()?,
        ),
        same(SHORT, "tickets/?limit=50&search=qz")?,
    ])
}

/// The rates beside the limit's: the raw query, rows that hold the same JSON, and single durable inserts.
async fn compare_rates(report: &mut Report, world: &World, server: &Server) -> anyhow::Result<()> {
    let kinds = kinds(world)?;
    let requests = |name: &str| {
        let kind = kinds.iter().find(|kind| kind.name == name);
        kind.map(|kind| kind.requests.as_slice())
            .unwrap_or_default()
    };
    let shaped = shape(
        server,
        &requests("list 50 tickets")[0],
        &requests("retrieve a ticket")[0],
    )
    .await?;
    let database = world.path("limit-tickets.db");
    limit::create(&database, &shaped, COMPARED)?;
    let tickets = world.path("data").join(DATABASE_FILE);
    let bare = limit::start_with_tickets(&database, &tickets)?;
    let queried = format!("/tickets/{}", world.project());
    let queried_list = vec![http::request(&queried, None, None)?; CLIENTS];
    let bare_list = vec![http::request("/list", None, None)?; CLIENTS];
    let bare_details = (0..CLIENTS).map(|id| http::request(&format!("/detail/{id}"), None, None));
    let bare_details = bare_details.collect::<anyhow::Result<Vec<_>>>()?;
    let insert = http::request(
        "/append",
        None,
        Some(json!({"message": "bench"}).to_string()),
    )?;
    let inserts = vec![insert; CLIENTS];
    same_tickets(
        server,
        &requests("list 50 tickets")[0],
        &bare,
        &queried_list[0],
    )
    .await?;
    for (name, goal, theirs) in [
        ("list 50 tickets", Some(0.5), &queried_list),
        ("retrieve a ticket", Some(0.5), &bare_details),
        ("patch a ticket", Some(0.4), &inserts),
        ("reply to a ticket", Some(0.4), &inserts),
        ("create a ticket", Some(0.4), &inserts),
    ] {
        let ours = (server, requests(name));
        let name = format!("{name}, of 100,000");
        compare(report, &name, goal, ours, (&bare, theirs)).await?;
    }
    let ours = (server, requests("list 50 tickets"));
    let name = "list 50 tickets, beside rows that are JSON already";
    compare(report, name, None, ours, (&bare, &bare_list)).await
}

/// Both must find the same tickets, or the comparison is none.
async fn same_tickets(
    server: &Server,
    request: &Prepared,
    bare: &Server,
    bare_request: &Prepared,
) -> anyhow::Result<()> {
    let ours = Connection::open(server.address)
        .await?
        .whole(request)
        .await?;
    let theirs = Connection::open(bare.address)
        .await?
        .whole(bare_request)
        .await?;
    let ours: Value = serde_json::from_slice(&ours)?;
    let theirs: Value = serde_json::from_slice(&theirs)?;
    let ids = |list: &Value| -> Vec<(Value, Value)> {
        let results = list["results"].as_array().into_iter().flatten();
        let id = |it: &Value| (it["id"].clone(), it["person"]["distinct_ids"].clone());
        results.map(id).collect()
    };
    ensure!(
        ours["count"] == theirs["count"] && ids(&ours) == ids(&theirs) && !ids(&ours).is_empty(),
        "the limit server lists other tickets"
    );
    Ok(())
}

/// Takes thicket's answers apart into what the limit server keeps.
async fn shape(server: &Server, list: &Prepared, detail: &Prepared) -> anyhow::Result<Shaped> {
    let mut connection = Connection::open(server.address).await?;
    let (frame, list) = take_apart(&connection.whole(list).await?, "results")?;
    let detail = String::from_utf8(connection.whole(detail).await?.to_vec())?;
    let head = frame.0.split_once(',').map_or("", |(_, rest)| rest);
    Ok(Shaped {
        list_frame: (head.to_owned(), frame.1),
        list,
        detail_frame: (String::new(), String::new()),
        messages: vec![detail],
    })
}
