//! The table of routes, which both the router and the OpenAPI document are made of (conventions.md 3).
//!
//! A route is added once, under either of its prefixes, and answers under both `projects` and `environments`, with
//! and without a slash at its end, and with `.json` behind it.

use crate::edge::RouteTemplate;
use crate::{Access, ApiError, App, Call, Visit, call::PathParams};
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures::future::BoxFuture;
use model::Code;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

/// The two prefixes of everything that belongs to a project.
const PROJECT_PREFIXES: [&str; 2] = [
    "/api/projects/{project_id}",
    "/api/environments/{project_id}",
];

type Handler<T> = Arc<dyn Fn(T) -> BoxFuture<'static, Result<Response, ApiError>> + Send + Sync>;

/// The routes of the API, with their documentation.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
    pub(crate) documented: Vec<Documented>,
}

/// One path with its methods.
struct Route {
    /// Without a slash at its end; the project's prefix is the first of the two.
    template: Arc<str>,
    methods: Vec<Endpoint>,
}

/// One method of a path.
struct Endpoint {
    method: Method,
    action: Action,
}

/// Who gets to the handler.
#[derive(Clone)]
enum Action {
    /// Who has what it takes.
    Checked(Access, Handler<Call>),
    /// Everybody.
    Open(Handler<Visit>),
}

impl Action {
    const fn access(&self) -> Option<Access> {
        match self {
            Self::Checked(access, _) => Some(*access),
            Self::Open(_) => None,
        }
    }
}

/// One operation of the OpenAPI document.
pub(crate) struct Documented {
    /// As the document shows it.
    pub(crate) path: String,
    pub(crate) method: HttpMethod,
    pub(crate) operation: Operation,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Routes {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler under the method and path that its `#[utoipa::path]` names; `D` is the type which that
    /// attribute makes (`__path_list` for a function `list`). The handler is called with requests that have what
    /// `access` asks for.
    #[must_use]
    pub fn add<D, F, Fut>(self, access: Access, handler: F) -> Self
    where
        D: utoipa::Path + SchemaReferences,
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        let handler: Handler<Call> = Arc::new(move |call| Box::pin(handler(call)));
        self.add_action::<D>(&Action::Checked(access, handler))
    }

    /// As [`Self::add`], for the few things that strangers may do: the handler is called with every request.
    #[must_use]
    pub fn open<D, F, Fut>(self, handler: F) -> Self
    where
        D: utoipa::Path + SchemaReferences,
        F: Fn(Visit) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        let handler: Handler<Visit> = Arc::new(move |visit| Box::pin(handler(visit)));
        self.add_action::<D>(&Action::Open(handler))
    }

    fn add_action<D: utoipa::Path + SchemaReferences>(mut self, action: &Action) -> Self {
        let path = D::path();
        let index = self.index_of(&path);
        for method in D::methods() {
            self.routes[index].methods.push(Endpoint {
                method: http_method(&method),
                action: action.clone(),
            });
            let mut schemas = Vec::new();
            D::schemas(&mut schemas);
            self.documented.push(Documented {
                path: path.clone(),
                method,
                operation: D::operation(),
                schemas,
            });
        }
        self
    }

    /// Adds all of another table.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self.documented.extend(other.documented);
        self
    }

    fn index_of(&mut self, path: &str) -> usize {
        let path = path.trim_end_matches('/');
        let [first, second] = PROJECT_PREFIXES;
        let template = match path.strip_prefix(second) {
            Some(rest) => format!("{first}{rest}"),
            None => path.to_owned(),
        };
        let same = |route: &Route| *route.template == *template;
        self.routes.iter().position(same).unwrap_or_else(|| {
            self.routes.push(Route {
                template: template.into(),
                methods: Vec::new(),
            });
            self.routes.len() - 1
        })
    }

    /// Every mounted method and path with what it needs (nothing, when it is open to everybody), for the test that
    /// compares them with the document.
    #[cfg(test)]
    pub(crate) fn mounted(&self) -> Vec<(Method, Arc<str>, Option<Access>)> {
        let mut mounted = Vec::new();
        for route in &self.routes {
            for endpoint in &route.methods {
                let template = Arc::clone(&route.template);
                mounted.push((endpoint.method.clone(), template, endpoint.action.access()));
            }
        }
        mounted
    }

    /// The router for these routes; everything else under `/api/` is not found.
    pub(crate) fn router(self, app: &App) -> Router {
        let mut router = Router::new();
        for route in self.routes {
            let route = Arc::new(route);
            for path in route.paths() {
                let (route, app) = (Arc::clone(&route), app.clone());
                let dispatch = move |params: Result<RawPathParams, RawPathParamsRejection>,
                                     request: Request| {
                    let (route, app) = (Arc::clone(&route), app.clone());
                    async move { route.dispatch(app, params.ok(), request).await }
                };
                router = router.route(&path, any(dispatch));
            }
        }
        router
    }
}

impl Route {
    /// The paths that it is mounted at.
    fn paths(&self) -> Vec<String> {
        let [first, second] = PROJECT_PREFIXES;
        match self.template.strip_prefix(first) {
            Some(rest) => vec![self.template.to_string(), format!("{second}{rest}")],
            None => vec![self.template.to_string()],
        }
    }

    async fn dispatch(
        &self,
        app: App,
        params: Option<RawPathParams>,
        mut request: Request,
    ) -> Response {
        let params = params.map(path_params);
        let mut response = match params {
            // No part of a path may contain a dot or a slash (ai-conversations.md 1.1).
            Some(params)
                if params
                    .0
                    .iter()
                    .all(|(_, value)| !value.contains(['.', '/'])) =>
            {
                request.extensions_mut().insert(params);
                self.answer(app, request)
                    .await
                    .unwrap_or_else(ApiError::into_response)
            }
            _ => ApiError::endpoint_not_found().into_response(),
        };
        let template = RouteTemplate(Arc::clone(&self.template));
        response.extensions_mut().insert(template);
        // What one caller is shown is for nobody else: a cache in between knows nothing of cookies.
        let headers = response.headers_mut().entry(header::CACHE_CONTROL);
        headers.or_insert(HeaderValue::from_static("no-store"));
        response
    }

    async fn answer(&self, app: App, request: Request) -> Result<Response, ApiError> {
        let method = match *request.method() {
            Method::HEAD => Method::GET,
            ref method => method.clone(),
        };
        if let Some(endpoint) = self.methods.iter().find(|known| known.method == method) {
            return match &endpoint.action {
                Action::Checked(access, handler) => {
                    handler(app.authorize(request, *access).await?).await
                }
                Action::Open(handler) => handler(Visit::of(&app, request)?).await,
            };
        }
        let first = self.methods.first();
        let first = first.map(|endpoint| endpoint.action.access());
        if method == Method::OPTIONS {
            if let Some(Some(access)) = first {
                app.authorize(request, access.to_look()).await?;
            }
            let methods = self.methods.iter().map(|endpoint| &endpoint.method);
            return Ok(metadata(&self.template, methods));
        }
        // Also for a key: it must be valid to learn which methods there are, but needs no scope.
        if let Some(Some(_)) = first {
            app.authorize(request, Access::anyone_signed_in()).await?;
        }
        let detail = format!("Method \"{method}\" not allowed.");
        let error = ApiError::with_detail(Code::MethodNotAllowed, detail);
        Err(match HeaderValue::from_str(&self.allow()) {
            Ok(allow) => error.header(header::ALLOW, allow),
            Err(_) => error,
        })
    }

    /// The value of `Allow`.
    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self
            .methods
            .iter()
            .map(|endpoint| endpoint.method.as_str())
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

fn path_params(params: RawPathParams) -> PathParams {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    PathParams(params.iter().map(owned).collect())
}

fn http_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// What an OPTIONS request is told (conventions.md 3).
fn metadata<'a>(template: &str, methods: impl Iterator<Item = &'a Method>) -> Response {
    let is_open = |segment: &&str| !segment.starts_with('{') && !segment.is_empty();
    let name = template.rsplit('/').find(is_open).unwrap_or("api");
    let actions = methods
        .filter(|method| [Method::POST, Method::PUT, Method::PATCH].contains(method))
        .map(|method| (method.to_string(), json!({})))
        .collect::<Map<_, _>>();
    axum::Json(json!({
        "name": name,
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
        "actions": Value::Object(actions),
    }))
    .into_response()
}

/// Answers what no route below `/api` matches.
pub(crate) async fn fallback(method: Method) -> Response {
    if method == Method::OPTIONS {
        return metadata("endpoint", std::iter::empty());
    }
    ApiError::endpoint_not_found().into_response()
}

/// The path as the client wrote it, in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct OriginalPath(pub(crate) String);

/// Takes the slash at the end and the suffix `.json` away, so that one route matches all forms of its path. Never
/// answered with a redirect.
pub(crate) fn normalise(request: &mut Request) {
    let path = request.uri().path();
    // The widget's and the external endpoints have one form only (conventions.md 3).
    let has_forms = !["/api/docs", "/api/conversations/"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    if !path.starts_with("/api/") || !has_forms {
        return;
    }
    let bare = path.strip_suffix('/').unwrap_or(path);
    // Some clients encode the sign of "@current" and "@me", which a path may hold as it is.
    let bare = bare
        .strip_suffix(".json")
        .unwrap_or(bare)
        .replace("%40", "@");
    if bare == path {
        return;
    }
    let rewritten = match request.uri().query() {
        Some(query) => format!("{bare}?{query}"),
        None => bare,
    };
    let original = OriginalPath(path.to_owned());
    let mut parts = request.uri().clone().into_parts();
    let Ok(rewritten) = PathAndQuery::try_from(rewritten) else {
        return;
    };
    parts.path_and_query = Some(rewritten);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(original);
    }
}
