//! Tags (tickets.md 2.5).

use crate::error::FieldError;
use crate::fields::{Fields, Text};

/// Tags that one ticket may have.
pub const TAGS_MAX: usize = 100;
/// Length of a tag, in characters.
pub const TAG_MAX: usize = 255;

/// Tags in the form in which they are stored and compared: trimmed, in lower case, sorted, each once, no blank
/// ones.
pub fn normal_tags<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut normal: Vec<String> = tags
        .into_iter()
        .map(|tag| tag.as_ref().trim().to_lowercase())
        .filter(|tag| !tag.is_empty())
        .collect();
    normal.sort_unstable();
    normal.dedup();
    normal
}

/// Reads the member `tags` of a body; `None` when it is absent.
///
/// # Errors
/// `null`, `not_a_list`, too many, and at `tags__<index>` what is no text (a number neither) or too long.
pub fn read_tags(fields: &Fields<'_>) -> Result<Option<Vec<String>>, FieldError> {
    let element = Text::new().max(TAG_MAX).allow_blank().without_numbers();
    let tags = fields.list("tags", element).max(TAGS_MAX).optional()?;
    Ok(tags.map(normal_tags))
}
