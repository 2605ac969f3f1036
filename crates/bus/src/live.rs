//! Live turns: the frames of a turn in memory, rendered once, read by any number of readers.
//!
//! A [`Feed`] is a copy of a turn's log, never the truth: frames are published after they were committed. It
//! orders them by their sequence numbers, so that two writers (the turn and a cancel, say) may publish in either
//! order. Readers hold an index into the shared events and no buffer of their own, so a slow reader costs
//! nothing but its socket.
//!
//! Over Redis a feed is told what the process that runs the turn publishes. What gets lost on that way is read from
//! the log: when a frame is missing, when a message says no more than that there is news, and every second.

use crate::redis::{Link, Topic};
use bytes::Bytes;
use model::frames::{Dialect, Event, Frame, Renderer};
use model::{ConversationId, NodeId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Notify, watch};

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
    topic: Topic,
    state: Mutex<State>,
    version: watch::Sender<u64>,
    link: Option<Arc<Link>>,
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
    fn new(conversation: ConversationId, turn: i64, link: Option<Arc<Link>>) -> Self {
        let state = State {
            renderer: Renderer::new(turn),
            events: Vec::new(),
            ahead: BTreeMap::new(),
            end: None,
            local: false,
        };
        Self {
            topic: Topic::Turn(conversation, turn),
            state: Mutex::new(state),
            version: watch::Sender::new(0),
            link,
        }
    }

    /// Tells all readers, those in other processes too, what this process has committed: frames, and the end when
    /// the turn has ended.
    pub fn publish(&self, frames: &[Frame], end: Option<End>) {
        self.fill(frames, end);
        if let Some(link) = &self.link {
            link.say_frames(self.topic, frames, end);
        }
    }

    /// Adds frames that were read from the log or came from another process. Frames already known are passed over;
    /// frames that come before their predecessors wait for them.
    pub fn fill(&self, frames: &[Frame], end: Option<End>) {
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
        self.ask_for_news();
    }

    /// Asks the process that runs the turn to be told what it publishes, if there is one.
    pub fn ask_for_news(&self) {
        if let Some(link) = &self.link
            && self.needs_polling()
        {
            link.want(self.topic);
        }
    }

    /// Whether frames have come before their predecessors, or the end before the last of them.
    fn has_gap(&self) -> bool {
        let state = self.lock();
        !state.ahead.is_empty() || state.end.is_some_and(|end| state.last_seq() < end.last_seq)
    }

    /// Whether news must be fetched from the log: the turn runs elsewhere, and not everything up to its end is here.
    pub fn needs_polling(&self) -> bool {
        let state = self.lock();
        !state.local && state.end.is_none_or(|end| state.last_seq() < end.last_seq)
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

/// The feeds in use, one for each turn. A feed lives as long as somebody writes or reads it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
    link: Option<Arc<Link>>,
}

/// A turn, by its conversation and number.
type TurnId = (ConversationId, i64);

#[derive(Default)]
struct Shared {
    feeds: Mutex<HashMap<TurnId, Weak<Feed>>>,
    /// Turns that have news in the log.
    expected: Mutex<HashSet<TurnId>>,
    has_expected: Notify,
    /// Somebody else has done something to a turn that runs here.
    interfered: Notify,
}

impl Hub {
    /// Reaches other processes too.
    pub(crate) fn linked(link: Arc<Link>) -> Self {
        Self {
            link: Some(link),
            ..Self::default()
        }
    }

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
        let feed = Arc::new(Feed::new(conversation, turn, self.link.clone()));
        feeds.insert((conversation, turn), Arc::downgrade(&feed));
        feed
    }

    /// Tells all readers of a turn what this process has committed to it, whoever runs it.
    pub fn publish(
        &self,
        conversation: ConversationId,
        turn: i64,
        frames: &[Frame],
        end: Option<End>,
    ) {
        match self.find(conversation, turn) {
            Some(feed) => feed.publish(frames, end),
            None => {
                if let Some(link) = &self.link {
                    link.say_frames(Topic::Turn(conversation, turn), frames, end);
                }
            }
        }
    }

    /// Adds what another process has published, if somebody here reads the turn.
    pub(crate) fn take_in(
        &self,
        conversation: ConversationId,
        turn: i64,
        frames: &[Frame],
        end: Option<End>,
    ) {
        let Some(feed) = self.find(conversation, turn) else {
            return;
        };
        feed.fill(frames, end);
        if feed.has_gap() {
            self.expect_news(conversation, turn);
        }
    }

    /// Notes that there is news of a turn in the log.
    pub(crate) fn expect_news(&self, conversation: ConversationId, turn: i64) {
        let mut expected = lock(&self.shared.expected);
        expected.insert((conversation, turn));
        self.shared.has_expected.notify_one();
    }

    /// Waits until there is news in the log of turns that run elsewhere and are read here, and gives those. Without
    /// Redis it waits for ever: then only [`Self::sweep`] tells.
    pub async fn news_elsewhere(&self) -> Vec<(ConversationId, i64, Arc<Feed>)> {
        loop {
            self.shared.has_expected.notified().await;
            let expected = std::mem::take(&mut *lock(&self.shared.expected));
            let feeds: Vec<_> = expected
                .into_iter()
                .filter_map(|(id, turn)| self.find(id, turn).map(|feed| (id, turn, feed)))
                .filter(|(_, _, feed)| feed.needs_polling())
                .collect();
            if !feeds.is_empty() {
                return feeds;
            }
        }
    }

    /// Says under which name other processes know the owner of the turns that run here.
    pub fn answer_as(&self, node: NodeId) {
        if let Some(link) = &self.link {
            link.want(Topic::Node(node));
        }
    }

    /// Tells a process that something was done to a turn it runs.
    pub fn tell_owner(&self, node: NodeId) {
        if let Some(link) = &self.link {
            link.say(Topic::Node(node));
        }
    }

    /// Waits until another process has done something to a turn that runs here, or may have.
    pub async fn interference(&self) {
        self.shared.interfered.notified().await;
    }

    pub(crate) fn wake_owner(&self) {
        self.shared.interfered.notify_one();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<TurnId, Weak<Feed>>> {
        lock(&self.shared.feeds)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
