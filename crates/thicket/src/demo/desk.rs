//! The sample tickets: written as their customers and the team would have written them, each step at its own time in the
//! past. So the inbox, the reports and the suggestions of a demonstration have something to show.

use super::sample::{ASSISTANT, Channel, Desk, ME, Reply, Step, Story};
use anyhow::Context as _;
use model::macros::{Macro, MacroVisibility};
use model::tickets::{
    Assignee, NewMessage, NewTicket, Priority, Status, TicketChange, TicketKey, normal_tags,
};
use model::{
    Env, MacroId, ManualClock, MessageId, OrganizationId, ProjectId, SystemRng, TicketId, Timestamp,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::persons::{self, NewPerson};
use store::tickets::{self, Actor, ActorKind, Scene};
use store::users::User;
use store::{Conn, macros};

const MINUTE: Duration = Duration::from_secs(60);
/// What is due from the beginning is due after so many minutes, unless its ticket says otherwise.
const USUAL_DUE: u32 = 240;

/// Where the sample is put, and who is who in it.
pub(super) struct Place {
    pub(super) project: ProjectId,
    pub(super) organization: OrganizationId,
    /// By their names in the sample.
    pub(super) people: HashMap<String, User>,
    pub(super) now: Timestamp,
}

/// By the name that the sample has for each.
pub(super) fn people(me: User, agents: Vec<User>) -> HashMap<String, User> {
    let named = agents.into_iter().map(|user| {
        let name = user.email.split('@').next().unwrap_or_default().to_owned();
        (name, user)
    });
    named.chain([(ME.to_owned(), me)]).collect()
}

/// Plays the whole sample, in the order of time.
///
/// # Errors
/// The sample contradicts itself, or the store fails.
pub(super) async fn play(c: &Conn, place: &Place, desk: Desk) -> anyhow::Result<()> {
    for reply in desk.macros.into_iter().rev() {
        macros::create(c, &place.team_macro(reply)?).await?;
    }
    // (minutes ago, which story, which of its steps): the last step of a story is its end.
    let mut steps: Vec<(u32, usize, usize)> = Vec::new();
    for (index, story) in desk.stories.iter().enumerate() {
        let last = story.story.last().map_or(0, |step| step.at);
        steps.extend(
            story
                .story
                .iter()
                .enumerate()
                .map(|(n, it)| (it.at, index, n)),
        );
        steps.push((last, index, story.story.len()));
    }
    steps.sort_by_key(|(at, index, step)| (std::cmp::Reverse(*at), *index, *step));

    let mut made: HashMap<usize, TicketKey> = HashMap::new();
    for (at, index, step) in steps {
        let Some(story) = desk.stories.get(index) else {
            continue;
        };
        let key = match made.get(&index) {
            Some(key) => *key,
            None => {
                let key = place.open(c, story, at).await?;
                made.insert(index, key);
                key
            }
        };
        match story.story.get(step) {
            Some(step) => place.step(c, key, step).await?,
            None => place.end(c, key, story, at).await?,
        }
    }
    Ok(())
}

impl Place {
    fn before(&self, minutes: u32) -> Timestamp {
        self.now.minus(MINUTE.saturating_mul(minutes))
    }

    fn after(&self, minutes: u32) -> Timestamp {
        self.now.plus(MINUTE.saturating_mul(minutes))
    }

    /// So many minutes ago.
    fn scene(&self, at: u32, actor: Actor) -> Scene {
        let now = self.before(at);
        let env = Env::new(Arc::new(ManualClock::new(now)), Arc::new(SystemRng));
        Scene {
            project: self.project,
            organization: self.organization,
            actor,
            env,
            now,
        }
    }

    fn person(&self, name: &str) -> anyhow::Result<&User> {
        self.people
            .get(name)
            .with_context(|| format!("{name} is nobody in the sample"))
    }

    fn actor(&self, name: Option<&str>) -> anyhow::Result<Actor> {
        let Some(name) = name.filter(|name| *name != ASSISTANT) else {
            return Ok(Actor::system());
        };
        let user = self.person(name)?;
        Ok(Actor {
            kind: ActorKind::User,
            user: Some((user.id, user.email.clone(), user.distinct_id.clone())),
            client: None,
        })
    }

    fn team_macro(&self, reply: Reply) -> anyhow::Result<Macro> {
        let env = self.scene(30 * 24 * 60, Actor::system()).env;
        Ok(Macro {
            project_id: self.project,
            id: MacroId(env.uuid()),
            short_id: model::secrets::short_id(&env),
            name: reply.name,
            description: reply.description,
            content: reply.content,
            rich_content: None,
            actions: reply.actions,
            visibility: MacroVisibility::Team,
            created_by: Some(self.person(ME)?.id),
            created_at: env.now(),
            updated_at: env.now(),
        })
    }

    /// Makes a story's person and ticket.
    async fn open(&self, c: &Conn, story: &Story, at: u32) -> anyhow::Result<TicketKey> {
        let scene = self.scene(at, Actor::customer());
        let mut properties = story.about.clone();
        properties.insert("name".to_owned(), json!(story.name));
        properties.insert("email".to_owned(), json!(story.email));
        let person = NewPerson {
            distinct_ids: vec![story.email.clone()],
            properties,
            is_identified: story.verified,
        };
        persons::create(c, &scene.env, self.project, &person).await?;
        let due = match story.due {
            Some(minutes) if minutes < 0 => self.before(minutes.unsigned_abs()),
            Some(minutes) => self.after(minutes.unsigned_abs()),
            None => scene.now.plus(MINUTE.saturating_mul(USUAL_DUE)),
        };
        let is_due = story.due.is_some() || story.solved.is_some();
        let fields = TicketChange {
            anonymous_traits: Some(json!({ "name": story.name, "email": story.email })),
            priority: Some(story.priority.as_deref().and_then(Priority::from_word)),
            tags: Some(normal_tags(&story.tags)),
            sla_due_at: Some(is_due.then_some(due)),
            ..TicketChange::default()
        };
        let id = TicketId(scene.env.uuid());
        let mut context = Map::new();
        context.extend(
            story
                .url
                .clone()
                .map(|url| ("current_url".to_owned(), json!(url))),
        );
        context.extend(
            story
                .browser
                .clone()
                .map(|name| ("browser".to_owned(), json!(name))),
        );
        let mut new = NewTicket {
            distinct_id: story.email.clone(),
            session_context: Value::Object(context),
            identity_verified: story.verified.then_some(true),
            ..NewTicket::new(id, fields)
        };
        if story.channel == Channel::Email {
            new.channel_source = "email".to_owned();
            new.channel_detail = None;
            new.email_subject.clone_from(&story.subject);
            new.email_from = Some(story.email.clone());
        } else {
            new.channel_detail = Some("widget_embedded".to_owned());
        }
        let ticket = tickets::create(c, &scene, new).await?;
        Ok(TicketKey::Id(ticket.id))
    }

    async fn step(&self, c: &Conn, key: TicketKey, step: &Step) -> anyhow::Result<()> {
        let scene = self.scene(step.at, self.actor(step.agent.as_deref())?);
        let id = || MessageId(scene.env.uuid());
        let mut messages = Vec::new();
        if let Some(text) = &step.customer {
            messages.push(NewMessage::by_customer(id(), text.clone()));
        }
        if let Some(text) = &step.ai {
            messages.push(by_assistant(id(), text.clone()));
        }
        if let Some(name) = &step.agent {
            tickets::mark_read(c, &scene, key).await?;
            let user = self.person(name)?.id;
            let texts = [(&step.reply, false), (&step.note, true)];
            messages.extend(texts.into_iter().filter_map(|(text, is_private)| {
                Some(NewMessage::by_team(id(), user, text.clone()?, is_private))
            }));
        }
        for message in messages {
            let scene = match &step.customer {
                Some(_) => self.scene(step.at, Actor::customer()),
                None => scene.clone(),
            };
            tickets::add_message(c, &scene, key, &message, true).await?;
        }
        let assignee = match &step.assign {
            Some(name) => Some(Some(Assignee::User(self.person(name)?.id))),
            None => None,
        };
        let status = match (&step.status, &step.assign) {
            (Some(word), _) => Status::from_word(word),
            (None, Some(_)) => Some(Status::Open),
            (None, None) => None,
        };
        let change = TicketChange {
            status,
            assignee,
            escalation_reason: step.escalation.clone().map(Some),
            ..TicketChange::default()
        };
        if !change.is_empty() {
            tickets::update(c, &scene, key, &change).await?;
        }
        Ok(())
    }

    /// What becomes of a ticket after its last step.
    async fn end(&self, c: &Conn, key: TicketKey, story: &Story, at: u32) -> anyhow::Result<()> {
        let last = story
            .story
            .iter()
            .rev()
            .find_map(|step| step.agent.as_deref());
        let by = story.solved.as_deref().or(last);
        let scene = self.scene(at.saturating_sub(2), self.actor(by)?);
        if story.read || story.solved.is_some() {
            tickets::mark_read(c, &scene, key).await?;
        }
        let change = TicketChange {
            status: story.solved.is_some().then_some(Status::Resolved),
            ai_resolved: story.solved.is_some().then(|| by == Some(ASSISTANT)),
            snoozed_until: story.snooze.map(|minutes| Some(self.after(minutes))),
            ..TicketChange::default()
        };
        if !change.is_empty() {
            tickets::update(c, &scene, key, &change).await?;
        }
        Ok(())
    }
}

fn by_assistant(id: MessageId, content: String) -> NewMessage {
    let mut message = NewMessage::by_customer(id, content);
    message
        .item_context
        .insert("author_type".to_owned(), json!("AI"));
    message
}
