//! `GET /api/users/@me/sessions/`, `DELETE /api/users/@me/sessions/:id/`: where the caller is signed in.

use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::pagination::Bounds;
use model::{SessionId, Timestamp};
use serde::Serialize;
use store::sessions::Session;
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("user"), list)
        .add::<__path_destroy, _, _>(Access::write("user"), destroy)
}

const PAGE: Bounds = Bounds::THOUSAND;

/// One browser in which the caller is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// What the browser called itself.
    user_agent: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the hour.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// Moves on when the session is used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether this request came with it.
    is_current: bool,
}

page_schema! {
    /// A page of sessions.
    SessionList of SessionView as PaginatedSessionList
}

/// List one's sessions
///
/// Where the caller is signed in, the browser last used first.
#[utoipa::path(
    get,
    path = "/api/users/@me/sessions/",
    operation_id = "users_sessions_list",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many, and at most 1000; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of sessions.", body = SessionList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["user:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let (user, now) = (call.user_id(), call.app.env.now());
    let page = call.page(PAGE);
    let (sessions, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                store::sessions::list_of_user(c, user, now, page.limit, page.offset).await
            })
        })
        .await?;
    let current = call.caller.session;
    let view = |session: Session| SessionView {
        id: session.id,
        user_agent: session.user_agent,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        is_current: Some(session.id) == current,
    };
    let views = sessions.into_iter().map(view).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// End a session
///
/// Signs the caller out in one browser. It takes effect within a second.
#[utoipa::path(
    delete,
    path = "/api/users/@me/sessions/{session_id}/",
    operation_id = "users_sessions_destroy",
    params(("session_id" = Uuid, Path, description = "The session.")),
    responses((status = 204, description = "Ended."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["user:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let id = call.params.uuid("session_id").map(SessionId);
    let (id, user) = (id.ok_or_else(ApiError::not_found)?, call.user_id());
    let is_ended = call
        .app
        .store
        .write(move |c| Box::pin(async move { store::sessions::delete(c, user, id).await }))
        .await?;
    if !is_ended {
        return Err(ApiError::not_found());
    }
    // Here at once, elsewhere within a tenth of a second.
    call.app.caches.sessions.forget(|_| true);
    Ok(StatusCode::NO_CONTENT.into_response())
}
