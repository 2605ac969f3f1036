//! `GET, POST /api/organizations/:id/roles/`: roles that tickets can be assigned to. For admins.

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::pagination::Bounds;
use model::{Code, FieldError, RoleId, Timestamp, UserId};
use serde::Serialize;
use store::roles::Role;
use store::users::User;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("organization").admin(), list)
        .add::<__path_create, _, _>(Access::write("organization").admin(), create)
}

const PAGE: Bounds = Bounds {
    default: 100,
    max: None,
};
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

/// A page of roles.
#[derive(ToSchema)]
#[schema(as = PaginatedRoleList)]
#[expect(dead_code, reason = "describes model::pagination::Paginated")]
struct RoleList {
    count: i64,
    #[schema(format = "uri")]
    next: Option<String>,
    #[schema(format = "uri")]
    previous: Option<String>,
    results: Vec<RoleView>,
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
    let role = created.map_err(|error| {
        if error.is_unique("role.organization_id,name") {
            FieldError::at(
                "name",
                Code::Unique,
                "There is already a role with this name.",
            )
            .into()
        } else {
            ApiError::from(error)
        }
    })?;
    Ok((StatusCode::CREATED, Json(RoleView::of(role, Vec::new()))).into_response())
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
