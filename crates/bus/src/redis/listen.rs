//! Listening to what other processes publish.

use super::connection::Subscriptions;
use super::link::Link;
use super::message::{Topic, TurnNews};
use crate::{Hub, Pokes, Signal, Signals};
use redis::{PushInfo, PushKind, RedisError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages that wait to be dealt with at most; more are dropped.
const MESSAGES_MAX: usize = 4096;
/// Channels named in one command.
const CHANNELS_AT_ONCE: usize = 500;
/// Between two looks for topics that nobody waits for any more; also how often the connection is tested.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between the end of a connection and the next one, at first and at most.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Listens for ever, over one connection after the other.
pub(crate) async fn listen(link: Arc<Link>, hub: Hub, pokes: Pokes, signals: Signals) {
    let mut pause = PAUSE;
    loop {
        let mut listener = Listener {
            link: &link,
            hub: &hub,
            pokes: &pokes,
            signals: &signals,
            lost: Arc::default(),
            has_heard: false,
        };
        match listener.listen().await {
            Ok(()) => {}
            Err(error) => link.complain("listening", &error.to_string()),
        }
        pause = if listener.has_heard {
            PAUSE
        } else {
            (pause * 2).min(PAUSE_MAX)
        };
        tokio::time::sleep(pause).await;
    }
}

/// One connection's life.
struct Listener<'a> {
    link: &'a Link,
    hub: &'a Hub,
    pokes: &'a Pokes,
    signals: &'a Signals,
    /// Set when messages came faster than they could be dealt with.
    lost: Arc<AtomicBool>,
    /// Whether the connection worked at all.
    has_heard: bool,
}

impl Listener<'_> {
    /// Returns when the connection has ended.
    async fn listen(&mut self) -> Result<(), RedisError> {
        let (sender, mut pushes) = mpsc::channel(MESSAGES_MAX);
        let lost = Arc::clone(&self.lost);
        let receive = move |push: PushInfo| {
            // Called by the connection itself, which must not wait.
            if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(push) {
                lost.store(true, Ordering::Relaxed);
            }
            Ok::<_, ()>(())
        };
        let mut connection = Subscriptions::open(&self.link.url, receive).await?;
        // Whatever was said while nobody listened is in the log. What becomes wanted from here on is fresh.
        self.link.take_fresh();
        self.subscribe(&mut connection, self.link.wanted()).await?;
        self.has_heard = true;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = pushes.recv() => match push {
                    None => return Ok(()),
                    Some(push) if push.kind == PushKind::Disconnection => return Ok(()),
                    Some(push) => self.deal_with(&push),
                },
                () = self.link.wants.notified() => {
                    self.subscribe(&mut connection, self.link.take_fresh()).await?;
                }
                _ = looks.tick() => {
                    connection.ping().await?;
                    self.drop_unwanted(&mut connection).await?;
                    if self.lost.swap(false, Ordering::Relaxed) {
                        self.link.wanted().into_iter().for_each(|topic| self.wake(topic));
                    }
                }
            }
        }
    }

    /// Subscribes, and wakes those who wait: what they wait for may have come before.
    async fn subscribe(
        &self,
        connection: &mut Subscriptions,
        topics: Vec<Topic>,
    ) -> Result<(), RedisError> {
        for some in topics.chunks(CHANNELS_AT_ONCE) {
            connection.subscribe(&self.channels(some)).await?;
            some.iter().for_each(|topic| self.wake(*topic));
        }
        Ok(())
    }

    async fn drop_unwanted(&self, connection: &mut Subscriptions) -> Result<(), RedisError> {
        let unwanted = self.link.take_unwanted(|topic| match topic {
            Topic::Turn(conversation, turn) => self
                .hub
                .find(conversation, turn)
                .is_some_and(|feed| feed.needs_polling()),
            Topic::Project(project) => {
                self.pokes.is_followed(project) || self.signals.is_followed(project)
            }
            Topic::Node(_) => true,
        });
        for some in unwanted.chunks(CHANNELS_AT_ONCE) {
            connection.unsubscribe(&self.channels(some)).await?;
        }
        Ok(())
    }

    fn channels(&self, topics: &[Topic]) -> Vec<String> {
        let channel = |topic: &Topic| topic.channel(self.link.database);
        topics.iter().map(channel).collect()
    }

    fn deal_with(&self, push: &PushInfo) {
        let (PushKind::Message, [Value::BulkString(channel), Value::BulkString(text)]) =
            (&push.kind, push.data.as_slice())
        else {
            return;
        };
        let channel = String::from_utf8_lossy(channel);
        match Topic::of_channel(&channel, self.link.database) {
            Some(Topic::Turn(conversation, turn)) => {
                let news = TurnNews::decode(text);
                if news.is_empty() {
                    self.hub.expect_news(conversation, turn);
                } else {
                    self.hub.take_in(conversation, turn, &news.frames, news.end);
                }
            }
            Some(Topic::Project(project)) if !text.is_empty() => {
                match serde_json::from_slice::<Signal>(text) {
                    Ok(signal) => self.signals.receive(project, signal),
                    // Of a newer version perhaps: look into the log.
                    Err(_) => self.pokes.wake(project),
                }
            }
            Some(topic) => self.wake(topic),
            None => {}
        }
    }

    fn wake(&self, topic: Topic) {
        match topic {
            Topic::Turn(conversation, turn) => self.hub.expect_news(conversation, turn),
            Topic::Project(project) => self.pokes.wake(project),
            Topic::Node(_) => self.hub.wake_owner(),
        }
    }
}
