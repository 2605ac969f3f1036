//! Making, changing and merging persons. Who writes locks the project's row of totals first.

use super::{find, find_by_distinct_ids};
use crate::statements::statements;
use crate::{Conn, Error, Result, params};
use model::persons::{Person, Plan, Profile, changed, is_within_limit};
use model::{Env, PersonId, ProjectId, Timestamp};
use serde_json::{Map, Value};

statements! {
    OPEN_TOTALS = "INSERT INTO person_totals (project_id, persons) VALUES (?1, 0) ON CONFLICT (project_id) DO NOTHING";
    LOCK_TOTALS = "SELECT persons FROM person_totals WHERE project_id = ?1 /*lock*/";
    ADD_TO_TOTALS = "UPDATE person_totals SET persons = persons + ?2 WHERE project_id = ?1";

    INSERT = "INSERT INTO person (project_id, id, properties, is_identified, email, search, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    VOUCH = "UPDATE person SET vouched_email = ?3 WHERE project_id = ?1 AND id = ?2";
    UPDATE = "UPDATE person SET properties = ?3, is_identified = ?4, email = ?5, search = ?6, created_at = ?7 \
              WHERE project_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM person WHERE project_id = ?1 AND id = ?2";
    INSERT_ID = "INSERT INTO person_distinct_id (project_id, distinct_id, person_id, position, is_vouched) \
                 VALUES (?1, ?2, ?3, ?4, ?5)";
    /// Behind the ids that the person has, in the order they had. That they are this person's is a browser's word.
    MOVE_IDS = "UPDATE person_distinct_id SET person_id = ?3, position = position + ?4, is_vouched = FALSE \
                WHERE project_id = ?1 AND person_id = ?2";
    LAST_POSITION = "SELECT position FROM person_distinct_id WHERE project_id = ?1 AND person_id = ?2 \
                     ORDER BY position DESC LIMIT 1";
    MOVE_MERGES = "UPDATE person_merge SET person_id = ?3 WHERE project_id = ?1 AND person_id = ?2";
    INSERT_MERGE = "INSERT INTO person_merge (project_id, id, person_id, properties, created_at, merged_at) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
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

/// Makes a person on the project's word. `None`: one of the ids is taken, and nothing was written.
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
    insert(c, project, &person, true).await?;
    vouch(c, project, &person).await?;
    Ok(Some(person))
}

/// Changes a person's properties on the project's word: named ones are written, and removed by null.
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
    if change.contains_key("email") {
        vouch(c, project, &person).await?;
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
        return insert(c, project, &new, false).await;
    };
    target.properties = properties;
    target.is_identified = is_identified;
    let mut position = next_position(c, project, target.id).await?;
    for id in attach {
        c.exec(INSERT_ID, params![project, &id, target.id, position, false])
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

/// The address that the person has now is the one that the project has said.
async fn vouch(c: &Conn, project: ProjectId, person: &Person) -> Result<()> {
    let email = person.email();
    c.exec_one(VOUCH, params![project, person.id, &email]).await
}

async fn insert(
    c: &Conn,
    project: ProjectId,
    person: &Person,
    ids_are_vouched: bool,
) -> Result<()> {
    put(c, INSERT, project, person).await?;
    for (id, position) in person.distinct_ids.iter().zip(0_i64..) {
        let values = params![project, id, person.id, position, ids_are_vouched];
        c.exec(INSERT_ID, values).await?;
    }
    c.exec_one(ADD_TO_TOTALS, params![project, 1_i64]).await
}

async fn save(c: &Conn, project: ProjectId, person: &Person) -> Result<()> {
    put(c, UPDATE, project, person).await
}

/// Writes a person without the ids; both statements take the same values.
async fn put(c: &Conn, sql: &'static str, project: ProjectId, person: &Person) -> Result<()> {
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
    c.exec_one(sql, values).await
}

fn json(properties: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(properties).map_err(Error::internal)
}
