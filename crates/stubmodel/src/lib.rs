//! A model server for tests, demos and benchmarks: it speaks the OpenAI and the Anthropic wire format on a
//! loopback port and answers by script, in every way in which servers misbehave.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use stubmodel::{Gate, Script, StubModel};
//!
//! let model = StubModel::start().await;
//! let gate = Gate::new();
//! model.script([
//!     Script::text(["Hello wor", "ld"]).gated(&gate), // one piece for each permit
//!     Script::status(429).retry_after(1),
//! ]);
//! // … point a provider at model.openai_url() or model.anthropic_url(), start a turn …
//! gate.open(1);
//! // … see "Hello wor", and nothing else …
//! gate.open_all();
//! # }
//! ```
//!
//! Streaming requests take the next script of the queue; when it is empty they get [`DEFAULT_ANSWER`].
//! Requests that do not stream (conversation titles) have a queue of their own and get [`DEFAULT_TITLE`].
//!
//! This is a tool for tests: what should not happen panics.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test tool: a failed test is the right answer to what should not happen"
)]

mod received;
mod render;
mod script;
mod server;

pub use received::{Received, Wire};
pub use script::{Gate, Script, ToolStyle};

use server::{Shared, Stats};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What a streaming request gets when no script waits for it.
pub const DEFAULT_ANSWER: &str = "This is the stub model speaking.";

/// What a request that does not stream gets when no script waits for it.
pub const DEFAULT_TITLE: &str = "A talk with the stub";

/// How long the `wait_for_…` functions wait before they panic.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running server. It stops, and breaks all its connections, when this is dropped.
#[derive(Debug)]
pub struct StubModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl StubModel {
    /// Starts a server on a free port of the loopback interface, on the current runtime.
    pub async fn start() -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts a server on the given address, on the current runtime.
    pub async fn start_on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(server::serve(listener, shared.clone())).abort_handle();
        Self {
            address,
            shared,
            task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a client of the OpenAI format: `http://127.0.0.1:…/v1`.
    pub fn openai_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The base URL for a client of the Anthropic format: `http://127.0.0.1:…`.
    pub fn anthropic_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues answers for the next streaming requests, one each.
    pub fn script(&self, scripts: impl IntoIterator<Item = Script>) {
        self.shared.queues().streams.extend(scripts);
    }

    /// Queues answers for the next requests that do not stream, one each.
    pub fn script_titles(&self, scripts: impl IntoIterator<Item = Script>) {
        self.shared.queues().titles.extend(scripts);
    }

    /// How many queued answers, of both kinds, nobody has asked for yet.
    pub fn scripts_left(&self) -> usize {
        let queues = self.shared.queues();
        queues.streams.len() + queues.titles.len()
    }

    /// Answers what finds its queue empty with whatever this returns, instead of the fixed sentences.
    pub fn respond(&self, answer: impl Fn(&Received) -> Script + Send + Sync + 'static) {
        self.shared.queues().fallback = Some(Arc::new(answer));
    }

    /// All requests so far, oldest first, whatever became of them.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.requests().clone()
    }

    /// The streaming requests so far, oldest first.
    pub fn turns(&self) -> Vec<Received> {
        let mut requests = self.requests();
        requests.retain(|request| request.streaming);
        requests
    }

    /// Waits until there have been `count` requests, and returns all there are.
    pub async fn wait_for_requests(&self, count: usize) -> Vec<Received> {
        self.wait("requests", count, || self.requests().len()).await;
        self.requests()
    }

    /// Waits until there have been `count` streaming requests, and returns all there are.
    pub async fn wait_for_turns(&self, count: usize) -> Vec<Received> {
        self.wait("turns", count, || self.turns().len()).await;
        self.turns()
    }

    /// Answers that are under way at this moment.
    pub fn open(&self) -> usize {
        self.stats().open
    }

    /// The most answers that have been under way at one time.
    pub fn peak(&self) -> usize {
        self.stats().peak
    }

    /// Answers whose reader left before they were complete.
    pub fn disconnects(&self) -> usize {
        self.stats().disconnects
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.stats().connections
    }

    /// Waits until the readers of `count` answers have left.
    pub async fn wait_for_disconnects(&self, count: usize) {
        self.wait("disconnects", count, || self.disconnects()).await;
    }

    /// Waits until no answer is under way.
    pub async fn wait_until_idle(&self) {
        self.wait("idle servers", 1, || usize::from(self.open() == 0))
            .await;
    }

    fn stats(&self) -> Stats {
        *self.shared.changes.borrow()
    }

    async fn wait(&self, what: &str, wanted: usize, count: impl Fn() -> usize) {
        let mut changes = self.shared.changes.subscribe();
        within(what, || (count(), wanted), async {
            while count() < wanted {
                changes.changed().await.expect("the server runs");
            }
        })
        .await;
    }
}

impl Drop for StubModel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn within(what: &str, state: impl Fn() -> (usize, usize), condition: impl Future) {
    if tokio::time::timeout(PATIENCE, condition).await.is_err() {
        let (count, wanted) = state();
        panic!("the stub model has seen {count} {what}, not {wanted}, after {PATIENCE:?}");
    }
}
