//! `GET, POST /api/setup/`: the first organisation, project and person of a new server.

use super::login::Beginning;
use crate::openapi::CommonErrors;
use crate::users::Me;
use crate::{ApiError, Routes, Visit};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::passwords::Password;
use model::settings::ProjectSettings;
use model::{MemberLevel, OrganizationId, rates};
use serde::Serialize;
use store::organizations::{self, Organization};
use store::projects;
use store::users::{self, NewUser};
use utoipa::ToSchema;

const NAME_MAX: usize = 200;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .open::<__path_retrieve, _, _>(retrieve)
        .open::<__path_create, _, _>(create)
}

/// Whether the server waits to be set up.
#[derive(Serialize, ToSchema)]
struct Setup {
    /// Whether there is nobody yet.
    is_needed: bool,
}

/// What a new server begins with.
#[derive(ToSchema)]
#[schema(as = SetupCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewSetup {
    #[schema(min_length = 1, max_length = 200)]
    organization_name: String,
    #[schema(min_length = 1, max_length = 200)]
    project_name: String,
    /// First and last name of the first admin.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: String,
}

/// Whether the server is new
///
/// Open to everybody.
#[utoipa::path(
    get,
    path = "/api/setup/",
    operation_id = "setup_retrieve",
    responses((status = 200, description = "Whether there is nobody yet.", body = Setup), CommonErrors),
    security(())
)]
async fn retrieve(visit: Visit) -> Result<Response, ApiError> {
    let has_any = visit
        .app
        .store
        .read(|c| Box::pin(users::has_any(c)))
        .await?;
    let is_needed = !has_any;
    Ok(Json(Setup { is_needed }).into_response())
}

/// Set a new server up
///
/// Makes the first organisation with a project and an admin, and signs the admin in. Open to everybody for as long
/// as there is nobody; then 403.
#[utoipa::path(
    post,
    path = "/api/setup/",
    operation_id = "setup_create",
    request_body = NewSetup,
    responses((status = 201, description = "Signed in; the caller as `GET /api/users/@me/` shows it.", body = Me), CommonErrors),
    security(())
)]
async fn create(mut visit: Visit) -> Result<Response, ApiError> {
    visit.throttle_address(&rates::LOGIN_ADDRESS).await?;
    let app = visit.app.clone();
    // Before a password is hashed for everybody who asks.
    if app.store.read(|c| Box::pin(users::has_any(c))).await? {
        return Err(is_set_up());
    }
    let fields = Fields::of(visit.json().await?)?;
    let organization_name = fields.text("organization_name").max(NAME_MAX).required()?;
    let project_name = fields.text("project_name").max(NAME_MAX).required()?;
    let name = fields.text("name").max(NAME_MAX).required()?;
    let email = fields.email("email").required()?;
    let password = fields.read("password", Password::new()).required()?;
    let new = NewUser {
        email,
        name,
        password_hash: Some(app.passwords.hash(&app.env, password).await?),
    };
    let beginning = Beginning::of(&visit);
    let (opening, env, key) = (beginning.clone(), app.env.clone(), app.secret_key.clone());
    let user = app
        .store
        .write(move |c| {
            Box::pin(async move {
                users::lock_all(c).await?;
                if users::has_any(c).await? {
                    return Err(is_set_up());
                }
                let organization = Organization {
                    id: OrganizationId(env.uuid()),
                    name: organization_name,
                    allows_personal_api_keys: true,
                    created_at: env.now(),
                };
                organizations::create(c, &organization).await?;
                let settings = ProjectSettings::default();
                projects::create(c, &env, &key, organization.id, &project_name, settings).await?;
                let user = users::create(c, &env, &new).await?;
                let level = MemberLevel::Admin;
                organizations::set_member(c, organization.id, user.id, level, env.now()).await?;
                opening.open(c, user.id).await?;
                Ok(user)
            })
        })
        .await?;
    beginning.respond(&visit, StatusCode::CREATED, user).await
}

fn is_set_up() -> ApiError {
    ApiError::permission_denied("This server has been set up already.")
}
