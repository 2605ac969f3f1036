//! `/api/projects/:id/conversations/availability/`: who takes tickets at the moment (tickets.md 16.6). It is said for
//! the whole organisation.

use crate::conversations::UserBasic;
use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::fields::Fields;
use model::{Code, MemberLevel, Timestamp, UserId};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use store::availability::{self, Availability};
use store::{organizations, users};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("ticket"), list)
        .add::<__path_update, _, _>(Access::write("ticket"), update)
}

/// Whether a member takes tickets.
#[derive(Serialize, ToSchema)]
#[schema(as = MemberAvailability)]
struct AvailabilityView {
    #[schema(value_type = UserBasic)]
    user: UserView,
    /// True until something else is said.
    is_available: bool,
    /// Who last said so; null when nobody has.
    #[schema(value_type = Option<UserBasic>, required = true)]
    changed_by: Option<UserView>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    updated_at: Option<Timestamp>,
}

/// Whether a member takes tickets.
#[derive(ToSchema)]
#[schema(as = AvailabilityUpdate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct UpdateFields {
    is_available: bool,
}

/// What was said.
#[derive(Serialize, ToSchema)]
#[schema(as = AvailabilityResult)]
struct Said {
    #[schema(value_type = i64)]
    user_id: UserId,
    is_available: bool,
}

/// Who takes tickets
///
/// All members of the project's organisation, in one piece, the oldest account first.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/availability/",
    operation_id = "conversations_availability_list",
    tag = "availability",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    responses((status = 200, description = "The members.", body = Vec<AvailabilityView>), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let organization = call.project()?.organization_id;
    let found = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let members = organizations::list_members(c, organization).await?;
                let said = availability::list(c, organization).await?;
                let by: Vec<UserId> = said.iter().filter_map(|it| it.changed_by).collect();
                let people = users::find_many(c, &by).await?;
                Ok::<_, store::Error>((members, said, people))
            })
        })
        .await?;
    let (members, said, people) = found;
    let said: HashMap<UserId, Availability> = said.into_iter().map(|it| (it.user_id, it)).collect();
    let view = |(user, _): &(users::User, MemberLevel)| {
        let said = said.get(&user.id);
        let changed_by = said.and_then(|it| people.get(&it.changed_by?));
        AvailabilityView {
            user: people::basic(user),
            is_available: said.is_none_or(|it| it.is_available),
            changed_by: changed_by.map(people::basic),
            updated_at: said.map(|it| it.updated_at),
        }
    };
    let views: Vec<AvailabilityView> = members.iter().map(view).collect();
    Ok(Json(views).into_response())
}

/// Say whether somebody takes tickets
///
/// Oneself; admins of the organisation also say so of others. Tickets can still be assigned by hand to whoever does not.
#[utoipa::path(
    put,
    path = "/api/projects/{project_id}/conversations/availability/{user_id}/",
    operation_id = "conversations_availability_update",
    tag = "availability",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("user_id" = String, Path, description = "Id of the person."),
    ),
    request_body = UpdateFields,
    responses((status = 200, description = "What was said.", body = Said), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn update(mut call: Call) -> Result<Response, ApiError> {
    let organization = call.project()?.organization_id;
    let unknown = || ApiError::with_detail(Code::NotFound, "Person not found.");
    let id = call.params.text("user_id").parse().map(UserId);
    let id = id.map_err(|_| unknown())?;
    let level = call
        .app
        .store
        .read(move |c| Box::pin(organizations::find_level(c, organization, id)))
        .await?;
    level.ok_or_else(unknown)?;
    let me = call.user_id();
    if id != me && call.project_for_user()?.level != Some(MemberLevel::Admin) {
        return Err(ApiError::new(Code::PermissionDenied));
    }
    let fields = Fields::of(call.json().await?)?;
    let is_available = fields.boolean("is_available").required()?;
    let said = Availability {
        user_id: id,
        is_available,
        changed_by: Some(me),
        updated_at: call.app.env.now(),
    };
    call.app
        .store
        .write(move |c| Box::pin(availability::set(c, organization, said)))
        .await?;
    Ok(Json(json!({"user_id": id, "is_available": is_available})).into_response())
}
