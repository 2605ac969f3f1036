//! Short questions that only make sense after the one before.

use model::text::{Query, tokens, word_count};

/// A question with more words stands on its own.
const SHORT: usize = 7;
/// How much the words of the message before count in a follow-up.
const EARLIER: f64 = 0.5;
/// Beginnings that take up what was said.
const CONNECTIVES: &[&str] = &[
    "and ",
    "or ",
    "but ",
    "what about ",
    "how about ",
    "what if ",
    "then ",
    "so ",
    "also ",
    "ok and ",
];
/// Words that stand for something said before.
const PRONOUNS: &[&str] = &[
    "it", "its", "that", "this", "they", "them", "these", "those", "there", "one", "ones", "same",
];

/// What is looked up for a question that was asked after `previous`.
pub fn query(question: &str, previous: Option<&str>) -> Query {
    let mut query = Query::new(question);
    let Some(previous) = previous.filter(|_| is_follow_up(question, &query)) else {
        return query;
    };
    for mut earlier in Query::new(previous).terms {
        if !query.terms.iter().any(|term| term.term == earlier.term) {
            earlier.weight *= EARLIER;
            query.terms.push(earlier);
        }
    }
    query.asks = true;
    query
}

/// Whether a question is the continuation of another: it is short, and takes something up or names little itself.
/// Thanks and greetings are none.
fn is_follow_up(question: &str, query: &Query) -> bool {
    let small_talk = !query.asks && !query.terms.is_empty();
    if small_talk || word_count(question) > SHORT {
        return false;
    }
    let lower = question.trim().to_lowercase();
    let takes_up = CONNECTIVES.iter().any(|start| lower.starts_with(start))
        || lower
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| PRONOUNS.contains(&word));
    let subjects = query.terms.iter().filter(|term| term.weight >= 1.0).count();
    match subjects {
        0 => takes_up,
        1 => takes_up || tokens(question).count() == 1,
        _ => takes_up && subjects <= 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(question: &str, previous: &str) -> String {
        let query = query(question, Some(previous));
        let terms: Vec<_> = query.terms.into_iter().map(|term| term.term).collect();
        terms.join(" ")
    }

    #[test]
    fn short_questions_continue_the_one_before() {
        let before = "How do I make a backup?";
        for (question, expected) in [
            ("and on Postgres?", "postgr mak backup"),
            ("Postgres?", "postgr mak backup"),
            ("what about restoring it", "restor mak backup"),
            ("why?", ""),
            ("is it encrypted", "encrypt mak backup"),
            ("thanks for that!", "thank"),
            ("hello", "hello"),
            ("cancel a conversation", "cancel convers"),
            ("how do I revoke an API key", "revok api key"),
        ] {
            assert_eq!(terms(question, before), expected, "{question}");
        }
    }

    #[test]
    fn earlier_words_weigh_less() {
        let query = query("and on Postgres?", Some("How do I make a backup?"));
        let weight = |name| {
            query
                .terms
                .iter()
                .find(|term| term.term == name)
                .map(|term| term.weight)
        };
        assert!(weight("postgr") > weight("backup"));
    }
}
