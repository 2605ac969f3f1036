//! Values that may be a little old.

use model::{Env, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keeps values for a time, in this process. A hint: it may forget anything at any time.
pub struct Cache<K, V> {
    env: Env,
    time_to_live: Duration,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

struct Entry<V> {
    /// Raised whenever what is kept becomes wrong.
    generation: u64,
    value: Option<(Timestamp, V)>,
}

/// Says how things were before a value was read; [`Cache::keep`] takes it.
#[derive(Clone, Copy, Debug)]
pub struct Generation(u64);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Nothing kept yet.
    pub fn new(env: Env, time_to_live: Duration) -> Self {
        Self {
            env,
            time_to_live,
            entries: Mutex::default(),
        }
    }

    /// What is kept, if it is young enough.
    pub fn find(&self, key: &K) -> Option<V> {
        let now = self.env.now();
        let entries = self.lock();
        let (since, value) = entries.get(key)?.value.as_ref()?;
        let is_young = now >= *since && now.since(*since) < self.time_to_live;
        is_young.then(|| value.clone())
    }

    /// To be taken before a value is read from the store.
    pub fn generation(&self, key: &K) -> Generation {
        Generation(self.lock().get(key).map_or(0, |entry| entry.generation))
    }

    /// Keeps a value, unless it has been forgotten since the generation was taken: then it may be wrong already.
    pub fn keep(&self, key: K, generation: Generation, value: V) {
        let now = self.env.now();
        let mut entries = self.lock();
        let entry = entries.entry(key).or_insert(Entry {
            generation: generation.0,
            value: None,
        });
        if entry.generation == generation.0 {
            entry.value = Some((now, value));
        }
    }

    /// Forgets a value that has become wrong. To be called after the commit that made it so.
    pub fn forget(&self, key: K) {
        let mut entries = self.lock();
        let entry = entries.entry(key).or_insert(Entry {
            generation: 0,
            value: None,
        });
        entry.generation += 1;
        entry.value = None;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, SystemRng};
    use std::sync::Arc;

    #[test]
    fn a_value_is_kept_for_its_time_and_never_after_it_was_forgotten() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        let cache = Cache::new(env, Duration::from_secs(30));
        let before = cache.generation(&1);
        cache.keep(1, before, "one");
        assert_eq!(cache.find(&1), Some("one"));
        assert_eq!(cache.find(&2), None);
        clock.advance_micros(29_999_999);
        assert_eq!(cache.find(&1), Some("one"));
        clock.advance_micros(1);
        assert_eq!(cache.find(&1), None);

        cache.keep(1, before, "again");
        cache.forget(1);
        assert_eq!(cache.find(&1), None);
        cache.keep(1, before, "read before it was forgotten");
        assert_eq!(cache.find(&1), None);
        cache.keep(1, cache.generation(&1), "new");
        assert_eq!(cache.find(&1), Some("new"));
    }
}
