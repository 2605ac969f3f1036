//! The sentences of a passage that matter for a question.

use crate::knowledge::Passage;
use model::text::{Query, QueryTerm, Unit, correction, terms, units, word_count};
use std::collections::BTreeMap;
use std::ops::Range;

/// A passage of so many words is quoted whole.
const WHOLE: usize = 70;
/// Otherwise an excerpt has at most so many words, if its first sentence is not longer.
const LONGEST: usize = 80;
/// An excerpt with fewer words goes on to the end of its paragraph, if there is more.
const SHORT: usize = 40;
/// With fewer than this it goes on into the next paragraph too.
const TINY: usize = 16;
/// What a word must bring to be worth quoting.
const PRICE_OF_A_WORD: f64 = 0.006;
/// How much a term still tells that stands in the title or a heading.
const SAID_ABOVE: f64 = 0.4;
/// The first sentence of a passage often says what the rest is about.
const OPENING_BONUS: f64 = 0.15;

/// The terms of a question, each with how much it tells one sentence of an answer from another.
pub(super) struct Interest(Vec<(String, f64)>);

impl Interest {
    /// A term that is in all the passages that were found tells less than one in few of them.
    pub(super) fn new(query: &Query, passages: &[Passage]) -> Self {
        let found: Vec<Vec<String>> = passages
            .iter()
            .map(|passage| terms(&passage.text))
            .collect();
        let weigh = |term: &QueryTerm| {
            let containing = found
                .iter()
                .filter(|terms| terms.contains(&term.term))
                .count();
            let share = count_as_f64(passages.len() + 1) / count_as_f64(containing + 1);
            (term.term.clone(), term.weight * (1.0 + share.ln()))
        };
        Self(query.terms.iter().map(weigh).collect())
    }

    /// What the title and headings say already need not be said by the sentence.
    pub(super) fn under(&self, passage: &Passage) -> Self {
        let above = terms(&format!(
            "{} {}",
            passage.title,
            passage.heading.as_deref().unwrap_or_default()
        ));
        let weigh = |(term, weight): &(String, f64)| {
            let factor = if above.contains(term) {
                SAID_ABOVE
            } else {
                1.0
            };
            (term.clone(), weight * factor)
        };
        Self(self.0.iter().map(weigh).collect())
    }
}

/// The consecutive sentences that say most about the question.
///
/// A list keeps the sentence that introduces it, and a sentence that announces a list or code keeps what follows.
pub(super) fn excerpt<'t>(interest: &Interest, text: &'t str) -> &'t str {
    let units = units(text);
    if word_count(text) <= WHOLE || units.len() < 2 {
        return text;
    }
    let weights = weights(interest, text, &units);
    let counts: Vec<usize> = units
        .iter()
        .map(|unit| word_count(&text[unit.range.clone()]))
        .collect();
    let best = best_window(&weights, &counts);
    let window = completed(text, &units, &counts, best);
    match (
        units.get(window.start),
        units.get(window.end.saturating_sub(1)),
    ) {
        (Some(first), Some(last)) => &text[first.range.start..last.range.end],
        _ => text,
    }
}

/// For every unit the terms of the question in it, by number, each with its weight: a term that is everywhere in the
/// passage says little about where the answer is.
fn weights(interest: &Interest, text: &str, units: &[Unit]) -> Vec<BTreeMap<usize, f64>> {
    let of_unit: Vec<Vec<String>> = units
        .iter()
        .map(|unit| terms(&text[unit.range.clone()]))
        .collect();
    let all: Vec<&str> = of_unit.iter().flatten().map(String::as_str).collect();
    let mut found = vec![BTreeMap::new(); units.len()];
    for (number, (term, weight)) in interest.0.iter().enumerate() {
        let meant = if all.contains(&term.as_str()) {
            term.as_str()
        } else {
            match correction(term, all.iter().copied()) {
                Some((word, _)) => word,
                None => continue,
            }
        };
        let containing: Vec<usize> = (0..units.len())
            .filter(|&unit| {
                of_unit
                    .get(unit)
                    .is_some_and(|terms| terms.iter().any(|t| t == meant))
            })
            .collect();
        let rarity = 1.0 / count_as_f64(containing.len()).sqrt();
        for unit in containing {
            if let Some(terms) = found.get_mut(unit) {
                terms.insert(number, weight * rarity);
            }
        }
    }
    found
}

/// The window of units with the greatest worth; of equals the first and shortest.
fn best_window(weights: &[BTreeMap<usize, f64>], counts: &[usize]) -> Range<usize> {
    let mut best = 0..1;
    let mut best_worth = f64::MIN;
    for start in 0..weights.len() {
        let mut covered: BTreeMap<usize, f64> = BTreeMap::new();
        let mut words = 0;
        for end in start..weights.len() {
            words += counts.get(end).copied().unwrap_or(0);
            if end > start && words > LONGEST {
                break;
            }
            for (term, weight) in weights.get(end).into_iter().flatten() {
                // The second sentence with the same term adds less than the first.
                let sum = covered.entry(*term).or_insert(0.0);
                *sum = sum.max(*weight) + weight.min(*sum) * 0.5;
            }
            let opening = if start == 0 { OPENING_BONUS } else { 0.0 };
            let price = PRICE_OF_A_WORD * count_as_f64(words);
            let worth = covered.values().sum::<f64>() + opening - price;
            if worth > best_worth {
                best_worth = worth;
                best = start..end + 1;
            }
        }
    }
    best
}

/// The window with what belongs to it, as far as there is room: the steps of a numbered list, a list or code and the
/// sentence that announces it, and the rest of a paragraph.
fn completed(text: &str, units: &[Unit], counts: &[usize], window: Range<usize>) -> Range<usize> {
    let unit_text = |at: usize| units.get(at).map_or("", |unit| &text[unit.range.clone()]);
    let announces = |at: usize| unit_text(at).ends_with(':');
    let is_part = |at: usize| {
        units
            .get(at)
            .is_some_and(|unit| unit.code || is_list_entry(unit_text(at)))
    };
    let has_room = |range: Range<usize>| {
        counts.get(range).unwrap_or_default().iter().sum::<usize>() <= 2 * LONGEST
    };

    let mut first = window.start;
    while first > 0 && is_part(first) && is_part(first - 1) {
        first -= 1;
    }
    let announced = first > 0 && is_part(first) && announces(first - 1);
    if announced {
        first -= 1;
    }
    let is_whole = announced || is_step(unit_text(window.start));
    let start = if is_whole && is_part(window.start) && has_room(first..window.end) {
        first
    } else {
        window.start
    };

    let mut end = window.end;
    if is_whole || announces(end - 1) {
        while is_part(end) && has_room(start..end + 1) {
            end += 1;
        }
    }
    // Very little is hard to understand.
    let block = |at: usize| units.get(at).map(|unit| unit.block);
    let words = |range: Range<usize>| counts.get(range).unwrap_or_default().iter().sum::<usize>();
    while end < units.len() && !is_part(end - 1) {
        let enough = if block(end) == block(end - 1) {
            SHORT
        } else {
            TINY
        };
        if words(start..end) >= enough {
            break;
        }
        end += 1;
    }
    start..end
}

fn is_list_entry(text: &str) -> bool {
    text.starts_with("- ") || is_step(text)
}

/// An entry of a numbered list.
fn is_step(text: &str) -> bool {
    text.split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn count_as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'t>(question: &str, text: &'t str) -> &'t str {
        excerpt(&Interest::new(&Query::new(question), &[]), text)
    }

    const FILLER: &str = "Nothing of interest stands in this sentence, which only takes up room. ";

    const RIPE: &str = "Apples of the kinds that are grown in the north of the country ripen in autumn, late in September.";

    #[test]
    fn a_short_passage_is_quoted_whole() {
        let text = "One sentence. Another about apples.";
        assert_eq!(of("apples", text), text);
    }

    #[test]
    fn the_sentence_that_matters_is_picked() {
        let text = format!("{}\n\n{RIPE}\n\n{}", FILLER.repeat(6), FILLER.repeat(6));
        for question in ["When do apples ripen?", "When do appels ripen?"] {
            assert_eq!(of(question, &text), RIPE);
        }
    }

    #[test]
    fn a_single_sentence_goes_on_to_the_end_of_its_paragraph() {
        let text = format!(
            "{}\n\n{RIPE} Pick them then.\n\n{}",
            FILLER.repeat(6),
            FILLER.repeat(6)
        );
        assert_eq!(
            of("When do apples ripen?", &text),
            format!("{RIPE} Pick them then.")
        );
    }

    #[test]
    fn a_few_words_go_on_into_the_next_paragraph() {
        let text = format!(
            "{}\n\n`pick apples`\n\nIn autumn. {}",
            FILLER.repeat(6),
            FILLER.repeat(6)
        );
        assert!(of("apples", &text).starts_with("`pick apples`\n\nIn autumn. Nothing"));
    }

    #[test]
    fn steps_are_kept_together_and_other_entries_are_not() {
        let text = format!(
            "{}\n\n1. Stop it.\n2. Start it.\n\n{}",
            FILLER.repeat(6),
            FILLER.repeat(6)
        );
        assert_eq!(of("start", &text), "1. Stop it.\n2. Start it.");
        let text = format!(
            "{}\n\n- Pears are good.\n- Apples are better.\n\n{}",
            FILLER.repeat(6),
            FILLER.repeat(6)
        );
        assert_eq!(of("apples", &text), "- Apples are better.");
    }

    #[test]
    fn a_list_keeps_its_introduction() {
        let text = format!(
            "{}\n\nFruit of the season:\n\n- pears\n- apples\n- plums\n\n{}",
            FILLER.repeat(5),
            FILLER.repeat(3)
        );
        assert_eq!(
            of("apples", &text),
            "Fruit of the season:\n\n- pears\n- apples\n- plums"
        );
    }

    #[test]
    fn an_announcement_keeps_the_code() {
        let text = format!(
            "{}\n\nBack up like this:\n\n```sh\nrun it\n```\n\n{}",
            FILLER.repeat(5),
            FILLER.repeat(3)
        );
        assert_eq!(
            of("how to back up", &text),
            "Back up like this:\n\n```sh\nrun it\n```"
        );
    }

    #[test]
    fn what_the_title_says_need_not_be_repeated() {
        let text = format!(
            "Fruit is good.\n\n{}\n\nFruit of all kinds is ripe in autumn, which begins in September and ends in December in the north.\n\n{}",
            FILLER.repeat(5),
            FILLER
        );
        let passage = Passage {
            origin: crate::knowledge::Origin::Article(uuid::Uuid::nil()),
            title: "Fruit".to_owned(),
            url: None,
            heading: None,
            text: text.trim().to_owned(),
            score: 0.5,
        };
        let interest = Interest::new(
            &Query::new("Is fruit ripe?"),
            std::slice::from_ref(&passage),
        );
        assert_eq!(
            excerpt(&interest.under(&passage), &passage.text),
            "Fruit of all kinds is ripe in autumn, which begins in September and ends in December in the north."
        );
    }

    #[test]
    fn an_endless_sentence_is_quoted_as_it_is() {
        let text = "word ".repeat(500);
        assert_eq!(of("word", text.trim()), text.trim());
    }
}
