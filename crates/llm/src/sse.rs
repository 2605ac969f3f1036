//! An incremental parser of server-sent events (WHATWG HTML, 9.2.6), a little kinder than the standard: an event
//! at the very end counts even without its blank line.
//!
//! Bytes go in with [`Parser::push`] in pieces of any size, events come out of [`Parser::next_event`]. A piece may
//! end anywhere: inside a character, or between the `\r` and the `\n` of one line end.

use std::borrow::Cow;
use std::ops::Range;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event. Bytes that are not UTF-8 are replaced by U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last `event:` line; empty if there was none.
    pub name: Cow<'a, str>,
    /// The `data:` lines, joined with `\n`.
    pub data: Cow<'a, str>,
}

/// An event, a line or a comment was longer than the parser's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {limit} bytes")]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

/// The parser. Holds no more than one unfinished event and what was pushed last.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    buffer: Vec<u8>,
    /// Where the current event begins. Everything before it is discarded by the next push.
    event_start: usize,
    /// Where the current line begins.
    line_start: usize,
    /// How far the current line has been searched for its end.
    searched: usize,
    /// The last line ended in `\r`: a `\n` that follows belongs to it.
    skip_newline: bool,
    /// A byte order mark can no longer come.
    past_bom: bool,
    finished: bool,
    /// The current event has been returned and is to be forgotten.
    handed_out: bool,
    /// The values of the current event's lines, as positions relative to `event_start`.
    name: Option<Range<usize>>,
    data: Vec<Range<usize>>,
}

impl Parser {
    /// A parser that refuses events of more than `limit` bytes (line ends and field names count).
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            event_start: 0,
            line_start: 0,
            searched: 0,
            skip_newline: false,
            past_bom: false,
            finished: false,
            handed_out: false,
            name: None,
            data: Vec::new(),
        }
    }

    /// Takes the next piece of the stream. Take all events out before pushing more, or the buffer grows.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.event_start > 0 {
            self.buffer.drain(..self.event_start);
            self.line_start -= self.event_start;
            self.searched = self.searched.saturating_sub(self.event_start);
            self.event_start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the stream is over, so that an unfinished last event counts as complete.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next complete event; `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`TooLarge`]; the parser is of no use afterwards.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TooLarge> {
        if std::mem::take(&mut self.handed_out) {
            self.name = None;
            self.data.clear();
        }
        while let Some(line) = self.next_line() {
            self.check(self.line_start)?;
            if !line.is_empty() {
                self.field(line);
            } else if self.data.is_empty() {
                self.event_start = self.line_start;
                self.name = None;
            } else {
                return Ok(Some(self.hand_out()));
            }
        }
        self.check(self.buffer.len())?;
        let last = self.finished && !self.data.is_empty();
        Ok(last.then(|| self.hand_out()))
    }

    fn check(&self, end: usize) -> Result<(), TooLarge> {
        if end - self.event_start > self.limit {
            return Err(TooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// The next line without its end.
    fn next_line(&mut self) -> Option<Range<usize>> {
        if !self.past_bom {
            if self.buffer.starts_with(BOM) {
                self.line_start = BOM.len();
                self.event_start = BOM.len();
            } else if BOM.starts_with(&self.buffer) && !self.finished {
                return None;
            }
            self.past_bom = true;
        }
        if self.skip_newline {
            let next = *self.buffer.get(self.line_start)?;
            self.skip_newline = false;
            if next == b'\n' {
                self.line_start += 1;
                if self.is_blank() {
                    self.event_start = self.line_start;
                }
            }
        }
        self.searched = self.searched.max(self.line_start);
        let end = self.buffer[self.searched..]
            .iter()
            .position(|&byte| byte == b'\n' || byte == b'\r')
            .map(|offset| self.searched + offset);
        let Some(end) = end else {
            self.searched = self.buffer.len();
            if self.finished && self.line_start < self.buffer.len() {
                let rest = self.line_start..self.buffer.len();
                self.line_start = self.buffer.len();
                return Some(rest);
            }
            return None;
        };
        self.skip_newline = self.buffer[end] == b'\r';
        let line = self.line_start..end;
        self.line_start = end + 1;
        Some(line)
    }

    /// Notes the value of a `data` or `event` line. All other fields, and comments, mean nothing here.
    fn field(&mut self, line: Range<usize>) {
        let bytes = &self.buffer[line.clone()];
        let colon = bytes.iter().position(|&byte| byte == b':');
        let name = &bytes[..colon.unwrap_or(bytes.len())];
        let mut value = line.start + colon.map_or(bytes.len(), |colon| colon + 1)..line.end;
        if self.buffer[value.clone()].first() == Some(&b' ') {
            value.start += 1;
        }
        let value = value.start - self.event_start..value.end - self.event_start;
        match name {
            b"data" => self.data.push(value),
            b"event" => self.name = Some(value),
            _ if self.is_blank() => self.event_start = self.line_start,
            _ => {}
        }
    }

    fn is_blank(&self) -> bool {
        self.data.is_empty() && self.name.is_none()
    }

    /// Builds the current event. Its values are cleared by the next call, so that their list is allocated once.
    fn hand_out(&mut self) -> Event<'_> {
        let base = self.event_start;
        self.event_start = self.line_start;
        self.handed_out = true;
        let text = |range: &Range<usize>| {
            String::from_utf8_lossy(&self.buffer[base + range.start..base + range.end])
        };
        let data = match self.data.as_slice() {
            [line] => text(line),
            lines => Cow::Owned(lines.iter().map(text).collect::<Vec<_>>().join("\n")),
        };
        Event {
            name: self.name.as_ref().map_or(Cow::Borrowed(""), text),
            data,
        }
    }
}

#[cfg(test)]
mod tests;
