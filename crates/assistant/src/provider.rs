//! Who answers, as the settings page tells it, and whether they can be reached.

use crate::Error;
use crate::answerer::Answerer;
use crate::engine::Engine;
use crate::knowledge::{self, Shelf};
use llm::{Cause, ChatMessage, ChatRequest, Patience};
use model::ProjectId;
use std::time::Duration;
use tokio::time::Instant;

/// How long the model may take for the test.
const LIMIT: Duration = Duration::from_secs(20);
/// Tokens its answer may take: enough for a word, also of a model that thinks first.
const TOKENS: u32 = 64;

/// Who answers. No secrets, no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFacts {
    /// `openai`, `anthropic` or `extractive`.
    pub provider: &'static str,
    /// The model's name there.
    pub model: Option<String>,
    /// Whether a language model answers.
    pub is_configured: bool,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTest {
    /// How long it took.
    pub latency: Duration,
    /// What was wrong.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a model, sorted by what somebody can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No answer in time.
    Timeout,
    /// 429.
    RateLimit,
    /// 401 or 403.
    Unauthorized,
    /// 404.
    NotFound,
    /// Another refusal.
    Rejected,
    /// No connection, 5xx, or an answer that is none.
    Unavailable,
}

impl Trouble {
    /// Sorts an error.
    pub fn of(error: &llm::Error) -> Self {
        match error {
            llm::Error::Unavailable { cause, .. } => match cause {
                Cause::Timeout => Self::Timeout,
                Cause::RateLimit => Self::RateLimit,
                Cause::Trouble => Self::Unavailable,
            },
            llm::Error::Api { status, .. } => match status {
                401 | 403 => Self::Unauthorized,
                404 => Self::NotFound,
                _ => Self::Rejected,
            },
            llm::Error::TooLong { .. } => Self::Rejected,
            llm::Error::BadStream(_) | llm::Error::Config(_) => Self::Unavailable,
        }
    }

    /// The word that clients match on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::RateLimit => "rate_limit",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Timeout => "The model did not answer within 20 seconds.",
            Self::RateLimit => {
                "The model's provider refuses more requests for now, or the account's quota is used up."
            }
            Self::Unauthorized => {
                "The model's provider refuses the key: check THICKET_LLM_API_KEY."
            }
            Self::NotFound => {
                "The provider knows no such address or model: check THICKET_LLM_BASE_URL, which often ends in /v1, and THICKET_LLM_MODEL."
            }
            Self::Rejected => {
                "The provider refuses the request. The server's log names its error code."
            }
            Self::Unavailable => {
                "The provider cannot be reached, or does not answer as it should. The server's log says more."
            }
        }
    }
}

impl Engine {
    /// Who answers.
    pub fn provider(&self) -> ProviderFacts {
        match &self.0.config.answerer {
            Answerer::Model(provider) => ProviderFacts {
                provider: provider.name(),
                model: Some(provider.model().to_owned()),
                is_configured: true,
            },
            Answerer::Extractive { .. } => ProviderFacts {
                provider: "extractive",
                model: None,
                is_configured: false,
            },
        }
    }

    /// Makes one tiny call of the model; without one, looks something up in the project's knowledge.
    ///
    /// # Errors
    /// When the store fails. A model that fails is no error here.
    pub async fn test_provider(&self, project: ProjectId) -> Result<ProviderTest, Error> {
        let begun = Instant::now();
        let trouble = match &self.0.config.answerer {
            Answerer::Extractive { .. } => {
                let shelf = Shelf::Articles;
                knowledge::retrieve(&self.0.store, project, "help", None, shelf, 1).await?;
                None
            }
            Answerer::Model(provider) => {
                let request = ChatRequest {
                    system: String::new(),
                    messages: vec![ChatMessage::User {
                        content: "Answer with the word OK.".into(),
                    }],
                    tools: Vec::new(),
                    max_output_tokens: Some(TOKENS),
                };
                let patience = Patience {
                    limit: LIMIT,
                    pauses: Vec::new(),
                };
                match provider.complete_within(&request, &patience).await {
                    Ok(_) => None,
                    Err(error) => {
                        tracing::warn!(%error, "the test of the model failed");
                        Some(Trouble::of(&error))
                    }
                }
            }
        };
        Ok(ProviderTest {
            latency: begun.elapsed(),
            trouble,
        })
    }
}
