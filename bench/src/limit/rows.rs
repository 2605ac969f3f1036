//! The limit server's database: rusqlite on threads of its own, as `store` has it, without the layer and with one statement for
//! each operation.

use super::tickets::Tickets;
use anyhow::Context as _;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, params};
use std::path::Path;
use tokio::sync::oneshot;

const READERS: usize = 4;
const QUEUE: usize = 4096;
/// Rows committed together at most, as in `store`.
const BATCH: usize = 256;
/// Conversations that the inserted messages belong to, in turns.
const CONVERSATIONS: i64 = 64;

/// Rows of thicket's answers, ready to be sent.
pub(crate) struct Shaped {
    /// What stands before the rows of a list, and after them.
    pub(crate) list_frame: (String, String),
    /// The rows of the list: JSON objects.
    pub(crate) list: Vec<String>,
    /// What stands before the messages of a conversation, and after them.
    pub(crate) detail_frame: (String, String),
    /// The messages: JSON objects.
    pub(crate) messages: Vec<String>,
}

/// Makes the limit server's database: `lists` rows in the list, and so many conversations.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn create(path: &Path, shaped: &Shaped, lists: i64) -> anyhow::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE frame (kind TEXT PRIMARY KEY, head TEXT, tail TEXT);
         CREATE TABLE counter (owner INTEGER PRIMARY KEY, conversations INTEGER);
         CREATE TABLE conversation (id INTEGER PRIMARY KEY, owner INTEGER, updated_at INTEGER, json TEXT);
         CREATE INDEX conversation_list ON conversation (owner, updated_at DESC, id DESC);
         CREATE TABLE message (
           conversation INTEGER, position INTEGER, json TEXT, PRIMARY KEY (conversation, position)
         ) WITHOUT ROWID;
         CREATE TABLE added (id INTEGER PRIMARY KEY, conversation INTEGER, json TEXT);
         CREATE INDEX added_list ON added (conversation, id);",
    )?;
    let transaction = connection.transaction()?;
    let (head, tail) = &shaped.list_frame;
    transaction.execute(
        "INSERT INTO frame VALUES ('list', ?1, ?2)",
        params![head, tail],
    )?;
    let (head, tail) = &shaped.detail_frame;
    transaction.execute(
        "INSERT INTO frame VALUES ('detail', ?1, ?2)",
        params![head, tail],
    )?;
    transaction.execute("INSERT INTO counter VALUES (1, ?1)", params![lists])?;
    for (id, json) in (0..lists).zip(shaped.list.iter().cycle()) {
        let insert = "INSERT INTO conversation VALUES (?1, 1, ?1, ?2)";
        transaction.execute(insert, params![id, json])?;
        for (position, message) in (0_i64..).zip(&shaped.messages) {
            let insert = "INSERT INTO message VALUES (?1, ?2, ?3)";
            transaction.execute(insert, params![id, position, message])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

type Read = (Question, oneshot::Sender<Vec<u8>>);
type Write = (Bytes, oneshot::Sender<()>);

enum Question {
    List,
    Detail(i64),
    Tickets(i64),
}

/// The open database. Answers are `None` only when a thread is gone.
#[derive(Clone)]
pub(super) struct Rows {
    reads: Sender<Read>,
    writes: Sender<Write>,
}

impl Rows {
    pub(super) fn open(path: &Path, tickets: Option<&Path>) -> anyhow::Result<Self> {
        let (reads, read_queue) = bounded(QUEUE);
        let (writes, write_queue) = bounded(QUEUE);
        for _ in 0..READERS {
            let reader = Reader::open(path, tickets)?;
            let queue = read_queue.clone();
            std::thread::spawn(move || reader.run(&queue));
        }
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        std::thread::spawn(move || write(connection, &write_queue));
        Ok(Self { reads, writes })
    }

    pub(super) async fn list(&self) -> Option<Vec<u8>> {
        self.read(Question::List).await
    }

    pub(super) async fn detail(&self, id: i64) -> Option<Vec<u8>> {
        self.read(Question::Detail(id)).await
    }

    pub(super) async fn list_tickets(&self, project: i64) -> Option<Vec<u8>> {
        self.read(Question::Tickets(project)).await
    }

    async fn read(&self, question: Question) -> Option<Vec<u8>> {
        let (reply, answer) = oneshot::channel();
        self.reads.try_send((question, reply)).ok()?;
        answer.await.ok()
    }

    /// Adds a message, and returns when it is durable.
    pub(super) async fn append(&self, body: Bytes) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        self.writes.try_send((body, reply)).ok()?;
        answer.await.ok()
    }
}

struct Reader {
    connection: Connection,
    list: (String, String),
    detail: (String, String),
    tickets: Option<Tickets>,
}

impl Reader {
    fn open(path: &Path, tickets: Option<&Path>) -> anyhow::Result<Self> {
        let connection = Connection::open(path).context("the limit server's database")?;
        let frame = |kind: &str| {
            let select = "SELECT head, tail FROM frame WHERE kind = ?1";
            connection.query_row(select, [kind], |row| Ok((row.get(0)?, row.get(1)?)))
        };
        let (list, detail) = (frame("list")?, frame("detail")?);
        Ok(Self {
            connection,
            list,
            detail,
            tickets: tickets.map(Tickets::open).transpose()?,
        })
    }

    fn run(&self, queue: &Receiver<Read>) {
        for (question, reply) in queue {
            let answer = match question {
                Question::List => self.list().map_err(Into::into),
                Question::Detail(id) => self.detail(id).map_err(Into::into),
                Question::Tickets(project) => self.list_tickets(project),
            };
            if let Ok(answer) = answer {
                drop(reply.send(answer));
            }
        }
    }

    fn list_tickets(&self, project: i64) -> anyhow::Result<Vec<u8>> {
        let tickets = self.tickets.as_ref().context("no database of tickets")?;
        tickets.list(project)
    }

    fn list(&self) -> rusqlite::Result<Vec<u8>> {
        let count = "SELECT conversations FROM counter WHERE owner = ?1";
        let mut count = self.connection.prepare_cached(count)?;
        let count: i64 = count.query_row([1], |row| row.get(0))?;
        let body = format!("{{\"count\":{count},{}", self.list.0);
        let select = "SELECT json FROM conversation WHERE owner = ?1 ORDER BY updated_at DESC, id DESC LIMIT 50";
        self.join(select, 1, body, &self.list.1)
    }

    fn detail(&self, id: i64) -> rusqlite::Result<Vec<u8>> {
        let select = "SELECT json FROM message WHERE conversation = ?1 ORDER BY position";
        self.join(select, id, self.detail.0.clone(), &self.detail.1)
    }

    fn join(&self, sql: &str, id: i64, mut body: String, tail: &str) -> rusqlite::Result<Vec<u8>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        let mut first = true;
        while let Some(row) = rows.next()? {
            if !std::mem::take(&mut first) {
                body.push(',');
            }
            body.push_str(row.get_ref(0)?.as_str().unwrap_or_default());
        }
        body.push_str(tail);
        Ok(body.into_bytes())
    }
}

/// Commits together what waits, and then answers; as thicket's writer does. What is inserted is a message that is found by
/// its conversation: one row with one index.
fn write(mut connection: Connection, queue: &Receiver<Write>) {
    let mut id = 0;
    while let Ok(first) = queue.recv() {
        if let Ok(group) = commit(&mut connection, first, queue, &mut id) {
            for (_, reply) in group {
                let _ = reply.send(());
            }
        }
    }
}

fn commit(
    connection: &mut Connection,
    first: Write,
    queue: &Receiver<Write>,
    id: &mut i64,
) -> rusqlite::Result<Vec<Write>> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let size = BATCH.min(1 + queue.len());
    let mut group = Vec::with_capacity(size);
    {
        let insert = "INSERT INTO added VALUES (?1, ?2, ?3)";
        let mut insert = transaction.prepare_cached(insert)?;
        let mut next = Some(first);
        while let Some(write) = next {
            let text = std::str::from_utf8(&write.0).unwrap_or_default();
            *id += 1;
            insert.execute(params![*id, *id % CONVERSATIONS, text])?;
            group.push(write);
            let is_over = group.len() >= size;
            next = if is_over { None } else { queue.try_recv().ok() };
        }
    }
    transaction.commit()?;
    Ok(group)
}
