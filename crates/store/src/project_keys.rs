//! Secret keys of a project that have a name and scopes, for programs of the customer's (conventions.md 2.2).

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::scopes::Scopes;
use model::secrets::Digest;
use model::{KeyId, ProjectId, Timestamp};

statements! {
    INSERT = "INSERT INTO project_key (project_id, id, label, digest, mask, scopes, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    LIST = "SELECT id, label, mask, scopes, created_at FROM project_key WHERE project_id = ?1 ORDER BY id";
    DELETE = "DELETE FROM project_key WHERE project_id = ?1 AND id = ?2 RETURNING label";
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectKey {
    /// Time-ordered.
    pub id: KeyId,
    /// What people call it.
    pub label: String,
    /// What of the secret may be shown.
    pub mask: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
}

impl FromRow for ProjectKey {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let (id, label, mask) = (row.get()?, row.get()?, row.get()?);
        let scopes: Vec<String> = serde_json::from_str(&row.get::<String>()?).unwrap_or_default();
        Ok(Self {
            id,
            label,
            mask,
            scopes: Scopes::from_stored(scopes),
            created_at: row.get()?,
        })
    }
}

/// Adds a key under the digest of its secret.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, project: ProjectId, key: &ProjectKey, digest: &Digest) -> Result<()> {
    let it = key;
    let scopes = serde_json::Value::from(it.scopes.texts()).to_string();
    let values = params![
        project,
        it.id,
        &it.label,
        digest,
        &it.mask,
        &scopes,
        it.created_at
    ];
    c.exec_one(INSERT, values).await
}

/// A project's keys, the oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn, project: ProjectId) -> Result<Vec<ProjectKey>> {
    c.all(LIST, params![project]).await
}

/// Takes a key away, and gives its name; `None`: there is none.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, project: ProjectId, id: KeyId) -> Result<Option<String>> {
    c.find(DELETE, params![project, id]).await
}
