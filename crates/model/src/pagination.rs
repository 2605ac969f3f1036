//! Lists in pages: `limit`, `offset`, and the links to the neighbours (conventions.md 5).

use serde::Serialize;
use std::collections::BTreeMap;

/// How a list may be cut.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The page size when the request names none, or a bad one.
    pub default: i64,
    /// The largest page, if there is one; a larger `limit` is cut to it.
    pub max: Option<i64>,
}

impl Bounds {
    /// A hundred at a time, or as many as the request says.
    pub const PLAIN: Self = Self {
        default: 100,
        max: None,
    };
    /// A hundred at a time, and a thousand at most.
    pub const THOUSAND: Self = Self {
        default: 100,
        max: Some(1000),
    };
}

/// The part of a list that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many, at least 1.
    pub limit: i64,
    /// After skipping so many, at least 0.
    pub offset: i64,
}

impl Page {
    /// Reads the raw query string. Bad values are taken as absent, never refused.
    pub fn of(query: &str, bounds: Bounds) -> Self {
        let mut limit = None;
        let mut offset = None;
        // The last of several wins.
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => limit = whole(&value).filter(|limit| *limit > 0),
                "offset" => offset = whole(&value).filter(|offset| *offset >= 0),
                _ => {}
            }
        }
        Self {
            limit: limit
                .unwrap_or(bounds.default)
                .min(bounds.max.unwrap_or(i64::MAX)),
            offset: offset.unwrap_or(0),
        }
    }

    /// Wraps the results of this page. `url` is the absolute address of the request without its query.
    pub fn wrap<T>(self, results: Vec<T>, count: i64, url: &str, query: &str) -> Paginated<T> {
        let next = self.offset.saturating_add(self.limit);
        Paginated {
            count,
            next: (next < count).then(|| self.link(url, query, Some(next))),
            previous: (self.offset > 0).then(|| {
                let previous = self.offset - self.limit;
                self.link(url, query, (previous > 0).then_some(previous))
            }),
            results,
        }
    }

    /// The request's address with another offset: the query sorted by name and encoded anew.
    fn link(self, url: &str, query: &str, offset: Option<i64>) -> String {
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parameters
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        parameters.insert("limit".to_owned(), vec![self.limit.to_string()]);
        match offset {
            Some(offset) => parameters.insert("offset".to_owned(), vec![offset.to_string()]),
            None => parameters.remove("offset"),
        };
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        for (name, values) in &parameters {
            for value in values {
                encoded.append_pair(name, value);
            }
        }
        format!("{url}?{}", encoded.finish())
    }
}

/// A whole number; one that is too big for 64 bits counts as the biggest.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(number) => Some(number),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => Some(i64::MAX),
        Err(_) => None,
    }
}

/// One page of a list, as clients get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paginated<T> {
    /// How many there are on all pages.
    pub count: i64,
    /// Absolute address of the page after this, or null.
    pub next: Option<String>,
    /// Absolute address of the page before this, or null.
    pub previous: Option<String>,
    /// This page.
    pub results: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://h/api/p/";

    fn links(query: &str, count: i64, bounds: Bounds) -> (Option<String>, Option<String>) {
        let page = Page::of(query, bounds).wrap(Vec::<()>::new(), count, URL, query);
        let tail = |url: String| url.trim_start_matches(URL).to_owned();
        (page.next.map(tail), page.previous.map(tail))
    }

    #[test]
    fn bad_values_are_as_absent() {
        let plain = Page {
            limit: 100,
            offset: 0,
        };
        for query in [
            "",
            "limit=abc",
            "limit=0",
            "limit=-1",
            "limit=",
            "limit=1.5",
            "offset=-3",
            "offset=x",
        ] {
            assert_eq!(Page::of(query, Bounds::PLAIN), plain, "{query}");
        }
    }

    #[test]
    fn the_maximum_cuts_the_limit() {
        let bounds = Bounds::THOUSAND;
        assert_eq!(Page::of("limit=5000", bounds).limit, 1000);
        assert_eq!(
            Page::of("limit=99999999999999999999999", bounds).limit,
            1000
        );
        assert_eq!(
            links("limit=5000", 2000, bounds).0.as_deref(),
            Some("?limit=1000&offset=1000")
        );
    }

    #[test]
    fn links_are_sorted_and_keep_the_other_parameters() {
        for (query, count, next, previous) in [
            (
                "status=new&zed=1&limit=1&offset=1&a=2",
                5,
                Some("?a=2&limit=1&offset=2&status=new&zed=1"),
                Some("?a=2&limit=1&status=new&zed=1"),
            ),
            ("", 250, Some("?limit=100&offset=100"), None),
            ("offset=99", 5, None, Some("?limit=100")),
            ("limit=2&offset=99", 5, None, Some("?limit=2&offset=97")),
            ("limit=2&offset=3", 5, None, Some("?limit=2&offset=1")),
            (
                "limit=2&offset=2",
                5,
                Some("?limit=2&offset=4"),
                Some("?limit=2"),
            ),
            (
                "tag=b&tag=a&q=x+y%26&limit=1",
                2,
                Some("?limit=1&offset=1&q=x+y%26&tag=b&tag=a"),
                None,
            ),
            (
                "limit=1&limit=2&flag",
                5,
                Some("?flag=&limit=2&offset=2"),
                None,
            ),
            (
                "offset=99999999999999999999",
                5,
                None,
                Some("?limit=100&offset=9223372036854775707"),
            ),
        ] {
            assert_eq!(
                links(query, count, Bounds::PLAIN),
                (next.map(str::to_owned), previous.map(str::to_owned)),
                "{query}"
            );
        }
    }
}
