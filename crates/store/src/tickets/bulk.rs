//! Changing many tickets at once (tickets.md 10.4, 10.5).

use super::log::Log;
use super::totals::Totals;
use super::{Scene, find, find_for_update};
use super::{reply_jobs, rows};
use crate::{Conn, Result};
use model::TicketId;
use model::tickets::{Status, TAGS_MAX, Ticket, TicketChange, TicketKey, normal_tags};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done with tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAction {
    /// Put these on, too.
    Add,
    /// Take these off.
    Remove,
    /// Have exactly these.
    Set,
}

/// What came of changing many tickets' tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkTags {
    /// The tickets with their tags now, in the order asked for.
    pub updated: Vec<(TicketId, Vec<String>)>,
    /// Places in the request of those that were passed over, and why.
    pub skipped: Vec<(usize, Skipped)>,
}

/// Why a ticket's tags were left as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// There is no such ticket.
    Missing,
    /// It would have more than [`TAGS_MAX`].
    TooManyTags,
}

/// Moves tickets to a status; gives those that were in another, in the order asked for. Unknown ones are passed
/// over.
///
/// # Errors
/// When the store fails.
pub async fn set_status(
    c: &Conn,
    scene: &Scene,
    ids: &[TicketId],
    status: Status,
) -> Result<Vec<Ticket>> {
    let mut tickets = lock_all(c, scene, ids).await?;
    let change = TicketChange {
        status: Some(status),
        ..TicketChange::default()
    };
    let changed = apply(c, scene, &mut tickets, |_| change.clone()).await?;
    let mut moved = Vec::new();
    for id in ids {
        if changed.contains(id)
            && let Some(ticket) = tickets.remove(id)
        {
            moved.push(ticket);
        }
    }
    Ok(moved)
}

/// Changes the tags of tickets.
///
/// # Errors
/// When the store fails.
pub async fn set_tags(
    c: &Conn,
    scene: &Scene,
    keys: &[TicketKey],
    action: TagAction,
    tags: &[String],
) -> Result<BulkTags> {
    let mut named = Vec::with_capacity(keys.len());
    for key in keys {
        let id = match key {
            TicketKey::Id(id) => Some(*id),
            TicketKey::Number(_) => find(c, scene.project, *key).await?.map(|ticket| ticket.id),
        };
        named.push(id);
    }
    let ids: Vec<TicketId> = named.iter().flatten().copied().collect();
    let mut tickets = lock_all(c, scene, &ids).await?;
    let full = tickets.extract_if(.., |_, ticket| {
        combined(&ticket.tags, action, tags).len() > TAGS_MAX
    });
    let full: BTreeSet<TicketId> = full.map(|(id, _)| id).collect();
    apply(c, scene, &mut tickets, |ticket| TicketChange {
        tags: Some(combined(&ticket.tags, action, tags)),
        ..TicketChange::default()
    })
    .await?;
    let mut done = BulkTags::default();
    for (place, id) in named.into_iter().enumerate() {
        match id.and_then(|id| tickets.get(&id)) {
            Some(ticket) => {
                let entry = (ticket.id, ticket.tags.clone());
                if !done.updated.contains(&entry) {
                    done.updated.push(entry);
                }
            }
            None => {
                let is_full = id.is_some_and(|id| full.contains(&id));
                let why = if is_full {
                    Skipped::TooManyTags
                } else {
                    Skipped::Missing
                };
                done.skipped.push((place, why));
            }
        }
    }
    Ok(done)
}

fn combined(old: &[String], action: TagAction, tags: &[String]) -> Vec<String> {
    match action {
        TagAction::Add => normal_tags(old.iter().chain(tags)),
        TagAction::Remove => normal_tags(old.iter().filter(|tag| !tags.contains(tag))),
        TagAction::Set => normal_tags(tags),
    }
}

/// The tickets there are, locked one after the other in the order of their ids.
async fn lock_all(c: &Conn, scene: &Scene, ids: &[TicketId]) -> Result<BTreeMap<TicketId, Ticket>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut tickets = BTreeMap::new();
    for id in ids {
        if let Some(ticket) = find_for_update(c, scene.project, TicketKey::Id(id)).await? {
            tickets.insert(id, ticket);
        }
    }
    Ok(tickets)
}

/// Applies a change to each, and logs and counts all of them together; gives those that it changed.
async fn apply(
    c: &Conn,
    scene: &Scene,
    tickets: &mut BTreeMap<TicketId, Ticket>,
    change: impl Fn(&Ticket) -> TicketChange,
) -> Result<Vec<TicketId>> {
    let mut log = Log::new(scene);
    let mut totals = Totals::new(scene.project);
    let mut changed_ids = Vec::new();
    for ticket in tickets.values_mut() {
        let before = ticket.clone();
        let changed = ticket.apply(&change(ticket), scene.now);
        if !changed.is_any() {
            continue;
        }
        rows::save(c, &before, ticket).await?;
        totals.remove(&before);
        totals.add(ticket);
        if changed.is_resolving(ticket) {
            reply_jobs::drop_reply_job(c, scene.project, ticket.id).await?;
        }
        if changed.tags.is_some() {
            rows::save_tags(c, ticket).await?;
        }
        log.changed(c, ticket, &changed).await?;
        changed_ids.push(ticket.id);
    }
    log.write(c).await?;
    totals.write(c).await?;
    Ok(changed_ids)
}
