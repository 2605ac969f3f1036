//! Turns: leased rows. Who holds the lease and the epoch may write; everybody else finds out by writing nothing.

use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::turns::{TurnKind, TurnOptions, TurnStatus};
use model::{ConversationId, NodeId, ProjectId, Timestamp};
use uuid::Uuid;

macro_rules! columns {
    () => {
        "project_id, conversation_id, number, status, kind, epoch, owner, lease_until, trace_id, content_digest, \
         options, last_seq, open_seq, steps, continued, started_at, ended_at"
    };
}

statements! {
    INSERT = concat!(
        "INSERT INTO turn (", columns!(), ", input_tokens, output_tokens) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 0, 0)"
    );
    FIND = concat!("SELECT ", columns!(), " FROM turn WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3");
    FIND_REPEAT = "SELECT number FROM turn WHERE project_id = ?1 AND conversation_id = ?2 AND trace_id = ?3 \
                   AND content_digest = ?4 ORDER BY number DESC LIMIT 1";
    CLAIM_FRAMES = "UPDATE turn SET last_seq = last_seq + ?5, open_seq = CASE ?6 \
                      WHEN 'opens' THEN last_seq + ?7 WHEN 'closes' THEN NULL ELSE open_seq END \
                    WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3 AND status = 'running' AND epoch = ?4 \
                    RETURNING last_seq";
    RECORD_CALL = "UPDATE turn SET steps = steps + 1, input_tokens = input_tokens + ?4, output_tokens = output_tokens + ?5 \
                   WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3";
    FINISH = "UPDATE turn SET status = ?4, epoch = epoch + 1, continued = ?5, ended_at = ?6, open_seq = NULL, lease_until = 0 \
              WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3";
    RENEW = "UPDATE turn SET lease_until = ?2 WHERE status = 'running' AND owner = ?1";
    RELEASE = "UPDATE turn SET lease_until = 0 WHERE status = 'running' AND owner = ?1";
    RUNNING = "SELECT project_id, conversation_id, number, epoch, owner, lease_until FROM turn \
               WHERE status = 'running' ORDER BY lease_until LIMIT ?1";
    TAKE_OVER = "UPDATE turn SET owner = ?4, lease_until = ?5, epoch = epoch + 1 \
                 WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3 AND status = 'running' AND epoch = ?6";
    ENDED = "SELECT project_id, conversation_id, number FROM turn \
             WHERE ended_at IS NOT NULL AND last_seq > 0 AND ended_at < ?1 ORDER BY ended_at LIMIT ?2";
    FORGET_FRAMES = "UPDATE turn SET last_seq = 0 WHERE project_id = ?1 AND conversation_id = ?2 AND number = ?3";
}

/// Which turn of which conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TurnKey {
    /// The tenant.
    pub project_id: ProjectId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Dense within the conversation, from 1.
    pub number: i64,
}

/// A stored turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Which one.
    pub key: TurnKey,
    /// How it stands.
    pub status: TurnStatus,
    /// What kind of run it is.
    pub kind: TurnKind,
    /// Raised by every takeover and by the end; writes begun under a lower one fail.
    pub epoch: i64,
    /// The process that runs it.
    pub owner: NodeId,
    /// Until when the owner is believed without a sign of life.
    pub lease_until: Timestamp,
    /// The client's mark for the request that started it.
    pub trace_id: Uuid,
    /// SHA-256 of the text that started it.
    pub content_digest: Vec<u8>,
    /// What it was asked with.
    pub options: TurnOptions,
    /// Sequence number of the newest frame; 0 before the first and after the frames were forgotten.
    pub last_seq: i64,
    /// First frame of the partial message that is being written.
    pub open_seq: Option<i64>,
    /// Model calls made so far.
    pub steps: i64,
    /// Another turn followed in the same transaction.
    pub continued: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Turn {
    /// Whether it ended so long ago that its frames are gone.
    pub fn is_forgotten(&self) -> bool {
        self.ended_at.is_some() && self.last_seq == 0
    }
}

impl FromRow for TurnKey {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            conversation_id: row.get()?,
            number: row.get()?,
        })
    }
}

impl FromRow for Turn {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            key: TurnKey::from_row(row)?,
            status: row.parse("turn.status", TurnStatus::from_stored)?,
            kind: row.parse("turn.kind", TurnKind::from_stored)?,
            epoch: row.get()?,
            owner: row.get()?,
            lease_until: row.get()?,
            trace_id: row.get()?,
            content_digest: row.get()?,
            options: row.parse("turn.options", |text| serde_json::from_str(text).ok())?,
            last_seq: row.get()?,
            open_seq: row.get()?,
            steps: row.get()?,
            continued: row.get()?,
            started_at: row.get()?,
            ended_at: row.get()?,
        })
    }
}

/// Creates a turn.
///
/// # Errors
///
/// When the store fails.
pub async fn create(c: &Conn, turn: &Turn) -> Result<()> {
    let options =
        serde_json::to_string(&turn.options).map_err(|error| Error::Internal(error.to_string()))?;
    c.exec(
        INSERT,
        params![
            turn.key.project_id,
            turn.key.conversation_id,
            turn.key.number,
            turn.status.as_str(),
            turn.kind.as_str(),
            turn.epoch,
            turn.owner,
            turn.lease_until,
            turn.trace_id,
            turn.content_digest.as_slice(),
            &options,
            turn.last_seq,
            turn.open_seq,
            turn.steps,
            turn.continued,
            turn.started_at,
            turn.ended_at,
        ],
    )
    .await?;
    Ok(())
}

/// A turn.
///
/// # Errors
///
/// When the store fails.
pub async fn find(c: &Conn, key: TurnKey) -> Result<Option<Turn>> {
    c.find(
        FIND,
        params![key.project_id, key.conversation_id, key.number],
    )
    .await
}

/// The newest turn that was started with this trace id and text (spec "Idempotency").
///
/// # Errors
///
/// When the store fails.
pub async fn find_repeat(
    c: &Conn,
    project: ProjectId,
    conversation: ConversationId,
    trace_id: Uuid,
    content_digest: &[u8],
) -> Result<Option<i64>> {
    c.find(
        FIND_REPEAT,
        params![project, conversation, trace_id, content_digest],
    )
    .await
}

/// What a batch of frames does to the partial message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialChange {
    /// Nothing, or another piece of it.
    Keeps,
    /// The frame with this index in the batch (from 0) begins it.
    Opens(i64),
    /// A final message replaces it.
    Closes,
}

/// Reserves the sequence numbers of the next `frames` frames for a turn that still runs under `epoch`, and gives
/// the last of them. `None`: the turn has ended or was taken over; the caller must stop.
///
/// # Errors
///
/// When the store fails.
pub async fn claim_frames(
    c: &Conn,
    key: TurnKey,
    epoch: i64,
    frames: i64,
    change: PartialChange,
) -> Result<Option<i64>> {
    let (word, offset) = match change {
        PartialChange::Keeps => ("keeps", 0),
        PartialChange::Opens(index) => ("opens", index + 1),
        PartialChange::Closes => ("closes", 0),
    };
    c.find(
        CLAIM_FRAMES,
        params![
            key.project_id,
            key.conversation_id,
            key.number,
            epoch,
            frames,
            word,
            offset
        ],
    )
    .await
}

/// Counts a model call and its tokens.
///
/// # Errors
///
/// When the store fails.
pub async fn record_call(
    c: &Conn,
    key: TurnKey,
    input_tokens: i64,
    output_tokens: i64,
) -> Result<()> {
    c.exec(
        RECORD_CALL,
        params![
            key.project_id,
            key.conversation_id,
            key.number,
            input_tokens,
            output_tokens
        ],
    )
    .await?;
    Ok(())
}

/// Ends a turn; whatever still runs for it can write no more.
///
/// # Errors
///
/// When the store fails.
pub async fn finish(
    c: &Conn,
    key: TurnKey,
    status: TurnStatus,
    continued: bool,
    now: Timestamp,
) -> Result<()> {
    c.exec(
        FINISH,
        params![
            key.project_id,
            key.conversation_id,
            key.number,
            status.as_str(),
            continued,
            now
        ],
    )
    .await?;
    Ok(())
}

/// Renews the leases of all turns a process runs.
///
/// # Errors
///
/// When the store fails.
pub async fn renew_leases(c: &Conn, owner: NodeId, until: Timestamp) -> Result<u64> {
    c.exec(RENEW, params![owner, until]).await
}

/// Gives all leases of a process back, so that another may take the turns over at once.
///
/// # Errors
///
/// When the store fails.
pub async fn release_leases(c: &Conn, owner: NodeId) -> Result<u64> {
    c.exec(RELEASE, params![owner]).await
}

/// A running turn's lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Which turn.
    pub key: TurnKey,
    /// What a takeover must know to be the first.
    pub epoch: i64,
    /// The process that holds it.
    pub owner: NodeId,
    /// Until when.
    pub lease_until: Timestamp,
}

impl FromRow for Lease {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            key: TurnKey::from_row(row)?,
            epoch: row.get()?,
            owner: row.get()?,
            lease_until: row.get()?,
        })
    }
}

/// The leases of running turns of all processes, those that run out first first.
///
/// # Errors
///
/// When the store fails.
pub async fn list_running(c: &Conn, limit: i64) -> Result<Vec<Lease>> {
    c.all(RUNNING, params![limit]).await
}

/// Takes a running turn over from the holder of `epoch`. `false`: somebody was quicker, or it has ended.
///
/// # Errors
///
/// When the store fails.
pub async fn take_over(
    c: &Conn,
    key: TurnKey,
    epoch: i64,
    owner: NodeId,
    until: Timestamp,
) -> Result<bool> {
    let changed = c
        .exec(
            TAKE_OVER,
            params![
                key.project_id,
                key.conversation_id,
                key.number,
                owner,
                until,
                epoch
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Turns that ended before a moment and whose frames are still kept.
///
/// # Errors
///
/// When the store fails.
pub async fn list_ended_before(c: &Conn, before: Timestamp, limit: i64) -> Result<Vec<TurnKey>> {
    c.all(ENDED, params![before, limit]).await
}

/// Notes that a turn's frames are gone. Its messages stay.
///
/// # Errors
///
/// When the store fails.
pub async fn forget_frames(c: &Conn, key: TurnKey) -> Result<()> {
    c.exec(
        FORGET_FRAMES,
        params![key.project_id, key.conversation_id, key.number],
    )
    .await?;
    Ok(())
}
