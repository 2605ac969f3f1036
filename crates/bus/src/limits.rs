//! Counting how often something is done, to say when it is too often.
//!
//! A sliding window, as in the original: a rate of `10/minute` lets ten through in *any* sixty seconds, and the
//! wait that a refused caller is told ends when the oldest of them is a minute old. (A token bucket, which
//! would take less memory, lets up to twenty through in the first minute.) A refusal does not count.

use crate::Bus;
use crate::redis::Link;
use model::rates::Rate;
use model::{Env, Timestamp};
use redis::Script;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Counters for any number of subjects: in Redis, for all processes together, or in this process. When Redis is away
/// each process counts for itself.
pub struct Limits {
    env: Env,
    shards: Vec<Mutex<Shard>>,
    link: Option<Arc<Link>>,
}

/// Independently locked parts, so that callers seldom wait for each other.
const SHARDS: usize = 16;
/// A part is searched for counters that have run out after so many new ones.
const PRUNE_AFTER: usize = 256;

#[derive(Default)]
struct Shard {
    windows: HashMap<Key, Window>,
    /// How many counters there may be before the next search.
    prune_at: usize,
}

/// Whose counter: the throttle's name, its rate (a changed rate starts anew), and the subject.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    scope: &'static str,
    rate: Rate,
    subject: String,
}

/// When the counted ones happened, oldest first; never more than the rate's count.
struct Window(VecDeque<Timestamp>);

impl Limits {
    /// No counts yet.
    pub fn new(bus: &Bus, env: Env) -> Self {
        Self {
            env,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            link: bus.link(),
        }
    }

    /// Counts one for `subject` if the rate allows it.
    ///
    /// # Errors
    /// How long to wait until the next one is allowed. A refused one is not counted.
    pub async fn check(
        &self,
        scope: &'static str,
        rate: Rate,
        subject: &str,
    ) -> Result<(), Duration> {
        self.check_all(&[(scope, rate)], subject).await
    }

    /// Counts one for `subject` under each of these throttles in turn, until one of them refuses.
    ///
    /// # Errors
    /// How long to wait until the throttle that refused allows the next one. What it refused is not counted there.
    pub async fn check_all(
        &self,
        throttles: &[(&'static str, Rate)],
        subject: &str,
    ) -> Result<(), Duration> {
        if throttles.is_empty() {
            return Ok(());
        }
        if let Some(link) = &self.link
            && let Some(answer) = self.check_in_redis(link, throttles, subject).await
        {
            return answer;
        }
        throttles
            .iter()
            .try_for_each(|(scope, rate)| self.check_here(scope, *rate, subject))
    }

    async fn check_in_redis(
        &self,
        link: &Link,
        throttles: &[(&'static str, Rate)],
        subject: &str,
    ) -> Option<Result<(), Duration>> {
        // One hash tag for all counters of a subject, so that a cluster has them on one node. Braces of its own
        // would make another.
        let subject = subject.replace(['{', '}'], "%");
        let mut count = COUNT.prepare_invoke();
        count.arg(self.env.now().as_micros());
        for (scope, rate) in throttles {
            let seconds = rate.per.duration().as_secs();
            count.key(format!(
                "thicket:throttle:{{{subject}}}:{scope}:{}/{seconds}",
                rate.count
            ));
            count.arg(rate.count).arg(seconds * 1_000_000);
        }
        let wait: i64 = link
            .ask("throttles", async |commands| {
                count.invoke_async(commands).await
            })
            .await?;
        Some(match u64::try_from(wait) {
            Ok(micros) => Err(Duration::from_micros(micros)),
            Err(_) => Ok(()),
        })
    }

    fn check_here(&self, scope: &'static str, rate: Rate, subject: &str) -> Result<(), Duration> {
        let now = self.env.now();
        let key = Key {
            scope,
            rate,
            subject: subject.to_owned(),
        };
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shard.prune(now);
        let window = shard
            .windows
            .entry(key)
            .or_insert_with(|| Window(VecDeque::new()));
        window.count(rate, now)
    }

    /// How many counters are held; for metrics.
    pub fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.windows.len()
        };
        self.shards.iter().map(count).sum()
    }

    /// Whether nothing has been counted lately.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    /// Forgets counters that have run out. Done seldom enough to cost nothing on average.
    fn prune(&mut self, now: Timestamp) {
        if self.windows.len() < self.prune_at.max(PRUNE_AFTER) {
            return;
        }
        self.windows.retain(|key, window| {
            let newest = window.0.back();
            newest.is_some_and(|newest| !is_over(*newest, key.rate.per.duration(), now))
        });
        self.prune_at = self.windows.len() + PRUNE_AFTER.max(self.windows.len());
    }
}

impl Window {
    fn count(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let length = rate.per.duration();
        while self
            .0
            .front()
            .is_some_and(|oldest| is_over(*oldest, length, now))
        {
            self.0.pop_front();
        }
        let most = usize::try_from(rate.count).unwrap_or(usize::MAX);
        match self.0.front() {
            Some(oldest) if self.0.len() >= most => Err(oldest.plus(length).since(now)),
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }
}

/// Whether something that happened `then` has left a window of this length. A clock that was set back makes
/// nothing last longer than one length.
fn is_over(then: Timestamp, length: Duration, now: Timestamp) -> bool {
    now.since(then) >= length || then.since(now) > length
}

/// The same as [`Window::count`], for several counters. KEYS: for each, when the counted ones happened, oldest first.
/// ARGV: now, then for each how many are allowed in how many microseconds. Gives the wait in microseconds, or -1.
///
/// Moments stay texts where they are stored: as numbers they would be shortened on the way.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = tonumber(ARGV[1]) \
         for i, key in ipairs(KEYS) do \
           local most, length = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]) \
           local oldest = redis.call('LINDEX', key, 0) \
           while oldest and (now - oldest >= length or oldest - now > length) do \
             redis.call('LPOP', key) \
             oldest = redis.call('LINDEX', key, 0) \
           end \
           if oldest and redis.call('LLEN', key) >= most then \
             return oldest + length - now \
           end \
           redis.call('RPUSH', key, ARGV[1]) \
           redis.call('PEXPIRE', key, length / 1000) \
         end \
         return -1",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use model::rates::Per;
    use model::{ManualClock, SystemRng};

    const RATE: Rate = Rate {
        count: 3,
        per: Per::Minute,
    };

    fn limits() -> (Limits, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        (Limits::new(&Bus::in_process(), env), clock)
    }

    fn advance(clock: &ManualClock, seconds: i64) {
        clock.advance_micros(seconds * 1_000_000);
    }

    #[tokio::test]
    async fn lets_as_many_through_as_the_rate_says_in_any_window() {
        let (limits, clock) = limits();
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
            advance(&clock, 10);
        }
        // At 30 s: the oldest leaves at 60 s.
        assert_eq!(
            limits.check("t", RATE, "a").await,
            Err(Duration::from_secs(30))
        );
        advance(&clock, 29);
        assert_eq!(
            limits.check("t", RATE, "a").await,
            Err(Duration::from_secs(1))
        );
        advance(&clock, 1);
        assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
        assert_eq!(
            limits.check("t", RATE, "a").await,
            Err(Duration::from_secs(10))
        );
    }

    #[tokio::test]
    async fn a_refusal_does_not_count() {
        let (limits, clock) = limits();
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
        }
        for _ in 0..100 {
            assert!(limits.check("t", RATE, "a").await.is_err());
        }
        advance(&clock, 60);
        assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
    }

    #[tokio::test]
    async fn subjects_throttles_and_rates_are_counted_apart() {
        let (limits, _clock) = limits();
        let one = Rate { count: 1, ..RATE };
        assert_eq!(limits.check("t", one, "a").await, Ok(()));
        assert_eq!(limits.check("t", one, "b").await, Ok(()));
        assert_eq!(limits.check("u", one, "a").await, Ok(()));
        assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
        assert!(limits.check("t", one, "a").await.is_err());
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_locks_nobody_out() {
        let (limits, clock) = limits();
        advance(&clock, 1_000_000);
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
        }
        advance(&clock, -900_000);
        assert_eq!(limits.check("t", RATE, "a").await, Ok(()));
    }

    #[tokio::test]
    async fn forgets_those_who_have_gone() {
        let (limits, clock) = limits();
        for subject in 0..20_000 {
            assert_eq!(limits.check("t", RATE, &subject.to_string()).await, Ok(()));
        }
        assert_eq!(limits.len(), 20_000);
        advance(&clock, 61);
        for subject in 0..40_000 {
            assert_eq!(
                limits.check("t", RATE, &format!("new-{subject}")).await,
                Ok(())
            );
        }
        assert!(limits.len() <= 40_000, "{}", limits.len());
    }
}
