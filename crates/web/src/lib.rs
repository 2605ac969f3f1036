//! The pages that the server shows to browsers: its front door, and an operator's own static files.
//!
//! Everything is in the binary; no page asks a third party for anything.

mod help;

pub use help::HelpPage;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};
use std::path::PathBuf;
use tower_http::services::ServeDir;

/// What the pages may load: from this server only, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

/// What is served besides what is embedded.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Folder served under `/static/`; without one there are no such paths.
    pub static_dir: Option<PathBuf>,
    /// Pages served under `/help/`; without any there are no such paths.
    pub help: Vec<HelpPage>,
}

/// `/`, `/assets/…`, `/help/…` if there are pages for it, and, if there is a folder for it, `/static/…`.
pub fn router(config: &Config) -> Router {
    let pages = Router::new()
        .route("/", get(|headers: HeaderMap| asset("index.html", headers)))
        .route(
            "/assets/{*name}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move {
                asset(&name, headers).await
            }),
        );
    let pages = pages.merge(help::router(&config.help));
    match &config.static_dir {
        None => pages,
        Some(folder) => pages.merge(static_files(folder)),
    }
}

/// An operator's folder. Any site may load from it: pages include the browser SDK with
/// `crossorigin="anonymous"`, and browsers then insist on the header (conventions.md 7).
fn static_files(folder: &std::path::Path) -> Router {
    let files = ServeDir::new(folder).append_index_html_on_directories(false);
    Router::new()
        .nest_service("/static", files)
        .layer(map_response(|mut response: Response<_>| async move {
            let headers = response.headers_mut();
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("*"),
            );
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            );
            response
        }))
}

async fn asset(name: &str, request: HeaderMap) -> impl IntoResponse + use<> {
    let Some(EmbeddedFile { data, metadata }) = Assets::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag: String = metadata.sha256_hash()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, content_type(name).to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            CONTENT_SECURITY_POLICY.to_owned(),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, data.into_owned()).into_response()
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_front_door_loads_only_from_this_server() {
        let router = router(&Config::default());
        let response = get(&router, "/", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));

        let page = text(response).await;
        for reference in page.split('"').filter(|text| text.starts_with("/assets/")) {
            let response = get(&router, reference, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{reference}");
            assert_ne!(
                response.headers()[header::CONTENT_TYPE],
                "application/octet-stream"
            );
        }
        assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick"));
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    }

    #[tokio::test]
    async fn an_unchanged_page_is_not_sent_again() {
        let router = router(&Config::default());
        let first = get(&router, "/", &[]).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = get(&router, "/", &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(text(again).await, "");
    }

    #[tokio::test]
    async fn an_operators_folder_is_served_to_any_site_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("public");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("sdk.js"), "let x").unwrap();
        std::fs::write(dir.path().join("secret.txt"), "hidden").unwrap();
        let router = router(&Config {
            static_dir: Some(folder),
            ..Config::default()
        });

        let response = get(
            &router,
            "/static/sdk.js",
            &[("origin", "https://shop.example")],
        )
        .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(text(response).await, "let x");

        for path in [
            "/static/../secret.txt",
            "/static/%2e%2e/secret.txt",
            "/static/..%2fsecret.txt",
            "/static//../secret.txt",
            "/static/none.js",
            "/static/",
        ] {
            let response = get(&router, path, &[]).await;
            assert_ne!(response.status(), StatusCode::OK, "{path}");
            assert!(!text(response).await.contains("hidden"), "{path}");
        }
    }

    #[tokio::test]
    async fn without_a_folder_there_are_no_static_paths() {
        let response = get(&router(&Config::default()), "/static/sdk.js", &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
