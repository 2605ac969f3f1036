//! Who answers: a language model, or the extractive answerer that quotes the project's knowledge.

use crate::extractive;
use crate::knowledge::Passage;
use crate::prompt::Prompt;
use llm::{ChatEvent, ChatStream, Completion, Finish, Provider, Usage};
use model::messages::Source;
use std::time::Duration;

/// Who answers.
#[derive(Clone)]
pub enum Answerer {
    /// A language model behind an HTTP API.
    Model(Provider),
    /// The best passages of the project's knowledge, quoted and cited. Deterministic, no network.
    Extractive {
        /// Pause between words; zero but for demonstrations.
        pace: Duration,
    },
}

/// An answer being given.
pub(crate) enum Answer {
    Model {
        stream: Box<ChatStream>,
        cited_from: Vec<Passage>,
    },
    Extractive {
        pieces: std::vec::IntoIter<String>,
        pace: Duration,
        sources: Vec<Source>,
        text: String,
    },
}

impl Answerer {
    /// Begins an answer. For a model this waits until it has accepted the request.
    pub(crate) async fn begin(&self, prompt: Prompt) -> Result<Answer, llm::Error> {
        match self {
            Self::Model(provider) => {
                let stream = Box::new(provider.stream(&prompt.request).await?);
                Ok(Answer::Model {
                    stream,
                    cited_from: prompt.passages,
                })
            }
            Self::Extractive { pace } => {
                let answer = extractive::answer_or_offer(
                    &prompt.question,
                    prompt.previous.as_deref(),
                    &prompt.passages,
                    prompt.offers_ticket,
                );
                let pieces = extractive::pieces(&answer.text)
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>();
                Ok(Answer::Extractive {
                    pieces: pieces.into_iter(),
                    pace: *pace,
                    sources: answer.sources,
                    text: answer.text,
                })
            }
        }
    }
}

impl Answer {
    /// The next event; `None` after the last. Dropping the answer stops it. Cancel-safe for a model; an extractive
    /// answer loses nothing but its pause.
    pub(crate) async fn next(&mut self) -> Option<Result<ChatEvent, llm::Error>> {
        match self {
            Self::Model { stream, .. } => stream.next().await,
            Self::Extractive {
                pieces, pace, text, ..
            } => {
                if !pace.is_zero() {
                    tokio::time::sleep(*pace).await;
                }
                let event = match pieces.next() {
                    Some(piece) => ChatEvent::Text(piece),
                    None => ChatEvent::Finished(Completion {
                        text: std::mem::take(text),
                        tool_calls: Vec::new(),
                        finish: Finish::Stop,
                        usage: Usage::default(),
                    }),
                };
                Some(Ok(event))
            }
        }
    }

    /// The knowledge the finished answer rests on: for a model, the passages it cites by their numbers.
    pub(crate) fn sources(&self, text: &str) -> Vec<Source> {
        match self {
            Self::Extractive { sources, .. } => sources.clone(),
            Self::Model { cited_from, .. } => cited_from
                .iter()
                .zip(1..)
                .filter(|(_, number)| text.contains(&format!("[{number}]")))
                .map(|(passage, _)| passage.to_source())
                .collect(),
        }
    }
}
