//! `GET /api/projects/:id/export/`: everything of a project, as lines of JSON.

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes, call};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use store::transfer::Export;

pub(crate) fn routes() -> Routes {
    // With the persons' addresses and everybody's conversations, so not every member gets it.
    Routes::new().add::<__path_retrieve, _, _>(Access::read("project").admin().any_form(), retrieve)
}

/// Everything of a project
///
/// Lines of JSON, which `thicket import` reads: people, persons, articles, tickets with their messages, conversations,
/// views, macros, events and settings. No secrets, no mails and no uploaded files. The last line is the one called `end`;
/// without it the answer is incomplete. What is written meanwhile is in it or is not. For admins of the organisation.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/export/",
    operation_id = "projects_export_retrieve",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "The lines.", body = String, content_type = "application/x-ndjson"), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let export = Export::new(call.app.store.clone(), project, call.app.env.now());
    let lines = stream::try_unfold(export, |mut export| async move {
        let some = export.next().await.inspect_err(|error| {
            tracing::warn!(%error, "an export broke off");
        })?;
        Ok::<_, store::Error>(some.map(|some| (Bytes::from(some.text), export)))
    });
    let name = format!("project-{project}.ndjson");
    call::download("application/x-ndjson", &name, Body::from_stream(lines))
}
