//! The engine: the turns this process runs, and the clockwork that keeps every turn alive or closes it.

use crate::answerer::Answerer;
use crate::replies::jobs::{JobKey, Replying};
use bus::{Bus, End, Feed, Hub};
use futures::future::BoxFuture;
use model::{ConversationId, Env, NodeId, ProjectId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use store::turns::{self, TurnKey};
use store::{Result, Store, frames, tickets};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Ended turns whose frames are deleted in one look.
const FORGOTTEN_PER_LOOK: i64 = 256;

/// How the engine behaves.
#[derive(Clone)]
pub struct Config {
    /// Who answers.
    pub answerer: Answerer,
    /// This process holds the store alone (the embedded engine under its directory lock): turns of other
    /// processes are dead ones and are taken over at once.
    pub exclusive: bool,
    /// How long a turn is believed to run without a sign of life. Default 6 s.
    pub lease: Duration,
    /// How often running turns give a sign of life. Default 2 s.
    pub heartbeat: Duration,
    /// Between two looks at leases, at turns that run elsewhere and at old frames. Default 1 s.
    pub look_every: Duration,
    /// How long a turn's frames are kept after its end. Default 1 h.
    pub stream_retention: Duration,
    /// How long running turns may go on after the server was told to stop. Default 30 s.
    pub shutdown_grace: Duration,
    /// Between two keep-alive comments on a silent stream. Default 15 s.
    pub keep_alive: Duration,
    /// How patient each of a ticket's model calls is. Default 45 s, and two more tries after 1 s and 2 s
    /// (tickets.md 8.3).
    pub reply_patience: llm::Patience,
    /// Estimated tokens of history handed to a model. Default 24,000.
    pub history_tokens: usize,
    /// Limits of an ordinary turn. Default 96 model calls, 30 min.
    pub chat: RunLimits,
    /// Limits of a research turn. Default 300 model calls, 60 min.
    pub research: RunLimits,
}

/// How far one turn may go.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// Model calls.
    pub steps: i64,
    /// Time from the turn's beginning.
    pub time: Duration,
    /// Passages of knowledge handed to the model.
    pub passages: usize,
}

impl Config {
    /// The defaults, with this answerer.
    pub fn new(answerer: Answerer) -> Self {
        Self {
            answerer,
            exclusive: false,
            lease: Duration::from_secs(6),
            heartbeat: Duration::from_secs(2),
            look_every: Duration::from_secs(1),
            stream_retention: Duration::from_secs(3600),
            shutdown_grace: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            reply_patience: llm::Patience {
                limit: Duration::from_secs(45),
                pauses: vec![Duration::from_secs(1), Duration::from_secs(2)],
            },
            history_tokens: 24_000,
            chat: RunLimits {
                steps: 96,
                time: Duration::from_secs(1800),
                passages: 6,
            },
            research: RunLimits {
                steps: 300,
                time: Duration::from_secs(3600),
                passages: 20,
            },
        }
    }
}

/// Runs turns, and answers everything that is asked about conversations. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub env: Env,
    pub config: Config,
    pub bus: Bus,
    /// This run of the process, as owner of leases.
    pub node: NodeId,
    /// The turns that run here.
    running: Mutex<HashMap<TurnKey, TicketOut>>,
    /// The customers' messages that are being answered here.
    replying: Mutex<HashMap<JobKey, Replying>>,
    /// Told when a ticket may have changed: a customer's message may wait, or need no answer any more.
    replies_wanted: Notify,
    /// Who is told when a turn or a reply has changed a project's tickets.
    ticket_listener: OnceLock<TicketListener>,
    tickets: AtomicU64,
    /// Every task that must come to its end before the process may.
    pub tasks: TaskTracker,
    /// No new turns.
    pub draining: CancellationToken,
    /// Running turns and open streams stop where they are.
    pub stopping: CancellationToken,
}

/// A turn that runs in this process: its feed, and its stop. Dropping it makes the turn an orphan that the next
/// look picks up, so nothing that goes wrong in a task can leave a conversation locked.
pub(crate) struct Ticket {
    pub key: TurnKey,
    pub feed: Arc<Feed>,
    pub cancel: CancellationToken,
    id: u64,
    inner: Arc<Inner>,
}

/// Is told that a project's tickets have changed, after the commit.
pub type TicketListener = Arc<dyn Fn(ProjectId) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the engine knows of a ticket that is out.
struct TicketOut {
    id: u64,
    cancel: CancellationToken,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        {
            let mut running = self.inner.lock_running();
            // Not a later ticket for the same turn, which was lost and taken over again.
            if running.get(&self.key).is_some_and(|out| out.id == self.id) {
                running.remove(&self.key);
            }
        }
        // Unless its end was published, what comes of the turn now is found in the log.
        self.feed.mark_remote();
    }
}

impl Inner {
    /// Registers a turn as running here. Done before its transaction commits, so that no reader and no look at
    /// the leases can find it without its feed.
    pub(crate) fn adopt(self: &Arc<Self>, key: TurnKey) -> Ticket {
        let feed = self.hub().open(key.conversation_id, key.number);
        feed.mark_local();
        let cancel = CancellationToken::new();
        let id = self.tickets.fetch_add(1, Ordering::Relaxed);
        let out = TicketOut {
            id,
            cancel: cancel.clone(),
        };
        self.lock_running().insert(key, out);
        Ticket {
            key,
            feed,
            cancel,
            id,
            inner: Arc::clone(self),
        }
    }

    /// Stops the model call of a turn that was ended by somebody else.
    pub(crate) fn interrupt(&self, key: TurnKey) {
        if let Some(out) = self.lock_running().get(&key) {
            out.cancel.cancel();
        }
    }

    /// Whether a turn runs here.
    pub(crate) fn runs_here(&self, key: TurnKey) -> bool {
        self.lock_running().contains_key(&key)
    }

    /// The turns that run here.
    pub(crate) fn running_keys(&self) -> Vec<TurnKey> {
        self.lock_running().keys().copied().collect()
    }

    fn lock_running(&self) -> MutexGuard<'_, HashMap<TurnKey, TicketOut>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live turns.
    pub(crate) fn hub(&self) -> &Hub {
        self.bus.hub()
    }

    pub(crate) fn lock_replying(&self) -> MutexGuard<'_, HashMap<JobKey, Replying>> {
        self.replying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after a commit that changed a project's tickets.
    pub(crate) async fn ticket_changed(&self, project: ProjectId) {
        if let Some(listener) = self.ticket_listener.get() {
            listener(project).await;
        }
    }

    /// Has the next look at customers' messages at once.
    pub(crate) fn wake_replies(&self) {
        self.replies_wanted.notify_one();
    }

    /// Tells readers what was committed.
    pub(crate) fn publish(
        &self,
        key: TurnKey,
        new_frames: &[model::frames::Frame],
        end: Option<End>,
    ) {
        self.hub()
            .publish(key.conversation_id, key.number, new_frames, end);
    }
}

impl Engine {
    /// Starts the engine on an open store. Turns of dead processes are taken over from the first look on.
    pub fn start(store: Store, env: Env, bus: Bus, config: Config) -> Self {
        let node = NodeId(env.uuid());
        bus.hub().answer_as(node);
        let engine = Self(Arc::new(Inner {
            store,
            env,
            config,
            bus,
            node,
            running: Mutex::default(),
            replying: Mutex::default(),
            replies_wanted: Notify::new(),
            ticket_listener: OnceLock::new(),
            tickets: AtomicU64::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
        }));
        tokio::spawn(engine.clone().keep_leases());
        tokio::spawn(engine.clone().look_after_turns());
        tokio::spawn(engine.clone().follow_news_elsewhere());
        tokio::spawn(engine.clone().look_after_replies());
        engine
    }

    /// What this process and the others tell each other over.
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Has this listener told of every change that a turn or a reply makes to tickets. Only the first counts.
    pub fn on_ticket_change(&self, listener: TicketListener) {
        // A second listener would be a defect of the wiring, and does no harm.
        let _ = self.0.ticket_listener.set(listener);
    }

    /// To be called after a commit with a customer's message, which may wait for an answer.
    pub fn customer_wrote(&self) {
        self.0.wake_replies();
    }

    /// To be called after a commit that changed tickets otherwise: an answer that is being thought of may no longer be
    /// wanted.
    pub fn tickets_changed(&self) {
        if !self.0.lock_replying().is_empty() {
            self.0.wake_replies();
        }
    }

    /// Whether new turns are refused because the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Cancelled when open streams must end: each tells its reader to come back, and closes.
    pub fn stopping(&self) -> CancellationToken {
        self.0.stopping.clone()
    }

    /// How many turns run in this process.
    pub fn running_turns(&self) -> usize {
        self.0.lock_running().len()
    }

    /// Stops: refuses new turns, lets running ones go on for the grace, ends every stream with a hint to come
    /// back, hands the leases of what still runs back, and returns.
    pub async fn shut_down(&self) {
        let inner = &self.0;
        inner.draining.cancel();
        inner.tasks.close();
        if tokio::time::timeout(inner.config.shutdown_grace, inner.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                turns = self.running_turns(),
                "the grace is over; running turns are handed over"
            );
        }
        inner.stopping.cancel();
        if tokio::time::timeout(Duration::from_secs(5), inner.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some tasks did not stop in time");
        }
        let node = inner.node;
        let released = inner
            .store
            .write(move |c| {
                Box::pin(async move {
                    turns::release_leases(c, node).await?;
                    tickets::release_reply_jobs(c, node).await
                })
            })
            .await;
        if let Err(error) = released {
            tracing::warn!(%error, "leases could not be handed back; they run out by themselves");
        }
    }

    /// Runs a task to its end, whatever becomes of the request that began it.
    pub(crate) async fn detached<T, E>(
        &self,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        match self.0.tasks.spawn(task.in_current_span()).await {
            Ok(result) => result,
            Err(_) => Err(E::from(store::Error::Internal("a task panicked".into()))),
        }
    }

    async fn keep_leases(self) {
        let inner = &self.0;
        let mut ticks = tokio::time::interval(inner.config.heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = inner.stopping.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let has_replies = !inner.lock_replying().is_empty();
            if self.running_turns() == 0 && !has_replies {
                continue;
            }
            let (node, until) = (inner.node, inner.env.now().plus(inner.config.lease));
            let renewed = inner
                .store
                .write(move |c| {
                    Box::pin(async move {
                        turns::renew_leases(c, node, until).await?;
                        if has_replies {
                            tickets::renew_reply_jobs(c, node, until).await?;
                        }
                        Ok::<_, store::Error>(())
                    })
                })
                .await;
            if let Err(error) = renewed {
                tracing::warn!(%error, "leases could not be renewed");
            }
        }
    }

    async fn look_after_turns(self) {
        let inner = &self.0;
        let mut ticks = tokio::time::interval(inner.config.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = inner.stopping.cancelled() => return,
                _ = ticks.tick() => {}
                // Somebody else has cancelled a turn that runs here, perhaps.
                () = inner.hub().interference() => {
                    if let Err(error) = self.look_at_leases().await {
                        tracing::warn!(%error, "looking after turns failed; the next look tries again");
                    }
                    continue;
                }
            }
            let looks = [
                ("leases", self.look_at_leases().await),
                ("follow", self.follow_turns(inner.hub().sweep()).await),
                ("forget", self.forget_old_frames().await),
            ];
            for (what, result) in looks {
                if let Err(error) = result {
                    tracing::warn!(%error, what, "looking after turns failed; the next look tries again");
                }
            }
        }
    }

    /// Fetches news of turns that run in other processes as soon as those say that there is some.
    async fn follow_news_elsewhere(self) {
        let inner = &self.0;
        loop {
            let feeds = tokio::select! {
                () = inner.stopping.cancelled() => return,
                feeds = inner.hub().news_elsewhere() => feeds,
            };
            if let Err(error) = self.follow_turns(feeds).await {
                tracing::warn!(%error, "news of turns could not be fetched; the next look tries again");
            }
        }
    }

    /// Looks for customers' messages that wait for an answer: every now and then, and whenever somebody says so.
    async fn look_after_replies(self) {
        let inner = &self.0;
        let mut ticks = tokio::time::interval(inner.config.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = inner.stopping.cancelled() => return,
                _ = ticks.tick() => {}
                () = inner.replies_wanted.notified() => {}
            }
            if let Err(error) = self.look_at_reply_jobs().await {
                tracing::warn!(%error, "looking for tickets to answer failed; the next look tries again");
            }
        }
    }

    /// Fetches news of turns that run in other processes and are read in this one.
    async fn follow_turns(&self, feeds: Vec<(ConversationId, i64, Arc<Feed>)>) -> Result<()> {
        for (conversation, number, feed) in feeds {
            feed.ask_for_news();
            let seq = feed.last_seq();
            let (news, end) = self
                .0
                .store
                .read(move |c| {
                    Box::pin(async move {
                        let Some(project_id) =
                            store::conversations::find_project(c, conversation).await?
                        else {
                            return Ok((Vec::new(), None));
                        };
                        let key = TurnKey {
                            project_id,
                            conversation_id: conversation,
                            number,
                        };
                        let turn = turns::find(c, key).await?;
                        let news = frames::list_after(c, key, seq).await?;
                        let last_seq = news.last().map_or(seq, |frame| frame.seq);
                        let end = turn.and_then(|turn| crate::follow::end_of(&turn, last_seq));
                        Ok::<_, store::Error>((news, end))
                    })
                })
                .await?;
            if !news.is_empty() || end.is_some() {
                feed.fill(&news, end);
            }
        }
        Ok(())
    }

    /// Deletes the frames of turns that ended longer ago than the retention. Messages stay.
    async fn forget_old_frames(&self) -> Result<()> {
        let inner = &self.0;
        let retention =
            i64::try_from(inner.config.stream_retention.as_micros()).unwrap_or(i64::MAX);
        let before =
            model::Timestamp::from_micros(inner.env.now().as_micros().saturating_sub(retention));
        let old = inner
            .store
            .read(move |c| Box::pin(turns::list_ended_before(c, before, FORGOTTEN_PER_LOOK)))
            .await?;
        for key in old {
            inner
                .store
                .write(move |c| {
                    Box::pin(async move {
                        frames::delete(c, key).await?;
                        turns::forget_frames(c, key).await
                    })
                })
                .await?;
        }
        Ok(())
    }
}
