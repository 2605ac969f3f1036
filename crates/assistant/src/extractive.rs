//! The answerer without a language model: quotes what the project's articles say, with their titles and links, and says
//! so. The same question and passages always give the same answer.

mod context;
mod excerpt;
mod quotation;
#[cfg(test)]
mod tests;

pub use context::query;

use crate::knowledge::{Origin, Passage};
use excerpt::{Interest, excerpt};
use model::messages::Source;
use model::text::{Query, Token, tokens};
use quotation::{escaped, link_target, quotation};

/// Passages below this score hardly touch the question; a language model is not bothered with them either.
pub(crate) const WORTH_READING: f64 = 0.08;
/// Passages below this score are no answer.
const ANSWERS: f64 = 0.16;
/// From this score on the answer is given without reserve.
const SURE: f64 = 0.26;
/// Further passages are quoted if they are almost as good as the best: at least this part of its score.
const ALMOST_AS_GOOD: f64 = 0.92;
/// Most passages in one answer.
const QUOTES_MAX: usize = 3;
/// Most titles in a list of what can be asked about.
const TITLES_MAX: usize = 8;
/// Longest repetition of the question's subject, in code points.
const SUBJECT_MAX: usize = 80;

/// What can be done when the answer is not good enough.
const OFFER: &str = "If that does not help, write `/ticket`, and a person will look at it.";
const NO_MODEL: &str =
    "*No language model is configured, so I can only quote this project's articles.*";
const NO_MODEL_BUT_MACROS: &str = "*No language model is configured, so I can only quote this project's articles and \
                                   what its team has prepared.*";
/// Stands behind the name of a macro, which is no article.
const PREPARED: &str = "prepared by the team";

/// An answer made of quotations.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractiveAnswer {
    /// Markdown.
    pub text: String,
    /// What is quoted, in the order of the quotations, each once. Empty when nothing fits.
    pub sources: Vec<Source>,
}

/// Answers a question from the passages that [`retrieve`](crate::knowledge::retrieve) found for it.
pub fn answer(question: &str, previous: Option<&str>, passages: &[Passage]) -> ExtractiveAnswer {
    answer_or_offer(question, previous, passages, false)
}

/// As [`answer`]; where the answer may not be good enough it says how to reach a person, if they can be reached.
pub(crate) fn answer_or_offer(
    question: &str,
    previous: Option<&str>,
    passages: &[Passage],
    offers_ticket: bool,
) -> ExtractiveAnswer {
    let offer = if offers_ticket {
        format!("\n\n{OFFER}")
    } else {
        String::new()
    };
    let query = query(question, previous);
    if !query.asks {
        return without_sources(&what_can_be_asked(passages));
    }
    let quoted = worth_quoting(passages);
    let Some(best) = quoted.first() else {
        return without_sources(&format!("{}{offer}", nothing_found(question)));
    };
    let is_sure = best.score >= SURE;
    let mut text = String::from(if is_sure {
        "This is what I found in the knowledge of this project:"
    } else {
        "I am not sure that this answers the question, but it is the closest I found in the knowledge of this project:"
    });
    let interest = Interest::new(&query, passages);
    let mut sources: Vec<Source> = Vec::new();
    let mut cited = None;
    let no_model = match quoted.iter().all(|passage| is_article(passage)) {
        true => NO_MODEL,
        false => NO_MODEL_BUT_MACROS,
    };
    for passage in quoted {
        let source = passage.to_source();
        if cited.as_ref() != Some(&source) {
            text.push_str("\n\n");
            text.push_str(&citation(passage));
        }
        text.push_str("\n\n");
        text.push_str(&quotation(excerpt(&interest.under(passage), &passage.text)));
        if !sources.contains(&source) {
            sources.push(source.clone());
        }
        cited = Some(source);
    }
    if !is_sure {
        text.push_str(&offer);
    }
    text.push_str("\n\n");
    text.push_str(no_model);
    ExtractiveAnswer { text, sources }
}

fn is_article(passage: &Passage) -> bool {
    matches!(passage.origin, Origin::Article(_))
}

/// The sentences of a passage that matter for a question, as plain text.
pub(crate) fn excerpt_of(query: &Query, passage: &Passage) -> String {
    let interest = Interest::new(query, &[]).under(passage);
    excerpt(&interest, &passage.text).to_owned()
}

/// The answer in pieces for streaming: words with the white space after them. Together they are exactly the text.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut in_space = false;
    for (at, c) in text.char_indices() {
        if in_space && !c.is_whitespace() {
            pieces.push(&text[start..at]);
            start = at;
        }
        in_space = c.is_whitespace();
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

fn without_sources(text: &str) -> ExtractiveAnswer {
    ExtractiveAnswer {
        text: format!("{text}\n\n{NO_MODEL}"),
        sources: Vec::new(),
    }
}

/// The passages to quote, best first, those of one article together.
fn worth_quoting(passages: &[Passage]) -> Vec<&Passage> {
    let Some(best) = passages.first().filter(|best| best.score >= ANSWERS) else {
        return Vec::new();
    };
    let bar = (best.score * ALMOST_AS_GOOD).max(ANSWERS);
    let good: Vec<&Passage> = passages
        .iter()
        .filter(|passage| passage.score >= bar)
        .take(QUOTES_MAX)
        .collect();
    let mut origins: Vec<&Origin> = Vec::new();
    for passage in &good {
        if !origins.contains(&&passage.origin) {
            origins.push(&passage.origin);
        }
    }
    let of_origin = |origin: &&Origin| -> Vec<&Passage> {
        good.iter()
            .copied()
            .filter(|passage| passage.origin == **origin)
            .collect()
    };
    origins.iter().flat_map(of_origin).collect()
}

fn what_can_be_asked(passages: &[Passage]) -> String {
    let mut titles: Vec<&str> = Vec::new();
    for passage in passages {
        if !titles.contains(&passage.title.as_str()) {
            titles.push(&passage.title);
        }
    }
    if titles.is_empty() {
        return "I answer questions from the articles of this project, but it has none yet."
            .to_owned();
    }
    let mut text = String::from(
        "I answer questions from the articles of this project. You can ask me, for example, about:\n",
    );
    for title in titles.into_iter().take(TITLES_MAX) {
        text.push_str("\n- ");
        text.push_str(&escaped(title));
    }
    text
}

fn nothing_found(question: &str) -> String {
    match subject(question) {
        Some(subject) => format!(
            "I found nothing about {} in the knowledge of this project.",
            escaped(&subject)
        ),
        None => "I found nothing about that in the knowledge of this project.".to_owned(),
    }
}

/// What the question is about, in its own words: from its first word with a meaning to its last.
fn subject(question: &str) -> Option<String> {
    let line = question.split_whitespace().collect::<Vec<_>>().join(" ");
    let strong = |token: &Token| {
        Query::new(&line[token.range.clone()])
            .terms
            .iter()
            .any(|term| term.weight >= 1.0)
    };
    let words: Vec<Token> = tokens(&line).filter(strong).collect();
    let subject = &line[words.first()?.range.start..words.last()?.range.end];
    if subject.chars().count() <= SUBJECT_MAX {
        return Some(format!("“{subject}”"));
    }
    // A long text is represented by its beginning.
    let cut: String = subject.chars().take(SUBJECT_MAX).collect();
    let cut = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(before, _)| before);
    Some(format!("“{cut} …”"))
}

/// The article's title, linked if there is a link, and the heading; of a macro, what it is.
fn citation(passage: &Passage) -> String {
    let title = escaped(&passage.title);
    let title = match &passage.url {
        Some(url) => format!("**[{title}]({})**", link_target(url)),
        None => format!("**{title}**"),
    };
    match (&passage.origin, &passage.heading) {
        (Origin::Macro(_), _) => format!("{title} › {PREPARED}"),
        (_, Some(heading)) => format!("{title} › {}", escaped(heading)),
        (_, None) => title,
    }
}
