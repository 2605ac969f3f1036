//! The page that shows the document: Swagger UI, from the binary, without a request to anybody else.

use crate::ApiError;
use crate::edge::RouteTemplate;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use flate2::read::GzDecoder;
use std::io::Read as _;

const INDEX: &str = include_str!("../../viewer/index.html");
const START: &str = include_str!("../../viewer/start.js");
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing from anywhere else. Swagger UI sets styles from its script, and has icons in its style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The page's parts are named relative to the slash at its end.
pub(super) async fn redirect() -> Response {
    named(Redirect::permanent("/api/docs/").into_response())
}

pub(super) async fn index() -> Response {
    answer("index.html", &HeaderMap::new())
}

pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

/// A packed file of Swagger UI, as the build script left it.
macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")).as_slice()
    };
}

fn answer(name: &str, request: &HeaderMap) -> Response {
    let (kind, packed) = match name {
        "index.html" => return page("text/html; charset=utf-8", INDEX),
        "start.js" => return page(SCRIPT, START),
        "swagger-ui.css" => ("text/css; charset=utf-8", packed!("swagger-ui.css")),
        "swagger-ui-bundle.js" => (SCRIPT, packed!("swagger-ui-bundle.js")),
        "swagger-ui-standalone-preset.js" => (SCRIPT, packed!("swagger-ui-standalone-preset.js")),
        _ => return named(ApiError::endpoint_not_found().into_response()),
    };
    if web::accepts(request, "gzip") {
        let mut response = page(kind, packed);
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
        return response;
    }
    let mut unpacked = Vec::new();
    match GzDecoder::new(packed).read_to_end(&mut unpacked) {
        Ok(_) => page(kind, unpacked),
        Err(error) => named(ApiError::internal(error).into_response()),
    }
}

fn page(kind: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-encoding"),
    ];
    named((headers, body.into()).into_response())
}

fn named(mut response: Response) -> Response {
    let template = RouteTemplate("/api/docs".into());
    response.extensions_mut().insert(template);
    response
}
