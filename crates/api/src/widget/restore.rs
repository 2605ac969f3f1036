//! `POST /restore/request` and `POST /restore`: a visitor's tickets go with them to a new browser (tickets.md 14.6).

use super::access::VisitorCall;
use super::{forbidden, read};
use crate::ApiError;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::outbox::restore_mail;
use model::widget::{RESTORE_LIVES, Redemption, RestoreRequest, Site, is_listed, restore_link};
use model::{MailId, TicketId, secrets};
use serde::Serialize;
use serde_json::json;
use store::restore::{self, Redeemed};
use store::{Error, outbox};
use uuid::Uuid;

/// Answers the same whether or not the address has tickets, and does nearly the same: a token is always stored.
pub(super) async fn request(visit: VisitorCall) -> Result<Response, ApiError> {
    check_enabled(&visit)?;
    let wanted = read(&visit, RestoreRequest::read)?;
    check_page(&visit, &wanted.url)?;
    let (project, name) = (visit.project().id, visit.project().name.clone());
    let env = visit.app.env.clone();
    visit
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let now = env.now();
                let expires_at = now.plus(RESTORE_LIVES);
                let token = secrets::restore_token(&env);
                let digest = secrets::digest(&token);
                let email = &wanted.email;
                restore::create(c, project, &digest, email, now, expires_at).await?;
                if !restore::list_tickets(c, project, email).await?.is_empty() {
                    let link = restore_link(&wanted.url, &token);
                    let id = MailId(env.uuid());
                    let mail = restore_mail(id, email, &name, &link, expires_at);
                    outbox::append(c, project, &mail, now).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(Json(json!({"ok": true})).into_response())
}

fn check_enabled(visit: &VisitorCall) -> Result<(), ApiError> {
    if visit.project().settings.widget_restore_enabled {
        return Ok(());
    }
    Err(forbidden("Restore is not enabled"))
}

/// The link may lead only to the page that asks, on a site that the project lists: else it could lead the customer
/// into a trap. Here an empty list means none.
fn check_page(visit: &VisitorCall, url: &str) -> Result<(), ApiError> {
    let site = Site::of(url).filter(|site| visit.origin().as_ref() == Some(site));
    let site = site.ok_or_else(|| forbidden("URL must match request origin"))?;
    if is_listed(&visit.project().settings.widget_domains, site.host()) {
        return Ok(());
    }
    Err(forbidden("URL domain not allowed"))
}

/// What came of a token.
#[derive(Serialize)]
struct Outcome {
    status: &'static str,
    code: Option<&'static str>,
    widget_session_id: Option<Uuid>,
    migrated_ticket_ids: Vec<TicketId>,
}

pub(super) async fn redeem(visit: VisitorCall) -> Result<Response, ApiError> {
    check_enabled(&visit)?;
    let Redemption { token, session } = read(&visit, Redemption::read)?;
    let (project, now) = (visit.project().id, visit.app.env.now());
    let digest = secrets::digest(&token);
    let redeemed = visit
        .app
        .store
        .write(move |c| {
            Box::pin(async move { restore::redeem(c, project, &digest, session, now).await })
        })
        .await?;
    let (status, code, moved) = match redeemed {
        Redeemed::Moved(tickets) => ("success", None, tickets),
        Redeemed::Expired => ("expired", Some("token_expired"), Vec::new()),
        Redeemed::Used => ("used", Some("token_already_used"), Vec::new()),
        Redeemed::Unknown => ("invalid", Some("token_invalid"), Vec::new()),
    };
    Ok(Json(Outcome {
        status,
        code,
        widget_session_id: code.is_none().then_some(session),
        migrated_ticket_ids: moved,
    })
    .into_response())
}
