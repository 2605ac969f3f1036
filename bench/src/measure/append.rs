//! Writing: `append_message`, durable before the answer. The limit inserts one row into a table with one index.

use super::{CLIENTS, compare};
use crate::http;
use crate::limit;
use crate::report::Report;
use crate::world::World;
use serde_json::json;

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let world = World::create()?;
    let ids = world.fill(1).await?;
    let server = world.serve(None)?;
    let bare = limit::start(&limit::empty(&world.path("limit.db"))?)?;
    let note = json!({"content": "Your request has been handed to a colleague, who will answer by e-mail."});
    let ours = ids.iter().take(CLIENTS);
    let ours = ours.map(|id| world.post(&format!("{id}/append_message/"), &note));
    let ours = ours.collect::<Result<Vec<_>, _>>()?;
    let theirs = vec![http::request("/append", None, Some(note.to_string()))?; CLIENTS];
    let (ours, theirs) = ((&server, &*ours), (&bare, &*theirs));
    compare(report, "append_message, durable", Some(0.4), ours, theirs).await
}
