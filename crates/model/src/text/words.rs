//! Words of a text and the terms that stand for them in the index.

use super::stopwords::is_stop_word;
use super::{fold, stem};
use std::ops::Range;
use unicode_normalization::char::is_combining_mark;

/// Longest term, in code points. What is longer is cut, in the index and in questions alike.
const MAX_TERM: usize = 64;

/// A word as it is looked up, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Folded and stemmed. Letters and digits only, never empty, at most 64 code points.
    pub term: String,
    /// The word before stemming: folded.
    pub folded: String,
    /// Its place in the text, in bytes; always on character boundaries.
    pub range: Range<usize>,
}

/// The terms of a text in order, with repetitions, without stop words.
pub fn terms(text: &str) -> Vec<String> {
    tokens(text).map(|token| token.term).collect()
}

/// The words of a text in order, without stop words.
///
/// A word is a run of letters and digits; an apostrophe inside it belongs to it, any other sign ends it,
/// so `Last-Event-ID` is three words. Scripts that are written without spaces (Chinese, Japanese, Korean,
/// Thai and their neighbours) have no words to be seen, so each pair of neighbouring characters is one.
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    runs(text)
        .flat_map(move |run| run.pieces(text))
        .filter_map(move |range| token(text, range))
}

/// How many words a reader would count. Two characters of a script without spaces are taken for one.
pub fn word_count(text: &str) -> usize {
    runs(text)
        .map(|run| {
            if run.spaced {
                1
            } else {
                text[run.range].chars().count().div_ceil(2)
            }
        })
        .sum()
}

fn token(text: &str, range: Range<usize>) -> Option<Token> {
    let mut folded = fold(without_clitics(&text[range.clone()]));
    if let Some((end, _)) = folded.char_indices().nth(MAX_TERM) {
        folded.truncate(end);
    }
    if folded.is_empty() || is_stop_word(&folded) {
        return None;
    }
    Some(Token {
        term: stem(&folded),
        folded,
        range,
    })
}

/// `user's` → `user`, `l'heure` → `heure`. Other apostrophes vanish when the word is folded.
fn without_clitics(word: &str) -> &str {
    let Some((before, after)) = word.split_once(is_apostrophe) else {
        return word;
    };
    if after.eq_ignore_ascii_case("s") {
        before
    } else if before.chars().count() == 1 || before.eq_ignore_ascii_case("qu") {
        after
    } else {
        word
    }
}

/// A run of characters that belong together.
struct Run {
    range: Range<usize>,
    /// The script puts spaces between words.
    spaced: bool,
}

impl Run {
    /// The words in the run: itself, or its pairs of characters.
    fn pieces(self, text: &str) -> Vec<Range<usize>> {
        if self.spaced {
            return vec![self.range];
        }
        // A mark belongs to the character before it.
        let starts: Vec<usize> = text[self.range.clone()]
            .char_indices()
            .filter(|&(_, c)| !is_combining_mark(c))
            .map(|(at, _)| self.range.start + at)
            .chain([self.range.end])
            .collect();
        if starts.len() <= 2 {
            return vec![self.range];
        }
        starts.windows(3).map(|w| w[0]..w[2]).collect()
    }
}

fn runs(text: &str) -> impl Iterator<Item = Run> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.find(|&(_, c)| c.is_alphanumeric())?;
        let spaced = !is_unspaced(first);
        let mut end = start + first.len_utf8();
        let mut before = first;
        while let Some(&(at, c)) = chars.peek() {
            let goes_on = if c.is_alphanumeric() {
                is_unspaced(c) != spaced
            } else {
                is_combining_mark(c) || is_joiner(c) || (spaced && joins_words(text, at, before, c))
            };
            if !goes_on {
                break;
            }
            end = at + c.len_utf8();
            before = c;
            chars.next();
        }
        Some(Run {
            range: start..end,
            spaced,
        })
    })
}

/// Whether a sign at `at` is inside a word: an apostrophe between letters, a comma between the thousands.
fn joins_words(text: &str, at: usize, before: char, sign: char) -> bool {
    let rest = &text[at + sign.len_utf8()..];
    if is_apostrophe(sign) {
        let goes_on = |c: char| c.is_alphabetic() && !is_unspaced(c);
        return before.is_alphabetic() && rest.chars().next().is_some_and(goes_on);
    }
    sign == ',' && before.is_ascii_digit() && {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits == 3
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ' | '＇')
}

/// Invisible signs inside words: soft hyphen, zero-width joiners.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{2060}')
}

/// Characters of scripts that are written without spaces, or whose words only a dictionary can tell.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'     // Thai, Lao
        | '\u{1000}'..='\u{109F}'   // Burmese
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{2E80}'..='\u{2FDF}'   // CJK radicals
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30FF}'   // kana
        | '\u{3100}'..='\u{31FF}'   // bopomofo, Hangul compatibility letters, kana extensions
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // ideographs
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' // Hangul
        | '\u{1100}'..='\u{11FF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FFDC}'   // half-width kana and Hangul
        | '\u{20000}'..='\u{323AF}' // more ideographs
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_terms() {
        for (text, expected) in [
            ("How do I cancel the running answers?", "cancel run answer"),
            (
                "THICKET_DATA_DIR, Last-Event-ID",
                "thicket data dir last event id",
            ),
            ("don't, it's the user's key", "user key"),
            ("l’heure d'Anna", "heur anna"),
            (
                "40,000 characters, 1,2 and 3,4567",
                "40000 character 1 2 3 4567",
            ),
            ("127.0.0.1:8080", "127 0 0 1 8080"),
            ("text/event-stream", "text event stream"),
            ("日本語の検索", "日本 本語 語の の検 検索"),
            ("猫", "猫"),
            ("SQLiteの設定", "sqlit の設 設定"),
            ("한국어", "한국 국어"),
            ("Привет, мир", "привет мир"),
            ("", ""),
            ("?! … — 🦀", ""),
        ] {
            assert_eq!(terms(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn ranges_point_at_the_words() {
        let text = "Éclairs — l’heure, 検索!";
        let found: Vec<_> = tokens(text).map(|t| &text[t.range]).collect();
        assert_eq!(found, ["Éclairs", "l’heure", "検索"]);
    }

    #[test]
    fn long_words_are_cut() {
        let word = "ä".repeat(1000);
        let terms = terms(&word);
        assert_eq!(terms.len(), 1);
        assert_eq!(terms[0].chars().count(), 64);
    }

    #[test]
    fn counts_as_a_reader_does() {
        assert_eq!(word_count("One, two and three's company"), 5);
        assert_eq!(word_count("日本語"), 2);
        assert_eq!(word_count(""), 0);
    }
}
