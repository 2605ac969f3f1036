//! The one writer: group commit.
//!
//! Making a commit durable costs the same for one operation as for a hundred, so the writer takes what waits,
//! gives every operation a savepoint of its own in one transaction, commits, and only then answers all of them.

use super::checkpoint::Checkpoint;
use super::job::Job;
use crate::conn::Inner;
use crate::tickets::messages::INDEX_TEXTS;
use crate::{Conn, Error, Result};
use crossbeam_channel::Receiver;
use std::collections::VecDeque;

/// Serves the queue until its last sender is gone.
pub(super) fn run(
    conn: &Conn,
    queue: &Receiver<Box<dyn Job>>,
    batch: usize,
    mut checkpoint: Checkpoint,
) {
    while let Ok(first) = queue.recv() {
        let mut waiting = VecDeque::from([first]);
        waiting.extend(queue.try_iter().take(batch.saturating_sub(1)));
        while !waiting.is_empty() {
            commit_group(conn, &mut waiting);
        }
        checkpoint.after_commit(conn);
    }
    checkpoint.last(conn);
}

/// Runs operations off the queue in one transaction, commits it and answers them. An engine error that ends the
/// transaction ends the group early; the rest stays in the queue for the next one.
fn commit_group(conn: &Conn, waiting: &mut VecDeque<Box<dyn Job>>) {
    let Inner::Lite(lite) = &conn.0 else {
        return;
    };
    if let Err(error) = lite.control("BEGIN IMMEDIATE") {
        for job in waiting.drain(..) {
            job.answer(Err(error.clone()));
        }
        return;
    }
    let mut done = Vec::with_capacity(waiting.len());
    let mut outcome = Ok(());
    while let Some(mut job) = waiting.pop_front() {
        outcome = run_in_savepoint(conn, job.as_mut());
        done.push(job);
        if outcome.is_err() {
            break;
        }
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
fn run_in_savepoint(conn: &Conn, job: &mut dyn Job) -> Result<()> {
    let Inner::Lite(lite) = &conn.0 else {
        return Ok(());
    };
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
