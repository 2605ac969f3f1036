//! `GET /api/projects/:id/conversations/assignees/`: who tickets of a project can be assigned to (tickets.md 6.3).

use crate::members::MemberView;
use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::{MemberLevel, RoleId, UserId};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use store::users::User;
use store::{availability, organizations, roles};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_list, _, _>(Access::read("ticket"), list)
}

/// Who tickets can be assigned to.
#[derive(Serialize, ToSchema)]
struct Assignees {
    /// The members of the organisation, the oldest account first.
    users: Vec<AssigneeUser>,
    /// The roles of the organisation, by name.
    roles: Vec<AssigneeRole>,
}

/// A person that tickets can be assigned to.
#[derive(Serialize, ToSchema)]
struct AssigneeUser {
    #[serde(flatten)]
    member: MemberView,
    /// Takes tickets at the moment; who does not can still be given one by hand.
    is_available: bool,
}

/// A role that tickets can be assigned to.
#[derive(Serialize, ToSchema)]
struct AssigneeRole {
    #[schema(value_type = Uuid)]
    id: RoleId,
    name: String,
    /// Ids of the people in it.
    #[schema(value_type = Vec<i64>)]
    members: Vec<UserId>,
}

/// Who tickets can be assigned to
///
/// Everybody of the project's organisation and all its roles, in one piece: what an inbox shows to choose from. A
/// ticket takes `{"type": "user", "id": <id>}` or `{"type": "role", "id": <uuid>}` as `assignee`.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/assignees/",
    operation_id = "conversations_assignees_retrieve",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    responses((status = 200, description = "People and roles.", body = Assignees), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let organization = call.project()?.organization_id;
    let found = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let people = organizations::list_members(c, organization).await?;
                let roles = roles::list(c, organization).await?;
                let in_roles = roles::list_all_members(c, organization).await?;
                let said = availability::list(c, organization).await?;
                Ok::<_, store::Error>((people, roles, in_roles, said))
            })
        })
        .await?;
    let (people, roles, in_roles, said) = found;
    let absent = said.into_iter().filter(|it| !it.is_available);
    let absent: HashSet<UserId> = absent.map(|it| it.user_id).collect();
    let mut members: HashMap<RoleId, Vec<UserId>> = HashMap::new();
    for (role, user) in in_roles {
        members.entry(role).or_default().push(user);
    }
    let view = |(user, level): (User, MemberLevel)| AssigneeUser {
        member: MemberView::of(&user, level),
        is_available: !absent.contains(&user.id),
    };
    let answer = Assignees {
        users: people.into_iter().map(view).collect(),
        roles: roles
            .into_iter()
            .map(|role| AssigneeRole {
                id: role.id,
                name: role.name,
                members: members.remove(&role.id).unwrap_or_default(),
            })
            .collect(),
    };
    Ok(Json(answer).into_response())
}
