//! The comments API: another way to a ticket's messages, which clients of the original's first versions take
//! (tickets.md 11.2).

use crate::error::{Code, FieldError};
use crate::fields::{Field, Fields};
use crate::tickets::rich_content;
use crate::{MessageId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The one scope whose comments are kept: messages of tickets.
pub const SCOPE: &str = "conversations_ticket";
/// Longest text, in characters.
pub const CONTENT_MAX: usize = 10_000;
/// Longest context, in characters of its JSON.
pub const CONTEXT_MAX: usize = 10_000;
/// Comments on a page.
pub const PAGE: i64 = 100;
/// Longest `scope`, in characters.
const SCOPE_MAX: usize = 79;
/// Longest `item_id`, in characters.
const ITEM_ID_MAX: usize = 72;

/// What members of a context begin with that only the server may set: where a message came from, and what became of it.
const MARKS: [&str; 5] = ["from_", "slack_", "teams_", "email_", "github_"];

/// A comment to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewComment {
    /// Markdown; empty when there is only a document.
    pub content: String,
    /// The editor's document.
    pub rich_content: Option<Value>,
    /// Which ticket: a UUID, if it is one at all.
    pub item_id: String,
    /// Who speaks, and whether it is private; without the server's marks.
    pub item_context: Map<String, Value>,
    /// The comment it answers.
    pub source_comment: Option<Uuid>,
    /// Something is to be done.
    pub is_task: bool,
}

impl NewComment {
    /// Reads the body of POST.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let content = fields.text("content").max(CONTENT_MAX).allow_blank();
        let content = content.nullable()?.or(String::new());
        let rich_content = rich_content(fields)?;
        let item_id = fields.text("item_id").max(ITEM_ID_MAX).required()?;
        let item_context = context(fields)?;
        let scope = fields.text("scope").max(SCOPE_MAX).required()?;
        if scope != SCOPE {
            let detail = format!("Comments are kept for the scope \"{SCOPE}\" only.");
            return Err(FieldError::at("scope", Code::InvalidChoice, detail));
        }
        let source_comment = fields.uuid("source_comment").nullable()?.value();
        let is_task = fields.boolean("is_task").or(false)?;
        check_content(&content, rich_content.as_ref())?;
        Ok(Self {
            content,
            rich_content,
            item_id,
            item_context,
            source_comment,
            is_task,
        })
    }
}

/// What is to be changed of a comment. `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommentChange {
    /// Markdown.
    pub content: Option<String>,
    /// The editor's document.
    pub rich_content: Option<Option<Value>>,
    /// Deleted, or no longer.
    pub deleted: Option<bool>,
    /// Something is to be done.
    pub is_task: Option<bool>,
}

impl CommentChange {
    /// Reads the body of PATCH. Where a comment belongs and who speaks cannot be changed.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let content = fields.text("content").max(CONTENT_MAX).allow_blank();
        let content = match content.nullable()? {
            Field::Absent => None,
            field => Some(field.or(String::new())),
        };
        let document = rich_content(fields)?;
        Ok(Self {
            content,
            rich_content: fields.has("rich_content").then_some(document),
            deleted: fields.boolean("deleted").optional()?,
            is_task: fields.boolean("is_task").optional()?,
        })
    }
}

/// Refuses a comment that says nothing.
///
/// # Errors
/// About the whole body.
pub fn check_content(content: &str, rich_content: Option<&Value>) -> Result<(), FieldError> {
    if content.is_empty() && rich_content.is_none() {
        return Err(FieldError::whole(
            Code::InvalidInput,
            "A comment must have content",
        ));
    }
    Ok(())
}

/// A context without the server's marks. Whoever comments and does not say for whom speaks for the team.
fn context(fields: &Fields<'_>) -> Result<Map<String, Value>, FieldError> {
    let mut context = fields.object("item_context").nullable()?.or(Map::new());
    if json!(context).to_string().chars().count() > CONTEXT_MAX {
        let detail = format!("Ensure this field has no more than {CONTEXT_MAX} characters.");
        return Err(FieldError::at("item_context", Code::MaxLength, detail));
    }
    context.retain(|name, _| !MARKS.iter().any(|mark| name.starts_with(mark)));
    if !context.get("author_type").is_some_and(Value::is_string) {
        context.insert("author_type".to_owned(), json!("support"));
    }
    Ok(context)
}

/// A place between two comments of a list that runs from the newest to the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Towards older comments.
    pub is_forward: bool,
    /// The comment that it stands behind.
    pub at: Timestamp,
    /// Its id.
    pub id: MessageId,
}

impl Cursor {
    /// Before the newest comment.
    pub const NEWEST: Self = Self {
        is_forward: true,
        at: Timestamp::from_micros(i64::MAX),
        id: MessageId(Uuid::max()),
    };

    /// The word that links carry.
    pub fn encode(self) -> String {
        let direction = if self.is_forward { 'n' } else { 'p' };
        let text = format!("{direction}{}_{}", self.at.as_micros(), self.id.0.simple());
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads [`Self::encode`].
    pub fn decode(word: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(word).ok()?).ok()?;
        let (is_forward, rest) = match text.split_at_checked(1)? {
            ("n", rest) => (true, rest),
            ("p", rest) => (false, rest),
            _ => return None,
        };
        let (at, id) = rest.split_once('_')?;
        Some(Self {
            is_forward,
            at: Timestamp::from_micros(at.parse().ok()?),
            id: MessageId(Uuid::try_parse(id).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back() {
        for is_forward in [true, false] {
            let cursor = Cursor {
                is_forward,
                at: Timestamp::from_micros(-5),
                id: MessageId(Uuid::from_u128(7)),
            };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        for word in ["", "nope", "bjE", "\u{e4}"] {
            assert_eq!(Cursor::decode(word), None, "{word}");
        }
    }

    #[test]
    fn the_servers_marks_are_taken_off_a_context() {
        let body = json!({"item_context": {
            "from_slack": true, "slack_ts": "1", "email_delivery_status": "sent", "is_private": true,
            "author_type": "AI", "mine": 1,
        }});
        let found = context(&Fields::of(&body).unwrap()).unwrap();
        let expected = json!({"is_private": true, "author_type": "AI", "mine": 1});
        assert_eq!(Value::Object(found), expected);
        for body in [
            json!({}),
            json!({"item_context": null}),
            json!({"item_context": {"author_type": 5}}),
        ] {
            let found = context(&Fields::of(&body).unwrap()).unwrap();
            assert_eq!(
                Value::Object(found),
                json!({"author_type": "support"}),
                "{body}"
            );
        }
    }
}
