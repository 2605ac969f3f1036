//! The tables in `docs/` that are printed from the code.
//!
//! The test compares; `UPDATE_DOCS=1 cargo test -p thicket` writes.

use crate::config::KEYS;
use model::rates::THROTTLES;
use model::settings::SETTINGS;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;

#[test]
fn the_tables_in_the_documentation_are_those_of_the_code() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for (file, tables) in [
        (
            "operations.md",
            &[
                ("settings", settings as fn() -> String),
                ("project settings", project_settings),
            ][..],
        ),
        (
            "api.md",
            &[
                ("errors", errors as fn() -> String),
                ("throttles", throttles),
            ][..],
        ),
    ] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs")
            .join(file);
        let page = std::fs::read_to_string(&path).unwrap();
        let mut fresh = page.clone();
        for (name, table) in tables {
            fresh = replaced(&fresh, name, &table());
        }
        if update {
            std::fs::write(&path, &fresh).unwrap();
        }
        assert!(
            update || page == fresh,
            "docs/{file} is out of date: run UPDATE_DOCS=1 cargo test -p thicket"
        );
    }
}

fn replaced(page: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- generated: {name} -->\n");
    let (before, rest) = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("no mark for {name}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{start}\n{table}\n<!-- end -->{after}")
}

fn settings() -> String {
    let mut text = String::from(
        "| Environment | `thicket.toml` | Flag | Default | |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let flag = if key.secret {
            "none".to_owned()
        } else {
            format!("`--{}`", key.flag())
        };
        let default = match key.default {
            "" => key.shown_default.to_owned(),
            default => format!("`{default}`"),
        };
        let (variable, name, doc) = (key.variable(), key.name, key.doc);
        writeln!(
            text,
            "| `{variable}` | `{name}` | {flag} | {default} | {doc} |"
        )
        .unwrap();
    }
    text
}

fn project_settings() -> String {
    let mut text = String::from("| Setting | Default | | Only admins |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let (name, doc) = (setting.name, setting.doc.trim());
        let default = match setting.default() {
            Value::String(text) => format!("`{text}`"),
            Value::Array(list) if list.is_empty() => "none".to_owned(),
            Value::Null => "the server's".to_owned(),
            other => format!("`{other}`"),
        };
        let admins = if setting.is_for_admins() { "yes" } else { "" };
        writeln!(text, "| `{name}` | {default} | {doc} | {admins} |").unwrap();
    }
    text
}

fn errors() -> String {
    let mut text = String::from("| Status | `type` | `code` | |\n|---|---|---|---|\n");
    for entry in model::error::TABLE {
        let doc = entry.doc.trim();
        writeln!(
            text,
            "| {} | `{}` | `{}` | {doc} |",
            entry.status, entry.kind, entry.name
        )
        .unwrap();
    }
    text
}

fn throttles() -> String {
    let mut text = String::from("| Name | Default | Counts |\n|---|---|---|\n");
    for throttle in THROTTLES {
        writeln!(
            text,
            "| `{}` | {} | {} |",
            throttle.name, throttle.default, throttle.doc
        )
        .unwrap();
    }
    text
}
