//! `POST …/conversations/`: create a conversation, go on with it, attach to its running turn, or resume it
//! (ai-conversations.md 4).

use super::fields::{MessageFields, Mode, check_ui_context, message_fields, mode, no_sandbox};
use super::{schema, stream};
use crate::accept::Accepted;
use crate::app::StatusCodes;
use crate::openapi::{ErrorEnvelope, StreamEvent};
use crate::{Access, ApiError, Call, CommonErrors};
use assistant::{Place, Post, PostRefusal, Posted};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use model::Code;
use model::ConversationId;
use model::fields::{Field, Fields};
use model::frames::{Cursor, Dialect};
use model::turns::{CONTENT_MAX, TurnOptions};
use serde_json::{Value, json};
use uuid::Uuid;

/// What this route needs; whether it counts as a turn or as reading is known only from the body.
pub(super) const ACCESS: Access = Access::write("conversation")
    .streams()
    .throttled_by_handler();

/// Ask the assistant.
///
/// Creates the conversation when its id is new, otherwise runs its next turn; with `content: null` attaches to the
/// running turn, or resumes an interrupted one. Answers a stream of server-sent events; a client that names
/// `application/json` and not `text/event-stream` gets the conversation once the turn has ended.
///
/// Events are `conversation`, `message`, `update` and `approval`; each has an `id`, with which `Last-Event-ID` or
/// `after` reads on from there. A partial answer is a `message` with the id `temp-0` and the whole text so far, and is
/// replaced by the final one; with `stream=delta` it is sent once and followed by `delta` events with only the new
/// text.
#[utoipa::path(
    post,
    path = "/api/environments/{project_id}/conversations/",
    operation_id = "conversations_create",
    tag = "conversations",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("stream" = Option<String>, Query, description = "`delta` for the delta dialect."),
        ("after" = Option<String>, Query, description = "A cursor, `<turn>:<seq>`: only what came after it."),
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, and wins over it."),
    ),
    request_body = schema::ConversationCreate,
    security(("PersonalAPIKeyAuth" = ["conversation:write"])),
    responses(
        CommonErrors,
        (status = 201, description = "A turn has begun.", content(
            (schema::Conversation = "application/json"), (StreamEvent = "text/event-stream"),
        )),
        (status = 200, description = "Attached to a turn that began before.", content(
            (schema::Conversation = "application/json"), (StreamEvent = "text/event-stream"),
        )),
        (status = 400, body = schema::AnyError,
            description = "The body breaks a rule, or there is nothing to attach to, or the conversation is another user's."),
        (status = 402, body = ErrorEnvelope, description = "The project's credits for the assistant are used up."),
        (status = 404, body = schema::AnyError, description = "No such project, or the conversation was deleted."),
        (status = 409, body = ErrorEnvelope,
            description = "A turn is running. Wait for its end, cancel it, or queue the message."),
        (status = 410, body = ErrorEnvelope, description = "The events after this cursor are no longer kept."),
    ),
)]
pub(super) async fn create(mut call: Call) -> Result<Response, ApiError> {
    // The order of checks is that of ai-conversations.md 4.2. Whoever only reads what runs (attaches, or repeats a
    // request) counts under the general throttles and passes the quota (spec "Throttles").
    let glance = Glance::of(call.json().await.ok());
    let preview = match glance.conversation {
        Some(id) => {
            let repeat = glance.trace_id.zip(glance.content.clone());
            call.app
                .assistant
                .preview_post(call.project_id()?, call.user_id(), id, repeat)
                .await?
        }
        None => Default::default(),
    };
    let attaches = glance.is_attaching && (!glance.has_resume || preview.is_running);
    if attaches || preview.is_repeat {
        call.app.throttle(&call).await?;
    } else {
        call.app
            .throttle_ai(&call, glance.asks_for_research || preview.is_research)
            .await?;
        if call.project()?.settings.ai_credits_exhausted {
            return Err(ApiError::new(Code::QuotaLimitExceeded));
        }
    }
    let post = parse(&mut call).await?;
    let posted = call.app.assistant.post(post.clone()).await?;
    answer(&call, &post, posted).await
}

/// What can be told of a body before it is validated; a broken body counts as an ordinary request.
#[derive(Default)]
struct Glance {
    conversation: Option<ConversationId>,
    trace_id: Option<Uuid>,
    content: Option<String>,
    is_attaching: bool,
    has_resume: bool,
    asks_for_research: bool,
}

impl Glance {
    fn of(body: Option<&Value>) -> Self {
        let Some(body) = body else {
            return Self::default();
        };
        let Ok(fields) = Fields::of(body) else {
            return Self::default();
        };
        // Read as they will be when the body is validated; what is broken counts as absent.
        let uuid = |name| fields.uuid(name).nullable().unwrap_or_default().value();
        let content = fields.text("content").nullable().unwrap_or_default();
        let resume_payload = fields.raw("resume_payload");
        Self {
            conversation: uuid("conversation").map(ConversationId),
            trace_id: uuid("trace_id"),
            is_attaching: content == Field::Null,
            content: content.value(),
            has_resume: resume_payload.is_some_and(|payload| !payload.is_null()),
            asks_for_research: fields.raw("agent_mode").and_then(Value::as_str) == Some("research"),
        }
    }
}

/// Validates the body, in the order in which errors are reported (ai-conversations.md 1.3).
async fn parse(call: &mut Call) -> Result<Post, ApiError> {
    let session_id = call.header("x-posthog-session-id").map(str::to_owned);
    let body = call.json().await?.clone();
    let fields = Fields::of(&body)?;
    let content = fields.text("content").max(CONTENT_MAX).required_or_null()?;
    let conversation = ConversationId(fields.uuid("conversation").required()?);
    let MessageFields {
        contextual_tools,
        ui_context,
        billing_context,
    } = message_fields(&fields)?;
    let trace_id = fields.uuid("trace_id").required()?;
    let Mode {
        agent_mode,
        asks_for_sandbox,
    } = mode(&fields)?;
    let resume_payload = fields.json("resume_payload").nullable()?.value();
    if content.is_some() {
        check_ui_context(ui_context.as_ref())?;
    }
    let cursor = if content.is_none() {
        cursor(call)?
    } else {
        None
    };
    Ok(Post {
        project: call.project_id()?,
        user: crate::people::basic(&call.caller.user),
        conversation,
        content,
        trace_id,
        options: TurnOptions {
            agent_mode,
            contextual_tools,
            ui_context,
            billing_context,
            session_id,
            resume_payload,
        },
        cursor,
        asks_for_sandbox,
    })
}

/// Where the client wants to read on: `Last-Event-ID` beats `after` (spec "Cursors").
fn cursor(call: &Call) -> Result<Option<Cursor>, ApiError> {
    let header = call
        .header("last-event-id")
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let Some(text) = header.or_else(|| call.query.text("after")) else {
        return Ok(None);
    };
    let cursor = text.parse().map_err(|_| {
        ApiError::with_detail(
            Code::InvalidInput,
            "A cursor has the form <turn>:<seq>, as event ids have it.",
        )
        .attr("after")
    })?;
    Ok(Some(cursor))
}

async fn answer(call: &Call, post: &Post, posted: Posted) -> Result<Response, ApiError> {
    match posted {
        Posted::Began(place) => {
            let status = match call.app.config.status_codes {
                StatusCodes::Published => StatusCode::CREATED,
                StatusCodes::Observed => StatusCode::OK,
            };
            give(call, post, status, place).await
        }
        Posted::Attached(place) => give(call, post, StatusCode::OK, place).await,
        Posted::Answered { last_message, .. } => match call.accepted {
            Accepted::Json => detail(call, post, StatusCode::OK).await,
            Accepted::Stream { .. } => Ok(stream::single_message(last_message)),
        },
        Posted::Refused(refusal) => Err(refused(refusal)),
    }
}

/// The stream from a place on, or the conversation once the turn has ended (spec "The POST of row 2 negotiates").
async fn give(
    call: &Call,
    post: &Post,
    status: StatusCode,
    place: Place,
) -> Result<Response, ApiError> {
    match call.accepted {
        Accepted::Stream { delta } => {
            let asked = call.query.text("stream");
            let dialect = if delta || asked.as_deref() == Some("delta") {
                Dialect::Delta
            } else {
                Dialect::Snapshot
            };
            let events = call
                .app
                .assistant
                .follow(post.project, post.conversation, place, dialect);
            let refused = call.app.refused_later(&call.caller, ACCESS, post.project);
            Ok(stream::events(status, events.take_until(refused)))
        }
        Accepted::Json => {
            let end =
                call.app
                    .assistant
                    .wait_for_end(post.project, post.conversation, place.after.turn);
            let ended = tokio::select! {
                ended = end => ended?,
                () = call.app.refused_later(&call.caller, ACCESS, post.project) => {
                    return Err(ApiError::permission_denied("Access ended while the answer was waited for."));
                }
            };
            if !ended {
                return Err(assistant::Error::ShuttingDown.into());
            }
            detail(call, post, status).await
        }
    }
}

async fn detail(call: &Call, post: &Post, status: StatusCode) -> Result<Response, ApiError> {
    let found = call
        .app
        .assistant
        .find_own(post.project, post.user.id, post.conversation)
        .await?;
    let detail = found.ok_or_else(ApiError::not_found)?;
    Ok((status, Json(detail)).into_response())
}

fn refused(refusal: PostRefusal) -> ApiError {
    match refusal {
        PostRefusal::Missing => ApiError::hand_made(
            StatusCode::BAD_REQUEST,
            "Cannot stream from non-existent conversation",
        ),
        PostRefusal::Foreign => ApiError::hand_made(
            StatusCode::BAD_REQUEST,
            "Cannot access other users' conversations",
        ),
        PostRefusal::Deleted => {
            ApiError::hand_made(StatusCode::NOT_FOUND, "Conversation does not exist")
        }
        PostRefusal::Sandbox => no_sandbox(),
        PostRefusal::Busy => ApiError::conflict(
            "A turn is running in this conversation. Wait for its end, cancel it, or queue the message.",
        ),
        PostRefusal::Idle => ApiError::with_detail(
            Code::InvalidInput,
            "Cannot continue streaming from an idle conversation",
        )
        .extra("reason", json!("conversation_idle")),
        PostRefusal::FutureCursor => ApiError::with_detail(
            Code::InvalidInput,
            "The cursor names an event that was never sent.",
        )
        .attr("after"),
        PostRefusal::ExpiredCursor => ApiError::with_detail(
            Code::CursorExpired,
            "The events after this cursor are no longer kept. Read the conversation instead.",
        ),
    }
}
