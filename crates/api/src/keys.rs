//! `GET /api/personal_api_keys/@current/`: what a key is and may do.

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::{KeyId, OrganizationId, ProjectId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_retrieve, _, _>(Access::anyone_signed_in(), retrieve)
}

/// A personal API key. The secret itself is kept nowhere.
#[derive(Serialize, ToSchema)]
struct PersonalApiKey {
    #[schema(value_type = Uuid)]
    id: KeyId,
    label: String,
    /// What may be shown of the secret.
    mask_value: String,
    #[schema(value_type = i64)]
    user_id: UserId,
    /// Such as `conversation:read`; `*` is everything.
    scopes: Vec<String>,
    /// The only projects it may be used on; empty means all.
    #[schema(value_type = Vec<i64>)]
    scoped_teams: Vec<ProjectId>,
    /// The only organisations it may be used on; empty means all.
    #[schema(value_type = Vec<Uuid>)]
    scoped_organizations: Vec<OrganizationId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the hour.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// The key that is used
///
/// Tells a key its own label, scopes and restrictions. Needs no scope.
#[utoipa::path(
    get,
    path = "/api/personal_api_keys/@current/",
    operation_id = "personal_api_keys_retrieve",
    responses((status = 200, description = "The key.", body = PersonalApiKey), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    // Who is signed in without a key has no current one.
    let key = call.caller.key.ok_or_else(ApiError::not_found)?;
    Ok(Json(PersonalApiKey {
        id: key.id,
        label: key.label,
        mask_value: key.mask,
        user_id: key.user_id,
        scopes: key.scopes.texts(),
        scoped_teams: key.scoped_projects,
        scoped_organizations: key.scoped_organizations,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
    })
    .into_response())
}
