//! The widget's visitors: who they are, what they send, and where from (tickets.md 14).

mod identity;
mod intake;
mod origin;

pub use identity::{Claim, Visitor};
pub use intake::Intake;
pub use origin::{Site, is_listed, restore_link};

use crate::error::{Code, FieldError};
use crate::fields::{Datetime, Email, Fields, Kind as _, Problems};
use crate::tickets::Status;
use crate::{Timestamp, persons};
use std::time::Duration;
use uuid::Uuid;

/// Longest message of a visitor, in characters after trimming.
pub const MESSAGE_MAX: usize = 10_000;
/// How long a link for restoring is valid.
pub const RESTORE_LIVES: Duration = Duration::from_secs(3600);
/// Most messages or tickets in one answer.
const PAGE_MAX: i64 = 500;
/// Tickets in one answer when the request names no number.
const TICKETS_DEFAULT: i64 = 100;
/// Longest address of a page, in characters.
const URL_MAX: usize = 2048;

/// Which messages of a ticket a visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagesQuery {
    /// Only those that are strictly later.
    pub after: Option<Timestamp>,
    /// At most so many.
    pub limit: i64,
}

impl MessagesQuery {
    /// Reads the parameters `after` and `limit`.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Self {
        let after = match fields.raw("after").and_then(|value| value.as_str()) {
            None | Some("") => None,
            Some(text) => problems.take(Datetime.read(&with_plus(text).into(), "after")),
        };
        let limit = fields.integer("limit").min(1).max(PAGE_MAX);
        Self {
            after,
            limit: problems.take(limit.or(PAGE_MAX)).unwrap_or(PAGE_MAX),
        }
    }
}

/// A plus sign that was not encoded arrives as a space. Before the time of day a space is one.
fn with_plus(moment: &str) -> String {
    match moment.split_once(':') {
        Some((day_and_hour, rest)) => format!("{day_and_hour}:{}", rest.replace(' ', "+")),
        None => moment.to_owned(),
    }
}

/// Which of their tickets a visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketsQuery {
    /// Only those in this status.
    pub status: Option<Status>,
    /// At most so many.
    pub limit: i64,
    /// After skipping so many.
    pub offset: i64,
}

impl TicketsQuery {
    /// Reads the parameters `status`, `limit` and `offset`.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Self {
        let status = fields.choice("status", Status::WORDS).optional();
        let limit = fields.integer("limit").min(1).max(PAGE_MAX);
        let offset = fields.integer("offset").min(0);
        Self {
            status: problems.take(status).flatten().and_then(Status::from_word),
            limit: problems
                .take(limit.or(TICKETS_DEFAULT))
                .unwrap_or(TICKETS_DEFAULT),
            offset: problems.take(offset.or(0)).unwrap_or(0),
        }
    }
}

/// What somebody sends who wants their tickets in another browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The address, in the one case that addresses are compared in.
    pub email: String,
    /// The page that the link is to lead to.
    pub url: String,
}

impl RestoreRequest {
    /// Reads the body; `None` when a rule is broken.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let email = problems.take(fields.email("email").required());
        let url = problems.take(fields.text("request_url").max(URL_MAX).required());
        let url = url.and_then(|url| problems.take(check_url(url)));
        Some(Self {
            email: persons::folded_email(&email?),
            url: url?,
        })
    }

    /// The subject of the throttle: the address, if the body has one at all.
    pub fn email_of(fields: &Fields<'_>) -> Option<String> {
        let email = fields.raw("email")?.as_str()?.trim();
        Email::is_valid(email).then(|| persons::folded_email(email))
    }
}

/// An address of a page: of the web, and without anything that no address has.
fn check_url(url: String) -> Result<String, FieldError> {
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if is_web && !url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Ok(url);
    }
    Err(FieldError::at(
        "request_url",
        Code::InvalidInput,
        "Enter a valid URL.",
    ))
}

/// What the mailed link's page sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// From the link.
    pub token: String,
    /// The new browser's session.
    pub session: Uuid,
}

impl Redemption {
    /// Reads the body; `None` when a rule is broken.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Option<Self> {
        const TOKEN_MIN: usize = 40;
        const TOKEN_MAX: usize = 50;
        let token = fields.text("restore_token").max(TOKEN_MAX).required();
        let token = problems.take(token.and_then(|token| {
            if token.chars().count() >= TOKEN_MIN {
                return Ok(token);
            }
            let detail = format!("Ensure this field has at least {TOKEN_MIN} characters.");
            Err(FieldError::at("restore_token", Code::InvalidInput, detail))
        }));
        let session = problems.take(fields.uuid("widget_session_id").required());
        Some(Self {
            token: token?,
            session: session?,
        })
    }
}

#[cfg(test)]
mod tests;
