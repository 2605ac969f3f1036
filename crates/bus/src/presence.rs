//! Who looks at which ticket (tickets.md 10.9).

use model::{Env, ProjectId, TicketId, Timestamp, UserId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whoever has not given a sign of life for so long has gone.
const FADES_AFTER: Duration = Duration::from_secs(30);

/// When each was last seen, and what others are shown.
type Viewers<V> = HashMap<UserId, (Timestamp, V)>;
type Tickets<V> = HashMap<(ProjectId, TicketId), Viewers<V>>;

/// Who looks at which ticket, in this process. A hint: whoever looks says so again and again.
pub struct Presence<V> {
    env: Env,
    tickets: Mutex<Tickets<V>>,
}

impl<V: Clone> Presence<V> {
    /// Nobody yet.
    pub fn new(env: Env) -> Self {
        Self {
            env,
            tickets: Mutex::default(),
        }
    }

    /// A sign of life; `viewer` is what others are shown.
    pub fn beat(&self, project: ProjectId, ticket: TicketId, user: UserId, viewer: V) {
        let now = self.env.now();
        let mut tickets = self.lock();
        tickets.retain(|_, viewers| {
            viewers.retain(|_, (seen, _)| is_here(*seen, now));
            !viewers.is_empty()
        });
        let viewers = tickets.entry((project, ticket)).or_default();
        viewers.insert(user, (now, viewer));
    }

    /// Who looks at a ticket besides this user, the newest sign of life first.
    pub fn viewers(&self, project: ProjectId, ticket: TicketId, except: UserId) -> Vec<V> {
        let now = self.env.now();
        let tickets = self.lock();
        let Some(viewers) = tickets.get(&(project, ticket)) else {
            return Vec::new();
        };
        let mut here: Vec<_> = viewers
            .iter()
            .filter(|(user, (seen, _))| **user != except && is_here(*seen, now))
            .map(|(user, (seen, viewer))| (*seen, *user, viewer))
            .collect();
        here.sort_by_key(|(seen, user, _)| std::cmp::Reverse((*seen, *user)));
        here.into_iter()
            .map(|(_, _, viewer)| viewer.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tickets<V>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_here(seen: Timestamp, now: Timestamp) -> bool {
    now.since(seen) <= FADES_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, SystemRng};
    use std::sync::Arc;
    use uuid::Uuid;

    #[test]
    fn viewers_fade_and_never_see_themselves() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let presence = Presence::new(Env::new(clock.clone(), Arc::new(SystemRng)));
        let (project, ticket) = (ProjectId(1), TicketId(Uuid::nil()));
        presence.beat(project, ticket, UserId(1), "a");
        clock.advance_micros(1);
        presence.beat(project, ticket, UserId(2), "b");
        let seen = |user| presence.viewers(project, ticket, UserId(user));
        assert_eq!(seen(1), ["b"]);
        assert_eq!(seen(3), ["b", "a"]);
        assert!(presence.viewers(ProjectId(2), ticket, UserId(1)).is_empty());
        clock.advance_micros(30_000_000);
        assert_eq!(seen(3), ["b"]);
        clock.advance_micros(1);
        assert!(seen(3).is_empty());
    }
}
