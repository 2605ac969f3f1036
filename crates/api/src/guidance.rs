//! `/api/projects/:id/conversations/guidance/`: rules of tone and of escalation (tickets.md 16.3).

use crate::conversations::UserBasic;
use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::projects::log::author;
use crate::{Access, ApiError, Call, Routes, people};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::fields::Fields;
use model::guidance::{GuidanceRule, RuleChange, RuleType};
use model::pagination::Bounds;
use model::{GuidanceRuleId, Timestamp};
use serde::Serialize;
use store::Conn;
use store::guidance::{self, RuleFilters};
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

/// A rule for the assistant.
#[derive(Serialize, ToSchema)]
#[schema(as = GuidanceRule)]
struct RuleView {
    #[schema(value_type = Uuid)]
    id: GuidanceRuleId,
    /// `tone` or `escalation`.
    #[schema(value_type = String)]
    rule_type: RuleType,
    name: String,
    content: String,
    is_active: bool,
    /// `widget`, `email`, `slack`, `teams`, `github`; empty for all.
    channels: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Null when the account is gone.
    #[schema(value_type = Option<UserBasic>, required = true)]
    created_by: Option<UserView>,
}

/// A rule to be made.
#[derive(ToSchema)]
#[schema(as = GuidanceRuleCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewFields {
    #[schema(pattern = "^(tone|escalation)$")]
    rule_type: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(min_length = 1, max_length = 10_000)]
    content: String,
    #[schema(required = false, default = true)]
    is_active: bool,
    #[schema(required = false)]
    channels: Vec<String>,
}

/// What is to be changed of a rule.
#[derive(ToSchema)]
#[schema(as = PatchedGuidanceRule)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedFields {
    #[schema(required = false, pattern = "^(tone|escalation)$")]
    rule_type: String,
    #[schema(required = false, min_length = 1, max_length = 200)]
    name: String,
    #[schema(required = false, min_length = 1, max_length = 10_000)]
    content: String,
    #[schema(required = false)]
    is_active: bool,
    #[schema(required = false)]
    channels: Vec<String>,
}

page_schema! {
    /// A page of rules.
    RuleList of RuleView as PaginatedGuidanceRuleList
}

/// Rules as clients see them: one look-up for all creators.
async fn show(c: &Conn, found: Vec<GuidanceRule>) -> store::Result<Vec<RuleView>> {
    let creators: Vec<_> = found.iter().filter_map(|it| it.created_by).collect();
    let people = store::users::find_many(c, &creators).await?;
    let show = |it: GuidanceRule| RuleView {
        created_by: it
            .created_by
            .and_then(|id| people.get(&id))
            .map(people::basic),
        id: it.id,
        rule_type: it.rule_type,
        name: it.name,
        content: it.content,
        is_active: it.is_active,
        channels: it.channels,
        created_at: it.created_at,
        updated_at: it.updated_at,
    };
    Ok(found.into_iter().map(show).collect())
}

async fn show_one(c: &Conn, it: GuidanceRule) -> store::Result<RuleView> {
    let shown = show(c, vec![it]).await?;
    shown.into_iter().next().ok_or(store::Error::NoRow)
}

/// List guidance rules
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/guidance/",
    operation_id = "conversations_guidance_list",
    tag = "guidance",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("is_active" = Option<bool>, Query, description = "Only active ones, or only others."),
        ("rule_type" = Option<String>, Query, description = "`tone` or `escalation`."),
        ("search" = Option<String>, Query, description = "A part of the name, in any case."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100."),
        ("offset" = Option<i64>, Query, description = "Rules to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of rules.", body = RuleList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let rule_type = call.query.text("rule_type").unwrap_or_default();
    let filters = RuleFilters {
        is_active: call.query.flag("is_active"),
        rule_type: RuleType::from_word(&rule_type),
        search: call.query.search("search"),
    };
    let page = call.page(PAGE);
    let (shown, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let (found, count) = guidance::list(c, project, &filters, page).await?;
                Ok::<_, store::Error>((show(c, found).await?, count))
            })
        })
        .await?;
    Ok(Json(call.paginated(page, shown, count)).into_response())
}

/// Make a guidance rule
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/conversations/guidance/",
    operation_id = "conversations_guidance_create",
    tag = "guidance",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = NewFields,
    responses((status = 201, description = "The rule.", body = RuleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.user_id());
    let change = RuleChange::read_new(&Fields::of(call.json().await?)?)?;
    let (author, now) = (author(&call)?, call.app.env.now());
    let mut rule = GuidanceRule {
        project_id: project,
        id: GuidanceRuleId(call.app.env.uuid()),
        rule_type: RuleType::Tone,
        name: String::new(),
        content: String::new(),
        is_active: true,
        channels: Vec::new(),
        created_by: Some(user),
        created_at: now,
        updated_at: now,
    };
    rule.apply(change, now);
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                guidance::create(c, &rule).await?;
                author.did_to(c, "guidance_created", &rule.name).await?;
                show_one(c, rule).await
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// A guidance rule
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/guidance/{rule_id}/",
    operation_id = "conversations_guidance_retrieve",
    tag = "guidance",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("rule_id" = String, Path, description = "UUID of the rule."),
    ),
    responses((status = 200, description = "The rule.", body = RuleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (project, id) = (call.project_id()?, rule_id(&call)?);
    let shown = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let found = guidance::find(c, project, id).await?;
                let found = found.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>(show_one(c, found).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Change a guidance rule
///
/// Only the members that are named change.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/conversations/guidance/{rule_id}/",
    operation_id = "conversations_guidance_partial_update",
    tag = "guidance",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("rule_id" = String, Path, description = "UUID of the rule."),
    ),
    request_body = PatchedFields,
    responses((status = 200, description = "The rule as it is now.", body = RuleView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let (project, id) = (call.project_id()?, rule_id(&call)?);
    // A rule that does not exist is told before a body that does not fit (conventions.md 2.4).
    let known = call
        .app
        .store
        .read(move |c| Box::pin(guidance::find(c, project, id)))
        .await?;
    known.ok_or_else(ApiError::not_found)?;
    let change = RuleChange::read(&Fields::of(call.json().await?)?)?;
    let (author, now) = (author(&call)?, call.app.env.now());
    let shown = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = guidance::find_for_update(c, project, id).await?;
                let before = found.ok_or_else(ApiError::not_found)?;
                let mut rule = before.clone();
                rule.apply(change, now);
                guidance::update(c, &rule).await?;
                let updated_at = rule.updated_at;
                if rule
                    != (GuidanceRule {
                        updated_at,
                        ..before
                    })
                {
                    author.did_to(c, "guidance_updated", &rule.name).await?;
                }
                Ok::<_, ApiError>(show_one(c, rule).await?)
            })
        })
        .await?;
    Ok(Json(shown).into_response())
}

/// Delete a guidance rule
///
/// For good. To keep it and stop using it, set `is_active` to false.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}/conversations/guidance/{rule_id}/",
    operation_id = "conversations_guidance_destroy",
    tag = "guidance",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("rule_id" = String, Path, description = "UUID of the rule."),
    ),
    responses((status = 204, description = "Deleted."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let (project, id) = (call.project_id()?, rule_id(&call)?);
    let author = author(&call)?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let found = guidance::find_for_update(c, project, id).await?;
                let rule = found.ok_or_else(ApiError::not_found)?;
                guidance::delete(c, project, id).await?;
                author.did_to(c, "guidance_deleted", &rule.name).await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The rule that the path names; what is no UUID names none.
fn rule_id(call: &Call) -> Result<GuidanceRuleId, ApiError> {
    let id = call.params.uuid("rule_id");
    id.map(GuidanceRuleId).ok_or_else(ApiError::not_found)
}
