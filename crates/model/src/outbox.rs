//! Mails that go out: what they say, and how far they have come.

use crate::tickets::Ticket;
use crate::{MailId, Timestamp};
use std::time::Duration;

/// Purpose of the mail that tells the team of a new ticket.
pub const NEW_TICKET: &str = "new_ticket";
/// Purpose of the mail with the link that moves a visitor's tickets to another browser.
pub const RESTORE: &str = "restore";

/// Purpose of the mail with the link into an organisation.
pub const INVITE: &str = "invite";

/// Longest subject, in characters.
const SUBJECT_MAX: usize = 200;
/// So much of a customer's message is quoted in a mail, in characters.
const QUOTED_MAX: usize = 2000;
/// Characters of the message in the subject of a new ticket's mail.
const SUBJECT_QUOTED_MAX: usize = 80;
/// The news of a ticket is of no use after so long.
const NEWS_LIVES: Duration = Duration::from_secs(3 * 86_400);

/// A mail that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMail {
    /// Time-ordered.
    pub id: MailId,
    /// What it is for, such as [`NEW_TICKET`].
    pub purpose: &'static str,
    /// The address.
    pub to: String,
    /// One line of at most 200 characters.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The same for mail programs that show HTML.
    pub html: Option<String>,
    /// What is not sent by then is not sent at all.
    pub expires_at: Timestamp,
}

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// It waits.
    Queued,
    /// It is being sent.
    Sending,
    /// The mail server has it.
    Sent,
    /// It was given up.
    Failed,
}

impl MailState {
    /// The word it is stored and shown as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Queued, Self::Sending, Self::Sent, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A line for a mail's header: whatever would end the line, or is not to be seen, becomes a space.
pub fn subject_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    cut(&words.join(" "), SUBJECT_MAX)
}

/// Asks somebody into an organisation.
pub fn invite_mail(
    id: MailId,
    to: &str,
    organization: &str,
    from: &str,
    link: &str,
    expires_at: Timestamp,
) -> NewMail {
    let from = subject_line(from);
    let from = if from.is_empty() { "Somebody" } else { &from };
    let organization = subject_line(organization);
    NewMail {
        id,
        purpose: INVITE,
        to: to.to_owned(),
        subject: subject_line(&format!("{from} invites you to {organization}")),
        text: format!(
            "{from} invites you to answer the customers of {organization}.\n\nTo accept, open this link within \
             seven days:\n\n{link}\n\nIf you do not know what this is about, do nothing.\n"
        ),
        html: None,
        expires_at,
    }
}

/// Tells one of the team of a ticket that a customer has begun (tickets.md 11.5).
pub fn new_ticket_mail(
    id: MailId,
    to: &str,
    project_name: &str,
    ticket: &Ticket,
    message: &str,
    now: Timestamp,
) -> NewMail {
    let name = ticket.trait_text("name");
    let email = ticket.trait_text("email").or(ticket.email_from.clone());
    let from = match (name, email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "A customer".to_owned(),
    };
    let from = subject_line(&from);
    let number = ticket.number;
    let begin = cut(&subject_line(message), SUBJECT_QUOTED_MAX);
    let quoted = cut(message, QUOTED_MAX);
    NewMail {
        id,
        purpose: NEW_TICKET,
        to: to.to_owned(),
        subject: subject_line(&format!("[{project_name}] New ticket #{number}: {begin}")),
        text: format!(
            "{from} wrote ticket #{number} in {project_name}:\n\n{quoted}\n\n\
             Answer it in the inbox; an answer to this mail reaches nobody.\n"
        ),
        html: None,
        expires_at: now.plus(NEWS_LIVES),
    }
}

/// Brings a visitor the link that moves their tickets to the browser in which it is opened (tickets.md 14.6).
pub fn restore_mail(
    id: MailId,
    to: &str,
    project_name: &str,
    link: &str,
    expires_at: Timestamp,
) -> NewMail {
    NewMail {
        id,
        purpose: RESTORE,
        to: to.to_owned(),
        subject: subject_line(&format!("Your conversations with {project_name}")),
        text: format!(
            "Open this link to go on with your conversations in this browser:\n\n{link}\n\n\
             It works once, and for one hour. If you did not ask for it, do nothing: without the link nobody can \
             read your conversations.\n"
        ),
        html: None,
        expires_at,
    }
}

/// The first so many characters, with a mark where something is missing.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_short_line() {
        for (text, line) in [
            ("Hello", "Hello"),
            ("two\r\nBcc: x@example.com", "two Bcc: x@example.com"),
            ("  a \t\u{0}\u{7}b\u{2028}c  ", "a b c"),
            ("", ""),
        ] {
            assert_eq!(subject_line(text), line);
        }
        let long = subject_line(&"ä".repeat(300));
        assert_eq!(long.chars().count(), SUBJECT_MAX);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn every_state_reads_back_as_itself() {
        for state in [
            MailState::Queued,
            MailState::Sending,
            MailState::Sent,
            MailState::Failed,
        ] {
            assert_eq!(MailState::from_word(state.as_str()), Some(state));
        }
        assert_eq!(MailState::from_word("lost"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_second_line(text in ".*") {
            let line = subject_line(&text);
            proptest::prop_assert!(!line.contains(char::is_control));
            proptest::prop_assert!(line.chars().count() <= SUBJECT_MAX);
        }
    }
}
