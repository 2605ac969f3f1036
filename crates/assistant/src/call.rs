//! One model call: what the model says becomes frames, each in the log before any reader gets it.

use crate::answerer::Answer;
use crate::commit::{Fence, append_piece, patiently};
use crate::engine::{Inner, Ticket};
use crate::prompt::Prompt;
use llm::{ChatEvent, Completion};
use model::frames::{PARTIAL_ID, Pacer, Piece};
use model::messages::{Source, ToolCall};
use serde_json::json;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Text that arrives within this time becomes one frame.
const COALESCE: Duration = Duration::from_millis(30);
/// A piece is written early when it grows beyond this many bytes.
const PIECE_MAX: usize = 64 * 1024;
/// An answer is cut here, in bytes: no real one comes near it.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// What the model said, whether or not it came to its end.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub text: String,
    pub thinking: String,
}

/// How a call ended.
pub(crate) enum Called {
    /// With an answer.
    Finished {
        said: Said,
        completion: Completion,
        sources: Vec<Source>,
    },
    /// With a failure, perhaps in the middle of an answer.
    Failed { said: Said, error: llm::Error },
    /// It was stopped from outside, or the turn is no longer ours: nothing more may be written.
    Stopped,
}

/// Makes a call. `on_first_text` is told once, when the first text is in the log.
pub(crate) async fn call(
    inner: &Inner,
    ticket: &Ticket,
    fence: Fence,
    prompt: Prompt,
    deadline: Instant,
    mut on_first_text: impl FnMut(),
) -> Result<Called, store::Error> {
    let mut writer = Writer {
        inner,
        ticket,
        fence,
        pacer: Pacer::default(),
        pending: Piece::default(),
        last: None,
    };
    let mut said = Said::default();
    let begun = tokio::select! {
        biased;
        () = stopped(inner, ticket) => return Ok(Called::Stopped),
        () = tokio::time::sleep_until(deadline) => Err(out_of_time()),
        begun = inner.config.answerer.begin(prompt) => begun,
    };
    let mut answer: Answer = match begun {
        Ok(answer) => answer,
        Err(error) => return Ok(Called::Failed { said, error }),
    };
    let error = loop {
        let event = tokio::select! {
            biased;
            () = stopped(inner, ticket) => {
                // What was said so far is worth keeping for whoever closes the turn.
                writer.flush().await?;
                return Ok(Called::Stopped);
            }
            () = writer.due() => {
                if !writer.flush().await? {
                    return Ok(Called::Stopped);
                }
                continue;
            }
            () = tokio::time::sleep_until(deadline) => break out_of_time(),
            event = answer.next() => event,
        };
        let first = said.text.is_empty();
        match event {
            Some(Ok(ChatEvent::Text(text))) => {
                said.text.push_str(&text);
                writer.pending.content.push_str(&text);
            }
            Some(Ok(ChatEvent::Thinking(text))) => {
                said.thinking.push_str(&text);
                writer.pending.thinking.push_str(&text);
            }
            Some(Ok(ChatEvent::ToolCallStarted { id, name, .. })) => {
                writer
                    .pending
                    .tool_calls
                    .push(ToolCall::new(id, name, json!({})));
            }
            Some(Ok(ChatEvent::Finished(completion))) => {
                let sources = answer.sources(&said.text);
                return Ok(Called::Finished {
                    said,
                    completion,
                    sources,
                });
            }
            Some(Err(error)) => break error,
            None => break llm::Error::BadStream("the answer ended without an end".into()),
        }
        let begins = first && !said.text.is_empty();
        if (begins || writer.is_full()) && !writer.flush().await? {
            return Ok(Called::Stopped);
        }
        if begins {
            on_first_text();
        }
        if said.text.len() + said.thinking.len() > ANSWER_MAX {
            break llm::Error::BadStream("the answer is longer than any answer may be".into());
        }
    };
    Ok(Called::Failed { said, error })
}

async fn stopped(inner: &Inner, ticket: &Ticket) {
    tokio::select! {
        () = ticket.cancel.cancelled() => {}
        () = inner.stopping.cancelled() => {}
    }
}

fn out_of_time() -> llm::Error {
    llm::Error::timeout("the turn's time is over")
}

/// Gathers text and writes it as pieces.
struct Writer<'a> {
    inner: &'a Inner,
    ticket: &'a Ticket,
    fence: Fence,
    pacer: Pacer,
    pending: Piece,
    /// When the last piece was written; none before the first, which is never held back.
    last: Option<Instant>,
}

impl Writer<'_> {
    /// Completes when what has gathered should be written; never while nothing has.
    async fn due(&self) {
        match (self.pending.is_empty(), self.last) {
            (true, _) => pending().await,
            (false, None) => {}
            (false, Some(last)) => tokio::time::sleep_until(last + COALESCE).await,
        }
    }

    fn is_full(&self) -> bool {
        self.pending.content.len() + self.pending.thinking.len() >= PIECE_MAX
    }

    /// Writes what has gathered and tells readers. `false`: the turn is no longer ours.
    async fn flush(&mut self) -> Result<bool, store::Error> {
        if self.pending.is_empty() {
            return Ok(true);
        }
        let piece = Piece {
            id: PARTIAL_ID.into(),
            ..std::mem::take(&mut self.pending)
        };
        let kind = self.pacer.kind(self.inner.env.now(), &piece);
        let fence = self.fence;
        let piece = Arc::new(piece);
        let frame = patiently(|| {
            let (store, piece) = (self.inner.store.clone(), Arc::clone(&piece));
            async move {
                let write = store.write(move |c| {
                    Box::pin(async move { append_piece(c, fence, kind, &piece).await })
                });
                write.await
            }
        })
        .await?;
        self.last = Some(Instant::now());
        let Some(frame) = frame else { return Ok(false) };
        self.ticket.feed.publish(std::slice::from_ref(&frame), None);
        Ok(true)
    }
}
