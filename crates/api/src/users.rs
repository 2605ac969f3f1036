//! `GET, PATCH /api/users/@me/`: who is calling (spec/README.md, "Around the contract").

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, App, Call, Caller, Routes, cookies};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::passwords::Password;
use model::{Code, FieldError, MemberLevel, OrganizationId, ProjectId, Timestamp, UserId, rates};
use serde::Serialize;
use store::Conn;
use store::organizations::Organization;
use store::projects::ProjectForUser;
use store::users::User;
use utoipa::ToSchema;
use uuid::Uuid;

const NAME_MAX: usize = 200;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::anyone_signed_in(), retrieve)
        .add::<__path_partial_update, _, _>(Access::write("user"), partial_update)
}

/// A person, with where the person belongs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    #[schema(value_type = i64)]
    id: UserId,
    uuid: Uuid,
    distinct_id: String,
    first_name: String,
    last_name: String,
    #[schema(format = "email")]
    email: String,
    /// Whether the address was verified; null when nobody asked.
    is_email_verified: Option<bool>,
    #[schema(value_type = String, format = DateTime)]
    date_joined: Timestamp,
    /// The organisation of `team`.
    organization: Option<MyOrganization>,
    /// Every organisation the person belongs to.
    organizations: Vec<MyOrganization>,
    /// The project that `@current` means.
    team: Option<MyProject>,
}

/// An organisation as its member sees it.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = UserOrganization)]
struct MyOrganization {
    #[schema(value_type = Uuid)]
    id: OrganizationId,
    name: String,
    /// 1 for members, 8 for admins.
    membership_level: i64,
}

/// A project as its member sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = UserProject)]
struct MyProject {
    #[schema(value_type = i64)]
    id: ProjectId,
    #[schema(value_type = i64)]
    project_id: ProjectId,
    #[schema(value_type = Uuid)]
    organization: OrganizationId,
    name: String,
    /// The public token.
    api_token: String,
    timezone: String,
}

/// Who is calling
///
/// The person that the key acts for, with organisations and the current project. Needs no scope.
#[utoipa::path(
    get,
    path = "/api/users/@me/",
    operation_id = "users_retrieve",
    responses((status = 200, description = "The caller.", body = Me), CommonErrors),
    security(("PersonalAPIKeyAuth" = []))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let secret = call.session_secret();
    let me = me(&call.app, call.caller).await?;
    let mut response = Json(me).into_response();
    if let Some(secret) = secret {
        // The cookies live on with the session.
        cookies::set(response.headers_mut(), &call.base_url, &secret);
    }
    Ok(response)
}

/// Changes to the caller.
#[derive(ToSchema)]
#[schema(as = PatchedUser)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedMe {
    #[schema(max_length = 200)]
    first_name: Option<String>,
    #[schema(max_length = 200)]
    last_name: Option<String>,
    /// Number of the project that `@current` means from now on; null for the first one.
    current_project: Option<i64>,
    /// A new password. It ends the caller's other sessions.
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: Option<String>,
    /// The password so far, which a new one needs.
    #[schema(format = "password", max_length = 256)]
    current_password: Option<String>,
}

/// Change who is calling
///
/// Only the members that are named change. A new password needs the current one beside it.
#[utoipa::path(
    patch,
    path = "/api/users/@me/",
    operation_id = "users_partial_update",
    request_body = PatchedMe,
    responses((status = 200, description = "The caller as it is now.", body = Me), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["user:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let fields = Fields::of(call.json().await?)?;
    let name = |member| fields.text(member).max(NAME_MAX).allow_blank().optional();
    let (first, last) = (name("first_name")?, name("last_name")?);
    let project = fields.integer("current_project").nullable()?.change();
    let password = fields.read("password", Password::new()).optional()?;
    let known = fields.read("current_password", Password::known());
    let known = match password {
        Some(_) => Some(known.required()?),
        None => known.optional()?,
    };
    let (app, user) = (call.app.clone(), call.caller.user.clone());
    let passwords = match (password, known) {
        (Some(new), Some(known)) => Some(change_password(&app, &user, new, known).await?),
        _ => None,
    };
    let kept = call.caller.session;
    let user = app
        .store
        .write(move |c| {
            Box::pin(async move {
                if let Some(project) = project {
                    choose_project(c, user.id, project.map(ProjectId)).await?;
                }
                if first.is_some() || last.is_some() {
                    let first = first.unwrap_or(user.first_name);
                    let last = last.unwrap_or(user.last_name);
                    store::users::set_names(c, user.id, &first, &last).await?;
                }
                if let Some((old, new)) = passwords {
                    if store::users::lock_password(c, user.id).await? != old {
                        return Err(wrong_password());
                    }
                    store::users::set_password(c, user.id, &new).await?;
                    store::sessions::delete_of_user(c, user.id, kept).await?;
                }
                let user = store::users::find(c, user.id).await?;
                user.ok_or_else(ApiError::not_found)
            })
        })
        .await?;
    // Here at once, elsewhere within a tenth of a second.
    app.forget_cached();
    let caller = Caller {
        user,
        ..call.caller
    };
    Ok(Json(me(&app, caller).await?).into_response())
}

/// The stored hash and the one to take its place, if the caller knows the password so far. Guesses are limited
/// like those of somebody who signs in, and counted by themselves.
async fn change_password(
    app: &App,
    user: &User,
    new: String,
    known: String,
) -> Result<(Option<String>, String), ApiError> {
    app.throttle_stranger(&rates::LOGIN_EMAIL, &user.email)
        .await?;
    let id = user.id;
    let old = app
        .store
        .read(move |c| Box::pin(async move { store::users::find_password(c, id).await }))
        .await?;
    if !app.passwords.is_right(known, old.clone()).await? {
        return Err(wrong_password());
    }
    Ok((old, app.passwords.hash(&app.env, new).await?))
}

fn wrong_password() -> ApiError {
    let detail = "The password is wrong.";
    FieldError::at("current_password", Code::InvalidCredentials, detail).into()
}

async fn choose_project(
    c: &Conn,
    user: UserId,
    project: Option<ProjectId>,
) -> Result<(), ApiError> {
    if let Some(id) = project {
        let found = store::projects::find_for_user(c, id, user).await?;
        if found.is_none_or(|found| found.level.is_none()) {
            let detail = format!("\"{id}\" is not a valid choice.");
            return Err(FieldError::at("current_project", Code::InvalidChoice, detail).into());
        }
    }
    Ok(store::users::set_current_project(c, user, project).await?)
}

/// A caller with organisations and current project.
///
/// # Errors
/// When the store fails.
pub(crate) async fn me(app: &App, caller: Caller) -> Result<Me, ApiError> {
    let user = caller.user.id;
    let current = app.current_project(&caller).await?;
    let found = app
        .store
        .read(move |c| {
            Box::pin(async move {
                let organizations = store::organizations::list_of_user(c, user).await?;
                let project = match current {
                    Some(id) => store::projects::find_for_user(c, id, user).await?,
                    None => None,
                };
                Ok::<_, ApiError>((organizations, project))
            })
        })
        .await?;
    let (organizations, project) = found;
    let project = project.filter(|project| project.level.is_some());
    let restricted_to = caller.key.as_ref().map(|key| &*key.scoped_organizations);
    let is_visible = |organization: &Organization| {
        restricted_to.is_none_or(|only| only.is_empty() || only.contains(&organization.id))
    };
    let organizations: Vec<_> = organizations
        .into_iter()
        .filter(|(organization, _)| is_visible(organization))
        .map(|(organization, level)| MyOrganization::of(organization, level))
        .collect();
    let of_project = |project: &ProjectForUser| {
        let id = project.organization.id;
        organizations.iter().find(|mine| mine.id == id).cloned()
    };
    let user = caller.user;
    Ok(Me {
        id: user.id,
        uuid: user.uuid,
        distinct_id: user.distinct_id,
        first_name: user.first_name,
        last_name: user.last_name,
        email: user.email,
        is_email_verified: None,
        date_joined: user.created_at,
        organization: project.as_ref().and_then(of_project),
        team: project.map(MyProject::of),
        organizations,
    })
}

impl MyOrganization {
    fn of(organization: Organization, level: MemberLevel) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            membership_level: level.number(),
        }
    }
}

impl MyProject {
    fn of(found: ProjectForUser) -> Self {
        let project = found.project;
        Self {
            id: project.id,
            project_id: project.id,
            organization: project.organization_id,
            name: project.name,
            api_token: project.public_token,
            timezone: project.settings.timezone,
        }
    }
}
