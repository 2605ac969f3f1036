//! The one writer: group commit.
//!
//! Making a commit durable costs the same for one operation as for a hundred, so the writer takes what waits, runs it in
//! one transaction, commits, and only then answers all of it. What comes meanwhile is for the next group: taken in too,
//! it would let those wait who could ask anew, and fewer be served.
//!
//! An operation that fails takes back what it has changed, and none of the others. A savepoint for each would do that, and
//! cost all of them a tenth of their time, because each page is copied before it is changed. Operations look before they
//! write, so hardly one fails after its first change. So they have no savepoints until one does: then the group is
//! rolled back, those that came before are run once more, and each of the group has a savepoint of its own.

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
    let mut has_savepoints = false;
    let mut outcome = Ok(());
    let mut next = Some(first);
    while let Some(mut job) = next {
        let run = match has_savepoints {
            true => run_in_savepoint(conn, lite, job.as_mut()).map(|()| Left::Nothing),
            false => run_bare(conn, lite, job.as_mut()),
        };
        outcome = match run {
            Ok(Left::Nothing) => Ok(()),
            Ok(Left::Half) => {
                has_savepoints = true;
                run_again(conn, lite, &mut done)
            }
            Err(error) => Err(error),
        };
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

/// What an operation has left behind that must not stay.
enum Left {
    /// It succeeded, or failed before it had changed anything.
    Nothing,
    /// It failed half-way.
    Half,
}

/// Runs an operation that nothing but a rollback of the whole group could undo.
fn run_bare(conn: &Conn, lite: &LiteConn, job: &mut dyn Job) -> Result<Left> {
    let before = lite.total_changes();
    let keep = job.run(conn);
    after_run(lite)?;
    Ok(match keep || lite.total_changes() == before {
        true => Left::Nothing,
        false => Left::Half,
    })
}

/// Takes back what one operation has left half done, and with it what those before it have done: these are run once more.
fn run_again(conn: &Conn, lite: &LiteConn, done: &mut [Box<dyn Job>]) -> Result<()> {
    lite.control("ROLLBACK")?;
    lite.control("BEGIN IMMEDIATE")?;
    done.iter_mut()
        .try_for_each(|job| run_in_savepoint(conn, lite, job.as_mut()))
}

/// An error here is one of the transaction as a whole; the operation keeps its own.
fn run_in_savepoint(conn: &Conn, lite: &LiteConn, job: &mut dyn Job) -> Result<()> {
    lite.control("SAVEPOINT operation")?;
    let keep = job.run(conn);
    after_run(lite)?;
    if !keep {
        lite.control("ROLLBACK TO operation")?;
    }
    lite.control("RELEASE operation")
}

/// Makes the connection usable for the next operation.
fn after_run(lite: &LiteConn) -> Result<()> {
    lite.reset();
    match lite.in_transaction() {
        true => Ok(()),
        false => Err(Error::Unavailable(
            "the engine gave up the transaction".to_owned(),
        )),
    }
}
