//! Looking for damage: the engine's own checks, and what must be true between our rows.

use crate::statements::{Statement, statements};
use crate::{Engine, Error, Result, Store};
use std::fmt;
use uuid::Uuid;

statements! {
    INTEGRITY [sqlite] = "PRAGMA integrity_check(100)";
    REFERENCES [sqlite] = "PRAGMA foreign_key_check";
}

/// Statements that find what must not be. Each gives the project and the id of the rows at fault, and is named for
/// what is wrong with them.
mod invariants {
    use crate::statements::statements;

    statements! {
        CONVERSATION_IS_NOT_IN_DIRECTORY = "SELECT c.project_id, c.id FROM conversation c \
            WHERE NOT EXISTS (SELECT 1 FROM conversation_directory d \
                              WHERE d.conversation_id = c.id AND d.project_id = c.project_id) LIMIT 100";
        CONVERSATION_MISSES_MESSAGES = "SELECT c.project_id, c.id FROM conversation c \
            WHERE c.deleted_at IS NULL AND c.last_position <> \
              (SELECT count(*) FROM message m WHERE m.project_id = c.project_id AND m.conversation_id = c.id) \
            LIMIT 100";
        USER_MISCOUNTS_CONVERSATIONS = "SELECT c.project_id, c.id FROM conversation c \
            JOIN (SELECT o.project_id, o.user_id, count(*) AS conversations FROM conversation o \
                  WHERE o.deleted_at IS NULL AND o.type <> 'tool_call' AND NOT o.is_internal \
                  GROUP BY o.project_id, o.user_id) g \
              ON g.project_id = c.project_id AND g.user_id = c.user_id \
            WHERE NOT EXISTS \
              (SELECT 1 FROM conversation_total t WHERE t.project_id = g.project_id AND t.user_id = g.user_id \
                 AND t.conversations = g.conversations) \
            LIMIT 100";
        CONVERSATION_HAS_TWO_RUNNING_TURNS = "SELECT t.project_id, t.conversation_id FROM turn t \
            WHERE t.status = 'running' GROUP BY t.project_id, t.conversation_id HAVING count(*) > 1 LIMIT 100";
        TICKET_MISCOUNTS_ITS_MESSAGES = "SELECT t.project_id, t.id FROM ticket t \
            WHERE t.deleted_at IS NULL AND t.message_count <> \
              (SELECT count(*) FROM ticket_message m WHERE m.project_id = t.project_id AND m.ticket_id = t.id \
                 AND NOT m.is_deleted AND NOT m.is_private) \
            LIMIT 100";
        PROJECT_MISCOUNTS_TICKETS_OF_THIS_KIND = "SELECT t.project_id, t.id FROM ticket t \
            JOIN (SELECT o.project_id, o.status, COALESCE(o.priority, '') AS priority, o.assignee, o.channel_source, \
                         count(*) AS tickets, CAST(SUM(o.unread_team_count) AS BIGINT) AS unread \
                  FROM ticket o WHERE o.deleted_at IS NULL \
                  GROUP BY o.project_id, o.status, COALESCE(o.priority, ''), o.assignee, o.channel_source) g \
              ON g.project_id = t.project_id AND g.status = t.status AND g.priority = COALESCE(t.priority, '') \
                AND g.assignee = t.assignee AND g.channel_source = t.channel_source \
            WHERE t.deleted_at IS NULL AND NOT EXISTS \
              (SELECT 1 FROM ticket_tally s WHERE s.project_id = g.project_id AND s.status = g.status \
                 AND s.priority = g.priority AND s.assignee = g.assignee AND s.channel_source = g.channel_source \
                 AND s.tickets = g.tickets AND s.unread = g.unread) \
            LIMIT 100";
    }
}

/// The statements of the invariants, for the register.
pub(crate) const INVARIANTS: &[Statement] = invariants::ALL;

/// Something that is wrong with the stored data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check found it.
    pub check: &'static str,
    /// What it found, in the engine's words or by project and id.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.detail)
    }
}

impl Store {
    /// Checks the stored data: on SQLite the file's structure, all indexes and references; on both engines the
    /// invariants between our rows. Reads everything. An empty list is good news.
    ///
    /// # Errors
    /// Those of reading, except damage: that is a finding.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        if self.engine() == Engine::Sqlite {
            findings.extend(self.integrity().await?);
            findings.extend(self.references().await?);
        }
        for invariant in INVARIANTS {
            findings.extend(self.invariant(invariant).await?);
        }
        Ok(findings)
    }

    async fn integrity(&self) -> Result<Vec<Finding>> {
        let lines: Result<Vec<String>> = self
            .read(|c| Box::pin(async move { c.all(INTEGRITY, &[]).await }))
            .await;
        let lines = lines.map(|lines| lines.into_iter().filter(|line| line != "ok").collect());
        findings("integrity", lines)
    }

    async fn references(&self) -> Result<Vec<Finding>> {
        type Reference = (String, Option<i64>, String, i64);
        let broken: Result<Vec<Reference>> = self
            .read(|c| Box::pin(async move { c.all(REFERENCES, &[]).await }))
            .await;
        let broken = broken.map(|broken| {
            broken
                .into_iter()
                .map(|(table, row, parent, _)| match row {
                    Some(row) => {
                        format!("row {row} of {table} refers to a missing row of {parent}")
                    }
                    None => format!("a row of {table} refers to a missing row of {parent}"),
                })
                .collect()
        });
        findings("references", broken)
    }

    async fn invariant(&self, invariant: &'static Statement) -> Result<Vec<Finding>> {
        let rows: Result<Vec<(i64, Uuid)>> = self
            .read(move |c| Box::pin(async move { c.all(invariant.sql, &[]).await }))
            .await;
        let rows = rows.map(|rows| {
            rows.into_iter()
                .map(|(project, id)| format!("project {project}, {id}"))
                .collect()
        });
        findings(invariant.name, rows)
    }
}

fn findings(check: &'static str, details: Result<Vec<String>>) -> Result<Vec<Finding>> {
    let details = match details {
        Err(Error::Corrupt(detail)) => vec![detail],
        other => other?,
    };
    Ok(details
        .into_iter()
        .map(|detail| Finding { check, detail })
        .collect())
}
