//! The way to Redis: commands with a limit, and whether it is worth trying.

use super::address::{InvalidRedisUrl, RedisUrl};
use super::connection::Commands;
use super::message::{Topic, TurnNews};
use super::speak::{Outbox, Saying};
use crate::{End, Signal};
use model::ProjectId;
use model::frames::Frame;
use redis::{FromRedisValue, RedisError, ServerErrorKind};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// How long Redis may take to say that it is there, before it counts as away.
const PING_PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks whether Redis is there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The same trouble is logged once in so long.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Commands to Redis, and the queue of what is to be published.
pub(crate) struct Link {
    pub(super) url: RedisUrl,
    pub(super) database: i64,
    patience: Duration,
    commands: Commands,
    /// Whether Redis answered when it was last asked.
    is_there: AtomicBool,
    pub(super) outbox: Outbox,
    /// What this process is subscribed to, or wants to be.
    wanted: Mutex<HashSet<Topic>>,
    /// Topics that are wanted and not yet subscribed to.
    fresh: Mutex<Vec<Topic>>,
    pub(super) wants: Notify,
    logged_at: Mutex<Option<Instant>>,
}

impl Link {
    /// Prepares the link and asks Redis whether it is there, for a second at most.
    pub(crate) async fn open(
        url: &RedisUrl,
        patience: Duration,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Saying>), InvalidRedisUrl> {
        let commands = Commands::open(url).await.map_err(|error| {
            tracing::error!(%error, "the address of Redis cannot be used");
            InvalidRedisUrl
        })?;
        let (outbox, sayings) = Outbox::new();
        let link = Arc::new(Self {
            url: url.clone(),
            database: url.database(),
            patience,
            commands,
            is_there: AtomicBool::new(false),
            outbox,
            wanted: Mutex::default(),
            fresh: Mutex::default(),
            wants: Notify::new(),
            logged_at: Mutex::default(),
        });
        match link.ping().await {
            Ok(()) => link.set_there(true),
            Err(error) => link.complain("first contact", &error),
        }
        Ok((link, sayings))
    }

    /// Asks Redis something. `None`: it is away, did not answer in time, or refused; that has been logged.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        what: &'static str,
        question: impl AsyncFnOnce(&mut Commands) -> Result<T, RedisError>,
    ) -> Option<T> {
        if !self.is_there() {
            return None;
        }
        let mut commands = self.commands.clone();
        match tokio::time::timeout(self.patience, question(&mut commands)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                if is_away(&error) {
                    self.set_there(false);
                }
                self.complain(what, &error.to_string());
                None
            }
            Err(_) => {
                // It may only be busy, but the next caller must not wait for it as well.
                self.set_there(false);
                self.complain(what, "no answer in time");
                None
            }
        }
    }

    /// Whether Redis answers now.
    pub(crate) async fn ping(&self) -> Result<(), String> {
        let mut commands = self.commands.clone();
        let ping = redis::cmd("PING");
        match tokio::time::timeout(PING_PATIENCE, ping.query_async::<()>(&mut commands)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Whether Redis answered when it was last asked.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    fn set_there(&self, is_there: bool) {
        self.is_there.store(is_there, Ordering::Relaxed);
        metrics::gauge!("thicket_redis_up").set(if is_there { 1.0 } else { 0.0 });
    }

    /// Logs a trouble, unless one was logged just now; counts it in any case.
    pub(super) fn complain(&self, what: &'static str, error: &str) {
        metrics::counter!("thicket_redis_errors_total").increment(1);
        let mut logged_at = self
            .logged_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *logged_at = Some(Instant::now());
            tracing::warn!(error, what, "Redis is of no help; going on without it");
        }
    }

    /// Tells whoever listens to a topic that there is news. A hint: it may be lost.
    pub(crate) fn say(&self, topic: Topic) {
        self.outbox.put(self, topic, Vec::new());
    }

    /// Tells whoever follows a project something of the moment. A hint: it may be lost.
    pub(crate) fn say_signal(&self, project: ProjectId, signal: &Signal) {
        if let Ok(text) = serde_json::to_vec(signal) {
            self.outbox.put(self, Topic::Project(project), text);
        }
    }

    /// Tells whoever listens what was added to a turn. A hint: it may be lost.
    pub(crate) fn say_frames(&self, topic: Topic, frames: &[Frame], end: Option<End>) {
        if self.is_there() {
            let news = TurnNews::encode(frames, end, self.outbox.room());
            self.outbox.put(self, topic, news.unwrap_or_default());
        }
    }

    /// Asks to be told what is said on a topic. After the subscription the topic counts as having news, since some
    /// may have come before.
    pub(crate) fn want(&self, topic: Topic) {
        if lock(&self.wanted).insert(topic) {
            lock(&self.fresh).push(topic);
            self.wants.notify_one();
        }
    }

    /// The topics that were asked for since the last call.
    pub(super) fn take_fresh(&self) -> Vec<Topic> {
        std::mem::take(&mut *lock(&self.fresh))
    }

    /// All topics that were asked for.
    pub(super) fn wanted(&self) -> Vec<Topic> {
        lock(&self.wanted).iter().copied().collect()
    }

    /// Takes out the topics that nobody waits for any more.
    pub(super) fn take_unwanted(&self, is_wanted: impl Fn(Topic) -> bool) -> Vec<Topic> {
        let mut unwanted = Vec::new();
        lock(&self.wanted).retain(|topic| {
            let keep = is_wanted(*topic);
            if !keep {
                unwanted.push(*topic);
            }
            keep
        });
        unwanted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the server could not be reached, or is not ready to answer anything, as opposed to refusing one thing.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_cluster_error()
        || error.kind() == redis::ErrorKind::ClusterConnectionNotFound
        || error.kind() == redis::ErrorKind::Server(ServerErrorKind::BusyLoading)
}

/// Looks again and again whether Redis is there.
pub(crate) async fn watch(link: Arc<Link>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let was_there = link.is_there();
        match link.ping().await {
            Ok(()) => {
                if !was_there {
                    *lock(&link.logged_at) = None;
                    tracing::info!("Redis answers again");
                }
                link.set_there(true);
            }
            Err(error) => {
                link.set_there(false);
                link.complain("look", &error);
            }
        }
    }
}
