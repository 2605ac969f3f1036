//! `GET /api/projects/:id/export/`: everything of a project, as lines of JSON.

use crate::openapi::CommonErrors;
use crate::projects::log::author;
use crate::{Access, ApiError, Call, Routes, call};
use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use blobs::Blobs;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use model::{MediaId, ProjectId, Timestamp};
use store::Store;
use store::transfer::{Export, Exported};

pub(crate) fn routes() -> Routes {
    // With the persons' addresses and everybody's conversations, so not every member gets it.
    Routes::new().add::<__path_retrieve, _, _>(Access::read("project").admin().any_form(), retrieve)
}

/// Everything of a project
///
/// Lines of JSON, which `thicket import` reads: people, persons, articles, tickets with their messages, conversations,
/// views, macros, events, settings, and the files that messages link. No secrets and no mails. The last line is the one called `end`;
/// without it the answer is incomplete. What is written meanwhile is in it or is not. The activity log says who asked for it. For admins of the organisation.
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
    let (store, blobs) = (call.app.store.clone(), call.app.blobs.clone());
    // Who asks for the head only, takes nothing away.
    if call.method != Method::HEAD {
        let author = author(&call)?;
        store
            .write(move |c| Box::pin(async move { author.did(c, "exported").await }))
            .await?;
    }
    let export = ProjectExport::new(store, blobs, project, call.app.env.now());
    let lines = stream::try_unfold(export, |mut export| async move {
        let some = export.next().await.inspect_err(|error| {
            tracing::warn!(%error, "an export broke off");
        })?;
        Ok::<_, ExportError>(some.map(|some| (Bytes::from(some.text), export)))
    });
    let name = format!("project-{project}.ndjson");
    call::download("application/x-ndjson", &name, Body::from_stream(lines))
}

/// Bytes of a file in one line: so much is held in memory, and half as much again for the line.
const PART: usize = 512 * 1024;

/// Why a project could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store; [`store::Error::NoRow`] when there is no such project.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The place of the files.
    #[error("a file cannot be read: {0}")]
    Blobs(#[from] blobs::Error),
}

/// A project on its way out, with its files.
pub struct ProjectExport {
    export: Export,
    blobs: Blobs,
    project: ProjectId,
    file: Option<OpenFile>,
    missing: Vec<MediaId>,
}

/// A file on its way out.
struct OpenFile {
    id: MediaId,
    bytes: BoxStream<'static, Result<Bytes, blobs::Error>>,
    /// What has come and is not written yet.
    pending: Vec<u8>,
}

impl ProjectExport {
    /// Begins; nothing is read yet.
    pub fn new(store: Store, blobs: Blobs, project: ProjectId, now: Timestamp) -> Self {
        Self {
            export: Export::new(store, project, now),
            blobs,
            project,
            file: None,
            missing: Vec::new(),
        }
    }

    /// The next lines; `None` after the last.
    ///
    /// # Errors
    /// When the store or the place of the files fails. Nothing that follows would make a whole then.
    pub async fn next(&mut self) -> Result<Option<Exported>, ExportError> {
        if let Some(file) = self.file.take() {
            return self.part(file).await.map(Some);
        }
        let Some(some) = self.export.next().await? else {
            return Ok(None);
        };
        if let Some(id) = some.file {
            match self.blobs.read(self.project, id).await? {
                Some(blob) => {
                    self.file = Some(OpenFile {
                        id,
                        bytes: blob.bytes,
                        pending: Vec::new(),
                    });
                }
                None => self.missing.push(id),
            }
        }
        Ok(Some(some))
    }

    /// Files that the store knows and whose bytes are nowhere: they are left out.
    pub fn missing(&self) -> &[MediaId] {
        &self.missing
    }

    async fn part(&mut self, mut file: OpenFile) -> Result<Exported, ExportError> {
        while file.pending.len() <= PART {
            let Some(bytes) = file.bytes.next().await else {
                return Ok(self.export.part(file.id, &file.pending, true));
            };
            file.pending.extend_from_slice(&bytes?);
        }
        let rest = file.pending.split_off(PART);
        let line = self.export.part(file.id, &file.pending, false);
        file.pending = rest;
        self.file = Some(file);
        Ok(line)
    }
}
