//! Roles: groups of people of an organisation that tickets can be assigned to.

use crate::statements::statements;
use crate::users::User;
use crate::{Conn, FromRow, Result, Row, params, projects, tickets};
use model::tickets::Assignee;
use model::{OrganizationId, ProjectId, RoleId, Timestamp, UserId};

statements! {
    INSERT = "INSERT INTO role (organization_id, id, name, created_at) VALUES (?1, ?2, ?3, ?4)";
    FIND = "SELECT organization_id, id, name, created_at FROM role WHERE organization_id = ?1 AND id = ?2";
    FIND_BY_NAME = "SELECT organization_id, id, name, created_at FROM role WHERE organization_id = ?1 AND name = ?2";
    LIST = "SELECT organization_id, id, name, created_at FROM role WHERE organization_id = ?1 \
            ORDER BY name COLLATE \"C\"";
    RENAME = "UPDATE role SET name = ?3 WHERE organization_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM role WHERE organization_id = ?1 AND id = ?2";
    DELETE_MEMBERS = "DELETE FROM role_member WHERE organization_id = ?1 AND role_id = ?2";
    REMOVE_MEMBER = "DELETE FROM role_member WHERE organization_id = ?1 AND role_id = ?2 AND user_id = ?3";
    ADD_MEMBER = "INSERT INTO role_member (organization_id, role_id, user_id, created_at) VALUES (?1, ?2, ?3, ?4) \
                  ON CONFLICT (organization_id, role_id, user_id) DO NOTHING";
    LIST_MEMBERS = "SELECT users.id, users.uuid, users.email, users.first_name, users.last_name, users.distinct_id, \
                      users.current_project_id, users.created_at \
                    FROM role_member JOIN users ON users.id = role_member.user_id \
                    WHERE role_member.organization_id = ?1 AND role_member.role_id = ?2 ORDER BY users.id";
    LIST_ALL_MEMBERS = "SELECT role_id, user_id FROM role_member WHERE organization_id = ?1 ORDER BY role_id, user_id";
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Its id.
    pub id: RoleId,
    /// Unique within the organisation.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl FromRow for Role {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            organization_id: row.get()?,
            id: row.get()?,
            name: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// Adds a role.
///
/// # Errors
/// A unique violation of `role.organization_id,name` when the name is taken; otherwise when the store fails.
pub async fn create(c: &Conn, role: &Role) -> Result<()> {
    let params = params![role.organization_id, role.id, &role.name, role.created_at];
    c.exec(INSERT, params).await?;
    Ok(())
}

/// One role.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, organization: OrganizationId, id: RoleId) -> Result<Option<Role>> {
    c.find(FIND, params![organization, id]).await
}

/// The role of this name, spelled exactly so.
///
/// # Errors
/// When the store fails.
pub async fn find_by_name(
    c: &Conn,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Role>> {
    c.find(FIND_BY_NAME, params![organization, name]).await
}

/// The organisation's roles, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn, organization: OrganizationId) -> Result<Vec<Role>> {
    c.all(LIST, params![organization]).await
}

/// Puts a person into a role. Putting someone in twice changes nothing.
///
/// # Errors
/// A foreign key violation when there is no such role or person; otherwise when the store fails.
pub async fn add_member(
    c: &Conn,
    organization: OrganizationId,
    role: RoleId,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    c.exec(ADD_MEMBER, params![organization, role, user, now])
        .await?;
    Ok(())
}

/// The people in a role, oldest account first.
///
/// # Errors
/// When the store fails.
pub async fn list_members(
    c: &Conn,
    organization: OrganizationId,
    role: RoleId,
) -> Result<Vec<User>> {
    c.all(LIST_MEMBERS, params![organization, role]).await
}

/// Who is in which of the organisation's roles: one look-up.
///
/// # Errors
/// When the store fails.
pub async fn list_all_members(
    c: &Conn,
    organization: OrganizationId,
) -> Result<Vec<(RoleId, UserId)>> {
    c.all(LIST_ALL_MEMBERS, params![organization]).await
}

/// Gives a role another name.
///
/// # Errors
/// A unique violation of `role.organization_id,name` when the name is taken; [`Error::NoRow`](crate::Error::NoRow) when
/// there is no such role.
pub async fn rename(c: &Conn, organization: OrganizationId, id: RoleId, name: &str) -> Result<()> {
    c.exec_one(RENAME, params![organization, id, name]).await
}

/// Takes a person out of a role. `false`: the person was not in it.
///
/// # Errors
/// When the store fails.
pub async fn remove_member(
    c: &Conn,
    organization: OrganizationId,
    role: RoleId,
    user: UserId,
) -> Result<bool> {
    let removed = c
        .exec(REMOVE_MEMBER, params![organization, role, user])
        .await?;
    Ok(removed > 0)
}

/// Removes a role. Tickets that were assigned to it are assigned to nobody, without an entry in their logs. Returns the
/// organisation's projects with such tickets; `None` when there is no such role.
///
/// # Errors
/// When the store fails.
pub async fn delete(
    c: &Conn,
    organization: OrganizationId,
    id: RoleId,
) -> Result<Option<Vec<ProjectId>>> {
    c.exec(DELETE_MEMBERS, params![organization, id]).await?;
    if c.exec(DELETE, params![organization, id]).await? == 0 {
        return Ok(None);
    }
    let mut changed = Vec::new();
    for project in projects::list_of_organization(c, organization).await? {
        if tickets::unassign(c, project, Assignee::Role(id)).await? {
            changed.push(project);
        }
    }
    Ok(Some(changed))
}
