//! `GET /api/projects/:id/assistant/` and `POST …/assistant/test/`: who answers, and whether they can be reached.

use crate::{Access, ApiError, Call, CommonErrors, Routes};
use assistant::{ProviderFacts, ProviderTest};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    let test = Access::write("project").admin().throttled_by_handler();
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::read("project"), retrieve)
        .add::<__path_create, _, _>(test, create)
}

/// Who answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Assistant)]
struct AssistantView {
    /// `openai`, `anthropic` or `extractive`.
    provider: &'static str,
    /// The model's name at the provider; null without a language model.
    #[schema(required = true)]
    model: Option<String>,
    /// Whether a language model answers. Without one the project's knowledge is quoted.
    is_configured: bool,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = AssistantTest)]
struct TestView {
    /// Whether there was an answer.
    ok: bool,
    /// How long it took, in milliseconds.
    latency_ms: u64,
    /// `timeout`, `rate_limit`, `unauthorized`, `not_found`, `rejected` or `unavailable`; null when all is well.
    #[schema(required = true)]
    error_type: Option<&'static str>,
    /// What to do about it.
    #[schema(required = true)]
    detail: Option<&'static str>,
}

/// Who answers
///
/// The server's language model, or the extractive answerer. Secrets and addresses are not told.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/assistant/",
    operation_id = "assistant_retrieve",
    tag = "assistant",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "Who answers.", body = AssistantView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    call.project_id()?;
    let ProviderFacts {
        provider,
        model,
        is_configured,
    } = call.app.assistant.provider();
    Ok(Json(AssistantView {
        provider,
        model,
        is_configured,
    })
    .into_response())
}

/// Ask the model for a word
///
/// One tiny call, without the project's data, which counts as a turn of the caller's. A model that fails is answered
/// with 200 and `ok: false`. For admins.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/assistant/test/",
    operation_id = "assistant_test_create",
    tag = "assistant",
    params(("project_id" = String, Path, description = "Number of the project, or `@current`.")),
    responses((status = 200, description = "What came of it.", body = TestView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["project:write"]))
)]
async fn create(call: Call) -> Result<Response, ApiError> {
    call.app.throttle_ai(&call, false).await?;
    let project = call.project_id()?;
    let ProviderTest { latency, trouble } = call.app.assistant.test_provider(project).await?;
    Ok(Json(TestView {
        ok: trouble.is_none(),
        latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        error_type: trouble.map(assistant::Trouble::as_str),
        detail: trouble.map(assistant::Trouble::advice),
    })
    .into_response())
}
