//! The embedded engine: SQLite, with threads of our own.

mod checkpoint;
mod conn;
mod error;
mod job;
mod reader;
mod searches;
mod set;
mod snapshot;
mod writer;

pub(crate) use conn::LiteConn;
pub(crate) use searches::{Found, Searches};
pub(crate) use set::NumberSet;
pub(crate) use snapshot::snapshot;

use crate::conn::Inner;
use crate::{Conn, Error, Result, StoreConfig, migrate};
use checkpoint::Checkpoint;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use futures::future::BoxFuture;
use job::{Job, Operation};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The embedded engine, running.
pub(crate) struct Lite {
    path: PathBuf,
    queues: Mutex<Option<Queues>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Queues {
    reads: Sender<Box<dyn Job>>,
    writes: Sender<Box<dyn Job>>,
}

impl Lite {
    /// Opens the file, brings its schema up to date, and starts the threads. Blocks.
    pub(crate) fn open(path: &Path, config: &StoreConfig) -> Result<Self> {
        if !config.migrate && !path.exists() {
            return Err(Error::TooOld {
                database: 0,
                program: migrate::latest(),
            });
        }
        let writer = LiteConn::open_writer(path, config.busy_timeout)?;
        migrate::lite(&writer, config.migrate)?;
        let (writes, write_queue) = bounded(config.writer_queue.max(1));
        let (reads, read_queue) = bounded(config.reader_queue.max(1));
        let searches = Arc::new(Searches::default());
        let mut threads = Vec::new();
        for number in 0..config.reader_threads.max(1) {
            let searches = Arc::clone(&searches);
            let conn = LiteConn::open_reader(path, config.busy_timeout, searches)?;
            let conn = Conn(Inner::Lite(conn));
            let queue: Receiver<Box<dyn Job>> = read_queue.clone();
            threads.push(spawn(format!("store-read-{number}"), move || {
                reader::run(&conn, &queue);
            })?);
        }
        let (checkpoint, copying) = Checkpoint::new(&writer, path, config.busy_timeout)?;
        threads.push(spawn("store-checkpoint".to_owned(), copying)?);
        let batch = config.writer_batch;
        let conn = Conn(Inner::Lite(writer));
        threads.push(spawn("store-write".to_owned(), move || {
            writer::run(&conn, &write_queue, batch, checkpoint);
        })?);
        Ok(Self {
            path: path.to_owned(),
            queues: Mutex::new(Some(Queues { reads, writes })),
            threads: Mutex::new(threads),
        })
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn read<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let mut operation = Some(operation);
        self.submit(|queues| &queues.reads, move || operation.take())
            .await
    }

    pub(crate) async fn write<F, T, E>(&self, operation: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Clone + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(|queues| &queues.writes, move || Some(operation.clone()))
            .await
    }

    async fn submit<N, F, T, E>(
        &self,
        queue: fn(&Queues) -> &Sender<Box<dyn Job>>,
        next: N,
    ) -> Result<T, E>
    where
        N: FnMut() -> Option<F> + Send + 'static,
        F: for<'c> FnOnce(&'c Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Operation::new(next, reply));
        let sent = {
            let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            match queues.as_ref() {
                Some(queues) => queue(queues).try_send(job).map_err(|error| match error {
                    TrySendError::Full(_) => Error::Busy,
                    TrySendError::Disconnected(_) => closed(),
                }),
                None => Err(closed()),
            }
        };
        sent?;
        answer.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Lets the threads finish what waits, and joins them. Blocks. Later operations are refused.
    pub(crate) fn close(&self) {
        drop(
            self.queues
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // An operation that holds the last clone of its store would wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl Drop for Lite {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|error| Error::Unavailable(format!("no thread could be started: {error}")))
}
