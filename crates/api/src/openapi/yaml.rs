//! A JSON value as YAML: block style, scalars written as in JSON, which YAML 1.2 understands.

use serde_json::Value;

pub(super) fn render(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    pad(indent, out);
                }
                out.push_str(&key(name));
                out.push(':');
                write_below(member, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    pad(indent, out);
                }
                out.push_str("- ");
                write(item, indent + 2, out);
                end_line(out);
            }
        }
        scalar => {
            out.push_str(&scalar.to_string());
            out.push('\n');
        }
    }
}

/// A member's value: scalars and empty containers on the same line, the rest below.
fn write_below(value: &Value, indent: usize, out: &mut String) {
    let is_nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_nested {
        out.push('\n');
        pad(indent + 2, out);
        write(value, indent + 2, out);
    } else {
        out.push(' ');
        write(value, indent, out);
    }
}

/// Plain where that is beyond doubt, else quoted.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !matches!(
            name,
            "null" | "true" | "false" | "y" | "n" | "yes" | "no" | "on" | "off"
        );
    if is_plain {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nests_by_indentation() {
        let value = json!({
            "a": {"b": [1, {"c": "x: #y", "d": []}], "200": {}},
            "list": [["x"], null],
            "text": "line\nbreak",
        });
        assert_eq!(
            render(&value),
            "a:\n  \"200\": {}\n  b:\n    - 1\n    - c: \"x: #y\"\n      d: []\nlist:\n  - - \"x\"\n  - null\ntext: \"line\\nbreak\"\n"
        );
        assert_eq!(render(&json!({})), "{}\n");
    }
}
