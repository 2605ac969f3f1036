//! The list of tickets by the raw query: one statement over thicket's own tables, with the persons joined, and each row written
//! as JSON straight from its columns. Nothing in between: no rules, no types, no filters, moments left as numbers.

use anyhow::Context as _;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::io::Write as _;
use std::path::Path;
use uuid::Uuid;

/// What thicket shows of a ticket, and what it is found by.
const TICKET: [&str; 43] = [
    "id",
    "number",
    "channel_source",
    "channel_detail",
    "distinct_id",
    "status",
    "priority",
    "assignee",
    "anonymous_traits",
    "ai_resolved",
    "escalation_reason",
    "created_at",
    "updated_at",
    "message_count",
    "last_message_at",
    "last_message_text",
    "unread_team_count",
    "unread_customer_count",
    "session_id",
    "session_context",
    "sla_due_at",
    "sla_breached",
    "snoozed_until",
    "resolved_at",
    "slack_channel_id",
    "slack_thread_ts",
    "slack_team_id",
    "email_subject",
    "email_from",
    "email_to",
    "cc_participants",
    "github_repo",
    "github_issue_number",
    "identity_verified",
    "ai_triage",
    "organization_id",
    "organization_id_source",
    "zendesk_ticket_id",
    "merged_at",
    "merged_into_id",
    "merged_into_number",
    "tags",
    "project_id",
];

const PERSON: [&str; 4] = ["id", "properties", "is_identified", "created_at"];

/// The columns that hold JSON, which is sent as it is.
const JSON: [&str; 6] = [
    "anonymous_traits",
    "session_context",
    "cc_participants",
    "ai_triage",
    "tags",
    "properties",
];

/// A reader of thicket's database.
pub(super) struct Tickets {
    connection: Connection,
    select: String,
}

impl Tickets {
    pub(super) fn open(database: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(database, flags).context("thicket's database")?;
        // As thicket's own readers have it.
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2000;")?;
        let columns: Vec<_> = TICKET.iter().map(|it| format!("t.{it}")).collect();
        let person: Vec<_> = PERSON.iter().map(|it| format!("p.{it}")).collect();
        let select = format!(
            "SELECT {}, {}, (SELECT json_group_array(o.distinct_id ORDER BY o.position) FROM person_distinct_id o \
               WHERE o.project_id = p.project_id AND o.person_id = p.id) \
             FROM ticket t \
             LEFT JOIN person_distinct_id d ON d.project_id = t.project_id AND d.distinct_id = t.distinct_id \
             LEFT JOIN person p ON p.project_id = d.project_id AND p.id = d.person_id \
             WHERE t.project_id = ?1 AND t.deleted_at IS NULL ORDER BY t.updated_at DESC, t.number DESC LIMIT 50",
            columns.join(", "),
            person.join(", "),
        );
        Ok(Self { connection, select })
    }

    /// Fifty tickets, and how many there are.
    pub(super) fn list(&self, project: i64) -> anyhow::Result<Vec<u8>> {
        let count = "SELECT SUM(tickets) FROM ticket_tally WHERE project_id = ?1";
        let mut count = self.connection.prepare_cached(count)?;
        let count: i64 = count.query_row([project], |row| row.get(0))?;
        let mut body = Vec::with_capacity(100 * 1024);
        write!(body, "{{\"count\":{count},\"results\":[")?;
        let mut statement = self.connection.prepare_cached(&self.select)?;
        let mut rows = statement.query([project])?;
        let mut separator: &[u8] = b"{";
        while let Some(row) = rows.next()? {
            body.extend_from_slice(separator);
            separator = b",{";
            for (index, name) in TICKET.iter().enumerate() {
                member(&mut body, name, row.get_ref(index)?)?;
            }
            body.extend_from_slice(b"\"person\":{");
            for (index, name) in PERSON.iter().enumerate() {
                member(&mut body, name, row.get_ref(TICKET.len() + index)?)?;
            }
            let ids = row.get_ref(TICKET.len() + PERSON.len())?;
            body.extend_from_slice(b"\"distinct_ids\":");
            body.extend_from_slice(ids.as_str_or_null()?.unwrap_or("[]").as_bytes());
            body.extend_from_slice(b"}}");
        }
        body.extend_from_slice(b"]}");
        Ok(body)
    }
}

fn member(body: &mut Vec<u8>, name: &str, value: ValueRef<'_>) -> anyhow::Result<()> {
    body.push(b'"');
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(b"\":");
    match value {
        ValueRef::Null => body.extend_from_slice(b"null"),
        ValueRef::Integer(number) => serde_json::to_writer(&mut *body, &number)?,
        ValueRef::Real(number) => serde_json::to_writer(&mut *body, &number)?,
        ValueRef::Text(json) if JSON.contains(&name) => body.extend_from_slice(json),
        ValueRef::Text(text) => serde_json::to_writer(&mut *body, std::str::from_utf8(text)?)?,
        ValueRef::Blob(id) => serde_json::to_writer(&mut *body, &Uuid::from_slice(id)?)?,
    }
    body.push(b',');
    Ok(())
}
