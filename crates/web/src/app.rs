//! The web app: one page, whatever the path, and the files it loads.
//!
//! `scripts/web` builds it into `web/dist`, from where it is embedded. In the place of each larger file lie its compressed
//! forms, made once by that build, so serving costs no time for compression, and the binary no room for what no browser asks for.

use crate::{ASK_FIRST, answer, asset, tag_of};
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use rust_embed::Embed;
use std::borrow::Cow;
use std::io::Read as _;

/// Scripts, styles and requests: this server's only, and nothing inline. Images besides: what is in the page itself, such as
/// one that was pasted and is on its way up.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Embed)]
#[folder = "../../web/dist"]
struct App;

/// The paths at which the app has pages. What comes after the first segment is its own affair (`web/src/router`).
const PATHS: [&str; 5] = [
    "/",
    "/signin",
    "/setup",
    "/invite/{*rest}",
    "/project/{*rest}",
];

/// File names below `/app/` carry a hash of what is in them.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The app's pages and files; the page that says how to build it, where it was not built. Where there is no page, the app says
/// so (404).
pub(crate) fn router() -> Router {
    let mut router = Router::new().route("/app/{*name}", get(file));
    for path in PATHS {
        router = router.route(path, get(async |headers: HeaderMap| page(&headers)));
    }
    router.fallback(nothing)
}

fn page(headers: &HeaderMap) -> Response {
    match find("index.html", headers) {
        Some(found) => found.into_response(headers, ASK_FIRST),
        None => asset("unbuilt.html", headers),
    }
}

/// There is nothing at this path. A person who is looking at it is told by the app, which leads on; a program by a line.
async fn nothing(method: Method, mut headers: HeaderMap) -> Response {
    // A page that the browser has already would be answered without a body, and with another status.
    headers.remove(header::IF_NONE_MATCH);
    let is_read = method == Method::GET || method == Method::HEAD;
    let mut response = if is_read && wants_page(&headers) {
        page(&headers)
    } else {
        "Not found.\n".into_response()
    };
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Whether a browser asks for what it shows in its window: it names HTML, as no request for a script or an image does.
fn wants_page(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // The compressed forms are not files of their own.
    if name.ends_with(".br") || name.ends_with(".gz") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match find(&format!("app/{name}"), &headers) {
        Some(found) => found.into_response(&headers, FOREVER),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// One form of a file.
struct Found<'a> {
    name: &'a str,
    encoding: Option<&'static str>,
    /// Another for each form.
    tag: String,
    data: Cow<'static, [u8]>,
}

/// The smallest form of a file that the client understands; unpacked for one that understands none of those there are.
fn find<'a>(name: &'a str, request: &HeaderMap) -> Option<Found<'a>> {
    let found = |encoding, tag, data| Found {
        name,
        encoding,
        tag,
        data,
    };
    let forms = [("br", ".br"), ("gzip", ".gz")];
    for (encoding, suffix) in forms {
        if accepts(request, encoding)
            && let Some(file) = App::get(&format!("{name}{suffix}"))
        {
            return Some(found(Some(encoding), tag_of(&file), file.data));
        }
    }
    if let Some(file) = App::get(name) {
        return Some(found(None, tag_of(&file), file.data));
    }
    let packed = App::get(&format!("{name}.gz"))?;
    let mut data = Vec::new();
    GzDecoder::new(packed.data.as_ref())
        .read_to_end(&mut data)
        .ok()?;
    let tag = format!("{}-unpacked", tag_of(&packed));
    Some(found(None, tag, data.into()))
}

/// Whether `Accept-Encoding` names a coding, and not to forbid it.
pub fn accepts(request: &HeaderMap, coding: &str) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let is_meant = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let is_forbidden = parts
                .filter_map(|parameter| parameter.strip_prefix("q="))
                .any(|weight| weight.parse() == Ok(0.0));
            is_meant && !is_forbidden
        })
}

impl Found<'_> {
    fn into_response(self, request: &HeaderMap, cache_control: &'static str) -> Response {
        let mut response = answer(
            self.name,
            &self.tag,
            self.data,
            request,
            cache_control,
            CONTENT_SECURITY_POLICY,
        );
        let headers = response.headers_mut();
        headers.insert(
            header::VARY,
            HeaderValue::from_static(header::ACCEPT_ENCODING.as_str()),
        );
        if let Some(encoding) = self.encoding
            && response.status() != StatusCode::NOT_MODIFIED
        {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}
