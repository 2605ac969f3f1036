//! Sentences, and the other units a text is quoted in.

use std::ops::Range;

/// A part of a passage that can be quoted on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its place in the text, in bytes, without white space around it.
    pub range: Range<usize>,
    /// Number of the paragraph, list entry or code block it is part of, from 0.
    pub block: usize,
    /// A fenced code block, which is never cut.
    pub code: bool,
}

/// Abbreviations whose full stop does not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "e.g", "i.e", "etc", "vs", "dr", "mr", "mrs", "ms", "prof", "no", "nr", "fig", "approx",
    "resp", "cf", "z.b", "d.h", "bzw", "usw", "st",
];

/// Cuts the text of a passage into its sentences. Lines are never joined; a fenced code block is one unit.
pub fn units(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut block = 0;
    let mut at = 0;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        let line = &text[at..line_end];
        if let Some(fence) = fence_of(line) {
            let end = closing_fence(text, line_end, fence);
            units.push(Unit {
                range: at..end,
                block,
                code: true,
            });
            block += 1;
            at = next_line(text, end);
            continue;
        }
        let before = units.len();
        for sentence in sentences(line) {
            units.push(Unit {
                range: at + sentence.start..at + sentence.end,
                block,
                code: false,
            });
        }
        if units.len() > before {
            block += 1;
        }
        at = next_line(text, line_end);
    }
    units
}

fn next_line(text: &str, end: usize) -> usize {
    if end < text.len() { end + 1 } else { end }
}

/// The run of backticks or tildes that opens a code block on this line.
fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.bytes().take_while(|&b| char::from(b) == sign).count();
    let opens = length >= 3 && !(sign == '`' && line[length..].contains('`'));
    opens.then(|| &line[..length])
}

/// Where the code block ends: after its closing fence, or with the text.
fn closing_fence(text: &str, mut at: usize, fence: &str) -> usize {
    while at < text.len() {
        let start = at + 1;
        let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
        let line = text[start..end].trim();
        if line.starts_with(fence) && line.bytes().all(|b| fence.as_bytes().first() == Some(&b)) {
            return end;
        }
        at = end;
    }
    text.len()
}

fn sentences(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut in_code = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '`' {
            in_code = !in_code;
        }
        let full_width = matches!(c, '。' | '！' | '？' | '｡');
        if !full_width && (in_code || !matches!(c, '.' | '!' | '?' | '…')) {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some(&(_, closer)) = chars.peek() {
            if !matches!(
                closer,
                '.' | '!'
                    | '?'
                    | '…'
                    | '"'
                    | '\''
                    | '”'
                    | '’'
                    | ')'
                    | ']'
                    | '»'
                    | '」'
                    | '。'
                    | '！'
                    | '？'
            ) {
                break;
            }
            end += closer.len_utf8();
            chars.next();
        }
        let followed_by_space = line[end..].chars().next().is_none_or(char::is_whitespace);
        if full_width || (followed_by_space && !goes_on(&line[start..at], c, &line[end..])) {
            push_trimmed(&mut found, line, start..end);
            start = end;
        }
    }
    push_trimmed(&mut found, line, start..line.len());
    found
}

/// Whether a full stop is part of an abbreviation, an initial or a list number, so that the sentence goes on.
fn goes_on(before: &str, sign: char, after: &str) -> bool {
    if sign != '.' {
        return false;
    }
    if after
        .trim_start()
        .chars()
        .next()
        .is_some_and(char::is_lowercase)
    {
        return true;
    }
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    let list_number = word.len() == before.trim().len()
        && !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_digit());
    initial || list_number || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn push_trimmed(found: &mut Vec<Range<usize>>, line: &str, range: Range<usize>) {
    let piece = &line[range.clone()];
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        let start = range.start + (piece.len() - piece.trim_start().len());
        found.push(start..start + trimmed.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        units(text).into_iter().map(|u| &text[u.range]).collect()
    }

    #[test]
    fn sentences_end_where_a_reader_would_end_them() {
        for (text, expected) in [
            ("One. Two! Three?", &["One.", "Two!", "Three?"][..]),
            (
                "See e.g. the queue. It waits.",
                &["See e.g. the queue.", "It waits."],
            ),
            ("Set `a. B` to 1.5. Done.", &["Set `a. B` to 1.5.", "Done."]),
            (
                "He said \"stop.\" Then left.",
                &["He said \"stop.\"", "Then left."],
            ),
            ("1. Create a project.", &["1. Create a project."]),
            (
                "- an entry\n- another. One more.",
                &["- an entry", "- another.", "One more."],
            ),
            ("検索します。次です。", &["検索します。", "次です。"]),
            ("a… and b", &["a…", "and b"]),
            ("", &[]),
            (" \n\n ", &[]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_code_block_is_one_unit() {
        let text = "Run this.\n\n```sh\nmake demo. Now.\n\nmake test\n```\n\nThen look.";
        let found = units(text);
        assert_eq!(
            texts(text),
            [
                "Run this.",
                "```sh\nmake demo. Now.\n\nmake test\n```",
                "Then look."
            ]
        );
        assert_eq!(
            found.iter().map(|u| u.code).collect::<Vec<_>>(),
            [false, true, false]
        );
        assert_eq!(found.iter().map(|u| u.block).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn an_unclosed_code_block_runs_to_the_end() {
        assert_eq!(texts("~~~\na\nb"), ["~~~\na\nb"]);
    }
}
