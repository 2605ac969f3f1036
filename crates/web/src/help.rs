//! Help pages: Markdown that the demonstration's answers link to, as pages of this server.

use crate::CONTENT_SECURITY_POLICY;
use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pulldown_cmark::{Event, Options, Parser, html};
use std::sync::Arc;

/// One page.
#[derive(Clone, Debug)]
pub struct HelpPage {
    /// Its place: `/help/<slug>`.
    pub slug: String,
    /// Its title, plain text.
    pub title: String,
    /// Its text. Raw HTML in it is left out.
    pub markdown: String,
}

/// `/help/`, the list of pages, and `/help/<slug>`. Without pages there are no such paths.
pub(crate) fn router(pages: &[HelpPage]) -> Router {
    if pages.is_empty() {
        return Router::new();
    }
    let index = Arc::new(document("Help", &list(pages)));
    let rendered: Arc<Vec<(String, String)>> = Arc::new(
        pages
            .iter()
            .map(|page| {
                (
                    page.slug.clone(),
                    document(&page.title, &body(&page.markdown)),
                )
            })
            .collect(),
    );
    Router::new()
        .route(
            "/help/",
            get(move || async move { answer(index.to_string()) }),
        )
        .route(
            "/help/{slug}",
            get(move |Path(slug): Path<String>| async move {
                match rendered.iter().find(|(known, _)| *known == slug) {
                    Some((_, page)) => answer(page.clone()),
                    None => StatusCode::NOT_FOUND.into_response(),
                }
            }),
        )
}

fn answer(page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page).into_response()
}

fn list(pages: &[HelpPage]) -> String {
    let mut out = String::from("<h1>Help</h1><nav aria-label=\"Help pages\">");
    for page in pages {
        out.push_str("<a href=\"/help/");
        out.push_str(&escaped(&page.slug));
        out.push_str("\"><strong>");
        out.push_str(&escaped(&page.title));
        out.push_str("</strong></a>");
    }
    out.push_str("</nav>");
    out
}

fn body(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let events = Parser::new_ext(markdown, options)
        .filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

fn document(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Thicket</title>\
         <link rel=\"icon\" href=\"/assets/thicket.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"/assets/page.css\"></head>\
         <body><main>{body}</main><p class=\"note\"><a href=\"/help/\">All help pages</a> · \
         <a href=\"/\">Front door</a></p></body></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_and_raw_html_is_left_out() {
        let html = body(
            "---\ntitle: x\n---\n# Hello\n\n<script>alert(1)</script>\n\na <b>bold</b> **word**",
        );
        assert!(
            html.contains("<h1>Hello</h1>") && html.contains("<strong>word</strong>"),
            "{html}"
        );
        assert!(
            !html.contains("script") && !html.contains("<b>") && !html.contains("title: x"),
            "{html}"
        );
    }

    #[test]
    fn titles_are_text() {
        let page = HelpPage {
            slug: "a".into(),
            title: "<i>&".into(),
            markdown: String::new(),
        };
        assert!(list(&[page]).contains("&lt;i&gt;&amp;"));
    }
}
