//! An operation on its way to a thread and back.

use crate::{Conn, Error, Result};
use futures::future::BoxFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// An operation whose result type is known to itself only.
pub(super) trait Job: Send {
    /// Runs the operation and keeps its result. Whether its changes are to be kept.
    fn run(&mut self, conn: &Conn) -> bool;

    /// Sends the result, or the error that made it void. A caller who no longer waits is no error.
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// A [`Job`] around an operation `F` that gives a `Result<T, E>`; `N` hands it out for each run.
pub(super) struct Operation<N, T, E> {
    next: N,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<N, T, E> Operation<N, T, E> {
    pub(super) fn new(next: N, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self {
            next,
            result: None,
            reply,
        }
    }
}

impl<N, F, T, E> Job for Operation<N, T, E>
where
    N: FnMut() -> Option<F> + Send,
    F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, conn: &Conn) -> bool {
        let Some(operation) = (self.next)() else {
            return false;
        };
        // Of an earlier run, which was rolled back. It goes first, as it may hold what this run is about to take.
        self.result = None;
        let result = catch_unwind(AssertUnwindSafe(|| poll_once(operation(conn))))
            .unwrap_or_else(|panic| Err(Error::panicked(&*panic).into()));
        let result = match result {
            // PostgreSQL would answer its COMMIT with a silent rollback.
            Ok(_) if conn.has_failed() => Err(Error::ignored_failure().into()),
            other => other,
        };
        self.result.insert(result).is_ok()
    }

    fn answer(mut self: Box<Self>, committed: Result<()>) {
        let result = match (committed, self.result.take()) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Error::Internal("the operation never ran".to_owned()).into()),
            (Err(error), _) => Err(error.into()),
        };
        drop(self.reply.send(result));
    }
}

/// On SQLite every statement is done when its call returns. An operation that has to wait waits for something
/// else, a network call for example, and would hold the only writer meanwhile.
fn poll_once<T, E: From<Error>>(mut future: BoxFuture<'_, Result<T, E>>) -> Result<T, E> {
    match pin!(future.as_mut()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::Internal(
            "an operation waited for something other than its connection".to_owned(),
        )
        .into()),
    }
}
