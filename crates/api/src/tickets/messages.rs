//! `GET …/tickets/:id/messages/` and `POST …/tickets/:id/reply/` (tickets.md 10.1, 10.2).

use super::items::after_not_found;
use super::view::raw;
use super::{check_enabled, key, scene, schema};
use crate::conversations::UserBasic;
use crate::idempotency::Once;
use crate::openapi::ErrorEnvelope;
use crate::page::page_schema;
use crate::{ApiError, Call, CommonErrors};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::error::{Code, FieldError};
use model::fields::Fields;
use model::tickets::{
    MESSAGE_MAX, MESSAGES_PAGE, Message, NewMessage, Ticket, TicketKey, author_name, rich_content,
};
use model::{MessageId, ProjectId, Timestamp, UserId, media};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use store::users::{self, User};
use store::{Conn, tickets};
use utoipa::ToSchema;

/// A message of a ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketMessage)]
pub(super) struct MessageView {
    #[schema(value_type = Uuid)]
    id: MessageId,
    /// Markdown.
    content: String,
    #[schema(value_type = serde_json::Value, required = true)]
    rich_content: Option<Box<RawValue>>,
    /// `customer`, `support`, `AI`, or another word that was stored.
    author_type: String,
    author_name: String,
    /// The member of the team who wrote it; null for the customer and the assistant.
    #[schema(value_type = Option<UserBasic>, required = true)]
    created_by: Option<UserView>,
    /// Seen by the team only.
    is_private: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Raised by every change of the content, from 0.
    version: i64,
}

page_schema! {
    /// A page of messages.
    MessageList of MessageView as PaginatedTicketMessageList
}

/// Messages of a ticket, with what is shown besides. They are shown after the transaction, as others wait for the connection.
pub(super) struct Gathered {
    ticket: Ticket,
    messages: Vec<Message>,
    authors: HashMap<UserId, User>,
}

impl Gathered {
    /// One look-up for all authors.
    pub(super) async fn new(
        c: &Conn,
        ticket: Ticket,
        messages: Vec<Message>,
    ) -> store::Result<Self> {
        let ids: Vec<_> = messages.iter().filter_map(|it| it.created_by).collect();
        Ok(Self {
            authors: users::find_many(c, &ids).await?,
            ticket,
            messages,
        })
    }

    /// One message, which the caller has written.
    pub(super) fn own(ticket: Ticket, message: Message, caller: &User) -> Self {
        Self {
            ticket,
            messages: vec![message],
            authors: HashMap::from([(caller.id, caller.clone())]),
        }
    }

    /// The messages as clients see them.
    pub(super) fn show(self) -> store::Result<Vec<MessageView>> {
        let (ticket, authors) = (&self.ticket, &self.authors);
        let messages = self.messages.into_iter();
        messages.map(|it| show(ticket, it, authors)).collect()
    }

    /// The only message as clients see it.
    pub(super) fn show_one(self) -> store::Result<MessageView> {
        self.show()?.pop().ok_or(store::Error::NoRow)
    }
}

fn show(
    ticket: &Ticket,
    message: Message,
    authors: &HashMap<UserId, User>,
) -> store::Result<MessageView> {
    let context = message.context();
    let user = message.created_by.and_then(|id| authors.get(&id));
    let author = user.map(|user| (user.first_name.as_str(), user.email.as_str()));
    let author_type = context.get("author_type").and_then(Value::as_str);
    Ok(MessageView {
        id: message.id,
        author_type: author_type.unwrap_or("customer").to_owned(),
        author_name: author_name(&context, author, ticket),
        created_by: user.map(crate::people::basic),
        content: message.content,
        rich_content: match message.rich_content {
            Some(json) => Some(raw("ticket_message.rich_content", json)?),
            None => None,
        },
        is_private: message.is_private,
        created_at: message.created_at,
        version: message.version,
    })
}

/// List a ticket's messages
///
/// Oldest first, private ones included. Marks nothing as read.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/messages/",
    operation_id = "conversations_tickets_messages_list",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 50, at most 200."),
        ("offset" = Option<i64>, Query, description = "Messages to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of messages.", body = MessageList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn list(call: Call) -> Result<Response, ApiError> {
    let (project, key) = (call.project_id()?, key(&call)?);
    let page = call.page(MESSAGES_PAGE);
    let (gathered, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let ticket = tickets::find(c, project, key).await?;
                let ticket = ticket.ok_or_else(ApiError::not_found)?;
                let (found, count) = tickets::list_messages(c, project, ticket.id, page).await?;
                Ok::<_, ApiError>((Gathered::new(c, ticket, found).await?, count))
            })
        })
        .await?;
    let views = gathered.show()?;
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Reply to a ticket
///
/// Or leave a note that only the team sees. With an `Idempotency-Key` it is sent once, however often the request is
/// within a day.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tickets/{id}/reply/",
    operation_id = "conversations_tickets_reply_create",
    tag = "tickets",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("id" = String, Path, description = "UUID or number of the ticket."),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Names the attempt."),
    ),
    request_body = schema::ReplyFields,
    responses(
        CommonErrors,
        (status = 201, description = "The message.", body = MessageView),
        (status = 409, description = "The key was used for another request.", body = ErrorEnvelope),
    ),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
pub(super) async fn reply(mut call: Call) -> Result<Response, ApiError> {
    let key = key(&call)?;
    let what = format!("POST reply {}", call.params.text("id"));
    // What is wrong with it is told in its turn.
    let once = Once::of(&mut call, &what).await;
    let is_repeated = match &once {
        Ok(Some(once)) => once.is_repeated(&call).await?,
        _ => false,
    };
    if !is_repeated {
        call.app.throttle_replies(&call).await?;
    }
    let (once, new) = match read_reply(&mut call, once).await {
        Ok(reply) => reply,
        Err(error) => return Err(after_not_found(&call, error).await),
    };
    let scene = scene(&call)?;
    let (project, id) = (scene.project, new.id);
    let (ticket, message) = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let made = match once {
                    Some(once) => once.claim(c, id.into(), scene.now).await?,
                    None => None,
                };
                let added = match made.map(MessageId) {
                    Some(made) => sent(c, project, key, made).await?,
                    None => tickets::add_message(c, &scene, key, &new, false).await?,
                };
                added.ok_or_else(ApiError::not_found)
            })
        })
        .await?;
    call.app.tickets_changed(project);
    let shown = Gathered::own(ticket, message, &call.caller.user).show_one()?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// What is to be sent, when it may be.
async fn read_reply(
    call: &mut Call,
    once: Result<Option<Once>, ApiError>,
) -> Result<(Option<Once>, NewMessage), ApiError> {
    check_enabled(call)?;
    let once = once?;
    let (id, user) = (MessageId(call.app.env.uuid()), call.user_id());
    let fields = Fields::of(call.json().await?)?;
    let content = text(&fields)?;
    let is_private = fields.boolean("is_private").or(false)?;
    let rich_content = rich_content(&fields)?;
    media::check_linked(&content, rich_content.as_ref())?;
    let new = NewMessage {
        rich_content,
        ..NewMessage::by_team(id, user, content, is_private)
    };
    Ok((once, new))
}

/// A message that is there already, with its ticket.
async fn sent(
    c: &Conn,
    project: ProjectId,
    key: TicketKey,
    id: MessageId,
) -> store::Result<Option<(Ticket, Message)>> {
    let ticket = tickets::find(c, project, key).await?;
    let message = tickets::find_message(c, project, id).await?;
    Ok(ticket.zip(message.filter(|message| !message.is_deleted)))
}

/// The member `message`; a blank one has a sentence of its own (tickets.md 10.2).
pub(super) fn text(fields: &Fields<'_>) -> Result<String, FieldError> {
    let text = fields.text("message").max(MESSAGE_MAX).required();
    text.map_err(|error| match error.code {
        Code::Blank => FieldError {
            detail: "Message content is required.".to_owned(),
            ..error
        },
        _ => error,
    })
}
