//! `GET, PATCH /api/projects/:id/`: a project and its settings.

mod schema;

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::MemberLevel;
use model::fields::Fields;
use model::settings::SETTINGS;
use schema::{PatchedProject, ProjectDetail};
use serde_json::{Map, Value, json};
use store::projects::Project;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::read("project"), retrieve)
        .add::<__path_partial_update, _, _>(Access::write("project"), partial_update)
}

const NAME_MAX: usize = 200;

/// A project
///
/// With every setting, also those that nobody has set.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/",
    operation_id = "projects_retrieve",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "The project.", body = ProjectDetail), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(Json(detail(call.project()?)).into_response())
}

/// Change a project
///
/// Only the members that are named change. Throttles and the limits of the assistant are for admins.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/",
    operation_id = "projects_partial_update",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    request_body = PatchedProject,
    responses((status = 200, description = "The project as it is now.", body = ProjectDetail), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let id = call.project_id()?;
    let is_admin = call.project_for_user()?.level == Some(MemberLevel::Admin);
    let body = call.json().await?;
    let fields = Fields::of(body)?;
    let name = fields.text("name").max(NAME_MAX).optional()?;
    let mut changes = Vec::new();
    for setting in SETTINGS {
        let Some(value) = fields.raw(setting.name) else {
            continue;
        };
        let value = setting.rule.read(value, setting.name)?;
        if setting.is_for_admins() && !is_admin {
            return Err(ApiError::permission_denied(
                "You do not have editor access to this resource.",
            ));
        }
        changes.push((setting.name, value));
    }
    let env = call.app.env.clone();
    let project = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = store::projects::lock(c, id).await?;
                let mut project = found.ok_or_else(ApiError::not_found)?;
                if let Some(name) = name {
                    project.name = name;
                }
                for (name, value) in &changes {
                    project.settings.set(name, value)?;
                }
                store::projects::update(c, &env, &mut project).await?;
                Ok::<_, ApiError>(project)
            })
        })
        .await?;
    // Here at once, elsewhere within a tenth of a second.
    call.app
        .caches
        .projects
        .forget(|(project, _)| *project == id);
    Ok(Json(detail(&project)).into_response())
}

/// The project as clients get it: settings beside the rest, and no secret.
fn detail(project: &Project) -> Value {
    let mut members = Map::new();
    members.insert("id".to_owned(), json!(project.id));
    members.insert("organization".to_owned(), json!(project.organization_id));
    members.insert("name".to_owned(), json!(project.name));
    members.insert("api_token".to_owned(), json!(project.public_token));
    members.insert(
        "widget_public_token".to_owned(),
        json!(project.widget_token),
    );
    members.insert("created_at".to_owned(), json!(project.created_at));
    members.extend(project.settings.to_json());
    Value::Object(members)
}
