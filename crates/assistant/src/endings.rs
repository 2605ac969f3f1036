//! How a turn ends when the model does not simply finish: a failure, a limit, a cut.

use crate::call::Said;
use crate::commit::Step;
use crate::engine::Engine;
use llm::Usage;
use model::MessageId;
use model::messages::{Ai, Body, Interrupted, Message, Meta, Source};
use model::turns::TurnStatus;
use store::turns::Turn;

impl Engine {
    /// A model that has said nothing at all.
    pub(crate) fn said_nothing(&self, usage: Usage) -> Step {
        let text = "The assistant gave no answer. Please try again, perhaps in other words.";
        let failure = Message::failure(MessageId(self.0.env.uuid()), text);
        Step {
            messages: vec![failure],
            usage: Some(usage),
            end: Some(TurnStatus::Failed),
            ..Step::default()
        }
    }

    /// A failure the user can see; what was said before it is kept (ai-conversations.md 5.7).
    pub(crate) fn failed(&self, turn: &Turn, said: Said, error: &llm::Error) -> Step {
        tracing::warn!(%error, conversation = %turn.key.conversation_id, turn = turn.key.number, "the model failed");
        metrics::counter!("thicket_turns_failed_total").increment(1);
        let text = match error {
            llm::Error::TooLong { .. } => {
                "This conversation has become too long for the model. Please start a new one."
            }
            llm::Error::Unavailable { .. } | llm::Error::BadStream(_) => {
                "The assistant is temporarily unavailable. Please try again in a moment."
            }
            llm::Error::Api { .. } | llm::Error::Config(_) => {
                "The assistant cannot answer at the moment. Please tell the people who run this service."
            }
        };
        self.closing(said, text)
    }

    /// The last step of a turn that did not come to its end: what was said, marked as cut, and a failure.
    pub(crate) fn closing(&self, said: Said, text: &str) -> Step {
        let mut messages = Vec::new();
        messages.extend(self.cut(said, Interrupted::Failed));
        messages.push(Message::failure(MessageId(self.0.env.uuid()), text));
        Step {
            messages,
            end: Some(TurnStatus::Failed),
            ..Step::default()
        }
    }

    /// A partial answer as a final message that says why it ends where it does; nothing when nothing was said.
    pub(crate) fn cut(&self, said: Said, why: Interrupted) -> Option<Message> {
        self.cut_with(said, why, Vec::new())
    }

    fn cut_with(&self, said: Said, why: Interrupted, sources: Vec<Source>) -> Option<Message> {
        if said.text.is_empty() {
            return None;
        }
        let thinking = Meta::thinking_blocks(&said.thinking);
        let meta = Meta {
            interrupted: Some(why),
            sources,
            thinking,
            ..Meta::default()
        };
        let ai = Ai {
            content: said.text,
            meta: Some(meta),
            tool_calls: Vec::new(),
        };
        Some(Message {
            id: Some(MessageId(self.0.env.uuid())),
            body: Body::Ai(ai),
        })
    }

    /// As many model calls as one turn may make.
    pub(crate) fn step_limit_reached(&self) -> Step {
        let text = "I have taken many steps on this and am not done yet. Shall I go on?";
        let question = Message::ai(MessageId(self.0.env.uuid()), text);
        Step {
            messages: vec![question],
            end: Some(TurnStatus::Done),
            ..Step::default()
        }
    }

    /// An answer that reached the longest length that a model may write. What there is of it is kept and marked as cut;
    /// the user is told, and may have it go on.
    pub(crate) fn too_long(&self, said: Said, sources: Vec<Source>, usage: Usage) -> Step {
        let (messages, end) = match self.cut_with(said, Interrupted::Length, sources) {
            Some(cut) => {
                let text = "This answer has reached the longest length that one answer may have, so it ends here. \
                            Shall I go on?";
                let question = Message::ai(MessageId(self.0.env.uuid()), text);
                (vec![cut, question], TurnStatus::Done)
            }
            None => {
                let text = "The assistant reached the longest length that one answer may have before it could \
                            answer. Please ask for less at a time.";
                let failure = Message::failure(MessageId(self.0.env.uuid()), text);
                (vec![failure], TurnStatus::Failed)
            }
        };
        Step {
            messages,
            usage: Some(usage),
            end: Some(end),
            ..Step::default()
        }
    }
}
