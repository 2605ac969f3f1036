//! One conversation with a mail server.

use crate::compose::Composed;
use crate::failure::Failure;
use crate::sender::Config;
use crate::server::Tls;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::time::Duration;
use tokio::time::timeout;

/// For a connection, TLS and signing in included.
const CONNECT: Duration = Duration::from_secs(20);
/// For a server to take a mail. Some look long at what they are given.
const SEND: Duration = Duration::from_secs(60);
/// For saying good-bye.
const QUIT: Duration = Duration::from_secs(2);
/// The longest that one mail can take.
pub(crate) const LONGEST: Duration = CONNECT.saturating_add(SEND);

const TOO_SLOW: &str = "The mail server did not answer in time.";

/// A connection that takes mails.
pub(crate) struct Session(AsyncSmtpConnection);

impl Session {
    /// Connects, protects the connection, and signs in.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        match timeout(CONNECT, connect(config)).await {
            Ok(Ok(connection)) => Ok(Self(connection)),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::later(TOO_SLOW)),
        }
    }

    /// Hands a mail over. After a failure the session is over.
    pub(crate) async fn send(&mut self, mail: &Composed) -> Result<(), Failure> {
        match timeout(SEND, self.0.send(&mail.envelope, &mail.bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::of_mail(&error)),
            Err(_) => Err(Failure::later(TOO_SLOW)),
        }
    }

    /// Says good-bye, if the server listens.
    pub(crate) async fn close(mut self) {
        let _ = timeout(QUIT, self.0.quit()).await;
    }
}

async fn connect(config: &Config) -> Result<AsyncSmtpConnection, Failure> {
    let server = &config.server;
    let hello = ClientId::Domain(config.from.domain().to_owned());
    let tls = || TlsParameters::new(server.host.clone()).map_err(|it| Failure::of_server(&it));
    let implicit = match server.tls {
        Tls::Implicit => Some(tls()?),
        _ => None,
    };
    let address = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &hello, implicit, None)
            .await
            .map_err(|error| Failure::of_server(&error))?;
    let starts_tls = match server.tls {
        Tls::Required if !connection.can_starttls() => {
            return Err(Failure::later("The mail server offers no TLS."));
        }
        Tls::Required => true,
        Tls::Offered => connection.can_starttls(),
        Tls::Implicit | Tls::Off => false,
    };
    if starts_tls {
        let upgraded = connection.starttls(tls()?, &hello).await;
        upgraded.map_err(|error| Failure::of_server(&error))?;
    }
    if let Some((user, password)) = &server.login {
        let credentials = Credentials::new(user.clone(), password.clone());
        let signed_in = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
        signed_in.map_err(|error| Failure::of_server(&error))?;
    }
    Ok(connection)
}
