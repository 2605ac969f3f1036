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

/// The word most like `term` among `words`, with a weight below 1 that says how sure that is.
///
/// Considered are longer words that begin with the term (`postgres` for `postgresql`), and words at one
/// mistake from it (two from eight letters on) that begin with the same letter. Terms under four
/// letters and those with digits are never corrected. On a tie the alphabetically first word wins.
pub fn correction<'a>(term: &str, words: impl Iterator<Item = &'a str>) -> Option<(&'a str, f64)> {
    let length = term.chars().count();
    if length < 4 || term.chars().any(|c| c.is_numeric()) {
        return None;
    }
    let limit = if length < 8 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    for word in words {
        if word.chars().next() != term.chars().next() {
            continue;
        }
        let cost = if word.starts_with(term) {
            0
        } else {
            match edit_distance(term, word, limit) {
                Some(distance) => distance,
                None => continue,
            }
        };
        if best.is_none_or(|found| (cost, word) < found) {
            best = Some((cost, word));
        }
    }
    best.map(|(cost, word)| {
        let weight = match cost {
            0 => 0.9,
            1 => 0.8,
            _ => 0.6,
        };
        (word, weight)
    })
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
        ];
        let fix = |term| correction(term, words.into_iter()).map(|(word, _)| word);
        assert_eq!(fix("postgres"), Some("postgresql"));
        assert_eq!(fix("reserach"), Some("research"));
        assert_eq!(fix("cancl"), Some("canal"));
        assert_eq!(fix("qeuu"), Some("queu"));
        assert_eq!(fix("xatabase"), None);
        assert_eq!(fix("que"), None);
        assert_eq!(fix("can1"), None);
    }
}
