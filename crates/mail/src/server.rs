//! Which mail server, and how to speak with it.

use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use url::Url;

/// Submission by an account.
const SUBMISSION: u16 = 587;
/// From one mail server to another; what a relay on this machine listens on.
const RELAY: u16 = 25;
/// Submission within TLS.
const SUBMISSIONS: u16 = 465;

/// A mail server: `smtps://user:password@host`, or `smtp://…` with TLS as `Tls` says. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    /// Name or address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    /// User name and password.
    pub(crate) login: Option<(String, String)>,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From the first byte: `smtps://`.
    Implicit,
    /// By STARTTLS, or not at all: `?tls=required`, and wherever a password would leave this machine.
    Required,
    /// By STARTTLS if the server offers it.
    Offered,
    /// Never: `?tls=off`.
    Off,
}

/// A text that names no mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoServer;

impl SmtpUrl {
    /// Name or address and port, as a log may show it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The user name, if it is a mail address: what the account sends from.
    pub fn account(&self) -> Option<&str> {
        let (user, _) = self.login.as_ref()?;
        user.contains('@').then_some(user)
    }
}

impl FromStr for SmtpUrl {
    type Err = NoServer;

    fn from_str(text: &str) -> Result<Self, NoServer> {
        let url = Url::parse(text).map_err(|_| NoServer)?;
        let host = url.host_str().unwrap_or("");
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(NoServer);
        }
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None) => return Err(NoServer),
            (user, Some(password)) => Some((decoded(user)?, decoded(password)?)),
        };
        let mut asked = None;
        for (name, value) in url.query_pairs() {
            asked = match (&*name, &*value, asked) {
                ("tls", "required", None) => Some(Tls::Required),
                ("tls", "off", None) => Some(Tls::Off),
                _ => return Err(NoServer),
            };
        }
        let by_default = match &login {
            Some(_) if !is_loopback(host) => Tls::Required,
            _ => Tls::Offered,
        };
        let (tls, port) = match (url.scheme(), asked, &login) {
            ("smtps", None, _) => (Tls::Implicit, SUBMISSIONS),
            ("smtp", asked, None) => (asked.unwrap_or(by_default), RELAY),
            ("smtp", asked, Some(_)) => (asked.unwrap_or(by_default), SUBMISSION),
            _ => return Err(NoServer),
        };
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            tls,
            login,
        })
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { "…@" } else { "" };
        write!(f, "{login}{} ({:?})", self.place(), self.tls)
    }
}

fn decoded(text: &str) -> Result<String, NoServer> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| NoServer)?.into_owned();
    if text.contains(char::is_control) {
        return Err(NoServer);
    }
    Ok(text)
}

fn is_loopback(host: &str) -> bool {
    let is_loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> SmtpUrl {
        text.parse().unwrap_or_else(|NoServer| panic!("{text}"))
    }

    #[test]
    fn scheme_and_login_say_how_to_speak() {
        for (text, place, tls) in [
            (
                "smtp://mail.example.com",
                "mail.example.com:25",
                Tls::Offered,
            ),
            ("smtp://localhost:1025", "localhost:1025", Tls::Offered),
            (
                "smtp://u:p@mail.example.com",
                "mail.example.com:587",
                Tls::Required,
            ),
            ("smtp://u:p@127.0.0.1", "127.0.0.1:587", Tls::Offered),
            ("smtp://u:p@[::1]:25", "::1:25", Tls::Offered),
            (
                "smtps://u:p@mail.example.com",
                "mail.example.com:465",
                Tls::Implicit,
            ),
            (
                "smtps://mail.example.com:4650/",
                "mail.example.com:4650",
                Tls::Implicit,
            ),
            (
                "smtp://mail.example.com?tls=required",
                "mail.example.com:25",
                Tls::Required,
            ),
            ("smtp://u:p@10.0.0.1?tls=off", "10.0.0.1:587", Tls::Off),
        ] {
            let server = server(text);
            assert_eq!(
                (server.place().as_str(), server.tls),
                (place, tls),
                "{text}"
            );
        }
    }

    #[test]
    fn user_and_password_may_hold_any_character() {
        let server = server("smtps://jo%40example.com:p%3A%2F%40ss@mail.example.com");
        let login = ("jo@example.com".to_owned(), "p:/@ss".to_owned());
        assert_eq!(server.login, Some(login));
        assert_eq!(server.account(), Some("jo@example.com"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "localhost",
            "mailto:jo@example.com",
            "http://localhost",
            "smtp://",
            "smtp://user@localhost",
            "smtp://:password@localhost",
            "smtp://localhost/path",
            "smtp://localhost#x",
            "smtp://localhost?tls=maybe",
            "smtp://localhost?tls=off&tls=required",
            "smtp://localhost?starttls=on",
            "smtps://localhost?tls=off",
            "smtp://u:a%0D%0Ab@localhost",
            "smtp://u:%ff@localhost",
            "smtp://localhost:99999",
        ] {
            assert_eq!(text.parse::<SmtpUrl>(), Err(NoServer), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", server("smtps://jo:hunter2@mail.example.com"));
        assert_eq!(shown, "…@mail.example.com:465 (Implicit)");
    }
}
