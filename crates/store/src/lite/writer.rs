//! The one writer: group commit.
//!
//! Making a commit durable costs the same for one operation as for a hundred, so the writer takes what waits, gives
//! every operation a savepoint of its own in one transaction, commits, and only then answers all of them. What comes
//! meanwhile is for the next group: taken in too, it would let those wait who could ask anew, and fewer be served.

use super::checkpoint::Checkpoint;
use super::job::Job;
use crate::conn::Inner;
use crate::lite::LiteConn;
use crate::tickets::messages::INDEX_TEXTS;
use crate::{Conn, Error, Result};
use crossbeam_channel::Receiver;

/// Serves the queue until its last sender is gone.
pub(super) fn run(
    conn: &Conn,
    queue: &Receiver<Box<dyn Job>>,
    batch: usize,
    mut checkpoint: Checkpoint,
) {
    let Inner::Lite(lite) = &conn.0 else {
        return;
    };
    while let Ok(first) = queue.recv() {
        match lite.control("BEGIN IMMEDIATE") {
            Ok(()) => commit_group(conn, lite, first, queue, batch),
            Err(error) => first.answer(Err(error)),
        }
        checkpoint.after_commit(conn);
    }
    checkpoint.last(conn);
}

/// Runs in the open transaction the first operation and those that wait with it, as many as are enough, commits it and
/// answers them. An engine error that ends the transaction ends the group early; the rest stays in the queue.
fn commit_group(
    conn: &Conn,
    lite: &LiteConn,
    first: Box<dyn Job>,
    queue: &Receiver<Box<dyn Job>>,
    batch: usize,
) {
    let size = batch.min(1 + queue.len());
    let mut done = Vec::with_capacity(size);
    let mut outcome = Ok(());
    let mut next = Some(first);
    while let Some(mut job) = next {
        outcome = run_in_savepoint(conn, lite, job.as_mut());
        done.push(job);
        let is_over = outcome.is_err() || done.len() >= size;
        next = if is_over { None } else { queue.try_recv().ok() };
    }
    let outcome = outcome
        .and_then(|()| lite.control(INDEX_TEXTS))
        .and_then(|()| lite.control("COMMIT"));
    if outcome.is_err() && lite.in_transaction() {
        drop(lite.control("ROLLBACK"));
    }
    if let Err(error) = &outcome {
        tracing::error!(%error, operations = done.len(), "a group of writes was not committed");
    }
    for job in done {
        job.answer(outcome.clone());
    }
}

/// An error here is one of the transaction as a whole; the operation keeps its own.
fn run_in_savepoint(conn: &Conn, lite: &LiteConn, job: &mut dyn Job) -> Result<()> {
    lite.control("SAVEPOINT operation")?;
    let keep = job.run(conn);
    lite.reset();
    if !lite.in_transaction() {
        return Err(Error::Unavailable(
            "the engine gave up the transaction".to_owned(),
        ));
    }
    if !keep {
        lite.control("ROLLBACK TO operation")?;
    }
    lite.control("RELEASE operation")
}
