//! Projects: the tenants.

use crate::organizations::Organization;
use crate::sealed::SecretKey;
use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::scopes::Scopes;
use model::settings::ProjectSettings;
use model::{Env, MemberLevel, OrganizationId, ProjectId, Timestamp, UserId, secrets};

macro_rules! columns {
    () => {
        "project.id, project.organization_id, project.name, project.settings, project.public_token, \
         project.widget_token, project.created_at, project.backup_token_digest IS NOT NULL"
    };
}

/// What the sealed tokens are, for [`SecretKey`].
const SECRET_PURPOSE: &str = "project.secret_token";

statements! {
    INSERT = "INSERT INTO project (organization_id, name, settings, public_token, secret_token_sealed, \
                secret_token_digest, widget_token, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    FIND = concat!("SELECT ", columns!(), " FROM project WHERE id = ?1");
    LOCK = concat!("SELECT ", columns!(), " FROM project WHERE id = ?1 /*lock*/");
    LIST = concat!("SELECT ", columns!(), " FROM project ORDER BY id");
    FIND_BY_PUBLIC_TOKEN = "SELECT id FROM project WHERE public_token = ?1";
    FIND_BY_WIDGET_TOKEN = concat!(
        "SELECT ", columns!(), ", project.secret_token_sealed, project.backup_token_sealed \
         FROM project WHERE widget_token = ?1"
    );
    FIND_OPEN_BY_PUBLIC_TOKEN = concat!("SELECT ", columns!(), " FROM project WHERE public_token = ?1");
    FIND_BY_SECRET = concat!(
        "SELECT ", columns!(), " FROM project WHERE secret_token_digest = ?1 OR backup_token_digest = ?1"
    );
    FIND_BY_KEY = concat!(
        "SELECT ", columns!(), ", project_key.scopes FROM project_key \
         JOIN project ON project.id = project_key.project_id WHERE project_key.digest = ?1"
    );
    ROTATE_SECRET = "UPDATE project SET backup_token_sealed = secret_token_sealed, \
                       backup_token_digest = secret_token_digest, secret_token_sealed = ?2, secret_token_digest = ?3 \
                     WHERE id = ?1";
    DROP_BACKUP = "UPDATE project SET backup_token_sealed = NULL, backup_token_digest = NULL WHERE id = ?1";
    FIND_SECRET = "SELECT secret_token_sealed FROM project WHERE id = ?1";
    UPDATE = "UPDATE project SET name = ?2, settings = ?3, widget_token = ?4 WHERE id = ?1";
    FIND_FOR_USER = concat!(
        "SELECT ", columns!(), ", organization.id, organization.name, organization.allows_personal_api_keys, \
           organization.created_at, membership.role \
         FROM project JOIN organization ON organization.id = project.organization_id \
         LEFT JOIN membership ON membership.organization_id = project.organization_id AND membership.user_id = ?2 \
         WHERE project.id = ?1"
    );
    FIRST_OF_ORGANIZATION = "SELECT id FROM project WHERE organization_id = ?1 ORDER BY id LIMIT 1";
    LIST_OF_ORGANIZATION = "SELECT id FROM project WHERE organization_id = ?1 ORDER BY id";
    FIRST_OF_USER = "SELECT project.id FROM membership \
                     JOIN project ON project.organization_id = membership.organization_id \
                     WHERE membership.user_id = ?1 ORDER BY project.id LIMIT 1";
}

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// What clients see in paths.
    pub id: ProjectId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Not unique.
    pub name: String,
    /// What is set for it.
    pub settings: ProjectSettings,
    /// `phc_…`: may be known to everybody.
    pub public_token: String,
    /// The widget's token; none while conversations are switched off.
    pub widget_token: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether the secret token before the present one is valid, too.
    pub has_backup_secret: bool,
}

impl FromRow for Project {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            organization_id: row.get()?,
            name: row.get()?,
            settings: ProjectSettings::from_stored(&row.get::<String>()?),
            public_token: row.get()?,
            widget_token: row.get()?,
            created_at: row.get()?,
            has_backup_secret: row.get()?,
        })
    }
}

/// A project as one person finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectForUser {
    /// The project.
    pub project: Project,
    /// Whose it is.
    pub organization: Organization,
    /// The person's level there; `None` for someone who is no member.
    pub level: Option<MemberLevel>,
}

impl FromRow for ProjectForUser {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project: Project::from_row(row)?,
            organization: Organization::from_row(row)?,
            level: match row.get::<Option<String>>()? {
                None => None,
                Some(text) => Some(text.parse().map_err(|_| {
                    Error::Corrupt("membership.role holds an unknown value".to_owned())
                })?),
            },
        })
    }
}

/// A project as its widget's token names it, with its secrets as they are stored.
#[derive(Clone, Debug)]
pub struct OpenProject {
    /// The project.
    pub project: Project,
    sealed: Vec<Vec<u8>>,
}

impl OpenProject {
    /// The project's secret tokens: the present one, and the one before it while that is valid.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when one was sealed with another key.
    pub fn secrets(&self, key: &SecretKey) -> Result<Vec<String>> {
        self.sealed.iter().map(|sealed| open(key, sealed)).collect()
    }
}

impl FromRow for OpenProject {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let project = Project::from_row(row)?;
        let secret: Vec<u8> = row.get()?;
        let backup: Option<Vec<u8>> = row.get()?;
        Ok(Self {
            project,
            sealed: std::iter::once(secret).chain(backup).collect(),
        })
    }
}

/// A program of the customer's that has shown a secret of a project's.
#[derive(Clone, Debug, PartialEq)]
pub struct Outsider {
    /// The project.
    pub project: Project,
    /// What a key with a name may do; `None` for the project's own secret, which may do everything.
    pub scopes: Option<Scopes>,
}

/// Adds a project with new tokens. Returns it and its secret token.
///
/// # Errors
/// When the store fails.
pub async fn create(
    c: &Conn,
    env: &Env,
    key: &SecretKey,
    organization_id: OrganizationId,
    name: &str,
    settings: ProjectSettings,
) -> Result<(Project, String)> {
    let secret = secrets::project_secret(env);
    let public_token = secrets::project_public(env);
    let widget_token = settings
        .conversations_enabled
        .then(|| secrets::widget_token(env));
    let created_at = env.now();
    let id = c
        .one(
            INSERT,
            params![
                organization_id,
                name,
                &settings.to_stored(),
                &public_token,
                &key.seal(env, SECRET_PURPOSE, secret.as_bytes()),
                &secrets::digest(&secret),
                &widget_token,
                created_at
            ],
        )
        .await?;
    let project = Project {
        id,
        organization_id,
        name: name.to_owned(),
        settings,
        public_token,
        widget_token,
        created_at,
        has_backup_secret: false,
    };
    Ok((project, secret))
}

/// One project.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, id: ProjectId) -> Result<Option<Project>> {
    c.find(FIND, params![id]).await
}

/// The project that a public token (`phc_…`) names.
///
/// # Errors
/// When the store fails.
pub async fn find_by_public_token(c: &Conn, token: &str) -> Result<Option<ProjectId>> {
    c.find(FIND_BY_PUBLIC_TOKEN, params![token]).await
}

/// The project that a widget's token names.
///
/// # Errors
/// When the store fails.
pub async fn find_by_widget_token(c: &Conn, token: &str) -> Result<Option<OpenProject>> {
    c.find(FIND_BY_WIDGET_TOKEN, params![token]).await
}

/// The project that a public token (`phc_…`) names, as a whole.
///
/// # Errors
/// When the store fails.
pub async fn find_open(c: &Conn, token: &str) -> Result<Option<Project>> {
    c.find(FIND_OPEN_BY_PUBLIC_TOKEN, params![token]).await
}

/// Whose secret this is: a project's own, the one before it, or a key of the project's with a name.
///
/// # Errors
/// When the store fails.
pub async fn find_outsider(c: &Conn, digest: &secrets::Digest) -> Result<Option<Outsider>> {
    let owner: Option<Project> = c.find(FIND_BY_SECRET, params![digest]).await?;
    if let Some(project) = owner {
        return Ok(Some(Outsider {
            project,
            scopes: None,
        }));
    }
    c.find(FIND_BY_KEY, params![digest]).await
}

impl FromRow for Outsider {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let project = Project::from_row(row)?;
        let scopes: Vec<String> = serde_json::from_str(&row.get::<String>()?).unwrap_or_default();
        Ok(Self {
            project,
            scopes: Some(Scopes::from_stored(scopes)),
        })
    }
}

/// Gives a project a new secret token. The one before it stays valid beside it; the one before that does no more.
///
/// # Errors
/// [`Error::NoRow`] when there is no such project.
pub async fn rotate_secret(c: &Conn, env: &Env, key: &SecretKey, id: ProjectId) -> Result<String> {
    let secret = secrets::project_secret(env);
    let sealed = key.seal(env, SECRET_PURPOSE, secret.as_bytes());
    let digest = secrets::digest(&secret);
    c.exec_one(ROTATE_SECRET, params![id, &sealed, &digest])
        .await?;
    Ok(secret)
}

/// From now on only the present secret token is valid.
///
/// # Errors
/// [`Error::NoRow`] when there is no such project.
pub async fn drop_backup_secret(c: &Conn, id: ProjectId) -> Result<()> {
    c.exec_one(DROP_BACKUP, params![id]).await
}

/// One project, locked until the transaction ends: for reading before [`update`].
///
/// # Errors
/// When the store fails.
pub async fn lock(c: &Conn, id: ProjectId) -> Result<Option<Project>> {
    c.find(LOCK, params![id]).await
}

/// All projects by id.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn) -> Result<Vec<Project>> {
    c.all(LIST, params![]).await
}

/// A project's secret token (`phs_…`), for its owners.
///
/// # Errors
/// [`Error::NoRow`] when there is no such project, [`Error::Corrupt`] when it was sealed with another key.
pub async fn find_secret(c: &Conn, key: &SecretKey, id: ProjectId) -> Result<String> {
    let sealed: Vec<u8> = c.one(FIND_SECRET, params![id]).await?;
    open(key, &sealed)
}

fn open(key: &SecretKey, sealed: &[u8]) -> Result<String> {
    let secret = key
        .open(SECRET_PURPOSE, sealed)
        .map_err(|error| Error::Corrupt(error.to_string()))?;
    String::from_utf8(secret).map_err(|_| Error::Corrupt(SECRET_PURPOSE.to_owned()))
}

/// Stores name and settings. The widget's token is made when conversations are switched on (one that exists
/// stays), and cleared when they are switched off (conventions.md 2.2).
///
/// # Errors
/// [`Error::NoRow`] when there is no such project.
pub async fn update(c: &Conn, env: &Env, project: &mut Project) -> Result<()> {
    if !project.settings.conversations_enabled {
        project.widget_token = None;
    } else if project.widget_token.is_none() {
        project.widget_token = Some(secrets::widget_token(env));
    }
    let settings = project.settings.to_stored();
    c.exec_one(
        UPDATE,
        params![project.id, &project.name, &settings, &project.widget_token],
    )
    .await
}

/// A project with its organisation and a person's level in it, in one query.
///
/// # Errors
/// When the store fails.
pub async fn find_for_user(
    c: &Conn,
    id: ProjectId,
    user: UserId,
) -> Result<Option<ProjectForUser>> {
    c.find(FIND_FOR_USER, params![id, user]).await
}

/// The oldest project that a person can get at: what `@current` means before one was chosen.
///
/// # Errors
/// When the store fails.
pub async fn first_of_user(c: &Conn, user: UserId) -> Result<Option<ProjectId>> {
    c.find(FIRST_OF_USER, params![user]).await
}

/// An organisation's oldest project.
///
/// # Errors
/// When the store fails.
pub async fn first_of_organization(
    c: &Conn,
    organization: OrganizationId,
) -> Result<Option<ProjectId>> {
    c.find(FIRST_OF_ORGANIZATION, params![organization]).await
}

/// The ids of an organisation's projects, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list_of_organization(
    c: &Conn,
    organization: OrganizationId,
) -> Result<Vec<ProjectId>> {
    c.all(LIST_OF_ORGANIZATION, params![organization]).await
}
