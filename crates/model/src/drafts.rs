//! Drafts of answers, kept for their writers.

use crate::fields::Fields;
use crate::tickets::rich_content;
use crate::{Code, FieldError};
use serde_json::Value;

/// The most drafts of one person in one project; the oldest go.
pub const DRAFTS_MAX: i64 = 200;
/// The longest draft, in bytes: its text and its editor's document together.
pub const DRAFT_MAX: usize = 100 * 1024;
/// The longest name, in bytes.
const NAME_MAX: usize = 100;

/// Whether a text can be a draft's name: letters, digits, dashes and underscores, at most 100.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// What a draft says.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftText {
    /// Markdown; may be empty.
    pub content: String,
    /// JSON of the editor's document.
    pub rich_content: Option<String>,
    /// Whether it is to be a note for the team.
    pub is_private: bool,
}

impl DraftText {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first field that breaks a rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let content = content(fields.raw("content"))?;
        let rich_content = rich_content(fields)?.map(|json| json.to_string());
        let is_private = fields.boolean("is_private").or(false)?;
        let rich_length = rich_content.as_ref().map_or(0, String::len);
        if content.len() + rich_length > DRAFT_MAX {
            let detail = format!("A draft has at most {DRAFT_MAX} bytes.");
            return Err(FieldError::at("content", Code::MaxLength, detail));
        }
        Ok(Self {
            content,
            rich_content,
            is_private,
        })
    }
}

/// The text as it was typed: the space at its end too, behind which the next word is to come.
fn content(value: Option<&Value>) -> Result<String, FieldError> {
    match value {
        None => Ok(String::new()),
        Some(Value::String(text)) if text.contains('\0') => {
            Err(FieldError::plain("content", Code::NullCharacters))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) => Err(FieldError::plain("content", Code::Null)),
        Some(_) => Err(FieldError::at(
            "content",
            Code::InvalidInput,
            "Not a valid string.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_a_word_of_at_most_100_characters() {
        for name in [
            "new",
            "0190a4b0-0000-7000-8000-000000000000",
            "a_b",
            &"x".repeat(100),
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "ä", "a\0", &"x".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn text_and_document_together_are_bounded() {
        let read = |content: usize, rich: usize| {
            let body =
                json!({"content": "x".repeat(content), "rich_content": {"a": "y".repeat(rich)}});
            DraftText::read(&Fields::of(&body).unwrap())
        };
        // The document is {"a":"…"}.
        assert!(read(DRAFT_MAX - 108, 100).is_ok());
        assert_eq!(
            read(DRAFT_MAX - 107, 100).unwrap_err().code,
            Code::MaxLength
        );
    }
}
