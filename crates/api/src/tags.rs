//! `/api/projects/:id/conversations/tags/`: the tags of a project's tickets (tickets.md 16.4).
//!
//! A tag is its name, which may hold characters that a path cannot: so it is named by the query or the body.

use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::projects::log::author;
use crate::tickets::scene;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::error::{Code, FieldError};
use model::fields::{Fields, Text};
use model::pagination::Bounds;
use model::tickets::{TAG_MAX, TAGS_MAX, normal_tags};
use serde::Serialize;
use store::tickets::{self, TagUsage};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds::THOUSAND;
const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

/// Tickets whose tags change in one transaction, so that others need not wait long for the writer.
const AT_ONCE: i64 = 200;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
        .add::<__path_destroy, _, _>(WRITE, destroy)
        .add::<__path_merge, _, _>(WRITE, merge)
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketTag)]
struct TagView {
    name: String,
    /// Tickets that have it.
    ticket_count: i64,
}

impl From<TagUsage> for TagView {
    fn from(tag: TagUsage) -> Self {
        Self {
            name: tag.name,
            ticket_count: tag.tickets,
        }
    }
}

/// A tag's new name.
#[derive(ToSchema)]
#[schema(as = TicketTagRename)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct RenameFields {
    /// The new one; no tag may have it yet.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
}

/// Tags to be made one.
#[derive(ToSchema)]
#[schema(as = TicketTagMerge)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct MergeFields {
    /// 1 to 100 tags that vanish.
    names: Vec<String>,
    /// The tag that takes their place; it need not be there yet.
    #[schema(min_length = 1, max_length = 255)]
    into: String,
}

page_schema! {
    /// A page of tags.
    TagList of TagView as PaginatedTicketTagList
}

/// List tags
///
/// By name. A tag that is on no ticket does not exist.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/tags/",
    operation_id = "conversations_tags_list",
    tag = "tags",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("search" = Option<String>, Query, description = "A part of the name, in any case."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Tags to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of tags.", body = TagList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let search = call.query.search("search").map(|text| text.to_lowercase());
    let page = call.page(PAGE);
    let (found, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move { tickets::list_tags(c, project, search.as_deref(), page).await })
        })
        .await?;
    let views: Vec<TagView> = found.into_iter().map(TagView::from).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Rename a tag
///
/// On all tickets, in all saved views and in all macros. To a name that another tag has: merge them instead.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/tags/",
    operation_id = "conversations_tags_partial_update",
    tag = "tags",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("name" = String, Query, description = "The tag."),
    ),
    request_body = RenameFields,
    responses((status = 200, description = "The tag as it is now.", body = TagView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let old = named(&call).await?;
    let fields = Fields::of(call.json().await?)?;
    let new = fields.text("name").max(TAG_MAX).required()?.to_lowercase();
    if new != old {
        if find(&call, &new).await?.is_some() {
            let detail = "There is already a tag with this name; merge them instead.";
            return Err(FieldError::at("name", Code::Unique, detail).into());
        }
        replace(&call, "tag_renamed", &old, Some(&new)).await?;
    }
    let tag = find(&call, &new).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(TagView::from(tag)).into_response())
}

/// Merge tags
///
/// One tag takes the place of others: on all tickets, in all saved views and in all macros. Those that there are not
/// are passed over.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/tags/merge/",
    operation_id = "conversations_tags_merge_create",
    tag = "tags",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = MergeFields,
    responses((status = 200, description = "The tag that is left.", body = TagView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn merge(mut call: Call) -> Result<Response, ApiError> {
    let fields = Fields::of(call.json().await?)?;
    let names = fields.list("names", Text::new().max(TAG_MAX));
    let names = normal_tags(names.not_empty().max(TAGS_MAX).required()?);
    let into = fields.text("into").max(TAG_MAX).required()?.to_lowercase();
    for name in names.iter().filter(|name| **name != into) {
        replace(&call, "tag_merged", name, Some(&into)).await?;
    }
    let tag = find(&call, &into).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(TagView::from(tag)).into_response())
}

/// Delete a tag
///
/// From all tickets, saved views and macros.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/tags/",
    operation_id = "conversations_tags_destroy",
    tag = "tags",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("name" = String, Query, description = "The tag."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let name = named(&call).await?;
    replace(&call, "tag_deleted", &name, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The tag that the query names, if a ticket has it.
async fn named(call: &Call) -> Result<String, ApiError> {
    let name = call.query.text("name").unwrap_or_default();
    let name = normal_tags([name]).pop();
    let name = name.ok_or_else(|| FieldError::plain("name", Code::Required))?;
    if name.contains('\0') {
        return Err(ApiError::not_found());
    }
    let tag = find(call, &name).await?.ok_or_else(ApiError::not_found)?;
    Ok(tag.name)
}

async fn find(call: &Call, name: &str) -> Result<Option<TagUsage>, ApiError> {
    let (project, name) = (call.project_id()?, name.to_owned());
    let found = call
        .app
        .store
        .read(move |c| Box::pin(async move { tickets::find_tag(c, project, &name).await }))
        .await?;
    Ok(found)
}

/// Puts another tag, or none, in the place of one, some tickets at a time. What breaks off in between can be asked for
/// again. The log of changes says so first, as `what`.
async fn replace(
    call: &Call,
    what: &'static str,
    tag: &str,
    by: Option<&str>,
) -> Result<(), ApiError> {
    let mut author = Some(author(call)?);
    loop {
        let (scene, author) = (scene(call)?, author.take());
        let (tag, by) = (tag.to_owned(), by.map(str::to_owned));
        let done = call
            .app
            .store
            .write(move |c| {
                Box::pin(async move {
                    let by = by.as_deref();
                    let done = tickets::replace_tag(c, &scene, &tag, by, AT_ONCE).await?;
                    // A merge also names what no ticket has.
                    if let Some(author) = author.filter(|_| done > 0) {
                        author.replaced(c, what, &tag, by).await?;
                    }
                    Ok::<_, store::Error>(done)
                })
            })
            .await?;
        call.app.tickets_changed(call.project_id()?);
        if i64::try_from(done).unwrap_or(i64::MAX) < AT_ONCE {
            return Ok(());
        }
    }
}
