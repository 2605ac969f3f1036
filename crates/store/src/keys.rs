//! Personal API keys. The secret itself is stored nowhere.

use crate::statements::statements;
use crate::users::User;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::pagination::Page;
use model::scopes::Scopes;
use model::secrets::Digest;
use model::{KeyId, OrganizationId, ProjectId, Timestamp, UserId};

macro_rules! columns {
    () => {
        "api_key.id, api_key.user_id, api_key.label, api_key.mask, api_key.scopes, api_key.scoped_projects, \
         api_key.scoped_organizations, api_key.unthrottled, api_key.created_at, api_key.last_used_at, \
         api_key.revoked_at"
    };
}

statements! {
    INSERT = "INSERT INTO api_key (id, user_id, label, digest, mask, scopes, scoped_projects, scoped_organizations, \
                unthrottled, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    FIND_BY_DIGEST = concat!(
        "SELECT ", columns!(), ", users.id, users.uuid, users.email, users.first_name, users.last_name, \
           users.distinct_id, users.current_project_id, users.created_at, api_key.digest \
         FROM api_key JOIN users ON users.id = api_key.user_id \
         WHERE api_key.digest = ?1 AND api_key.revoked_at IS NULL"
    );
    FIND = concat!("SELECT ", columns!(), " FROM api_key WHERE id = ?1");
    LIST = concat!("SELECT ", columns!(), " FROM api_key ORDER BY created_at, id");
    LIST_OF_USER = concat!("SELECT ", columns!(), " FROM api_key WHERE user_id = ?1 ORDER BY created_at, id");
    PAGE_OF_USER = concat!(
        "SELECT ", columns!(), " FROM api_key WHERE user_id = ?1 AND revoked_at IS NULL \
         ORDER BY created_at, id LIMIT ?2 OFFSET ?3"
    );
    COUNT_OF_USER = "SELECT count(*) FROM api_key WHERE user_id = ?1 AND revoked_at IS NULL";
    UPDATE = "UPDATE api_key SET label = ?2, scopes = ?3, scoped_projects = ?4, scoped_organizations = ?5 WHERE id = ?1";
    REVOKE = "UPDATE api_key SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    TOUCH = "UPDATE api_key SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)";
}

/// How exactly the last use of a key is recorded (conventions.md 2.2).
pub const TOUCH_INTERVAL_MICROS: i64 = 3_600 * 1_000_000;

/// A personal API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Not secret.
    pub id: KeyId,
    /// Whom it acts for.
    pub user_id: UserId,
    /// What its owner calls it.
    pub label: String,
    /// What may be shown of the secret.
    pub mask: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The only projects it may be used on; none means all.
    pub scoped_projects: Vec<ProjectId>,
    /// The only organisations it may be used on; none means all.
    pub scoped_organizations: Vec<OrganizationId>,
    /// The throttles do not apply.
    pub unthrottled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// To the hour.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is worthless.
    pub revoked_at: Option<Timestamp>,
}

impl FromRow for Key {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        fn list<T: serde::de::DeserializeOwned>(row: &mut Row<'_>, what: &str) -> Result<Vec<T>> {
            row.parse(what, |text| serde_json::from_str(text).ok())
        }
        Ok(Self {
            id: row.get()?,
            user_id: row.get()?,
            label: row.get()?,
            mask: row.get()?,
            scopes: Scopes::from_stored(list::<String>(row, "api_key.scopes")?),
            scoped_projects: list(row, "api_key.scoped_projects")?,
            scoped_organizations: list(row, "api_key.scoped_organizations")?,
            unthrottled: row.get()?,
            created_at: row.get()?,
            last_used_at: row.get()?,
            revoked_at: row.get()?,
        })
    }
}

/// A key that was found by its secret's digest.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The key; not revoked.
    pub key: Key,
    /// Whom it acts for.
    pub user: User,
    /// The stored digest, for a comparison in constant time.
    pub digest: Vec<u8>,
}

impl FromRow for FoundKey {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            key: Key::from_row(row)?,
            user: User::from_row(row)?,
            digest: row.get()?,
        })
    }
}

/// Adds a key. `last_used_at` and `revoked_at` are not looked at: a new key is neither used nor revoked.
///
/// # Errors
/// A foreign key violation when there is no such person; otherwise when the store fails.
pub async fn create(c: &Conn, key: &Key, digest: &Digest) -> Result<()> {
    let [scopes, projects, organizations] = lists(key)?;
    c.exec(
        INSERT,
        params![
            key.id,
            key.user_id,
            &key.label,
            digest,
            &key.mask,
            &scopes,
            &projects,
            &organizations,
            key.unthrottled,
            key.created_at
        ],
    )
    .await?;
    Ok(())
}

/// The JSON of scopes, projects and organisations.
fn lists(key: &Key) -> Result<[String; 3]> {
    let json = |list: serde_json::Result<String>| list.map_err(Error::internal);
    Ok([
        json(serde_json::to_string(&key.scopes.texts()))?,
        json(serde_json::to_string(&key.scoped_projects))?,
        json(serde_json::to_string(&key.scoped_organizations))?,
    ])
}

/// Stores label, scopes and restrictions of a key.
///
/// # Errors
/// [`Error::NoRow`] when there is no such key.
pub async fn update(c: &Conn, key: &Key) -> Result<()> {
    let [scopes, projects, organizations] = lists(key)?;
    let values = params![key.id, &key.label, &scopes, &projects, &organizations];
    c.exec_one(UPDATE, values).await
}

/// A person's keys that are not revoked, oldest first; and how many there are.
///
/// # Errors
/// When the store fails.
pub async fn page_of_user(c: &Conn, user: UserId, page: Page) -> Result<(Vec<Key>, i64)> {
    let range = params![user, page.limit, page.offset];
    let keys = c.all(PAGE_OF_USER, range).await?;
    Ok((keys, count_of_user(c, user).await?))
}

/// How many of a person's keys are not revoked.
///
/// # Errors
/// When the store fails.
pub async fn count_of_user(c: &Conn, user: UserId) -> Result<i64> {
    c.one(COUNT_OF_USER, params![user]).await
}

/// The key with this digest and its owner, unless it is revoked.
///
/// # Errors
/// When the store fails.
pub async fn find_by_digest(c: &Conn, digest: &Digest) -> Result<Option<FoundKey>> {
    c.find(FIND_BY_DIGEST, params![digest]).await
}

/// One key, also a revoked one.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, id: KeyId) -> Result<Option<Key>> {
    c.find(FIND, params![id]).await
}

/// All keys, oldest first, revoked ones too.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn) -> Result<Vec<Key>> {
    c.all(LIST, params![]).await
}

/// A person's keys, oldest first, revoked ones too.
///
/// # Errors
/// When the store fails.
pub async fn list_of_user(c: &Conn, user: UserId) -> Result<Vec<Key>> {
    c.all(LIST_OF_USER, params![user]).await
}

/// Makes a key worthless. `false`: there is no such key, or it was revoked before.
///
/// # Errors
/// When the store fails.
pub async fn revoke(c: &Conn, id: KeyId, now: Timestamp) -> Result<bool> {
    Ok(c.exec(REVOKE, params![id, now]).await? > 0)
}

/// Records that a key was used, at most once an hour. `false`: recorded within the hour already.
///
/// # Errors
/// When the store fails.
pub async fn touch(c: &Conn, id: KeyId, now: Timestamp) -> Result<bool> {
    let an_hour_ago = Timestamp::from_micros(now.as_micros() - TOUCH_INTERVAL_MICROS);
    Ok(c.exec(TOUCH, params![id, now, an_hour_ago]).await? > 0)
}
