//! The table of settings in `docs/operations.md`.

use super::KEYS;
use std::fmt::Write as _;

/// All settings as a Markdown table.
pub fn reference() -> String {
    let mut table = String::from(
        "| Environment | In `thicket.toml` | Flag | Default | |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let flag = if key.secret {
            "none".to_owned()
        } else {
            format!("`--{}`", key.flag())
        };
        let default = if key.default.is_empty() {
            key.shown_default.to_owned()
        } else {
            format!("`{}`", key.default)
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | `{}` | {flag} | {default} | {} |",
            key.variable(),
            key.name,
            key.doc,
        );
    }
    table
}
