//! `/api/personal_api_keys/`: the caller's own keys, and what the key that is used is and may do.
//!
//! Keys are made and changed by people who have signed in only: else a key could make itself a greater one.

mod schema;
mod wanted;

use crate::openapi::{CommonErrors, ErrorEnvelope};
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::pagination::Bounds;
use model::scopes::Scopes;
use model::{Code, FieldError, KeyId, UserId, secrets};
use schema::{
    KeyList, NewPersonalApiKey, PatchedPersonalApiKey, PersonalApiKey, PersonalApiKeyCreate,
    ScopeList, ScopeView,
};
use store::Conn;
use store::keys::Key;
use wanted::Wanted;

const PAGE: Bounds = Bounds::PLAIN;
/// The most keys of a person that are not revoked.
const KEYS_MAX: i64 = 100;

pub(crate) fn routes() -> Routes {
    let signed_in = Access::anyone_signed_in().by_session();
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::anyone_signed_in(), retrieve)
        .add::<__path_scopes, _, _>(Access::anyone_signed_in(), scopes)
        .add::<__path_list, _, _>(Access::read("user"), list)
        .add::<__path_create, _, _>(signed_in, create)
        .add::<__path_partial_update, _, _>(signed_in, partial_update)
        .add::<__path_destroy, _, _>(signed_in, destroy)
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
    Ok(Json(PersonalApiKey::of(key)).into_response())
}

/// What scopes there are
///
/// Needs no scope.
#[utoipa::path(
    get,
    path = "/api/personal_api_keys/scopes/",
    operation_id = "personal_api_keys_scopes_list",
    responses((status = 200, description = "Every scope that a key can be given.", body = ScopeList), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn scopes(_call: Call) -> Result<Response, ApiError> {
    let view = |(scope, description): (String, &str)| ScopeView {
        scope,
        description: description.to_owned(),
    };
    let results = model::scopes::described().map(view).collect();
    Ok(Json(ScopeList { results }).into_response())
}

/// List one's keys
///
/// The caller's own, the oldest first, without those that are revoked.
#[utoipa::path(
    get,
    path = "/api/personal_api_keys/",
    operation_id = "personal_api_keys_list",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of keys.", body = KeyList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["user:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let (user, page) = (call.user_id(), call.page(PAGE));
    let (keys, count) = call
        .app
        .store
        .read(move |c| Box::pin(async move { store::keys::page_of_user(c, user, page).await }))
        .await?;
    let views: Vec<_> = keys.into_iter().map(PersonalApiKey::of).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Make a key
///
/// For the caller, who must have signed in. The answer holds the secret, once. A person has at most 100 keys.
#[utoipa::path(
    post,
    path = "/api/personal_api_keys/",
    operation_id = "personal_api_keys_create",
    request_body = PersonalApiKeyCreate,
    responses(
        (status = 201, description = "The key and its secret.", body = NewPersonalApiKey),
        (status = 409, description = "The caller has as many keys as there may be.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (user, env) = (call.user_id(), call.app.env.clone());
    let fields = Fields::of(call.json().await?)?;
    let wanted = Wanted::read(&fields)?;
    for (name, is_missing) in [
        ("label", wanted.label.is_none()),
        ("scopes", wanted.scopes.is_none()),
    ] {
        if is_missing {
            return Err(FieldError::plain(name, Code::Required).into());
        }
    }
    let secret = secrets::personal_key(&env);
    let digest = secrets::digest(&secret);
    let mut key = Key {
        id: KeyId(env.uuid()),
        user_id: user,
        label: String::new(),
        mask: secrets::mask(&secret),
        scopes: Scopes::default(),
        scoped_projects: Vec::new(),
        scoped_organizations: Vec::new(),
        unthrottled: false,
        created_at: env.now(),
        last_used_at: None,
        revoked_at: None,
    };
    let key = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                wanted.check(c, user).await?;
                if store::keys::count_of_user(c, user).await? >= KEYS_MAX {
                    return Err(ApiError::conflict("A person has at most 100 keys."));
                }
                wanted.apply(&mut key);
                store::keys::create(c, &key, &digest).await?;
                Ok(key)
            })
        })
        .await?;
    let made = NewPersonalApiKey {
        key: PersonalApiKey::of(key),
        value: secret,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(made)).into_response())
}

fn key_id(call: &Call) -> Result<KeyId, ApiError> {
    let id = call.params.uuid("key_id").map(KeyId);
    id.ok_or_else(ApiError::not_found)
}

/// One of the person's own keys that is still worth something.
async fn find(c: &Conn, user: UserId, id: KeyId) -> Result<Key, ApiError> {
    let found = store::keys::find(c, id).await?;
    found
        .filter(|key| key.user_id == user && key.revoked_at.is_none())
        .ok_or_else(ApiError::not_found)
}

/// Change a key
///
/// One of the caller's own, who must have signed in. Only the members that are named change; the secret stays.
#[utoipa::path(
    patch,
    path = "/api/personal_api_keys/{key_id}/",
    operation_id = "personal_api_keys_partial_update",
    params(("key_id" = Uuid, Path, description = "The key.")),
    request_body = PatchedPersonalApiKey,
    responses((status = 200, description = "The key.", body = PersonalApiKey), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (user, id) = (call.user_id(), key_id(&call)?);
    let wanted = Wanted::read(&Fields::of(call.json().await?)?)?;
    let key = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let mut key = find(c, user, id).await?;
                wanted.check(c, user).await?;
                wanted.apply(&mut key);
                store::keys::update(c, &key).await?;
                Ok::<_, ApiError>(key)
            })
        })
        .await?;
    // Here at once, elsewhere within a tenth of a second.
    call.app.forget_cached();
    Ok(Json(PersonalApiKey::of(key)).into_response())
}

/// Revoke a key
///
/// One of the caller's own, who must have signed in. It takes effect within a second.
#[utoipa::path(
    delete,
    path = "/api/personal_api_keys/{key_id}/",
    operation_id = "personal_api_keys_destroy",
    params(("key_id" = Uuid, Path, description = "The key.")),
    responses((status = 204, description = "Revoked."), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (user, id, now) = (call.user_id(), key_id(&call)?, call.app.env.now());
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                find(c, user, id).await?;
                store::keys::revoke(c, id, now).await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    call.app.forget_cached();
    Ok(StatusCode::NO_CONTENT.into_response())
}
