//! `suggest_reply`: a reply for somebody of the team to send, kept as a note on the ticket (tickets.md 8).

use super::extract::{self, Agent};
use super::gather::{self, Audience, Material};
use super::pipeline::{self, Model, Refusal, Task};
use super::{Reply, ReplySource, Verdict, message_of};
use crate::answerer::Answerer;
use crate::engine::Engine;
use llm::Provider;
use model::MessageId;
use model::text::Query;
use model::tickets::{Ticket, TicketKey};
use store::projects::Project;
use store::tickets::{self, Scene};

/// A reply for the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Markdown.
    pub text: String,
    /// What it rests on; empty for a holding reply.
    pub sources: Vec<ReplySource>,
    /// Whether it was kept as a note.
    pub is_noted: bool,
}

/// What kind of reply is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// Whose eyes it is for.
    pub audience: Audience,
    /// Who signs.
    pub agent: Option<&'a Agent>,
    /// Somebody waits for it, so there must be one.
    pub is_asked_for: bool,
}

impl<'a> Wish<'a> {
    fn of_team(agent: &'a Agent) -> Self {
        Self {
            audience: Audience::Team,
            agent: Some(agent),
            is_asked_for: true,
        }
    }
}

/// Why there is no suggestion. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuggestionError {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no such ticket, or no more.
    #[error("there is no such ticket")]
    NoTicket,
    /// It has no public message.
    #[error("the ticket has no public message")]
    NoMessages,
    /// The model.
    #[error(transparent)]
    Model(#[from] Refusal),
}

impl Engine {
    /// Thinks of a reply to a ticket for the caller, and keeps it as a private note of the assistant's. Without a model
    /// and without anything that fits, a holding reply that is not kept. Dropping the future stops the model.
    ///
    /// # Errors
    /// See [`SuggestionError`].
    pub async fn suggest_reply(
        &self,
        project: &Project,
        scene: Scene,
        key: TicketKey,
        agent_name: &str,
    ) -> Result<Suggestion, SuggestionError> {
        let material = self.material(project, key).await?;
        let agent = Agent {
            name: agent_name.to_owned(),
            first_name: agent_name
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        let reply = self
            .think_of_reply(project, &material, Wish::of_team(&agent))
            .await?;
        // What was thought of without a model and rests on nothing is no news to the team.
        let is_holding =
            reply.verdict == Verdict::Nothing || reply.verdict == Verdict::Unactionable;
        let is_noted = !(is_holding && reply.sources.is_empty() && !self.provider().is_configured);
        if is_noted {
            self.keep_note(scene, &material.ticket, &reply).await?;
        }
        metrics::counter!("thicket_suggestions_total").increment(1);
        Ok(Suggestion {
            text: reply.text,
            sources: reply.sources,
            is_noted,
        })
    }

    async fn material(
        &self,
        project: &Project,
        key: TicketKey,
    ) -> Result<Material, SuggestionError> {
        let id = project.id;
        self.0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let ticket = tickets::find(c, id, key).await?;
                    let ticket = ticket.ok_or(SuggestionError::NoTicket)?;
                    let material = gather::read(c, ticket).await?;
                    material.ok_or(SuggestionError::NoMessages)
                })
            })
            .await
    }

    /// Thinks of a reply, with the model if there is one.
    pub(crate) async fn think_of_reply(
        &self,
        project: &Project,
        material: &Material,
        wish: Wish<'_>,
    ) -> Result<Reply, SuggestionError> {
        let audience = wish.audience;
        let Some(provider) = self.model_for(project) else {
            let query = material.query();
            let known = self.known(project, material, &query, audience).await?;
            return Ok(extract::reply(material, &query, &known, wish.agent));
        };
        let model = Model {
            provider,
            patience: &self.0.config.reply_patience,
        };
        let sight = model.look_at(material).await?;
        if let Some(reply) = sight.settles(material, wish.is_asked_for) {
            return Ok(reply);
        }
        let query = match &sight.query {
            Some(sharper) => Query::new(&format!("{sharper}\n{}", material.question)),
            None => material.query(),
        };
        let mut known = self.known(project, material, &query, audience).await?;
        known.retain(|candidate| candidate.score >= extract::FITS / 2.0);
        let ticket = material.ticket.clone();
        let rules = self
            .0
            .store
            .read(move |c| Box::pin(async move { gather::guidance(c, &ticket).await }))
            .await?;
        let task = Task {
            audience,
            guidance: pipeline::guidance_text(&rules),
            knowledge: &known,
        };
        Ok(model.write(material, &sight, &task).await?)
    }

    /// The model, if there is one and the project's texts may be sent to it.
    pub(crate) fn model_for(&self, project: &Project) -> Option<&Provider> {
        match &self.0.config.answerer {
            Answerer::Model(provider) if project.settings.is_ai_data_processing_approved => {
                Some(provider)
            }
            Answerer::Model(_) | Answerer::Extractive { .. } => None,
        }
    }

    async fn known(
        &self,
        project: &Project,
        material: &Material,
        query: &Query,
        audience: Audience,
    ) -> Result<Vec<super::Candidate>, store::Error> {
        let (project, ticket, query) = (project.clone(), material.ticket.clone(), query.clone());
        self.0
            .store
            .read(move |c| {
                Box::pin(
                    async move { gather::look_up(c, &project, &ticket, &query, audience).await },
                )
            })
            .await
    }

    async fn keep_note(
        &self,
        scene: Scene,
        ticket: &Ticket,
        reply: &Reply,
    ) -> Result<(), SuggestionError> {
        let note = message_of(MessageId(self.0.env.uuid()), reply, true);
        let key = TicketKey::Id(ticket.id);
        let kept = self
            .0
            .store
            .write(move |c| Box::pin(async move { tickets::add_note(c, &scene, key, &note).await }))
            .await?;
        if kept {
            Ok(())
        } else {
            Err(SuggestionError::NoTicket)
        }
    }
}
