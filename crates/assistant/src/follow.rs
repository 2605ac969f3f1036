//! Reading a conversation's stream: from any place, any number of readers, at any time while the frames are kept.

use crate::engine::{Engine, Inner};
use bus::{End, Feed};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use model::frames::{Cursor, Dialect};
use model::{ConversationId, ProjectId};
use std::sync::Arc;
use std::time::Duration;
use store::turns::{self, Turn, TurnKey};
use store::{conversations, frames};
use tokio::sync::watch;

/// After a pause in writing, so that proxies and clients see that the stream lives (ai-conversations.md 5.1).
const KEEP_ALIVE: &[u8] = b": keepalive\n\n";
/// Sent when the server stops: come back after this many milliseconds.
const COME_BACK: &[u8] = b"retry: 1000\n\n";

/// Where a reader begins, and where it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Everything after this has not been seen.
    pub after: Cursor,
    /// Go on with later turns until nothing runs. Otherwise stop at the end of the turn, and of the queued turns
    /// that followed it without a break.
    pub to_the_end: bool,
}

/// How an ended turn looks to readers who have its frames up to `last_seq`, or all that are still kept; `None` while
/// it runs. The frames are to be read after the turn. They may have been forgotten in between, so it is they that say
/// where the end is: what the turn said before may never come.
pub(crate) fn end_of(turn: &Turn, last_seq: i64) -> Option<End> {
    turn.ended_at.map(|_| End {
        last_seq,
        continued: turn.continued,
    })
}

impl Engine {
    /// The stream of a conversation from a place on, as bytes of server-sent events. It ends when there is nothing
    /// more to come. Errors of the store end it early: the client comes back with its cursor.
    pub fn follow(
        &self,
        project: ProjectId,
        conversation: ConversationId,
        place: Place,
        dialect: Dialect,
    ) -> impl Stream<Item = Bytes> + Send + use<> {
        let reader = Reader {
            inner: Arc::clone(&self.0),
            key: TurnKey {
                project_id: project,
                conversation_id: conversation,
                number: place.after.turn,
            },
            seq: place.after.seq,
            to_the_end: place.to_the_end,
            dialect,
            open: None,
        };
        futures::stream::unfold(Some(reader), |reader| async move { reader?.next().await })
    }

    /// After how long a pause a stream shows that it lives.
    pub fn keep_alive(&self) -> Duration {
        self.0.config.keep_alive
    }

    /// Waits until a turn has ended. `false`: the server stops first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn wait_for_end(
        &self,
        project: ProjectId,
        conversation: ConversationId,
        turn: i64,
    ) -> Result<bool, store::Error> {
        let key = TurnKey {
            project_id: project,
            conversation_id: conversation,
            number: turn,
        };
        let feed = self.0.feed(key).await?;
        let mut news = feed.subscribe();
        loop {
            if feed
                .read_after(feed.last_seq(), Dialect::Delta)
                .end
                .is_some()
            {
                return Ok(true);
            }
            tokio::select! {
                () = self.0.stopping.cancelled() => return Ok(false),
                changed = news.changed() => if changed.is_err() { return Ok(false) },
            }
        }
    }
}

impl Inner {
    /// The feed of a turn that exists; filled from the log when nobody uses it yet.
    async fn feed(&self, key: TurnKey) -> Result<Arc<Feed>, store::Error> {
        if let Some(feed) = self.hub().find(key.conversation_id, key.number) {
            return Ok(feed);
        }
        let (log, end) = self
            .store
            .read(move |c| {
                Box::pin(async move {
                    let turn = turns::find(c, key).await?;
                    let log = frames::list_after(c, key, 0).await?;
                    let last_seq = log.last().map_or(0, |frame| frame.seq);
                    // A turn that does not exist has ended before it began.
                    let end = turn.map_or(
                        Some(End {
                            last_seq: 0,
                            continued: false,
                        }),
                        |turn| end_of(&turn, last_seq),
                    );
                    Ok::<_, store::Error>((log, end))
                })
            })
            .await?;
        let feed = self.hub().open(key.conversation_id, key.number);
        feed.fill(&log, end);
        feed.ask_for_news();
        Ok(feed)
    }
}

struct Reader {
    inner: Arc<Inner>,
    key: TurnKey,
    seq: i64,
    to_the_end: bool,
    dialect: Dialect,
    open: Option<(Arc<Feed>, watch::Receiver<u64>)>,
}

impl Reader {
    /// The next bytes, and the reader unless these were the last.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        loop {
            let (feed, news) = match &mut self.open {
                Some(open) => open,
                None => {
                    let feed = match self.inner.feed(self.key).await {
                        Ok(feed) => feed,
                        Err(error) => {
                            tracing::warn!(%error, "a stream was cut because the log could not be read");
                            return Some((Bytes::from_static(COME_BACK), None));
                        }
                    };
                    let news = feed.subscribe();
                    self.open.insert((feed, news))
                }
            };
            news.mark_unchanged();
            let batch = feed.read_after(self.seq, self.dialect);
            self.seq = batch.seq;
            if let Some(bytes) = join(batch.bytes) {
                return Some((bytes, Some(self)));
            }
            if let Some(end) = batch.end {
                if !self.goes_on_after(end).await {
                    return None;
                }
                self.key.number += 1;
                self.seq = 0;
                self.open = None;
                continue;
            }
            tokio::select! {
                biased;
                changed = news.changed() => if changed.is_err() { return None },
                () = self.inner.stopping.cancelled() => return Some((Bytes::from_static(COME_BACK), None)),
                () = tokio::time::sleep(self.inner.config.keep_alive) => {
                    return Some((Bytes::from_static(KEEP_ALIVE), Some(self)));
                }
            }
        }
    }

    async fn goes_on_after(&self, end: End) -> bool {
        if end.continued {
            return true;
        }
        if !self.to_the_end {
            return false;
        }
        let key = self.key;
        let newest = self
            .inner
            .store
            .read(move |c| Box::pin(conversations::find(c, key.project_id, key.conversation_id)))
            .await;
        matches!(newest, Ok(Some(conversation)) if conversation.last_turn > key.number)
    }
}

/// Several events as one piece of the response, so that a reader that comes late costs one write.
fn join(events: Vec<Bytes>) -> Option<Bytes> {
    let mut events = events.into_iter();
    let first = events.next()?;
    let Some(second) = events.next() else {
        return Some(first);
    };
    let mut joined = BytesMut::from(first.as_ref());
    joined.extend_from_slice(&second);
    events.for_each(|event| joined.extend_from_slice(&event));
    Some(joined.freeze())
}
