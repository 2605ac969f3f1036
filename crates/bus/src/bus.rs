//! The bus itself: what all the types of this crate share.

use crate::redis::{self, Link, RedisUrl};
use crate::{Hub, Pokes, Signals};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a request waits for Redis before it goes on without (tickets.md 10.9).
pub const PATIENCE: Duration = Duration::from_millis(100);

/// Connects the parts of this process, and with Redis all processes that use the same one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus(Arc<Shared>);

#[derive(Default)]
struct Shared {
    hub: Hub,
    pokes: Pokes,
    signals: Signals,
    link: Option<Arc<Link>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Bus {
    /// A bus that ends at the border of this process.
    pub fn in_process() -> Self {
        Self::default()
    }

    /// A bus to all processes on the same Redis. Returns also when Redis does not answer: it is tried again and
    /// again, and until then this is a bus that ends at the border of the process. A request waits for Redis as long
    /// as `patience` says: [`PATIENCE`], if there is no reason for another.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub async fn connect(
        url: &RedisUrl,
        patience: Duration,
    ) -> Result<Self, redis::InvalidRedisUrl> {
        let (link, outbox) = Link::open(url, patience).await?;
        let hub = Hub::linked(Arc::clone(&link));
        let pokes = Pokes::linked(Arc::clone(&link));
        let signals = Signals::linked(Arc::clone(&link));
        let tasks = vec![
            tokio::spawn(redis::watch(Arc::clone(&link))),
            tokio::spawn(redis::speak(Arc::clone(&link), outbox)),
            tokio::spawn(redis::listen(
                Arc::clone(&link),
                hub.clone(),
                pokes.clone(),
                signals.clone(),
            )),
        ];
        Ok(Self(Arc::new(Shared {
            hub,
            pokes,
            signals,
            link: Some(link),
            tasks,
        })))
    }

    /// The live turns.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Wake-ups for those who follow a project's event log.
    pub fn pokes(&self) -> &Pokes {
        &self.0.pokes
    }

    /// What is told to those who follow a project now, and kept nowhere.
    pub fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// Whether the bus does what it is there for: always within one process, else whether Redis answers now.
    ///
    /// # Errors
    /// Redis' error, for the log.
    pub async fn ping(&self) -> Result<(), String> {
        match &self.0.link {
            None => Ok(()),
            Some(link) => link.ping().await,
        }
    }

    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.0.link.clone()
    }
}
