//! When the team is told about a due date (tickets.md 12.5).

use crate::Timestamp;

/// What the team is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlaNotice {
    /// The due date comes within so many minutes, one of the warning offsets.
    Approaching {
        /// The offset that was crossed.
        threshold_minutes: i64,
        /// What is left, in whole minutes.
        minutes_remaining: i64,
    },
    /// The due date has passed.
    Breached {
        /// For how long, in whole minutes.
        minutes_overdue: i64,
    },
}

const MINUTE: i64 = 60_000_000;

/// What is to be told now about a due date, if anything. Of several offsets that were crossed since the last look
/// only the nearest is told. `warned` is the smallest offset told so far.
pub fn due_notice(
    due: Timestamp,
    offsets_minutes: &[i64],
    warned: Option<i64>,
    now: Timestamp,
) -> Option<SlaNotice> {
    let left = due.as_micros().saturating_sub(now.as_micros());
    if left <= 0 {
        let minutes_overdue = -left / MINUTE;
        return Some(SlaNotice::Breached { minutes_overdue });
    }
    let crossed = |offset: &&i64| left <= offset.saturating_mul(MINUTE);
    let nearest = offsets_minutes.iter().filter(crossed).min().copied()?;
    let is_news = warned.is_none_or(|warned| nearest < warned);
    is_news.then_some(SlaNotice::Approaching {
        threshold_minutes: nearest,
        minutes_remaining: left / MINUTE,
    })
}
