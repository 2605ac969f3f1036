//! An article is cut into passages: pieces small enough to be quoted, large enough to be understood.

use super::markdown::{Block, blocks};
use super::{fold, units, word_count};

/// A passage is closed once it has this many words and a block ends.
const ENOUGH_WORDS: usize = 120;
/// No passage is longer, unless a single sentence or line is.
const MOST_WORDS: usize = 200;
/// Signs between the headings of a path.
const PATH_SEPARATOR: &str = " › ";

/// A piece of an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The headings above it, outermost first, joined by ` › `; empty before the first heading.
    pub heading: String,
    /// Plain text; paragraphs are separated by an empty line, code blocks are fenced.
    pub text: String,
}

/// Cuts a Markdown text into passages, in order. None if it has no text.
///
/// A passage never crosses a heading. Within a section, paragraphs are collected until there are about 120
/// words, then to the end of a list that has begun; what is longer than 200 words is cut between sentences or lines.
pub fn passages(markdown: &str) -> Vec<Passage> {
    let mut found = Vec::new();
    let mut open = Open::default();
    for block in blocks(markdown) {
        let heading = block.headings.join(PATH_SEPARATOR);
        if heading != open.heading {
            open.close(&mut found);
            open.heading = heading;
        }
        for piece in pieces(block) {
            let words = word_count(&piece);
            let enough = open.words >= ENOUGH_WORDS && !open.leads_to(&piece);
            if enough || (open.words > 0 && open.words + words > MOST_WORDS) {
                open.close(&mut found);
            }
            open.add(&piece, words);
        }
    }
    open.close(&mut found);
    found
}

/// The heading path without its first part, if that only repeats the article's title.
pub fn below_title<'h>(title: &str, heading: &'h str) -> &'h str {
    let (first, rest) = heading.split_once(PATH_SEPARATOR).unwrap_or((heading, ""));
    if fold(first) == fold(title) {
        rest
    } else {
        heading
    }
}

/// The passage that is being collected.
#[derive(Default)]
struct Open {
    heading: String,
    text: String,
    words: usize,
}

impl Open {
    /// Whether a list goes on with this piece.
    fn is_list_with(&self, piece: &str) -> bool {
        is_list_entry(piece) && self.text.lines().next_back().is_some_and(is_list_entry)
    }

    /// Whether this piece belongs to what is collected: the rest of a list, or what was announced.
    fn leads_to(&self, piece: &str) -> bool {
        self.is_list_with(piece) || self.text.ends_with(':')
    }

    fn add(&mut self, piece: &str, words: usize) {
        if !self.text.is_empty() {
            let in_list = self.is_list_with(piece);
            self.text.push_str(if in_list { "\n" } else { "\n\n" });
        }
        self.text.push_str(piece);
        self.words += words;
    }

    fn close(&mut self, found: &mut Vec<Passage>) {
        let text = std::mem::take(&mut self.text);
        self.words = 0;
        if !text.is_empty() {
            found.push(Passage {
                heading: self.heading.clone(),
                text,
            });
        }
    }
}

fn is_list_entry(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("- ")
        || line.split_once(". ").is_some_and(|(number, _)| {
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The block itself, or its parts if it is too long for one passage.
fn pieces(block: Block) -> Vec<String> {
    if word_count(&block.text) <= MOST_WORDS {
        return vec![block.text];
    }
    if block.code {
        return code_pieces(&block.text);
    }
    let mut parts = Parts::default();
    for unit in units(&block.text) {
        parts.add(&block.text[unit.range], " ");
    }
    parts.done()
}

/// A long code block, cut between lines; every piece has the fences.
fn code_pieces(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let last = lines.next_back().unwrap_or_default();
    let mut parts = Parts::default();
    for line in lines {
        parts.add(line, "\n");
    }
    let fenced = |code: String| format!("{first}\n{code}\n{last}");
    parts.done().into_iter().map(fenced).collect()
}

/// Collects units until a piece is long enough.
#[derive(Default)]
struct Parts {
    done: Vec<String>,
    open: String,
    words: usize,
}

impl Parts {
    fn add(&mut self, unit: &str, separator: &str) {
        let words = word_count(unit);
        if self.words > 0 && self.words + words > MOST_WORDS {
            self.cut();
        }
        if !self.open.is_empty() {
            self.open.push_str(separator);
        }
        self.open.push_str(unit);
        self.words += words;
        if self.words >= ENOUGH_WORDS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.done.push(std::mem::take(&mut self.open));
        self.words = 0;
    }

    fn done(mut self) -> Vec<String> {
        if !self.open.trim().is_empty() {
            self.cut();
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_passages() {
        let body =
            "# The Queue\nIntro.\n\nMore.\n## Limits\nTwo.\n\n- a\n- b\n\nEnd.\n### Why\nBecause.";
        let found = passages(body);
        let shown: Vec<_> = found
            .iter()
            .map(|p| (p.heading.as_str(), p.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("The Queue", "Intro.\n\nMore."),
                ("The Queue › Limits", "Two.\n\n- a\n- b\n\nEnd."),
                ("The Queue › Limits › Why", "Because."),
            ]
        );
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs_and_sentences() {
        let sentence = "One two three four five six seven eight nine ten. ";
        let paragraph = sentence.repeat(6);
        let found = passages(&format!("{paragraph}\n\n").repeat(5));
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|p| word_count(&p.text) <= MOST_WORDS));

        let found = passages(&sentence.repeat(100));
        assert!(
            found
                .iter()
                .all(|p| word_count(&p.text) == 120 || word_count(&p.text) == 40)
        );
        assert_eq!(
            found.iter().map(|p| word_count(&p.text)).sum::<usize>(),
            1000
        );
    }

    #[test]
    fn long_code_is_cut_between_lines_and_stays_fenced() {
        let code = format!("```rust\n{}```", "let alpha = beta(gamma);\n".repeat(100));
        let found = passages(&code);
        assert!(found.len() > 1);
        for passage in &found {
            assert!(passage.text.starts_with("```rust\nlet"), "{}", passage.text);
            assert!(passage.text.ends_with(";\n```"), "{}", passage.text);
        }
    }

    #[test]
    fn a_script_without_spaces_is_cut_too() {
        let found = passages(&"これは長い文章です。".repeat(100));
        assert!(found.len() > 2);
        assert!(found.iter().all(|p| word_count(&p.text) <= MOST_WORDS));
    }

    #[test]
    fn a_heading_that_repeats_the_title_is_not_shown() {
        for (title, heading, shown) in [
            ("The queue", "The Queue › Limits", "Limits"),
            ("The queue", "The queue", ""),
            ("The queue", "Limits › Why", "Limits › Why"),
            ("The queue", "", ""),
        ] {
            assert_eq!(below_title(title, heading), shown);
        }
    }

    #[test]
    fn no_text_no_passages() {
        assert!(passages("").is_empty());
        assert!(passages("# t\n\n<img src=x>\n\n![a](b)").is_empty());
    }
}
