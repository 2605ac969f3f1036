//! Time and randomness as values that are passed in.

use crate::Timestamp;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present, in microseconds UTC.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from.
pub trait Rng: Send + Sync + 'static {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Clock and randomness together: what an operation needs of the world outside. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Env {
    /// An environment of the given parts.
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { clock, rng }
    }

    /// The operating system's clock and randomness.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRng))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fills the buffer with unpredictable bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.rng.fill(buffer);
    }

    /// A new time-ordered UUID (version 7).
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().as_micros() / 1000).unwrap_or(0);
        let mut random = [0_u8; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A new random UUID (version 4), where one is published as such.
    pub fn random_uuid(&self) -> Uuid {
        let mut random = [0_u8; 16];
        self.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid()
    }
}

/// The operating system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The operating system's randomness. Few bytes, as an id needs them, are drawn for some fifty ids at once; more, as for a key,
/// by themselves.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > Drawn::LONGEST {
            return draw(buffer);
        }
        DRAWN.with_borrow_mut(|drawn| drawn.take(buffer));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that draws randomness"
)]
#[expect(
    clippy::expect_used,
    reason = "without randomness no secret is secret: stopping is the only safe answer"
)]
fn draw(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 512], left: 0 }) };
}

/// Random bytes of a thread that were not used yet.
struct Drawn {
    bytes: [u8; 512],
    left: usize,
}

impl Drawn {
    /// As many as a UUID has.
    const LONGEST: usize = 16;

    /// No byte is handed out twice, or kept when it was.
    fn take(&mut self, buffer: &mut [u8]) {
        if self.left < buffer.len() {
            draw(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let taken = &mut self.bytes[self.left - buffer.len()..self.left];
        buffer.copy_from_slice(taken);
        taken.fill(0);
        self.left -= buffer.len();
    }
}

/// A clock that stands still until it is moved. For tests.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// Moves the clock on (or back, for a negative number) by so many microseconds.
    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn random_bytes_that_were_drawn_ahead_are_used_once_and_wiped() {
        let mut drawn = Drawn {
            bytes: [0; 512],
            left: 0,
        };
        let mut seen = HashSet::new();
        for round in 0..1_000 {
            // Long enough that none comes twice by chance, and of lengths that do not divide what is drawn.
            let mut buffer = vec![0; 9 + round % 8];
            drawn.take(&mut buffer);
            assert!(seen.insert(buffer[..9].to_vec()), "{round}");
            assert!(drawn.bytes[drawn.left..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn ids_of_all_threads_differ() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| [(); 500].map(|()| Env::system().uuid())))
            .collect();
        let ids = threads.into_iter().flat_map(|it| it.join().unwrap());
        assert_eq!(ids.collect::<HashSet<_>>().len(), 2_000);
    }
}
