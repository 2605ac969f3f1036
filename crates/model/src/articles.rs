//! Articles: what a project's assistant knows (spec "Knowledge").

use crate::error::{Code, FieldError};
use crate::fields::{Kind, Text};
use crate::text::{passages, terms};
use crate::{ArticleId, Timestamp};
use serde_json::Value;

/// Longest title, in code points.
pub const TITLE_MAX: usize = 400;
/// Longest body, in code points of Markdown.
pub const BODY_MAX: usize = 200_000;
/// Longest link, in code points.
pub const URL_MAX: usize = 2_000;

/// An article as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Made by the server.
    pub id: ArticleId,
    /// At most [`TITLE_MAX`] code points, not blank.
    pub title: String,
    /// Markdown, at most [`BODY_MAX`] code points, not blank.
    pub body: String,
    /// Where people can read it: see [`is_link`].
    pub url: Option<String>,
    /// The assistant uses it. A disabled article is kept, but not searched.
    pub is_enabled: bool,
    /// The file it was imported from, so that another import updates it. Not shown to API clients.
    pub source_path: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When one of its fields was last changed.
    pub updated_at: Timestamp,
}

/// An article to be made.
#[derive(Clone, Debug)]
pub struct NewArticle {
    /// A fresh id.
    pub id: ArticleId,
    /// See [`Article::title`].
    pub title: String,
    /// See [`Article::body`].
    pub body: Body,
    /// See [`Article::url`].
    pub url: Option<String>,
    /// See [`Article::is_enabled`].
    pub is_enabled: bool,
    /// See [`Article::source_path`].
    pub source_path: Option<String>,
}

/// What is to be changed about an article; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ArticleChange {
    /// See [`Article::title`].
    pub title: Option<String>,
    /// See [`Article::body`].
    pub body: Option<Body>,
    /// See [`Article::url`]; `Some(None)` removes it.
    pub url: Option<Option<String>>,
    /// See [`Article::is_enabled`].
    pub is_enabled: Option<bool>,
}

/// A body together with what is indexed of it, so that the two cannot disagree.
///
/// Made before a transaction begins, because reading a long text takes milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    markdown: String,
    passages: Vec<IndexedPassage>,
}

/// A passage with its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPassage {
    /// See [`crate::text::Passage::heading`].
    pub heading: String,
    /// See [`crate::text::Passage::text`].
    pub text: String,
    /// The terms of the heading path, separated by spaces.
    pub heading_terms: String,
    /// The terms of the text in order, separated by spaces.
    pub terms: String,
    /// How many [`terms`](Self::terms) there are.
    pub words: i64,
}

impl Body {
    /// Cuts the Markdown into passages and finds their terms.
    pub fn new(markdown: String) -> Self {
        let passages = passages(&markdown)
            .into_iter()
            .map(|passage| {
                let found = terms(&passage.text);
                IndexedPassage {
                    heading_terms: joined_terms(&passage.heading),
                    words: i64::try_from(found.len()).unwrap_or(i64::MAX),
                    terms: found.join(" "),
                    heading: passage.heading,
                    text: passage.text,
                }
            })
            .collect();
        Self { markdown, passages }
    }

    /// The text as it was written.
    pub fn markdown(&self) -> &str {
        &self.markdown
    }

    /// Its passages, in order. None when it has no text, for example only an image.
    pub fn passages(&self) -> &[IndexedPassage] {
        &self.passages
    }
}

/// The terms of a title or heading as the index keeps them: separated by spaces.
pub fn joined_terms(text: &str) -> String {
    terms(text).join(" ")
}

/// Whether a text can be an article's link: absolute, `http` or `https`, with a host, without white space and
/// signs that would have to be escaped.
pub fn is_link(text: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.contains(char::is_alphanumeric)
        && !rest.contains(|c: char| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '<' | '>' | '"' | '`' | '\\' | '^' | '{' | '|' | '}')
        })
}

/// The field kind of an article's link: a text of at most [`URL_MAX`] code points that [`is_link`].
#[derive(Clone, Copy, Debug)]
pub struct Link;

impl Kind for Link {
    type Output = String;

    fn read(&self, value: &Value, attr: &str) -> Result<String, FieldError> {
        let link = Text::new().max(URL_MAX).read(value, attr)?;
        if is_link(&link) {
            Ok(link)
        } else {
            Err(FieldError::at(
                attr,
                Code::InvalidInput,
                "Enter a valid URL.",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_absolute_http() {
        for link in [
            "https://example.com",
            "http://localhost:8080/a?b=c#d",
            "HTTPS://EXAMPLE.COM/ü/%20(x)",
            "https://[::1]/",
        ] {
            assert!(is_link(link), "{link}");
        }
        for other in [
            "",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://a b",
            "https://a/<b>",
            "https://a\nb",
            " https://a",
            "http:/a",
            "ü://a",
        ] {
            assert!(!is_link(other), "{other}");
        }
    }

    #[test]
    fn a_body_is_indexed_by_its_passages() {
        let body = Body::new("Intro of queues.\n\n# Limits\n\nTwo wait.".to_owned());
        let shown: Vec<_> = body
            .passages()
            .iter()
            .map(|p| (&*p.heading, &*p.heading_terms, &*p.terms, p.words))
            .collect();
        assert_eq!(
            shown,
            [
                ("", "", "intro queu", 2),
                ("Limits", "limit", "two wait", 2)
            ]
        );
    }
}
