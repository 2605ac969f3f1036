//! `GET /array/:token/config` and `/array/:token/config.js`: what the browser SDK asks for first, and what switches the
//! widget on (tickets.md 14.7).

use crate::edge::RouteTemplate;
use crate::{ApiError, App};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use model::secrets;
use serde_json::{Value, json};
use std::sync::Arc;
use store::projects::Project;
use tokio::time::Instant;

/// Longest token that is looked for, in bytes.
const TOKEN_MAX: usize = 200;

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route(
            "/array/{token}/config",
            get(|app, token| async move { answer(app, token, Form::Json).await }),
        )
        .route(
            "/array/{token}/config.js",
            get(|app, token| async move { answer(app, token, Form::Script).await }),
        )
        .with_state(app)
}

/// In which form the configuration is answered.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Script,
}

async fn answer(State(app): State<App>, Path(token): Path<String>, form: Form) -> Response {
    let mut response = match find(&app, token).await {
        Ok(project) => render(&project, form),
        Err(error) => error.into_response(),
    };
    let template = match form {
        Form::Json => "/array/{token}/config",
        Form::Script => "/array/{token}/config.js",
    };
    response
        .extensions_mut()
        .insert(RouteTemplate(template.into()));
    response
}

async fn find(app: &App, token: String) -> Result<Arc<Project>, ApiError> {
    if token.len() > TOKEN_MAX || token.contains('\0') {
        return Err(ApiError::not_found());
    }
    let digest = secrets::digest(&token);
    if let Some(found) = app.caches.configs.find(&digest) {
        return Ok(found);
    }
    let read_at = Instant::now();
    let found = app
        .store
        .read(move |c| Box::pin(async move { store::projects::find_open(c, &token).await }))
        .await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    Ok(app.caches.configs.keep(digest, read_at, found))
}

fn render(project: &Project, form: Form) -> Response {
    // A changed setting takes effect at once, so browsers ask each time.
    const COMMON: [(HeaderName, &str); 2] = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let config = config(project);
    match form {
        Form::Json => (COMMON, axum::Json(config)).into_response(),
        Form::Script => {
            let kind = (
                header::CONTENT_TYPE,
                "application/javascript; charset=utf-8",
            );
            (COMMON, [kind], script(&project.public_token, &config)).into_response()
        }
    }
}

/// What the browser SDK is told: nothing of its analytics is done here, and whether there is a widget.
fn config(project: &Project) -> Value {
    json!({
        "token": project.public_token,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": false,
        "captureDeadClicks": false,
        "capturePerformance": false,
        "autocapture_opt_out": true,
        "autocaptureExceptions": false,
        "analytics": {"endpoint": "/i/v0/e/"},
        "elementsChainAsString": true,
        "errorTracking": {"autocaptureExceptions": false, "suppressionRules": []},
        "logs": {"captureConsoleLogs": false},
        "sessionRecording": false,
        "heatmaps": false,
        "surveys": false,
        "productTours": false,
        "defaultIdentifiedOnly": true,
        "siteApps": [],
        "conversations": conversations(project),
    })
}

fn conversations(project: &Project) -> Value {
    let settings = &project.settings;
    let (true, Some(token)) = (settings.conversations_enabled, &project.widget_token) else {
        return json!(false);
    };
    json!({
        "enabled": true,
        "widgetEnabled": settings.widget_enabled,
        "token": token,
        "domains": settings.widget_domains,
        "greetingText": settings.widget_greeting_text,
        "color": settings.widget_color,
        "requireEmail": settings.widget_require_email,
        "collectName": settings.widget_collect_name,
        "identificationFormTitle": settings.widget_identification_form_title,
        "identificationFormDescription": settings.widget_identification_form_description,
        "placeholderText": settings.widget_placeholder_text,
        "widgetPosition": settings.widget_position,
    })
}

/// The configuration as a script that leaves it where the SDK looks for it.
fn script(token: &str, config: &Value) -> String {
    let (token, config) = (literal(&json!(token)), literal(config));
    format!(
        "(function() {{\n  window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {{}};\n  \
         window._POSTHOG_REMOTE_CONFIG[{token}] = {{config: {config}, siteApps: []}};\n}})();\n"
    )
}

/// JSON that is a JavaScript expression wherever it stands: nothing in it can end a script or a line.
fn literal(value: &Value) -> String {
    let mut text = value.to_string();
    for (raw, escaped) in [
        ("<", "\\u003c"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        text = text.replace(raw, escaped);
    }
    text
}
