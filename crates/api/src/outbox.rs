//! `GET /api/projects/:id/conversations/outbox/`: the mails that the project sends, so that they can be read where
//! no mail server is set; `POST …/outbox/:mail_id/resend/`: another try for one that was given up.

use crate::openapi::{CommonErrors, ErrorEnvelope};
use crate::projects::log::author;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::pagination::Bounds;
use model::{MailId, Timestamp};
use serde::Serialize;
use store::outbox::{Mail, Resent};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds {
    default: 100,
    max: Some(1000),
};

pub(crate) fn routes() -> Routes {
    // A mail may hold a link that opens a customer's tickets, so not every member reads them.
    Routes::new()
        .add::<__path_list, _, _>(Access::read("project").admin(), list)
        .add::<__path_resend, _, _>(Access::write("project").admin(), resend)
}

/// A mail that waits, or that was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = OutgoingMail)]
struct MailView {
    #[schema(value_type = Uuid)]
    id: MailId,
    /// What it is for: `new_ticket`, `restore`, …
    purpose: String,
    to: String,
    subject: String,
    text: String,
    #[schema(required = true)]
    html: Option<String>,
    /// `queued`, `sending`, `sent` or `failed`.
    state: &'static str,
    /// How often it was tried to send it.
    attempts: i64,
    /// Why the last attempt failed.
    #[schema(required = true)]
    error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// What is not sent by then is given up.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    sent_at: Option<Timestamp>,
}

impl From<Mail> for MailView {
    fn from(mail: Mail) -> Self {
        Self {
            id: mail.id,
            purpose: mail.purpose,
            to: mail.to,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            state: mail.state.as_str(),
            attempts: mail.attempts,
            error: mail.error,
            created_at: mail.created_at,
            expires_at: mail.expires_at,
            sent_at: mail.sent_at,
        }
    }
}

/// A page of mails.
#[derive(ToSchema)]
#[schema(as = PaginatedOutgoingMailList)]
#[expect(dead_code, reason = "describes model::pagination::Paginated")]
struct MailList {
    count: i64,
    #[schema(format = "uri")]
    next: Option<String>,
    #[schema(format = "uri")]
    previous: Option<String>,
    results: Vec<MailView>,
}

/// List the outgoing mails
///
/// Newest first, kept for 30 days. For admins of the organisation: a mail may hold a link that opens a customer's
/// tickets. Without a mail server mails stay `queued`.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/outbox/",
    operation_id = "conversations_outbox_list",
    tag = "outbox",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Mails to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of mails.", body = MailList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let page = call.page(PAGE);
    let (mails, count) = call
        .app
        .store
        .read(move |c| Box::pin(async move { store::outbox::list(c, project, page).await }))
        .await?;
    let views: Vec<MailView> = mails.into_iter().map(MailView::from).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Send a mail again
///
/// Puts a mail that `failed` back among those that wait, for another round of attempts. What has not failed is answered
/// 409, and so is what has expired: what it says is of no use any more. For admins of the organisation.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/outbox/{mail_id}/resend/",
    operation_id = "conversations_outbox_resend",
    tag = "outbox",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("mail_id" = Uuid, Path, description = "The mail."),
    ),
    responses(
        (status = 200, description = "The mail, `queued`.", body = MailView),
        (status = 409, description = "It has not failed, or has expired.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn resend(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let id = call.params.uuid("mail_id").map(MailId);
    let id = id.ok_or_else(ApiError::not_found)?;
    let now = call.app.env.now();
    let author = author(&call)?;
    let resent = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let resent = store::outbox::resend(c, project, id, now).await?;
                if let Some(Resent::Queued(mail)) = &resent {
                    author.did_to(c, "mail_resent", &mail.subject).await?;
                }
                Ok::<_, store::Error>(resent)
            })
        })
        .await?;
    match resent.ok_or_else(ApiError::not_found)? {
        Resent::Queued(mail) => Ok(Json(MailView::from(*mail)).into_response()),
        Resent::NotFailed => Err(ApiError::conflict("This mail has not failed.")),
        Resent::Expired => Err(ApiError::conflict(
            "This mail has expired: what it says is of no use any more.",
        )),
    }
}
