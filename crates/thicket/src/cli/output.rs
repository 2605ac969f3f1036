//! What commands print: for people in aligned columns, for programs as one JSON object.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;
use std::io::{self, Write as _};

/// How a command prints its facts.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Names and values in the order in which they are printed.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(String, Value)>);

impl Facts {
    /// No facts yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// These facts and one more.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct List<'a> {
    results: &'a [Facts],
}

impl Output {
    /// Whether a person reads along, who may like to see progress.
    pub(crate) fn for_people(self) -> bool {
        !self.json
    }

    /// Prints the facts about one thing.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn object(self, facts: &Facts) -> io::Result<()> {
        if self.json {
            return print(&serde_json::to_string(facts)?);
        }
        print(&aligned(facts))
    }

    /// Prints a JSON document: for people over many lines.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn document(self, document: &impl Serialize) -> io::Result<()> {
        if self.json {
            print(&serde_json::to_string(document)?)
        } else {
            print(&serde_json::to_string_pretty(document)?)
        }
    }

    /// Prints a list: rows of equally named facts.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn list(self, rows: &[Facts]) -> io::Result<()> {
        if self.json {
            return print(&serde_json::to_string(&List { results: rows })?);
        }
        if rows.is_empty() {
            return print("none");
        }
        print(&table(rows))
    }
}

/// Prints one text and a line end. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn aligned(facts: &Facts) -> String {
    let width = facts.0.iter().map(|(name, _)| columns(name)).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for (name, value) in &facts.0 {
        text.push_str(name);
        pad(&mut text, width + 2 - columns(name));
        text.push_str(&shown(value));
        text.push('\n');
    }
    text
}

fn table(rows: &[Facts]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let header: Vec<String> = first
        .0
        .iter()
        .map(|(name, _)| name.to_uppercase())
        .collect();
    let cells = rows
        .iter()
        .map(|row| row.0.iter().map(|(_, value)| shown(value)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(cells).collect();
    let widths: Vec<usize> = (0..first.0.len())
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            shown.push_str(cell);
            pad(&mut shown, width + 2 - columns(cell));
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    // Names come from people: a control character must not reach the terminal.
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &mut String, count: usize) {
    text.extend(std::iter::repeat_n(' ', count));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_keep_their_order_in_json() {
        let facts = Facts::new().with("z", 1).with("a", "x");
        assert_eq!(serde_json::to_string(&facts).unwrap(), r#"{"z":1,"a":"x"}"#);
    }

    #[test]
    fn people_get_aligned_columns() {
        let facts = Facts::new()
            .with("id", 1)
            .with("name", "Acme")
            .with("none", Value::Null);
        assert_eq!(aligned(&facts), "id    1\nname  Acme\nnone  -\n");
        let rows = [
            Facts::new().with("id", 1).with("name", "Zürich"),
            Facts::new().with("id", 22).with("name", "A"),
        ];
        assert_eq!(table(&rows), "ID  NAME\n1   Zürich\n22  A\n");
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(shown(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
    }
}
