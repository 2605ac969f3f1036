//! Values that may be a little old.

use crate::Bus;
use crate::redis::Link;
use model::{Env, ProjectId, Timestamp};
use redis::Script;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A value that was read from the store and then forgotten by somebody must not be kept. In Redis a counter beside
/// the value says so; it outlives every reading of the store by far.
const COUNTER_LIVES: Duration = Duration::from_secs(3600);
/// In this process, old entries are searched for after so many new ones.
const PRUNE_AFTER: usize = 1024;

/// Keeps values for a time, in Redis if there is one, else in this process. A hint: it may forget anything at any
/// time, and does when Redis is away.
pub struct Cache<K, V> {
    name: &'static str,
    env: Env,
    time_to_live: Duration,
    entries: Mutex<Entries<K, V>>,
    link: Option<Arc<Link>>,
}

/// What is kept in this process.
struct Entries<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Raised whenever anything is forgotten.
    generation: u64,
    /// No entry that was pruned had been forgotten later than this.
    pruned: u64,
    prune_at: usize,
}

struct Entry<V> {
    /// The generation in which this was last forgotten.
    forgotten: u64,
    value: Option<(Timestamp, V)>,
}

/// Says how things were before a value was read; [`Cache::keep`] takes it.
#[derive(Clone, Copy, Debug)]
pub struct Generation(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Here(u64),
    Redis(i64),
    /// Nobody knows: nothing can be kept.
    Unknown,
}

/// Names a value within its cache. In Redis the key is `<name of the cache>:<this>` (tickets.md 13). Different keys
/// have different texts, and each begins with the project.
pub trait CacheKey: Eq + Hash {
    /// The key's text.
    fn text(&self) -> String;
}

impl CacheKey for ProjectId {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl<K: CacheKey, V: Clone + Serialize + DeserializeOwned> Cache<K, V> {
    /// Nothing kept yet. `name` is the beginning of the keys in Redis, such as `conversations:unread_count`.
    pub fn new(bus: &Bus, env: Env, name: &'static str, time_to_live: Duration) -> Self {
        Self {
            name,
            env,
            time_to_live,
            entries: Mutex::new(Entries {
                entries: HashMap::new(),
                generation: 0,
                pruned: 0,
                prune_at: PRUNE_AFTER,
            }),
            link: bus.link(),
        }
    }

    /// What is kept, if it is young enough.
    pub async fn find(&self, key: &K) -> Option<V> {
        let Some(link) = &self.link else {
            return self.find_here(key);
        };
        let name = self.redis_key(key);
        let kept: Option<Vec<u8>> = link
            .ask("cache", async |commands| {
                redis::cmd("GET").arg(name).query_async(commands).await
            })
            .await?;
        // Another version may have kept something else under this name.
        serde_json::from_slice(&kept?).ok()
    }

    /// To be taken before a value is read from the store.
    pub async fn generation(&self, key: &K) -> Generation {
        let Some(link) = &self.link else {
            let entries = self.lock();
            return Generation(Source::Here(entries.generation));
        };
        let name = counter(&self.redis_key(key));
        let counted: Option<Option<i64>> = link
            .ask("cache", async |commands| {
                redis::cmd("GET").arg(name).query_async(commands).await
            })
            .await;
        Generation(counted.map_or(Source::Unknown, |count| Source::Redis(count.unwrap_or(0))))
    }

    /// Keeps a value, unless it has been forgotten since the generation was taken: then it may be wrong already.
    pub async fn keep(&self, key: K, generation: Generation, value: V) {
        match (&self.link, generation.0) {
            (None, Source::Here(generation)) => self.keep_here(key, generation, value),
            (Some(link), Source::Redis(generation)) => {
                let name = self.redis_key(&key);
                let Ok(text) = serde_json::to_vec(&value) else {
                    return;
                };
                let life = u64::try_from(self.time_to_live.as_millis()).unwrap_or(u64::MAX);
                let mut keep = KEEP.key(counter(&name));
                keep.key(name).arg(generation).arg(text).arg(life);
                link.ask("cache", async |commands| {
                    keep.invoke_async::<()>(commands).await
                })
                .await;
            }
            _ => {}
        }
    }

    /// Forgets a value that has become wrong. To be called after the commit that made it so, and before anybody is
    /// told. When Redis is away the value lives on there for its time at most.
    pub async fn forget(&self, key: K) {
        let Some(link) = &self.link else {
            self.forget_here(key);
            return;
        };
        let name = self.redis_key(&key);
        let mut forget = redis::pipe();
        // Both have one hash tag, so a cluster has them on one node.
        let counter = counter(&name);
        let life = COUNTER_LIVES.as_secs();
        forget.atomic().incr(&counter, 1).ignore();
        forget.cmd("EXPIRE").arg(&counter).arg(life).ignore();
        forget.del(&name).ignore();
        link.ask("cache", async |commands| {
            forget.query_async::<()>(commands).await
        })
        .await;
    }

    fn redis_key(&self, key: &K) -> String {
        // Braces would make a hash tag of their own.
        let text = key.text().replace('{', "%7B").replace('}', "%7D");
        format!("{}:{text}", self.name)
    }

    fn find_here(&self, key: &K) -> Option<V> {
        let now = self.env.now();
        let entries = self.lock();
        let (since, value) = entries.entries.get(key)?.value.as_ref()?;
        is_young(*since, now, self.time_to_live).then(|| value.clone())
    }

    fn keep_here(&self, key: K, generation: u64, value: V) {
        let now = self.env.now();
        let mut entries = self.lock();
        entries.prune(now, self.time_to_live);
        let pruned = entries.pruned;
        let entry = entries.entries.entry(key).or_insert(Entry {
            forgotten: pruned,
            value: None,
        });
        if entry.forgotten <= generation {
            entry.value = Some((now, value));
        }
    }

    fn forget_here(&self, key: K) {
        let now = self.env.now();
        let mut entries = self.lock();
        entries.prune(now, self.time_to_live);
        entries.generation += 1;
        let entry = Entry {
            forgotten: entries.generation,
            value: None,
        };
        entries.entries.insert(key, entry);
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Entries<K, V> {
    /// Drops what is old. Done seldom enough to cost nothing on average.
    fn prune(&mut self, now: Timestamp, time_to_live: Duration) {
        if self.entries.len() < self.prune_at {
            return;
        }
        let mut pruned = self.pruned;
        self.entries.retain(|_, entry| {
            let keep =
                matches!(&entry.value, Some((since, _)) if is_young(*since, now, time_to_live));
            if !keep {
                pruned = pruned.max(entry.forgotten);
            }
            keep
        });
        self.pruned = pruned;
        self.prune_at = self.entries.len() + PRUNE_AFTER.max(self.entries.len());
    }
}

fn is_young(since: Timestamp, now: Timestamp, time_to_live: Duration) -> bool {
    now >= since && now.since(since) < time_to_live
}

/// The key of the counter that says how often a value was forgotten.
fn counter(key: &str) -> String {
    format!("{{{key}}}:generation")
}

/// Keeps a value if its counter stands where it stood. KEYS: counter, value. ARGV: the counter then, value, life in
/// milliseconds.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '0') == ARGV[1] then \
           redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) \
         end",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, SystemRng};

    const ONE: ProjectId = ProjectId(1);

    fn cache() -> (Cache<ProjectId, String>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        let bus = Bus::in_process();
        (
            Cache::new(&bus, env, "test", Duration::from_secs(30)),
            clock,
        )
    }

    #[tokio::test]
    async fn a_value_is_kept_for_its_time_and_never_after_it_was_forgotten() {
        let (cache, clock) = cache();
        let before = cache.generation(&ONE).await;
        cache.keep(ONE, before, "one".into()).await;
        assert_eq!(cache.find(&ONE).await.as_deref(), Some("one"));
        assert_eq!(cache.find(&ProjectId(2)).await, None);
        clock.advance_micros(29_999_999);
        assert_eq!(cache.find(&ONE).await.as_deref(), Some("one"));
        clock.advance_micros(1);
        assert_eq!(cache.find(&ONE).await, None);

        cache.keep(ONE, before, "again".into()).await;
        cache.forget(ONE).await;
        assert_eq!(cache.find(&ONE).await, None);
        cache
            .keep(ONE, before, "read before it was forgotten".into())
            .await;
        assert_eq!(cache.find(&ONE).await, None);
        cache
            .keep(ONE, cache.generation(&ONE).await, "new".into())
            .await;
        assert_eq!(cache.find(&ONE).await.as_deref(), Some("new"));
    }

    #[tokio::test]
    async fn old_entries_are_dropped_and_what_was_forgotten_stays_forgotten() {
        let (cache, clock) = cache();
        let before = cache.generation(&ONE).await;
        cache.forget(ONE).await;
        for _ in 0..3 {
            for id in 0..i64::try_from(2 * PRUNE_AFTER).unwrap() {
                let key = ProjectId(id + 1000);
                cache
                    .keep(key, cache.generation(&key).await, "new".into())
                    .await;
            }
            clock.advance_micros(30_000_000);
        }
        assert!(cache.lock().entries.len() <= 5 * PRUNE_AFTER);
        assert!(!cache.lock().entries.contains_key(&ONE));
        cache
            .keep(ONE, before, "read before it was forgotten".into())
            .await;
        assert_eq!(cache.find(&ONE).await, None);
    }
}
