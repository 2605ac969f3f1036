//! What the last searches have found, so that the next page and the next look need not search again.

use crate::lite::set::NumberSet;
use model::ProjectId;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Searches that are kept.
const SEARCHES: usize = 64;
/// What all of them may take together, in bytes.
const BYTES: usize = 4 << 20;

/// The tickets that have a text, in one snapshot of the database.
#[derive(Debug)]
pub(crate) struct Found {
    /// Their numbers.
    pub(crate) numbers: NumberSet,
    /// How often texts of the project had been changed or removed.
    pub(crate) removals: i64,
    /// The newest text of all.
    pub(crate) newest: i64,
}

/// What was found, by project and text; the latest first. Shared by the readers of a database. The writer has none: what it
/// sees may never be committed.
#[derive(Debug, Default)]
pub(crate) struct Searches(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    project: ProjectId,
    text: String,
    found: Arc<Found>,
    bytes: usize,
}

impl Searches {
    /// What a search found at some time. Whether that still holds, is for the caller to say.
    pub(crate) fn get(&self, project: ProjectId, text: &str) -> Option<Arc<Found>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = position(&kept, project, text)?;
        let search = kept.remove(at)?;
        let found = Arc::clone(&search.found);
        kept.push_front(search);
        Some(found)
    }

    /// Keeps what a search has found, and forgets what was asked for least lately when it is too much.
    pub(crate) fn put(&self, project: ProjectId, text: &str, found: &Arc<Found>) {
        let new = Kept {
            project,
            text: text.to_owned(),
            found: Arc::clone(found),
            bytes: text.len() + found.numbers.bytes(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = position(&kept, project, text) {
            kept.remove(at);
        }
        kept.push_front(new);
        let mut bytes: usize = kept.iter().map(|it| it.bytes).sum();
        while kept.len() > SEARCHES || bytes > BYTES {
            bytes -= kept.pop_back().map_or(bytes, |it| it.bytes);
        }
    }
}

fn position(kept: &VecDeque<Kept>, project: ProjectId, text: &str) -> Option<usize> {
    kept.iter()
        .position(|it| it.project == project && it.text == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(numbers: impl IntoIterator<Item = i64>) -> Arc<Found> {
        Arc::new(Found {
            numbers: numbers.into_iter().collect(),
            removals: 0,
            newest: 0,
        })
    }

    #[test]
    fn what_was_asked_for_least_lately_is_forgotten_first() {
        let searches = Searches::default();
        let project = ProjectId(1);
        let text = |number: usize| format!("text {number}");
        for number in 0..SEARCHES {
            searches.put(project, &text(number), &found([1]));
        }
        assert!(searches.get(project, &text(0)).is_some());
        assert!(searches.get(ProjectId(2), &text(0)).is_none());
        searches.put(project, "one more", &found([2]));
        assert!(searches.get(project, &text(0)).is_some());
        assert!(searches.get(project, &text(1)).is_none());
        assert!(searches.get(project, "one more").is_some());
        // Again: the one before makes room.
        searches.put(project, "one more", &found([3]));
        assert!(searches.get(project, &text(2)).is_some());
        let kept = searches.get(project, "one more").unwrap();
        assert!(kept.numbers.contains(3) && !kept.numbers.contains(2));
    }

    #[test]
    fn what_is_kept_has_a_limit_in_bytes() {
        let searches = Searches::default();
        let project = ProjectId(1);
        // Every second number: as much as a set can take for each.
        let half = found((0..8_000_000).step_by(2));
        let (each, text) = (half.numbers.bytes(), |number: usize| number.to_string());
        assert!(each > BYTES / 8 && each < BYTES / 2, "{each}");
        for number in 0..10 {
            searches.put(project, &text(number), &half);
        }
        let kept = (0..10).filter(|it| searches.get(project, &text(*it)).is_some());
        assert_eq!(kept.count(), BYTES / each);
    }
}
