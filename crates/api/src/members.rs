//! `GET /api/organizations/:id/members/`, `PATCH, DELETE …/:user_id/`: who belongs to an organisation (tickets.md 16.1,
//! "Around the contract").

use crate::conversations::UserBasic;
use crate::openapi::{CommonErrors, ErrorEnvelope};
use crate::page::page_schema;
use crate::projects::log::organization_author;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::fields::Fields;
use model::members::LevelKind;
use model::pagination::Bounds;
use model::{MemberLevel, OrganizationId};
use serde::Serialize;
use store::users::User;
use store::{Conn, organizations};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("organization"), list)
        .add::<__path_partial_update, _, _>(Access::write("organization").admin(), partial_update)
        .add::<__path_destroy, _, _>(Access::write("organization").admin_or_oneself(), destroy)
}

const PAGE: Bounds = Bounds::PLAIN;

/// A member of an organisation.
#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationMember)]
pub(crate) struct MemberView {
    #[serde(flatten)]
    #[schema(value_type = UserBasic)]
    user: UserView,
    /// 1 for members, 8 for admins.
    level: i64,
}

impl MemberView {
    /// A member as others see them.
    pub(crate) fn of(user: &User, level: MemberLevel) -> Self {
        Self {
            user: people::basic(user),
            level: level.number(),
        }
    }
}

page_schema! {
    /// A page of members.
    MemberList of MemberView as PaginatedOrganizationMemberList
}

/// List members
///
/// Of an organisation that one belongs to, the oldest account first.
#[utoipa::path(
    get,
    path = "/api/organizations/{organization_id}/members/",
    operation_id = "members_list",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("limit" = Option<i64>, Query, description = "At most so many; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of members.", body = MemberList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.id;
    let page = call.page(PAGE);
    let (members, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let members = store::organizations::page_of_members(c, organization, page).await?;
                let count = store::organizations::count_members(c, organization).await?;
                Ok::<_, store::Error>((members, count))
            })
        })
        .await?;
    let views = members
        .iter()
        .map(|(user, level)| MemberView::of(user, *level));
    let views: Vec<MemberView> = views.collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// A change of what somebody is in an organisation.
#[derive(ToSchema)]
#[schema(as = PatchedOrganizationMember)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedMember {
    /// 1 for a member, 8 for an admin.
    level: Option<i64>,
}

/// Make somebody an admin, or a member
///
/// The activity log of each project says so. For admins of the organisation, which keeps at least one: 409 otherwise.
#[utoipa::path(
    patch,
    path = "/api/organizations/{organization_id}/members/{user_id}/",
    operation_id = "members_partial_update",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("user_id" = String, Path, description = "Id or UUID of the person."),
    ),
    request_body = PatchedMember,
    responses(
        (status = 200, description = "The member.", body = MemberView),
        (status = 409, description = "It is the last admin.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.id;
    let who = people::named(&call)?;
    let fields = Fields::of(call.json().await?)?;
    let wanted = fields.read("level", LevelKind).optional()?;
    let (author, now) = (organization_author(&call)?, call.app.env.now());
    let (user, level) = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let (user, level) = find(c, organization, who).await?;
                let wanted = wanted.unwrap_or(level);
                if wanted < level {
                    keep_an_admin(c, organization).await?;
                }
                if wanted != level {
                    organizations::set_member(c, organization, user.id, wanted, now).await?;
                    author.changed_level(c, &user.email, level, wanted).await?;
                }
                Ok::<_, ApiError>((user, wanted))
            })
        })
        .await?;
    // Here at once, elsewhere within a tenth of a second.
    call.app.forget_cached();
    Ok(Json(MemberView::of(&user, level)).into_response())
}

/// Take somebody out of an organisation, or leave it
///
/// And out of its roles. The activity log of each of its projects says so. What the person has written stays, and so do tickets assigned to them. For admins of the
/// organisation, and for whoever it is; it keeps at least one admin: 409 otherwise.
#[utoipa::path(
    delete,
    path = "/api/organizations/{organization_id}/members/{user_id}/",
    operation_id = "members_destroy",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("user_id" = String, Path, description = "Id or UUID of the person."),
    ),
    responses(
        (status = 204, description = "Taken out."),
        (status = 409, description = "It is the last admin.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.id;
    let who = people::named(&call)?;
    let author = organization_author(&call)?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let (user, level) = find(c, organization, who).await?;
                if level == MemberLevel::Admin {
                    keep_an_admin(c, organization).await?;
                }
                organizations::remove_member(c, organization, user.id).await?;
                let what = if user.id == author.user {
                    "member_left"
                } else {
                    "member_removed"
                };
                author.did_to(c, what, &user.email).await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    call.app.forget_cached();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A member, while nobody else changes who belongs to the organisation.
async fn find(
    c: &Conn,
    organization: OrganizationId,
    who: people::Named,
) -> Result<(User, MemberLevel), ApiError> {
    organizations::lock(c, organization).await?;
    let user = people::find(c, who)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let level = organizations::find_level(c, organization, user.id).await?;
    Ok((user, level.ok_or_else(ApiError::not_found)?))
}

/// Refuses what takes an admin away from an organisation that has no other.
async fn keep_an_admin(c: &Conn, organization: OrganizationId) -> Result<(), ApiError> {
    if organizations::count_admins(c, organization).await? > 1 {
        return Ok(());
    }
    Err(ApiError::conflict(
        "An organisation keeps at least one admin. Make somebody else an admin first.",
    ))
}
