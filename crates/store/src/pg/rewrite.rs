//! Statements in PostgreSQL's spelling.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Rewrites each statement once. Statements are constants, so the address and length of a text stand for it.
#[derive(Default)]
pub(super) struct Rewriter(RwLock<HashMap<(usize, usize), Arc<str>>>);

impl Rewriter {
    /// The statement as PostgreSQL takes it.
    pub(super) fn rewrite(&self, sql: &'static str) -> Arc<str> {
        let key = (sql.as_ptr().addr(), sql.len());
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        known.unwrap_or_else(|| {
            let rewritten: Arc<str> = rewrite(sql).into();
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(key, Arc::clone(&rewritten));
            rewritten
        })
    }
}

/// `?1` becomes `$1` and `/*lock*/` becomes `FOR UPDATE`; strings, quoted names and comments stay as they are.
fn rewrite(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut rest = sql;
    while let Some(at) = rest.find(['?', '\'', '"', '-', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("/*lock*/") {
            out.push_str("FOR UPDATE");
            rest = after;
            continue;
        }
        if let Some(after) = from.strip_prefix('?')
            && after.starts_with(|c: char| c.is_ascii_digit())
        {
            out.push('$');
            rest = after;
            continue;
        }
        let length = if from.starts_with(['\'', '"']) {
            quoted_length(from)
        } else if from.starts_with("--") {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with("/*") {
            from.find("*/").map_or(from.len(), |end| end + 2)
        } else {
            1
        };
        let (same, after) = from.split_at(length);
        out.push_str(same);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The length of the string or quoted name at the beginning. A doubled quote inside reads as the end of one and
/// the beginning of the next, which comes to the same.
fn quoted_length(text: &str) -> usize {
    let quote = &text[..1];
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_locks_are_rewritten_outside_strings_names_and_comments() {
        for (text, expected) in [
            ("SELECT ?1, ?12", "SELECT $1, $12"),
            (
                "SELECT a FROM t WHERE b = ?1 /*lock*/",
                "SELECT a FROM t WHERE b = $1 FOR UPDATE",
            ),
            (
                "SELECT '?1', 'it''s ?2', \"?3\", ?4",
                "SELECT '?1', 'it''s ?2', \"?3\", $4",
            ),
            (
                "SELECT ?1 -- why ?2\n, ?3 /* ?4 */, ?5",
                "SELECT $1 -- why ?2\n, $3 /* ?4 */, $5",
            ),
            ("SELECT a - ?1 / ?2 ? b", "SELECT a - $1 / $2 ? b"),
            ("SELECT 'ä?1' || ?2", "SELECT 'ä?1' || $2"),
            ("SELECT 'open ?1", "SELECT 'open ?1"),
        ] {
            assert_eq!(rewrite(text), expected);
        }
    }

    #[test]
    fn a_statement_is_rewritten_once() {
        let rewriter = Rewriter::default();
        let text = "SELECT ?1";
        assert!(Arc::ptr_eq(
            &rewriter.rewrite(text),
            &rewriter.rewrite(text)
        ));
    }
}
