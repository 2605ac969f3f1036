//! Counting how often something is done, to say when it is too often.
//!
//! A sliding window, as in the original: a rate of `10/minute` lets ten through in *any* sixty seconds, and the
//! wait that a refused caller is told ends when the oldest of them is a minute old. (A token bucket, which
//! would take less memory, lets up to twenty through in the first minute.) A refusal does not count.

use model::rates::Rate;
use model::{Env, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counters for any number of subjects, in this process.
pub struct Limits {
    env: Env,
    shards: Vec<Mutex<Shard>>,
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
    pub fn new(env: Env) -> Self {
        Self {
            env,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Counts one for `subject` if the rate allows it.
    ///
    /// # Errors
    /// How long to wait until the next one is allowed. A refused one is not counted.
    pub fn check(&self, scope: &'static str, rate: Rate, subject: &str) -> Result<(), Duration> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::rates::Per;
    use model::{ManualClock, SystemRng};
    use std::sync::Arc;

    const RATE: Rate = Rate {
        count: 3,
        per: Per::Minute,
    };

    fn limits() -> (Limits, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        (Limits::new(env), clock)
    }

    fn advance(clock: &ManualClock, seconds: i64) {
        clock.advance_micros(seconds * 1_000_000);
    }

    #[test]
    fn lets_as_many_through_as_the_rate_says_in_any_window() {
        let (limits, clock) = limits();
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a"), Ok(()));
            advance(&clock, 10);
        }
        // At 30 s: the oldest leaves at 60 s.
        assert_eq!(limits.check("t", RATE, "a"), Err(Duration::from_secs(30)));
        advance(&clock, 29);
        assert_eq!(limits.check("t", RATE, "a"), Err(Duration::from_secs(1)));
        advance(&clock, 1);
        assert_eq!(limits.check("t", RATE, "a"), Ok(()));
        assert_eq!(limits.check("t", RATE, "a"), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_refusal_does_not_count() {
        let (limits, clock) = limits();
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a"), Ok(()));
        }
        for _ in 0..100 {
            assert!(limits.check("t", RATE, "a").is_err());
        }
        advance(&clock, 60);
        assert_eq!(limits.check("t", RATE, "a"), Ok(()));
    }

    #[test]
    fn subjects_throttles_and_rates_are_counted_apart() {
        let (limits, _clock) = limits();
        let one = Rate { count: 1, ..RATE };
        assert_eq!(limits.check("t", one, "a"), Ok(()));
        assert_eq!(limits.check("t", one, "b"), Ok(()));
        assert_eq!(limits.check("u", one, "a"), Ok(()));
        assert_eq!(limits.check("t", RATE, "a"), Ok(()));
        assert!(limits.check("t", one, "a").is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (limits, clock) = limits();
        advance(&clock, 1_000_000);
        for _ in 0..3 {
            assert_eq!(limits.check("t", RATE, "a"), Ok(()));
        }
        advance(&clock, -900_000);
        assert_eq!(limits.check("t", RATE, "a"), Ok(()));
    }

    #[test]
    fn forgets_those_who_have_gone() {
        let (limits, clock) = limits();
        for subject in 0..20_000 {
            assert_eq!(limits.check("t", RATE, &subject.to_string()), Ok(()));
        }
        assert_eq!(limits.len(), 20_000);
        advance(&clock, 61);
        for subject in 0..40_000 {
            assert_eq!(limits.check("t", RATE, &format!("new-{subject}")), Ok(()));
        }
        assert!(limits.len() <= 40_000, "{}", limits.len());
    }
}
