//! The order of search results: BM25 over title, headings and text, computed here so that it is the same on
//! every storage engine.

use std::collections::BTreeMap;

/// How quickly further appearances of a term stop to matter.
const SATURATION: f64 = 1.2;
/// How much a passage that is longer than the average is discounted, from 0 to 1.
const LENGTH_PENALTY: f64 = 0.5;
/// A term in the title counts as often as this in the text.
const TITLE_WEIGHT: f64 = 2.5;
/// A term in the heading path counts as often as this in the text.
const HEADING_WEIGHT: f64 = 1.5;
/// A small collection says little about which words are rare: as if so many more articles, about other things, were
/// in it.
const OTHER_ARTICLES: f64 = 10.0;
/// In the beginning of an article its title weighs so much more: what answers the title stands there.
const OPENING_FACTOR: f64 = 1.2;
/// The part of a passage's relevance that comes from the whole of its article.
const ARTICLE_SHARE: f64 = 0.25;

/// The collection that is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// Articles in it.
    pub articles: u64,
    /// Passages in it.
    pub passages: u64,
    /// Terms in their texts, all together.
    pub words: u64,
}

/// What is looked up for one term of the question.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchTerm {
    /// How much it says about the subject ([`super::QueryTerm::weight`]).
    pub weight: f64,
    /// Articles that contain one of its [`forms`](Self::forms).
    pub found_in: u64,
    /// The term itself or its correction, and its synonyms.
    pub forms: Vec<Form>,
}

/// A term that may stand for what was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// As in the index.
    pub term: String,
    /// How sure it is that this was meant: 1 as typed, less when it was corrected or is a synonym.
    pub confidence: f64,
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
    /// It is the beginning of its article.
    pub opens: bool,
}

/// How rare a term is that is in so many articles: the weight of a match.
pub fn rarity(collection: Collection, found_in: u64) -> f64 {
    let articles = as_f64(collection.articles) + OTHER_ARTICLES;
    let found_in = as_f64(found_in).min(articles);
    (1.0 + (articles - found_in + 0.5) / (found_in + 0.5)).ln()
}

/// How well each passage answers the question, from 0 (not at all) to below 1 (everything, in the title).
///
/// This is BM25 divided by what a passage would get that has every term endlessly often, so that a threshold means
/// the same for short and long questions. The rest of an article counts too: of two equal passages the one whose
/// article has more to say about the question is better.
pub fn relevance<A: Ord + Copy>(
    collection: Collection,
    terms: &[SearchTerm],
    passages: &[(A, Document<'_>)],
) -> Vec<f64> {
    let weights: Vec<f64> = terms
        .iter()
        .map(|term| term.weight * rarity(collection, term.found_in))
        .collect();
    let possible: f64 = weights.iter().sum();
    let average = as_f64(collection.words) / as_f64(collection.passages.max(1));
    let matches: Vec<Vec<f64>> = passages
        .iter()
        .map(|(_, document)| matches(terms, *document, average))
        .collect();

    let mut articles: BTreeMap<A, Vec<f64>> = BTreeMap::new();
    for ((article, _), matches) in passages.iter().zip(&matches) {
        let best = articles
            .entry(*article)
            .or_insert_with(|| vec![0.0; terms.len()]);
        for (best, found) in best.iter_mut().zip(matches) {
            *best = best.max(*found);
        }
    }
    let part = |matches: &[f64]| {
        let reached: f64 = weights.iter().zip(matches).map(|(w, m)| w * m).sum();
        if possible > 0.0 {
            reached / possible
        } else {
            0.0
        }
    };
    passages
        .iter()
        .zip(&matches)
        .map(|((article, _), matches)| {
            let whole = articles.get(article).map_or(0.0, |best| part(best));
            (1.0 - ARTICLE_SHARE) * part(matches) + ARTICLE_SHARE * whole
        })
        .collect()
}

/// How much of its weight each term contributes to a passage, from 0 to below 1.
fn matches(terms: &[SearchTerm], document: Document<'_>, average: f64) -> Vec<f64> {
    let length = as_f64(count(document.text));
    let stretch = if average > 0.0 {
        1.0 - LENGTH_PENALTY + LENGTH_PENALTY * (length / average).max(1.0)
    } else {
        1.0
    };
    let of_form = |form: &Form| form.confidence * saturation(document, &form.term, stretch);
    terms
        .iter()
        .map(|term| term.forms.iter().map(of_form).fold(0.0, f64::max))
        .collect()
}

/// How much of its weight a term contributes, from 0 (not there) to below 1.
fn saturation(document: Document<'_>, term: &str, stretch: f64) -> f64 {
    let in_title = appearances(document.title, term).min(1.0);
    let in_heading = appearances(document.heading, term).min(1.0);
    // A heading that repeats the title is no second hint.
    let opening = if document.opens { OPENING_FACTOR } else { 1.0 };
    let above = (opening * TITLE_WEIGHT * in_title).max(HEADING_WEIGHT * in_heading);
    let often = above + appearances(document.text, term) / stretch;
    often / (SATURATION + often)
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
        articles: 100,
        passages: 100,
        words: 5000,
    };

    fn term(term: &str, found_in: u64) -> SearchTerm {
        SearchTerm {
            weight: 1.0,
            found_in,
            forms: vec![Form {
                term: term.to_owned(),
                confidence: 1.0,
            }],
        }
    }

    fn score(terms: &[SearchTerm], title: &str, heading: &str, text: &str) -> f64 {
        let document = Document {
            title,
            heading,
            text,
            opens: false,
        };
        relevance(COLLECTION, terms, &[(0, document)])[0]
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
    fn the_best_form_counts() {
        let mut terms = [term("reply", 5)];
        terms[0].forms.push(Form {
            term: "answer".to_owned(),
            confidence: 0.5,
        });
        let typed = score(&terms, "", "", "reply x");
        let synonym = score(&terms, "", "", "answer x");
        assert!(typed > synonym && synonym > 0.0);
        assert_eq!(
            score(&terms, "", "", "reply x"),
            score(&terms, "", "", "reply answer")
        );
    }

    #[test]
    fn a_title_is_answered_in_the_opening() {
        let terms = [term("queu", 5)];
        let passage = |opens| Document {
            title: "queu",
            heading: "",
            text: "x y z",
            opens,
        };
        let found = relevance(
            COLLECTION,
            &terms,
            &[(1, passage(false)), (1, passage(true))],
        );
        assert!(found[1] > found[0]);
    }

    #[test]
    fn the_rest_of_the_article_counts_a_little() {
        let terms = [term("a", 5), term("b", 5)];
        let document = |text| Document {
            title: "",
            heading: "",
            text,
            opens: false,
        };
        let passages = [
            (1, document("a x")),
            (2, document("a x")),
            (2, document("b x")),
            (3, document("a b")),
        ];
        let found = relevance(COLLECTION, &terms, &passages);
        assert!(found[1] > found[0] && found[3] > found[1], "{found:?}");
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
            opens: false,
        };
        assert_eq!(
            relevance(Collection::default(), &terms, &[(0, nothing)]),
            [0.0]
        );
    }
}
