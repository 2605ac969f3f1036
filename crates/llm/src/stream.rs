//! The answer of a model while it arrives.

use crate::assembly::{Assembly, MAX_ANSWER};
use crate::attempt::Failure;
use crate::sse::Parser;
use crate::wire::Reader;
use crate::{ChatEvent, Error, Timeouts};
use bytes::Bytes;
use futures::Stream;
use reqwest::Response;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The longest event a server may send, in bytes.
const MAX_EVENT: usize = 1 << 20;

/// How long an answer that is complete waits for its usage, and for the end that should follow.
const FINISHED_GRACE: Duration = Duration::from_secs(5);

/// How long a stream that said it is over waits for the connection to agree, so that it can be used again.
const OVER_GRACE: Duration = Duration::from_millis(100);

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// An answer while it arrives. Dropping it cancels the HTTP request.
pub struct ChatStream {
    /// `None` once nothing more is read.
    body: Option<Body>,
    format: Format,
    reader: Reader,
    answer: Assembly,
    /// Why the stream broke off; returned after the events that came before.
    failure: Option<Failure>,
    timer: Pin<Box<Sleep>>,
    /// The timer runs for the present silence.
    timing: bool,
    idle: Duration,
    /// For the first event, and after it for the end.
    deadline: Instant,
}

/// How the body is written. Its first character tells; the `Content-Type` of near-compatible servers does not.
enum Format {
    Undecided,
    Events(Parser),
    /// One JSON document, from a server that ignores `stream: true`.
    Whole(Vec<u8>),
}

impl ChatStream {
    pub(crate) fn new(
        response: Response,
        reader: Reader,
        timeouts: &Timeouts,
        begin_by: Instant,
    ) -> Self {
        Self {
            body: Some(Box::pin(response.bytes_stream())),
            format: Format::Undecided,
            reader,
            answer: Assembly::default(),
            failure: None,
            timer: Box::pin(tokio::time::sleep_until(begin_by)),
            timing: false,
            idle: timeouts.idle,
            deadline: begin_by,
        }
    }

    /// The next event; after [`ChatEvent::Finished`] or an error, `None`. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::BadStream`] for a stream that breaks off, falls silent or makes no
    /// sense, and whatever the server reports inside it.
    pub async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`ChatStream::next`], for those who poll by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatEvent, Error>>> {
        if !ready!(self.poll_event(cx)) {
            let error = self.failure.take().map(|failure| Err(failure.error));
            return Poll::Ready(error);
        }
        Poll::Ready(self.answer.pop().map(Ok))
    }

    /// Waits until there is an event to take, so that a failure before it can still be retried. From then on the
    /// answer may go on until the deadline.
    pub(crate) async fn begin(mut self, deadline: Instant) -> Result<Self, Failure> {
        if std::future::poll_fn(|cx| self.poll_event(cx)).await {
            self.deadline = deadline;
            self.timing = false;
            return Ok(self);
        }
        let nothing = || Failure::transient(Error::unavailable("an empty answer"));
        Err(self.failure.take().unwrap_or_else(nothing))
    }

    /// Reads until there is an event to take (`true`), or nothing to read any more (`false`).
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            if self.answer.has_events() {
                return Poll::Ready(true);
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(false);
            };
            match body.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.take(&bytes),
                Poll::Ready(Some(Err(error))) => self.close(Failure::transport(error)),
                Poll::Ready(None) => self.end(),
                Poll::Pending => {
                    ready!(self.poll_silence(cx));
                    self.close(self.timeout());
                }
            }
        }
    }

    /// Ready when the server has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.timing {
            let patience = if self.answer.is_over() {
                OVER_GRACE
            } else if self.answer.is_complete() {
                FINISHED_GRACE
            } else {
                self.idle
            };
            let limit = Instant::now().checked_add(patience);
            let limit = limit.map_or(self.deadline, |limit| limit.min(self.deadline));
            self.timer.as_mut().reset(limit);
            self.timing = true;
        }
        self.timer.as_mut().poll(cx)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.timing = false;
        if matches!(self.format, Format::Undecided) {
            let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            self.format = match first {
                None => return,
                Some(b'{') => Format::Whole(Vec::new()),
                Some(_) => Format::Events(Parser::new(MAX_EVENT)),
            };
        }
        let taken = match &mut self.format {
            Format::Undecided => Ok(()),
            Format::Events(parser) => {
                parser.push(bytes);
                drain(parser, self.reader, &mut self.answer)
            }
            Format::Whole(body) if body.len() + bytes.len() > MAX_ANSWER => {
                let error = format!("an answer of more than {MAX_ANSWER} bytes");
                Err(Failure::lasting(Error::BadStream(error)))
            }
            Format::Whole(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
        };
        match taken {
            Err(failure) => self.close(failure),
            // A server that never pauses is not caught by the timer.
            Ok(()) if Instant::now() > self.deadline => self.close(self.timeout()),
            Ok(()) => {}
        }
    }

    /// The body is at its end.
    fn end(&mut self) {
        let taken = match &mut self.format {
            Format::Undecided => Ok(()),
            Format::Whole(body) => self
                .reader
                .whole(body, &mut self.answer)
                .map_err(Failure::from_stream),
            Format::Events(parser) => {
                parser.finish();
                drain(parser, self.reader, &mut self.answer)
            }
        };
        let middle = || Failure::transient(Error::unavailable("closed in the middle"));
        self.close(taken.err().unwrap_or_else(middle));
    }

    /// Reads no more. What comes after a complete answer does not matter, so the failure counts only before.
    fn close(&mut self, failure: Failure) {
        self.body = None;
        if self.answer.is_complete() {
            self.answer.finish();
        } else if self.answer.is_over() {
            self.failure = Some(Failure::transient(Error::unavailable("an empty answer")));
        } else {
            self.failure = Some(failure);
        }
    }

    fn timeout(&self) -> Failure {
        let detail = if Instant::now() >= self.deadline {
            "no complete answer within the time limit".to_owned()
        } else {
            format!("silent for {:?}", self.idle)
        };
        Failure::lasting(Error::timeout(detail))
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatStream")
            .field("open", &self.body.is_some())
            .finish_non_exhaustive()
    }
}

fn drain(parser: &mut Parser, reader: Reader, answer: &mut Assembly) -> Result<(), Failure> {
    while !answer.is_over() {
        let event = parser
            .next_event()
            .map_err(|error| Failure::lasting(Error::BadStream(error.to_string())))?;
        let Some(event) = event else { break };
        reader.event(&event, answer).map_err(Failure::from_stream)?;
    }
    Ok(())
}
