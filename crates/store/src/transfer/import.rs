//! Reading a project that was written down.

use super::links::Links;
use super::people::Known;
use super::tables::{Constant, Kind, STATEMENTS, TABLES, Table};
use super::{BATCH, FORMAT, Field};
use crate::organizations::{self, Organization};
use crate::sealed::SecretKey;
use crate::statements::statements;
use crate::users::{self, NewUser};
use crate::{Conn, Error, Result, Store, Value, media, params, projects, roles};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::settings::ProjectSettings;
use model::{
    Env, MediaId, MemberLevel, OrganizationId, ProjectId, RoleId, Timestamp, UserId, datetime,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

statements! {
    FIND_CONVERSATION = "SELECT project_id FROM conversation_directory WHERE conversation_id = ?1";
    ADD_CONVERSATION = "INSERT INTO conversation_directory (conversation_id, project_id) VALUES (?1, ?2)";
    INSERT_USER = "INSERT INTO users (uuid, email, first_name, last_name, distinct_id, created_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id";
    IS_USER_TAKEN = "SELECT EXISTS (SELECT 1 FROM users WHERE uuid = ?1 OR distinct_id = ?2)";
    COUNT_PERSONS = "INSERT INTO person_totals (project_id, persons) \
                     SELECT project_id, count(*) FROM person WHERE project_id = ?1 GROUP BY project_id";
    COUNT_CONVERSATIONS = "INSERT INTO conversation_total (project_id, user_id, conversations) \
                           SELECT project_id, user_id, count(*) FROM conversation \
                           WHERE project_id = ?1 AND deleted_at IS NULL AND type <> 'tool_call' AND NOT is_internal \
                           GROUP BY project_id, user_id";
    COUNT_ARTICLES = "INSERT INTO article_totals (project_id, articles, enabled, passages, words, last_passage) \
                      SELECT project_id, count(*), CAST(SUM(CASE WHEN is_enabled THEN 1 ELSE 0 END) AS BIGINT), \
                        CAST(SUM(CASE WHEN is_enabled THEN passages ELSE 0 END) AS BIGINT), \
                        CAST(SUM(CASE WHEN is_enabled THEN words ELSE 0 END) AS BIGINT), \
                        COALESCE((SELECT MAX(id) FROM article_passage WHERE project_id = ?1), 0) \
                      FROM article WHERE project_id = ?1 GROUP BY project_id";
    COUNT_TICKETS = "INSERT INTO ticket_tally (project_id, status, priority, assignee, channel_source, tickets, unread) \
                     SELECT project_id, status, COALESCE(priority, ''), assignee, channel_source, count(*), \
                       CAST(SUM(unread_team_count) AS BIGINT) \
                     FROM ticket WHERE project_id = ?1 AND deleted_at IS NULL \
                     GROUP BY project_id, status, COALESCE(priority, ''), assignee, channel_source";
    DROP_PERSONS = "DELETE FROM person_totals WHERE project_id = ?1";
    DROP_CONVERSATIONS = "DELETE FROM conversation_total WHERE project_id = ?1";
    DROP_ARTICLES = "DELETE FROM article_totals WHERE project_id = ?1";
    DROP_TICKETS = "DELETE FROM ticket_tally WHERE project_id = ?1";
    DROP_DIRECTORY = "DELETE FROM conversation_directory WHERE project_id = ?1";
    DROP_PROJECT = "DELETE FROM project WHERE id = ?1";
}

/// Why lines could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line is another one.
    #[error("this is no export of a project")]
    NoExport,
    /// A newer program has written it, or an older one.
    #[error("the export has the form {0}, and this program reads the form {FORMAT}")]
    OtherFormat(i64),
    /// A line does not say what it has to.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The last line is missing.
    #[error("the export is incomplete: it breaks off after line {0}")]
    Incomplete(u64),
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Where a project is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// An organisation of its own, of the name it had.
    NewOrganization,
    /// This one.
    Organization(OrganizationId),
}

/// A project on its way in. Holds a batch of rows at a time, and who its people are here.
pub struct Import {
    store: Store,
    env: Env,
    project: ProjectId,
    organization: OrganizationId,
    known: Known,
    links: Links,
    files: Vec<MediaId>,
    rows: Vec<(usize, Vec<Field>)>,
    lines: u64,
    is_complete: bool,
    report: Imported,
}

/// What was taken in.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Rows of each table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Addresses of people who have an account by that, without a password.
    pub new_people: Vec<String>,
}

#[derive(Deserialize)]
struct Beginning {
    line: String,
    format: i64,
    organization: String,
    name: String,
    settings: Box<RawValue>,
}

#[derive(Clone, Deserialize)]
struct Person {
    id: i64,
    uuid: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    distinct_id: String,
    created_at: String,
    level: Option<String>,
}

#[derive(Deserialize)]
struct Role {
    id: Uuid,
    name: String,
    created_at: String,
    members: Vec<i64>,
}

/// A piece of a file's bytes, for whoever keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// The file.
    pub id: MediaId,
    /// Those behind the piece before it.
    pub bytes: Vec<u8>,
    /// Nothing of this file follows. When it is where it belongs, [`Import::file_is_stored`] says so.
    pub is_last: bool,
}

#[derive(Deserialize)]
struct FileLine {
    id: Uuid,
    is_last: bool,
    bytes: String,
}

#[derive(Deserialize)]
struct End {
    lines: u64,
}

impl Import {
    /// Makes the project, which is empty yet, from the first line.
    ///
    /// # Errors
    /// Another line, another form, or a store that fails.
    pub async fn begin(
        store: Store,
        env: Env,
        key: SecretKey,
        first: &str,
        into: Into,
    ) -> Result<Self, ImportError> {
        let beginning: Beginning =
            serde_json::from_str(first).map_err(|_| ImportError::NoExport)?;
        if beginning.line != "thicket_export" {
            return Err(ImportError::NoExport);
        }
        if beginning.format != FORMAT {
            return Err(ImportError::OtherFormat(beginning.format));
        }
        let now = env.now();
        let (making, sealing) = (env.clone(), key.clone());
        let (project, organization) = store
            .write(move |c| {
                Box::pin(async move {
                    let organization = match into {
                        Into::Organization(id) => id,
                        Into::NewOrganization => {
                            let organization = Organization {
                                id: OrganizationId(making.uuid()),
                                name: beginning.organization,
                                allows_personal_api_keys: true,
                                created_at: now,
                            };
                            organizations::create(c, &organization).await?;
                            organization.id
                        }
                    };
                    let settings = ProjectSettings::from_stored(beginning.settings.get());
                    let name = &beginning.name;
                    let (project, _) =
                        projects::create(c, &making, &sealing, organization, name, settings)
                            .await?;
                    Ok::<_, Error>((project.id, organization))
                })
            })
            .await?;
        Ok(Self {
            store,
            env,
            project,
            organization,
            known: Known::default(),
            links: Links {
                key,
                project,
                base: None,
            },
            files: Vec::new(),
            rows: Vec::new(),
            lines: 1,
            is_complete: false,
            report: Imported::default(),
        })
    }

    /// Lets links to files lead to this server.
    #[must_use]
    pub fn at(mut self, base_url: String) -> Self {
        self.links.base = Some(base_url);
        self
    }

    /// The new project.
    pub const fn project(&self) -> ProjectId {
        self.project
    }

    /// The files that are stored by now: after a failure their bytes are to be removed before [`Self::undo`].
    pub fn files(&self) -> &[MediaId] {
        &self.files
    }

    /// The bytes of a file are where they belong.
    ///
    /// # Errors
    /// No line has told of such a file, or the store fails.
    pub async fn file_is_stored(&mut self, id: MediaId, size: i64) -> Result<(), ImportError> {
        self.files.push(id);
        self.flush().await?;
        let project = self.project;
        let noted = self
            .store
            .write(move |c| Box::pin(media::set_stored(c, project, id, size)))
            .await;
        noted.map_err(|error| match error {
            Error::NoRow => self.wrong("no line has told of this file"),
            other => other.into(),
        })
    }

    /// Takes the next line in; a piece of a file is handed back.
    ///
    /// # Errors
    /// A line that does not say what it has to, or a store that fails. What was taken in so far stays until
    /// [`Self::undo`].
    pub async fn line(&mut self, text: &str) -> Result<Option<FilePart>, ImportError> {
        self.lines += 1;
        let number = self.lines;
        let wrong = |problem: &str| ImportError::Line {
            line: number,
            problem: problem.to_owned(),
        };
        if self.is_complete {
            return Err(wrong("something stands behind the last line"));
        }
        let members: HashMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|_| wrong("this is no JSON object"))?;
        let kind = members
            .get("line")
            .map_or("", |kind| kind.get().trim_matches('"'));
        let parsed = |error: serde_json::Error| wrong(&error.to_string());
        match kind {
            "user" => {
                let person: Person = serde_json::from_str(text).map_err(parsed)?;
                self.person(person).await?;
            }
            "role" => {
                let role: Role = serde_json::from_str(text).map_err(parsed)?;
                self.role(role).await?;
            }
            "file" => {
                let file: FileLine = serde_json::from_str(text).map_err(parsed)?;
                let bytes = STANDARD.decode(&file.bytes);
                return Ok(Some(FilePart {
                    id: MediaId(file.id),
                    bytes: bytes.map_err(|_| wrong("bytes is not what it has to be"))?,
                    is_last: file.is_last,
                }));
            }
            "end" => {
                let end: End = serde_json::from_str(text).map_err(parsed)?;
                if end.lines != number {
                    return Err(wrong("lines are missing or were added"));
                }
                self.is_complete = true;
            }
            _ => {
                let index = TABLES.iter().position(|table| table.name == kind);
                let index = index.ok_or_else(|| wrong("this program does not know such a line"))?;
                let row = self
                    .row(&TABLES[index], &members)
                    .map_err(|problem| wrong(&problem))?;
                self.rows.push((index, row));
                if self.rows.len() == BATCH {
                    self.flush().await?;
                }
            }
        }
        Ok(None)
    }

    /// Counts what is counted, and says what was taken in.
    ///
    /// # Errors
    /// [`ImportError::Incomplete`], or a store that fails.
    pub async fn finish(&mut self) -> Result<Imported, ImportError> {
        if !self.is_complete {
            return Err(ImportError::Incomplete(self.lines));
        }
        self.flush().await?;
        let project = self.project;
        self.store
            .write(move |c| {
                Box::pin(async move {
                    for sql in [
                        COUNT_PERSONS,
                        COUNT_CONVERSATIONS,
                        COUNT_ARTICLES,
                        COUNT_TICKETS,
                    ] {
                        c.exec(sql, params![project]).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(std::mem::take(&mut self.report))
    }

    /// Takes everything out again, after a failure. People who have an account by now keep it, and so does an
    /// organisation that was made.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn undo(self) -> Result<()> {
        let project = self.project;
        let drops = [
            DROP_PERSONS,
            DROP_CONVERSATIONS,
            DROP_ARTICLES,
            DROP_TICKETS,
        ];
        let rows = STATEMENTS.iter().rev().map(|it| it.delete.as_str());
        for sql in drops
            .into_iter()
            .chain(rows)
            .chain([DROP_DIRECTORY, DROP_PROJECT])
        {
            self.store
                .write(move |c| Box::pin(async move { c.exec(sql, params![project]).await }))
                .await?;
        }
        Ok(())
    }

    /// Finds somebody by the address, or makes an account without a password. Members of the organisation are members
    /// of this one.
    async fn person(&mut self, person: Person) -> Result<(), ImportError> {
        let level = person
            .level
            .as_deref()
            .map(str::parse::<MemberLevel>)
            .transpose();
        let level = level.map_err(|_| self.wrong("an unknown level"))?;
        let joined_at = self.time(&person.created_at)?;
        let (organization, env) = (self.organization, self.env.clone());
        let there = person.id;
        let (id, is_new, email) = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    let known = users::find_by_email(c, &person.email).await?;
                    let is_new = known.is_none();
                    let id = match known {
                        Some(user) => user.id,
                        None => add_person(c, &env, &person, joined_at).await?,
                    };
                    if let Some(level) = level
                        && organizations::find_level(c, organization, id)
                            .await?
                            .is_none()
                    {
                        organizations::set_member(c, organization, id, level, env.now()).await?;
                    }
                    Ok::<_, Error>((id, is_new, person.email))
                })
            })
            .await?;
        self.known.users.insert(there, id);
        if is_new {
            self.report.new_people.push(email);
        }
        Ok(())
    }

    /// Finds a role by its name, or makes it.
    async fn role(&mut self, role: Role) -> Result<(), ImportError> {
        let created_at = self.time(&role.created_at)?;
        let members: Result<Vec<UserId>> =
            role.members.iter().map(|id| self.known.user(*id)).collect();
        let members = members?;
        let (organization, now) = (self.organization, self.env.now());
        let there = role.id;
        let id = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    let known = roles::find_by_name(c, organization, &role.name).await?;
                    let id = match known {
                        Some(known) => known.id,
                        None => {
                            let role = roles::Role {
                                organization_id: organization,
                                id: RoleId(role.id),
                                name: role.name,
                                created_at,
                            };
                            roles::create(c, &role).await?;
                            role.id
                        }
                    };
                    for user in members {
                        roles::add_member(c, organization, id, user, now).await?;
                    }
                    Ok::<_, Error>(id)
                })
            })
            .await?;
        self.known.roles.insert(there, id);
        Ok(())
    }

    fn wrong(&self, problem: &str) -> ImportError {
        ImportError::Line {
            line: self.lines,
            problem: problem.to_owned(),
        }
    }

    fn time(&self, text: &str) -> Result<Timestamp, ImportError> {
        datetime::parse(text).ok_or_else(|| self.wrong("this is no moment"))
    }

    fn row(
        &self,
        table: &Table,
        members: &HashMap<String, Box<RawValue>>,
    ) -> Result<Vec<Field>, String> {
        let mut row = Vec::with_capacity(table.columns.len());
        for (column, kind) in table.columns {
            let json = members.get(*column).map(|json| json.get());
            let json = match (kind, json) {
                (Kind::Fixed(_), _) => "null",
                (_, Some(json)) => json,
                (_, None) => return Err(format!("{column} is missing")),
            };
            let field = self.field(*kind, json);
            row.push(field.ok_or_else(|| format!("{column} is not what it has to be"))?);
        }
        Ok(row)
    }

    fn field(&self, kind: Kind, json: &str) -> Option<Field> {
        fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
            serde_json::from_str(json).ok()
        }
        Some(match kind {
            Kind::Fixed(Constant::Null) => Field::Null,
            Kind::Fixed(Constant::Zero) => Field::Int(0),
            Kind::Fixed(Constant::NilUuid) => Field::Uuid(Uuid::nil()),
            Kind::Fixed(Constant::False) => Field::Bool(false),
            Kind::Fixed(Constant::Idle) => Field::Text("idle".to_owned()),
            _ if json == "null" => Field::Null,
            Kind::Int => Field::Int(read(json)?),
            Kind::Bool => Field::Bool(read(json)?),
            Kind::Text => Field::Text(self.links.renew(read(json)?)),
            Kind::Json => Field::Text(self.links.renew(json.to_owned())),
            Kind::Named => Field::Text(self.known.json(json.to_owned())),
            Kind::Uuid | Kind::Conversation => Field::Uuid(read(json)?),
            Kind::Bytes => Field::Bytes(crate::hex::bytes(&read::<String>(json)?)?),
            Kind::Time => Field::Int(datetime::parse(&read::<String>(json)?)?.as_micros()),
            Kind::User => Field::Int(self.known.user(read(json)?).ok()?.0),
            Kind::Assignee => Field::Text(self.known.assignee(&read::<String>(json)?).ok()?),
        })
    }

    async fn flush(&mut self) -> Result<(), ImportError> {
        let rows = std::mem::take(&mut self.rows);
        for (index, _) in &rows {
            *self.report.rows.entry(TABLES[*index].name).or_default() += 1;
        }
        let project = self.project;
        let written = self
            .store
            .write(move |c| Box::pin(async move { write(c, project, rows).await }))
            .await;
        written.map_err(|error| match error {
            Error::Constraint { .. } => self.wrong(&format!("or one before it: {error}")),
            other => other.into(),
        })
    }
}

async fn add_person(c: &Conn, env: &Env, person: &Person, created_at: Timestamp) -> Result<UserId> {
    let names = params![person.uuid, &person.distinct_id];
    if c.one::<bool>(IS_USER_TAKEN, names).await? {
        let new = NewUser {
            email: person.email.clone(),
            name: format!("{} {}", person.first_name, person.last_name),
            password_hash: None,
        };
        return Ok(users::create(c, env, &new).await?.id);
    }
    let email = users::normal_email(&person.email);
    let values = params![
        person.uuid,
        &email,
        &person.first_name,
        &person.last_name,
        &person.distinct_id,
        created_at
    ];
    c.one(INSERT_USER, values).await
}

async fn write(c: &Conn, project: ProjectId, rows: Vec<(usize, Vec<Field>)>) -> Result<()> {
    let mut conversations = HashMap::new();
    for (index, mut row) in rows {
        let table = &TABLES[index];
        for ((_, kind), field) in table.columns.iter().zip(&mut row) {
            if let (Kind::Conversation, Field::Uuid(id)) = (kind, field) {
                let there = *id;
                *id = match conversations.get(&there) {
                    Some(here) => *here,
                    None if table.name == "conversation" => {
                        add_conversation(c, project, there).await?
                    }
                    None => find_conversation(c, project, there).await?,
                };
                conversations.insert(there, *id);
            }
        }
        let mut values = vec![Value::from(project)];
        values.extend(row.iter().map(Field::value));
        c.exec_one(&STATEMENTS[index].insert, &values).await?;
    }
    Ok(())
}

/// Takes a conversation's id, or another one when it is taken: the project was copied within one store.
async fn add_conversation(c: &Conn, project: ProjectId, there: Uuid) -> Result<Uuid> {
    let owner: Option<ProjectId> = c.find(FIND_CONVERSATION, params![there]).await?;
    let here = owner.map_or(there, |_| other_id(project, there));
    c.exec_one(ADD_CONVERSATION, params![here, project]).await?;
    Ok(here)
}

/// Which id a conversation has here.
async fn find_conversation(c: &Conn, project: ProjectId, there: Uuid) -> Result<Uuid> {
    let owner: Option<ProjectId> = c.find(FIND_CONVERSATION, params![there]).await?;
    Ok(match owner {
        Some(owner) if owner == project => there,
        _ => other_id(project, there),
    })
}

/// The same for the same project and id, so that nobody has to remember it.
fn other_id(project: ProjectId, there: Uuid) -> Uuid {
    let digest = model::secrets::digest(&format!("{project}/{there}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
