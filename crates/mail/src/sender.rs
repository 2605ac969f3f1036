//! The task that sends: it looks for mails that are due, borrows them one by one, and says what came of each.

use crate::compose::{From, compose};
use crate::failure::Failure;
use crate::retry;
use crate::server::SmtpUrl;
use crate::session::{self, Session};
use model::Env;
use std::time::Duration;
use store::outbox::{self, Mail};
use store::{Result, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// So long a mail is ours: longer than anything that is done with it.
const LEASE: Duration = session::LONGEST.saturating_mul(2);
/// Connections at once; a further one is opened with a look that finds more to do.
const SESSIONS: usize = 4;

/// How mails are sent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to.
    pub server: SmtpUrl,
    /// Who from.
    pub from: From,
    /// Between two looks into the outbox. Default 1 s.
    pub look_every: Duration,
    /// After the server was told to stop, for mails that are being handed over. Default 10 s.
    pub grace: Duration,
}

impl Config {
    /// The defaults, with this server and sender.
    pub fn new(server: SmtpUrl, from: From) -> Self {
        Self {
            server,
            from,
            look_every: Duration::from_secs(1),
            grace: Duration::from_secs(10),
        }
    }
}

/// Sends what the outbox holds until it is told to stop; then finishes what it has begun within the grace. A
/// mail whose sender died is sent by the next one when the loan of it is over, after less than three minutes.
pub async fn run(store: Store, env: Env, config: Config, stop: CancellationToken) {
    let mut looks = tokio::time::interval(config.look_every);
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => break,
        }
        while let Some(ended) = sessions.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "sending mails stopped");
            }
        }
        match is_due(&store, &env).await {
            Ok(true) if sessions.len() < SESSIONS => {
                let (store, env) = (store.clone(), env.clone());
                let (config, stop) = (config.clone(), stop.clone());
                sessions.spawn(async move { send_all(&store, &env, &config, &stop).await });
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the outbox could not be looked at"),
        }
    }
    let all = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(config.grace, all).await.is_err() {
        tracing::warn!("a mail was being sent when the server stopped; it will be sent again");
    }
}

async fn is_due(store: &Store, env: &Env) -> Result<bool> {
    let now = env.now();
    store.read(move |c| Box::pin(outbox::is_due(c, now))).await
}

/// Sends mails, over one connection while that holds, until none is due or the server does not want any.
async fn send_all(store: &Store, env: &Env, config: &Config, stop: &CancellationToken) {
    let mut session: Option<Session> = None;
    while !stop.is_cancelled() {
        let mail = match borrow(store, env).await {
            Ok(Some(mail)) => mail,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "no mail could be taken from the outbox");
                break;
            }
        };
        let composed = match compose(&mail, &config.from) {
            Ok(composed) => composed,
            Err(failure) => {
                settle(store, env, &mail, Err(failure)).await;
                continue;
            }
        };
        let opened = match session.take() {
            Some(session) => Ok(session),
            None => Session::open(config).await,
        };
        let mut open = match opened {
            Ok(open) => open,
            Err(failure) => {
                settle(store, env, &mail, Err(failure)).await;
                // The other mails would fare no better. The next look tries again.
                break;
            }
        };
        let outcome = open.send(&composed).await;
        // After a failure the server has been left.
        session = outcome.is_ok().then_some(open);
        settle(store, env, &mail, outcome).await;
    }
    if let Some(session) = session {
        session.close().await;
    }
}

async fn borrow(store: &Store, env: &Env) -> Result<Option<Mail>> {
    let now = env.now();
    let mut mails = store
        .write(move |c| Box::pin(outbox::claim(c, now, LEASE, 1)))
        .await?;
    Ok(mails.pop())
}

/// Writes down what came of a mail. Should that not be possible, the mail comes back when its loan is over.
async fn settle(store: &Store, env: &Env, mail: &Mail, outcome: std::result::Result<(), Failure>) {
    let (project, id, attempts) = (mail.project_id, mail.id, mail.attempts);
    let now = env.now();
    let (result, written) = match outcome {
        Ok(()) => {
            tracing::info!(mail = %id, purpose = mail.purpose, attempts, "mail sent");
            let written = store
                .write(move |c| Box::pin(outbox::mark_sent(c, project, id, now)))
                .await;
            ("sent", written)
        }
        Err(failure) => {
            let again = match failure.is_final {
                true => None,
                false => retry::next(attempts, now, mail.expires_at),
            };
            let result = if again.is_some() { "retried" } else { "failed" };
            // A server's words may name the receiver, so they are for the outbox only.
            tracing::warn!(mail = %id, purpose = mail.purpose, attempts, result, "mail not sent");
            let written = store
                .write(move |c| {
                    Box::pin(async move {
                        outbox::mark_failed(c, project, id, &failure.reason, again).await
                    })
                })
                .await;
            (result, written)
        }
    };
    metrics::counter!("thicket_mails_total", "result" => result).increment(1);
    if let Err(error) = written {
        tracing::error!(%error, mail = %id, "what came of a mail could not be written down");
    }
}
