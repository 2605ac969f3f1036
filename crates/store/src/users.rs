//! People who sign in or hold API keys.

use crate::statements::statements;
use crate::{Conn, Engine, FromRow, Result, Row, params};
use model::{Env, ProjectId, Timestamp, UserId};
use std::collections::HashMap;
use uuid::Uuid;

macro_rules! columns {
    () => {
        "id, uuid, email, first_name, last_name, distinct_id, current_project_id, created_at"
    };
}

statements! {
    INSERT = concat!(
        "INSERT INTO users (uuid, email, first_name, last_name, distinct_id, password_hash, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING ", columns!()
    );
    FIND = concat!("SELECT ", columns!(), " FROM users WHERE id = ?1");
    FIND_BY_UUID = concat!("SELECT ", columns!(), " FROM users WHERE uuid = ?1");
    FIND_BY_EMAIL = concat!("SELECT ", columns!(), " FROM users WHERE email = ?1");
    FIND_MANY_SQLITE [sqlite] = concat!(
        "SELECT ", columns!(), " FROM users WHERE id IN (SELECT value FROM json_each(?1))"
    );
    FIND_MANY_POSTGRES [postgres] = concat!(
        "SELECT ", columns!(), " FROM users WHERE id IN \
           (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(CAST(?1 AS TEXT) AS JSON)))"
    );
    FIND_LOGIN = concat!("SELECT ", columns!(), ", password_hash FROM users WHERE email = ?1");
    FIND_PASSWORD = "SELECT password_hash FROM users WHERE id = ?1";
    LOCK_PASSWORD = "SELECT password_hash FROM users WHERE id = ?1 /*lock*/";
    HAS_ANY = "SELECT EXISTS (SELECT 1 FROM users)";
    /// Whoever adds a person waits, so that two who find nobody cannot both be the first.
    LOCK_ALL_POSTGRES [postgres] = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE";
    LIST = concat!("SELECT ", columns!(), " FROM users ORDER BY id");
    SET_PASSWORD = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
    SET_CURRENT_PROJECT = "UPDATE users SET current_project_id = ?2 WHERE id = ?1";
    SET_NAMES = "UPDATE users SET first_name = ?2, last_name = ?3 WHERE id = ?1";
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What clients mostly see.
    pub id: UserId,
    /// The same person under a name that cannot be guessed.
    pub uuid: Uuid,
    /// Lower case; the name people sign in with.
    pub email: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Under which name the person shows up in events.
    pub distinct_id: String,
    /// The project last chosen: what `@current` means.
    pub current_project_id: Option<ProjectId>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl FromRow for User {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            uuid: row.get()?,
            email: row.get()?,
            first_name: row.get()?,
            last_name: row.get()?,
            distinct_id: row.get()?,
            current_project_id: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// A person who is to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Any case; stored in lower case.
    pub email: String,
    /// First name and last name; the first word is the first name.
    pub name: String,
    /// An argon2 string, or none when the person does not sign in.
    pub password_hash: Option<String>,
}

/// The form in which an e-mail address is stored and looked for.
pub fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Adds a person.
///
/// # Errors
/// A unique violation of `users.email` when the address is taken; otherwise when the store fails.
pub async fn create(c: &Conn, env: &Env, user: &NewUser) -> Result<User> {
    let name = user.name.trim();
    let (first, last) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
    let uuid = env.uuid();
    let distinct_id = env.uuid().simple().to_string();
    c.one(
        INSERT,
        params![
            uuid,
            &normal_email(&user.email),
            first,
            last.trim_start(),
            &distinct_id,
            &user.password_hash,
            env.now()
        ],
    )
    .await
}

/// One person.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, id: UserId) -> Result<Option<User>> {
    c.find(FIND, params![id]).await
}

/// The person with this name that cannot be guessed.
///
/// # Errors
/// When the store fails.
pub async fn find_by_uuid(c: &Conn, uuid: Uuid) -> Result<Option<User>> {
    c.find(FIND_BY_UUID, params![uuid]).await
}

/// These people, by their ids: one look-up.
///
/// # Errors
/// When the store fails.
pub async fn find_many(c: &Conn, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let statement = match (ids, c.engine()) {
        ([], _) => return Ok(HashMap::new()),
        ([only], _) => {
            let found = find(c, *only).await?;
            return Ok(found.map(|user| (user.id, user)).into_iter().collect());
        }
        (_, Engine::Sqlite) => FIND_MANY_SQLITE,
        (_, Engine::Postgres) => FIND_MANY_POSTGRES,
    };
    let ids = serde_json::json!(ids).to_string();
    let found: Vec<User> = c.all(statement, params![&ids]).await?;
    Ok(found.into_iter().map(|user| (user.id, user)).collect())
}

/// The person with this address, in any case.
///
/// # Errors
/// When the store fails.
pub async fn find_by_email(c: &Conn, email: &str) -> Result<Option<User>> {
    c.find(FIND_BY_EMAIL, params![&normal_email(email)]).await
}

/// Who wants to sign in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The person.
    pub user: User,
    /// The argon2 string of the password; none when the person has none.
    pub password_hash: Option<String>,
}

impl FromRow for Login {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            user: User::from_row(row)?,
            password_hash: row.get()?,
        })
    }
}

/// The person with this address, in any case, and what the password is checked against.
///
/// # Errors
/// When the store fails.
pub async fn find_login(c: &Conn, email: &str) -> Result<Option<Login>> {
    c.find(FIND_LOGIN, params![&normal_email(email)]).await
}

/// What a person's password is checked against, locked until the transaction ends; `None` for a person without a
/// password.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is no such person.
pub async fn lock_password(c: &Conn, id: UserId) -> Result<Option<String>> {
    c.one(LOCK_PASSWORD, params![id]).await
}

/// What a person's password is checked against; `None` for a person without a password.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is no such person.
pub async fn find_password(c: &Conn, id: UserId) -> Result<Option<String>> {
    c.one(FIND_PASSWORD, params![id]).await
}

/// Whether there is anybody.
///
/// # Errors
/// When the store fails.
pub async fn has_any(c: &Conn) -> Result<bool> {
    c.one(HAS_ANY, params![]).await
}

/// Keeps everybody else from adding a person until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn lock_all(c: &Conn) -> Result<()> {
    if c.engine() == Engine::Postgres {
        c.exec(LOCK_ALL_POSTGRES, params![]).await?;
    }
    Ok(())
}

/// All people, oldest account first.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn) -> Result<Vec<User>> {
    c.all(LIST, params![]).await
}

/// Sets the argon2 string that a password is checked against.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is no such person.
pub async fn set_password(c: &Conn, id: UserId, password_hash: &str) -> Result<()> {
    c.exec_one(SET_PASSWORD, params![id, password_hash]).await
}

/// Sets first and last name.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is no such person.
pub async fn set_names(c: &Conn, id: UserId, first: &str, last: &str) -> Result<()> {
    c.exec_one(SET_NAMES, params![id, first, last]).await
}

/// Chooses the project that `@current` means; none is the first one.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is no such person.
pub async fn set_current_project(
    c: &Conn,
    id: UserId,
    project: impl Into<Option<ProjectId>> + Send,
) -> Result<()> {
    let project = project.into();
    c.exec_one(SET_CURRENT_PROJECT, params![id, project]).await
}
