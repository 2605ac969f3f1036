//! The queue of what is to be published.

use super::link::Link;
use super::message::Topic;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Messages that wait at most.
const MESSAGES_MAX: usize = 4096;
/// Bytes of frames that wait at most.
const BYTES_MAX: usize = 8 << 20;
/// Frames longer than this are not sent: one read from the log costs less than copying them around.
const FRAMES_MAX: usize = 16 << 10;
/// Messages sent in one go.
const AT_ONCE: usize = 64;

/// One message.
pub(crate) struct Saying {
    topic: Topic,
    text: Vec<u8>,
}

/// Where messages wait. Bounded: what does not fit is dropped, and found in the log.
pub(super) struct Outbox {
    sayings: mpsc::Sender<Saying>,
    bytes: AtomicUsize,
}

impl Outbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Saying>) {
        let (sayings, receiver) = mpsc::channel(MESSAGES_MAX);
        let outbox = Self {
            sayings,
            bytes: AtomicUsize::new(0),
        };
        (outbox, receiver)
    }

    /// How long the next frames may be, in bytes.
    pub(super) fn room(&self) -> usize {
        let waiting = self.bytes.load(Ordering::Relaxed);
        FRAMES_MAX.min(BYTES_MAX.saturating_sub(waiting))
    }

    /// Puts a message into the queue, unless it is full or Redis is away.
    pub(super) fn put(&self, link: &Link, topic: Topic, text: Vec<u8>) {
        if !link.is_there() {
            return;
        }
        let length = text.len();
        self.bytes.fetch_add(length, Ordering::Relaxed);
        if self.sayings.try_send(Saying { topic, text }).is_err() {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
            metrics::counter!("thicket_redis_messages_dropped_total").increment(1);
        }
    }
}

/// Publishes what is in the queue.
pub(crate) async fn speak(link: Arc<Link>, mut sayings: mpsc::Receiver<Saying>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while sayings.recv_many(&mut batch, AT_ONCE).await > 0 {
        let bytes = batch.iter().map(|saying| saying.text.len()).sum();
        // Sent together over the one connection; their order does not matter to anybody.
        join_all(batch.drain(..).map(|saying| publish(&link, saying))).await;
        link.outbox.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

async fn publish(link: &Link, saying: Saying) {
    let channel = saying.topic.channel(link.database);
    let said = link
        .ask("publish", async |commands| {
            let mut command = redis::cmd("PUBLISH");
            command.arg(channel).arg(saying.text);
            command.query_async::<i64>(commands).await
        })
        .await;
    if said.is_none() {
        metrics::counter!("thicket_redis_messages_dropped_total").increment(1);
    }
}
