//! The sentences of a passage that matter for a question.

use model::text::{Query, Unit, correction, terms, units, word_count};
use std::collections::BTreeMap;
use std::ops::Range;

/// A passage of so many words is quoted whole.
const WHOLE: usize = 60;
/// Otherwise an excerpt has at most so many words, if its first sentence is not longer.
const LONGEST: usize = 75;
/// What a word must bring to be worth quoting.
const PRICE_OF_A_WORD: f64 = 0.008;
/// The first sentence of a passage often says what the rest is about.
const OPENING_BONUS: f64 = 0.15;

/// The consecutive sentences that say most about the question.
///
/// A list keeps the sentence that introduces it, and a sentence that announces a list or code keeps what follows.
pub(super) fn excerpt<'t>(query: &Query, text: &'t str) -> &'t str {
    let units = units(text);
    if word_count(text) <= WHOLE || units.len() < 2 {
        return text;
    }
    let weights = weights(query, text, &units);
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
fn weights(query: &Query, text: &str, units: &[Unit]) -> Vec<BTreeMap<usize, f64>> {
    let of_unit: Vec<Vec<String>> = units
        .iter()
        .map(|unit| terms(&text[unit.range.clone()]))
        .collect();
    let all: Vec<&str> = of_unit.iter().flatten().map(String::as_str).collect();
    let mut found = vec![BTreeMap::new(); units.len()];
    for (number, term) in query.terms.iter().enumerate() {
        let meant = if all.contains(&term.term.as_str()) {
            term.term.as_str()
        } else {
            match correction(&term.term, all.iter().copied()) {
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
        let rarity = 1.0 / f64::from(u32::try_from(containing.len()).unwrap_or(u32::MAX)).sqrt();
        for unit in containing {
            if let Some(terms) = found.get_mut(unit) {
                terms.insert(number, term.weight * rarity);
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
            let price = PRICE_OF_A_WORD * f64::from(u32::try_from(words).unwrap_or(u32::MAX));
            let worth = covered.values().sum::<f64>() + opening - price;
            if worth > best_worth {
                best_worth = worth;
                best = start..end + 1;
            }
        }
    }
    best
}

/// The window with what belongs to it, as far as there is room.
fn completed(text: &str, units: &[Unit], counts: &[usize], window: Range<usize>) -> Range<usize> {
    let unit_text = |at: usize| units.get(at).map_or("", |unit| &text[unit.range.clone()]);
    let is_part = |at: usize| {
        units
            .get(at)
            .is_some_and(|unit| unit.code || is_list_entry(unit_text(at)))
    };
    let words = |range: Range<usize>| counts.get(range).unwrap_or_default().iter().sum::<usize>();

    let mut start = window.start;
    // Back to the sentence that introduces the list or code.
    let mut first = start;
    while first > 0 && is_part(first) && !unit_text(first - 1).ends_with(':') {
        first -= 1;
    }
    if first > 0 && is_part(first) {
        first -= 1;
    }
    if first < start && is_part(start) && words(first..window.end) <= 2 * LONGEST {
        start = first;
    }
    let mut end = window.end;
    if unit_text(end - 1).ends_with(':') || is_part(end - 1) {
        while is_part(end) && words(start..end + 1) <= 2 * LONGEST {
            end += 1;
        }
    }
    start..end
}

fn is_list_entry(text: &str) -> bool {
    text.starts_with("- ")
        || text.split_once(". ").is_some_and(|(number, _)| {
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'t>(question: &str, text: &'t str) -> &'t str {
        excerpt(&Query::new(question), text)
    }

    const FILLER: &str = "Nothing of interest stands in this sentence, which only takes up room. ";

    #[test]
    fn a_short_passage_is_quoted_whole() {
        let text = "One sentence. Another about apples.";
        assert_eq!(of("apples", text), text);
    }

    #[test]
    fn the_sentence_that_matters_is_picked() {
        let text = format!(
            "{}Apples ripen in autumn. {}",
            FILLER.repeat(6),
            FILLER.repeat(6)
        );
        assert_eq!(
            of("When do apples ripen?", text.trim()),
            "Apples ripen in autumn."
        );
        assert_eq!(
            of("When do appels ripen?", text.trim()),
            "Apples ripen in autumn."
        );
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
    fn an_endless_sentence_is_quoted_as_it_is() {
        let text = "word ".repeat(500);
        assert_eq!(of("word", text.trim()), text.trim());
    }
}
