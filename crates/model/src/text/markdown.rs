//! Markdown becomes plain text blocks, each under its headings.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A paragraph, list entry, table row or code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// Text without emphasis and links; `code` keeps its marks, list entries keep their bullet or number.
    /// Several lines only in code blocks and where the author broke a line.
    pub text: String,
    /// A fenced code block.
    pub code: bool,
}

/// Reads Markdown. Links are reduced to their text; images and raw HTML are left out.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, options) {
        reader.take(event);
    }
    reader.flush();
    reader.blocks
}

/// The text of the first heading, if there is one.
pub fn first_heading(markdown: &str) -> Option<String> {
    let mut text: Option<String> = None;
    for event in Parser::new(markdown) {
        match (event, &mut text) {
            (Event::Start(Tag::Heading { .. }), None) => text = Some(String::new()),
            (Event::End(TagEnd::Heading(_)), Some(found)) => {
                let title = one_line(found);
                if !title.is_empty() {
                    return Some(title);
                }
                text = None;
            }
            (Event::Text(piece) | Event::Code(piece), Some(found)) => found.push_str(&piece),
            (Event::SoftBreak | Event::HardBreak, Some(found)) => found.push(' '),
            _ => {}
        }
    }
    None
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    headings: Vec<(HeadingLevel, String)>,
    text: String,
    /// The next number of each open list; none for bullets.
    lists: Vec<Option<u64>>,
    /// Bullet or number of the entry whose first line is still to come.
    marker: Option<String>,
    /// Inside an image or metadata, whose text is not read.
    hidden: usize,
    heading: Option<HeadingLevel>,
    code: Option<String>,
    table: Option<Table>,
}

#[derive(Default)]
struct Table {
    head: Vec<String>,
    row: Vec<String>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            _ if self.hidden > 0 => {}
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.text.push_str(&text),
            },
            Event::Code(code) => self.text.push_str(&code_span(&code)),
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            Event::TaskListMarker(done) => self.text.push_str(if done { "[x] " } else { "[ ] " }),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.heading = Some(level);
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.text = language;
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.marker = Some(self.next_marker());
            }
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Table::default());
            }
            Tag::Image { .. } | Tag::MetadataBlock(_) => self.hidden += 1,
            Tag::Paragraph | Tag::BlockQuote(_) | Tag::HtmlBlock => self.flush(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.end_heading(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::TableCell => {
                let cell = one_line(&std::mem::take(&mut self.text));
                if let Some(table) = &mut self.table {
                    table.row.push(cell);
                }
            }
            TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.head = std::mem::take(&mut table.row);
                }
            }
            TagEnd::TableRow => self.end_row(),
            TagEnd::Table => self.table = None,
            TagEnd::Image | TagEnd::MetadataBlock(_) => self.hidden = self.hidden.saturating_sub(1),
            TagEnd::Paragraph | TagEnd::BlockQuote(_) => self.flush(),
            _ => {}
        }
    }

    fn next_marker(&mut self) -> String {
        match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "- ".to_owned(),
        }
    }

    fn end_heading(&mut self) {
        let title = one_line(&std::mem::take(&mut self.text));
        let Some(level) = self.heading.take() else {
            return;
        };
        self.headings.retain(|(above, _)| *above < level);
        if !title.is_empty() {
            self.headings.push((level, title));
        }
    }

    fn end_code(&mut self) {
        let language = std::mem::take(&mut self.text);
        let Some(code) = self.code.take() else { return };
        let code = code.trim_end_matches('\n');
        if code.trim().is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(code, '`').max(2) + 1);
        self.push(format!("{fence}{language}\n{code}\n{fence}"), true);
    }

    /// A row of two columns reads `first: second`; a longer one names its columns from the second on.
    fn end_row(&mut self) {
        let Some(table) = &mut self.table else { return };
        let row = std::mem::take(&mut table.row);
        let mut text = String::new();
        for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            match (column, table.head.get(column)) {
                (0, _) => {}
                (1, _) if row.len() == 2 => text.push_str(": "),
                (_, Some(name)) if !name.is_empty() => {
                    text.push_str("; ");
                    text.push_str(name);
                    text.push_str(": ");
                }
                _ => text.push_str("; "),
            }
            text.push_str(cell);
        }
        let text = text.trim_start_matches([':', ';', ' ']);
        if !text.is_empty() {
            let text = format!("- {text}");
            self.push(text, false);
        }
    }

    /// Ends the block that is being read.
    fn flush(&mut self) {
        if self.code.is_some() || self.heading.is_some() || self.table.is_some() {
            return;
        }
        let text = tidy(&std::mem::take(&mut self.text));
        if text.is_empty() {
            return;
        }
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let text = match (self.marker.take(), self.lists.is_empty()) {
            (Some(marker), _) => format!("{indent}{marker}{text}"),
            (None, true) => text,
            (None, false) => format!("{indent}  {text}"),
        };
        self.push(text, false);
    }

    fn push(&mut self, text: String, code: bool) {
        let headings = self
            .headings
            .iter()
            .map(|(_, title)| title.clone())
            .collect();
        self.blocks.push(Block {
            headings,
            text,
            code,
        });
    }
}

/// The text in backticks, more of them if it contains some itself.
fn code_span(code: &str) -> String {
    let marks = "`".repeat(match longest_run(code, '`') {
        0 => 1,
        run => run + 1,
    });
    let space = if code.starts_with('`') || code.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{marks}{space}{code}{space}{marks}")
}

fn longest_run(text: &str, sign: char) -> usize {
    text.split(|c| c != sign).map(str::len).max().unwrap_or(0)
}

/// White space collapsed, everything on one line.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// White space collapsed within each line, empty lines removed.
fn tidy(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines().map(one_line).filter(|line| !line.is_empty()) {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(markdown: &str) -> Vec<String> {
        blocks(markdown).into_iter().map(|b| b.text).collect()
    }

    #[test]
    fn markup_becomes_plain_text() {
        for (markdown, expected) in [
            (
                "A *very* **bold** [link](http://x)!",
                &["A very bold link!"][..],
            ),
            ("Use `a_b` and ``c`d``.", &["Use `a_b` and ``c`d``."]),
            ("two\nlines", &["two lines"]),
            ("broken  \nline", &["broken\nline"]),
            ("- one\n- two\n  - deep\n", &["- one", "- two", "  - deep"]),
            ("3. three\n4. four", &["3. three", "4. four"]),
            ("- first\n\n  second", &["- first", "  second"]),
            ("```sh\nmake\n\ntest\n```", &["```sh\nmake\n\ntest\n```"]),
            ("    indented", &["```\nindented\n```"]),
            ("|a|b|\n|-|-|\n|1|2|\n|3||", &["- 1: 2", "- 3"]),
            ("|a|b|c|\n|-|-|-|\n|1|2|3|", &["- 1; b: 2; c: 3"]),
            ("x <b>y</b> ![z](i.png) w", &["x y w"]),
            ("<div>\nraw\n</div>\n\nkept", &["kept"]),
            ("<script>alert(1)</script>\n\nkept", &["kept"]),
            ("---\ntitle: t\n---\n\ntext", &["text"]),
            ("> quoted", &["quoted"]),
            ("- [x] done", &["- [x] done"]),
            ("https://example.com/", &["https://example.com/"]),
            ("<https://example.com/>", &["https://example.com/"]),
            ("", &[]),
        ] {
            assert_eq!(texts(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn every_block_knows_its_headings() {
        let found = blocks("intro\n# A\none\n## B\ntwo\n### C\nthree\n## D\nfour\n# E\nfive");
        let paths: Vec<_> = found.iter().map(|b| b.headings.join("/")).collect();
        assert_eq!(paths, ["", "A", "A/B", "A/B/C", "A/D", "E"]);
    }

    #[test]
    fn finds_the_first_heading() {
        assert_eq!(
            first_heading("text\n\n## The `x`\n y"),
            Some("The x".to_owned())
        );
        assert_eq!(first_heading("no heading"), None);
    }
}
