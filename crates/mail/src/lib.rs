//! Sends the mails of the outbox over SMTP.
//!
//! A mail is written in the transaction of what causes it (`store::outbox`), and sent from here, later: no request waits
//! for a mail server. [`run`] borrows mails one by one, hands them over, and says what came of each.

mod compose;
mod failure;
mod retry;
mod sender;
mod server;
mod session;

pub use compose::{From, NoAddress};
pub use sender::{Config, run};
pub use server::{NoServer, SmtpUrl};
