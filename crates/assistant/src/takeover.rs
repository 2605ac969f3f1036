//! Taking over a turn whose process died (spec "Crash, stop, takeover").

use crate::call::Said;
use crate::commit::Fence;
use crate::engine::Engine;
use model::frames::Partial;
use std::sync::Arc;
use store::turns::{self, TurnKey};
use store::{conversations, frames};

impl Engine {
    /// Takes a running turn over from the holder of `epoch`, unless somebody was quicker.
    ///
    /// If answer text of the running model call is in the log, the turn is closed: the text is kept as a final
    /// message marked as cut, a failure follows, and the queue goes on. If not, the call is made again; readers
    /// have seen nothing of it. Tool calls are logged together with their results, so none is carried out twice.
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
        ticket.feed.publish(&log, None);
        let partial = match turn.open_seq {
            Some(open) => Partial::of(log.iter().filter(|frame| frame.seq >= open)),
            None => Partial::default(),
        };
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            if partial.content.is_empty() {
                engine.run_to_the_end(turn, ticket).await;
                return;
            }
            let said = Said { text: partial.content, thinking: partial.thinking };
            let text = "The server was interrupted while answering. What was written until then is kept above.";
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
