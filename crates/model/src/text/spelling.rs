//! Typing mistakes: which word of the knowledge was probably meant.

/// Optimal string alignment distance in code points (insert, delete, replace, swap neighbours), or none when
/// it is more than `limit`.
pub fn edit_distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut two_back = vec![0; b.len() + 1];
    let mut back: Vec<usize> = (0..=b.len()).collect();
    let mut row = back.clone();
    for (i, &x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = back[j] + usize::from(x != y);
            row[j + 1] = replaced.min(back[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(two_back[j - 1] + 1);
            }
        }
        if row.iter().all(|&cost| cost > limit) {
            return None;
        }
        std::mem::swap(&mut two_back, &mut back);
        std::mem::swap(&mut back, &mut row);
    }
    Some(back[b.len()]).filter(|&distance| distance <= limit)
}

/// The shortest word that is taken for the beginning of a longer, misspelt one.
const SHORTEST_BEGINNING: usize = 5;

/// How a word of the knowledge can be what was meant, the likeliest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// It begins with the term: `postgresql` for `postgres`.
    Completion,
    /// It is one mistake away: `databse`.
    OneMistake,
    /// The term begins with it, and its ending was too garbled to be taken off: `convers` for `conversatoin`.
    Beginning,
    /// It is two mistakes away.
    TwoMistakes,
}

impl Likeness {
    fn of(term: &str, length: usize, word: &str) -> Option<Self> {
        if word.starts_with(term) {
            return Some(Self::Completion);
        }
        match edit_distance(term, word, if length < 8 { 1 } else { 2 }) {
            // Among short words another letter makes another word: "charge", "change".
            Some(1) if length < 6 && is_other_letter(term, word) => None,
            Some(0 | 1) => Some(Self::OneMistake),
            _ if word.len() >= SHORTEST_BEGINNING && term.starts_with(word) => {
                Some(Self::Beginning)
            }
            Some(_) => Some(Self::TwoMistakes),
            None => None,
        }
    }

    fn confidence(self) -> f64 {
        match self {
            Self::Completion => 0.9,
            Self::OneMistake => 0.8,
            Self::Beginning | Self::TwoMistakes => 0.6,
        }
    }
}

/// Whether two words at distance 1 differ by one letter in the place of another, not by a swap or a missing one.
fn is_other_letter(a: &str, b: &str) -> bool {
    let differences = a.chars().zip(b.chars()).filter(|(x, y)| x != y).count();
    a.chars().count() == b.chars().count() && differences == 1
}

/// The word most like `term` among `words`, with a confidence below 1.
///
/// Considered are words that begin with the same letter and are one mistake away (two from eight letters on; under six only a
/// swapped, missing or superfluous letter), begin
/// with the term, or are its beginning. Terms under four letters and those with digits are never
/// corrected. Of equals the longest wins, then the alphabetically first.
pub fn correction<'a>(term: &str, words: impl Iterator<Item = &'a str>) -> Option<(&'a str, f64)> {
    let length = term.chars().count();
    let first = term.chars().next()?;
    if length < 4 || term.chars().any(char::is_numeric) {
        return None;
    }
    words
        .filter(|word| word.starts_with(first))
        .filter_map(|word| Some((Likeness::of(term, length, word)?, word)))
        .min_by_key(|(likeness, word)| (*likeness, std::cmp::Reverse(word.len()), *word))
        .map(|(likeness, word)| (word, likeness.confidence()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_mistakes() {
        for (a, b, distance) in [
            ("", "", Some(0)),
            ("abc", "abc", Some(0)),
            ("cancle", "cancel", Some(1)),
            ("databse", "database", Some(1)),
            ("reserach", "research", Some(1)),
            ("kitten", "sitting", None),
            ("größe", "grösse", Some(2)),
            ("a", "abcd", None),
        ] {
            assert_eq!(edit_distance(a, b, 2), distance, "{a} {b}");
            assert_eq!(edit_distance(b, a, 2), distance, "{b} {a}");
        }
    }

    #[test]
    fn corrects_what_was_probably_meant() {
        let words = [
            "postgresql",
            "queu",
            "research",
            "cancel",
            "canal",
            "database",
            "convers",
            "convert",
        ];
        let fix = |term| correction(term, words.into_iter()).map(|(word, _)| word);
        assert_eq!(fix("postgres"), Some("postgresql"));
        assert_eq!(fix("reserach"), Some("research"));
        assert_eq!(fix("cancl"), Some("cancel"));
        assert_eq!(fix("conversatoin"), Some("convers"));
        assert_eq!(fix("qeuu"), Some("queu"));
        assert_eq!(fix("quou"), None);
        assert_eq!(fix("xatabase"), None);
        assert_eq!(fix("que"), None);
        assert_eq!(fix("can1"), None);
    }
}
