//! A question as the index sees it.

use super::stopwords::{is_small_talk, is_weak_word};
use super::tokens;

/// More terms than this are not looked up; a long text is represented by its most frequent ones.
const MAX_TERMS: usize = 24;
/// Weight of words that people use to ask, whatever they ask about.
const WEAK: f64 = 0.3;

/// Verbs that are asked with in two words and written about in one, by their first words.
const PHRASAL_VERBS: &[(&[&str], &str, &str)] = &[
    (&["back", "backs", "backed", "backing"], "up", "backup"),
    (&["log", "logs", "logged", "logging"], "in", "login"),
    (&["roll", "rolls", "rolled", "rolling"], "back", "rollback"),
    (&["set", "sets", "setting"], "up", "setup"),
    (&["shut", "shuts", "shutting"], "down", "shutdown"),
];

/// What is looked up for a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Distinct, in order of their first appearance, at most 24.
    pub terms: Vec<QueryTerm>,
    /// Whether anything is asked at all: not in a greeting, nor in "can you help me?".
    pub asks: bool,
}

/// A term of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryTerm {
    /// Folded and stemmed, as in the index.
    pub term: String,
    /// How much it says about the subject: above 0, at most 1.
    pub weight: f64,
}

impl Query {
    /// The terms of a question in anybody's words.
    pub fn new(question: &str) -> Self {
        // Position of the first appearance, number of appearances, term.
        let mut found: Vec<(usize, usize, QueryTerm)> = Vec::new();
        let mut asks = false;
        let mut places = std::collections::HashMap::new();
        let nouns = nouns_of_phrasal_verbs(question);
        for token in tokens(question).chain(tokens(&nouns)) {
            asks |= !is_small_talk(&token.folded);
            let place = *places.entry(token.term.clone()).or_insert(found.len());
            if place == found.len() {
                let weight = if is_weak_word(&token.folded) {
                    WEAK
                } else {
                    1.0
                };
                let term = QueryTerm {
                    term: token.term,
                    weight,
                };
                found.push((place, 0, term));
            }
            if let Some((_, count, term)) = found.get_mut(place) {
                *count += 1;
                // The same term may come from a weak and from a strong word.
                if !is_weak_word(&token.folded) {
                    term.weight = 1.0;
                }
            }
        }
        found.sort_by(|(place, count, a), (other_place, other_count, b)| {
            b.weight
                .total_cmp(&a.weight)
                .then(other_count.cmp(count))
                .then(place.cmp(other_place))
        });
        found.truncate(MAX_TERMS);
        found.sort_by_key(|(place, ..)| *place);
        Self {
            terms: found.into_iter().map(|(.., term)| term).collect(),
            asks,
        }
    }
}

/// The nouns of the phrasal verbs in a question: `backup` for "how do I back up?".
fn nouns_of_phrasal_verbs(question: &str) -> String {
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let nouns = words.windows(2).filter_map(|pair| {
        let [verb, particle] = pair else { return None };
        let known = PHRASAL_VERBS
            .iter()
            .find(|(verbs, second, _)| verbs.contains(&verb.as_str()) && second == particle);
        known.map(|(.., noun)| *noun)
    });
    nouns.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrasal_verb_is_looked_up_as_its_noun_too() {
        for (question, noun) in [
            ("How do I back up?", "backup"),
            ("Backing up the data", "backup"),
            ("cannot log in", "login"),
            ("Set up Redis", "setup"),
        ] {
            let terms: Vec<_> = Query::new(question)
                .terms
                .into_iter()
                .map(|term| term.term)
                .collect();
            let noun = tokens(noun).next().unwrap().term;
            assert!(terms.contains(&noun), "{question}: {terms:?}");
        }
        assert!(
            !Query::new("come back, then up")
                .terms
                .iter()
                .any(|term| term.term == "backup")
        );
    }

    #[test]
    fn terms_are_distinct_and_weighed() {
        let query = Query::new("How do I start the queue? Queues need a start!");
        let shown: Vec<_> = query
            .terms
            .iter()
            .map(|t| (t.term.as_str(), t.weight))
            .collect();
        assert_eq!(shown, [("start", WEAK), ("queu", 1.0), ("need", WEAK)]);
        assert!(query.asks);
        for text in [
            "Can you help me, please?",
            "hello there",
            "Thanks!",
            "🙂",
            "",
        ] {
            assert!(!Query::new(text).asks, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_represented_by_its_frequent_words() {
        let mut text: String = (0..500).map(|n| format!("word{n} ")).collect();
        text.push_str("streaming breaks, streaming stops");
        let query = Query::new(&text);
        assert_eq!(query.terms.len(), MAX_TERMS);
        assert!(query.terms.iter().any(|t| t.term == "stream"));
    }
}
