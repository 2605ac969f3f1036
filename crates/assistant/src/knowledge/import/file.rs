//! What one Markdown file says.

use super::Content;
use super::walk::File;
use model::articles::{BODY_MAX, Body, TITLE_MAX, URL_MAX, is_link};
use model::text::markdown::first_heading;
use std::fs;
use std::io::Read;

/// Larger files are not read.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file, or says why it cannot become an article.
pub(super) fn read(file: &File) -> Result<Content, String> {
    if let Some(obstacle) = &file.obstacle {
        return Err(obstacle.clone());
    }
    let unreadable = |error| format!("it cannot be read: {error}");
    let opened = fs::File::open(&file.path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One more than allowed tells that there is more, also when the file grows meanwhile.
    opened
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    content(&file.name, &text)
}

/// The article in a file's text.
fn content(name: &str, text: &str) -> Result<Content, String> {
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n");
    if text.contains('\0') {
        return Err("it contains a null character".to_owned());
    }
    let (front, body) = front_matter(&text);
    let body = body.trim();
    if body.is_empty() {
        return Err("it has no text".to_owned());
    }
    if body.chars().count() > BODY_MAX {
        return Err(format!("its text has more than {BODY_MAX} characters"));
    }
    let title = front
        .title
        .or_else(|| first_heading(body))
        .unwrap_or_else(|| title_from_name(name));
    if title.chars().count() > TITLE_MAX {
        return Err(format!("its title has more than {TITLE_MAX} characters"));
    }
    if let Some(url) = &front.url
        && (!is_link(url) || url.chars().count() > URL_MAX)
    {
        return Err("its url is not an http or https address".to_owned());
    }
    Ok(Content {
        title,
        url: front.url,
        body: Body::new(body.to_owned()),
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct FrontMatter {
    title: Option<String>,
    url: Option<String>,
}

/// Takes the block between two lines of `---` off the beginning. Only plain `title:` and `url:` lines are read.
fn front_matter(text: &str) -> (FrontMatter, &str) {
    let none = (FrontMatter::default(), text);
    let Some(rest) = text.strip_prefix("---") else {
        return none;
    };
    let Some((end_of_fence, mut rest)) = rest.split_once('\n') else {
        return none;
    };
    if !end_of_fence.trim().is_empty() {
        return none;
    }
    let mut front = FrontMatter::default();
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if matches!(line.trim_end(), "---" | "...") {
            return (front, after);
        }
        // Nested values are indented.
        if let Some((key, value)) = line.split_once(':')
            && !line.starts_with([' ', '\t'])
        {
            let value = unquoted(value.trim());
            match key.trim() {
                "title" if !value.is_empty() => front.title = Some(value),
                "url" if !value.is_empty() => front.url = Some(value),
                _ => {}
            }
        }
        if after.is_empty() {
            return none;
        }
        rest = after;
    }
}

/// A YAML scalar in double, single or no quotes.
fn unquoted(value: &str) -> String {
    let inside = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    if let Some(text) = inside('"') {
        return text
            .replace("\\\"", "\"")
            .replace("\\\\", "\\")
            .trim()
            .to_owned();
    }
    if let Some(text) = inside('\'') {
        return text.replace("''", "'").trim().to_owned();
    }
    // A comment begins with a sign after a space.
    value
        .split_once(" #")
        .map_or(value, |(before, _)| before)
        .trim()
        .to_owned()
}

/// `guides/getting-started.md` → `Getting started`.
fn title_from_name(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words = stem.replace(['-', '_'], " ");
    let mut chars = words.trim().chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<(String, Option<String>, String), String> {
        content(name, text).map(|c| (c.title, c.url, c.body.markdown().to_owned()))
    }

    #[test]
    fn titles_come_from_front_matter_heading_or_name() {
        for (name, text, title, url, body) in [
            (
                "a.md",
                "---\ntitle: T\nurl: https://x.y\n---\n# H\n\ntext\n",
                "T",
                Some("https://x.y"),
                "# H\n\ntext",
            ),
            (
                "a.md",
                "\u{feff}---\r\ntitle: \"Q: \\\"t\\\"\"\r\n...\r\ntext",
                "Q: \"t\"",
                None,
                "text",
            ),
            (
                "a.md",
                "---\ntitle: 'it''s' \nother:\n  url: https://no\n---\nx",
                "it's",
                None,
                "x",
            ),
            (
                "a.md",
                "---\ntitle: plain # comment\n---\nx",
                "plain",
                None,
                "x",
            ),
            (
                "a.md",
                "intro\n\n## The *heading*\n",
                "The heading",
                None,
                "intro\n\n## The *heading*",
            ),
            (
                "dir/getting-started_now.MD",
                "text",
                "Getting started now",
                None,
                "text",
            ),
            ("a.md", "---\nnever closed", "A", None, "---\nnever closed"),
            ("a.md", "--- x\ntitle: y\n", "A", None, "--- x\ntitle: y"),
        ] {
            let read = read_text(name, text).unwrap();
            assert_eq!(
                read,
                (title.to_owned(), url.map(str::to_owned), body.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn files_that_cannot_be_articles_say_why() {
        let long = "x".repeat(200_001);
        let long_title = format!("# {}\n", "x".repeat(401));
        for (text, reason) in [
            ("", "no text"),
            ("---\ntitle: t\n---\n \n", "no text"),
            ("a\0b", "null character"),
            (long.as_str(), "200000 characters"),
            (long_title.as_str(), "title has more than 400"),
            (
                "---\nurl: javascript:x\n---\nx",
                "not an http or https address",
            ),
        ] {
            let refused = read_text("a.md", text).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
