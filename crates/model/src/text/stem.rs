//! Endings are taken off English words, so that "cancelled" finds "cancelling".
//!
//! Deliberately light: it only has to be the same for the index and the question, and must not throw
//! unrelated words together. Words with anything but `a`-`z` in them stay as they are.

/// Forms that no rule leads back to their verb or noun. Sorted.
const IRREGULAR: &[(&str, &str)] = &[
    ("began", "begin"),
    ("begun", "begin"),
    ("bought", "buy"),
    ("broke", "break"),
    ("broken", "break"),
    ("brought", "bring"),
    ("built", "build"),
    ("caught", "catch"),
    ("children", "child"),
    ("chose", "choose"),
    ("chosen", "choose"),
    ("fallen", "fall"),
    ("fell", "fall"),
    ("forgot", "forget"),
    ("forgotten", "forget"),
    ("found", "find"),
    ("froze", "freeze"),
    ("frozen", "freeze"),
    ("gave", "give"),
    ("given", "give"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("heard", "hear"),
    ("held", "hold"),
    ("hid", "hide"),
    ("hidden", "hide"),
    ("kept", "keep"),
    ("knew", "know"),
    ("known", "know"),
    ("lost", "lose"),
    ("made", "make"),
    ("meant", "mean"),
    ("men", "man"),
    ("mice", "mouse"),
    ("paid", "pay"),
    ("ran", "run"),
    ("said", "say"),
    ("saw", "see"),
    ("seen", "see"),
    ("sent", "send"),
    ("shown", "show"),
    ("sold", "sell"),
    ("spent", "spend"),
    ("spoke", "speak"),
    ("spoken", "speak"),
    ("stolen", "steal"),
    ("stuck", "stick"),
    ("taken", "take"),
    ("taught", "teach"),
    ("thought", "think"),
    ("threw", "throw"),
    ("thrown", "throw"),
    ("told", "tell"),
    ("took", "take"),
    ("understood", "understand"),
    ("went", "go"),
    ("women", "woman"),
    ("won", "win"),
    ("written", "write"),
    ("wrote", "write"),
];

/// The stem of a folded word.
pub fn stem(word: &str) -> String {
    let letters = word.as_bytes();
    if letters.len() <= 2 || !letters.iter().all(u8::is_ascii_lowercase) {
        return word.to_owned();
    }
    let word = match IRREGULAR.binary_search_by_key(&word, |(form, _)| *form) {
        Ok(at) => IRREGULAR[at].1,
        Err(_) => word,
    };
    let mut stem = word.to_owned();
    singular(&mut stem);
    present(&mut stem);
    verb(&mut stem);
    finish(&mut stem);
    stem
}

/// `queries` → `query`, `processes` → `process`, `keys` → `key`.
fn singular(w: &mut String) {
    if w.len() <= 3 {
        return;
    }
    if w.ends_with("ies") && w.len() > 4 {
        w.truncate(w.len() - 3);
        w.push('y');
    } else if ["sses", "xes", "ches", "shes", "zes"]
        .iter()
        .any(|end| w.ends_with(end))
    {
        w.truncate(w.len() - 2);
    } else if w.ends_with('s') && !["ss", "us", "is"].iter().any(|end| w.ends_with(end)) {
        w.pop();
    }
}

/// `streaming` → `stream`, `retried` → `retry`, `queued` → `queu`.
fn present(w: &mut String) {
    if w.ends_with("ied") && w.len() > 4 {
        w.truncate(w.len() - 3);
        w.push('y');
        return;
    }
    let stripped = strip(w, "ing", 2) || (!w.ends_with("eed") && strip(w, "ed", 2));
    // "migrating" comes from "migrate", "floating" and "eating" do not.
    let lost_e = w.ends_with("at") && !w.ends_with("eat") && !w.ends_with("oat");
    if stripped && (lost_e || w.ends_with("is") || w.ends_with("iz")) {
        w.push('e');
    }
}

/// `configuration` → `configur`, `authenticate` → `authentic`, `deployment` → `deploy`.
fn verb(w: &mut String) {
    // Both spellings, British first.
    for (end, replacement) in [
        ("isation", "iz"),
        ("ization", "iz"),
        ("ise", "iz"),
        ("ize", "iz"),
    ] {
        if let Some(rest) = w.strip_suffix(end)
            && rest.len() >= 4
        {
            *w = format!("{rest}{replacement}");
            return;
        }
    }
    let stripped = strip(w, "ation", 4)
        || strip(w, "ate", 4)
        || strip(w, "ion", 5)
        || strip(w, "ment", 4)
        || strip(w, "ive", 5)
        || strip(w, "ly", 4);
    // "creation" is too short for the first rules, "station" for this one too.
    if !stripped && w.ends_with("ation") && w.len() >= 8 {
        w.truncate(w.len() - 3);
    }
}

/// The silent `e` and doubled consonants, which come and go with endings.
fn finish(w: &mut String) {
    if w.len() > 2 && w.ends_with('e') {
        w.pop();
    }
    if let [.., before, last] = w.as_bytes()
        && before == last
        && w.len() > 3
        && !b"aeiou".contains(last)
    {
        w.pop();
    }
    if w.len() > 3 && w.ends_with('y') {
        w.pop();
        w.push('i');
    }
}

/// Takes `end` off if at least `rest` letters, a vowel among them, remain.
fn strip(w: &mut String, end: &str, rest: usize) -> bool {
    match w.strip_suffix(end) {
        Some(left) if left.len() >= rest && left.bytes().any(|b| b"aeiouy".contains(&b)) => {
            let length = left.len();
            w.truncate(length);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for family in [
            &[
                "cancel",
                "cancels",
                "cancelled",
                "canceled",
                "cancelling",
                "cancellation",
            ][..],
            &["stream", "streams", "streamed", "streaming"],
            &["queue", "queues", "queued", "queuing"],
            &[
                "configure",
                "configured",
                "configuring",
                "configuration",
                "configurations",
            ],
            &["resume", "resumed", "resuming", "resumes"],
            &[
                "authenticate",
                "authenticated",
                "authenticating",
                "authentication",
            ],
            &["create", "created", "creating", "creation", "creates"],
            &["update", "updated", "updating", "updates"],
            &["delete", "deleted", "deleting", "deletion"],
            &["install", "installed", "installing", "installation"],
            &[
                "migrate",
                "migration",
                "migrations",
                "migrating",
                "migrated",
            ],
            &["query", "queries", "queried", "querying"],
            &["retry", "retries", "retried", "retrying"],
            &["import", "imports", "imported", "importing"],
            &["throttle", "throttled", "throttling", "throttles"],
            &["deploy", "deployed", "deployment", "deployments"],
            &["key", "keys"],
            &["use", "used", "uses", "using"],
            &["stop", "stops", "stopped", "stopping"],
            &["run", "runs", "running"],
            &["box", "boxes"],
            &["process", "processes", "processed", "processing"],
            &[
                "organise",
                "organize",
                "organisation",
                "organization",
                "organizing",
            ],
            &["summarise", "summarize", "summarised"],
            &["lose", "lost", "loses"],
            &["write", "writes", "writing", "written", "wrote"],
            &["approve", "approved", "approving", "approves"],
        ] {
            let stems: Vec<_> = family.iter().map(|word| stem(word)).collect();
            assert!(
                stems.iter().all(|s| *s == stems[0]),
                "{family:?} → {stems:?}"
            );
        }
    }

    #[test]
    fn irregular_forms_are_sorted() {
        assert!(IRREGULAR.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn different_words_stay_apart() {
        for (a, b) in [
            ("server", "service"),
            ("user", "use"),
            ("state", "station"),
            ("mode", "model"),
            ("need", "needle"),
            ("string", "strong"),
            ("feed", "fee"),
            ("status", "stat"),
            ("token", "take"),
            ("person", "permission"),
            ("general", "generate"),
            ("organ", "organize"),
            ("version", "verse"),
        ] {
            assert_ne!(stem(a), stem(b), "{a} and {b}");
        }
    }

    #[test]
    fn other_scripts_and_digits_are_left_alone() {
        for word in [
            "",
            "a",
            "on",
            "429",
            "sha256",
            "größen",
            "ключи",
            "キュー",
            "x86",
        ] {
            assert_eq!(stem(word), word);
        }
    }
}
