//! `/api/organizations/:id/roles/`: roles that tickets can be assigned to, and the people in them. For admins.

use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::{Access, ApiError, Call, Routes, call, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::pagination::Bounds;
use model::{Code, FieldError, OrganizationId, RoleId, Timestamp, UserId};
use serde::Serialize;
use store::Conn;
use store::roles::Role;
use store::users::User;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("organization").admin(), list)
        .add::<__path_create, _, _>(Access::write("organization").admin(), create)
        .add::<__path_retrieve, _, _>(Access::read("organization").admin(), retrieve)
        .add::<__path_partial_update, _, _>(Access::write("organization").admin(), partial_update)
        .add::<__path_destroy, _, _>(Access::write("organization").admin(), destroy)
        .add::<__path_add_member, _, _>(Access::write("organization").admin(), add_member)
        .add::<__path_remove_member, _, _>(Access::write("organization").admin(), remove_member)
}

const PAGE: Bounds = Bounds::PLAIN;
const NAME_MAX: usize = 200;

/// A role with the people in it.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
struct RoleView {
    #[schema(value_type = Uuid)]
    id: RoleId,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    members: Vec<RoleMember>,
}

/// Someone in a role.
#[derive(Serialize, ToSchema)]
struct RoleMember {
    #[schema(value_type = i64)]
    id: UserId,
    uuid: Uuid,
    first_name: String,
    last_name: String,
    #[schema(format = "email")]
    email: String,
}

/// A role to be made.
#[derive(ToSchema)]
#[schema(as = RoleCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewRole {
    /// Unique within the organisation.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// A role's changes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedRole {
    /// Unique within the organisation.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

/// Somebody to be put into a role.
#[derive(ToSchema)]
#[schema(as = RoleMemberCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewRoleMember {
    /// Id or UUID of a member of the organisation.
    user: String,
}

page_schema! {
    /// A page of roles.
    RoleList of RoleView as PaginatedRoleList
}

/// List roles
///
/// By name, for admins of the organisation.
#[utoipa::path(
    get,
    path = "/api/organizations/{organization_id}/roles/",
    operation_id = "roles_list",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("limit" = Option<i64>, Query, description = "At most so many; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of roles.", body = RoleList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.id;
    let page = call.page(PAGE);
    let (views, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let roles = store::roles::list(c, organization).await?;
                let count = i64::try_from(roles.len()).unwrap_or(i64::MAX);
                let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
                let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
                let mut views = Vec::new();
                for role in roles.into_iter().skip(skip).take(take) {
                    let members = store::roles::list_members(c, organization, role.id).await?;
                    views.push(RoleView::of(role, members));
                }
                Ok::<_, ApiError>((views, count))
            })
        })
        .await?;
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Make a role
///
/// For admins of the organisation.
#[utoipa::path(
    post,
    path = "/api/organizations/{organization_id}/roles/",
    operation_id = "roles_create",
    params(("organization_id" = String, Path, description = "UUID of the organisation, or `@current`.")),
    request_body = NewRole,
    responses((status = 201, description = "The role.", body = RoleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let role = Role {
        organization_id: call.organization()?.0.id,
        id: RoleId(call.app.env.uuid()),
        name: Fields::of(call.json().await?)?
            .text("name")
            .max(NAME_MAX)
            .required()?,
        created_at: call.app.env.now(),
    };
    let created = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                store::roles::create(c, &role).await?;
                Ok::<_, store::Error>(role)
            })
        })
        .await;
    let role = created.map_err(taken)?;
    Ok((StatusCode::CREATED, Json(RoleView::of(role, Vec::new()))).into_response())
}

fn role_id(call: &Call) -> Result<RoleId, ApiError> {
    let id = call.params.uuid("role_id").map(RoleId);
    id.ok_or_else(ApiError::not_found)
}

/// What there is to say about a role, in the transaction that looks for it.
async fn show(c: &Conn, organization: OrganizationId, id: RoleId) -> Result<RoleView, ApiError> {
    let role = store::roles::find(c, organization, id).await?;
    let role = role.ok_or_else(ApiError::not_found)?;
    let members = store::roles::list_members(c, organization, id).await?;
    Ok(RoleView::of(role, members))
}

/// Another role of the organisation may have the name already.
fn taken(error: store::Error) -> ApiError {
    if error.is_unique("role.organization_id,name") {
        let detail = "There is already a role with this name.";
        FieldError::at("name", Code::Unique, detail).into()
    } else {
        error.into()
    }
}

/// A role
///
/// With the people in it. For admins of the organisation.
#[utoipa::path(
    get,
    path = "/api/organizations/{organization_id}/roles/{role_id}/",
    operation_id = "roles_retrieve",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("role_id" = Uuid, Path, description = "The role."),
    ),
    responses((status = 200, description = "The role.", body = RoleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (organization, id) = (call.organization()?.0.id, role_id(&call)?);
    let view = call
        .app
        .store
        .read(move |c| Box::pin(show(c, organization, id)))
        .await?;
    Ok(Json(view).into_response())
}

/// Rename a role
///
/// For admins of the organisation.
#[utoipa::path(
    patch,
    path = "/api/organizations/{organization_id}/roles/{role_id}/",
    operation_id = "roles_partial_update",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("role_id" = Uuid, Path, description = "The role."),
    ),
    request_body = PatchedRole,
    responses((status = 200, description = "The role.", body = RoleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (organization, id) = (call.organization()?.0.id, role_id(&call)?);
    let name = Fields::of(call.json().await?)?
        .text("name")
        .max(NAME_MAX)
        .optional()?;
    let changed = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let view = show(c, organization, id).await?;
                if let Some(name) = &name {
                    store::roles::rename(c, organization, id, name)
                        .await
                        .map_err(taken)?;
                }
                let name = name.unwrap_or(view.name);
                Ok::<_, ApiError>(RoleView { name, ..view })
            })
        })
        .await?;
    Ok(Json(changed).into_response())
}

/// Remove a role
///
/// Tickets that were assigned to it are assigned to nobody. For admins of the organisation.
#[utoipa::path(
    delete,
    path = "/api/organizations/{organization_id}/roles/{role_id}/",
    operation_id = "roles_destroy",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("role_id" = Uuid, Path, description = "The role."),
    ),
    responses((status = 204, description = "Removed."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (organization, id) = (call.organization()?.0.id, role_id(&call)?);
    let changed = call
        .app
        .store
        .write(move |c| Box::pin(async move { store::roles::delete(c, organization, id).await }))
        .await?;
    for project in changed.ok_or_else(ApiError::not_found)? {
        call.app.tickets_changed(project);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Put somebody into a role
///
/// A member of the organisation; who is in it already stays. For admins of the organisation.
#[utoipa::path(
    post,
    path = "/api/organizations/{organization_id}/roles/{role_id}/members/",
    operation_id = "roles_members_create",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("role_id" = Uuid, Path, description = "The role."),
    ),
    request_body = NewRoleMember,
    responses((status = 201, description = "The role.", body = RoleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn add_member(mut call: Call) -> Result<Response, ApiError> {
    let (organization, id) = (call.organization()?.0.id, role_id(&call)?);
    let who = Fields::of(call.json().await?)?
        .text("user")
        .max(100)
        .required()?;
    let no_member = || {
        let detail = "This is no member of the organisation.";
        ApiError::from(FieldError::at("user", Code::InvalidChoice, detail))
    };
    let who = people::Named::parse(&who).ok_or_else(no_member)?;
    let now = call.app.env.now();
    let view = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                show(c, organization, id).await?;
                // Against somebody who takes the person out of the organisation meanwhile.
                store::organizations::lock(c, organization).await?;
                let user = people::find(c, who).await?.ok_or_else(no_member)?.id;
                let level = store::organizations::find_level(c, organization, user).await?;
                level.ok_or_else(no_member)?;
                store::roles::add_member(c, organization, id, user, now).await?;
                show(c, organization, id).await
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Take somebody out of a role
///
/// For admins of the organisation.
#[utoipa::path(
    delete,
    path = "/api/organizations/{organization_id}/roles/{role_id}/members/{user_id}/",
    operation_id = "roles_members_destroy",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("role_id" = Uuid, Path, description = "The role."),
        ("user_id" = String, Path, description = "Id or UUID of the person."),
    ),
    responses((status = 204, description = "Taken out."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn remove_member(call: Call) -> Result<Response, ApiError> {
    let (organization, id) = (call.organization()?.0.id, role_id(&call)?);
    let who = people::named(&call)?;
    let is_out = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let user = people::find(c, who)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                let is_out = store::roles::remove_member(c, organization, id, user.id).await?;
                Ok::<_, ApiError>(is_out)
            })
        })
        .await?;
    call::deleted(is_out)
}

impl RoleView {
    fn of(role: Role, members: Vec<User>) -> Self {
        let member = |user: User| RoleMember {
            id: user.id,
            uuid: user.uuid,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
        };
        Self {
            id: role.id,
            name: role.name,
            created_at: role.created_at,
            members: members.into_iter().map(member).collect(),
        }
    }
}
