//! Plain text inside a Markdown answer.

/// A block quotation of a passage's text. What would be read as markup is escaped, except code.
pub(super) fn quotation(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut fence: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            quoted.push('\n');
        }
        quoted.push('>');
        if line.trim().is_empty() {
            continue;
        }
        quoted.push(' ');
        let bare = line.trim_start();
        let marks: String = bare.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if marks.len() >= open.len() && bare.trim_end() == marks {
                    fence = None;
                }
                quoted.push_str(line);
            }
            None if marks.len() >= 3 && !bare[marks.len()..].contains('`') => {
                fence = Some(marks);
                quoted.push_str(line);
            }
            None => {
                let (marker, rest) = list_marker(line);
                quoted.push_str(marker);
                quoted.push_str(&escaped(rest));
            }
        }
    }
    // An excerpt may end inside a code block; the answer goes on outside.
    if let Some(open) = fence {
        quoted.push_str("\n> ");
        quoted.push_str(&open);
    }
    quoted
}

/// One line of text with its Markdown signs escaped; code between backticks stays as it is.
pub(super) fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    if line.starts_with(['#', '>', '+', '-', '=', '|', '~']) {
        out.push('\\');
    } else if let Some(dot) = ordered_marker(line) {
        out.push_str(&line[..dot]);
        out.push('\\');
        return out + &escaped_signs(&line[dot..]);
    }
    out + &escaped_signs(line)
}

fn escaped_signs(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if c == '`' {
            let length = code_span(rest);
            if length == 0 {
                let marks = rest.bytes().take_while(|&b| b == b'`').count();
                out.push_str(&"\\`".repeat(marks));
                rest = &rest[marks..];
            } else {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            before = '`';
            continue;
        }
        rest = &rest[c.len_utf8()..];
        // An underscore inside a word is no markup.
        let inside_word = before.is_alphanumeric() && rest.starts_with(char::is_alphanumeric);
        if matches!(c, '\\' | '*' | '[' | ']' | '<' | '&') || (c == '_' && !inside_word) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// The length of the code span at the beginning, 0 if its marks are never closed.
fn code_span(text: &str) -> usize {
    let marks = text.bytes().take_while(|&b| b == b'`').count();
    let mut at = marks;
    while let Some(next) = text[at..].find('`') {
        let start = at + next;
        let run = text[start..].bytes().take_while(|&b| b == b'`').count();
        if run == marks {
            return start + run;
        }
        at = start + run;
    }
    0
}

/// A passage's own bullet or number, and the rest of the line.
fn list_marker(line: &str) -> (&str, &str) {
    let indent = line.len() - line.trim_start().len();
    let bare = &line[indent..];
    let marker = if bare.starts_with("- ") {
        2
    } else {
        ordered_marker(bare).map_or(0, |dot| dot + 2)
    };
    line.split_at(indent + marker.min(bare.len()))
}

/// Where the full stop of a list number at the beginning stands.
fn ordered_marker(line: &str) -> Option<usize> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && digits <= 9 && line[digits..].starts_with(". ")).then_some(digits)
}

/// A link's address as it can stand between parentheses.
pub(super) fn link_target(url: &str) -> String {
    url.replace('(', "%28").replace(')', "%29")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_escaped_outside_code() {
        for (line, expected) in [
            ("plain text.", "plain text."),
            (
                "a * b _c_ [d](e) <f> &amp; \\",
                "a \\* b \\_c\\_ \\[d\\](e) \\<f> \\&amp; \\\\",
            ),
            ("`a*b` and ``c`*d`` * ", "`a*b` and ``c`*d`` \\* "),
            ("open ` *", "open \\` \\*"),
            ("# no heading", "\\# no heading"),
            ("- no list", "\\- no list"),
            ("1. no list", "1\\. no list"),
            ("429 is a number", "429 is a number"),
            ("pg_dump", "pg_dump"),
            ("", ""),
        ] {
            assert_eq!(escaped(line), expected, "{line}");
        }
    }

    #[test]
    fn every_line_is_quoted() {
        assert_eq!(
            quotation("a\n\n- b*\n  1. c\n"),
            "> a\n>\n> - b\\*\n>   1. c"
        );
        assert_eq!(
            quotation("```sh\na * b\n\n```\n*"),
            "> ```sh\n> a * b\n>\n> ```\n> \\*"
        );
        assert_eq!(quotation("```sh\ncut *"), "> ```sh\n> cut *\n> ```");
    }

    #[test]
    fn what_is_quoted_reads_as_it_was_written() {
        use model::text::markdown::blocks;
        for text in [
            "a *b* [c](d) `e*` <i>x</i> &lt; _f_ # g",
            "# x",
            "| a |",
            "> q",
            "~~s~~ \\n",
        ] {
            let again: String = blocks(&quotation(text))
                .into_iter()
                .map(|block| block.text)
                .collect();
            assert_eq!(again, text);
        }
    }

    #[test]
    fn a_link_cannot_end_early() {
        assert_eq!(link_target("https://x/a_(b)"), "https://x/a_%28b%29");
    }
}
