//! What there is to count of a project's tickets in a period. All of it is read from indexes.

use super::totals;
use crate::statements::statements;
use crate::{Conn, Result, params};
use model::statistics::{Counted, Period, SLOT_MICROS};
use model::tickets::Side;
use model::{ProjectId, Timestamp};

statements! {
    OPENED = "SELECT created_at / 900000000 AS slot, count(*) FROM ticket \
              WHERE project_id = ?1 AND created_at >= ?2 AND created_at < ?3 AND deleted_at IS NULL GROUP BY 1";
    RESPONDED = "SELECT first_response_at, first_response_at - created_at FROM ticket \
                 WHERE project_id = ?1 AND first_response_at >= ?2 AND first_response_at < ?3 AND deleted_at IS NULL";
    RESOLVED = "SELECT resolved_at, resolved_at - created_at, ai_resolved FROM ticket \
                WHERE project_id = ?1 AND resolved_at >= ?2 AND resolved_at < ?3 AND merged_into_id IS NULL \
                  AND deleted_at IS NULL";
    MET = "SELECT sla_due_at / 900000000 AS slot, count(*) FROM ticket \
           WHERE project_id = ?1 AND sla_due_at >= ?2 AND sla_due_at < ?3 AND deleted_at IS NULL \
             AND resolved_at <= sla_due_at GROUP BY 1";
    BREACHED = "SELECT sla_due_at / 900000000 AS slot, count(*) FROM ticket \
                WHERE project_id = ?1 AND sla_due_at >= ?2 AND sla_due_at < ?3 AND deleted_at IS NULL \
                  AND (resolved_at > sla_due_at OR (resolved_at IS NULL AND sla_due_at <= ?4)) GROUP BY 1";
    MESSAGES = "SELECT created_at / 900000000 AS slot, side, count(*) FROM ticket_message \
                WHERE project_id = ?1 AND created_at >= ?2 AND created_at < ?3 AND NOT is_deleted AND NOT is_private \
                GROUP BY 1, side";
}

const _: () = assert!(SLOT_MICROS == 900_000_000, "the statements divide by it");

/// Counts a period.
///
/// # Errors
/// When the store fails.
pub async fn statistics(
    c: &Conn,
    project: ProjectId,
    period: &Period,
    now: Timestamp,
) -> Result<Counted> {
    let (start, end) = (period.start(), period.end());
    let range = params![project, start, end];
    let mut counted = Counted::new(period);
    for (slot, count) in c.all::<(i64, i64)>(OPENED, range).await? {
        counted.at_slot(slot).opened += count;
    }
    for (at, length) in c.all::<(i64, i64)>(RESPONDED, range).await? {
        counted.at(at).first_responses.push(length);
    }
    for (at, length, by_assistant) in c.all::<(i64, i64, bool)>(RESOLVED, range).await? {
        let figures = counted.at(at);
        figures.resolutions.push(length);
        figures.resolved_by_assistant += i64::from(by_assistant);
    }
    for (slot, count) in c.all::<(i64, i64)>(MET, range).await? {
        counted.at_slot(slot).sla_met += count;
    }
    let until_now = params![project, start, end, now];
    for (slot, count) in c.all::<(i64, i64)>(BREACHED, until_now).await? {
        counted.at_slot(slot).sla_breached += count;
    }
    for (slot, side, count) in c.all::<(i64, String, i64)>(MESSAGES, range).await? {
        let figures = counted.at_slot(slot);
        if Side::from_word(&side) == Some(Side::Customer) {
            figures.messages_received += count;
        } else {
            figures.messages_sent += count;
        }
    }
    counted.unread_now = totals::unread_count(c, project).await?;
    Ok(counted)
}
