//! `POST /api/login/`, `POST /api/logout/`, `POST /api/logout/everywhere/`.

use super::device;
use crate::openapi::CommonErrors;
use crate::users::{self, Me};
use crate::{Access, ApiError, Call, Caller, Routes, Visit, cookies};
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::passwords::Password;
use model::rates;
use model::sessions::{self, LIFETIME, SessionSecret};
use model::{Code, FieldError, SessionId, Timestamp, UserId};
use store::Conn;
use store::sessions::Session;
use store::users::{User, normal_email};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .open::<__path_login, _, _>(login)
        .add::<__path_logout, _, _>(Access::anyone_signed_in().by_session(), logout)
        .add::<__path_logout_everywhere, _, _>(
            Access::anyone_signed_in().by_session(),
            logout_everywhere,
        )
}

/// Who wants to sign in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct Login {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(format = "password", max_length = 256)]
    password: String,
}

/// Sign in
///
/// Begins a session of this browser: sets the session's cookie, which scripts cannot read, and the cookie
/// `thicket_csrf`, whose value must come back as the header `X-CSRFToken` of every request that changes something.
/// A session lasts 14 days from its last use. An unknown address and a wrong password are answered alike: 400
/// `invalid_credentials`. Attempts are counted for each network, and for each e-mail address; a browser in which it has
/// signed in before is counted by itself.
#[utoipa::path(
    post,
    path = "/api/login/",
    operation_id = "login_create",
    request_body = Login,
    responses((status = 200, description = "Signed in; the caller as `GET /api/users/@me/` shows it.", body = Me), CommonErrors),
    security(())
)]
async fn login(mut visit: Visit) -> Result<Response, ApiError> {
    visit.throttle_address(&rates::LOGIN_ADDRESS).await?;
    let fields = Fields::of(visit.json().await?)?;
    let email = normal_email(&fields.text("email").max(254).required()?);
    let password = fields.read("password", Password::known()).required()?;
    let app = visit.app.clone();
    throttle(&visit, &email).await?;
    let found = app
        .store
        .read(move |c| Box::pin(async move { store::users::find_login(c, &email).await }))
        .await?;
    let hash = found.as_ref().and_then(|found| found.password_hash.clone());
    let is_right = app.passwords.is_right(password, hash.clone()).await?;
    let wrong = || {
        ApiError::from(FieldError::whole(
            Code::InvalidCredentials,
            Code::InvalidCredentials.entry().detail,
        ))
    };
    let user = found.filter(|_| is_right).ok_or_else(wrong)?.user;
    let beginning = Beginning::of(&visit);
    let opening = beginning.clone();
    let person = user.id;
    let is_open = app
        .store
        .write(move |c| {
            Box::pin(async move {
                // A password that was changed meanwhile has ended all sessions, and this is not to outlive it.
                if store::users::lock_password(c, person).await? != hash {
                    return Ok(false);
                }
                opening.open(c, person).await?;
                Ok::<_, store::Error>(true)
            })
        })
        .await?;
    if !is_open {
        return Err(wrong());
    }
    beginning.respond(&visit, StatusCode::OK, user).await
}

/// Counts an attempt with an address: in a browser that is known by itself, else for the network and for all.
async fn throttle(visit: &Visit, email: &str) -> Result<(), ApiError> {
    let app = &visit.app;
    if let Some(device) = device::known(visit, email) {
        let subject = format!("device {device} {email}");
        return app.throttle_stranger(&rates::LOGIN_EMAIL, &subject).await;
    }
    let subject = format!("{} {email}", visit.network());
    app.throttle_stranger(&rates::LOGIN_EMAIL, &subject).await?;
    app.throttle_stranger(&rates::LOGIN_EMAIL_ANYWHERE, email)
        .await
}

/// Sign out
///
/// Ends the session of this browser. For sessions only.
#[utoipa::path(
    post,
    path = "/api/logout/",
    operation_id = "logout_create",
    responses((status = 204, description = "Signed out."), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn logout(call: Call) -> Result<Response, ApiError> {
    let user = call.user_id();
    if let Some(session) = call.caller.session {
        call.app
            .store
            .write(move |c| {
                Box::pin(async move { store::sessions::delete(c, user, session).await })
            })
            .await?;
    }
    Ok(signed_out(&call))
}

/// Sign out everywhere
///
/// Ends all sessions of the caller, this one included. Keys stay valid. For sessions only.
#[utoipa::path(
    post,
    path = "/api/logout/everywhere/",
    operation_id = "logout_everywhere_create",
    responses((status = 204, description = "Signed out."), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn logout_everywhere(call: Call) -> Result<Response, ApiError> {
    let user = call.user_id();
    call.app
        .store
        .write(move |c| {
            Box::pin(async move { store::sessions::delete_of_user(c, user, None).await })
        })
        .await?;
    Ok(signed_out(&call))
}

fn signed_out(call: &Call) -> Response {
    // Here at once, elsewhere within a tenth of a second.
    call.app.caches.sessions.forget(|_| true);
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies::clear(response.headers_mut(), &call.base_url);
    response
}

/// A session that is about to begin. Its secret is always a new one, whatever the browser came with: who has planted
/// a cookie in somebody's browser is not to share what that person does.
#[derive(Clone)]
pub(super) struct Beginning {
    id: SessionId,
    secret: SessionSecret,
    /// The session that this browser had before; it ends.
    former: Option<SessionSecret>,
    user_agent: String,
    now: Timestamp,
}

impl Beginning {
    pub(super) fn of(visit: &Visit) -> Self {
        let env = &visit.app.env;
        Self {
            id: SessionId(env.uuid()),
            secret: SessionSecret::new(env),
            former: visit.session_secret(),
            user_agent: user_agent(&visit.headers),
            now: env.now(),
        }
    }

    /// Stores the session, in the transaction of whatever it is the end of.
    pub(super) async fn open(&self, c: &Conn, user: UserId) -> store::Result<()> {
        if let Some(former) = &self.former {
            store::sessions::delete_by_digest(c, &former.digest()).await?;
        }
        let session = Session {
            id: self.id,
            user_id: user,
            user_agent: self.user_agent.clone(),
            created_at: self.now,
            last_seen_at: self.now,
            expires_at: self.now.plus(LIFETIME),
        };
        store::sessions::create(c, &session, &self.secret.digest()).await
    }

    /// Tells the browser about the session, and who has signed in.
    pub(super) async fn respond(
        &self,
        visit: &Visit,
        status: StatusCode,
        user: User,
    ) -> Result<Response, ApiError> {
        visit.app.caches.sessions.forget(|_| true);
        let email = normal_email(&user.email);
        let caller = Caller {
            user,
            key: None,
            session: Some(self.id),
        };
        let me = users::me(&visit.app, caller).await?;
        let mut response = (status, Json(me)).into_response();
        let headers = response.headers_mut();
        cookies::set(headers, &visit.base_url, &self.secret);
        device::remember(headers, &visit.app, &visit.base_url, &email);
        Ok(response)
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let header = headers.get(header::USER_AGENT);
    sessions::user_agent(
        header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
    )
}
