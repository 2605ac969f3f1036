//! `GET /api/users/@me/`: who is calling (spec/README.md, "Around the contract").

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::{MemberLevel, OrganizationId, ProjectId, Timestamp, UserId};
use serde::Serialize;
use store::organizations::Organization;
use store::projects::ProjectForUser;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_retrieve, _, _>(Access::anyone_signed_in(), retrieve)
}

/// A person, with where the person belongs.
#[derive(Serialize, ToSchema)]
struct Me {
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
    let user = call.user_id();
    let current = call.app.current_project(&call.caller).await?;
    let found = call
        .app
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
    let restricted_to = call
        .caller
        .key
        .as_ref()
        .map(|key| &*key.scoped_organizations);
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
    let user = call.caller.user;
    Ok(Json(Me {
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
    .into_response())
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
