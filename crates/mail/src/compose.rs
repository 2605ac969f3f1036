//! A mail of the outbox as it goes over the wire.

use crate::failure::Failure;
use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};
use store::outbox::Mail;

/// Programs that answer mails by themselves leave mails alone that say this (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// Who mails are from: `help@example.com`, or `Example <help@example.com>`.
#[derive(Clone, PartialEq, Eq)]
pub struct From(Mailbox);

/// A text that is no mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl From {
    /// The part of the address behind the `@`.
    pub(crate) fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

impl FromStr for From {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if text.contains(char::is_control) {
            return Err(NoAddress);
        }
        text.parse().map(Self).map_err(|_| NoAddress)
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is handed to a mail server.
pub(crate) struct Composed {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

/// Writes a mail down. Its id in the headers is the same in each attempt, so that a receiver who gets it twice can tell.
pub(crate) fn compose(mail: &Mail, from: &From) -> Result<Composed, Failure> {
    let to: Address = mail
        .to
        .parse()
        .map_err(|_| Failure::never("This is no address that a mail can be sent to.".to_owned()))?;
    let written = u64::try_from(mail.created_at.as_micros()).unwrap_or(0);
    let builder = Message::builder()
        .from(from.0.clone())
        .to(Mailbox::new(None, to))
        .subject(&mail.subject)
        .date(UNIX_EPOCH + Duration::from_micros(written))
        .message_id(Some(format!("<{}@{}>", mail.id, from.domain())))
        .raw_header(HeaderValue::new(
            AUTO_SUBMITTED,
            "auto-generated".to_owned(),
        ));
    let message = match &mail.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(
            mail.text.clone(),
            html.clone(),
        )),
        None => builder.singlepart(SinglePart::plain(mail.text.clone())),
    };
    let message =
        message.map_err(|error| Failure::never(format!("The mail cannot be written: {error}.")))?;
    Ok(Composed {
        envelope: message.envelope().clone(),
        bytes: message.formatted(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::outbox::MailState;
    use model::{MailId, ProjectId, Timestamp};
    use uuid::Uuid;

    fn mail(to: &str, subject: &str, text: &str, html: Option<&str>) -> Mail {
        Mail {
            project_id: ProjectId(1),
            id: MailId(Uuid::nil()),
            purpose: "restore".to_owned(),
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: html.map(str::to_owned),
            state: MailState::Sending,
            attempts: 1,
            expires_at: Timestamp::from_micros(i64::MAX),
            error: None,
            created_at: Timestamp::from_micros(1_767_323_045_678_901),
            sent_at: None,
        }
    }

    fn written(mail: &Mail) -> String {
        let from = "Help <help@example.com>".parse().unwrap();
        let composed = compose(mail, &from).ok().unwrap();
        String::from_utf8(composed.bytes).unwrap()
    }

    #[test]
    fn a_mail_has_what_receivers_look_for() {
        let text = written(&mail("jo@example.com", "Grüße", "One\nTwo\n", None));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: Help <help@example.com>",
            "To: jo@example.com",
            "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
            "Date: Fri, 02 Jan 2026 03:04:05 +0000",
            "Message-ID: <00000000-0000-0000-0000-000000000000@example.com>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(head.lines().any(|it| it == line), "{line} in {head}");
        }
        assert_eq!(body.trim_end(), "One\r\nTwo");
        let text = written(&mail("jo@example.com", "Hi", "Grüße", None));
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn html_goes_beside_the_text() {
        let text = written(&mail("jo@example.com", "Hi", "plain", Some("<b>bold</b>")));
        assert!(text.contains("multipart/alternative"));
        let plain = text.find("plain\r\n").unwrap();
        assert!(plain < text.find("<b>bold</b>").unwrap());
    }

    #[test]
    fn no_text_makes_a_header() {
        let mail = mail("jo@example.com", "Hi\r\nBcc: x@example.com", "a", None);
        let text = written(&mail);
        assert!(!text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn a_mail_to_nobody_is_given_up() {
        let from = "help@example.com".parse().unwrap();
        for to in ["", "nobody", "a@b\r\nRCPT TO:<x@example.com>"] {
            let failure = compose(&mail(to, "Hi", "a", None), &from).err().unwrap();
            assert!(failure.is_final, "{to}");
        }
    }

    #[test]
    fn a_sender_is_an_address() {
        for text in ["help@example.com", "Help <help@example.com>"] {
            let from: From = text.parse().unwrap();
            assert_eq!(
                (from.domain(), from.to_string().as_str()),
                ("example.com", text)
            );
        }
        for text in [
            "",
            "help",
            "help@",
            "a@example.com, b@example.com",
            "a@b\r\nX: y",
        ] {
            assert_eq!(text.parse::<From>(), Err(NoAddress), "{text}");
        }
    }
}
