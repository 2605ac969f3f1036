//! Customers' messages that are answered without anybody asking (`ai_replies`).
//!
//! A job is a leased row that was made in the transaction of the customer's message. Whoever takes it raises its epoch,
//! thinks of a reply, and gives it in one transaction that locks the ticket and looks again: the row must still be there
//! under the same epoch, and the message must still be the ticket's newest. A person's reply, a resolve and a newer message
//! take the row away or raise its epoch, so at most one answer is given to each turn of the customer, by whichever process.

use super::gather::{self, Audience, Material};
use super::suggest::Wish;
use super::{Reply, SuggestionError, Verdict, message_of};
use crate::engine::{Engine, Inner};
use model::settings::AiReplies;
use model::tickets::{NewMessage, Side, Ticket, TicketKey, Triage, TriageResult};
use model::{MessageId, ProjectId, TicketId};
use std::sync::Arc;
use store::projects::{self, Project};
use store::tickets::{self, Actor, ReplyJob, Scene};
use store::{Conn, Error};
use tokio_util::sync::CancellationToken;

/// Jobs that one process works on at once.
const AT_ONCE: usize = 8;
/// Owned jobs looked at in one look.
const OWNED_PER_LOOK: i64 = 10_000;
/// A message that was begun so often without an end is given to people.
const ATTEMPTS_MAX: i64 = 6;

/// Which ticket a job is about.
pub(crate) type JobKey = (ProjectId, TicketId);

/// A job that this process works on.
pub(crate) struct Replying {
    pub epoch: i64,
    pub stop: CancellationToken,
}

/// Takes a job off the register whatever becomes of its task, so that the next look finds it again.
struct Guard {
    inner: Arc<Inner>,
    key: JobKey,
    epoch: i64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut replying = self.inner.lock_replying();
        if replying
            .get(&self.key)
            .is_some_and(|it| it.epoch == self.epoch)
        {
            replying.remove(&self.key);
        }
        drop(replying);
        self.inner.wake_replies();
    }
}

impl Engine {
    /// Takes what waits, and what nobody works on any more; lets go of what is no longer wanted.
    pub(crate) async fn look_at_reply_jobs(&self) -> Result<(), Error> {
        let inner = &self.0;
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        let (owned, waiting) = inner
            .store
            .read(move |c| {
                Box::pin(async move {
                    let owned = tickets::list_owned_reply_jobs(c, OWNED_PER_LOOK).await?;
                    let waiting = tickets::list_waiting_reply_jobs(c, limit).await?;
                    Ok::<_, Error>((owned, waiting))
                })
            })
            .await?;
        self.let_go_of_lost_jobs(&owned);
        if inner.draining.is_cancelled() {
            return Ok(());
        }
        let now = inner.env.now();
        let is_orphaned = |job: &ReplyJob| match job.owner {
            Some(owner) if owner == inner.node => !inner
                .lock_replying()
                .contains_key(&(job.project_id, job.ticket_id)),
            _ => inner.config.exclusive || job.lease_until < now,
        };
        let orphans: Vec<ReplyJob> = owned.into_iter().filter(is_orphaned).collect();
        if !orphans.is_empty() {
            let count = u64::try_from(orphans.len()).unwrap_or(u64::MAX);
            metrics::counter!("thicket_ticket_replies_taken_over_total").increment(count);
        }
        for job in orphans.into_iter().chain(waiting) {
            if inner.lock_replying().len() >= AT_ONCE {
                break;
            }
            let ticket = job.ticket_id;
            if let Err(error) = self.take_reply_job(job).await {
                // Others may still be answered.
                tracing::warn!(%error, %ticket, "a ticket could not be taken to be answered; the next look tries again");
            }
        }
        Ok(())
    }

    /// Stops the tasks whose answer nobody wants any more.
    fn let_go_of_lost_jobs(&self, owned: &[ReplyJob]) {
        let node = self.0.node;
        for (key, replying) in self.0.lock_replying().iter() {
            let is_held = owned.iter().any(|job| {
                (job.project_id, job.ticket_id) == *key
                    && job.epoch == replying.epoch
                    && job.owner == Some(node)
            });
            if !is_held {
                replying.stop.cancel();
            }
        }
    }

    async fn take_reply_job(&self, mut job: ReplyJob) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        let (node, until) = (inner.node, inner.env.now().plus(inner.config.lease));
        let (asked, context) = (job.clone(), Arc::clone(&self.0));
        let is_taken = inner
            .store
            .write(move |c| {
                Box::pin(async move {
                    // The ticket first, as whoever writes to it.
                    let key = TicketKey::Id(asked.ticket_id);
                    let found = tickets::find_for_update(c, asked.project_id, key).await?;
                    let Some(mut ticket) = found else {
                        tickets::drop_reply_job(c, asked.project_id, asked.ticket_id).await?;
                        return Ok(false);
                    };
                    if !tickets::claim_reply_job(c, &asked, node, until).await? {
                        return Ok(false);
                    }
                    let scene = scene(c, &context, asked.project_id).await?.1;
                    let triage = Triage {
                        attempts: asked.attempts + 1,
                        ..Triage::default()
                    };
                    tickets::set_triage(c, &scene, &mut ticket, &triage).await?;
                    Ok::<_, Error>(true)
                })
            })
            .await?;
        if !is_taken {
            return Ok(());
        }
        inner.ticket_changed(job.project_id).await;
        job.epoch += 1;
        job.attempts += 1;
        let key = (job.project_id, job.ticket_id);
        let stop = CancellationToken::new();
        let replying = Replying {
            epoch: job.epoch,
            stop: stop.clone(),
        };
        inner.lock_replying().insert(key, replying);
        let guard = Guard {
            inner: Arc::clone(&inner),
            key,
            epoch: job.epoch,
        };
        let (engine, stopping) = (self.clone(), inner.stopping.clone());
        inner.tasks.spawn(async move {
            let _guard = guard;
            tokio::select! {
                () = stopping.cancelled() => {}
                () = stop.cancelled() => {
                    metrics::counter!("thicket_ticket_replies_fenced_total").increment(1);
                }
                result = engine.answer(&job) => if let Err(error) = result {
                    tracing::error!(%error, ticket = %job.ticket_id, "a reply could not be written; the next look tries again");
                    tokio::time::sleep(engine.0.config.look_every).await;
                }
            }
        });
        Ok(())
    }

    /// Thinks of a reply and gives it.
    async fn answer(&self, job: &ReplyJob) -> Result<(), Error> {
        let (project_id, ticket_id) = (job.project_id, job.ticket_id);
        let read = self
            .0
            .store
            .read(move |c| {
                Box::pin(async move {
                    let project = projects::find(c, project_id).await?.ok_or(Error::NoRow)?;
                    let key = TicketKey::Id(ticket_id);
                    let Some(ticket) = tickets::find(c, project_id, key).await? else {
                        return Ok(None);
                    };
                    let material = gather::read(c, ticket).await?;
                    Ok::<_, Error>(material.map(|material| (project, material)))
                })
            })
            .await?;
        let Some((project, material)) = read else {
            // Whoever deleted it has taken the job away, or is about to.
            return Ok(());
        };
        let thought = if job.attempts > ATTEMPTS_MAX {
            Err("The assistant was interrupted again and again.")
        } else {
            self.think(&project, &material).await?
        };
        let conclusion = Conclusion::of(thought, &project, &material);
        self.conclude(job, conclusion).await
    }

    /// The reply, or why there is none.
    async fn think(
        &self,
        project: &Project,
        material: &Material,
    ) -> Result<Result<Thought, &'static str>, Error> {
        if project.settings.ai_credits_exhausted {
            return Ok(Err("The project's credits for the assistant are used up."));
        }
        let publishes = publishes(project, &material.ticket, material);
        let audience = if publishes {
            Audience::Customer
        } else {
            Audience::Team
        };
        let reply = match self.reply_for(project, material, audience).await {
            Ok(reply) => reply,
            Err(SuggestionError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, ticket = %material.ticket.id, "there is no reply");
                return Ok(Err("The assistant's language model failed."));
            }
        };
        // What the public may not be told may help the team.
        let is_extractive = self.model_for(project).is_none();
        if publishes && is_extractive && reply.verdict == Verdict::Nothing {
            match self.reply_for(project, material, Audience::Team).await {
                Ok(found) if !found.sources.is_empty() => {
                    return Ok(Ok(Thought {
                        reply: found,
                        is_for_team: true,
                    }));
                }
                Ok(_) => {}
                Err(SuggestionError::Store(error)) => return Err(error),
                Err(error) => tracing::warn!(%error, "there is no draft for the team"),
            }
        }
        Ok(Ok(Thought {
            reply,
            is_for_team: !publishes,
        }))
    }

    async fn reply_for(
        &self,
        project: &Project,
        material: &Material,
        audience: Audience,
    ) -> Result<Reply, SuggestionError> {
        let wish = Wish {
            audience,
            agent: None,
            is_asked_for: false,
        };
        self.think_of_reply(project, material, wish).await
    }

    /// Writes down what has come of a job, unless somebody else has settled it meanwhile.
    async fn conclude(&self, job: &ReplyJob, conclusion: Conclusion) -> Result<(), Error> {
        let (inner, job, project) = (Arc::clone(&self.0), job.clone(), job.project_id);
        let result = conclusion.triage.result;
        let is_given = self
            .0
            .store
            .write(move |c| Box::pin(async move { conclude(c, &inner, &job, &conclusion).await }))
            .await?;
        if is_given {
            let result = result.map_or("none", TriageResult::as_str);
            metrics::counter!("thicket_ticket_replies_total", "result" => result).increment(1);
            self.0.ticket_changed(project).await;
        } else {
            metrics::counter!("thicket_ticket_replies_fenced_total").increment(1);
        }
        Ok(())
    }
}

/// A reply, and whether it is only for the team.
struct Thought {
    reply: Reply,
    is_for_team: bool,
}

/// What is to be written down.
#[derive(Clone)]
struct Conclusion {
    triage: Triage,
    reply: Option<Reply>,
    /// Sent to the customer, if that is still allowed; else a note.
    is_public: bool,
}

impl Conclusion {
    fn of(thought: Result<Thought, &'static str>, project: &Project, material: &Material) -> Self {
        let thought = match thought {
            Ok(thought) => thought,
            Err(reason) => {
                return Self {
                    triage: Triage {
                        result: Some(TriageResult::EscalatedNoReply),
                        escalation_reason: Some(reason.to_owned()),
                        ..Triage::default()
                    },
                    reply: None,
                    is_public: false,
                };
            }
        };
        let Thought { reply, is_for_team } = thought;
        let is_drafting = project.settings.ai_replies == AiReplies::Draft;
        let was_given_to_people = !publishes(project, &material.ticket, material);
        let (result, reason) = match reply.verdict {
            Verdict::Unactionable => (TriageResult::SkippedUnactionable, None),
            Verdict::Unsafe => (
                TriageResult::BlockedUnsafe,
                Some("The customer's message may be trying to steer the assistant."),
            ),
            Verdict::Nothing => (
                TriageResult::EscalatedNoReply,
                Some("The assistant found no answer in what the project knows."),
            ),
            Verdict::Good | Verdict::Doubtful if is_drafting || was_given_to_people => {
                (TriageResult::Suggested, None)
            }
            Verdict::Good | Verdict::Doubtful if is_for_team => (
                TriageResult::EscalatedWithFindings,
                Some("No article answers this. What the team has answered before is in a note."),
            ),
            Verdict::Good => (TriageResult::Persisted, None),
            Verdict::Doubtful => (
                TriageResult::EscalatedWithBest,
                Some("The assistant is not sure of its answer. Its draft is in a note."),
            ),
        };
        let triage = Triage {
            result: Some(result),
            ticket_type: reply.ticket_type,
            confidence: reply.confidence,
            attempts: i64::from(reply.attempts),
            escalation_reason: reason.map(str::to_owned),
        };
        let has_text = matches!(reply.verdict, Verdict::Good | Verdict::Doubtful);
        Self {
            triage,
            reply: has_text.then_some(reply),
            is_public: result == TriageResult::Persisted,
        }
    }
}

/// Whether the customer may be answered: nobody of the team has spoken or was asked for.
fn publishes(project: &Project, ticket: &Ticket, material: &Material) -> bool {
    project.settings.ai_replies == AiReplies::Answer
        && ticket.may_be_answered()
        && material.messages.iter().all(|it| it.side != Side::Team)
}

async fn scene(c: &Conn, inner: &Inner, project: ProjectId) -> Result<(Project, Scene), Error> {
    let project = projects::find(c, project).await?.ok_or(Error::NoRow)?;
    let scene = Scene {
        project: project.id,
        organization: project.organization_id,
        actor: Actor::system(),
        env: inner.env.clone(),
        now: inner.env.now(),
    };
    Ok((project, scene))
}

/// `false`: the job is no longer ours, and nothing was written.
async fn conclude(
    c: &Conn,
    inner: &Inner,
    job: &ReplyJob,
    conclusion: &Conclusion,
) -> Result<bool, Error> {
    let (id, key) = (job.project_id, TicketKey::Id(job.ticket_id));
    // The lock that everything takes that could make the answer unwanted.
    let Some(mut ticket) = tickets::find_for_update(c, id, key).await? else {
        return Ok(false);
    };
    let held = tickets::find_reply_job(c, id, job.ticket_id).await?;
    if held.is_none_or(|held| held.epoch != job.epoch) {
        return Ok(false);
    }
    let (project, scene) = scene(c, inner, id).await?;
    let newest = tickets::list_recent_public(c, id, ticket.id, 1).await?;
    let is_newest = newest.first().is_some_and(|it| it.id == job.message_id);
    tickets::drop_reply_job(c, id, ticket.id).await?;
    if !is_newest || project.settings.ai_replies == AiReplies::Off {
        // The message was deleted, or the assistant was switched off: as if it had never looked.
        tickets::leave_triage(c, &scene, &mut ticket).await?;
        return Ok(false);
    }
    let is_public = conclusion.is_public
        && project.settings.ai_replies == AiReplies::Answer
        && ticket.may_be_answered();
    let mut triage = conclusion.triage.clone();
    if conclusion.is_public && !is_public {
        triage.result = Some(TriageResult::Suggested);
    }
    tickets::set_triage(c, &scene, &mut ticket, &triage).await?;
    let Some(reply) = &conclusion.reply else {
        return Ok(true);
    };
    let new: NewMessage = message_of(MessageId(inner.env.uuid()), reply, !is_public);
    if is_public {
        tickets::add_message(c, &scene, key, &new, false).await?;
    } else {
        tickets::add_note(c, &scene, key, &new).await?;
    }
    Ok(true)
}
