//! The order of search results: BM25 over title, headings and text, computed here so that it is the same on
//! every storage engine.

/// How quickly further appearances of a term stop to matter.
const SATURATION: f64 = 1.2;
/// How much a long passage is discounted, from 0 to 1.
const LENGTH_PENALTY: f64 = 0.5;
/// A term in the title counts as often as this in the text.
const TITLE_WEIGHT: f64 = 2.5;
/// A term in the heading path counts as often as this in the text.
const HEADING_WEIGHT: f64 = 1.5;
/// A small collection says little about which words are rare: as if so many more passages, about other things, were in it.
const OTHER_PASSAGES: f64 = 40.0;

/// The collection that is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// Passages in it.
    pub passages: u64,
    /// Terms in their texts, all together.
    pub words: u64,
}

/// A term of the question, after correction of its spelling.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchTerm {
    /// What is looked up.
    pub term: String,
    /// How much it says about the subject ([`super::QueryTerm::weight`]).
    pub weight: f64,
    /// How sure it is that this word was meant: 1 as typed, less when corrected.
    pub confidence: f64,
    /// Passages that contain it.
    pub found_in: u64,
}

/// The terms of a passage, separated by single spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// Of the article's title.
    pub title: &'a str,
    /// Of the heading path.
    pub heading: &'a str,
    /// Of the text, with repetitions.
    pub text: &'a str,
}

/// How rare a term is: the weight of a match.
pub fn rarity(collection: Collection, found_in: u64) -> f64 {
    let passages = as_f64(collection.passages) + OTHER_PASSAGES;
    let found_in = as_f64(found_in).min(passages);
    (1.0 + (passages - found_in + 0.5) / (found_in + 0.5)).ln()
}

/// How well a passage answers the question, from 0 (not at all) to below 1 (everything, in the title).
///
/// This is BM25 divided by what a passage would get that has every term endlessly often, so that a
/// threshold means the same for short and long questions.
pub fn relevance(collection: Collection, terms: &[SearchTerm], document: Document<'_>) -> f64 {
    let length = as_f64(count(document.text));
    let average = as_f64(collection.words) / as_f64(collection.passages.max(1));
    let stretch = if average > 0.0 {
        1.0 - LENGTH_PENALTY + LENGTH_PENALTY * length / average
    } else {
        1.0
    };
    let mut reached = 0.0;
    let mut possible = 0.0;
    for term in terms {
        let weight = term.weight * rarity(collection, term.found_in);
        possible += weight;
        let in_title = appearances(document.title, &term.term).min(1.0);
        let in_heading = appearances(document.heading, &term.term).min(1.0);
        // A heading that repeats the title is no second hint.
        let above = (TITLE_WEIGHT * in_title).max(HEADING_WEIGHT * in_heading);
        let often = above + appearances(document.text, &term.term) / stretch;
        reached += weight * term.confidence * often / (SATURATION + often);
    }
    if possible > 0.0 {
        reached / possible
    } else {
        0.0
    }
}

fn appearances(terms: &str, wanted: &str) -> f64 {
    as_f64(terms.split(' ').filter(|term| *term == wanted).count() as u64)
}

fn count(terms: &str) -> u64 {
    terms.split(' ').filter(|term| !term.is_empty()).count() as u64
}

/// Counts here are far below 2^52, where the conversion would begin to round.
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTION: Collection = Collection {
        passages: 100,
        words: 5000,
    };

    fn term(term: &str, found_in: u64) -> SearchTerm {
        SearchTerm {
            term: term.to_owned(),
            weight: 1.0,
            confidence: 1.0,
            found_in,
        }
    }

    fn score(terms: &[SearchTerm], title: &str, heading: &str, text: &str) -> f64 {
        let document = Document {
            title,
            heading,
            text,
        };
        relevance(COLLECTION, terms, document)
    }

    #[test]
    fn rare_terms_count_more() {
        let terms = [term("common", 90), term("rare", 2)];
        assert!(score(&terms, "", "", "rare a b") > score(&terms, "", "", "common a b"));
    }

    #[test]
    fn title_beats_heading_beats_text() {
        let terms = [term("queu", 5)];
        let words = "x ".repeat(50);
        let title = score(&terms, "queu", "", &words);
        let heading = score(&terms, "", "queu", &words);
        let text = score(&terms, "", "", &format!("queu {words}"));
        assert!(title > heading && heading > text && text > 0.0);
    }

    #[test]
    fn all_terms_beat_one_term_often() {
        let terms = [term("a", 5), term("b", 5)];
        assert!(score(&terms, "", "", "a b x x") > score(&terms, "", "", "a a a a"));
    }

    #[test]
    fn stays_between_nothing_and_one() {
        let terms = [term("a", 0), term("b", 1000)];
        let most = score(&terms, "a b", "a b", &"a b ".repeat(1000));
        assert!(most > 0.5 && most < 1.0, "{most}");
        assert_eq!(score(&terms, "", "", "x y"), 0.0);
        assert_eq!(score(&[], "a", "a", "a"), 0.0);
        let nothing = Document {
            title: "",
            heading: "",
            text: "",
        };
        assert_eq!(relevance(Collection::default(), &terms, nothing), 0.0);
    }
}
