//! Taking over a turn whose process died, and letting go of one that was taken over (spec "Crash, stop, takeover").

use crate::call::Said;
use crate::commit::Fence;
use crate::engine::Engine;
use model::frames::Partial;
use std::collections::HashSet;
use std::sync::Arc;
use store::turns::{self, Lease, TurnKey};
use store::{conversations, frames};

/// A turn that was begun so often without an end is closed: whatever is wrong with it, its conversation must not stay
/// locked, nor its model be asked for ever.
const EPOCHS_MAX: i64 = 6;
/// Running turns examined in one look; those whose leases run out first come first.
const LEASES_PER_LOOK: i64 = 10_000;

impl Engine {
    /// Takes over what nobody runs: turns of dead processes, and turns of this one whose task is gone. Lets go of
    /// what is no longer this process'.
    pub(crate) async fn look_at_leases(&self) -> Result<(), store::Error> {
        let inner = &self.0;
        let now = inner.env.now();
        // Before the leases are read, so that a turn that begins in between is not taken for a lost one.
        let mine = inner.running_keys();
        let running = inner
            .store
            .read(move |c| Box::pin(turns::list_running(c, LEASES_PER_LOOK)))
            .await?;
        self.let_go_of_lost_turns(mine, &running).await?;
        for turn in running {
            let orphaned = if turn.owner == inner.node {
                !inner.runs_here(turn.key)
            } else {
                inner.config.exclusive || turn.lease_until < now
            };
            if orphaned
                && !inner.draining.is_cancelled()
                && let Err(error) = self.take_over(turn.key, turn.epoch).await
            {
                // Others may still be helped.
                tracing::warn!(%error, conversation = %turn.key.conversation_id, turn = turn.key.number,
                    "a turn could not be taken over; the next look tries again");
            }
        }
        Ok(())
    }

    /// Stops the tasks of turns that another process has ended or taken over: a task that waits for its model
    /// would find out only with the next word. Readers here go on from the log.
    async fn let_go_of_lost_turns(
        &self,
        mut mine: Vec<TurnKey>,
        running: &[Lease],
    ) -> Result<(), store::Error> {
        let inner = &self.0;
        let held: HashSet<TurnKey> = running
            .iter()
            .filter(|turn| turn.owner == inner.node)
            .map(|turn| turn.key)
            .collect();
        mine.retain(|key| !held.contains(key));
        for key in mine {
            let found = inner
                .store
                .read(move |c| Box::pin(turns::find(c, key)))
                .await?;
            // One that is not there yet is about to begin.
            if found.is_some_and(|turn| turn.ended_at.is_some() || turn.owner != inner.node) {
                inner.interrupt(key);
            }
        }
        Ok(())
    }

    /// Takes a running turn over from the holder of `epoch`, unless somebody was quicker.
    ///
    /// If answer text of the running model call is in the log, the turn is closed: the text is kept as a final
    /// message marked as cut, a failure follows, and the queue goes on. If not, the call is made again; readers
    /// have seen nothing of it, unless it has been made often enough. Tool calls are logged together with their results, so none is carried out twice.
    pub(crate) async fn take_over(&self, key: TurnKey, epoch: i64) -> Result<(), store::Error> {
        let inner = Arc::clone(&self.0);
        let taken = self
            .0
            .store
            .write(move |c| {
                Box::pin(async move {
                    conversations::lock(c, key.project_id, key.conversation_id).await?;
                    let until = inner.env.now().plus(inner.config.lease);
                    if !turns::take_over(c, key, epoch, inner.node, until).await? {
                        return Ok(None);
                    }
                    let turn = turns::find(c, key).await?.ok_or(store::Error::NoRow)?;
                    let log = frames::list_after(c, key, 0).await?;
                    let ticket = inner.adopt(key);
                    Ok::<_, store::Error>(Some((turn, log, ticket)))
                })
            })
            .await?;
        let Some((turn, log, ticket)) = taken else {
            return Ok(());
        };
        tracing::info!(conversation = %key.conversation_id, turn = key.number, "turn taken over");
        metrics::counter!("thicket_turns_taken_over_total").increment(1);
        ticket.feed.fill(&log, None);
        let partial = match turn.open_seq {
            Some(open) => Partial::of(log.iter().filter(|frame| frame.seq >= open)),
            None => Partial::default(),
        };
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            let text = if !partial.content.is_empty() {
                "The server was interrupted while answering. What was written until then is kept above."
            } else if turn.epoch > EPOCHS_MAX {
                "The server was interrupted again and again while answering. Please try once more."
            } else {
                engine.run_to_the_end(turn, ticket).await;
                return;
            };
            let said = Said { text: partial.content, thinking: partial.thinking };
            match engine.commit(Fence::of(&turn), engine.closing(said, text)).await {
                Ok(Some(committed)) => {
                    if let Some((turn, ticket)) = engine.hand_on(committed, &ticket) {
                        engine.run_to_the_end(turn, ticket).await;
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a taken-over turn could not be closed; the next look tries again"),
            }
        });
        Ok(())
    }
}
