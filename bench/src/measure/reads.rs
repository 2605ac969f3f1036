//! Reading: the list of a user's conversations, and one of them with its messages. The limit's rows hold the same JSON, ready to be
//! sent.

use super::{CLIENTS, compare, say};
use crate::child::Server;
use crate::http::{self, Connection, Prepared};
use crate::limit::{self, Shaped};
use crate::report::Report;
use crate::world::{CONVERSATIONS_EACH, World};
use anyhow::{Context as _, ensure};
use serde_json::Value;

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let world = World::create()?;
    say("  filling");
    let ids = world.fill(10).await?;
    let server = world.serve(None)?;
    let list = vec![world.get("?limit=50")?; CLIENTS];
    let details: Vec<_> = ids
        .iter()
        .take(CLIENTS)
        .map(|id| world.get(&format!("{id}/")))
        .collect();
    let details = details.into_iter().collect::<Result<Vec<_>, _>>()?;

    let shaped = shape(&server, &list[0], &details[0]).await?;
    let database = world.path("limit.db");
    limit::create(&database, &shaped, CONVERSATIONS_EACH)?;
    let bare = limit::start(&database)?;
    let bare_list = vec![http::request("/list", None, None)?; CLIENTS];
    let bare_details = (0..CLIENTS).map(|id| http::request(&format!("/detail/{id}"), None, None));
    let bare_details = bare_details.collect::<Result<Vec<_>, _>>()?;
    same(&server, &list[0], &bare, &bare_list[0]).await?;
    same(&server, &details[0], &bare, &bare_details[0]).await?;

    let (ours, theirs) = ((&server, &*list), (&bare, &*bare_list));
    compare(
        report,
        "list 50 of 1,000 conversations",
        Some(0.5),
        ours,
        theirs,
    )
    .await?;
    let (ours, theirs) = ((&server, &*details), (&bare, &*bare_details));
    compare(
        report,
        "retrieve one of 20 messages",
        Some(0.5),
        ours,
        theirs,
    )
    .await
}

/// Takes thicket's answers apart into what the limit server keeps.
async fn shape(server: &Server, list: &Prepared, detail: &Prepared) -> anyhow::Result<Shaped> {
    let mut connection = Connection::open(server.address).await?;
    let (list_frame, list) = take_apart(&connection.whole(list).await?, "results")?;
    let (detail_frame, messages) = take_apart(&connection.whole(detail).await?, "messages")?;
    let head = list_frame
        .0
        .split_once(',')
        .context("no count before the list")?
        .1
        .to_owned();
    Ok(Shaped {
        list_frame: (head, list_frame.1),
        list,
        detail_frame,
        messages,
    })
}

/// What stands before and after the array of this name, and its elements.
pub(super) fn take_apart(
    body: &[u8],
    name: &str,
) -> anyhow::Result<((String, String), Vec<String>)> {
    let text = std::str::from_utf8(body)?;
    let rows: Vec<Box<serde_json::value::RawValue>> = {
        let value: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(text)?;
        serde_json::from_str(value.get(name).context("no such array")?.get())?
    };
    let rows: Vec<String> = rows.iter().map(|row| row.get().to_owned()).collect();
    let joined = rows.join(",");
    let (head, tail) = text.split_once(&joined).context("no compact JSON")?;
    Ok(((head.to_owned(), tail.to_owned()), rows))
}

/// Both must answer the same, or the comparison is none.
async fn same(
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
    let (ours, theirs): (Value, Value) = (
        serde_json::from_slice(&ours)?,
        serde_json::from_slice(&theirs)?,
    );
    ensure!(
        ours["count"] == theirs["count"],
        "the limit server counts otherwise"
    );
    ensure!(
        ours.to_string().len() == theirs.to_string().len(),
        "the limit server does not answer the same to {}",
        request.uri()
    );
    Ok(())
}
