//! The turn: ask the model, write what it says, carry out its calls, ask again, until it answers without calling.

use crate::call::{Called, Said, call};
use crate::commit::{Committed, Fence, Step, commit_step, patiently};
use crate::engine::{Engine, RunLimits, Ticket};
use crate::escalate;
use crate::knowledge::{self, Passage, Shelf};
use crate::prompt::{self, Material};
use crate::tools::{TicketTool, carry_out};
use llm::{Completion, Finish};
use model::MessageId;
use model::contextual_tools::{self, ContextualTool};
use model::messages::{Ai, Body, Message, Meta, Source, ToolCall};
use model::settings::ProjectSettings;
use model::turns::{TurnKind, TurnStatus};
use serde_json::{Map, Value};
use std::sync::Arc;
use store::messages;
use store::turns::Turn;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Messages read for a prompt: more than any token budget holds.
const HISTORY_MESSAGES: i64 = 400;

/// What a turn knows from its beginning on.
struct Brief {
    tools: Vec<ContextualTool>,
    tool_context: Map<String, Value>,
    settings: ProjectSettings,
    /// The model may open a ticket.
    offers_ticket: bool,
    limits: RunLimits,
    deadline: Instant,
}

impl Engine {
    /// Runs a turn, and the queued turns that follow it.
    pub(crate) async fn run_to_the_end(&self, turn: Turn, ticket: Ticket) {
        let mut next = Some((turn, ticket));
        while let Some((turn, ticket)) = next.take() {
            let key = turn.key;
            let trace = tracing::debug_span!(
                target: "otel", "turn", thicket.project = %key.project_id,
                gen_ai.conversation.id = %key.conversation_id, thicket.turn = key.number,
            );
            match self.run_turn(turn, &ticket).instrument(trace).await {
                Ok(Some(committed)) => next = self.hand_on(committed, &ticket),
                Ok(None) => {
                    tracing::debug!(conversation = %key.conversation_id, turn = key.number, "turn left")
                }
                Err(error) => {
                    tracing::error!(%error, conversation = %key.conversation_id, turn = key.number,
                        "a turn could not be written; it will be taken over");
                }
            }
        }
    }

    /// Tells readers of a turn's end, and gives the turn that begins with it.
    pub(crate) fn hand_on(&self, committed: Committed, ticket: &Ticket) -> Option<(Turn, Ticket)> {
        let next = committed.next.map(|(begun, next_ticket)| {
            metrics::counter!("thicket_turns_started_total").increment(1);
            next_ticket.feed.publish(&begun.frames, None);
            (begun.turn, next_ticket)
        });
        ticket.feed.publish(&committed.frames, committed.end);
        next
    }

    /// Runs one turn. Gives its last step; nothing when it was stopped or is no longer ours.
    async fn run_turn(
        &self,
        turn: Turn,
        ticket: &Ticket,
    ) -> Result<Option<Committed>, store::Error> {
        let fence = Fence::of(&turn);
        let brief = self.brief(&turn).await?;
        let mut passages: Option<Vec<Passage>> = None;
        let mut steps = turn.steps;
        loop {
            if steps >= brief.limits.steps {
                return self.commit(fence, self.step_limit_reached()).await;
            }
            steps += 1;
            let history = self.history(&turn).await?;
            if let Some(said) = commanded_ticket(&turn, &history) {
                let step = self.ticket_step(said, &brief.settings);
                return self.commit(fence, step).await;
            }
            let known = match passages.clone() {
                Some(known) => known,
                None => passages
                    .insert(self.knowledge_for(&turn, &history, &brief).await?)
                    .clone(),
            };
            let prompt = prompt::build(Material {
                history: &history,
                passages: known,
                ui_context: turn.options.ui_context.as_ref(),
                tools: &brief.tools,
                tool_context: &brief.tool_context,
                kind: turn.kind,
                agent_mode: turn.options.agent_mode.as_deref(),
                offers_ticket: brief.offers_ticket,
                history_tokens: self.0.config.history_tokens,
            });
            let on_first_text = || self.title_in_the_background(&turn, &history);
            let asking = call(
                &self.0,
                ticket,
                fence,
                prompt,
                brief.deadline,
                on_first_text,
            );
            let facts = self.provider();
            let trace = tracing::debug_span!(
                target: "otel", "answer", otel.kind = "client", gen_ai.provider.name = facts.provider,
                gen_ai.request.model = facts.model,
            );
            let step = match asking.instrument(trace).await? {
                Called::Stopped => return Ok(None),
                Called::Failed { said, error } => self.failed(&turn, said, &error),
                Called::Finished {
                    said,
                    completion,
                    sources,
                } => self.answered(said, completion, sources, &brief, &history),
            };
            match self.commit(fence, step).await? {
                None => return Ok(None),
                Some(committed) if committed.end.is_some() => return Ok(Some(committed)),
                Some(committed) => ticket.feed.publish(&committed.frames, None),
            }
        }
    }

    async fn brief(&self, turn: &Turn) -> Result<Brief, store::Error> {
        let project = turn.key.project_id;
        let found = self
            .0
            .store
            .read(move |c| Box::pin(store::projects::find(c, project)))
            .await?;
        let settings = found.ok_or(store::Error::NoRow)?.settings;
        let config = &self.0.config;
        let limits = match turn.kind {
            TurnKind::Chat => config.chat,
            TurnKind::Research => config.research,
        };
        // Research takes neither the page's tools nor a mode (ai-conversations.md 4.5).
        let (tools, tool_context) = match (turn.kind, &turn.options.contextual_tools) {
            (TurnKind::Chat, Some(tools)) => contextual_tools::split(tools),
            _ => Default::default(),
        };
        let spent = self.0.env.now().since(turn.started_at);
        // A tool of the page's by that name is the page's.
        let is_free = tools.iter().all(|tool| tool.name != escalate::TOOL);
        let offers_ticket =
            turn.kind == TurnKind::Chat && is_free && escalate::is_offered(&settings);
        Ok(Brief {
            tools,
            tool_context,
            settings,
            offers_ticket,
            limits,
            deadline: Instant::now() + limits.time.saturating_sub(spent),
        })
    }

    /// The newest messages, in any case as far back as the newest question: a turn may have done a lot since.
    async fn history(&self, turn: &Turn) -> Result<Vec<Message>, store::Error> {
        let key = turn.key;
        let recent = self
            .0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let (project, id) = (key.project_id, key.conversation_id);
                    let mut limit = HISTORY_MESSAGES;
                    loop {
                        let recent = messages::list_recent(c, project, id, limit).await?;
                        let is_question = |it: &messages::StoredMessage| {
                            matches!(it.message.body, Body::Human(_))
                        };
                        let is_all = i64::try_from(recent.len()).is_ok_and(|found| found < limit);
                        if is_all || recent.iter().any(is_question) {
                            return Ok::<_, store::Error>(recent);
                        }
                        limit *= 4;
                    }
                })
            })
            .await?;
        Ok(recent.into_iter().map(|stored| stored.message).collect())
    }

    async fn knowledge_for(
        &self,
        turn: &Turn,
        history: &[Message],
        brief: &Brief,
    ) -> Result<Vec<Passage>, store::Error> {
        let questions: Vec<&str> = history
            .iter()
            .rev()
            .filter_map(|message| match &message.body {
                Body::Human(human) => Some(human.content.as_str()),
                _ => None,
            })
            .take(2)
            .collect();
        let Some(question) = questions.first() else {
            return Ok(Vec::new());
        };
        knowledge::retrieve(
            &self.0.store,
            turn.key.project_id,
            question,
            questions.get(1).copied(),
            Shelf::of(&brief.settings),
            brief.limits.passages,
        )
        .await
    }

    /// An answer: with calls the turn goes on or waits, without it ends.
    fn answered(
        &self,
        said: Said,
        completion: Completion,
        sources: Vec<Source>,
        brief: &Brief,
        history: &[Message],
    ) -> Step {
        if completion.finish == Finish::Length {
            // Calls among it may be cut in the middle of their arguments: none is carried out.
            return self.too_long(said, sources, completion.usage);
        }
        let id = MessageId(self.0.env.uuid());
        let calls: Vec<ToolCall> = completion
            .tool_calls
            .into_iter()
            .map(|call| ToolCall::new(call.id, call.name, call.args))
            .collect();
        let opens = if brief.offers_ticket {
            TicketTool::Offered {
                is_used: has_opened_ticket(history),
            }
        } else {
            TicketTool::Unknown
        };
        let carried = carry_out(&self.0, id, &calls, &brief.tools, opens);
        let end = match (calls.is_empty(), carried.waits) {
            (true, _) => Some(TurnStatus::Done),
            (false, true) => Some(TurnStatus::Interrupted),
            (false, false) => None,
        };
        let meta = Meta {
            sources,
            thinking: Meta::thinking_blocks(&said.thinking),
            ..Meta::default()
        };
        let answer = Message {
            id: Some(id),
            body: Body::Ai(Ai {
                content: said.text,
                meta: (meta != Meta::default()).then_some(meta),
                tool_calls: calls,
            }),
        };
        if answer.is_empty() {
            return self.said_nothing(completion.usage);
        }
        let messages = std::iter::once(answer).chain(carried.results).collect();
        Step {
            messages,
            approvals: carried.approvals,
            // The answer itself stands before the results.
            opens: carried.opens.map(|mut opening| {
                opening.named_in += 1;
                opening
            }),
            usage: Some(completion.usage),
            end,
        }
    }

    /// Commits a step, and tells of the ticket it has opened.
    pub(crate) async fn commit(
        &self,
        fence: Fence,
        step: Step,
    ) -> Result<Option<Committed>, store::Error> {
        let opens = step.opens.is_some();
        let step = Arc::new(step);
        let committed = patiently(|| {
            let (inner, step) = (Arc::clone(&self.0), Arc::clone(&step));
            async move {
                let store = inner.store.clone();
                let write = store.write(move |c| {
                    Box::pin(async move { commit_step(c, &inner, fence, &step).await })
                });
                write.await
            }
        })
        .await?;
        if opens && committed.is_some() {
            self.0.ticket_changed(fence.key.project_id).await;
            // Its first message is the customer's.
            self.0.wake_replies();
        }
        Ok(committed)
    }
}

/// What stands behind the command for a ticket, if the turn was begun with it.
fn commanded_ticket<'a>(turn: &Turn, history: &'a [Message]) -> Option<&'a str> {
    // Later steps, and turns that go on from an interruption, are about something else.
    if turn.steps > 0 {
        return None;
    }
    match &history.last()?.body {
        Body::Human(human) => escalate::command(&human.content),
        _ => None,
    }
}

/// Whether a ticket was opened since the user's last message.
fn has_opened_ticket(history: &[Message]) -> bool {
    let since = history
        .iter()
        .rev()
        .take_while(|message| !matches!(message.body, Body::Human(_)));
    let mut since = since.filter_map(|message| match &message.body {
        Body::Ai(ai) => Some(ai),
        _ => None,
    });
    since.any(|ai| ai.tool_calls.iter().any(|call| call.name == escalate::TOOL))
}
