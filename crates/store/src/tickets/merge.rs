//! Merging a ticket into another (tickets.md 10.6).

use super::log::Log;
use super::totals::Totals;
use super::{Scene, find_for_update, messages, reply_jobs, rows};
use crate::statements::statements;
use crate::{Conn, Error, Result, params};
use model::tickets::{Assignee, NewMessage, Status, Ticket, TicketChange, TicketKey};
use model::{TicketId, UserId};

statements! {
    /// The tree stays flat: what was merged into the source belongs to the target now.
    MOVE = "UPDATE ticket SET merged_into_id = ?3, merged_into_number = ?4 \
            WHERE project_id = ?1 AND merged_into_id = ?2";
}

/// Why tickets were not merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
    /// There is no such ticket.
    #[error("there is no such ticket")]
    NoSource,
    /// There is no such target.
    #[error("there is no such target")]
    NoTarget,
    /// Both are the same.
    #[error("a ticket cannot be merged into itself")]
    Itself,
    /// The ticket has been merged already.
    #[error("the ticket has been merged already")]
    SourceMerged,
    /// The target has been merged into this one.
    #[error("the target has been merged into {number}")]
    TargetMerged {
        /// Into which one.
        root: TicketId,
        /// Its number.
        number: i64,
    },
}

/// What is to be written on both sides.
#[derive(Clone, Debug)]
pub struct MergeNotes {
    /// On the ticket that is merged; `None` writes where it went.
    pub source: (Option<String>, bool),
    /// On the target; `None` writes what came. The flag: only the team sees it.
    pub target: (Option<String>, bool),
}

/// Both tickets after the merge.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The one that is closed now.
    pub source: Ticket,
    /// The one that goes on.
    pub target: Ticket,
}

/// Merges a ticket into another: it is resolved, assigned to the caller, and both say so.
///
/// # Errors
/// Why not; nothing was changed then.
pub async fn merge(
    c: &Conn,
    scene: &Scene,
    user: UserId,
    source: TicketKey,
    target: TicketId,
    notes: &MergeNotes,
) -> Result<Merged, MergeError> {
    let found = super::find(c, scene.project, source).await?;
    let source_id = found.ok_or(MergeError::NoSource)?.id;
    if source_id == target {
        return Err(MergeError::Itself);
    }
    // In the order of the ids, as everywhere.
    let lock = async |id| find_for_update(c, scene.project, TicketKey::Id(id)).await;
    let (source, target) = if source_id < target {
        let source = lock(source_id).await?;
        (source, lock(target).await?)
    } else {
        let target = lock(target).await?;
        (lock(source_id).await?, target)
    };
    let mut source = source.ok_or(MergeError::NoSource)?;
    if source.merged_into_id.is_some() {
        return Err(MergeError::SourceMerged);
    }
    let mut target = target.ok_or(MergeError::NoTarget)?;
    if let (Some(root), Some(number)) = (target.merged_into_id, target.merged_into_number) {
        return Err(MergeError::TargetMerged { root, number });
    }

    let before = (source.clone(), target.clone());
    let mut log = Log::new(scene);
    let change = TicketChange {
        status: Some(Status::Resolved),
        assignee: Some(Some(Assignee::User(user))),
        ..TicketChange::default()
    };
    let changed = source.apply(&change, scene.now);
    source.merged_at = Some(scene.now);
    source.merged_into_id = Some(target.id);
    source.merged_into_number = Some(target.number);
    let moved = params![scene.project, source.id, target.id, target.number];
    c.exec(MOVE, moved).await?;

    let (text, is_private) = &notes.source;
    let default = format!("Merged into ticket #{}.", target.number);
    let text = text.clone().unwrap_or(default);
    note(c, scene, user, &mut source, text, *is_private, &mut log).await?;
    let (text, is_private) = &notes.target;
    let default = format!("Ticket #{} was merged into this one.", source.number);
    let text = text.clone().unwrap_or(default);
    note(c, scene, user, &mut target, text, *is_private, &mut log).await?;

    reply_jobs::drop_reply_job(c, scene.project, source.id).await?;
    rows::save(c, &before.0, &source).await?;
    rows::save(c, &before.1, &target).await?;
    log.changed(c, &source, &changed).await?;
    log.activity("merged", &source, &[]);
    log.activity("merged", &target, &[]);
    log.write(c).await?;
    let mut totals = Totals::moved(&before.0, &source);
    totals.remove(&before.1);
    totals.add(&target);
    totals.write(c).await?;
    Ok(Merged { source, target })
}

async fn note(
    c: &Conn,
    scene: &Scene,
    user: UserId,
    ticket: &mut Ticket,
    text: String,
    is_private: bool,
    log: &mut Log<'_>,
) -> Result<()> {
    let id = model::MessageId(scene.env.uuid());
    let new = NewMessage::by_team(id, user, text, is_private);
    ticket.receive(&new, false, scene.now);
    let message = messages::insert(c, scene.project, ticket.id, &new, scene.now).await?;
    messages::note_response(c, ticket, &message).await?;
    log.message(ticket, &new);
    Ok(())
}
