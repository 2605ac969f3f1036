//! `GET, POST, PATCH, DELETE /api/projects/:id/conversations/articles/`: what the assistant knows (spec "Knowledge").

use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::projects::log::author;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::articles::{Article, ArticleChange, BODY_MAX, Body, Link, NewArticle, TITLE_MAX};
use model::fields::Fields;
use model::pagination::Bounds;
use model::{ArticleId, Timestamp};
use serde::Serialize;
use store::articles::{self, ArticleFilters};
use utoipa::ToSchema;

const PAGE: Bounds = Bounds::PLAIN;
const READ: Access = Access::read("ticket");
const WRITE: Access = Access::write("ticket");

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
        .add::<__path_destroy, _, _>(WRITE, destroy)
}

/// A piece of knowledge.
#[derive(Serialize, ToSchema)]
#[schema(as = Article)]
struct ArticleView {
    #[schema(value_type = Uuid)]
    id: ArticleId,
    title: String,
    /// Markdown.
    body: String,
    /// Where people can read it; shown with quotations.
    #[schema(required = true, format = "uri")]
    url: Option<String>,
    /// The assistant draws on it.
    is_enabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Article> for ArticleView {
    fn from(article: Article) -> Self {
        Self {
            id: article.id,
            title: article.title,
            body: article.body,
            url: article.url,
            is_enabled: article.is_enabled,
            created_at: article.created_at,
            updated_at: article.updated_at,
        }
    }
}

/// An article to be made.
#[derive(ToSchema)]
#[schema(as = ArticleCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct ArticleFields {
    #[schema(min_length = 1, max_length = 400)]
    title: String,
    /// Markdown.
    #[schema(min_length = 1, max_length = 200_000)]
    body: String,
    /// An `http` or `https` address.
    #[schema(format = "uri", max_length = 2_000)]
    url: Option<String>,
    /// The assistant draws on it.
    #[schema(required = false, default = true)]
    is_enabled: bool,
}

/// What is to be changed of an article.
#[derive(ToSchema)]
#[schema(as = PatchedArticle)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedFields {
    #[schema(required = false, min_length = 1, max_length = 400)]
    title: String,
    /// Markdown.
    #[schema(required = false, min_length = 1, max_length = 200_000)]
    body: String,
    /// An `http` or `https` address; null removes it.
    #[schema(format = "uri", max_length = 2_000)]
    url: Option<String>,
    /// The assistant draws on it.
    #[schema(required = false)]
    is_enabled: bool,
}

page_schema! {
    /// A page of articles.
    ArticleList of ArticleView as PaginatedArticleList
}

/// List articles
///
/// The newest first, also those that are switched off.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/articles/",
    operation_id = "articles_list",
    tag = "articles",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("is_enabled" = Option<bool>, Query, description = "Only those that are switched on, or only others."),
        ("search" = Option<String>, Query, description = "A part of the title, in any case."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Articles to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of articles.", body = ArticleList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let filters = ArticleFilters {
        is_enabled: call.query.flag("is_enabled"),
        search: call.query.search("search"),
    };
    let page = call.page(PAGE);
    let (found, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move { articles::list_matching(c, project, &filters, page).await })
        })
        .await
        .map_err(ApiError::from)?;
    let views: Vec<ArticleView> = found.into_iter().map(ArticleView::from).collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Make an article
///
/// The assistant can draw on it at once.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/articles/",
    operation_id = "articles_create",
    tag = "articles",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = ArticleFields,
    responses((status = 201, description = "The article.", body = ArticleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let fields = Fields::of(call.json().await?)?;
    let title = fields.text("title").max(TITLE_MAX).required()?;
    let body = fields.text("body").max(BODY_MAX).required()?;
    let url = fields.read("url", Link).nullable()?.value();
    let is_enabled = fields.boolean("is_enabled").or(true)?;
    let new = NewArticle {
        id: ArticleId(call.app.env.uuid()),
        title,
        body: indexed(body).await?,
        url,
        is_enabled,
        source_path: None,
    };
    let (author, now) = (author(&call)?, call.app.env.now());
    let article = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let article = articles::create(c, project, &new, now).await?;
                author.did_to(c, "article_created", &article.title).await?;
                Ok::<_, ApiError>(article)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(ArticleView::from(article))).into_response())
}

/// An article
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/articles/{article_id}/",
    operation_id = "articles_retrieve",
    tag = "articles",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("article_id" = String, Path, description = "UUID of the article."),
    ),
    responses((status = 200, description = "The article.", body = ArticleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let article = find(&call).await?;
    Ok(Json(ArticleView::from(article)).into_response())
}

/// Change an article
///
/// Only the members that are named change. The assistant draws on the new text at once.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/articles/{article_id}/",
    operation_id = "articles_partial_update",
    tag = "articles",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("article_id" = String, Path, description = "UUID of the article."),
    ),
    request_body = PatchedFields,
    responses((status = 200, description = "The article as it is now.", body = ArticleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    // An article that does not exist is told before a body that does not fit (conventions.md 2.4).
    let known = find(&call).await?;
    let fields = Fields::of(call.json().await?)?;
    let title = fields.text("title").max(TITLE_MAX).optional()?;
    let body = fields.text("body").max(BODY_MAX).optional()?;
    let url = fields.read("url", Link).nullable()?.change();
    let is_enabled = fields.boolean("is_enabled").optional()?;
    let body = match body {
        Some(body) => Some(indexed(body).await?),
        None => None,
    };
    let change = ArticleChange {
        title,
        body,
        url,
        is_enabled,
    };
    let (author, now) = (author(&call)?, call.app.env.now());
    let article = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let changed = articles::update(c, project, known.id, &change, now).await?;
                let article = changed.ok_or_else(ApiError::not_found)?;
                if article != known {
                    author.did_to(c, "article_updated", &article.title).await?;
                }
                Ok::<_, ApiError>(article)
            })
        })
        .await?;
    Ok(Json(ArticleView::from(article)).into_response())
}

/// Delete an article
///
/// For good. To keep the text and stop using it, set `is_enabled` to false.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/articles/{article_id}/",
    operation_id = "articles_destroy",
    tag = "articles",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("article_id" = String, Path, description = "UUID of the article."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (project, id) = (call.project_id()?, article_id(&call)?);
    let author = author(&call)?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let deleted = articles::delete(c, project, id).await?;
                let article = deleted.ok_or_else(ApiError::not_found)?;
                author.did_to(c, "article_deleted", &article.title).await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn find(call: &Call) -> Result<Article, ApiError> {
    let (project, id) = (call.project_id()?, article_id(call)?);
    call.app
        .store
        .read(move |c| Box::pin(articles::find(c, project, id)))
        .await
        .map_err(ApiError::from)?
        .ok_or_else(ApiError::not_found)
}

/// The article that the path names; what is no UUID names none.
fn article_id(call: &Call) -> Result<ArticleId, ApiError> {
    let id = call.params.uuid("article_id");
    id.map(ArticleId).ok_or_else(ApiError::not_found)
}

/// Reads the Markdown for the index. On a thread of its own: a long text takes milliseconds.
async fn indexed(markdown: String) -> Result<Body, ApiError> {
    tokio::task::spawn_blocking(move || Body::new(markdown))
        .await
        .map_err(ApiError::internal)
}
