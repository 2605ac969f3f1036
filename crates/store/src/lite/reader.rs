//! The reader threads.

use super::job::Job;
use crate::conn::Inner;
use crate::{Conn, Result};
use crossbeam_channel::Receiver;

/// Serves the queue, which all readers share, until its last sender is gone.
pub(super) fn run(conn: &Conn, queue: &Receiver<Box<dyn Job>>) {
    while let Ok(mut job) = queue.recv() {
        let outcome = run_in_snapshot(conn, job.as_mut());
        job.answer(outcome);
    }
}

/// A transaction, so that all statements of an operation see the same state.
fn run_in_snapshot(conn: &Conn, job: &mut dyn Job) -> Result<()> {
    let Inner::Lite(lite) = &conn.0 else {
        return Ok(());
    };
    lite.control("BEGIN DEFERRED")?;
    job.run(conn);
    lite.reset();
    if lite.in_transaction() {
        lite.control("ROLLBACK")?;
    }
    Ok(())
}
