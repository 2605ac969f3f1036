//! Ends answers that go on for long when their caller may no longer have them (spec "Settings": within a second).

use crate::access::is_still_allowed;
use crate::{Access, App, Caller};
use model::scopes::Scope;
use model::{KeyId, ProjectId, SessionId, UserId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often the store is asked about a pass: often enough that asking takes no answer past the second.
const INTERVAL: Duration = Duration::from_millis(250);

/// Who was let through, by what, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pass {
    user: UserId,
    key: Option<KeyId>,
    session: Option<SessionId>,
    project: ProjectId,
    scope: Option<Scope>,
}

/// The passes that open answers hang on. One task looks after each, however many answers that are: ten thousand streams
/// of one key must not ask the store ten thousand times.
#[derive(Default)]
pub(crate) struct Passes(Mutex<HashMap<Pass, watch::Sender<()>>>);

impl Passes {
    fn lock(&self) -> MutexGuard<'_, HashMap<Pass, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a pass that no answer hangs on any more; `false`: some do.
    fn forget_if_unused(&self, pass: &Pass) -> bool {
        let mut passes = self.lock();
        let is_unused = passes.get(pass).is_none_or(watch::Sender::is_closed);
        if is_unused {
            passes.remove(pass);
        }
        is_unused
    }
}

impl App {
    /// Completes once the caller, who was let through to the project, no longer would be. Looks from the call on, not from the
    /// first poll.
    pub(crate) fn refused_later(
        &self,
        caller: &Caller,
        access: Access,
        project: ProjectId,
    ) -> impl Future<Output = ()> + Send + use<> {
        let pass = Pass {
            user: caller.user.id,
            key: caller.key.as_ref().map(|key| key.id),
            session: caller.session,
            project,
            scope: access.scope(),
        };
        let mut passes = self.passes.lock();
        let mut good = match passes.get(&pass) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, good) = watch::channel(());
                passes.insert(pass.clone(), sender);
                tokio::spawn(look_after(self.clone(), caller.clone(), access, pass));
                good
            }
        };
        // Nothing is ever sent: it changes when the sender is dropped.
        async move { while good.changed().await.is_ok() {} }
    }
}

/// Asks about a pass from time to time, as long as an answer hangs on it, and drops it when it is not good any more. Also while
/// the server shuts down: turns and their streams go on for the grace.
async fn look_after(app: App, caller: Caller, access: Access, pass: Pass) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if app.passes.forget_if_unused(&pass) {
            return;
        }
        let (caller, now) = (caller.clone(), app.env.now());
        let project = pass.project;
        let is_good = app.store.read(move |c| {
            Box::pin(async move { is_still_allowed(c, &caller, access, project, now).await })
        });
        match is_good.await {
            Ok(true) => {}
            Ok(false) => {
                app.passes.lock().remove(&pass);
                return;
            }
            // It is asked again. A store that is away for a moment must not cut everybody's answers.
            Err(error) => tracing::debug!(%error, "could not ask whether an open answer may go on"),
        }
    }
}
