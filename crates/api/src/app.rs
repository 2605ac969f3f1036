//! What every request handler shares.

use crate::accounts::Passwords;
use crate::address::Networks;
use crate::cache::Caches;
use crate::passes::Passes;
use blobs::Blobs;
use bus::{Bus, Cache, Limits, Pokes, Presence, Signals};
use model::rates::{Limit, THROTTLES, Throttle};
use model::traces::TraceParent;
use model::{Env, ProjectId};
use serde_json::Value;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::sealed::SecretKey;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Span;

/// How long the number of unread messages is kept (tickets.md 9).
const UNREAD_LIVES: Duration = Duration::from_secs(30);

/// How the HTTP side behaves.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Base of absolute links; `None` takes it from each request.
    pub public_url: Option<String>,
    /// Networks whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Networks,
    /// The longest request body, in bytes.
    pub body_limit: usize,
    /// Whether throttles count at all.
    pub rate_limits: bool,
    /// Rates instead of the defaults, by the throttle's name.
    pub rates: HashMap<&'static str, Limit>,
    /// Makes a request's span part of the trace of its caller.
    pub traces: JoinTrace,
    /// Which status codes are answered where published contract and observed original differ.
    pub status_codes: StatusCodes,
    /// Whether somebody sends the mails of the outbox.
    pub is_mail_configured: bool,
}

/// Makes a span part of the caller's trace (`traceparent` and `tracestate`), and says which trace the span is part of.
/// Without an export of traces it is the caller's, if that names one.
#[derive(Clone, Copy, Debug)]
pub struct JoinTrace(pub fn(&Span, Option<TraceParent<'_>>, Option<&str>) -> Option<String>);

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxies: Networks::default(),
            body_limit: 20 * 1024 * 1024,
            rate_limits: true,
            rates: HashMap::new(),
            traces: JoinTrace(|_, parent, _| parent.map(|it| it.trace_id().to_owned())),
            status_codes: StatusCodes::Published,
            is_mail_configured: false,
        }
    }
}

impl ApiConfig {
    /// The server's own rate for a throttle.
    pub(crate) fn limit(&self, throttle: &Throttle) -> Limit {
        debug_assert!(THROTTLES.iter().any(|known| known.name == throttle.name));
        let limit = self.rates.get(throttle.name);
        limit.copied().unwrap_or(throttle.default)
    }
}

/// The published contract's status codes, or those the original was seen to answer (spec/README.md, "Decisions").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StatusCodes {
    /// As published; generated clients accept nothing else.
    #[default]
    Published,
    /// As observed.
    Observed,
}

/// The state of the HTTP side. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What [`App`] gives access to.
pub struct Shared {
    /// Storage.
    pub store: Store,
    /// Runs the turns.
    pub assistant: assistant::Engine,
    /// Seals the secrets that are stored, and signs links to files.
    pub secret_key: SecretKey,
    /// The bytes of uploaded files.
    pub blobs: Blobs,
    /// Time and randomness.
    pub env: Env,
    /// What the processes of a cluster tell each other over.
    pub bus: Bus,
    /// Counters of the throttles.
    pub limits: Limits,
    /// Told after every commit that logged an event; wakes the readers of the live inbox.
    pub pokes: Pokes,
    /// Tells the readers of the live inbox what is of the moment only.
    pub(crate) signals: Signals,
    /// The team's unread messages in each project, as they were at most 30 s ago (tickets.md 9).
    pub(crate) unread: Cache<ProjectId, i64>,
    /// Who looks at which ticket.
    pub(crate) presence: Presence<Value>,
    /// How the HTTP side behaves.
    pub config: ApiConfig,
    /// Cancelled when the server begins to shut down: open streams end, new work is refused.
    pub shutdown: CancellationToken,
    pub(crate) caches: Caches,
    pub(crate) passes: Passes,
    /// Who takes a file in at the moment.
    pub(crate) uploads: Semaphore,
    pub(crate) passwords: Passwords,
}

impl App {
    /// The state for one server, on the bus of its assistant.
    pub fn new(
        store: Store,
        assistant: assistant::Engine,
        secret_key: SecretKey,
        blobs: Blobs,
        env: Env,
        config: ApiConfig,
    ) -> Self {
        let bus = assistant.bus().clone();
        let app = Self(Arc::new(Shared {
            store,
            assistant: assistant.clone(),
            secret_key,
            blobs,
            uploads: Semaphore::new(crate::media::UPLOADS),
            limits: Limits::new(&bus, env.clone()),
            unread: Cache::new(
                &bus,
                env.clone(),
                "conversations:unread_count",
                UNREAD_LIVES,
            ),
            presence: Presence::new(&bus, env.clone()),
            env,
            pokes: bus.pokes().clone(),
            signals: bus.signals().clone(),
            bus,
            config,
            shutdown: CancellationToken::new(),
            caches: Caches::default(),
            passes: Passes::default(),
            passwords: Passwords::default(),
        }));
        // What the assistant does to tickets is told like what requests do. The engine must not keep the app alive.
        let weak = Arc::downgrade(&app.0);
        assistant.on_ticket_change(Arc::new(move |project| {
            let app = weak.upgrade().map(Self);
            Box::pin(async move {
                if let Some(app) = app {
                    app.unread_changed(project).await;
                    app.pokes.poke(project);
                }
            })
        }));
        app
    }

    /// To be called after every commit that changed a project's tickets: wakes the live inbox.
    pub(crate) fn tickets_changed(&self, project: ProjectId) {
        self.pokes.poke(project);
        self.assistant.tickets_changed();
    }

    /// [`Self::tickets_changed`] after a customer's message, which the assistant may have to answer.
    pub(crate) fn customer_wrote(&self, project: ProjectId) {
        self.pokes.poke(project);
        self.assistant.customer_wrote();
    }

    /// To be called after a commit that changed what the team has not read: the next count is a fresh one.
    pub(crate) async fn unread_changed(&self, project: ProjectId) {
        self.unread.forget(project).await;
    }

    /// Forgets what is kept of projects by their tokens.
    pub(crate) fn forget_tokens(&self) {
        self.caches.widgets.forget(|_| true);
        self.caches.outsiders.forget(|_| true);
        self.caches.configs.forget(|_| true);
    }

    /// Forgets what is kept of keys, sessions and projects for a moment: for whoever changes them in the store, beside the
    /// HTTP side, and will not wait.
    pub fn forget_cached(&self) {
        self.caches.keys.forget(|_| true);
        self.caches.sessions.forget(|_| true);
        self.caches.projects.forget(|_| true);
        self.forget_tokens();
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
