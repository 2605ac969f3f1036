//! Why a mail was not taken, in words for an admin, and whether it is worth another try.

use lettre::transport::smtp::Error;
use model::outbox::subject_line;

/// The server takes no mail at all from who has not signed in; its operator may still say how.
const WANTS_LOGIN: &str = "530";

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One line.
    pub reason: String,
    /// Another try will do no better: it is the mail that is refused.
    pub is_final: bool,
}

impl Failure {
    /// No mail would have been taken: another time perhaps.
    pub(crate) fn of_server(error: &Error) -> Self {
        Self {
            reason: reason(error),
            is_final: false,
        }
    }

    /// This mail was not taken. 5xx is the server's last word; whatever else goes wrong may go right another time.
    pub(crate) fn of_mail(error: &Error) -> Self {
        let wants_login = error
            .status()
            .is_some_and(|code| code.to_string() == WANTS_LOGIN);
        Self {
            reason: reason(error),
            // The latter: the server does not know what the mail would need, such as addresses beyond ASCII.
            is_final: (error.is_permanent() && !wants_login) || error.is_client(),
        }
    }

    pub(crate) fn later(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            is_final: false,
        }
    }

    pub(crate) fn never(reason: String) -> Self {
        Self {
            reason,
            is_final: true,
        }
    }
}

fn reason(error: &Error) -> String {
    let first = std::error::Error::source(error);
    // The innermost says what it was; those around it only that it was something.
    let cause = std::iter::successors(first, |error| error.source()).last();
    let cause = cause.map(ToString::to_string).unwrap_or_default();
    let said = match error.status() {
        Some(code) => format!("The mail server answered {code} {cause}"),
        None if error.is_tls() => format!("TLS with the mail server failed: {cause}"),
        None if error.is_timeout() => "The mail server did not answer in time.".to_owned(),
        None if error.is_response() => format!("The mail server answered no SMTP: {cause}"),
        None if error.is_client() => format!("The mail server cannot be used: {cause}"),
        None => format!("The mail server cannot be reached: {cause}"),
    };
    // What a server says may be anything.
    subject_line(&said)
}
