//! The event log as a stream: what keeps an open inbox up to date.

use super::{ACCESS, EventView, check};
use crate::access::is_still_allowed;
use crate::conversations::stream;
use crate::{ApiError, App, Call, Caller};
use axum::http::StatusCode;
use axum::response::Response;
use bus::Signal;
use bytes::Bytes;
use model::ProjectId;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use store::events::{self, Event};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the log is looked at without a poke: another process may have written to it. Also how soon a stream
/// ends after its reader has lost access (spec "Settings": within a second).
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The most events of one piece of the stream, and so of what one reader holds in memory.
const BATCH: i64 = 100;
const KEEP_ALIVE: &[u8] = b": keepalive\n\n";
/// Sent when the stream ends from our side: come back after this many milliseconds.
const COME_BACK: &[u8] = b"retry: 1000\n\n";

/// Answers with the stream after a cursor; without one, of what happens from now on.
pub(super) async fn follow(call: Call, after: Option<i64>) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    // Before the log is read, so that nothing falls in between.
    let news = call.app.pokes.subscribe(project);
    let signals = call.app.signals.subscribe(project);
    let extent = call
        .app
        .store
        .read(move |c| Box::pin(events::extent(c, project)))
        .await
        .map_err(ApiError::from)?;
    let seq = check(after, extent)?.unwrap_or(extent.last);
    let reader = Reader {
        app: call.app,
        caller: call.caller,
        project,
        seq,
        news,
        signals,
        look_at: Instant::now(),
        quiet_since: Instant::now(),
    };
    // An event without data is not dispatched, but gives the client the cursor to come back with.
    let first = Bytes::from(format!("id: {seq}\n\n"));
    let rest = futures::stream::unfold(Some(reader), |reader| async move { reader?.next().await });
    let first = futures::stream::iter([first]);
    Ok(stream::events(
        StatusCode::OK,
        futures::StreamExt::chain(first, rest),
    ))
}

struct Reader {
    app: App,
    caller: Caller,
    project: ProjectId,
    /// Everything up to here has been sent.
    seq: i64,
    news: watch::Receiver<u64>,
    signals: broadcast::Receiver<Arc<Signal>>,
    /// When the log is looked at, unless somebody pokes before.
    look_at: Instant,
    quiet_since: Instant,
}

impl Reader {
    /// The next bytes, and the reader unless these were the last.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        let keep_alive = self.app.assistant.keep_alive();
        loop {
            if self.look_at <= Instant::now() {
                self.news.mark_unchanged();
                match self.look().await {
                    Ok(Some(bytes)) if bytes.is_empty() => {
                        self.look_at = Instant::now() + POLL_INTERVAL;
                    }
                    Ok(Some(bytes)) => {
                        // There may be more.
                        self.look_at = Instant::now();
                        return Some(self.say(bytes));
                    }
                    Ok(None) => return None,
                    Err(error) => {
                        tracing::warn!(%error, "a live inbox was cut because the log could not be read");
                        return Some((Bytes::from_static(COME_BACK), None));
                    }
                }
            }
            let silence = (self.quiet_since + keep_alive).min(self.look_at);
            tokio::select! {
                biased;
                () = self.app.shutdown.cancelled() => return Some((Bytes::from_static(COME_BACK), None)),
                changed = self.news.changed() => {
                    if changed.is_err() { return None }
                    self.look_at = Instant::now();
                }
                signal = self.signals.recv() => match signal {
                    Ok(signal) if signal.from != self.caller.user.id => {
                        return Some(self.say(render_signal(&signal)));
                    }
                    // One's own, or some that came too fast: the next one says how things are.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep_until(silence) => {}
            }
            if self.quiet_since.elapsed() >= keep_alive {
                return Some(self.say(Bytes::from_static(KEEP_ALIVE)));
            }
        }
    }

    fn say(mut self, bytes: Bytes) -> (Bytes, Option<Self>) {
        self.quiet_since = Instant::now();
        (bytes, Some(self))
    }

    /// What is new; nothing may be. `None`: the reader may no longer see it.
    async fn look(&mut self) -> Result<Option<Bytes>, store::Error> {
        let (caller, project, seq) = (self.caller.clone(), self.project, self.seq);
        let now = self.app.env.now();
        let found = self
            .app
            .store
            .read(move |c| {
                Box::pin(async move {
                    if !is_still_allowed(c, &caller, ACCESS, project, now).await? {
                        return Ok(None);
                    }
                    events::list_after(c, project, seq, BATCH, true)
                        .await
                        .map(Some)
                })
            })
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        self.seq = found.last().map_or(self.seq, |event| event.seq);
        render(found).map(Some)
    }
}

fn render(found: Vec<Event>) -> Result<Bytes, store::Error> {
    let mut text = String::new();
    for event in found {
        let view = EventView::try_from(event)?;
        // Plain members and JSON that was read just now always render, and on one line.
        let data = serde_json::to_string(&view).unwrap_or_default();
        let (name, id) = (&view.event, view.id);
        // Writing to a text cannot fail.
        let _ = write!(text, "event: {name}\ndata: {data}\nid: {id}\n\n");
    }
    Ok(text.into())
}

/// Without an id: it is in no log, so it moves nobody's cursor.
fn render_signal(signal: &Signal) -> Bytes {
    let Signal { event, data, .. } = signal;
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}
