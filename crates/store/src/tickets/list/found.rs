//! Which tickets have a text, on SQLite: searched for once, and kept for the next page and the next look.
//!
//! What a search has found stays right as long as no text of the project is changed or removed; what came since is
//! added to it. All of it is read in the snapshot of the list, so that a list never tells of another state.

use crate::lite::{Found, NumberSet};
use crate::statements::statements;
use crate::tickets::list::is_indexed;
use crate::{Conn, Result, params};
use model::ProjectId;
use std::sync::Arc;

/// So many texts, of all projects, are looked through one by one. When more came, it is searched anew.
const SINCE: i64 = 2_000;

/// Texts that wait for SQLite's index (`messages::INDEX_TEXTS`): few, so they are looked through one by one. The `+`
/// keeps SQLite from looking at all texts of the project.
macro_rules! waiting {
    () => {
        " UNION ALL SELECT w.number FROM ticket_text s \
            CROSS JOIN ticket w ON w.project_id = s.project_id AND w.id = s.ticket_id \
            WHERE s.search_id > (SELECT indexed_until FROM ticket_search_state) \
            AND +s.project_id = ?1 AND instr(s.text, ?2) > 0"
    };
}

statements! {
    STATE [sqlite] = "SELECT COALESCE((SELECT count FROM ticket_text_removal WHERE project_id = ?1), 0), \
                        COALESCE((SELECT MAX(search_id) FROM ticket_text), 0)";
    /// By the index, of which only a narrow row is read for each text.
    INDEXED [sqlite] = concat!(
        "SELECT o.ticket_number FROM ticket_search \
           CROSS JOIN ticket_search_ticket o ON o.search_id = ticket_search.rowid \
           WHERE ticket_search MATCH '\"' || replace(?2, '\"', '\"\"') || '\"' AND o.project_id = ?1",
        waiting!()
    );
    /// By a look at every text, for what is too short for the index.
    READ [sqlite] = concat!(
        "SELECT o.ticket_number FROM ticket_text a \
           CROSS JOIN ticket_search_ticket o ON o.search_id = a.search_id \
           WHERE a.project_id = ?1 AND instr(a.text, ?2) > 0",
        waiting!()
    );
    /// Of the texts that came since.
    ADDED [sqlite] = "SELECT t.number FROM ticket_text s \
                        CROSS JOIN ticket t ON t.project_id = s.project_id AND t.id = s.ticket_id \
                        WHERE s.search_id > ?3 AND +s.project_id = ?1 AND instr(s.text, ?2) > 0";
}

/// The tickets of a project that have a part in one of their texts.
///
/// # Errors
/// When the store fails.
pub(crate) async fn find(c: &Conn, project: ProjectId, part: &str) -> Result<Arc<Found>> {
    let (removals, newest): (i64, i64) = c.one(STATE, params![project]).await?;
    let kept = c.searches().and_then(|it| it.get(project, part));
    let kept = kept.filter(|it| {
        it.removals == removals && (newest.saturating_sub(SINCE)..=newest).contains(&it.newest)
    });
    // One row for each text, of which there may be many in a ticket: so they go into the set one by one.
    let mut numbers = NumberSet::default();
    match kept {
        Some(kept) if kept.newest == newest => return Ok(kept),
        Some(kept) => {
            numbers.clone_from(&kept.numbers);
            let values = params![project, part, kept.newest];
            c.each(ADDED, values, |number| numbers.insert(number))
                .await?;
        }
        None => {
            let statement = if is_indexed(part) { INDEXED } else { READ };
            let values = params![project, part];
            c.each(statement, values, |number| numbers.insert(number))
                .await?;
        }
    }
    let found = Arc::new(Found {
        numbers,
        removals,
        newest,
    });
    if let Some(searches) = c.searches() {
        searches.put(project, part, &found);
    }
    Ok(found)
}
