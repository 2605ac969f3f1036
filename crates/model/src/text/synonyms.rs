//! Words that people use for the same thing.

use super::stem;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Groups of words that may stand for each other in a question about a product: common words only, each in one
/// group, and no group so wide that a question would find everything.
const GROUPS: &[&[&str]] = &[
    &["abort", "cancel", "interrupt", "stop"],
    &["add", "create"],
    &["ai", "llm", "model"],
    &["answer", "reply", "response"],
    &["approve", "confirm", "permit"],
    &["archive", "backup"],
    &["article", "document", "doc"],
    &["assistant", "bot", "chatbot"],
    &["begin", "start"],
    &["bill", "cost", "fee", "pay", "price"],
    &["change", "edit", "modify", "update"],
    &["chat", "conversation"],
    &["connection", "internet", "network", "offline", "wifi"],
    &["credential", "token"],
    &["database", "db"],
    &["delete", "erase", "remove"],
    &["disable", "hide"],
    &["double", "duplicate", "twice"],
    &["download", "export"],
    &["error", "failure"],
    &["folder", "directory"],
    &["import", "load", "upload"],
    &["license", "licence"],
    &["limit", "maximum", "quota", "throttle"],
    &["login", "signin"],
    &["mail", "email"],
    &["option", "configuration", "setting"],
    &["permission", "scope"],
    &["picture", "image", "photo"],
    &["plugin", "extension", "addon"],
    &["privacy", "confidential"],
    &["recover", "restore"],
    &["refuse", "reject", "deny"],
    &["resume", "reconnect", "continue"],
    &["save", "store"],
    &["tool", "function"],
    &["wait", "pending"],
    &["website", "webpage", "page"],
];

static BY_STEM: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut by_stem: HashMap<String, Vec<String>> = HashMap::new();
    for group in GROUPS {
        let stems: Vec<String> = group.iter().map(|word| stem(word)).collect();
        for one in &stems {
            let others = stems.iter().filter(|other| *other != one).cloned();
            by_stem.entry(one.clone()).or_default().extend(others);
        }
    }
    by_stem
});

/// The terms that may stand for this one.
pub fn synonyms(term: &str) -> &'static [String] {
    BY_STEM.get(term).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_word_is_in_one_group() {
        let mut seen = HashSet::new();
        for word in GROUPS.iter().flat_map(|group| group.iter()) {
            assert!(seen.insert(stem(word)), "{word}");
        }
    }

    #[test]
    fn synonyms_are_terms_as_in_the_index() {
        assert_eq!(synonyms("repli"), ["answer", "respons"]);
        assert_eq!(synonyms("cancel"), ["abort", "interrupt", "stop"]);
        assert!(synonyms("queu").is_empty());
    }
}
