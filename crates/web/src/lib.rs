//! What the server shows to browsers: the web app, help pages, and an operator's own static files.
//!
//! Everything is in the binary; no page asks a third party for anything.

mod app;
mod help;

pub use help::HelpPage;

pub use app::accepts;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::path::PathBuf;
use tower_http::services::ServeDir;

/// What a page without scripts may load: from this server only, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// A client asks each time whether it still holds the newest form.
const ASK_FIRST: &str = "no-cache";

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

/// The app, `/assets/…`, `/help/…` if there are pages for it, and, if there is a folder for it, `/static/…`.
pub fn router(config: &Config) -> Router {
    let pages =
        Router::new()
            .route(
                "/assets/{*name}",
                get(|Path(name): Path<String>, headers: HeaderMap| async move {
                    asset(&name, &headers)
                }),
            )
            .merge(app::router())
            .merge(help::router(&config.help));
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
        .layer(map_response(|mut response: Response| async move {
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

/// One of the files that go with pages without scripts.
fn asset(name: &str, request: &HeaderMap) -> Response {
    match Assets::get(name) {
        Some(file) => {
            let (tag, policy) = (tag_of(&file), CONTENT_SECURITY_POLICY);
            answer(name, &tag, file.data, request, ASK_FIRST, policy)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What tells one state of a file from another.
fn tag_of(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A file, or that the client has it already.
fn answer(
    name: &str,
    tag: &str,
    data: Cow<'static, [u8]>,
    request: &HeaderMap,
    cache_control: &'static str,
    policy: &'static str,
) -> Response {
    let tag = format!("\"{tag}\"");
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, cache_control),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
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
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    }

    async fn bytes(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), 1 << 24)
            .await
            .unwrap()
            .to_vec()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(bytes(response).await).unwrap()
    }

    /// What the page at `/` loads, whether the app was built or not.
    async fn references(router: &Router) -> Vec<String> {
        let page = text(get(router, "/", &[]).await).await;
        let parts = page.split('"');
        parts
            .filter(|part| part.starts_with("/assets/") || part.starts_with("/app/"))
            .map(str::to_owned)
            .collect()
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

        for reference in references(&router).await {
            let response = get(&router, &reference, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{reference}");
            assert_ne!(
                response.headers()[header::CONTENT_TYPE],
                "application/octet-stream"
            );
        }
        let page = text(response).await;
        assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick"));
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    }

    #[tokio::test]
    async fn every_page_of_the_app_is_the_same_file() {
        let router = router(&Config::default());
        let front = text(get(&router, "/", &[]).await).await;
        for path in [
            "/signin",
            "/setup",
            "/invite/some-token",
            "/project/1",
            "/project/1/inbox/mine/12",
            "/project/1/settings/keys",
        ] {
            let response = get(&router, path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(text(response).await, front, "{path}");
        }
        for path in ["/wp-login.php", "/project", "/signin/more", "/app/none.js"] {
            let response = get(&router, path, &[]).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn where_nothing_is_a_person_is_told_by_the_app_and_a_program_by_a_line() {
        let router = router(&Config::default());
        let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        let front = get(&router, "/", &browser).await;
        let tag = front.headers()[header::ETAG].to_str().unwrap().to_owned();
        let front = text(front).await;
        for path in ["/wp-login.php", "/project", "/a/b/c"] {
            for tags in [&[][..], &[("if-none-match", tag.as_str())]] {
                let response = get(&router, path, &[&browser[..], tags].concat()).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
                assert!(
                    response
                        .headers()
                        .contains_key(header::CONTENT_SECURITY_POLICY)
                );
                assert_eq!(text(response).await, front, "{path}");
            }
            for accept in ["*/*", "image/avif,image/webp,*/*;q=0.8", "application/json"] {
                let response = get(&router, path, &[("accept", accept)]).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
                assert_eq!(text(response).await, "Not found.\n", "{path}: {accept}");
            }
        }
        let posted = Request::post("/a/b/c").header("accept", "text/html");
        let posted = posted.body(Body::empty()).unwrap();
        let response = router.oneshot(posted).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(text(response).await, "Not found.\n");
    }

    #[tokio::test]
    async fn an_unchanged_page_is_not_sent_again() {
        let router = router(&Config::default());
        for coding in ["identity", "gzip, deflate, br", "gzip"] {
            let asked = [("accept-encoding", coding)];
            let first = get(&router, "/", &asked).await;
            let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
            let again = [asked[0], ("if-none-match", &tag)];
            let again = get(&router, "/", &again).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{coding}");
            assert!(!again.headers().contains_key(header::CONTENT_ENCODING));
            assert_eq!(text(again).await, "");
        }
    }

    #[tokio::test]
    async fn the_apps_files_never_change_under_their_name_and_are_sent_compressed() {
        let router = router(&Config::default());
        // None where the app was not built.
        for reference in references(&router).await {
            if !reference.starts_with("/app/") {
                continue;
            }
            let plain = get(&router, &reference, &[]).await;
            assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
            let cached = plain.headers()[header::CACHE_CONTROL].to_str().unwrap();
            assert!(cached.contains("immutable"), "{reference}: {cached}");
            let tag = plain.headers()[header::ETAG].clone();
            let packed = [("accept-encoding", "gzip")];
            let packed = bytes(get(&router, &reference, &packed).await).await;
            let plain = bytes(plain).await;
            let length = plain.len();
            if packed != plain {
                let mut unpacked = Vec::new();
                let mut decoder = flate2::read::GzDecoder::new(&packed[..]);
                std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
                assert!(plain == unpacked, "{reference} differs by its form");
            }
            if length < 2048 {
                continue;
            }
            for (coding, offer) in [("br", "gzip, deflate, br"), ("gzip", "gzip;q=0.5, br;q=0")] {
                let small = get(&router, &reference, &[("accept-encoding", offer)]).await;
                let headers = small.headers();
                assert_eq!(headers[header::CONTENT_ENCODING], coding, "{reference}");
                assert_eq!(headers[header::VARY], "accept-encoding");
                assert_ne!(headers[header::ETAG], tag, "{reference}");
                assert!(bytes(small).await.len() < length, "{reference}");
            }
            let hidden = get(&router, &format!("{reference}.br"), &[]).await;
            assert_eq!(hidden.status(), StatusCode::NOT_FOUND);
        }
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
