//! Organisations and who belongs to them.

use crate::statements::statements;
use crate::users::User;
use crate::{Conn, FromRow, Result, Row, params};
use model::pagination::Page;
use model::{MemberLevel, OrganizationId, Timestamp, UserId};

statements! {
    INSERT = "INSERT INTO organization (id, name, allows_personal_api_keys, created_at) VALUES (?1, ?2, ?3, ?4)";
    FIND = "SELECT id, name, allows_personal_api_keys, created_at FROM organization WHERE id = ?1";
    FIND_BY_NAME = "SELECT id, name, allows_personal_api_keys, created_at FROM organization \
                    WHERE name = ?1 ORDER BY created_at, id LIMIT 1";
    LIST = "SELECT id, name, allows_personal_api_keys, created_at FROM organization ORDER BY created_at, id";
    SET_MEMBER = "INSERT INTO membership (organization_id, user_id, role, created_at) VALUES (?1, ?2, ?3, ?4) \
                  ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role";
    FIND_LEVEL = "SELECT role FROM membership WHERE organization_id = ?1 AND user_id = ?2";
    HAS_MEMBERS = "SELECT EXISTS (SELECT 1 FROM membership WHERE organization_id = ?1)";
    LIST_MEMBERS = "SELECT users.id, users.uuid, users.email, users.first_name, users.last_name, users.distinct_id, \
                      users.current_project_id, users.created_at, membership.role \
                    FROM membership JOIN users ON users.id = membership.user_id \
                    WHERE membership.organization_id = ?1 ORDER BY users.id";
    PAGE_OF_MEMBERS = "SELECT users.id, users.uuid, users.email, users.first_name, users.last_name, users.distinct_id, \
                         users.current_project_id, users.created_at, membership.role \
                       FROM membership JOIN users ON users.id = membership.user_id \
                       WHERE membership.organization_id = ?1 ORDER BY membership.user_id LIMIT ?2 OFFSET ?3";
    LOCK = "SELECT id FROM organization WHERE id = ?1 /*lock*/";
    COUNT_ADMINS = "SELECT count(*) FROM membership WHERE organization_id = ?1 AND role = 'admin'";
    REMOVE_MEMBER = "DELETE FROM membership WHERE organization_id = ?1 AND user_id = ?2";
    REMOVE_FROM_ROLES = "DELETE FROM role_member WHERE organization_id = ?1 AND user_id = ?2";
    FORGET_PROJECT = "UPDATE users SET current_project_id = NULL WHERE id = ?2 AND current_project_id IN \
                        (SELECT id FROM project WHERE organization_id = ?1)";
    COUNT_MEMBERS = "SELECT count(*) FROM membership WHERE organization_id = ?1";
    LIST_OF_USER = "SELECT organization.id, organization.name, organization.allows_personal_api_keys, \
                      organization.created_at, membership.role \
                    FROM membership JOIN organization ON organization.id = membership.organization_id \
                    WHERE membership.user_id = ?1 ORDER BY organization.created_at, organization.id";
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Time-ordered.
    pub id: OrganizationId,
    /// Not unique.
    pub name: String,
    /// Whether its members may use personal API keys on its projects.
    pub allows_personal_api_keys: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl FromRow for Organization {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            name: row.get()?,
            allows_personal_api_keys: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// A row with a member's level in its last column.
struct WithLevel<T>(T, MemberLevel);

impl<T: FromRow> FromRow for WithLevel<T> {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self(T::from_row(row)?, level(row)?))
    }
}

impl FromRow for MemberLevel {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        level(row)
    }
}

fn level(row: &mut Row<'_>) -> Result<MemberLevel> {
    row.parse("membership.role", |text| text.parse().ok())
}

/// Adds an organisation.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, organization: &Organization) -> Result<()> {
    let params = params![
        organization.id,
        &organization.name,
        organization.allows_personal_api_keys,
        organization.created_at
    ];
    c.exec(INSERT, params).await?;
    Ok(())
}

/// One organisation.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, id: OrganizationId) -> Result<Option<Organization>> {
    c.find(FIND, params![id]).await
}

/// The oldest organisation of this name.
///
/// # Errors
/// When the store fails.
pub async fn find_by_name(c: &Conn, name: &str) -> Result<Option<Organization>> {
    c.find(FIND_BY_NAME, params![name]).await
}

/// All organisations, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn) -> Result<Vec<Organization>> {
    c.all(LIST, params![]).await
}

/// Makes a person a member, or gives a member another level.
///
/// # Errors
/// When the store fails.
pub async fn set_member(
    c: &Conn,
    organization: OrganizationId,
    user: UserId,
    level: MemberLevel,
    now: Timestamp,
) -> Result<()> {
    c.exec(SET_MEMBER, params![organization, user, level.as_str(), now])
        .await?;
    Ok(())
}

/// A person's level; `None` for someone who is no member.
///
/// # Errors
/// When the store fails.
pub async fn find_level(
    c: &Conn,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<MemberLevel>> {
    c.find(FIND_LEVEL, params![organization, user]).await
}

/// Whether anybody belongs to the organisation: the first one becomes its admin.
///
/// # Errors
/// When the store fails.
pub async fn has_members(c: &Conn, organization: OrganizationId) -> Result<bool> {
    c.one(HAS_MEMBERS, params![organization]).await
}

/// The members with their levels, oldest account first.
///
/// # Errors
/// When the store fails.
pub async fn list_members(
    c: &Conn,
    organization: OrganizationId,
) -> Result<Vec<(User, MemberLevel)>> {
    let rows = c
        .all::<WithLevel<User>>(LIST_MEMBERS, params![organization])
        .await?;
    Ok(rows
        .into_iter()
        .map(|WithLevel(user, level)| (user, level))
        .collect())
}

/// One page of [`list_members`].
///
/// # Errors
/// When the store fails.
pub async fn page_of_members(
    c: &Conn,
    organization: OrganizationId,
    page: Page,
) -> Result<Vec<(User, MemberLevel)>> {
    let values = params![organization, page.limit, page.offset];
    let rows = c.all::<WithLevel<User>>(PAGE_OF_MEMBERS, values).await?;
    Ok(rows
        .into_iter()
        .map(|WithLevel(user, level)| (user, level))
        .collect())
}

/// How many members there are.
///
/// # Errors
/// When the store fails.
pub async fn count_members(c: &Conn, organization: OrganizationId) -> Result<i64> {
    c.one(COUNT_MEMBERS, params![organization]).await
}

/// The organisations that a person belongs to, oldest first, with the person's level in each.
///
/// # Errors
/// When the store fails.
pub async fn list_of_user(c: &Conn, user: UserId) -> Result<Vec<(Organization, MemberLevel)>> {
    let rows = c
        .all::<WithLevel<Organization>>(LIST_OF_USER, params![user])
        .await?;
    Ok(rows
        .into_iter()
        .map(|WithLevel(organization, level)| (organization, level))
        .collect())
}

/// Keeps everybody else from changing who belongs to an organisation until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn lock(c: &Conn, id: OrganizationId) -> Result<()> {
    c.find::<OrganizationId>(LOCK, params![id]).await?;
    Ok(())
}

/// How many admins an organisation has.
///
/// # Errors
/// When the store fails.
pub async fn count_admins(c: &Conn, organization: OrganizationId) -> Result<i64> {
    c.one(COUNT_ADMINS, params![organization]).await
}

/// Takes a person out of an organisation and its roles, and forgets which of its projects the person chose last.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when the person is no member.
pub async fn remove_member(c: &Conn, organization: OrganizationId, user: UserId) -> Result<()> {
    c.exec_one(REMOVE_MEMBER, params![organization, user])
        .await?;
    c.exec(REMOVE_FROM_ROLES, params![organization, user])
        .await?;
    c.exec(FORGET_PROJECT, params![organization, user]).await?;
    Ok(())
}
