//! What the team has written to one customer, made fit for another: greeting and farewell go, and what could say who the
//! first customer is.

use super::candidates::{Candidate, CandidateKind};
use serde_json::Value;
use store::tickets::Solved;

/// Digits in a row that may be somebody's number.
const DIGITS: usize = 5;
/// Words that a first line greets with.
const GREETINGS: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "dear",
    "good morning",
    "good afternoon",
    "good evening",
    "hallo",
    "bonjour",
    "hola",
];
/// Beginnings of the lines after which nothing but a signature comes.
const FAREWELLS: &[&str] = &[
    "best",
    "kind regards",
    "regards",
    "best regards",
    "many thanks",
    "thanks",
    "thank you",
    "cheers",
    "sincerely",
    "yours",
    "all the best",
    "warm regards",
    "have a nice day",
    "have a great day",
];

/// A solved ticket as a piece of knowledge.
pub(super) fn piece_of_solved(solved: Solved) -> Candidate {
    let traits: Value = serde_json::from_str(&solved.anonymous_traits).unwrap_or_default();
    let name = traits["name"].as_str().unwrap_or_default();
    Candidate {
        kind: CandidateKind::Ticket,
        id: solved.id.to_string(),
        title: format!("Ticket #{}", solved.number),
        url: None,
        heading: None,
        text: without_identity(body(&solved.answer), name),
        found_by: solved.question,
        score: 0.0,
    }
}

/// A message without its first line if that greets, and without its end from a farewell on.
fn body(message: &str) -> &str {
    let message = message.trim();
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let message = if is_greeting(first) && !rest.trim().is_empty() {
        rest.trim()
    } else {
        message
    };
    let mut offset = 0;
    for line in message.split_inclusive('\n') {
        if offset > 0 && is_farewell(line) {
            return message[..offset].trim();
        }
        offset += line.len();
    }
    message
}

fn is_greeting(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    let begins_with = |word: &&str| {
        let rest = line.strip_prefix(*word);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
    };
    line.split_whitespace().count() <= 5 && GREETINGS.iter().any(begins_with)
}

fn is_farewell(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    let bare = line.trim_end_matches(|c: char| c.is_ascii_punctuation());
    line.split_whitespace().count() <= 4 && FAREWELLS.contains(&bare)
}

/// A text without addresses, long numbers and the customer's name.
fn without_identity(text: &str, name: &str) -> String {
    let names: Vec<String> = name
        .split_whitespace()
        .filter(|part| part.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    let mut clean = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let space = &piece[word.len()..];
        clean.push_str(&clean_word(word, &names));
        clean.push_str(space);
    }
    clean
}

fn clean_word(word: &str, names: &[String]) -> String {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_link = word.contains("://");
    let is_address = word.contains('@') && word.contains('.') && !is_link;
    let is_number = digits >= DIGITS && !is_link;
    let is_name = names.contains(&bare.to_lowercase());
    // What leads to one customer's own page is not for others.
    let is_private_link = is_link && digits >= DIGITS;
    if bare.is_empty() || !(is_address || is_number || is_name || is_private_link) {
        return word.to_owned();
    }
    let start = word.find(bare).unwrap_or(0);
    format!("{}[…]{}", &word[..start], &word[start + bare.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greeting_and_signature_go() {
        let message =
            "Hi Jo,\n\nOpen Settings and choose Export.\n\nBest regards,\nAda\nAcme support";
        assert_eq!(body(message), "Open Settings and choose Export.");
        assert_eq!(body("Hello!"), "Hello!", "a greeting alone stays");
        assert_eq!(
            body("Hit the red button.\nThen wait."),
            "Hit the red button.\nThen wait."
        );
        assert_eq!(
            body("Thanks for the report, it helped us a lot.\nThanks"),
            "Thanks for the report, it helped us a lot."
        );
    }

    #[test]
    fn nothing_tells_who_the_customer_was() {
        let text = "Jo, we sent order 10482233 to jo.lee@example.com (call +49-170-1234567). See https://x.y/help or \
                    https://x.y/orders/10482233. Lee's plan has 30 seats.";
        let clean = without_identity(text, "Jo Lee");
        for gone in ["10482233", "jo.lee", "1234567", "orders"] {
            assert!(!clean.contains(gone), "{clean}");
        }
        for kept in ["https://x.y/help", "30 seats"] {
            assert!(clean.contains(kept), "{clean}");
        }
        let clean = without_identity("Maria, it is done. maria's seat too.", "Maria Curie");
        assert!(!clean.contains("Maria,"), "{clean}");
    }
}
