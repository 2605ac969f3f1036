//! Persons: the customers of a project, by id, by the ids under which they appear, and by address.
//!
//! Writers lock the project's row of totals first, so that they come one after the other. In a transaction that also
//! logs events, write persons before them.

use crate::statements::statements;
use crate::{Conn, Engine, Error, FromRow, Result, Row, params};
use model::pagination::Page;
use model::persons::{Person, Plan, Profile, changed, folded_email, is_within_limit};
use model::{Env, PersonId, ProjectId, Timestamp};
use serde_json::{Map, Value};
use std::collections::HashMap;

macro_rules! columns {
    () => {
        "person.id, person.properties, person.is_identified, person.created_at"
    };
}

/// The elements of a JSON array, as rows. Joined from this side: of a list behind IN, SQLite may think it too long for the
/// index, and read the whole project.
macro_rules! wanted {
    (sqlite) => {
        "json_each(?2) wanted"
    };
    (postgres) => {
        "json_array_elements_text(CAST(CAST(?2 AS TEXT) AS JSON)) AS wanted (value)"
    };
}

macro_rules! id {
    (sqlite) => {
        "unhex(wanted.value)"
    };
    (postgres) => {
        "CAST(wanted.value AS UUID)"
    };
}

macro_rules! by_distinct_ids {
    ($engine:ident) => {
        concat!(
            "SELECT person_distinct_id.distinct_id, ", columns!(), " FROM ", wanted!($engine),
            " CROSS JOIN person_distinct_id JOIN person ON person.project_id = person_distinct_id.project_id \
                AND person.id = person_distinct_id.person_id \
              WHERE person_distinct_id.project_id = ?1 AND person_distinct_id.distinct_id = wanted.value"
        )
    };
}

macro_rules! by_emails {
    ($engine:ident) => {
        concat!(
            "SELECT wanted.value, ",
            columns!(),
            " FROM ",
            wanted!($engine),
            " CROSS JOIN person WHERE person.project_id = ?1 AND person.id = \
                (SELECT first.id FROM person first WHERE first.project_id = ?1 AND first.email = wanted.value \
                 ORDER BY first.created_at, first.id LIMIT 1)"
        )
    };
}

macro_rules! ids_of {
    ($engine:ident) => {
        concat!(
            "SELECT person_id, distinct_id FROM ",
            wanted!($engine),
            " CROSS JOIN person_distinct_id \
              WHERE project_id = ?1 AND person_id = ",
            id!($engine),
            " ORDER BY person_id, position"
        )
    };
}

statements! {
    /// Lists of any length come as a JSON array, because a statement has a fixed number of parameters.
    BY_DISTINCT_IDS_SQLITE [sqlite] = by_distinct_ids!(sqlite);
    BY_DISTINCT_IDS_POSTGRES [postgres] = by_distinct_ids!(postgres);
    /// One for each address, however many have it.
    BY_EMAILS_SQLITE [sqlite] = by_emails!(sqlite);
    BY_EMAILS_POSTGRES [postgres] = by_emails!(postgres);
    IDS_OF_SQLITE [sqlite] = ids_of!(sqlite);
    IDS_OF_POSTGRES [postgres] = ids_of!(postgres);

    FIND = concat!("SELECT ", columns!(), " FROM person WHERE project_id = ?1 AND id = ?2");
    FIND_MERGED = concat!(
        "SELECT ", columns!(), " FROM person_merge JOIN person ON person.project_id = person_merge.project_id \
            AND person.id = person_merge.person_id \
          WHERE person_merge.project_id = ?1 AND person_merge.id = ?2"
    );
    LIST = concat!(
        "SELECT ", columns!(), " FROM person WHERE project_id = ?1 \
         ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3"
    );
    COUNT = "SELECT persons FROM person_totals WHERE project_id = ?1";
    SEARCH = concat!(
        "SELECT ", columns!(), " FROM person WHERE project_id = ?1 AND search LIKE ?2 ESCAPE '\\' \
         ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    COUNT_FOUND = "SELECT count(*) FROM person WHERE project_id = ?1 AND search LIKE ?2 ESCAPE '\\'";

    COUNT_SHARED = "SELECT count(*) FROM person_distinct_id one \
                    JOIN person_distinct_id other ON other.project_id = one.project_id \
                      AND other.person_id = one.person_id \
                    WHERE one.project_id = ?1 AND one.distinct_id = ?2 AND other.distinct_id = ?3";
    COUNT_IDENTIFIED = "SELECT count(*) FROM person_distinct_id \
                        JOIN person ON person.project_id = person_distinct_id.project_id \
                          AND person.id = person_distinct_id.person_id \
                        WHERE person_distinct_id.project_id = ?1 AND person_distinct_id.distinct_id = ?2 \
                          AND person.is_identified";

    OPEN_TOTALS = "INSERT INTO person_totals (project_id, persons) VALUES (?1, 0) ON CONFLICT (project_id) DO NOTHING";
    LOCK_TOTALS = "SELECT persons FROM person_totals WHERE project_id = ?1 /*lock*/";
    ADD_TO_TOTALS = "UPDATE person_totals SET persons = persons + ?2 WHERE project_id = ?1";

    INSERT = "INSERT INTO person (project_id, id, properties, is_identified, email, search, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    UPDATE = "UPDATE person SET properties = ?3, is_identified = ?4, email = ?5, search = ?6, created_at = ?7 \
              WHERE project_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM person WHERE project_id = ?1 AND id = ?2";
    INSERT_ID = "INSERT INTO person_distinct_id (project_id, distinct_id, person_id, position) VALUES (?1, ?2, ?3, ?4)";
    /// Behind the ids that the person has, in the order they had.
    MOVE_IDS = "UPDATE person_distinct_id SET person_id = ?3, position = position + ?4 \
                WHERE project_id = ?1 AND person_id = ?2";
    LAST_POSITION = "SELECT position FROM person_distinct_id WHERE project_id = ?1 AND person_id = ?2 \
                     ORDER BY position DESC LIMIT 1";
    MOVE_MERGES = "UPDATE person_merge SET person_id = ?3 WHERE project_id = ?1 AND person_id = ?2";
    INSERT_MERGE = "INSERT INTO person_merge (project_id, id, person_id, properties, created_at, merged_at) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
}

/// A person without the ids, which are rows of their own.
struct Stored {
    id: PersonId,
    properties: Map<String, Value>,
    is_identified: bool,
    created_at: Timestamp,
}

impl FromRow for Stored {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            properties: row.parse("person.properties", |text| serde_json::from_str(text).ok())?,
            is_identified: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// A person beside the text they were found by.
struct Found(String, Stored);

impl FromRow for Found {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self(row.get()?, Stored::from_row(row)?))
    }
}

/// A person to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPerson {
    /// At least one, none twice; each holds [`model::persons::is_distinct_id`].
    pub distinct_ids: Vec<String>,
    /// Within [`model::persons::PROPERTIES_MAX`].
    pub properties: Map<String, Value>,
    /// Somebody said who they are.
    pub is_identified: bool,
}

/// Which persons are listed; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Who appears under exactly this id.
    pub distinct_id: Option<String>,
    /// Whose address, name or id has this part; folded ([`model::persons::folded`]).
    pub search: Option<String>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Updated {
    /// The person as they are now.
    Person(Person),
    /// There is no such person.
    Missing,
    /// The properties would be larger than [`model::persons::PROPERTIES_MAX`]; nothing was changed.
    TooLarge,
}

/// The persons who appear under these ids, by id. Two queries, however many ids.
///
/// # Errors
/// When the store fails.
pub async fn find_by_distinct_ids(
    c: &Conn,
    project: ProjectId,
    distinct_ids: &[&str],
) -> Result<HashMap<String, Person>> {
    let statement = match c.engine() {
        Engine::Sqlite => BY_DISTINCT_IDS_SQLITE,
        Engine::Postgres => BY_DISTINCT_IDS_POSTGRES,
    };
    find_by_texts(c, project, statement, distinct_ids).await
}

/// The persons whose property `email` is one of these addresses in any case, by address in lower case; of several
/// the oldest. Two queries, however many addresses.
///
/// # Errors
/// When the store fails.
pub async fn find_by_emails(
    c: &Conn,
    project: ProjectId,
    emails: &[&str],
) -> Result<HashMap<String, Person>> {
    let statement = match c.engine() {
        Engine::Sqlite => BY_EMAILS_SQLITE,
        Engine::Postgres => BY_EMAILS_POSTGRES,
    };
    let folded: Vec<String> = emails.iter().map(|email| folded_email(email)).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    find_by_texts(c, project, statement, &folded).await
}

/// Whether two ids are the same, or those of one person.
///
/// # Errors
/// When the store fails.
pub async fn is_same(c: &Conn, project: ProjectId, one: &str, other: &str) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    if one.contains('\0') || other.contains('\0') {
        return Ok(false);
    }
    let count: i64 = c.one(COUNT_SHARED, params![project, one, other]).await?;
    Ok(count > 0)
}

/// Whether an id belongs to a person of whom somebody said who they are.
///
/// # Errors
/// When the store fails.
pub async fn is_identified(c: &Conn, project: ProjectId, distinct_id: &str) -> Result<bool> {
    let count: i64 = c
        .one(COUNT_IDENTIFIED, params![project, distinct_id])
        .await?;
    Ok(count > 0)
}

async fn find_by_texts(
    c: &Conn,
    project: ProjectId,
    statement: &'static str,
    texts: &[&str],
) -> Result<HashMap<String, Person>> {
    // PostgreSQL can neither store nor look for the character that this leaves out.
    let texts: Vec<_> = texts
        .iter()
        .filter(|text| !text.is_empty() && !text.contains('\0'))
        .collect();
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let list = serde_json::to_string(&texts).map_err(Error::internal)?;
    let found: Vec<Found> = c.all(statement, params![project, &list]).await?;
    let (texts, stored): (Vec<_>, Vec<_>) = found.into_iter().map(|it| (it.0, it.1)).unzip();
    let persons = with_ids(c, project, stored).await?;
    let mut by_text = HashMap::with_capacity(persons.len());
    for (text, person) in texts.into_iter().zip(persons) {
        by_text.entry(text).or_insert(person);
    }
    Ok(by_text)
}

/// Adds everybody's ids.
async fn with_ids(c: &Conn, project: ProjectId, stored: Vec<Stored>) -> Result<Vec<Person>> {
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let statement = match c.engine() {
        Engine::Sqlite => IDS_OF_SQLITE,
        Engine::Postgres => IDS_OF_POSTGRES,
    };
    let mut list: Vec<_> = stored
        .iter()
        .map(|person| person.id.0.simple().to_string())
        .collect();
    // A person can be found by two ids.
    list.sort_unstable();
    list.dedup();
    let list = serde_json::to_string(&list).map_err(Error::internal)?;
    let rows: Vec<(PersonId, String)> = c.all(statement, params![project, &list]).await?;
    let mut ids: HashMap<PersonId, Vec<String>> = HashMap::new();
    for (person, id) in rows {
        ids.entry(person).or_default().push(id);
    }
    let person = |stored: Stored| Person {
        distinct_ids: ids.get(&stored.id).cloned().unwrap_or_default(),
        id: stored.id,
        properties: stored.properties,
        is_identified: stored.is_identified,
        created_at: stored.created_at,
    };
    Ok(stored.into_iter().map(person).collect())
}

/// A person by id; by the id of one who was merged into another, that other.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, project: ProjectId, id: PersonId) -> Result<Option<Person>> {
    let mut stored: Option<Stored> = c.find(FIND, params![project, id]).await?;
    if stored.is_none() {
        stored = c.find(FIND_MERGED, params![project, id]).await?;
    }
    let found = with_ids(c, project, stored.into_iter().collect()).await?;
    Ok(found.into_iter().next())
}

/// One page of the persons, newest first, and how many there are on all pages. A search reads all persons of the
/// project.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    filter: &Filter,
    page: Page,
) -> Result<(Vec<Person>, i64)> {
    if let Some(id) = &filter.distinct_id {
        let mut found = find_by_distinct_ids(c, project, &[id]).await?;
        let is_meant = |person: &Person| {
            let part = filter.search.as_deref().unwrap_or_default();
            person.search_text().contains(part)
        };
        let person = found.remove(id).filter(is_meant);
        let count = i64::from(person.is_some());
        let on_page = person.filter(|_| page.offset == 0);
        return Ok((on_page.into_iter().collect(), count));
    }
    let (stored, count) = match &filter.search {
        Some(part) => {
            let pattern = like(part);
            let count = c.one(COUNT_FOUND, params![project, &pattern]).await?;
            let values = params![project, &pattern, page.limit, page.offset];
            (c.all(SEARCH, values).await?, count)
        }
        None => {
            let count = c.find(COUNT, params![project]).await?.unwrap_or(0);
            let values = params![project, page.limit, page.offset];
            (c.all(LIST, values).await?, count)
        }
    };
    Ok((with_ids(c, project, stored).await?, count))
}

/// A pattern for texts with this part, in which no character has a meaning.
fn like(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for character in part.chars() {
        if ['\\', '%', '_'].contains(&character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Makes a person. `None`: one of the ids is taken, and nothing was written.
///
/// # Errors
/// When the store fails.
pub async fn create(
    c: &Conn,
    env: &Env,
    project: ProjectId,
    new: &NewPerson,
) -> Result<Option<Person>> {
    lock(c, project).await?;
    let ids: Vec<&str> = new.distinct_ids.iter().map(String::as_str).collect();
    if !find_by_distinct_ids(c, project, &ids).await?.is_empty() {
        return Ok(None);
    }
    let person = Person {
        id: PersonId(env.uuid()),
        properties: new.properties.clone(),
        distinct_ids: new.distinct_ids.clone(),
        is_identified: new.is_identified,
        created_at: env.now(),
    };
    insert(c, project, &person).await?;
    Ok(Some(person))
}

/// Changes a person's properties: named ones are written, and removed by null.
///
/// # Errors
/// When the store fails.
pub async fn update(
    c: &Conn,
    project: ProjectId,
    id: PersonId,
    change: &Map<String, Value>,
) -> Result<Updated> {
    lock(c, project).await?;
    let Some(mut person) = find(c, project, id).await? else {
        return Ok(Updated::Missing);
    };
    let properties = changed(&person.properties, change);
    if properties != person.properties {
        if !is_within_limit(&properties) {
            return Ok(Updated::TooLarge);
        }
        person.properties = properties;
        save(c, project, &person).await?;
    }
    Ok(Updated::Person(person))
}

/// Whether a profile says nothing that is not known. Asked outside of a transaction, it saves most events the
/// writing.
///
/// # Errors
/// When the store fails.
pub async fn is_known(c: &Conn, project: ProjectId, profile: &Profile) -> Result<bool> {
    let (own, before) = find_both(c, project, profile).await?;
    Ok(profile.plan(own.as_ref(), before.as_ref()).is_none())
}

/// Writes down what an event says: makes, changes and merges persons ([`Profile::plan`]). The id of whoever is merged
/// leads to the other from then on.
///
/// # Errors
/// When the store fails.
pub async fn apply(c: &Conn, env: &Env, project: ProjectId, profile: &Profile) -> Result<()> {
    lock(c, project).await?;
    let (own, before) = find_both(c, project, profile).await?;
    let Some(plan) = profile.plan(own.as_ref(), before.as_ref()) else {
        return Ok(());
    };
    let Plan {
        person,
        attach,
        absorb,
        properties,
        is_identified,
    } = plan;
    let is_one_of = |id: Option<PersonId>| move |it: &Person| Some(it.id) == id;
    let both = [own, before];
    let found = |id| both.iter().flatten().find(|it| is_one_of(id)(it)).cloned();
    let Some(mut target) = found(person) else {
        let new = Person {
            id: PersonId(env.uuid()),
            properties,
            distinct_ids: attach,
            is_identified,
            created_at: env.now(),
        };
        return insert(c, project, &new).await;
    };
    target.properties = properties;
    target.is_identified = is_identified;
    let mut position = next_position(c, project, target.id).await?;
    for id in attach {
        c.exec(INSERT_ID, params![project, &id, target.id, position])
            .await?;
        position += 1;
        target.distinct_ids.push(id);
    }
    if let Some(absorbed) = found(absorb) {
        merge(c, project, &absorbed, target.id, position, env.now()).await?;
        target.created_at = target.created_at.min(absorbed.created_at);
        target.distinct_ids.extend(absorbed.distinct_ids);
    }
    save(c, project, &target).await
}

/// Puts one person into another, whose own ids have lower positions.
async fn merge(
    c: &Conn,
    project: ProjectId,
    person: &Person,
    into: PersonId,
    position: i64,
    now: Timestamp,
) -> Result<()> {
    c.exec(MOVE_IDS, params![project, person.id, into, position])
        .await?;
    c.exec(MOVE_MERGES, params![project, person.id, into])
        .await?;
    let properties = json(&person.properties)?;
    let values = params![
        project,
        person.id,
        into,
        &properties,
        person.created_at,
        now
    ];
    c.exec_one(INSERT_MERGE, values).await?;
    c.exec_one(DELETE, params![project, person.id]).await?;
    c.exec_one(ADD_TO_TOTALS, params![project, -1_i64]).await
}

/// The person with a profile's id, and the one with the id of before.
async fn find_both(
    c: &Conn,
    project: ProjectId,
    profile: &Profile,
) -> Result<(Option<Person>, Option<Person>)> {
    let anon = profile.anon_distinct_id.as_deref();
    let ids: Vec<&str> = std::iter::once(profile.distinct_id.as_str())
        .chain(anon)
        .collect();
    let found = find_by_distinct_ids(c, project, &ids).await?;
    let person = |id: &str| found.get(id).cloned();
    Ok((person(&profile.distinct_id), anon.and_then(person)))
}

async fn lock(c: &Conn, project: ProjectId) -> Result<()> {
    c.exec(OPEN_TOTALS, params![project]).await?;
    c.one::<i64>(LOCK_TOTALS, params![project]).await?;
    Ok(())
}

async fn next_position(c: &Conn, project: ProjectId, id: PersonId) -> Result<i64> {
    let last: Option<i64> = c.find(LAST_POSITION, params![project, id]).await?;
    Ok(last.map_or(0, |last| last + 1))
}

async fn insert(c: &Conn, project: ProjectId, person: &Person) -> Result<()> {
    let (properties, email, search) = (
        json(&person.properties)?,
        person.email(),
        person.search_text(),
    );
    let values = params![
        project,
        person.id,
        &properties,
        person.is_identified,
        &email,
        &search,
        person.created_at
    ];
    c.exec_one(INSERT, values).await?;
    for (id, position) in person.distinct_ids.iter().zip(0_i64..) {
        c.exec(INSERT_ID, params![project, id, person.id, position])
            .await?;
    }
    c.exec_one(ADD_TO_TOTALS, params![project, 1_i64]).await
}

async fn save(c: &Conn, project: ProjectId, person: &Person) -> Result<()> {
    let (properties, email, search) = (
        json(&person.properties)?,
        person.email(),
        person.search_text(),
    );
    let values = params![
        project,
        person.id,
        &properties,
        person.is_identified,
        &email,
        &search,
        person.created_at
    ];
    c.exec_one(UPDATE, values).await
}

fn json(properties: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(properties).map_err(Error::internal)
}
