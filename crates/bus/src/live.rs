//! Live turns: the frames of a turn in memory, rendered once, read by any number of readers.
//!
//! A [`Feed`] is a copy of a turn's log, never the truth: frames are published after they were committed. It
//! orders them by their sequence numbers, so that two writers (the turn and a cancel, say) may publish in either
//! order. Readers hold an index into the shared events and no buffer of their own, so a slow reader costs
//! nothing but its socket.

use bytes::Bytes;
use model::ConversationId;
use model::frames::{Dialect, Event, Frame, Renderer};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::watch;

/// How a turn ended, for its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Sequence number of its last frame.
    pub last_seq: i64,
    /// The next turn began in the same transaction: readers go on there.
    pub continued: bool,
}

/// The frames of one turn in memory.
pub struct Feed {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

struct State {
    renderer: Renderer,
    /// `events[i]` is the frame with sequence number `i + 1`.
    events: Vec<Event>,
    /// Published before their predecessors.
    ahead: BTreeMap<i64, Frame>,
    end: Option<End>,
    local: bool,
}

/// What a reader gets in one go.
#[derive(Debug, Default)]
pub struct Batch {
    /// The events' bytes, in order.
    pub bytes: Vec<Bytes>,
    /// Sequence number of the last frame the batch accounts for.
    pub seq: i64,
    /// Set once everything up to the end has been given.
    pub end: Option<End>,
}

impl Feed {
    fn new(turn: i64) -> Self {
        let state = State {
            renderer: Renderer::new(turn),
            events: Vec::new(),
            ahead: BTreeMap::new(),
            end: None,
            local: false,
        };
        Self {
            state: Mutex::new(state),
            version: watch::Sender::new(0),
        }
    }

    /// Adds committed frames, and the end when the turn has ended. Frames already known are passed over; frames
    /// that come before their predecessors wait for them.
    pub fn publish(&self, frames: &[Frame], end: Option<End>) {
        {
            let mut state = self.lock();
            for frame in frames {
                state.accept(frame);
            }
            if end.is_some() {
                state.end = end;
            }
        }
        self.version.send_modify(|version| *version += 1);
    }

    /// Marks the turn as run by this process: nobody needs to look into the log for news of it.
    pub fn mark_local(&self) {
        self.lock().local = true;
    }

    /// Takes the mark back: this process runs the turn no longer.
    pub fn mark_remote(&self) {
        self.lock().local = false;
    }

    /// Whether news must be fetched from the log: the turn has not ended and runs elsewhere.
    pub fn needs_polling(&self) -> bool {
        let state = self.lock();
        !state.local && state.end.is_none()
    }

    /// Sequence number up to which all frames are here.
    pub fn last_seq(&self) -> i64 {
        self.lock().last_seq()
    }

    /// Everything after the frame `seq`, in a dialect.
    pub fn read_after(&self, seq: i64, dialect: Dialect) -> Batch {
        let state = self.lock();
        let from = usize::try_from(seq).unwrap_or(0).min(state.events.len());
        let bytes = state
            .events
            .iter()
            .skip(from)
            .filter_map(|event| event.bytes(dialect).cloned())
            .collect();
        let last_seq = state.last_seq();
        Batch {
            bytes,
            seq: last_seq.max(seq),
            end: state.end.filter(|end| last_seq >= end.last_seq),
        }
    }

    /// A receiver that notices every publication from now on. Take it before reading, so that nothing is missed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn last_seq(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    fn accept(&mut self, frame: &Frame) {
        let next = self.last_seq() + 1;
        if frame.seq > next {
            self.ahead.insert(frame.seq, frame.clone());
        } else if frame.seq == next {
            let event = self.renderer.render(frame);
            self.events.push(event);
            while let Some(waiting) = self.ahead.remove(&(self.last_seq() + 1)) {
                let event = self.renderer.render(&waiting);
                self.events.push(event);
            }
        }
    }
}

/// The feeds in use, one for each turn. A feed lives as long as somebody writes or reads it.
#[derive(Default)]
pub struct Hub {
    feeds: Mutex<HashMap<(ConversationId, i64), Weak<Feed>>>,
}

impl Hub {
    /// The feed of a turn, if somebody uses it.
    pub fn find(&self, conversation: ConversationId, turn: i64) -> Option<Arc<Feed>> {
        self.lock()
            .get(&(conversation, turn))
            .and_then(Weak::upgrade)
    }

    /// The feed of a turn; a new, empty one if nobody uses it yet.
    pub fn open(&self, conversation: ConversationId, turn: i64) -> Arc<Feed> {
        let mut feeds = self.lock();
        if let Some(feed) = feeds.get(&(conversation, turn)).and_then(Weak::upgrade) {
            return feed;
        }
        let feed = Arc::new(Feed::new(turn));
        feeds.insert((conversation, turn), Arc::downgrade(&feed));
        feed
    }

    /// Forgets the feeds nobody uses any more, and gives those whose news must be fetched from the log.
    pub fn sweep(&self) -> Vec<(ConversationId, i64, Arc<Feed>)> {
        let mut feeds = self.lock();
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds
            .iter()
            .filter_map(|(key, feed)| feed.upgrade().map(|feed| (key.0, key.1, feed)))
            .filter(|(_, _, feed)| feed.needs_polling())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ConversationId, i64), Weak<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::frames::FrameKind;
    use uuid::Uuid;

    fn frame(seq: i64) -> Frame {
        Frame {
            seq,
            kind: FrameKind::Message,
            payload: format!("{{\"n\":{seq}}}"),
        }
    }

    fn text(batch: &Batch) -> String {
        batch
            .bytes
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    #[test]
    fn readers_get_the_same_bytes_wherever_they_begin() {
        let hub = Hub::default();
        let feed = hub.open(ConversationId(Uuid::nil()), 1);
        feed.publish(&[frame(1), frame(2), frame(3)], None);
        let all = feed.read_after(0, Dialect::Snapshot);
        for seq in 0..=3_usize {
            let rest = feed.read_after(i64::try_from(seq).unwrap(), Dialect::Snapshot);
            assert_eq!(rest.bytes, all.bytes[seq..]);
        }
    }

    #[test]
    fn frames_published_out_of_order_are_read_in_order_and_once() {
        let hub = Hub::default();
        let feed = hub.open(ConversationId(Uuid::nil()), 1);
        feed.publish(
            &[frame(3)],
            Some(End {
                last_seq: 3,
                continued: false,
            }),
        );
        assert!(feed.read_after(0, Dialect::Delta).bytes.is_empty());
        assert_eq!(
            feed.read_after(0, Dialect::Delta).end,
            None,
            "the end waits for what comes before it"
        );
        feed.publish(&[frame(1), frame(2)], None);
        feed.publish(&[frame(2), frame(3)], None);
        let batch = feed.read_after(0, Dialect::Delta);
        assert_eq!(batch.bytes.len(), 3);
        assert!(text(&batch).find("\"n\":1") < text(&batch).find("\"n\":3"));
        assert_eq!(
            batch.end,
            Some(End {
                last_seq: 3,
                continued: false
            })
        );
    }

    #[test]
    fn a_feed_is_shared_while_used_and_forgotten_after() {
        let hub = Hub::default();
        let id = ConversationId(Uuid::nil());
        let feed = hub.open(id, 1);
        assert!(Arc::ptr_eq(&feed, &hub.open(id, 1)));
        assert_eq!(hub.sweep().len(), 1);
        feed.mark_local();
        assert_eq!(hub.sweep().len(), 0, "a local turn needs no polling");
        feed.mark_remote();
        assert_eq!(hub.sweep().len(), 1, "a turn that was given away does");
        drop(feed);
        hub.sweep();
        assert!(hub.find(id, 1).is_none());
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_a_publication() {
        let hub = Hub::default();
        let feed = hub.open(ConversationId(Uuid::nil()), 1);
        let mut news = feed.subscribe();
        feed.publish(&[frame(1)], None);
        news.changed().await.unwrap();
        assert_eq!(feed.read_after(0, Dialect::Snapshot).seq, 1);
    }
}
