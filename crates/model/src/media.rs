//! Uploaded files: names, types, and where messages link them (tickets.md 11.3).

use crate::error::{Code, FieldError};
use crate::{MediaId, ProjectId, Timestamp, UserId};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Largest file, in bytes.
pub const SIZE_MAX: u64 = 20 * 1024 * 1024;
/// Files that one message may link.
pub const MEDIA_PER_MESSAGE: usize = 20;
/// Longest name, in characters.
pub const NAME_MAX: usize = 255;
/// So many bytes at its beginning tell what a file is.
pub const MAGIC: usize = 12;
/// What one person may have lying about without a message that links it, in bytes.
pub const UNATTACHED_MAX: i64 = 500 * 1024 * 1024;
/// The path at which files are read; their id follows.
pub const PATH: &str = "/uploaded_media/";

/// An uploaded file, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: MediaId,
    /// Clean: see [`clean_name`].
    pub name: String,
    /// What the bytes look like: see [`content_type`].
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    /// A message links it.
    pub is_attached: bool,
    /// Who uploaded it; none when the account is gone.
    pub uploaded_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// What a file is by its first bytes. Only pictures are named: nothing else is ever shown by a browser in place, so
/// nothing else needs a type, and what is no picture cannot pretend to be one.
pub fn content_type(beginning: &[u8]) -> &'static str {
    match beginning {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Whether a browser may show a file of this type in place.
pub fn is_picture(content_type: &str) -> bool {
    content_type.starts_with("image/")
}

/// A file's name as it is kept: its last part, without control characters and the marks that turn the direction of
/// writing, at most [`NAME_MAX`] characters; the ending stays when the rest is cut.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .collect();
    let kept = kept.trim().trim_start_matches('.').trim_start();
    if kept.is_empty() {
        return "file".to_owned();
    }
    let length = kept.chars().count();
    if length <= NAME_MAX {
        return kept.to_owned();
    }
    let ending = kept.rfind('.').map_or("", |dot| &kept[dot..]);
    let ending = if ending.chars().count() <= 16 {
        ending
    } else {
        ""
    };
    let stem = NAME_MAX - ending.chars().count();
    let stem: String = kept.chars().take(stem).collect();
    format!("{stem}{ending}")
}

/// The files that a message links, in its text or in the editor's document, each once. Links on other hosts may be
/// among them; the store knows whether there is such a file.
pub fn linked(content: &str, rich_content: Option<&Value>) -> BTreeSet<MediaId> {
    let mut found = BTreeSet::new();
    in_text(content, &mut found);
    if let Some(document) = rich_content {
        in_document(document, &mut found);
    }
    found
}

/// As [`linked`], for a message that is to be stored.
///
/// # Errors
/// More than [`MEDIA_PER_MESSAGE`].
pub fn check_linked(content: &str, rich_content: Option<&Value>) -> Result<(), FieldError> {
    if linked(content, rich_content).len() > MEDIA_PER_MESSAGE {
        let detail = format!("A message can have no more than {MEDIA_PER_MESSAGE} attachments.");
        return Err(FieldError::whole(Code::InvalidInput, detail));
    }
    Ok(())
}

fn in_text(text: &str, found: &mut BTreeSet<MediaId>) {
    // Most texts link nothing, and one character is found sooner than a path.
    if !text.contains('/') {
        return;
    }
    for (place, _) in text.match_indices(PATH) {
        let id = text.get(place + PATH.len()..place + PATH.len() + 36);
        if let Some(id) = id.and_then(|id| Uuid::try_parse(id).ok()) {
            found.insert(MediaId(id));
        }
    }
}

fn in_document(document: &Value, found: &mut BTreeSet<MediaId>) {
    match document {
        Value::String(text) => in_text(text, found),
        Value::Array(items) => items.iter().for_each(|item| in_document(item, found)),
        Value::Object(members) => members.values().for_each(|item| in_document(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_pictures_have_a_type() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF....WEBPVP8", "image/webp"),
            (b"<svg xmlns", "application/octet-stream"),
            (b"<!doctype html>", "application/octet-stream"),
            (b"%PDF-1.7", "application/octet-stream"),
            (b"RIFF....WAVE", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(content_type(bytes), expected);
        }
    }

    #[test]
    fn names_are_cleaned() {
        let long = "x".repeat(300);
        for (name, expected) in [
            ("shot.png", "shot.png".to_owned()),
            ("../../etc/passwd", "passwd".to_owned()),
            ("C:\\temp\\a b.txt", "a b.txt".to_owned()),
            ("a\r\nSet-Cookie: x", "aSet-Cookie: x".to_owned()),
            ("evil\u{202e}gpj.exe", "evilgpj.exe".to_owned()),
            (".htaccess", "htaccess".to_owned()),
            ("", "file".to_owned()),
            ("..", "file".to_owned()),
            ("dir/", "file".to_owned()),
            ("\u{e4}\u{1f600}.png", "\u{e4}\u{1f600}.png".to_owned()),
            (&format!("{long}.jpeg"), format!("{}.jpeg", "x".repeat(250))),
            (&format!("a.{long}"), format!("a.{}", "x".repeat(253))),
        ] {
            assert_eq!(clean_name(name), expected, "{name:?}");
            assert!(clean_name(name).chars().count() <= NAME_MAX);
        }
    }

    #[test]
    fn links_are_found_in_text_and_document() {
        let id = |n: u128| MediaId(Uuid::from_u128(n));
        let link = |n: u128| format!("https://h/uploaded_media/{}", id(n));
        let text = format!("![a]({}?t=1) and {} {}", link(1), link(2), link(1));
        let document = json!({"type": "doc", "content": [{"attrs": {"src": link(3)}}]});
        let found = linked(&text, Some(&document));
        assert_eq!(found, BTreeSet::from([id(1), id(2), id(3)]));
        for none in [
            "/uploaded_media/",
            "/uploaded_media/nope-\u{e4}\u{e4}\u{e4}",
            "x",
        ] {
            assert!(linked(none, None).is_empty(), "{none}");
        }
        let many: String = (0..21).map(link).collect();
        assert!(check_linked(&many, None).is_err());
    }
}
