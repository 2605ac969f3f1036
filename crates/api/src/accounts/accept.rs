//! `GET, POST /api/invites/:token/`: accepting an invitation.

use super::login::Beginning;
use crate::openapi::{CommonErrors, ErrorEnvelope};
use crate::users::{self, Me};
use crate::{ApiError, Routes, Visit};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::Env;
use model::fields::Fields;
use model::passwords::Password;
use model::rates;
use model::secrets::digest;
use serde::Serialize;
use store::invites::{self, FoundInvite};
use store::project_log::OrganizationAuthor;
use store::users::{NewUser, User};
use store::{Conn, organizations};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .open::<__path_retrieve, _, _>(retrieve)
        .open::<__path_create, _, _>(create)
}

const NAME_MAX: usize = 200;

/// An invitation, as the person who is invited sees it.
#[derive(Serialize, ToSchema)]
struct Invitation {
    organization_name: String,
    #[schema(format = "email")]
    email: String,
    /// 1 for a member, 8 for an admin.
    level: i64,
    /// Whether the address has an account: its owner signs in first, and then accepts.
    has_account: bool,
}

/// How an invitation is accepted by somebody without an account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct Acceptance {
    /// First and last name.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: Option<String>,
}

/// An invitation
///
/// Open to who has its link; 404 when it was accepted or taken back, or is older than seven days.
#[utoipa::path(
    get,
    path = "/api/invites/{token}/",
    operation_id = "invites_retrieve",
    params(("token" = String, Path, description = "The last part of the link.")),
    responses((status = 200, description = "The invitation.", body = Invitation), CommonErrors),
    security(())
)]
async fn retrieve(visit: Visit) -> Result<Response, ApiError> {
    visit.throttle_address(&rates::LOGIN_ADDRESS).await?;
    let (digest, now) = (digest(visit.params.text("token")), visit.app.env.now());
    let found = visit
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = invites::find_by_digest(c, &digest, now).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                let user = store::users::find_by_email(c, &found.invite.email).await?;
                Ok::<_, ApiError>((found, user.is_some()))
            })
        })
        .await?;
    let (
        FoundInvite {
            invite,
            organization_name,
        },
        has_account,
    ) = found;
    Ok(Json(Invitation {
        organization_name,
        email: invite.email,
        level: invite.level.number(),
        has_account,
    })
    .into_response())
}

/// Accept an invitation
///
/// Who has no account gets one, with `name` and `password`, and is signed in. Who has one must be signed in with it
/// (and send `X-CSRFToken`), and needs no body; anybody else is answered 403. A link is good for once.
#[utoipa::path(
    post,
    path = "/api/invites/{token}/",
    operation_id = "invites_accept",
    params(("token" = String, Path, description = "The last part of the link.")),
    request_body = Acceptance,
    responses(
        (status = 201, description = "The new member as `GET /api/users/@me/` shows it.", body = Me),
        (status = 409, description = "Meanwhile the address has an account.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(())
)]
async fn create(visit: Visit) -> Result<Response, ApiError> {
    visit.throttle_address(&rates::LOGIN_ADDRESS).await?;
    let app = visit.app.clone();
    let (token, now) = (digest(visit.params.text("token")), app.env.now());
    let (found, owner) = app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = invites::find_by_digest(c, &token, now).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                let owner = store::users::find_by_email(c, &found.invite.email).await?;
                Ok::<_, ApiError>((found, owner))
            })
        })
        .await?;
    let Some(owner) = owner else {
        return sign_up(visit, found).await;
    };
    // A link shows who was invited to whom it was sent, not that its holder is that person: an admin has it too.
    let caller = visit.signed_in().await?;
    let caller = caller.filter(|caller| caller.user.id == owner.id);
    let caller = caller.ok_or_else(|| {
        ApiError::permission_denied("Sign in with the invited address to accept this invitation.")
    })?;
    let env = app.env.clone();
    app.store
        .write(move |c| Box::pin(async move { join(c, &found, &owner, &env).await }))
        .await?;
    app.forget_cached();
    let me = users::me(&app, caller).await?;
    Ok((StatusCode::CREATED, Json(me)).into_response())
}

async fn sign_up(mut visit: Visit, found: FoundInvite) -> Result<Response, ApiError> {
    let fields = Fields::of(visit.json().await?)?;
    let name = fields.text("name").max(NAME_MAX).required()?;
    let password = fields.read("password", Password::new()).required()?;
    let app = visit.app.clone();
    let new = NewUser {
        email: found.invite.email.clone(),
        name,
        password_hash: Some(app.passwords.hash(&app.env, password).await?),
    };
    let beginning = Beginning::of(&visit);
    let (opening, env) = (beginning.clone(), app.env.clone());
    let user = app
        .store
        .write(move |c| {
            Box::pin(async move {
                let user = store::users::create(c, &env, &new).await.map_err(taken)?;
                join(c, &found, &user, &env).await?;
                opening.open(c, user.id).await?;
                Ok::<_, ApiError>(user)
            })
        })
        .await?;
    beginning.respond(&visit, StatusCode::CREATED, user).await
}

/// Somebody was faster: perhaps the same person with another invitation.
fn taken(error: store::Error) -> ApiError {
    if error.is_unique("users.email") {
        ApiError::conflict("This address has an account by now: sign in to accept.")
    } else {
        error.into()
    }
}

/// Uses an invitation up. Who is a member already stays what they are.
async fn join(c: &Conn, found: &FoundInvite, user: &User, env: &Env) -> Result<(), ApiError> {
    let organization = found.invite.organization_id;
    let invite = invites::delete(c, organization, found.invite.id).await?;
    let invite = invite.ok_or_else(ApiError::not_found)?;
    let known = organizations::find_level(c, organization, user.id).await?;
    if known.is_none() {
        organizations::set_member(c, organization, user.id, invite.level, env.now()).await?;
        let author = OrganizationAuthor {
            organization,
            user: user.id,
            client: None,
            env: env.clone(),
        };
        author.did_to(c, "member_joined", &user.email).await?;
    }
    Ok(())
}
