//! What search and quotation need to know about text: words, their folded and stemmed forms, sentences,
//! and the passages an article is cut into.
//!
//! The same [`terms`] are written into the index and looked up in it, on both storage engines, so what is
//! found never depends on a database's own idea of a word. The order of what is found is computed by
//! [`rank`], for the same reason.

mod fold;
pub mod markdown;
pub mod passages;
pub mod query;
pub mod rank;
mod sentences;
mod spelling;
mod stem;
mod stopwords;
mod synonyms;
mod words;

pub use fold::fold;
pub use passages::{Passage, below_title, passages};
pub use query::{Query, QueryTerm};
pub use sentences::{Unit, units};
pub use spelling::{correction, edit_distance};
pub use stem::stem;
pub use synonyms::synonyms;
pub use words::{Token, terms, tokens, word_count};

#[cfg(test)]
mod properties;
