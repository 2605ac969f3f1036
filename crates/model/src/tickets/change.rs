//! What may be changed of a ticket, and what else changes with it (tickets.md 6).

use super::{Assignee, DISTINCT_ID_MAX, Priority, Status, Ticket, WIDGET, normal_tags, read_tags};
use crate::error::FieldError;
use crate::fields::Fields;
use crate::{ProjectId, TicketId, Timestamp};
use serde_json::Value;

/// The writable members of a body. `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TicketChange {
    /// How far it has come.
    pub status: Option<Status>,
    /// How urgent it is.
    pub priority: Option<Option<Priority>>,
    /// Any JSON; replaces the whole.
    pub anonymous_traits: Option<Value>,
    /// The assistant has solved it.
    pub ai_resolved: Option<bool>,
    /// Why the assistant gave it to people.
    pub escalation_reason: Option<Option<String>>,
    /// When an answer is due.
    pub sla_due_at: Option<Option<Timestamp>>,
    /// Out of sight until then.
    pub snoozed_until: Option<Option<Timestamp>>,
    /// Replaces all tags; normal.
    pub tags: Option<Vec<String>>,
    /// Who works on it.
    pub assignee: Option<Option<Assignee>>,
}

impl TicketChange {
    /// Reads a body of PATCH, PUT or POST. Nothing is required.
    ///
    /// # Errors
    /// The first broken rule, in the order of tickets.md 6.2; the assignee comes last (6.1).
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let status = fields.choice("status", Status::WORDS).optional()?;
        // The empty word is one of the words, and so is no error.
        let priority = fields.choice("priority", Priority::WORDS).allow_blank();
        let priority = priority.nullable()?.change();
        let anonymous_traits = fields.json("anonymous_traits").optional()?;
        let ai_resolved = fields.boolean("ai_resolved").optional()?;
        let reason = fields.text("escalation_reason").allow_blank();
        let escalation_reason = reason.nullable()?.change();
        let sla_due_at = fields.datetime("sla_due_at").nullable()?.change();
        let tags = read_tags(fields)?;
        let snoozed_until = fields.datetime("snoozed_until").nullable()?.change();
        let assignee = match fields.raw("assignee") {
            Some(value) => Some(Assignee::read(value)?),
            None => None,
        };
        Ok(Self {
            status: status.and_then(Status::from_word),
            priority: priority.map(|word| word.and_then(Priority::from_word)),
            anonymous_traits,
            ai_resolved,
            escalation_reason,
            sla_due_at,
            snoozed_until,
            tags,
            assignee,
        })
    }

    /// Whether the body named nothing that can be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a change has come to: the values before, for each thing that is different now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The status.
    pub status: Option<Status>,
    /// The priority.
    pub priority: Option<Option<Priority>>,
    /// The due date.
    pub sla_due_at: Option<Option<Timestamp>>,
    /// The end of the snooze.
    pub snoozed_until: Option<Option<Timestamp>>,
    /// The assignee.
    pub assignee: Option<Option<Assignee>>,
    /// The tags.
    pub tags: Option<Vec<String>>,
    /// The traits, or anything else that is neither logged nor told.
    pub other: bool,
}

impl Changed {
    /// Whether anything is different.
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether a ticket's unread messages have come into the team's count, or left it. `now`: its status.
    pub fn counts_otherwise(&self, now: Status) -> bool {
        self.status
            .is_some_and(|before| before == Status::Resolved || now == Status::Resolved)
    }
}

impl Changed {
    /// Whether the ticket has been resolved by it.
    pub fn is_resolving(&self, ticket: &Ticket) -> bool {
        self.status.is_some() && ticket.status == Status::Resolved
    }
}

impl Ticket {
    /// Applies a change, with the snooze rule (tickets.md 6.4) and what depends on the status.
    pub fn apply(&mut self, change: &TicketChange, now: Timestamp) -> Changed {
        let mut changed = Changed::default();
        let was_snoozed = self.snoozed_until.is_some();
        if let Some(until) = change.snoozed_until {
            changed.snoozed_until = replace(&mut self.snoozed_until, until);
        }
        let status = change
            .status
            .or(match (was_snoozed, self.snoozed_until.is_some()) {
                (false, true) => Some(Status::OnHold),
                (true, false) => Some(Status::Open),
                _ => None,
            });
        if let Some(status) = status {
            changed.status = self.set_status(status, now);
        }
        if let Some(priority) = change.priority {
            changed.priority = replace(&mut self.priority, priority);
        }
        if let Some(due) = change.sla_due_at {
            changed.sla_due_at = replace(&mut self.sla_due_at, due);
            if changed.sla_due_at.is_some() {
                self.sla_warned_minutes = None;
                self.sla_breached = false;
            }
        }
        if let Some(assignee) = change.assignee {
            changed.assignee = replace(&mut self.assignee, assignee);
        }
        if let Some(tags) = &change.tags {
            changed.tags = replace(&mut self.tags, tags.clone());
        }
        if let Some(traits) = &change.anonymous_traits {
            changed.other |= replace(&mut self.anonymous_traits, traits.to_string()).is_some();
        }
        if let Some(resolved) = change.ai_resolved {
            changed.other |= replace(&mut self.ai_resolved, resolved).is_some();
        }
        if let Some(reason) = &change.escalation_reason {
            changed.other |= replace(&mut self.escalation_reason, reason.clone()).is_some();
        }
        if changed.is_any() {
            self.updated_at = now;
        }
        changed
    }

    /// Moves to a status; gives the one before if that is another.
    pub fn set_status(&mut self, status: Status, now: Timestamp) -> Option<Status> {
        let before = replace(&mut self.status, status)?;
        self.resolved_at = (status == Status::Resolved).then_some(now);
        if status == Status::Resolved {
            self.leave_triage();
        }
        Some(before)
    }
}

/// Puts a new value in place; gives the old one if it was different.
fn replace<T: PartialEq>(slot: &mut T, value: T) -> Option<T> {
    if *slot == value {
        return None;
    }
    Some(std::mem::replace(slot, value))
}

/// A ticket that is to be made.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Its id.
    pub id: TicketId,
    /// One of [`super::CHANNELS`], or another word for imports.
    pub channel_source: String,
    /// More exactly.
    pub channel_detail: Option<String>,
    /// The customer's analytics id; may be empty.
    pub distinct_id: String,
    /// The visitor's secret.
    pub widget_session_id: Option<String>,
    /// Id of a session recording.
    pub session_id: Option<String>,
    /// JSON object: where the customer is.
    pub session_context: Value,
    /// A server vouched for the customer.
    pub identity_verified: Option<bool>,
    /// Subject of the first mail.
    pub email_subject: Option<String>,
    /// The customer's address.
    pub email_from: Option<String>,
    /// What the writable members are to be.
    pub fields: TicketChange,
}

impl NewTicket {
    /// An empty ticket of the API's own channel (tickets.md 4).
    pub fn new(id: TicketId, fields: TicketChange) -> Self {
        Self {
            id,
            channel_source: WIDGET.to_owned(),
            channel_detail: Some("widget_api".to_owned()),
            distinct_id: String::new(),
            widget_session_id: None,
            session_id: None,
            session_context: Value::Object(serde_json::Map::new()),
            identity_verified: None,
            email_subject: None,
            email_from: None,
            fields,
        }
    }

    /// Reads the body of POST: the members of a change, and `distinct_id`.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(id: TicketId, fields: &Fields<'_>) -> Result<Self, FieldError> {
        let distinct_id = fields.text("distinct_id").max(DISTINCT_ID_MAX);
        let distinct_id = distinct_id.allow_blank().or(String::new())?;
        Ok(Self {
            distinct_id,
            ..Self::new(id, TicketChange::read(fields)?)
        })
    }

    /// The ticket as it begins, under its number.
    pub fn into_ticket(self, project_id: ProjectId, number: i64, now: Timestamp) -> Ticket {
        let mut ticket = Ticket {
            project_id,
            id: self.id,
            number,
            channel_source: self.channel_source,
            channel_detail: self.channel_detail,
            distinct_id: self.distinct_id,
            status: Status::New,
            priority: None,
            assignee: None,
            anonymous_traits: "{}".to_owned(),
            ai_resolved: false,
            escalation_reason: None,
            created_at: now,
            updated_at: now,
            message_count: 0,
            last_message_at: None,
            last_message_text: None,
            unread_team_count: 0,
            unread_customer_count: 0,
            session_id: self.session_id,
            session_context: self.session_context.to_string(),
            sla_due_at: None,
            sla_warned_minutes: None,
            sla_breached: false,
            snoozed_until: None,
            resolved_at: None,
            widget_session_id: self.widget_session_id,
            slack_channel_id: None,
            slack_thread_ts: None,
            slack_team_id: None,
            email_subject: self.email_subject,
            email_from: self.email_from,
            email_to: None,
            cc_participants: "[]".to_owned(),
            github_repo: None,
            github_issue_number: None,
            identity_verified: self.identity_verified,
            ai_triage: None,
            organization_id: None,
            organization_id_source: None,
            zendesk_ticket_id: None,
            merged_at: None,
            merged_into_id: None,
            merged_into_number: None,
            tags: Vec::new(),
            deleted_at: None,
            first_response_at: None,
        };
        let tags = self.fields.tags.clone().map(normal_tags);
        ticket.apply(
            &TicketChange {
                tags,
                ..self.fields
            },
            now,
        );
        ticket
    }
}
