//! How many tickets a project has of each status, priority, assignee and channel, and how much of them is unread:
//! counters that move in the transaction that changes a ticket. What a list or a badge is narrowed to by these alone
//! is a sum of them, however many tickets there are.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::ProjectId;
use model::tickets::{Assignee, Filters, Priority, Ticket};
use std::collections::BTreeMap;

statements! {
    MOVE = "INSERT INTO ticket_tally (project_id, status, priority, assignee, channel_source, tickets, unread) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
            ON CONFLICT (project_id, status, priority, assignee, channel_source) DO UPDATE \
              SET tickets = ticket_tally.tickets + excluded.tickets, unread = ticket_tally.unread + excluded.unread";
    ALL_OF = "SELECT status, priority, assignee, channel_source, tickets, unread FROM ticket_tally \
              WHERE project_id = ?1 AND (tickets <> 0 OR unread <> 0)";
    UNASSIGN = "UPDATE ticket SET assignee = '' WHERE project_id = ?1 AND assignee = ?2 AND deleted_at IS NULL";
    MOVE_UNASSIGNED = "INSERT INTO ticket_tally (project_id, status, priority, assignee, channel_source, tickets, unread) \
                       SELECT project_id, status, priority, '', channel_source, tickets, unread FROM ticket_tally \
                       WHERE project_id = ?1 AND assignee = ?2 \
                       ON CONFLICT (project_id, status, priority, assignee, channel_source) DO UPDATE \
                         SET tickets = ticket_tally.tickets + excluded.tickets, \
                             unread = ticket_tally.unread + excluded.unread";
    DROP_ASSIGNEE = "DELETE FROM ticket_tally WHERE project_id = ?1 AND assignee = ?2";
    UNREAD = "SELECT CAST(COALESCE(SUM(unread), 0) AS BIGINT) FROM ticket_tally \
              WHERE project_id = ?1 AND status <> 'resolved'";
}

/// The words by which a ticket is counted, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    status: String,
    /// Empty for none.
    priority: String,
    /// Empty for nobody.
    assignee: String,
    channel_source: String,
}

impl Class {
    fn of(ticket: &Ticket) -> Self {
        Self {
            status: ticket.status.as_str().to_owned(),
            priority: ticket.priority.map_or("", Priority::as_str).to_owned(),
            assignee: super::list::assignee_word(&ticket.assignee),
            channel_source: ticket.channel_source.clone(),
        }
    }

    /// Whether its tickets fit filters that are [by tally](Filters::is_by_tally).
    fn fits(&self, filters: &Filters) -> bool {
        let statuses = &filters.statuses;
        let priorities = &filters.priorities;
        let assignees = &filters.assignees;
        (statuses.is_empty() || statuses.iter().any(|it| it.as_str() == self.status))
            && (priorities.is_empty() || priorities.iter().any(|it| it.as_str() == self.priority))
            && (assignees.is_empty()
                || assignees
                    .iter()
                    .any(|it| super::list::assignee_word(it) == self.assignee))
            && filters
                .channel_source
                .is_none_or(|channel| channel == self.channel_source)
    }
}

/// How many tickets there are, and how many of the customers' messages in them the team has not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketCount {
    /// Tickets.
    pub tickets: i64,
    /// The sum of their `unread_team_count`.
    pub unread: i64,
}

/// All counters of a project.
pub(super) struct Tally(Vec<Counted>);

struct Counted {
    class: Class,
    count: TicketCount,
}

impl FromRow for Counted {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            class: Class {
                status: row.get()?,
                priority: row.get()?,
                assignee: row.get()?,
                channel_source: row.get()?,
            },
            count: TicketCount {
                tickets: row.get()?,
                unread: row.get()?,
            },
        })
    }
}

impl Tally {
    pub(super) async fn read(c: &Conn, project: ProjectId) -> Result<Self> {
        Ok(Self(c.all(ALL_OF, params![project]).await?))
    }

    /// The sum over what fits filters that are [by tally](Filters::is_by_tally).
    pub(super) fn count(&self, filters: &Filters) -> TicketCount {
        let fitting = self.0.iter().filter(|it| it.class.fits(filters));
        fitting.fold(TicketCount::default(), |sum, it| TicketCount {
            tickets: sum.tickets + it.count.tickets,
            unread: sum.unread + it.count.unread,
        })
    }
}

/// What a transaction adds to the counters. Gathered, and written at its end in one order.
pub(super) struct Totals {
    project: ProjectId,
    moved: BTreeMap<Class, TicketCount>,
}

impl Totals {
    pub(super) fn new(project: ProjectId) -> Self {
        Self {
            project,
            moved: BTreeMap::new(),
        }
    }

    /// One ticket as it was, and as it is from now on.
    pub(super) fn moved(before: &Ticket, after: &Ticket) -> Self {
        let mut totals = Self::new(after.project_id);
        let is_counted_the_same = before.status == after.status
            && before.priority == after.priority
            && before.assignee == after.assignee
            && before.channel_source == after.channel_source
            && before.unread_team_count == after.unread_team_count;
        if !is_counted_the_same {
            totals.remove(before);
            totals.add(after);
        }
        totals
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
        let entry = self.moved.entry(Class::of(ticket)).or_default();
        entry.tickets += sign;
        entry.unread += sign * ticket.unread_team_count;
    }

    pub(super) async fn write(self, c: &Conn) -> Result<()> {
        for (class, moved) in self.moved {
            if moved == TicketCount::default() {
                continue;
            }
            let values = params![
                self.project,
                &class.status,
                &class.priority,
                &class.assignee,
                &class.channel_source,
                moved.tickets,
                moved.unread
            ];
            c.exec(MOVE, values).await?;
        }
        Ok(())
    }
}

/// The sum of the team's unread messages over all tickets that are not resolved (tickets.md 9).
///
/// # Errors
/// When the store fails.
pub async fn unread_count(c: &Conn, project: ProjectId) -> Result<i64> {
    c.one(UNREAD, params![project]).await
}

/// Assigns what is assigned to somebody to nobody, without an entry in the tickets' logs: for an assignee that is to be
/// no more. Whether there was anything.
///
/// # Errors
/// When the store fails.
pub async fn unassign(c: &Conn, project: ProjectId, assignee: Assignee) -> Result<bool> {
    let word = super::list::assignee_word(&Some(assignee));
    let changed = c.exec(UNASSIGN, params![project, &word]).await?;
    c.exec(MOVE_UNASSIGNED, params![project, &word]).await?;
    c.exec(DROP_ASSIGNEE, params![project, &word]).await?;
    Ok(changed > 0)
}
