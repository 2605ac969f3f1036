//! What holds for every text, also for nonsense.

use super::*;
use proptest::prelude::*;

/// Anything at all, and, more often, text with the signs that steer the code.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-ZäßÉ' .,!?\n`~#*|<>\\-0-9_日本語かなถไทย한국’\u{300}\u{ad}\u{200d}]{0,300}",
        "([#`~>|*_-]{1,4} ?[a-z]{0,4}\n?){0,60}",
    ]
}

proptest! {
    #[test]
    fn tokens_are_clean_and_where_they_say(text in any_text()) {
        let mut last = 0;
        for token in tokens(&text) {
            prop_assert!(!token.term.is_empty());
            prop_assert!(token.term.chars().count() <= 64);
            // Nothing that a full-text engine would take for a separator or an operator.
            let separates = |c: char| c.is_whitespace() || (c.is_ascii() && !c.is_ascii_alphanumeric());
            prop_assert!(!token.term.contains(separates), "{:?}", token.term);
            prop_assert!(!token.term.contains(|c: char| c.is_ascii_uppercase()));
            prop_assert!(text.get(token.range.clone()).is_some_and(|word| !word.is_empty()));
            prop_assert!(token.range.start >= last);
            last = token.range.start;
        }
    }

    #[test]
    fn terms_are_found_again(text in any_text()) {
        // Looking up a word as it stands in the text leads to the term in the index.
        for token in tokens(&text) {
            let again = terms(&text[token.range.clone()]);
            prop_assert_eq!(&again[..], &[token.term][..]);
        }
    }

    #[test]
    fn case_makes_no_difference(text in "[a-zA-ZäöüÄÖÜéÉ ]{0,80}") {
        prop_assert_eq!(terms(&text.to_uppercase()), terms(&text.to_lowercase()));
    }

    #[test]
    fn units_are_ordered_pieces_of_the_text(text in any_text()) {
        let mut last = 0;
        for unit in units(&text) {
            prop_assert!(unit.range.start >= last);
            let piece = text.get(unit.range.clone());
            prop_assert!(piece.is_some_and(|piece| !piece.is_empty()));
            last = unit.range.end;
        }
        // Nothing is lost but white space.
        let kept: usize = units(&text).iter().map(|u| text[u.range.clone()].split_whitespace().map(str::len).sum::<usize>()).sum();
        let all: usize = text.split_whitespace().map(str::len).sum();
        prop_assert_eq!(kept, all);
    }

    #[test]
    fn passages_are_never_empty_and_hold_every_word(body in "[a-z\n .]{0,2000}") {
        let found = passages(&body);
        let words: usize = found.iter().map(|p| word_count(&p.text)).sum();
        prop_assert_eq!(words, word_count(&body));
        for passage in found {
            prop_assert!(!passage.text.trim().is_empty());
        }
    }

    #[test]
    fn any_markdown_can_be_read(body in any_text()) {
        markdown::first_heading(&body);
        for passage in passages(&body) {
            prop_assert!(!passage.text.is_empty());
        }
    }

    #[test]
    fn any_question_can_be_asked(question in any_text()) {
        let query = Query::new(&question);
        prop_assert!(query.terms.len() <= 24);
        for term in &query.terms {
            prop_assert!(term.weight > 0.0 && term.weight <= 1.0);
        }
    }

    #[test]
    fn distance_is_symmetric_and_bounded(a in "[a-dé]{0,9}", b in "[a-dé]{0,9}") {
        let there = edit_distance(&a, &b, 3);
        prop_assert_eq!(there, edit_distance(&b, &a, 3));
        prop_assert!(there.is_none_or(|d| d <= 3));
        prop_assert_eq!(there == Some(0), a == b);
    }
}
