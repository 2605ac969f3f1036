//! What nearly every request asks the store for, kept for a moment.
//!
//! A revoked key or a changed setting must take effect within a second (spec/README.md, "Settings"), also when
//! another process changed it. So an entry lives for a tenth of a second, and nothing has to tell anybody. Under
//! load that spares nearly as many reads as a longer life would, and without load nobody needs it.

use model::secrets::Digest;
use model::{ProjectId, UserId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::keys::FoundKey;
use store::projects::{OpenProject, Outsider, Project, ProjectForUser};
use store::sessions::FoundSession;
use tokio::time::Instant;
use uuid::Uuid;

const TIME_TO_LIVE: Duration = Duration::from_millis(100);
/// More entries than this are not kept.
const CAPACITY: usize = 10_000;

/// Everything that is kept.
#[derive(Default)]
pub(crate) struct Caches {
    pub(crate) keys: Cache<Digest, FoundKey>,
    pub(crate) sessions: Cache<Digest, FoundSession>,
    pub(crate) projects: Cache<(ProjectId, UserId), ProjectForUser>,
    /// By the digest of the widget's token.
    pub(crate) widgets: Cache<Digest, OpenProject>,
    /// By the digest of the project's secret, or of a key of the project's.
    pub(crate) outsiders: Cache<Digest, Outsider>,
    /// By the digest of the public token.
    pub(crate) configs: Cache<Digest, Project>,
    /// Keys and sessions whose use is being recorded.
    pub(crate) touches: Cache<Uuid, ()>,
}

/// Values that may be a tenth of a second old.
pub(crate) struct Cache<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    values: HashMap<K, (Instant, Arc<V>)>,
    /// When old values were last searched for; done at most once in a value's life.
    pruned_at: Instant,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            values: HashMap::new(),
            pruned_at: Instant::now(),
        }))
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// The value, if it is fresh enough.
    pub(crate) fn find(&self, key: &K) -> Option<Arc<V>> {
        let entries = self.lock();
        let (since, value) = entries.values.get(key)?;
        (since.elapsed() < TIME_TO_LIVE).then(|| Arc::clone(value))
    }

    /// Keeps a value that was read from the store at `read_at` or later.
    pub(crate) fn keep(&self, key: K, read_at: Instant, value: V) -> Arc<V> {
        let value = Arc::new(value);
        let mut entries = self.lock();
        if entries.pruned_at.elapsed() >= TIME_TO_LIVE {
            entries.pruned_at = Instant::now();
            entries
                .values
                .retain(|_, (since, _)| since.elapsed() < TIME_TO_LIVE);
        }
        if entries.values.len() < CAPACITY {
            entries.values.insert(key, (read_at, Arc::clone(&value)));
        }
        value
    }

    /// Forgets values that this process has changed.
    pub(crate) fn forget(&self, is_stale: impl Fn(&K) -> bool) {
        self.lock().values.retain(|key, _| !is_stale(key));
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_value_is_forgotten_after_a_tenth_of_a_second() {
        let cache = Cache::<u8, &str>::default();
        cache.keep(1, Instant::now(), "one");
        tokio::time::advance(Duration::from_millis(99)).await;
        assert_eq!(cache.find(&1).as_deref(), Some(&"one"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(cache.find(&1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_values_is_bounded() {
        let cache = Cache::<usize, ()>::default();
        for key in 0..2 * CAPACITY {
            cache.keep(key, Instant::now(), ());
        }
        assert!(cache.find(&0).is_some());
        assert!(cache.find(&CAPACITY).is_none());
        tokio::time::advance(TIME_TO_LIVE).await;
        cache.keep(CAPACITY, Instant::now(), ());
        assert!(cache.find(&CAPACITY).is_some());
        cache.forget(|key| *key == CAPACITY);
        assert!(cache.find(&CAPACITY).is_none());
    }
}
