//! What a change to a ticket leaves in the project's event log and in the activity log (tickets.md 12.1, 12.2).

use super::{Feedback, Scene, list};
use crate::activity::{self, NewActivity};
use crate::events::{self, NewEvent};
use crate::{Conn, Result};
use model::UserId;
use model::tickets::{Assignee, Changed, Message, NewMessage, SlaNotice, Status, Ticket};
use serde_json::{Map, Value, json};
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
        let more = [
            ("customer_name", json!(ticket.trait_text("name"))),
            ("customer_email", json!(ticket.trait_text("email"))),
        ];
        self.event("$conversation_ticket_created", ticket, more);
        self.activity("created", ticket, vec![]);
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
            changes.push(change("status", json!(before), json!(ticket.status)));
        }
        if let Some(before) = changed.priority {
            let more = [
                ("old_priority", json!(before)),
                ("new_priority", json!(ticket.priority)),
            ];
            if !is_quiet {
                self.event("$conversation_ticket_priority_changed", ticket, more);
            }
            changes.push(change("priority", json!(before), json!(ticket.priority)));
        }
        if let Some(before) = changed.sla_due_at {
            let after = json!(ticket.sla_due_at);
            changes.push(change("sla_due_at", json!(before), after));
        }
        if let Some(before) = changed.snoozed_until {
            let after = json!(ticket.snoozed_until);
            changes.push(change("snoozed_until", json!(before), after));
        }
        if !changes.is_empty() {
            self.activity("updated", ticket, changes);
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
        let more = [
            ("old_status", json!(before)),
            ("new_status", json!(ticket.status)),
        ];
        self.event("$conversation_ticket_status_changed", ticket, more);
    }

    /// The ticket has another assignee.
    pub(super) async fn assigned(
        &mut self,
        c: &Conn,
        ticket: &Ticket,
        before: Option<Assignee>,
    ) -> Result<()> {
        let now = ticket.assignee;
        let more = [
            ("assignee_type", json!(now.map(Assignee::kind))),
            ("assignee_id", json!(now.map(Assignee::id_text))),
        ];
        self.event("$conversation_ticket_assigned", ticket, more);
        let both: Vec<Assignee> = [before, now].into_iter().flatten().collect();
        let names = list::names_of_assignees(c, self.scene.organization, &both).await?;
        let shown = |assignee: Option<Assignee>| match assignee {
            Some(assignee) => assignee.view(names.get(&assignee).map_or("", String::as_str)),
            None => Value::Null,
        };
        let changes = vec![change("assignee", shown(before), shown(now))];
        self.activity("assigned", ticket, changes);
        Ok(())
    }

    pub(super) fn message(&mut self, ticket: &Ticket, message: &NewMessage) {
        let (kind, properties) = ticket.message_event(message, self.scene.now);
        self.push(kind, ticket, properties, false);
    }

    pub(super) fn message_changed(&mut self, ticket: &Ticket, message: &Message) {
        let mut properties = ticket.event_properties();
        properties.insert("change".to_owned(), json!("message"));
        properties.insert("message_id".to_owned(), json!(message.id));
        self.push("ticket_changed", ticket, properties, true);
    }

    pub(super) fn due(&mut self, ticket: &Ticket, notice: SlaNotice) {
        match notice {
            SlaNotice::Approaching {
                threshold_minutes,
                minutes_remaining,
            } => {
                let more = [
                    ("threshold_minutes", json!(threshold_minutes)),
                    ("minutes_remaining", json!(minutes_remaining)),
                    ("sla_breached", json!(false)),
                ];
                self.event("$conversation_sla_approaching", ticket, more);
            }
            SlaNotice::Breached { minutes_overdue } => {
                let more = [
                    ("minutes_overdue", json!(minutes_overdue)),
                    ("sla_breached", json!(true)),
                ];
                self.event("$conversation_sla_breached", ticket, more);
            }
        }
    }

    pub(super) fn feedback(&mut self, ticket: &Ticket, feedback: &Feedback) {
        let rating = [
            ("$ai_metric_name", json!("quality")),
            ("$ai_metric_value", json!(i64::from(feedback.is_good))),
            ("message_id", json!(feedback.message_id)),
        ];
        self.event("$ai_metric", ticket, rating);
        if !feedback.is_good && !feedback.text.is_empty() {
            let text = [
                ("$ai_feedback_text", json!(feedback.text)),
                ("message_id", json!(feedback.message_id)),
            ];
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
            properties: json!({"tag": tag, "replaced_by": by, "actor_type": actor.kind.as_str()}),
            is_hidden: true,
        });
    }

    /// An event without a published name: for the live inbox.
    pub(super) fn hidden(&mut self, change: &str, ticket: &Ticket) {
        let mut properties = ticket.event_properties();
        properties.insert("change".to_owned(), json!(change));
        self.push("ticket_changed", ticket, properties, true);
    }

    pub(super) fn activity(
        &mut self,
        activity: &'static str,
        ticket: &Ticket,
        changes: Vec<Value>,
    ) {
        let mut detail = json!({"name": format!("Ticket #{}", ticket.number), "changes": changes});
        if let ActorKind::External { flow: Some(flow) } = self.scene.actor.kind {
            detail["trigger"] = json!({"job_type": "hog_flow", "job_id": flow});
        }
        self.activities.push(NewActivity {
            id: self.scene.env.uuid(),
            scope: "Ticket",
            item_id: ticket.id.to_string(),
            activity,
            user_id: self.scene.actor.user_id(),
            detail,
            client: self.scene.actor.client.clone(),
        });
    }

    fn event<const N: usize>(
        &mut self,
        kind: &'static str,
        ticket: &Ticket,
        more: [(&str, Value); N],
    ) {
        let mut properties = ticket.event_properties();
        for (name, value) in more {
            properties.insert(name.to_owned(), value);
        }
        self.push(kind, ticket, properties, false);
    }

    fn push(
        &mut self,
        kind: &'static str,
        ticket: &Ticket,
        mut properties: Map<String, Value>,
        is_hidden: bool,
    ) {
        let actor = &self.scene.actor;
        let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        put("actor_type", json!(actor.kind.as_str()));
        let distinct_id = match &actor.user {
            Some((id, email, distinct_id)) => {
                put("actor_id", json!(id));
                put("actor_email", json!(email));
                put("customer_distinct_id", json!(ticket.distinct_id));
                distinct_id.clone()
            }
            None => ticket.event_subject().to_owned(),
        };
        self.events.push(NewEvent {
            kind,
            distinct_id,
            properties: Value::Object(properties),
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

fn change(field: &str, before: Value, after: Value) -> Value {
    json!({"type": "Ticket", "field": field, "action": "changed", "before": before, "after": after})
}
