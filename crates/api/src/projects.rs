//! `GET, PATCH /api/projects/:id/`: a project and its settings.

mod credentials;
pub(crate) mod log;
mod schema;

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, App, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use log::author;
use model::fields::Fields;
use model::settings::SETTINGS;
use model::{Code, FieldError, MemberLevel, ProjectId, secrets};
use schema::{PatchedProject, ProjectDetail};
use serde_json::{Map, Value, json};
use store::projects::Project;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::read("project"), retrieve)
        .add::<__path_partial_update, _, _>(Access::write("project"), partial_update)
        .add::<__path_generate_widget_token, _, _>(
            Access::write("project").admin(),
            generate_widget_token,
        )
        .merge(credentials::routes())
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
    Ok(Json(detail(&call.app, call.project()?)).into_response())
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
    let mut changes = conversations_changes(&fields)?;
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
    let author = author(&call)?;
    let project = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = store::projects::lock(c, id).await?;
                let before = found.ok_or_else(ApiError::not_found)?;
                let mut project = before.clone();
                if let Some(name) = name {
                    project.name = name;
                }
                for (name, value) in &changes {
                    project.settings.set(name, value)?;
                }
                store::projects::update(c, &env, &mut project).await?;
                author.changed(c, &before, &project).await?;
                Ok::<_, ApiError>(project)
            })
        })
        .await?;
    forget(&call.app, id);
    Ok(Json(detail(&call.app, &project)).into_response())
}

/// A changed project is changed here at once, elsewhere within a tenth of a second.
fn forget(app: &App, id: ProjectId) {
    app.caches.projects.forget(|(project, _)| *project == id);
    app.forget_tokens();
}

/// The members of `conversations_settings`, which are merged into what is set. Tokens are not among them: those are
/// the server's business (tickets.md 14.7).
fn conversations_changes(fields: &Fields<'_>) -> Result<Vec<(&'static str, Value)>, FieldError> {
    const NAME: &str = "conversations_settings";
    let members = fields.object(NAME).optional()?.unwrap_or_default();
    let own = SETTINGS
        .iter()
        .filter(|setting| setting.is_of_conversations());
    own.filter_map(|setting| {
        let value = members.get(setting.name)?;
        let attr = format!("{NAME}__{}", setting.name);
        let read = setting.rule.read(value, &attr);
        Some(read.map(|value| (setting.name, value)))
    })
    .collect()
}

/// Replace the widget's token
///
/// The old one is void at once. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/generate_conversations_public_token/",
    operation_id = "projects_generate_conversations_public_token_create",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "The project with its new token.", body = ProjectDetail), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn generate_widget_token(call: Call) -> Result<Response, ApiError> {
    let (id, env) = (call.project_id()?, call.app.env.clone());
    let author = author(&call)?;
    let project = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = store::projects::lock(c, id).await?;
                let mut project = found.ok_or_else(ApiError::not_found)?;
                if !project.settings.conversations_enabled {
                    return Err(ApiError::with_detail(
                        Code::InvalidInput,
                        "Conversations is not enabled.",
                    ));
                }
                project.widget_token = Some(secrets::widget_token(&env));
                store::projects::update(c, &env, &mut project).await?;
                author.did(c, "widget_token_replaced").await?;
                Ok(project)
            })
        })
        .await?;
    forget(&call.app, id);
    Ok(Json(detail(&call.app, &project)).into_response())
}

/// The project as clients get it: settings beside the rest, and no secret.
fn detail(app: &App, project: &Project) -> Value {
    let own = [
        ("id", json!(project.id)),
        ("organization", json!(project.organization_id)),
        ("name", json!(project.name)),
        ("api_token", json!(project.public_token)),
        ("widget_public_token", json!(project.widget_token)),
        ("created_at", json!(project.created_at)),
        ("has_secret_token_backup", json!(project.has_backup_secret)),
        ("is_mail_configured", json!(app.config.is_mail_configured)),
    ];
    let mut members: Map<String, Value> = own
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let settings = project.settings.to_json();
    let mut conversations: Map<String, Value> = SETTINGS
        .iter()
        .filter(|setting| setting.is_of_conversations())
        .filter_map(|setting| Some((setting.name.to_owned(), settings.get(setting.name)?.clone())))
        .collect();
    conversations.insert(
        "widget_public_token".to_owned(),
        json!(project.widget_token),
    );
    members.insert("conversations_settings".to_owned(), conversations.into());
    members.extend(settings);
    Value::Object(members)
}
