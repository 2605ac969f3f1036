//! `/api/projects/:id/comments/`: messages of tickets in the way in which clients of the original's first versions post
//! and read them (tickets.md 11.2). `…/tickets/:id/messages/` and `…/reply/` are the plainer way.

use crate::conversations::UserBasic;
use crate::openapi::CommonErrors;
use crate::tickets::{raw, scene};
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::comments::{self as rules, CommentChange, Cursor, NewComment, PAGE};
use model::conversations::UserView;
use model::error::{Code, FieldError};
use model::fields::{Fields, UuidKind};
use model::tickets::{Message, MessageError, NewMessage, TicketKey};
use model::{MessageId, TicketId, Timestamp, media};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::Conn;
use store::comments::{self, Comment, CommentFilters};
use store::tickets::{self, MessageWriteError};
use utoipa::ToSchema;
use uuid::Uuid;

const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
}

/// A message of a ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = Comment)]
struct CommentView {
    #[schema(value_type = Uuid)]
    id: MessageId,
    /// The member of the team who wrote it; null for the customer and the assistant.
    #[schema(value_type = Option<UserBasic>, required = true)]
    created_by: Option<UserView>,
    /// Markdown; empty when there is only a document.
    content: String,
    /// The editor's document.
    #[schema(value_type = serde_json::Value, required = true)]
    rich_content: Option<Box<RawValue>>,
    /// Raised by every change of the content, from 0.
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// UUID of the ticket.
    #[schema(value_type = Uuid)]
    item_id: TicketId,
    /// `author_type`, `is_private`, and what else was sent.
    #[schema(value_type = Object)]
    item_context: Box<RawValue>,
    /// Always `conversations_ticket`.
    scope: &'static str,
    /// The comment it answers.
    #[schema(required = true)]
    source_comment: Option<Uuid>,
    deleted: bool,
    is_task: bool,
}

/// A comment to be made.
#[derive(ToSchema)]
#[schema(as = CommentCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewFields {
    /// `conversations_ticket`.
    #[schema(max_length = 79)]
    scope: String,
    /// UUID of the ticket.
    #[schema(max_length = 72)]
    item_id: String,
    /// Markdown. This or `rich_content` must be there.
    #[schema(max_length = 10_000, required = false)]
    content: Option<String>,
    /// The editor's document; at most 100,000 characters as JSON.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<Value>,
    /// `author_type` (`support` if left out) and `is_private` (true: only the team sees it).
    #[schema(value_type = Option<Object>, required = false)]
    item_context: Option<Value>,
    #[schema(required = false)]
    source_comment: Option<Uuid>,
    #[schema(required = false)]
    is_task: bool,
}

/// What is to be changed of a comment.
#[derive(ToSchema)]
#[schema(as = PatchedComment)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedFields {
    #[schema(max_length = 10_000, required = false)]
    content: Option<String>,
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<Value>,
    /// True deletes it, false takes that back.
    #[schema(required = false)]
    deleted: bool,
    #[schema(required = false)]
    is_task: bool,
}

/// A page of comments.
#[derive(Serialize, ToSchema)]
#[schema(as = CursorPaginatedCommentList)]
struct CommentList {
    /// Address of the page with older ones.
    #[schema(required = true, format = "uri")]
    next: Option<String>,
    /// Address of the page with newer ones.
    #[schema(required = true, format = "uri")]
    previous: Option<String>,
    results: Vec<CommentView>,
}

/// Comments as clients see them: one look-up for all authors.
async fn show(c: &Conn, found: Vec<Comment>) -> store::Result<Vec<CommentView>> {
    let authors = found.iter().filter_map(|it| it.message.created_by);
    let authors: Vec<_> = authors.collect();
    let people = store::users::find_many(c, &authors).await?;
    let show = |it: Comment| {
        let author = it.message.created_by.and_then(|id| people.get(&id));
        Ok(CommentView {
            id: it.message.id,
            created_by: author.map(people::basic),
            content: it.message.content,
            rich_content: match it.message.rich_content {
                Some(json) => Some(raw("ticket_message.rich_content", json)?),
                None => None,
            },
            version: it.message.version,
            created_at: it.message.created_at,
            item_id: it.message.ticket_id,
            item_context: raw("ticket_message.item_context", it.message.item_context)?,
            scope: rules::SCOPE,
            source_comment: it.source_comment,
            deleted: it.message.is_deleted,
            is_task: it.is_task,
        })
    };
    found.into_iter().map(show).collect()
}

async fn show_one(c: &Conn, it: Comment) -> store::Result<CommentView> {
    let shown = show(c, vec![it]).await?;
    shown.into_iter().next().ok_or(store::Error::NoRow)
}

/// List comments
///
/// Newest first, in pages of 100, without deleted ones. Messages of tickets appear only when `scope` asks for them.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/comments/",
    operation_id = "comments_list",
    tag = "comments",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("scope" = Option<String>, Query, description = "`conversations_ticket`; there are no comments of other scopes."),
        ("item_id" = Option<String>, Query, description = "UUID of a ticket."),
        ("search" = Option<String>, Query, description = "A part of the text, in any case."),
        ("source_comment" = Option<String>, Query, description = "Only answers to this comment."),
        ("cursor" = Option<String>, Query, description = "From `next` or `previous`."),
    ),
    responses((status = 200, description = "A page of comments.", body = CommentList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let given = |name: &str| call.query.text(name).filter(|text| !text.is_empty());
    let cursor = match given("cursor") {
        Some(word) => Cursor::decode(&word).ok_or_else(ApiError::not_found)?,
        None => Cursor::NEWEST,
    };
    let (item, source) = (given("item_id"), given("source_comment"));
    let uuid = |text: &Option<String>| text.as_deref().and_then(UuidKind::parse);
    let filters = CommentFilters {
        ticket: uuid(&item).map(TicketId),
        search: call.query.search("search"),
        source_comment: uuid(&source),
    };
    // What names nothing finds nothing.
    let is_nothing = |text: &Option<String>, id: bool| text.is_some() && !id;
    if given("scope").as_deref() != Some(rules::SCOPE)
        || is_nothing(&item, filters.ticket.is_some())
        || is_nothing(&source, filters.source_comment.is_some())
    {
        let nothing = CommentList {
            next: None,
            previous: None,
            results: Vec::new(),
        };
        return Ok(Json(nothing).into_response());
    }
    let (mut shown, has_more) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let mut found = comments::list(c, project, &filters, cursor, PAGE + 1).await?;
                let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
                let has_more = found.len() > page;
                found.truncate(page);
                Ok::<_, store::Error>((show(c, found).await?, has_more))
            })
        })
        .await?;
    if !cursor.is_forward {
        shown.reverse();
    }
    let link = |is_forward: bool, edge: Option<&CommentView>| {
        let edge = edge?;
        let cursor = Cursor {
            is_forward,
            at: edge.created_at,
            id: edge.id,
        };
        Some(with_cursor(&call, cursor))
    };
    // Where one has come from there is always something.
    let (has_next, has_previous) = match cursor.is_forward {
        true => (has_more, cursor != Cursor::NEWEST),
        false => (true, has_more),
    };
    let next = link(true, shown.last().filter(|_| has_next));
    let previous = link(false, shown.first().filter(|_| has_previous));
    let page = CommentList {
        next,
        previous,
        results: shown,
    };
    Ok(Json(page).into_response())
}

/// The address of this request with another cursor.
fn with_cursor(call: &Call, cursor: Cursor) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("cursor", &cursor.encode());
    for (name, value) in form_urlencoded::parse(call.query.raw().as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    format!("{}?{}", call.url(), query.finish())
}

/// Comment on a ticket
///
/// A message to the customer, or a note when `item_context.is_private` is true.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/comments/",
    operation_id = "comments_create",
    tag = "comments",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = NewFields,
    responses((status = 201, description = "The comment.", body = CommentView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (scene, user) = (scene(&call)?, call.user_id());
    let id = MessageId(call.app.env.uuid());
    let it = NewComment::read(&Fields::of(call.json().await?)?)?;
    media::check_linked(&it.content, it.rich_content.as_ref())?;
    let unknown = || FieldError::at("item_id", Code::InvalidInput, "Ticket not found");
    let ticket = UuidKind::parse(&it.item_id).map(TicketId);
    let ticket = ticket.ok_or_else(unknown)?;
    let new = NewMessage {
        id,
        content: it.content,
        rich_content: it.rich_content,
        item_context: it.item_context,
        created_by: Some(user),
    };
    let project = scene.project;
    let view = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let made = comments::create(c, &scene, ticket, &new, it.source_comment, it.is_task)
                    .await?;
                Ok::<_, ApiError>(show_one(c, made.ok_or_else(unknown)?).await?)
            })
        })
        .await?;
    call.app.tickets_changed(project);
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// A comment
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/comments/{comment_id}/",
    operation_id = "comments_retrieve",
    tag = "comments",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("comment_id" = String, Path, description = "UUID of the comment."),
    ),
    responses((status = 200, description = "The comment.", body = CommentView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (project, id) = (call.project_id()?, comment_id(&call)?);
    let view = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = comments::find(c, project, id).await?;
                let found = found.filter(|it| !it.message.is_deleted);
                Ok::<_, ApiError>(show_one(c, found.ok_or_else(ApiError::not_found)?).await?)
            })
        })
        .await?;
    Ok(Json(view).into_response())
}

/// Change a comment
///
/// One's own only. `deleted` is how a comment is deleted. Where it belongs, and who speaks, cannot be changed.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/comments/{comment_id}/",
    operation_id = "comments_partial_update",
    tag = "comments",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("comment_id" = String, Path, description = "UUID of the comment."),
    ),
    request_body = PatchedFields,
    responses((status = 200, description = "The comment as it is now.", body = CommentView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (scene, user, id) = (scene(&call)?, call.user_id(), comment_id(&call)?);
    let project = scene.project;
    let known = call
        .app
        .store
        .read(move |c| Box::pin(comments::find(c, project, id)))
        .await?;
    let known = known.ok_or_else(ApiError::not_found)?;
    if known.message.created_by != Some(user) {
        return Err(not_mine());
    }
    let change = CommentChange::read(&Fields::of(call.json().await?)?)?;
    // A deleted one can only be brought back.
    if known.message.is_deleted && change.deleted != Some(false) {
        return Err(ApiError::not_found());
    }
    let view = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let key = TicketKey::Id(known.message.ticket_id);
                let mine = |message: &Message| match message.created_by == Some(user) {
                    true => Ok(()),
                    false => Err(MessageError::NotAuthor),
                };
                let mine_and_there = |message: &Message| match message.is_deleted {
                    true => Err(MessageError::NotFound),
                    false => mine(message),
                };
                if change.deleted == Some(false) {
                    tickets::restore_message(c, &scene, key, id, mine)
                        .await
                        .map_err(refusal)?;
                }
                let now = comments::find(c, project, id).await?;
                let now = now.ok_or_else(ApiError::not_found)?;
                if change.content.is_some() || change.rich_content.is_some() {
                    let content = change.content.unwrap_or(now.message.content);
                    let stored = now.message.rich_content.as_deref();
                    let stored = stored.and_then(|json| serde_json::from_str(json).ok());
                    let document = change.rich_content.unwrap_or(stored);
                    rules::check_content(&content, document.as_ref())?;
                    media::check_linked(&content, document.as_ref())?;
                    tickets::edit_message(c, &scene, key, id, mine_and_there, (content, document))
                        .await
                        .map_err(refusal)?;
                }
                if let Some(is_task) = change.is_task {
                    comments::set_extras(c, project, id, now.source_comment, is_task).await?;
                }
                if change.deleted == Some(true) {
                    tickets::delete_message(c, &scene, key, id, mine_and_there)
                        .await
                        .map_err(refusal)?;
                }
                let now = comments::find(c, project, id).await?;
                Ok::<_, ApiError>(show_one(c, now.ok_or_else(ApiError::not_found)?).await?)
            })
        })
        .await?;
    call.app.tickets_changed(project);
    Ok(Json(view).into_response())
}

fn refusal(error: MessageWriteError) -> ApiError {
    match error {
        MessageWriteError::Store(error) => error.into(),
        MessageWriteError::Refused(MessageError::NotAuthor) => not_mine(),
        MessageWriteError::NoTicket | MessageWriteError::Refused(_) => ApiError::not_found(),
    }
}

fn not_mine() -> ApiError {
    ApiError::permission_denied("You can only modify your own comments")
}

/// The comment that the path names; what is no UUID names none.
fn comment_id(call: &Call) -> Result<MessageId, ApiError> {
    let id = call.params.uuid("comment_id");
    id.map(MessageId).ok_or_else(ApiError::not_found)
}
