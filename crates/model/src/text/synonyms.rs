//! Words that people use for the same thing.

use super::rank::Form;
use super::stem;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Short and long forms of the same word.
const SAME: &[&[&str]] = &[
    &["admin", "administrator"],
    &["app", "application"],
    &["auth", "authentication"],
    &["env", "environment"],
    &["info", "information"],
    &["js", "javascript"],
    &["k8s", "kubernetes"],
    &["postgres", "postgresql"],
    &["repo", "repository"],
    &["db", "database"],
    &["config", "configuration"],
    &["docs", "documentation"],
];
/// How sure it is that the other form means the same.
const SAME_CONFIDENCE: f64 = 0.95;

/// Groups of words that may stand for each other in a question about a product: common words only, and no group so
/// wide that a question would find everything.
const SIMILAR: &[&[&str]] = &[
    &["abort", "cancel", "interrupt", "stop"],
    &["add", "create"],
    &["ai", "llm", "model"],
    &["answer", "reply", "response"],
    &["approve", "confirm", "permit"],
    &["archive", "backup"],
    &["article", "document"],
    &["assistant", "bot", "chatbot"],
    &["begin", "start"],
    &["cost", "fee", "pay", "price"],
    &["bill", "invoice"],
    &["change", "edit", "modify", "update"],
    &["chat", "conversation"],
    &["client", "customer"],
    &["colleague", "employee", "member"],
    &["connection", "internet", "network", "offline", "wifi"],
    &["credential", "token"],
    &["delete", "erase", "remove"],
    &["disable", "hide"],
    &["double", "duplicate", "twice"],
    &["download", "export"],
    &["dunning", "reminder"],
    &["error", "failure"],
    &["estimate", "offer", "quote"],
    &["folder", "directory"],
    &["freeze", "hang", "crash"],
    &["import", "load", "upload"],
    &["license", "licence"],
    &["limit", "maximum", "quota", "throttle"],
    &["login", "signin"],
    &["mail", "email"],
    &["configuration", "option", "setting"],
    &["permission", "scope"],
    &["picture", "image", "photo"],
    &["plugin", "extension", "addon"],
    &["privacy", "confidential"],
    &["recover", "restore"],
    &["refuse", "reject", "deny"],
    &["resume", "reconnect", "continue"],
    &["save", "store"],
    &["scan", "photograph"],
    &["subscription", "plan"],
    &["tool", "function"],
    &["wait", "pending"],
    &["website", "webpage", "page"],
];
/// How sure it is that the other word was meant.
const SIMILAR_CONFIDENCE: f64 = 0.6;

static BY_STEM: LazyLock<HashMap<String, Vec<Form>>> = LazyLock::new(|| {
    let mut by_stem: HashMap<String, Vec<Form>> = HashMap::new();
    for (groups, confidence) in [(SAME, SAME_CONFIDENCE), (SIMILAR, SIMILAR_CONFIDENCE)] {
        for group in groups {
            let stems: Vec<String> = group.iter().map(|word| stem(word)).collect();
            for one in &stems {
                let others = stems.iter().filter(|other| *other != one);
                let forms = others.map(|other| Form {
                    term: other.clone(),
                    confidence,
                });
                by_stem.entry(one.clone()).or_default().extend(forms);
            }
        }
    }
    by_stem
});

/// The terms that may stand for this one, each with how sure that is.
pub fn synonyms(term: &str) -> &'static [Form] {
    BY_STEM.get(term).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_word_is_once_in_a_table() {
        for groups in [SAME, SIMILAR] {
            let mut seen = HashSet::new();
            for word in groups.iter().flat_map(|group| group.iter()) {
                assert!(seen.insert(stem(word)), "{word}");
            }
        }
    }

    #[test]
    fn synonyms_are_terms_as_in_the_index() {
        let terms = |term| -> Vec<&str> {
            synonyms(term)
                .iter()
                .map(|form| form.term.as_str())
                .collect()
        };
        assert_eq!(terms("repli"), ["answer", "respons"]);
        assert_eq!(terms("postgr"), ["postgresql"]);
        assert!(terms("queu").is_empty());
    }
}
