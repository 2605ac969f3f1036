//! Erases, in the background, what was deleted long enough ago, files that nothing needs, and sessions that have expired.

use api::App;
use model::idempotency::KEY_LIVES;
use model::{Env, Timestamp};
use std::time::Duration;
use store::{Store, erasure, idempotency, outbox, restore, sessions, tickets};
use tokio_util::sync::CancellationToken;

/// Between two rounds. Nobody waits for the end of a grace that is counted in days.
const ROUND: Duration = Duration::from_secs(600);

/// Conversations erased in one transaction, so that others need not wait long for the writer.
const AT_ONCE: usize = 16;

/// Tickets erased in one transaction (tickets.md 12.5).
const TICKETS_AT_ONCE: usize = 50;

/// Mails erased in one transaction.
const MAILS_AT_ONCE: u64 = 200;

/// How long a mail can be read in the outbox.
const MAIL_LIVES: Duration = Duration::from_secs(30 * 86_400);

/// How long it is known of a link for restoring that it came too late, or was used.
const TOKEN_LIVES: Duration = Duration::from_secs(7 * 86_400);

/// Keys of requests that were sent once forgotten in one transaction.
const KEYS_AT_ONCE: i64 = 500;

/// Sessions forgotten in one transaction.
const SESSIONS_AT_ONCE: i64 = 500;

/// Works until it is told to stop; its first round is at once.
pub(crate) async fn run(app: App, grace: Duration, stop: CancellationToken) {
    let (store, env) = (app.store.clone(), app.env.clone());
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stop.cancelled() => return,
        }
        match erase_tickets(&store, &env, grace, &stop).await {
            Ok(0) => {}
            Ok(tickets) => tracing::info!(tickets, "erased deleted tickets"),
            Err(error) => tracing::warn!(%error, "deleted tickets could not be erased"),
        }
        // After the tickets, whose files may be nobody's now.
        match app.remove_unused_media().await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed files that no message links"),
            Err(error) => {
                tracing::warn!(%error, "files that no message links could not be removed")
            }
        }
        match forget_sessions(&store, &env, &stop).await {
            Ok(0) => {}
            Ok(sessions) => tracing::info!(sessions, "forgot expired sessions"),
            Err(error) => tracing::warn!(%error, "expired sessions could not be forgotten"),
        }
        match forget_keys(&store, &env, &stop).await {
            Ok(0) => {}
            Ok(keys) => tracing::info!(keys, "forgot the keys of earlier requests"),
            Err(error) => {
                tracing::warn!(%error, "the keys of earlier requests could not be forgotten")
            }
        }
        match erase(&store, &env, grace, &stop).await {
            Ok(0) => {}
            Ok(conversations) => tracing::info!(conversations, "erased deleted conversations"),
            Err(error) => tracing::warn!(%error, "deleted conversations could not be erased"),
        }
        match erase_mails(&store, &env, &stop).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(mails, "erased old mails"),
            Err(error) => tracing::warn!(%error, "old mails could not be erased"),
        }
    }
}

async fn erase(
    store: &Store,
    env: &Env,
    grace: Duration,
    stop: &CancellationToken,
) -> store::Result<usize> {
    let before = deadline(env, grace);
    let mut total = 0;
    while !stop.is_cancelled() {
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        let erased = store
            .write(move |c| Box::pin(erasure::erase_deleted(c, before, limit)))
            .await?;
        total += erased;
        if erased < AT_ONCE {
            break;
        }
    }
    Ok(total)
}

async fn erase_tickets(
    store: &Store,
    env: &Env,
    grace: Duration,
    stop: &CancellationToken,
) -> store::Result<usize> {
    let before = deadline(env, grace);
    let mut total = 0;
    while !stop.is_cancelled() {
        let limit = i64::try_from(TICKETS_AT_ONCE).unwrap_or(i64::MAX);
        let env = env.clone();
        let erased = store
            .write(move |c| {
                Box::pin(async move { tickets::erase_deleted(c, &env, before, limit).await })
            })
            .await?;
        total += erased;
        if erased < TICKETS_AT_ONCE {
            break;
        }
    }
    Ok(total)
}

/// Erases old mails, and what links for restoring were made of long ago.
async fn erase_mails(store: &Store, env: &Env, stop: &CancellationToken) -> store::Result<u64> {
    let (mails, tokens) = (deadline(env, MAIL_LIVES), deadline(env, TOKEN_LIVES));
    let limit = i64::try_from(MAILS_AT_ONCE).unwrap_or(i64::MAX);
    let mut total = 0;
    while !stop.is_cancelled() {
        let (erased, others) = store
            .write(move |c| {
                Box::pin(async move {
                    let erased = outbox::erase(c, mails, limit).await?;
                    Ok::<_, store::Error>((erased, restore::erase(c, tokens, limit).await?))
                })
            })
            .await?;
        total += erased;
        if erased < MAILS_AT_ONCE && others < MAILS_AT_ONCE {
            break;
        }
    }
    Ok(total)
}

async fn forget_sessions(store: &Store, env: &Env, stop: &CancellationToken) -> store::Result<u64> {
    let mut total = 0;
    while !stop.is_cancelled() {
        let now = env.now();
        let forgotten = store
            .write(move |c| {
                Box::pin(async move { sessions::delete_expired(c, now, SESSIONS_AT_ONCE).await })
            })
            .await?;
        total += forgotten;
        if forgotten == 0 {
            break;
        }
    }
    Ok(total)
}

async fn forget_keys(store: &Store, env: &Env, stop: &CancellationToken) -> store::Result<u64> {
    let before = deadline(env, KEY_LIVES);
    let mut total = 0;
    while !stop.is_cancelled() {
        let forgotten = store
            .write(move |c| Box::pin(idempotency::erase(c, before, KEYS_AT_ONCE)))
            .await?;
        total += forgotten;
        if forgotten == 0 {
            break;
        }
    }
    Ok(total)
}

/// What was deleted before this moment has been deleted for long enough.
fn deadline(env: &Env, grace: Duration) -> Timestamp {
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(env.now().as_micros().saturating_sub(grace))
}
