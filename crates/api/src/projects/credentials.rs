//! A project's secrets, for its admins: the secret token and its rotation, and keys with a name (conventions.md 2.2).

use super::forget;
use super::log::author;
use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::fields::{Fields, List, Text};
use model::pagination::Bounds;
use model::scopes::Scopes;
use model::{Code, FieldError, KeyId, Timestamp, secrets};
use serde::Serialize;
use store::project_keys::{self, ProjectKey};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds::PLAIN;
const LABEL_MAX: usize = 40;

pub(super) fn routes() -> Routes {
    let (read, write) = (Access::read("project"), Access::write("project"));
    Routes::new()
        .add::<__path_reveal, _, _>(write.admin(), reveal)
        .add::<__path_rotate, _, _>(write.admin(), rotate)
        .add::<__path_drop_backup, _, _>(write.admin(), drop_backup)
        .add::<__path_list, _, _>(read.admin(), list)
        .add::<__path_create, _, _>(write.admin(), create)
        .add::<__path_destroy, _, _>(write.admin(), destroy)
}

/// A project's secret token.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectSecret)]
struct SecretView {
    /// What signs the identity of visitors, and opens the external API.
    secret_token: String,
}

/// Read the secret token
///
/// The present one. A POST, because the log of changes says who has read it and when. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/reveal_secret_token/",
    operation_id = "projects_reveal_secret_token_create",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "The token.", body = SecretView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn reveal(call: Call) -> Result<Response, ApiError> {
    let (id, key, author) = (
        call.project_id()?,
        call.app.secret_key.clone(),
        author(&call)?,
    );
    let secret_token = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let secret = store::projects::find_secret(c, &key, id).await?;
                author.did(c, "secret_revealed").await?;
                Ok::<_, store::Error>(secret)
            })
        })
        .await?;
    Ok(not_stored(SecretView { secret_token }))
}

/// An answer with a secret in it.
fn not_stored(view: SecretView) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(view)).into_response()
}

/// Rotate the secret token
///
/// The new token is answered. The one before it stays valid, for the identity of visitors and for the external API, until
/// it is dropped or the token is rotated again. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/rotate_secret_token/",
    operation_id = "projects_rotate_secret_token_create",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "The new token.", body = SecretView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn rotate(call: Call) -> Result<Response, ApiError> {
    let (id, env, key, author) = (
        call.project_id()?,
        call.app.env.clone(),
        call.app.secret_key.clone(),
        author(&call)?,
    );
    let secret_token = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let secret = store::projects::rotate_secret(c, &env, &key, id).await?;
                author.did(c, "secret_rotated").await?;
                Ok::<_, store::Error>(secret)
            })
        })
        .await?;
    forget(&call.app, id);
    Ok(not_stored(SecretView { secret_token }))
}

/// Drop the secret token before the last rotation
///
/// From now on only the present one is valid. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/delete_secret_token_backup/",
    operation_id = "projects_delete_secret_token_backup_create",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 204, description = "Dropped, if there was one."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn drop_backup(call: Call) -> Result<Response, ApiError> {
    let (id, author) = (call.project_id()?, author(&call)?);
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                store::projects::drop_backup_secret(c, id).await?;
                author.did(c, "old_secret_dropped").await
            })
        })
        .await?;
    forget(&call.app, id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A secret key with a name.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectSecretKey)]
struct KeyView {
    #[schema(value_type = Uuid)]
    id: KeyId,
    label: String,
    mask: String,
    /// Such as `support_ticket:read`.
    scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The secret: only when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    value: Option<String>,
}

impl KeyView {
    fn of(key: ProjectKey, value: Option<String>) -> Self {
        Self {
            id: key.id,
            label: key.label,
            mask: key.mask,
            scopes: key.scopes.texts(),
            created_at: key.created_at,
            value,
        }
    }
}

/// A key to be made.
#[derive(ToSchema)]
#[schema(as = ProjectSecretKeyCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewKey {
    #[schema(min_length = 1, max_length = 40)]
    label: String,
    /// At least one, such as `support_ticket:read`.
    #[schema(min_items = 1, max_items = 20)]
    scopes: Vec<String>,
}

page_schema! {
    /// A page of keys.
    KeyList of KeyView as PaginatedProjectSecretKeyList
}

/// List the project's secret keys
///
/// Without their secrets. For admins.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/project_secret_api_keys/",
    operation_id = "project_secret_api_keys_list",
    params(
        ("project_id" = String, Path, description = "Number of the project, or `@current`."),
        ("limit" = Option<i64>, Query, description = "At most so many; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of keys.", body = KeyList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let (project, page) = (call.project_id()?, call.page(PAGE));
    let keys = call
        .app
        .store
        .read(move |c| Box::pin(project_keys::list(c, project)))
        .await?;
    let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let keys = keys.into_iter().skip(skip).take(take);
    let views: Vec<KeyView> = keys.map(|key| KeyView::of(key, None)).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Make a secret key
///
/// Its secret is answered once. With `support_ticket:read` it reads tickets at `/api/conversations/external/ticket/:id`,
/// and changes none. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/project_secret_api_keys/",
    operation_id = "project_secret_api_keys_create",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    request_body = NewKey,
    responses((status = 201, description = "The key with its secret.", body = KeyView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (project, env) = (call.project_id()?, call.app.env.clone());
    let fields = Fields::of(call.json().await?)?;
    let label = fields.text("label").max(LABEL_MAX).required()?;
    let scopes = fields.read("scopes", List::of(Text::new().max(64)).max(20).not_empty());
    let scopes = Scopes::parse(scopes.required()?)
        .map_err(|error| FieldError::at("scopes", Code::InvalidInput, error.to_string()))?;
    let secret = secrets::project_secret(&env);
    let key = ProjectKey {
        id: KeyId(env.uuid()),
        label,
        mask: secrets::mask(&secret),
        scopes,
        created_at: env.now(),
    };
    let (kept, digest, author) = (key.clone(), secrets::digest(&secret), author(&call)?);
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                project_keys::create(c, project, &kept, &digest).await?;
                author.did_to(c, "key_created", &kept.label).await
            })
        })
        .await?;
    let view = KeyView::of(key, Some(secret));
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Take a secret key away
///
/// It is void at once. For admins.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/project_secret_api_keys/{id}/",
    operation_id = "project_secret_api_keys_destroy",
    params(
        ("project_id" = String, Path, description = "Number of the project, or `@current`."),
        ("id" = String, Path, description = "UUID of the key."),
    ),
    responses((status = 204, description = "Taken away."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let id = call.params.uuid("id").ok_or_else(ApiError::not_found)?;
    let author = author(&call)?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let label = project_keys::delete(c, project, KeyId(id)).await?;
                let label = label.ok_or_else(ApiError::not_found)?;
                author.did_to(c, "key_revoked", &label).await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    forget(&call.app, project);
    Ok(StatusCode::NO_CONTENT.into_response())
}
