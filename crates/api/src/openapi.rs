//! The OpenAPI document, made of the table of routes, and the page that shows it.

mod viewer;
mod yaml;

use crate::edge::RouteTemplate;
use crate::{routes, routing};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use utoipa::openapi::path::Paths;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr,
    Response as Answer, ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema};

/// Name of the security scheme in the document: write
/// `security(("PersonalAPIKeyAuth" = ["conversation:read"]))` at an operation.
const SECURITY_SCHEME: &str = "PersonalAPIKeyAuth";

/// What a client is told when a request fails.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorEnvelope {
    /// Family of the error.
    #[schema(rename = "type", example = "validation_error")]
    kind: String,
    /// What went wrong, for programs.
    #[schema(example = "required")]
    code: String,
    /// What went wrong, for people.
    #[schema(example = "This field is required.")]
    detail: String,
    /// The field it is about; nested names are joined with `__`.
    #[schema(example = "content", required = true)]
    attr: Option<String>,
}

/// An error without an envelope, where clients of the original expect that.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlainError {
    /// What went wrong.
    #[schema(example = "Conversation not found")]
    error: String,
}

/// One server-sent event. Comments and `retry:` lines may come in between.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamEvent {
    /// What `data` is, such as `message` or `conversation`.
    event: String,
    /// JSON on one line.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// The cursor to read on from; what is of the moment only, such as who types, has none.
    #[schema(required = false)]
    id: String,
}

/// The answers that every operation can give, by status, as names of reusable responses.
const COMMON: &[(&str, &str, &str)] = &[
    (
        "400",
        "BadRequest",
        "The body or a parameter breaks a rule; `code` and `attr` say which.",
    ),
    ("401", "Unauthorized", "No credentials, or bad ones."),
    (
        "403",
        "Forbidden",
        "The key lacks the scope that `detail` names, or the caller may not do this.",
    ),
    (
        "404",
        "NotFound",
        "There is no such thing, or not for this caller.",
    ),
    (
        "406",
        "NotAcceptable",
        "`Accept` excludes every form the answer could have.",
    ),
    ("408", "RequestTimeout", "The body took too long to arrive."),
    (
        "413",
        "RequestTooLarge",
        "The body is longer than this server accepts.",
    ),
    (
        "415",
        "UnsupportedMediaType",
        "The body is neither JSON nor a form.",
    ),
    (
        "429",
        "TooManyRequests",
        "Too often; `Retry-After` says how many seconds to wait.",
    ),
    (
        "503",
        "ServiceUnavailable",
        "Not now; `Retry-After` says how many seconds to wait.",
    ),
];

/// The errors that every operation can answer with: list it among the `responses(…)` of a `#[utoipa::path]`.
pub struct CommonErrors;

impl IntoResponses for CommonErrors {
    fn responses() -> BTreeMap<String, RefOr<Answer>> {
        let reference = |(status, name, _): &(&str, &str, &str)| {
            let reference = Ref::from_response_name(*name);
            ((*status).to_owned(), RefOr::Ref(reference))
        };
        COMMON.iter().map(reference).collect()
    }
}

/// The OpenAPI 3.1 document of the HTTP API.
pub fn openapi() -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .schema("Error", ErrorEnvelope::schema())
        .security_scheme(
            SECURITY_SCHEME,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(
                        "A personal API key (`phx_…`) with the scopes that the operation names.",
                    ))
                    .build(),
            ),
        );
    for (_, name, description) in COMMON {
        let envelope = Ref::from_schema_name("Error");
        let content = ContentBuilder::new().schema(Some(envelope)).build();
        let response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", content);
        components = components.response(*name, response);
    }
    let mut paths = Paths::new();
    for mut documented in routes().documented {
        components = components.schemas_from_iter(documented.schemas);
        let tags = &mut documented.operation.tags;
        tags.get_or_insert_with(|| vec![family(&documented.path).to_owned()]);
        paths.add_path_operation(
            documented.path,
            vec![documented.method],
            documented.operation,
        );
    }
    let mut info = Info::new("Thicket", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Conversations with an AI assistant, and the support tickets they may become. Every path under \
         `/api/environments/{project_id}` is also served under `/api/projects/{project_id}`, and the other way \
         round; the slash at the end is optional."
            .to_owned(),
    );
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// What an operation is listed under: the thing that its path is about, below the project or organisation.
fn family(path: &str) -> &str {
    let mut segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .skip(1);
    let first = segments.next().unwrap_or("api");
    match segments.nth(1) {
        Some(second) if !second.starts_with('{') => second,
        _ => first,
    }
}

/// The document's texts, made once.
struct Texts {
    json: String,
    yaml: String,
}

fn texts() -> &'static Texts {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    TEXTS.get_or_init(|| {
        // A document of plain values always renders.
        let value = serde_json::to_value(openapi()).unwrap_or_default();
        Texts {
            json: value.to_string(),
            yaml: yaml::render(&value),
        }
    })
}

/// `/api/schema/` and `/api/docs/`, and the other addresses at which people look for the page (conventions.md 3). Open to
/// everybody; not part of the document.
pub(crate) fn router() -> Router {
    let mut router = Router::new();
    for elsewhere in ["/api", "/api/schema/swagger-ui", "/api/schema/redoc"] {
        router = router.route(elsewhere, get(viewer::redirect).fallback(routing::fallback));
    }
    router
        .route("/api/schema", get(schema))
        .route("/api/docs", get(viewer::redirect))
        .route("/api/docs/", get(viewer::index))
        .route("/api/docs/{*file}", get(viewer::file))
}

/// YAML, or JSON with `?format=json` or an `Accept` that names JSON.
async fn schema(headers: HeaderMap, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let wants_json = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "format" && value == "json");
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let accepts_json = accept.is_some_and(|accept| accept.contains("application/json"));
    let (content_type, text) = if wants_json || accepts_json {
        ("application/json", &texts().json)
    } else {
        ("application/vnd.oai.openapi; charset=utf-8", &texts().yaml)
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], text.as_str()).into_response();
    let template = RouteTemplate("/api/schema".into());
    response.extensions_mut().insert(template);
    response
}

#[cfg(test)]
mod tests;
