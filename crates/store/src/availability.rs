//! Who of an organisation takes tickets at the moment (tickets.md 16.6). Who has never said is available.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::{OrganizationId, Timestamp, UserId};

statements! {
    LIST = "SELECT user_id, is_available, changed_by, updated_at FROM availability WHERE organization_id = ?1";
    SET = "INSERT INTO availability (organization_id, user_id, is_available, changed_by, updated_at) \
           VALUES (?1, ?2, ?3, ?4, ?5) \
           ON CONFLICT (organization_id, user_id) DO UPDATE \
             SET is_available = excluded.is_available, changed_by = excluded.changed_by, updated_at = excluded.updated_at";
}

/// What was last said of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The person.
    pub user_id: UserId,
    /// Takes tickets.
    pub is_available: bool,
    /// Who said so.
    pub changed_by: Option<UserId>,
    /// When.
    pub updated_at: Timestamp,
}

impl FromRow for Availability {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            user_id: row.get()?,
            is_available: row.get()?,
            changed_by: row.get()?,
            updated_at: row.get()?,
        })
    }
}

/// What was said of anybody of the organisation; former members may be among them.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn, organization: OrganizationId) -> Result<Vec<Availability>> {
    c.all(LIST, params![organization]).await
}

/// Says whether a member takes tickets.
///
/// # Errors
/// When the store fails.
pub async fn set(c: &Conn, organization: OrganizationId, said: Availability) -> Result<()> {
    let values = params![
        organization,
        said.user_id,
        said.is_available,
        said.changed_by,
        said.updated_at
    ];
    c.exec(SET, values).await?;
    Ok(())
}
