//! Who looks at which ticket (tickets.md 10.9).

use crate::Bus;
use crate::redis::Link;
use model::{Env, ProjectId, TicketId, Timestamp, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whoever has not given a sign of life for so long has gone.
const FADES_AFTER: Duration = Duration::from_secs(30);

/// One place from which somebody looks, such as a tab of a browser. A person who looks from two of them has not gone
/// when one is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Who looks.
    pub user: UserId,
    /// Tells apart the places of one person; may be empty.
    pub tab: String,
}

/// When somebody was last seen at each place, and what others are shown.
type Viewers<V> = HashMap<Place, (Timestamp, V)>;
type Tickets<V> = HashMap<(ProjectId, TicketId), Viewers<V>>;

/// Who looks at which ticket: in Redis, for all processes together, or in this process. A hint: whoever looks says so
/// again and again, and when Redis is away nobody seems to look.
pub struct Presence<V> {
    env: Env,
    tickets: Mutex<Tickets<V>>,
    link: Option<Arc<Link>>,
}

impl<V: Clone + Serialize + DeserializeOwned> Presence<V> {
    /// Nobody yet.
    pub fn new(bus: &Bus, env: Env) -> Self {
        Self {
            env,
            tickets: Mutex::default(),
            link: bus.link(),
        }
    }

    /// A sign of life; `viewer` is what others are shown.
    pub async fn beat(&self, project: ProjectId, ticket: TicketId, place: Place, viewer: V) {
        let now = self.env.now();
        let Some(link) = &self.link else {
            self.beat_here(project, ticket, place, viewer, now);
            return;
        };
        let Ok(member) = serde_json::to_string(&(place.user, viewer, place.tab)) else {
            return;
        };
        let key = key(project, ticket);
        let mut beat = redis::pipe();
        beat.atomic();
        beat.zadd(&key, member, now.as_micros()).ignore();
        beat.cmd("ZREMRANGEBYSCORE")
            .arg(&key)
            .arg("-inf")
            .arg(format!("({}", faded(now)))
            .ignore();
        beat.cmd("EXPIRE")
            .arg(&key)
            .arg(FADES_AFTER.as_secs())
            .ignore();
        link.ask("presence", async |commands| {
            beat.query_async::<()>(commands).await
        })
        .await;
    }

    /// Somebody has left a place, and does not wait until they fade; `viewer` is what others were shown. Whether they
    /// still look from another place.
    pub async fn leave(
        &self,
        project: ProjectId,
        ticket: TicketId,
        place: Place,
        viewer: V,
    ) -> bool {
        let now = self.env.now();
        let Some(link) = &self.link else {
            return self.leave_here(project, ticket, &place, now);
        };
        let Ok(member) = serde_json::to_string(&(place.user, viewer, place.tab)) else {
            return false;
        };
        let key = key(project, ticket);
        let mut leave = redis::pipe();
        leave.atomic();
        leave.zrem(&key, member).ignore();
        leave
            .cmd("ZRANGEBYSCORE")
            .arg(&key)
            .arg(faded(now))
            .arg("+inf");
        let rest: Option<(Vec<String>,)> = link
            .ask("presence", async |commands| {
                leave.query_async(commands).await
            })
            .await;
        let (rest,) = rest.unwrap_or_default();
        rest.iter()
            .filter_map(|member| read::<V>(member))
            .any(|(user, _)| user == place.user)
    }

    fn leave_here(
        &self,
        project: ProjectId,
        ticket: TicketId,
        place: &Place,
        now: Timestamp,
    ) -> bool {
        let mut tickets = self.lock();
        let Some(viewers) = tickets.get_mut(&(project, ticket)) else {
            return false;
        };
        viewers.remove(place);
        viewers
            .iter()
            .any(|(other, (seen, _))| other.user == place.user && is_here(*seen, now))
    }

    /// Who looks at a ticket besides this user, the newest sign of life first.
    pub async fn viewers(&self, project: ProjectId, ticket: TicketId, except: UserId) -> Vec<V> {
        let now = self.env.now();
        let Some(link) = &self.link else {
            return self.viewers_here(project, ticket, except, now);
        };
        let mut look = redis::cmd("ZREVRANGEBYSCORE");
        look.arg(key(project, ticket)).arg("+inf").arg(faded(now));
        let members: Option<Vec<String>> = link
            .ask("presence", async |commands| {
                look.query_async(commands).await
            })
            .await;
        let mut seen = HashSet::from([except]);
        members
            .unwrap_or_default()
            .iter()
            .filter_map(|member| read::<V>(member))
            // Whoever looks from two places, or has changed their name since, is there twice.
            .filter(|(user, _)| seen.insert(*user))
            .map(|(_, viewer)| viewer)
            .collect()
    }

    fn beat_here(
        &self,
        project: ProjectId,
        ticket: TicketId,
        place: Place,
        viewer: V,
        now: Timestamp,
    ) {
        let mut tickets = self.lock();
        tickets.retain(|_, viewers| {
            viewers.retain(|_, (seen, _)| is_here(*seen, now));
            !viewers.is_empty()
        });
        let viewers = tickets.entry((project, ticket)).or_default();
        viewers.insert(place, (now, viewer));
    }

    fn viewers_here(
        &self,
        project: ProjectId,
        ticket: TicketId,
        except: UserId,
        now: Timestamp,
    ) -> Vec<V> {
        let tickets = self.lock();
        let Some(viewers) = tickets.get(&(project, ticket)) else {
            return Vec::new();
        };
        let mut here: Vec<_> = viewers
            .iter()
            .filter(|(place, (seen, _))| place.user != except && is_here(*seen, now))
            .map(|(place, (seen, viewer))| (*seen, place.user, viewer))
            .collect();
        here.sort_by_key(|(seen, user, _)| std::cmp::Reverse((*seen, *user)));
        let mut shown = HashSet::new();
        here.into_iter()
            .filter(|(_, user, _)| shown.insert(*user))
            .map(|(_, _, viewer)| viewer.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tickets<V>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sorted set of a ticket's viewers, by when they were last seen (tickets.md 13).
fn key(project: ProjectId, ticket: TicketId) -> String {
    format!("conversations:ticket_presence:{project}:{ticket}")
}

/// Who is behind a member of the set, and what is shown of them.
fn read<V: DeserializeOwned>(member: &str) -> Option<(UserId, V)> {
    let (user, viewer, _tab) = serde_json::from_str::<(UserId, V, String)>(member).ok()?;
    Some((user, viewer))
}

/// Whoever was last seen earlier has gone.
fn faded(now: Timestamp) -> i64 {
    let fades = i64::try_from(FADES_AFTER.as_micros()).unwrap_or(i64::MAX);
    now.as_micros().saturating_sub(fades)
}

fn is_here(seen: Timestamp, now: Timestamp) -> bool {
    now.since(seen) <= FADES_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, SystemRng};
    use uuid::Uuid;

    fn at(user: i64, tab: &str) -> Place {
        Place {
            user: UserId(user),
            tab: tab.to_owned(),
        }
    }

    #[tokio::test]
    async fn viewers_fade_and_never_see_themselves() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let presence = Presence::<String>::new(
            &Bus::in_process(),
            Env::new(clock.clone(), Arc::new(SystemRng)),
        );
        let (project, ticket) = (ProjectId(1), TicketId(Uuid::nil()));
        presence.beat(project, ticket, at(1, ""), "a".into()).await;
        clock.advance_micros(1);
        presence.beat(project, ticket, at(2, ""), "b".into()).await;
        let seen = |user| presence.viewers(project, ticket, UserId(user));
        assert_eq!(seen(1).await, ["b"]);
        assert_eq!(seen(3).await, ["b", "a"]);
        assert!(
            presence
                .viewers(ProjectId(2), ticket, UserId(1))
                .await
                .is_empty()
        );
        clock.advance_micros(30_000_000);
        assert_eq!(seen(3).await, ["b"]);
        clock.advance_micros(1);
        assert!(seen(3).await.is_empty());
    }

    #[tokio::test]
    async fn who_leaves_is_gone_at_once() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock, Arc::new(SystemRng));
        let presence = Presence::<String>::new(&Bus::in_process(), env);
        let (project, ticket) = (ProjectId(1), TicketId(Uuid::nil()));
        for (user, name) in [(1, "a"), (2, "b")] {
            presence
                .beat(project, ticket, at(user, ""), name.into())
                .await;
        }
        let stays = presence.leave(project, ticket, at(1, ""), "a".into()).await;
        assert!(!stays);
        assert_eq!(presence.viewers(project, ticket, UserId(3)).await, ["b"]);
    }

    #[tokio::test]
    async fn who_looks_from_two_places_is_one_and_stays_until_both_are_left() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        let presence = Presence::<String>::new(&Bus::in_process(), env);
        let (project, ticket) = (ProjectId(1), TicketId(Uuid::nil()));
        let beat = async |tab| {
            let place = at(1, tab);
            presence.beat(project, ticket, place, "a".into()).await;
        };
        let leave = async |tab| {
            presence
                .leave(project, ticket, at(1, tab), "a".into())
                .await
        };
        let seen = async || presence.viewers(project, ticket, UserId(3)).await;
        beat("one").await;
        beat("two").await;
        assert_eq!(seen().await, ["a"]);
        assert!(leave("one").await);
        assert_eq!(seen().await, ["a"]);
        assert!(!leave("two").await);
        assert!(seen().await.is_empty());
        // A tab that went without a word does not keep its person for longer than it is heard.
        beat("one").await;
        clock.advance_micros(30_000_001);
        beat("two").await;
        assert!(!leave("two").await);
    }
}
