//! The page that shows the document: Swagger UI, from the binary, without a request to anybody else.

use crate::ApiError;
use crate::edge::RouteTemplate;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// Nothing from anywhere else. Swagger UI sets styles from its script, and has icons in its style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The page's parts are named relative to the slash at its end.
pub(super) async fn redirect() -> Response {
    named(Redirect::permanent("/api/docs/").into_response())
}

pub(super) async fn index() -> Response {
    answer("index.html")
}

pub(super) async fn file(Path(name): Path<String>) -> Response {
    answer(&name)
}

fn answer(name: &str) -> Response {
    let config = Config::new(["/api/schema/?format=json"])
        // The default one is on the Internet.
        .validator_url("none")
        .try_it_out_enabled(true)
        .persist_authorization(false);
    let file = match utoipa_swagger_ui::serve(name, Arc::new(config)) {
        Ok(Some(file)) => file,
        Ok(None) => return named(ApiError::endpoint_not_found().into_response()),
        Err(error) => return named(ApiError::internal(error).into_response()),
    };
    let headers = [
        (header::CONTENT_TYPE, file.content_type),
        (
            header::CONTENT_SECURITY_POLICY,
            CONTENT_SECURITY_POLICY.to_owned(),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    named((headers, file.bytes.into_owned()).into_response())
}

fn named(mut response: Response) -> Response {
    let template = RouteTemplate("/api/docs".into());
    response.extensions_mut().insert(template);
    response
}
