//! Accepts connections and plays scripts on them.

use crate::render::{self, Step};
use crate::script::{End, Refusal};
use crate::{DEFAULT_ANSWER, DEFAULT_TITLE, Received, Script, Wire};
use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = Response<Body>;
type Fallback = Arc<dyn Fn(&Received) -> Script + Send + Sync>;

/// What the server and its handle share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    queues: Mutex<Queues>,
    requests: Mutex<Vec<Received>>,
    /// Changes with every request, and when an answer begins or ends.
    pub(crate) changes: watch::Sender<Stats>,
}

#[derive(Default)]
pub(crate) struct Queues {
    pub(crate) streams: VecDeque<Script>,
    pub(crate) titles: VecDeque<Script>,
    pub(crate) fallback: Option<Fallback>,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("streams", &self.streams.len())
            .field("titles", &self.titles.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    pub(crate) open: usize,
    pub(crate) peak: usize,
    pub(crate) disconnects: usize,
    pub(crate) connections: usize,
}

impl Shared {
    pub(crate) fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Received>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the request and finds its answer.
    fn answer(&self, request: &Received) -> Script {
        let (script, fallback) = {
            let mut queues = self.queues();
            let queue = if request.streaming {
                &mut queues.streams
            } else {
                &mut queues.titles
            };
            (queue.pop_front(), queues.fallback.clone())
        };
        // The request is counted only now, so that who waits for it finds its script gone.
        self.requests().push(request.clone());
        self.changes.send_modify(|_| {});
        script.unwrap_or_else(|| match fallback {
            Some(fallback) => fallback(request),
            None if request.streaming => Script::text(DEFAULT_ANSWER.split_inclusive(' ')),
            None => Script::text([DEFAULT_TITLE]),
        })
    }
}

/// An answer under way. Dropped before it is complete, its reader has left.
struct Reading {
    shared: Arc<Shared>,
    complete: bool,
}

impl Reading {
    fn new(shared: Arc<Shared>) -> Self {
        shared.changes.send_modify(|stats| {
            stats.open += 1;
            stats.peak = stats.peak.max(stats.open);
        });
        Self {
            shared,
            complete: false,
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.shared.changes.send_modify(|stats| {
            stats.open -= 1;
            stats.disconnects += usize::from(!self.complete);
        });
    }
}

/// Serves until the task is aborted.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Aborting the task drops the set, which aborts all connections.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        shared.changes.send_modify(|stats| stats.connections += 1);
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| handle(request, shared.clone()));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // An error is a connection that broke, by the client's will or the script's.
            let _ = connection.await;
        });
    }
}

async fn handle(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Answer> {
    let path = request.uri().path().to_owned();
    let wire = if path.ends_with("/chat/completions") {
        Wire::OpenAi
    } else if path.ends_with("/messages") {
        Wire::Anthropic
    } else {
        return Ok(document(
            404,
            &render::error(Wire::OpenAi, "not_found_error"),
        ));
    };
    let headers = request.headers().clone();
    let body = request.into_body().collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return Ok(document(400, &render::error(wire, "invalid_request_error")));
    };
    let request = Received {
        wire,
        path,
        streaming: body["stream"] == true,
        headers,
        body,
    };
    let script = shared.answer(&request);
    let mut reading = Reading::new(shared);
    match script.headless {
        None => {}
        Some(End::Hang) => std::future::pending().await,
        Some(_) => {
            reading.complete = true;
            return Err(broken());
        }
    }
    if let Some(refusal) = &script.refusal {
        reading.complete = true;
        return Ok(refuse(refusal, wire));
    }
    if request.streaming && !script.ignore_stream {
        let steps = render::stream(&script, &request);
        return Ok(event_stream(play(steps, reading)));
    }
    let (waits, whole) = render::whole(&script, wire);
    for step in waits {
        if let Step::Pass(gate) = step {
            gate.pass().await;
        }
    }
    reading.complete = true;
    Ok(document(200, &whole))
}

fn broken() -> io::Error {
    io::Error::other("the script breaks the connection")
}

fn refuse(refusal: &Refusal, wire: Wire) -> Answer {
    let kind = match refusal.status {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let mut answer = match &refusal.body {
        Some(body) => full(refusal.status, body.clone()),
        None => document(refusal.status, &render::error(wire, kind)),
    };
    for (name, value) in &refusal.headers {
        let value = value.parse().expect("a header's value");
        answer.headers_mut().insert(*name, value);
    }
    answer
}

fn document(status: u16, document: &Value) -> Answer {
    full(status, document.to_string())
}

fn full(status: u16, body: String) -> Answer {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.boxed_unsync())
        .expect("a response")
}

fn event_stream(body: Body) -> Answer {
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .header("cache-control", "no-cache")
        .body(body)
        .expect("a response")
}

struct Player {
    steps: VecDeque<Step>,
    reading: Reading,
}

impl Player {
    async fn next(mut self) -> Option<(io::Result<Frame<Bytes>>, Self)> {
        loop {
            match self.steps.pop_front() {
                None => {
                    self.reading.complete = true;
                    return None;
                }
                Some(Step::Send(bytes)) => return Some((Ok(Frame::data(bytes)), self)),
                Some(Step::Repeat(_, 0)) => {}
                Some(Step::Repeat(bytes, times)) => {
                    let rest = Step::Repeat(bytes.clone(), times - 1);
                    self.steps.push_front(rest);
                    return Some((Ok(Frame::data(bytes)), self));
                }
                Some(Step::Pass(gate)) => gate.pass().await,
                Some(Step::Sleep(pause)) => tokio::time::sleep(pause).await,
                Some(Step::Abort) => {
                    self.reading.complete = true;
                    // What was sent before must reach the client, or it could not see the middle of anything.
                    tokio::task::yield_now().await;
                    return Some((Err(broken()), self));
                }
                Some(Step::Hang) => std::future::pending().await,
            }
        }
    }
}

fn play(steps: Vec<Step>, reading: Reading) -> Body {
    let player = Player {
        steps: steps.into(),
        reading,
    };
    StreamBody::new(stream::unfold(player, Player::next)).boxed_unsync()
}
