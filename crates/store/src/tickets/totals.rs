//! How many tickets a project has in each status, and how much of them is unread: counters that move in the
//! transaction that changes a ticket.

use crate::statements::statements;
use crate::{Conn, Result, params};
use model::ProjectId;
use model::tickets::{Status, Ticket};
use std::collections::BTreeMap;

statements! {
    MOVE = "INSERT INTO ticket_total (project_id, status, tickets, unread) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (project_id, status) DO UPDATE \
              SET tickets = ticket_total.tickets + excluded.tickets, unread = ticket_total.unread + excluded.unread";
    ALL_OF = "SELECT status, tickets FROM ticket_total WHERE project_id = ?1";
    UNREAD = "SELECT CAST(COALESCE(SUM(unread), 0) AS BIGINT) FROM ticket_total \
              WHERE project_id = ?1 AND status <> 'resolved'";
}

/// What a transaction adds to the counters. Gathered, and written at its end in one order.
pub(super) struct Totals {
    project: ProjectId,
    moved: BTreeMap<Status, (i64, i64)>,
}

impl Totals {
    pub(super) fn new(project: ProjectId) -> Self {
        Self {
            project,
            moved: BTreeMap::new(),
        }
    }

    /// The ticket as it is from now on.
    pub(super) fn add(&mut self, ticket: &Ticket) {
        self.count(ticket, 1);
    }

    /// The ticket as it was.
    pub(super) fn remove(&mut self, ticket: &Ticket) {
        self.count(ticket, -1);
    }

    fn count(&mut self, ticket: &Ticket, sign: i64) {
        let entry = self.moved.entry(ticket.status).or_default();
        entry.0 += sign;
        entry.1 += sign * ticket.unread_team_count;
    }

    pub(super) async fn write(self, c: &Conn) -> Result<()> {
        for (status, (tickets, unread)) in self.moved {
            if tickets != 0 || unread != 0 {
                let values = params![self.project, status.as_str(), tickets, unread];
                c.exec(MOVE, values).await?;
            }
        }
        Ok(())
    }
}

/// How many tickets have one of these statuses; of none given, all.
pub(super) async fn count(c: &Conn, project: ProjectId, statuses: &[Status]) -> Result<i64> {
    let totals: Vec<(String, i64)> = c.all(ALL_OF, params![project]).await?;
    let is_wanted =
        |word: &str| statuses.is_empty() || statuses.iter().any(|status| status.as_str() == word);
    let wanted = totals.iter().filter(|(word, _)| is_wanted(word));
    Ok(wanted.map(|(_, tickets)| tickets).sum())
}

/// The sum of the team's unread messages over all tickets that are not resolved (tickets.md 9).
///
/// # Errors
/// When the store fails.
pub async fn unread_count(c: &Conn, project: ProjectId) -> Result<i64> {
    c.one(UNREAD, params![project]).await
}
