//! `POST /api/projects/:id/uploaded_media/`, and `GET /uploaded_media/:id`, where the files are read (tickets.md 11.3,
//! docs/decisions/0004-attachments.md).
//!
//! Two kinds of reader come to the second: members of the project with a key or a session, who see what their tickets
//! link and what they have just uploaded; and whoever has the link with its token, which is how a picture gets into the
//! customer's browser. The token opens only what a public message links.

mod form;
mod unused;

pub use unused::UnusedMediaError;

use crate::access::is_still_allowed;
use crate::edge::RouteTemplate;
use crate::openapi::CommonErrors;
use crate::{Access, ApiError, App, Call, Routes};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use blobs::Blobs;
use form::Upload;
use model::error::{Code, FieldError};
use model::fields::UuidKind;
use model::media::{self, Media, UNATTACHED_MAX};
use model::{MediaId, ProjectId};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Uploads that are taken in at once; each may hold a whole file in memory. Further ones wait.
pub(crate) const UPLOADS: usize = 8;
/// How long an upload waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a reader may keep a file without asking again: what is deleted must vanish.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// Nothing in a file may run, whatever it turns out to be.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_create, _, _>(Access::write("ticket").uploads(), create)
}

/// Where files are read. Not in the document, as it is not called by programs but by what shows a message.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/uploaded_media/{id}", get(read))
        .with_state(app)
}

/// An uploaded file.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadedMedia)]
struct MediaView {
    #[schema(value_type = Uuid)]
    id: MediaId,
    /// As it is kept: cleaned, at most 255 characters.
    name: String,
    /// Where it can be read: to be put into a message as `![name](image_location)`, or as a link.
    #[schema(format = "uri")]
    image_location: String,
    /// What its bytes look like: `image/png`, `image/jpeg`, `image/gif`, `image/webp`, or `application/octet-stream`.
    content_type: String,
    /// In bytes.
    size: i64,
}

/// A file to be uploaded.
#[derive(ToSchema)]
#[schema(as = UploadedMediaCreate)]
#[expect(dead_code, reason = "describes the form, which is read part by part")]
struct UploadFields {
    /// At most 20 MiB. Under the name `image` or `file`.
    #[schema(required = false, value_type = String, format = Binary)]
    file: Vec<u8>,
    /// As `file`.
    #[schema(required = false, value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Upload a file
///
/// To be linked by a message within a day; then it is kept as long as the message. At most 20 MiB, and at most 500 MiB
/// that no message links. Whoever has no header or query for its credentials cannot send them in this form.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/uploaded_media/",
    operation_id = "uploaded_media_create",
    tag = "tickets",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body(content = UploadFields, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file.", body = MediaView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let app = call.app.clone();
    let turn = tokio::time::timeout(PATIENCE, app.uploads.acquire()).await;
    // Never closed, so a permit comes, or the time is over.
    let _permit = turn.map_err(|_| ApiError::unavailable(Duration::from_secs(1)))?;
    let Upload { name, bytes } = form::receive(call.take_body(), &call.headers).await?;
    let media = Media {
        project_id: project,
        id: MediaId(app.env.uuid()),
        name: media::clean_name(&name),
        content_type: media::content_type(&bytes).to_owned(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        is_attached: false,
        uploaded_by: Some(user),
        created_at: app.env.now(),
    };
    // The row comes first: whatever happens, it knows that there may be bytes.
    let noted = media.clone();
    app.store
        .write(move |c| {
            Box::pin(async move {
                let lying_about = store::media::unattached_of(c, project, user).await?;
                if lying_about.saturating_add(noted.size) > UNATTACHED_MAX {
                    let detail = "Too many uploaded files are linked by no message. Use them, or wait a day.";
                    return Err(FieldError::whole(Code::InvalidInput, detail).into());
                }
                Ok::<_, ApiError>(store::media::create(c, &noted).await?)
            })
        })
        .await?;
    app.blobs
        .put(project, media.id, bytes)
        .await
        .map_err(|error| ApiError::unavailable(Duration::from_secs(5)).because(error))?;
    let (id, size) = (media.id, media.size);
    app.store
        .write(move |c| Box::pin(store::media::set_stored(c, project, id, size)))
        .await?;
    let view = MediaView {
        image_location: location(&app, &call.base_url, project, id),
        id,
        name: media.name,
        content_type: media.content_type,
        size,
    };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// The address of a file, with the token that opens it.
fn location(app: &App, base_url: &str, project: ProjectId, id: MediaId) -> String {
    let token = store::media::token(&app.secret_key, project, id);
    format!("{base_url}{}{id}?token={token}", media::PATH)
}

async fn read(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answer = answer(&app, &id, request).await;
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    let template = RouteTemplate("/uploaded_media/{id}".into());
    response.extensions_mut().insert(template);
    response
}

async fn answer(app: &App, id: &str, request: Request) -> Result<Response, ApiError> {
    let id = UuidKind::parse(id).map(MediaId);
    let id = id.ok_or_else(ApiError::not_found)?;
    if let Some(project) = project_of_token(app, id, request.uri().query())
        && let Some(media) = app
            .store
            .read(move |c| Box::pin(store::media::find_public(c, project, id)))
            .await?
    {
        return show(&app.blobs, media, true).await;
    }
    let access = Access::read("ticket").any_form();
    let caller = app.authorize(request, access).await?.caller;
    let now = app.env.now();
    let found = app
        .store
        .read(move |c| {
            Box::pin(async move {
                let Some(media) = store::media::find_of_user(c, caller.user.id, id).await? else {
                    return Ok(None);
                };
                // A key may be kept from projects that its owner belongs to.
                let may = is_still_allowed(c, &caller, access, media.project_id, now).await?;
                Ok::<_, store::Error>(may.then_some(media))
            })
        })
        .await?;
    show(&app.blobs, found.ok_or_else(ApiError::not_found)?, false).await
}

/// The project that a good token names.
fn project_of_token(app: &App, id: MediaId, query: Option<&str>) -> Option<ProjectId> {
    let token = form_urlencoded::parse(query?.as_bytes())
        .find(|(name, _)| name == "token")?
        .1;
    store::media::project_of_token(&app.secret_key, id, &token)
}

/// The bytes. Only pictures are shown in place; everything else is for saving, whatever it is.
async fn show(blobs: &Blobs, media: Media, for_everybody: bool) -> Result<Response, ApiError> {
    let blob = blobs
        .read(media.project_id, media.id)
        .await
        .map_err(|error| ApiError::unavailable(Duration::from_secs(5)).because(error))?;
    let blob =
        blob.ok_or_else(|| ApiError::internal(format!("the file {} is missing", media.id)))?;
    let mut response = Response::new(Body::from_stream(blob.bytes));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&media.content_type).map_err(ApiError::internal)?;
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size));
    headers.insert(header::CONTENT_DISPOSITION, disposition(&media)?);
    headers.insert(header::CACHE_CONTROL, CACHE);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    // The widget shows pictures on the customer's site; what needs a session is for our own pages only.
    let sites = if for_everybody {
        "cross-origin"
    } else {
        "same-origin"
    };
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static(sites),
    );
    Ok(response)
}

/// `inline` or `attachment` with the file's name, once in ASCII and once as it is (RFC 6266).
fn disposition(media: &Media) -> Result<HeaderValue, ApiError> {
    let kind = match media::is_picture(&media.content_type) {
        true => "inline",
        false => "attachment",
    };
    let plain = |c: char| match c {
        '"' | '\\' | '%' => '_',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '_',
    };
    let ascii: String = media.name.chars().map(plain).collect();
    let mut encoded = String::new();
    for byte in media.name.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    let value = format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&value).map_err(ApiError::internal)
}
