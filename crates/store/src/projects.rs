//! Projects: the tenants.

use crate::organizations::Organization;
use crate::sealed::SecretKey;
use crate::statements::statements;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::settings::ProjectSettings;
use model::{Env, MemberLevel, OrganizationId, ProjectId, Timestamp, UserId, secrets};

macro_rules! columns {
    () => {
        "project.id, project.organization_id, project.name, project.settings, project.public_token, \
         project.widget_token, project.created_at"
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
    let secret = key
        .open(SECRET_PURPOSE, &sealed)
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
