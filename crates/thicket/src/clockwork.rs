//! What becomes due in tickets: snoozes end, warnings and breaches of due dates are told (tickets.md 12.5).

use api::App;
use std::time::Duration;
use store::tickets;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const ROUND: Duration = Duration::from_secs(10);

/// Works until it is told to stop; its first look is at once.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stop.cancelled() => return,
        }
        match tickets::wake_snoozed(&app.store, &app.env).await {
            Ok(projects) => projects
                .into_iter()
                .for_each(|project| app.pokes.poke(project)),
            Err(error) => tracing::warn!(%error, "snoozed tickets could not be woken"),
        }
        match tickets::tell_due_dates(&app.store, &app.env).await {
            Ok(projects) => projects
                .into_iter()
                .for_each(|project| app.pokes.poke(project)),
            Err(error) => tracing::warn!(%error, "due dates of tickets could not be told"),
        }
    }
}
