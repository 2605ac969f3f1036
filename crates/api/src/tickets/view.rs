//! The ticket as clients see it (tickets.md 2), and what it needs beside its row.

use crate::{ApiError, Call};
use model::persons::{PersonView, folded_email};
use model::tickets::{Assignee, Priority, Status, Ticket};
use model::{MemberLevel, OrganizationId, ProjectId, TicketId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Conn, persons, tickets};
use utoipa::ToSchema;

/// A support ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub(super) struct TicketView {
    #[schema(value_type = Uuid)]
    id: TicketId,
    /// Counted in the project, from 1.
    ticket_number: i64,
    /// `widget`, `email`, `slack`, `teams`, `github`, or another word for imports.
    channel_source: String,
    /// The customer's analytics id; may be empty.
    distinct_id: String,
    #[schema(value_type = String, example = "open")]
    status: Status,
    #[schema(value_type = Option<String>, required = true, example = "high")]
    priority: Option<Priority>,
    /// `{id, type, user, role}`, or null.
    #[schema(value_type = Option<Object>, required = true)]
    assignee: Value,
    #[schema(value_type = serde_json::Value)]
    anonymous_traits: Box<RawValue>,
    ai_resolved: bool,
    #[schema(required = true)]
    escalation_reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Public messages.
    message_count: i64,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    last_message_at: Option<Timestamp>,
    /// The first 500 characters of the newest public message.
    #[schema(required = true)]
    last_message_text: Option<String>,
    /// Customer messages that the team has not seen.
    unread_team_count: i64,
    /// Team messages that the customer has not seen.
    unread_customer_count: i64,
    #[schema(required = true)]
    session_id: Option<String>,
    #[schema(value_type = Object)]
    session_context: Box<RawValue>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    sla_due_at: Option<Timestamp>,
    #[schema(required = true)]
    slack_channel_id: Option<String>,
    #[schema(required = true)]
    slack_thread_ts: Option<String>,
    #[schema(required = true)]
    slack_team_id: Option<String>,
    /// Who the customer is, as far as known.
    #[schema(value_type = Option<Object>, required = true)]
    person: Option<Arc<PersonView>>,
    /// Sorted.
    tags: Vec<String>,
    #[schema(required = true)]
    channel_detail: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    snoozed_until: Option<Timestamp>,
    #[schema(required = true)]
    email_subject: Option<String>,
    #[schema(required = true)]
    email_from: Option<String>,
    #[schema(required = true)]
    email_to: Option<String>,
    #[schema(value_type = Vec<String>)]
    cc_participants: Box<RawValue>,
    #[schema(required = true)]
    github_repo: Option<String>,
    #[schema(required = true)]
    github_issue_number: Option<i64>,
    /// A server vouched for the customer; null when nobody looked.
    #[schema(required = true)]
    identity_verified: Option<bool>,
    #[schema(value_type = Option<Object>, required = true)]
    ai_triage: Option<Box<RawValue>>,
    #[schema(required = true)]
    organization_id: Option<String>,
    #[schema(required = true)]
    organization_id_source: Option<String>,
    #[schema(required = true)]
    zendesk_ticket_id: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    merged_at: Option<Timestamp>,
    #[schema(value_type = Option<Uuid>, required = true)]
    merged_into_id: Option<TicketId>,
    #[schema(required = true)]
    merged_into_ticket_number: Option<i64>,
    /// `{id, ticket_number}` of each ticket that was merged into this one.
    #[schema(value_type = Vec<Object>)]
    merged_tickets: Vec<Value>,
    /// `manager` for admins of the organisation, else `editor`.
    user_access_level: &'static str,
}

/// Whose eyes a ticket is shown to.
#[derive(Clone, Copy)]
pub(super) struct Viewer {
    pub(super) project: ProjectId,
    pub(super) organization: OrganizationId,
    access_level: &'static str,
}

impl Viewer {
    pub(super) fn of(call: &Call) -> Result<Self, ApiError> {
        let project = call.project_for_user()?;
        Ok(Self {
            project: project.project.id,
            organization: project.project.organization_id,
            access_level: match project.level {
                Some(MemberLevel::Admin) => "manager",
                Some(MemberLevel::Member) => "editor",
                None => "none",
            },
        })
    }

    /// A page of tickets, with what is shown besides. The number of look-ups does not grow with the page.
    pub(super) async fn gather(&self, c: &Conn, found: Vec<Ticket>) -> store::Result<Gathered> {
        let assignees: Vec<Assignee> = found.iter().filter_map(|it| it.assignee).collect();
        let ids: Vec<TicketId> = found.iter().map(|it| it.id).collect();
        Ok(Gathered {
            names: tickets::names_of_assignees(c, self.organization, &assignees).await?,
            merged: tickets::list_merged_into(c, self.project, &ids).await?,
            persons: find_persons(c, self.project, &found).await?,
            found,
            access_level: self.access_level,
        })
    }

    /// One ticket likewise.
    pub(super) async fn gather_one(&self, c: &Conn, ticket: Ticket) -> store::Result<Gathered> {
        self.gather(c, vec![ticket]).await
    }
}

/// Tickets, with what is shown besides. It is gathered in a transaction; what was written is shown after it, as others wait for
/// the one connection that writes.
pub(super) struct Gathered {
    found: Vec<Ticket>,
    names: HashMap<Assignee, String>,
    merged: HashMap<TicketId, Vec<(TicketId, i64)>>,
    /// Of each of them.
    persons: Vec<Option<Arc<PersonView>>>,
    access_level: &'static str,
}

impl Gathered {
    /// The tickets as clients see them.
    pub(super) fn show(mut self) -> store::Result<Vec<TicketView>> {
        let found = std::mem::take(&mut self.found);
        let persons = std::mem::take(&mut self.persons);
        found
            .into_iter()
            .zip(persons)
            .map(|(ticket, person)| {
                let assignee = ticket.assignee.map(|it| {
                    let name = self.names.get(&it);
                    it.view(name.map_or("", String::as_str))
                });
                let merged = self.merged.remove(&ticket.id).unwrap_or_default();
                let merged = merged.into_iter();
                let merged = merged.map(|(id, number)| json!({"id": id, "ticket_number": number}));
                self.view(ticket, assignee, person, merged.collect())
            })
            .collect()
    }

    /// The only ticket as clients see it.
    pub(super) fn show_one(self) -> store::Result<TicketView> {
        self.show()?.pop().ok_or(store::Error::NoRow)
    }

    fn view(
        &self,
        it: Ticket,
        assignee: Option<Value>,
        person: Option<Arc<PersonView>>,
        merged_tickets: Vec<Value>,
    ) -> store::Result<TicketView> {
        Ok(TicketView {
            id: it.id,
            ticket_number: it.number,
            channel_source: it.channel_source,
            distinct_id: it.distinct_id,
            status: it.status,
            priority: it.priority,
            assignee: assignee.unwrap_or_default(),
            anonymous_traits: raw("ticket.anonymous_traits", it.anonymous_traits)?,
            ai_resolved: it.ai_resolved,
            escalation_reason: it.escalation_reason,
            created_at: it.created_at,
            updated_at: it.updated_at,
            message_count: it.message_count,
            last_message_at: it.last_message_at,
            last_message_text: it.last_message_text,
            unread_team_count: it.unread_team_count,
            unread_customer_count: it.unread_customer_count,
            session_id: it.session_id,
            session_context: raw("ticket.session_context", it.session_context)?,
            sla_due_at: it.sla_due_at,
            slack_channel_id: it.slack_channel_id,
            slack_thread_ts: it.slack_thread_ts,
            slack_team_id: it.slack_team_id,
            person,
            tags: it.tags,
            channel_detail: it.channel_detail,
            snoozed_until: it.snoozed_until,
            email_subject: it.email_subject,
            email_from: it.email_from,
            email_to: it.email_to,
            cc_participants: raw("ticket.cc_participants", it.cc_participants)?,
            github_repo: it.github_repo,
            github_issue_number: it.github_issue_number,
            identity_verified: it.identity_verified,
            ai_triage: match it.ai_triage {
                Some(triage) => Some(raw("ticket.ai_triage", triage)?),
                None => None,
            },
            organization_id: it.organization_id,
            organization_id_source: it.organization_id_source,
            zendesk_ticket_id: it.zendesk_ticket_id,
            merged_at: it.merged_at,
            merged_into_id: it.merged_into_id,
            merged_into_ticket_number: it.merged_into_number,
            merged_tickets,
            user_access_level: self.access_level,
        })
    }
}

/// Stored JSON on its way out, without taking it apart.
pub(crate) fn raw(column: &str, json: String) -> store::Result<Box<RawValue>> {
    RawValue::from_string(json)
        .map_err(|_| store::Error::Corrupt(format!("{column} holds no JSON")))
}

/// The person of each ticket, or null (tickets.md 2.4): by the customer's id; on a mail's ticket else by its address.
async fn find_persons(
    c: &Conn,
    project: ProjectId,
    found: &[Ticket],
) -> store::Result<Vec<Option<Arc<PersonView>>>> {
    let ids = found.iter().map(|it| it.distinct_id.as_str());
    let ids: Vec<&str> = ids.filter(|id| !id.is_empty()).collect();
    let by_id = if ids.is_empty() {
        HashMap::new()
    } else {
        persons::view_by_distinct_ids(c, project, &ids).await?
    };
    let address = |it: &Ticket| -> Option<String> {
        let is_mail = it.channel_source == "email" && !by_id.contains_key(&it.distinct_id);
        it.email_from
            .as_deref()
            .filter(|_| is_mail)
            .map(folded_email)
    };
    let addresses: Vec<String> = found.iter().filter_map(address).collect();
    let by_address = if addresses.is_empty() {
        HashMap::new()
    } else {
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        persons::view_by_emails(c, project, &addresses).await?
    };
    let person = |it: &Ticket| {
        let person = by_id.get(&it.distinct_id);
        person.or_else(|| by_address.get(&address(it)?)).cloned()
    };
    Ok(found.iter().map(person).collect())
}
