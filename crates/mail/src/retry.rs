//! When a mail that was not taken is tried again.

use model::Timestamp;
use std::time::Duration;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(15);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3600);
/// So often a mail is tried: for about twelve hours.
const TRIES: i64 = 20;

/// When to try again after so many attempts; `None`: not at all, because they were enough, or because the mail would be
/// of no use any more.
pub(crate) fn next(attempts: i64, now: Timestamp, expires_at: Timestamp) -> Option<Timestamp> {
    if attempts >= TRIES {
        return None;
    }
    let doublings = u32::try_from(attempts.clamp(1, TRIES) - 1).unwrap_or(0);
    let pause = FIRST.saturating_mul(2_u32.saturating_pow(doublings));
    let at = now.plus(pause.min(LONGEST));
    (at < expires_at).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

    #[test]
    fn pauses_grow_and_end() {
        let never = NOW.plus(Duration::from_secs(1_000_000));
        let pause = |attempts| next(attempts, NOW, never).map(|at| at.since(NOW).as_secs());
        let first: Vec<_> = (1..=10).filter_map(pause).collect();
        assert_eq!(first, [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause(19), Some(3600));
        assert_eq!(pause(20), None);
        let all: u64 = (1..TRIES).filter_map(pause).sum();
        assert!((11 * 3600..13 * 3600).contains(&all), "{all}");
    }

    #[test]
    fn what_would_come_too_late_is_not_tried() {
        let in_a_minute = NOW.plus(Duration::from_secs(60));
        assert!(next(1, NOW, in_a_minute).is_some());
        assert_eq!(next(3, NOW, in_a_minute), None);
    }
}
