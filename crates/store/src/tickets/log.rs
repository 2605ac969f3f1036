//! What a change to a ticket leaves in the project's event log and in the activity log (tickets.md 12.1, 12.2).

use super::{Feedback, Scene, list};
use crate::activity::{self, NewActivity};
use crate::events::{self, NewEvent};
use crate::{Conn, Result};
use model::UserId;
use model::json::JsonObject;
use model::tickets::{Assignee, Changed, Message, NewMessage, SlaNotice, Status, Ticket};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A member of the team.
    User,
    /// The server itself.
    System,
    /// The customer's backend, perhaps for a workflow. Workflows are triggered by events of tickets, so a change of
    /// theirs to status or priority causes none.
    External {
        /// The workflow.
        flow: Option<Uuid>,
    },
    /// The customer.
    Customer,
}

impl ActorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
            Self::External { .. } => "external",
            Self::Customer => "customer",
        }
    }
}

/// Who acts.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What kind.
    pub kind: ActorKind,
    /// The member of the team: id, address, and analytics id.
    pub user: Option<(UserId, String, String)>,
    /// What the client calls itself.
    pub client: Option<String>,
}

impl Actor {
    /// The server itself.
    pub fn system() -> Self {
        Self {
            kind: ActorKind::System,
            user: None,
            client: None,
        }
    }

    /// A customer.
    pub fn customer() -> Self {
        Self {
            kind: ActorKind::Customer,
            ..Self::system()
        }
    }

    /// The member of the team.
    pub fn user_id(&self) -> Option<UserId> {
        self.user.as_ref().map(|(id, _, _)| *id)
    }
}

/// Gathers what one transaction logs; written at once, the events last.
pub(super) struct Log<'a> {
    scene: &'a Scene,
    events: Vec<NewEvent>,
    activities: Vec<NewActivity>,
}

impl<'a> Log<'a> {
    pub(super) fn new(scene: &'a Scene) -> Self {
        Self {
            scene,
            events: Vec::new(),
            activities: Vec::new(),
        }
    }

    pub(super) fn created(&mut self, ticket: &Ticket) {
        let properties = ticket
            .event_properties()
            .with("customer_name", ticket.trait_text("name"))
            .with("customer_email", ticket.trait_text("email"));
        self.event("$conversation_ticket_created", ticket, properties);
        self.activity("created", ticket, &[]);
    }

    pub(super) fn deleted(&mut self, ticket: &Ticket) {
        self.hidden("deleted", ticket);
    }

    /// Events and activities of what is different now; the changed things that nobody is told of still wake up the
    /// live inbox.
    pub(super) async fn changed(
        &mut self,
        c: &Conn,
        ticket: &Ticket,
        changed: &Changed,
    ) -> Result<()> {
        let mut changes = Vec::new();
        let is_quiet = matches!(self.scene.actor.kind, ActorKind::External { .. });
        if let Some(before) = changed.status {
            if !is_quiet {
                self.status_event(ticket, before);
            }
            changes.push(change("status", before, ticket.status));
        }
        if let Some(before) = changed.priority {
            if !is_quiet {
                let properties = ticket
                    .event_properties()
                    .with("old_priority", before)
                    .with("new_priority", ticket.priority);
                self.event("$conversation_ticket_priority_changed", ticket, properties);
            }
            changes.push(change("priority", before, ticket.priority));
        }
        if let Some(before) = changed.sla_due_at {
            changes.push(change("sla_due_at", before, ticket.sla_due_at));
        }
        if let Some(before) = changed.snoozed_until {
            changes.push(change("snoozed_until", before, ticket.snoozed_until));
        }
        if !changes.is_empty() {
            self.activity("updated", ticket, &changes);
        }
        if let Some(before) = changed.assignee {
            self.assigned(c, ticket, before).await?;
        }
        let is_told = changed.status.is_some() || changed.priority.is_some();
        if (!is_told || is_quiet) && changed.assignee.is_none() {
            self.hidden("updated", ticket);
        }
        Ok(())
    }

    pub(super) fn status_event(&mut self, ticket: &Ticket, before: Status) {
        let properties = ticket
            .event_properties()
            .with("old_status", before)
            .with("new_status", ticket.status);
        self.event("$conversation_ticket_status_changed", ticket, properties);
    }

    /// The ticket has another assignee.
    pub(super) async fn assigned(
        &mut self,
        c: &Conn,
        ticket: &Ticket,
        before: Option<Assignee>,
    ) -> Result<()> {
        let now = ticket.assignee;
        let properties = ticket
            .event_properties()
            .with("assignee_type", now.map(Assignee::kind))
            .with("assignee_id", now.map(Assignee::id_text));
        self.event("$conversation_ticket_assigned", ticket, properties);
        let both: Vec<Assignee> = [before, now].into_iter().flatten().collect();
        let names = list::names_of_assignees(c, self.scene.organization, &both).await?;
        let shown = |assignee: Option<Assignee>| match assignee {
            Some(assignee) => assignee.view(names.get(&assignee).map_or("", String::as_str)),
            None => Value::Null,
        };
        let changes = [change("assignee", shown(before), shown(now))];
        self.activity("assigned", ticket, &changes);
        Ok(())
    }

    pub(super) fn message(&mut self, ticket: &Ticket, message: &NewMessage) {
        let (kind, properties) = ticket.message_event(message, self.scene.now);
        self.event(kind, ticket, properties);
    }

    pub(super) fn message_changed(&mut self, ticket: &Ticket, message: &Message) {
        let properties = ticket
            .event_properties()
            .with("change", "message")
            .with("message_id", message.id);
        self.push("ticket_changed", ticket, properties, true);
    }

    pub(super) fn due(&mut self, ticket: &Ticket, notice: SlaNotice) {
        match notice {
            SlaNotice::Approaching {
                threshold_minutes,
                minutes_remaining,
            } => {
                let properties = ticket
                    .event_properties()
                    .with("threshold_minutes", threshold_minutes)
                    .with("minutes_remaining", minutes_remaining)
                    .with("sla_breached", false);
                self.event("$conversation_sla_approaching", ticket, properties);
            }
            SlaNotice::Breached { minutes_overdue } => {
                let properties = ticket
                    .event_properties()
                    .with("minutes_overdue", minutes_overdue)
                    .with("sla_breached", true);
                self.event("$conversation_sla_breached", ticket, properties);
            }
        }
    }

    pub(super) fn feedback(&mut self, ticket: &Ticket, feedback: &Feedback) {
        let rating = ticket
            .event_properties()
            .with("$ai_metric_name", "quality")
            .with("$ai_metric_value", i64::from(feedback.is_good))
            .with("message_id", &feedback.message_id);
        self.event("$ai_metric", ticket, rating);
        if !feedback.is_good && !feedback.text.is_empty() {
            let text = ticket
                .event_properties()
                .with("$ai_feedback_text", &feedback.text)
                .with("message_id", &feedback.message_id);
            self.event("$ai_feedback", ticket, text);
        }
    }

    /// A tag has another name everywhere, or is gone: one event, however many tickets had it.
    pub(super) fn tag_replaced(&mut self, tag: &str, by: Option<&str>) {
        let actor = &self.scene.actor;
        let distinct_id = match &actor.user {
            Some((_, _, distinct_id)) => distinct_id.clone(),
            None => "unknown".to_owned(),
        };
        self.events.push(NewEvent {
            kind: "tag_changed",
            distinct_id,
            properties: JsonObject::new()
                .with("tag", tag)
                .with("replaced_by", by)
                .with("actor_type", actor.kind.as_str())
                .into_text(),
            is_hidden: true,
        });
    }

    /// An event without a published name: for the live inbox.
    pub(super) fn hidden(&mut self, change: &str, ticket: &Ticket) {
        let properties = ticket.event_properties().with("change", change);
        self.push("ticket_changed", ticket, properties, true);
    }

    pub(super) fn activity(
        &mut self,
        activity: &'static str,
        ticket: &Ticket,
        changes: &[JsonObject],
    ) {
        let mut detail = JsonObject::new().with("name", format!("Ticket #{}", ticket.number));
        detail.put_all("changes", changes);
        if let ActorKind::External { flow: Some(flow) } = self.scene.actor.kind {
            detail.put("trigger", json!({"job_type": "hog_flow", "job_id": flow}));
        }
        self.activities.push(NewActivity {
            id: self.scene.env.uuid(),
            scope: "Ticket",
            item_id: ticket.id.to_string(),
            activity,
            user_id: self.scene.actor.user_id(),
            detail: detail.into_text(),
            client: self.scene.actor.client.clone(),
        });
    }

    fn event(&mut self, kind: &'static str, ticket: &Ticket, properties: JsonObject) {
        self.push(kind, ticket, properties, false);
    }

    fn push(
        &mut self,
        kind: &'static str,
        ticket: &Ticket,
        mut properties: JsonObject,
        is_hidden: bool,
    ) {
        let actor = &self.scene.actor;
        properties.put("actor_type", actor.kind.as_str());
        let distinct_id = match &actor.user {
            Some((id, email, distinct_id)) => {
                properties.put("actor_id", id);
                properties.put("actor_email", email);
                properties.put("customer_distinct_id", &ticket.distinct_id);
                distinct_id.clone()
            }
            None => ticket.event_subject().to_owned(),
        };
        self.events.push(NewEvent {
            kind,
            distinct_id,
            properties: properties.into_text(),
            is_hidden,
        });
    }

    pub(super) async fn write(self, c: &Conn) -> Result<()> {
        let (project, now) = (self.scene.project, self.scene.now);
        for new in &self.activities {
            activity::append(c, project, new, now).await?;
        }
        if !self.events.is_empty() {
            events::append(c, project, &self.events, now).await?;
        }
        Ok(())
    }
}

fn change(field: &str, before: impl Serialize, after: impl Serialize) -> JsonObject {
    JsonObject::new()
        .with("type", "Ticket")
        .with("field", field)
        .with("action", "changed")
        .with("before", before)
        .with("after", after)
}
