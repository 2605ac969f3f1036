//! POST of a conversation: one transaction that reads how things stand, asks the rule ([`model::turns::decide`])
//! and carries out what it says.

use crate::Error;
use crate::begin::{Begun, NewTurn, begin_turn, digest};
use crate::commit::end_turn;
use crate::engine::{Engine, Inner, Ticket};
use crate::follow::Place;
use crate::resume::{Resumption, resume};
use model::conversations::{
    Conversation, ConversationType, ConversationView, Status, UserView, title_from_message,
};
use model::frames::{Cursor, spaced_json};
use model::messages::{Body, Message};
use model::turns::{Addressee, PostDecision, PostShape, TurnOptions, TurnStatus, decide};
use model::{ConversationId, MessageId, ProjectId, UserId};
use std::sync::Arc;
use store::turns::TurnKey;
use store::{Conn, conversations, messages, turns};
use uuid::Uuid;

/// A request to create a conversation, to go on with it, or to attach to its running turn.
#[derive(Clone, Debug)]
pub struct Post {
    /// The tenant.
    pub project: ProjectId,
    /// The caller.
    pub user: UserView,
    /// Minted by the client.
    pub conversation: ConversationId,
    /// The text, trimmed; none to attach or to resume.
    pub content: Option<String>,
    /// The client's mark for this request.
    pub trace_id: Uuid,
    /// What the turn is asked with.
    pub options: TurnOptions,
    /// What the client has seen already.
    pub cursor: Option<Cursor>,
    /// It is to run in a sandbox.
    pub asks_for_sandbox: bool,
}

impl Post {
    fn shape(&self) -> PostShape {
        PostShape {
            has_text: self.content.is_some(),
            has_resume: self.options.resume_payload.is_some(),
            has_cursor: self.cursor.is_some(),
            asks_for_research: self.options.asks_for_research(),
            asks_for_sandbox: self.asks_for_sandbox,
        }
    }
}

/// What a POST came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Posted {
    /// A turn began: 201.
    Began(Place),
    /// There is something to read: 200.
    Attached(Place),
    /// The same request came before, and its frames are gone: 200, this message's JSON.
    Answered {
        /// Number of that turn.
        turn: i64,
        /// The final message as a stream would have shown it; none if the turn said nothing.
        last_message: Option<String>,
    },
    /// It was refused, and nothing was written.
    Refused(PostRefusal),
}

/// Why a POST was refused (ai-conversations.md 4.3; spec "Cursors").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostRefusal {
    /// 400: no such conversation, and no text to begin one with.
    Missing,
    /// 400: somebody else's.
    Foreign,
    /// 404: deleted.
    Deleted,
    /// 403: there is no sandbox.
    Sandbox,
    /// 409: a turn is running.
    Busy,
    /// 400: nothing runs, nothing to attach to.
    Idle,
    /// 400: the cursor names a frame that was never sent.
    FutureCursor,
    /// 410: the frames after the cursor are gone.
    ExpiredCursor,
}

/// What throttles and quotas need to know of a POST before it is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostPreview {
    /// The conversation is a deep-research one.
    pub is_research: bool,
    /// A turn of the caller's runs in it.
    pub is_running: bool,
    /// The same request began a turn before: it only reads.
    pub is_repeat: bool,
}

type Launch = (Begun, Ticket);

enum Outcome {
    Done(Posted),
    /// A turn that runs now.
    Runs(Box<Launch>),
    /// A turn that began and ended in the transaction, and the queued one that followed it.
    Ended(Box<(Begun, Option<Launch>)>),
    /// Another request made the conversation in the meantime.
    Raced,
}

impl Engine {
    /// Looks at what a POST would meet. Nothing is written.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn preview_post(
        &self,
        project: ProjectId,
        user: UserId,
        conversation: ConversationId,
        repeat: Option<(Uuid, String)>,
    ) -> Result<PostPreview, Error> {
        self.0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let Some(found) = conversations::find(c, project, conversation).await? else {
                        return Ok(PostPreview::default());
                    };
                    let repeated = match repeat {
                        Some((trace_id, content))
                            if found.user_id == user && found.deleted_at.is_none() =>
                        {
                            turns::find_repeat(
                                c,
                                project,
                                conversation,
                                trace_id,
                                &digest(Some(&content)),
                            )
                            .await?
                        }
                        _ => None,
                    };
                    Ok(PostPreview {
                        is_research: found.kind == ConversationType::DeepResearch,
                        is_running: found.user_id == user && found.status == Status::InProgress,
                        is_repeat: repeated.is_some(),
                    })
                })
            })
            .await
    }

    /// Carries out a POST. A turn that it begins runs to its end whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// [`Error::ShuttingDown`] when it would begin a turn and the server is about to stop; otherwise when the
    /// store fails. In either case nothing was written.
    pub async fn post(&self, post: Post) -> Result<Posted, Error> {
        let engine = self.clone();
        self.detached(async move { engine.carry_out_post(post).await })
            .await
    }

    async fn carry_out_post(&self, post: Post) -> Result<Posted, Error> {
        let reads_only = post.content.is_none() && post.options.resume_payload.is_none();
        loop {
            let (inner, attempt) = (Arc::clone(&self.0), post.clone());
            let outcome = if reads_only {
                self.0
                    .store
                    .read(move |c| Box::pin(async move { decide_and_do(c, &inner, attempt).await }))
                    .await?
            } else {
                self.0
                    .store
                    .write(move |c| {
                        Box::pin(async move { decide_and_do(c, &inner, attempt).await })
                    })
                    .await?
            };
            return Ok(match outcome {
                Outcome::Raced => continue,
                Outcome::Done(posted) => posted,
                Outcome::Runs(launch) => {
                    let place = beginning_of(launch.0.turn.key);
                    self.launch(*launch);
                    Posted::Began(place)
                }
                Outcome::Ended(ended) => {
                    let (begun, next) = *ended;
                    let place = beginning_of(begun.turn.key);
                    if let Some(next) = next {
                        self.launch(next);
                    }
                    Posted::Began(place)
                }
            });
        }
    }

    /// Publishes a begun turn's first frames and runs it.
    pub(crate) fn launch(&self, (begun, ticket): Launch) {
        metrics::counter!("thicket_turns_started_total").increment(1);
        ticket.feed.publish(&begun.frames, None);
        let engine = self.clone();
        self.0
            .tasks
            .spawn(async move { engine.run_to_the_end(begun.turn, ticket).await });
    }
}

fn beginning_of(key: TurnKey) -> Place {
    Place {
        after: Cursor {
            turn: key.number,
            seq: 0,
        },
        to_the_end: false,
    }
}

async fn decide_and_do(c: &Conn, inner: &Arc<Inner>, post: Post) -> Result<Outcome, Error> {
    let (addressee, found) = find_addressee(c, &post).await?;
    let refused = |refusal| Ok(Outcome::Done(Posted::Refused(refusal)));
    let decision = decide(addressee, post.shape());
    match (decision, found) {
        (PostDecision::Create { .. } | PostDecision::Start { .. }, _)
            if inner.draining.is_cancelled() =>
        {
            Err(Error::ShuttingDown)
        }
        (PostDecision::Create { becomes, runs }, _) => create(c, inner, post, becomes, runs).await,
        (PostDecision::Start { becomes, runs }, Some(conversation)) => {
            start(c, inner, conversation, post, becomes, runs).await
        }
        (PostDecision::AttachToRunning, Some(conversation)) => {
            let after = Cursor {
                turn: conversation.last_turn,
                seq: 0,
            };
            Ok(Outcome::Done(Posted::Attached(Place {
                after,
                to_the_end: false,
            })))
        }
        (PostDecision::AttachAtCursor, Some(conversation)) => Ok(Outcome::Done(
            attach_at_cursor(c, &conversation, post.cursor).await?,
        )),
        (PostDecision::Replay { turn }, Some(conversation)) => {
            Ok(Outcome::Done(replay(c, &conversation, turn).await?))
        }
        (PostDecision::RefuseForeign, _) => refused(PostRefusal::Foreign),
        (PostDecision::RefuseDeleted, _) => refused(PostRefusal::Deleted),
        (PostDecision::RefuseSandbox, _) => refused(PostRefusal::Sandbox),
        (PostDecision::RefuseBusy, _) => refused(PostRefusal::Busy),
        (PostDecision::RefuseIdle, _) => refused(PostRefusal::Idle),
        (PostDecision::RefuseMissing, _) | (_, None) => refused(PostRefusal::Missing),
    }
}

async fn find_addressee(c: &Conn, post: &Post) -> Result<(Addressee, Option<Conversation>), Error> {
    match conversations::find_project(c, post.conversation).await? {
        None => return Ok((Addressee::Missing, None)),
        Some(project) if project != post.project => return Ok((Addressee::Foreign, None)),
        Some(_) => {}
    }
    let Some(conversation) = conversations::lock(c, post.project, post.conversation).await? else {
        return Ok((Addressee::Missing, None));
    };
    if conversation.user_id != post.user.id {
        return Ok((Addressee::Foreign, None));
    }
    if conversation.deleted_at.is_some() {
        return Ok((Addressee::Deleted, None));
    }
    let repeats_turn = match &post.content {
        Some(content) => {
            let digest = digest(Some(content));
            turns::find_repeat(c, post.project, post.conversation, post.trace_id, &digest).await?
        }
        None => None,
    };
    let addressee = Addressee::Own {
        status: conversation.status,
        kind: conversation.kind,
        repeats_turn,
    };
    Ok((addressee, Some(conversation)))
}

async fn create(
    c: &Conn,
    inner: &Arc<Inner>,
    post: Post,
    becomes: ConversationType,
    runs: model::turns::TurnKind,
) -> Result<Outcome, Error> {
    let now = inner.env.now();
    let title = title_from_message(post.content.as_deref().unwrap_or_default());
    let mut conversation = conversations::new(
        post.project,
        post.conversation,
        post.user.id,
        becomes,
        title,
        now,
    );
    if !conversations::create(c, &conversation).await? {
        return Ok(Outcome::Raced);
    }
    let shown = ConversationView::new(
        &Conversation {
            status: Status::InProgress,
            ..conversation.clone()
        },
        post.user,
    );
    let new = NewTurn {
        content: post.content,
        trace_id: post.trace_id,
        options: TurnOptions {
            resume_payload: None,
            ..post.options
        },
        kind: runs,
        announcement: Some(spaced_json(&shown)),
        results: Vec::new(),
    };
    let begun = begin_turn(c, inner, &mut conversation, new, now).await?;
    let ticket = inner.adopt(begun.turn.key);
    Ok(Outcome::Runs(Box::new((begun, ticket))))
}

async fn start(
    c: &Conn,
    inner: &Arc<Inner>,
    mut conversation: Conversation,
    post: Post,
    becomes: ConversationType,
    runs: model::turns::TurnKind,
) -> Result<Outcome, Error> {
    let now = inner.env.now();
    if conversation.kind != becomes {
        conversation.kind = becomes;
        conversation.updated_at = now;
    }
    let mut options = post.options;
    let resumption = match &options.resume_payload {
        Some(payload) => resume(c, inner, &conversation, payload, now).await?,
        None => Resumption::default(),
    };
    if options.resume_payload.is_some() && post.content.is_none() {
        options = options.inherit(&resumption.interrupted_options);
    }
    let has_text = post.content.is_some();
    let new = NewTurn {
        content: post.content,
        trace_id: post.trace_id,
        options,
        kind: runs,
        announcement: None,
        results: resumption.results,
    };
    let begun = begin_turn(c, inner, &mut conversation, new, now).await?;
    if has_text || resumption.ready {
        let ticket = inner.adopt(begun.turn.key);
        return Ok(Outcome::Runs(Box::new((begun, ticket))));
    }
    // Otherwise there is nothing to ask the model: the answer came too late, other questions are still open, or
    // nothing was asked.
    let (begun, end) = match resumption.mismatch {
        Some(text) => {
            let begun = say_failure(c, inner, &mut conversation, begun, text).await?;
            (begun, TurnStatus::Failed)
        }
        None => (begun, TurnStatus::Interrupted),
    };
    let next = end_turn(c, inner, &mut conversation, begun.turn.key, end, now).await?;
    Ok(Outcome::Ended(Box::new((begun, next))))
}

/// Adds why it failed to a turn that ends in the transaction it began in.
async fn say_failure(
    c: &Conn,
    inner: &Inner,
    conversation: &mut Conversation,
    mut begun: Begun,
    text: &str,
) -> Result<Begun, Error> {
    let failure = Message::failure(MessageId(inner.env.uuid()), text);
    let key = begun.turn.key;
    let keeps = turns::PartialChange::Keeps;
    if let Some(seq) = turns::claim_frames(c, key, begun.turn.epoch, 1, keeps).await? {
        let frames = crate::begin::number_frames(seq, None, std::slice::from_ref(&failure));
        store::frames::insert(c, key, &frames).await?;
        messages::append(c, conversation, Some(key.number), &failure, inner.env.now()).await?;
        begun.frames.extend(frames);
    }
    Ok(begun)
}

async fn attach_at_cursor(
    c: &Conn,
    conversation: &Conversation,
    cursor: Option<Cursor>,
) -> Result<Posted, Error> {
    let Some(cursor) = cursor else {
        return Ok(Posted::Refused(PostRefusal::Idle));
    };
    let key = TurnKey {
        project_id: conversation.project_id,
        conversation_id: conversation.id,
        number: cursor.turn,
    };
    let Some(turn) = turns::find(c, key).await? else {
        return Ok(Posted::Refused(PostRefusal::FutureCursor));
    };
    if turn.is_forgotten() {
        return Ok(Posted::Refused(PostRefusal::ExpiredCursor));
    }
    if cursor.seq > turn.last_seq {
        return Ok(Posted::Refused(PostRefusal::FutureCursor));
    }
    Ok(Posted::Attached(Place {
        after: cursor,
        to_the_end: true,
    }))
}

/// The same request again: its turn from the first frame, or what it came to when the frames are gone.
async fn replay(c: &Conn, conversation: &Conversation, number: i64) -> Result<Posted, Error> {
    let key = TurnKey {
        project_id: conversation.project_id,
        conversation_id: conversation.id,
        number,
    };
    let turn = turns::find(c, key).await?;
    if turn.as_ref().is_some_and(|turn| !turn.is_forgotten()) {
        return Ok(Posted::Attached(beginning_of(key)));
    }
    let all = messages::list(c, conversation.project_id, conversation.id).await?;
    // The user's own text is no answer: of a turn that was cancelled at once nothing is left.
    let is_said = |message: &Message| !matches!(message.body, Body::Human(_));
    let last = all
        .into_iter()
        .rfind(|stored| stored.turn == Some(number) && is_said(&stored.message));
    Ok(Posted::Answered {
        turn: number,
        last_message: last.map(|stored| stored.message.to_stream_json()),
    })
}
