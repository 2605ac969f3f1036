//! Invitations into an organisation. The token of the link itself is stored nowhere.

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::pagination::Page;
use model::secrets::Digest;
use model::{InviteId, MemberLevel, OrganizationId, Timestamp, UserId};

macro_rules! columns {
    () => {
        "invite.organization_id, invite.id, invite.email, invite.role, invite.created_by, invite.created_at, \
         invite.expires_at"
    };
}

statements! {
    INSERT = "INSERT INTO invite (organization_id, id, email, role, digest, created_by, created_at, expires_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    FIND_BY_DIGEST = concat!(
        "SELECT ", columns!(), ", organization.name FROM invite \
         JOIN organization ON organization.id = invite.organization_id \
         WHERE invite.digest = ?1 AND invite.expires_at > ?2"
    );
    LIST = concat!(
        "SELECT ", columns!(), " FROM invite WHERE organization_id = ?1 AND expires_at > ?2 \
         ORDER BY email COLLATE \"C\" LIMIT ?3 OFFSET ?4"
    );
    COUNT = "SELECT count(*) FROM invite WHERE organization_id = ?1 AND expires_at > ?2";
    DELETE = concat!("DELETE FROM invite WHERE organization_id = ?1 AND id = ?2 RETURNING ", columns!());
    DELETE_FORMER = "DELETE FROM invite WHERE organization_id = ?1 AND (email = ?2 OR expires_at <= ?3)";
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Into which organisation.
    pub organization_id: OrganizationId,
    /// Not secret.
    pub id: InviteId,
    /// Who is invited; lower case.
    pub email: String,
    /// What the person is going to be.
    pub level: MemberLevel,
    /// Who has invited.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// From when it is worthless.
    pub expires_at: Timestamp,
}

impl FromRow for Invite {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            organization_id: row.get()?,
            id: row.get()?,
            email: row.get()?,
            level: row.parse("invite.role", |text| text.parse().ok())?,
            created_by: row.get()?,
            created_at: row.get()?,
            expires_at: row.get()?,
        })
    }
}

/// An invitation with the name of its organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundInvite {
    /// The invitation; it had not expired.
    pub invite: Invite,
    /// Name of the organisation.
    pub organization_name: String,
}

impl FromRow for FoundInvite {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            invite: Invite::from_row(row)?,
            organization_name: row.get()?,
        })
    }
}

/// Adds an invitation, in the place of a former one of the same person; forgets the organisation's expired ones.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, invite: &Invite, digest: &Digest) -> Result<()> {
    let it = invite;
    let former = params![it.organization_id, &it.email, it.created_at];
    c.exec(DELETE_FORMER, former).await?;
    let values = params![
        it.organization_id,
        it.id,
        &it.email,
        it.level.as_str(),
        digest,
        it.created_by,
        it.created_at,
        it.expires_at
    ];
    c.exec(INSERT, values).await?;
    Ok(())
}

/// The invitation with this digest, unless it has expired.
///
/// # Errors
/// When the store fails.
pub async fn find_by_digest(
    c: &Conn,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<FoundInvite>> {
    c.find(FIND_BY_DIGEST, params![digest, now]).await
}

/// An organisation's invitations that have not expired, by address; and how many there are.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    organization: OrganizationId,
    now: Timestamp,
    page: Page,
) -> Result<(Vec<Invite>, i64)> {
    let range = params![organization, now, page.limit, page.offset];
    let invites = c.all(LIST, range).await?;
    Ok((invites, count(c, organization, now).await?))
}

/// How many invitations of an organisation have not expired.
///
/// # Errors
/// When the store fails.
pub async fn count(c: &Conn, organization: OrganizationId, now: Timestamp) -> Result<i64> {
    c.one(COUNT, params![organization, now]).await
}

/// Takes an invitation back, or away when it is accepted. `None`: the organisation has no such invitation.
///
/// # Errors
/// When the store fails.
pub async fn delete(
    c: &Conn,
    organization: OrganizationId,
    id: InviteId,
) -> Result<Option<Invite>> {
    c.find(DELETE, params![organization, id]).await
}
