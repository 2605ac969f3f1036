//! `GET /api/organizations/:id/members/`: who belongs to an organisation (tickets.md 16.1, "Around the contract").

use crate::conversations::UserBasic;
use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::MemberLevel;
use model::conversations::UserView;
use model::pagination::Bounds;
use serde::Serialize;
use store::users::User;
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_list, _, _>(Access::read("organization"), list)
}

const PAGE: Bounds = Bounds {
    default: 100,
    max: None,
};

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

/// A page of members.
#[derive(ToSchema)]
#[schema(as = PaginatedOrganizationMemberList)]
#[expect(dead_code, reason = "describes model::pagination::Paginated")]
struct MemberList {
    count: i64,
    #[schema(format = "uri")]
    next: Option<String>,
    #[schema(format = "uri")]
    previous: Option<String>,
    results: Vec<MemberView>,
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
