//! What the team has answered before: the newest solved tickets with their question and their answer. For the team's
//! own eyes only (spec "Knowledge").

use crate::statements::statements;
use crate::{Conn, Engine, FromRow, Result, Row, params};
use model::tickets::Side;
use model::{ProjectId, TicketId};
use std::collections::HashMap;

/// Messages read for all of them together.
const MESSAGES: i64 = 5_000;
/// Of each message so many characters are read.
const TEXT: i64 = 2_000;
/// A question is made of so many of the customer's first messages.
const QUESTIONS: usize = 3;

macro_rules! messages_of {
    ($ids:literal) => {
        concat!(
            "SELECT ticket_id, side, substr(content, 1, ?3) FROM ticket_message \
             WHERE project_id = ?1 AND NOT is_deleted AND NOT is_private AND ticket_id IN ",
            $ids,
            " ORDER BY ticket_id, created_at, id LIMIT ?4"
        )
    };
}

statements! {
    SOLVED = "SELECT id, number, anonymous_traits FROM ticket \
              WHERE project_id = ?1 AND status = 'resolved' AND deleted_at IS NULL AND merged_into_id IS NULL \
              ORDER BY updated_at DESC, number DESC LIMIT ?2";
    MESSAGES_SQLITE [sqlite] = messages_of!(
        "(SELECT unhex(replace(value, '-', '')) FROM json_each(?2))"
    );
    MESSAGES_POSTGRES [postgres] = messages_of!(
        "(SELECT CAST(value AS UUID) FROM json_array_elements_text(CAST(CAST(?2 AS TEXT) AS JSON)))"
    );
}

/// A ticket that somebody of the team has answered and that is resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    /// Which one.
    pub id: TicketId,
    /// Its number.
    pub number: i64,
    /// JSON: what its customer said of themselves.
    pub anonymous_traits: String,
    /// What the customer asked: their first messages.
    pub question: String,
    /// What the team answered: the longest of its messages, which is where the matter is told.
    pub answer: String,
}

/// One message of one of them.
struct Said {
    ticket: TicketId,
    side: Side,
    content: String,
}

impl FromRow for Said {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            ticket: row.get()?,
            side: row.parse("ticket_message.side", Side::from_word)?,
            content: row.get()?,
        })
    }
}

/// The newest solved tickets of a project that have a question and a team's answer, newest first: of at most `limit`
/// tickets, without the one that is asked about.
///
/// # Errors
/// When the store fails.
pub async fn list_solved(
    c: &Conn,
    project: ProjectId,
    except: TicketId,
    limit: i64,
) -> Result<Vec<Solved>> {
    let mut found: Vec<(TicketId, i64, String)> = c.all(SOLVED, params![project, limit]).await?;
    found.retain(|(id, ..)| *id != except);
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = found.iter().map(|(id, ..)| id.to_string()).collect();
    let ids = serde_json::Value::from(ids).to_string();
    let sql = match c.engine() {
        Engine::Sqlite => MESSAGES_SQLITE,
        Engine::Postgres => MESSAGES_POSTGRES,
    };
    let rows: Vec<Said> = c.all(sql, params![project, &ids, TEXT, MESSAGES]).await?;
    let mut said: HashMap<TicketId, (Vec<String>, String)> = HashMap::new();
    for row in rows {
        let (questions, answer) = said.entry(row.ticket).or_default();
        match row.side {
            Side::Customer if questions.len() < QUESTIONS => questions.push(row.content),
            Side::Team if row.content.len() > answer.len() => *answer = row.content,
            Side::Customer | Side::Team | Side::Ai => {}
        }
    }
    let solved = found.into_iter().filter_map(|(id, number, traits)| {
        let (questions, answer) = said.remove(&id)?;
        let is_whole = !questions.is_empty() && !answer.is_empty();
        is_whole.then(|| Solved {
            id,
            number,
            anonymous_traits: traits,
            question: questions.join("\n\n"),
            answer,
        })
    });
    Ok(solved.collect())
}
