//! Persons: the customers of a project, by id, by the ids under which they appear, and by address.
//!
//! Writers (`persons/write.rs`) lock the project's row of totals first, so that they come one after the other. In a
//! transaction that also logs events, write persons before them.
//!
//! Two kinds of word are kept apart. What the project itself says of a person, with a key of its own, is *vouched* for;
//! what browsers say ([`apply`]) anybody can say who knows the public token. Both are shown, but only on the former's
//! word does one customer get at what is another's.

mod write;

pub(crate) use write::ALL as WRITE;
pub use write::{NewPerson, Updated, apply, create, is_known, update};

use crate::statements::statements;
use crate::{Conn, Engine, Error, FromRow, Result, Row, params};
use model::pagination::Page;
use model::persons::{Person, PersonView, folded_email};
use model::{PersonId, ProjectId, Timestamp};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

macro_rules! columns {
    () => {
        "person.id, person.properties, person.is_identified, person.created_at"
    };
}

/// A person's ids, in their order, as a JSON array. An order inside the function makes SQLite sort in a table that is made
/// for each person; the subquery's is that of an index.
macro_rules! ids {
    (sqlite) => {
        "(SELECT json_group_array(distinct_id) FROM (SELECT own.distinct_id FROM person_distinct_id own \
            WHERE own.project_id = person.project_id AND own.person_id = person.id ORDER BY own.position))"
    };
    (postgres) => {
        "CAST(COALESCE((SELECT json_agg(own.distinct_id ORDER BY own.position) FROM person_distinct_id own \
               WHERE own.project_id = person.project_id AND own.person_id = person.id), '[]') AS TEXT)"
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
            "SELECT person_distinct_id.distinct_id, ", columns!(), ", ", ids!($engine), " FROM ", wanted!($engine),
            " CROSS JOIN person_distinct_id JOIN person ON person.project_id = person_distinct_id.project_id \
                AND person.id = person_distinct_id.person_id \
              WHERE person_distinct_id.project_id = ?1 AND person_distinct_id.distinct_id = wanted.value"
        )
    };
}

/// The same for one id, without a list to take apart.
macro_rules! by_distinct_id {
    ($engine:ident) => {
        concat!(
            "SELECT person_distinct_id.distinct_id, ", columns!(), ", ", ids!($engine), " FROM person_distinct_id \
               JOIN person ON person.project_id = person_distinct_id.project_id AND person.id = person_distinct_id.person_id \
             WHERE person_distinct_id.project_id = ?1 AND person_distinct_id.distinct_id = ?2"
        )
    };
}

macro_rules! by_emails {
    ($engine:ident) => {
        concat!(
            "SELECT wanted.value, ",
            columns!(),
            ", ",
            ids!($engine),
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
    BY_DISTINCT_ID_SQLITE [sqlite] = by_distinct_id!(sqlite);
    BY_DISTINCT_ID_POSTGRES [postgres] = by_distinct_id!(postgres);
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
    COUNT_VOUCHED = "SELECT count(*) FROM person_distinct_id one \
                     JOIN person_distinct_id other ON other.project_id = one.project_id \
                       AND other.person_id = one.person_id AND other.is_vouched \
                     WHERE one.project_id = ?1 AND one.distinct_id = ?2 AND one.is_vouched AND other.distinct_id = ?3";
    COUNT_IDENTIFIED = "SELECT count(*) FROM person_distinct_id \
                        JOIN person ON person.project_id = person_distinct_id.project_id \
                          AND person.id = person_distinct_id.person_id \
                        WHERE person_distinct_id.project_id = ?1 AND person_distinct_id.distinct_id = ?2 \
                          AND person.is_identified";
}

/// A person without the ids, which are rows of their own.
struct Stored {
    id: PersonId,
    /// JSON object.
    properties: String,
    is_identified: bool,
    created_at: Timestamp,
}

impl FromRow for Stored {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            properties: row.get()?,
            is_identified: row.get()?,
            created_at: row.get()?,
        })
    }
}

/// A stored person and their ids as whoever asks wants them.
type Shape<P> = fn(Stored, Vec<String>) -> Option<P>;

fn person(it: Stored, distinct_ids: Vec<String>) -> Option<Person> {
    Some(Person {
        id: it.id,
        properties: serde_json::from_str(&it.properties).ok()?,
        distinct_ids,
        is_identified: it.is_identified,
        created_at: it.created_at,
    })
}

fn view(it: Stored, distinct_ids: Vec<String>) -> Option<Arc<PersonView>> {
    let view = PersonView::new(it.id, it.properties, distinct_ids);
    Some(Arc::new(PersonView {
        is_identified: it.is_identified,
        created_at: it.created_at,
        ..view.ok()?
    }))
}

/// A person and their ids, beside the text they were found by.
struct Found(String, Stored, Vec<String>);

impl FromRow for Found {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let (text, stored) = (row.get()?, Stored::from_row(row)?);
        let ids = row.parse("person_distinct_id.distinct_id", |json| {
            serde_json::from_str(json).ok()
        })?;
        Ok(Self(text, stored, ids))
    }
}

/// Which persons are listed; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Who appears under exactly this id.
    pub distinct_id: Option<String>,
    /// Whose address, name or id has this part; folded ([`model::persons::folded`]).
    pub search: Option<String>,
}

/// The persons who appear under these ids, by id. One query, however many ids.
///
/// # Errors
/// When the store fails.
pub async fn find_by_distinct_ids(
    c: &Conn,
    project: ProjectId,
    distinct_ids: &[&str],
) -> Result<HashMap<String, Person>> {
    by_distinct_ids(c, project, distinct_ids, person).await
}

/// [`find_by_distinct_ids`], for showing, perhaps several times.
///
/// # Errors
/// When the store fails.
pub async fn view_by_distinct_ids(
    c: &Conn,
    project: ProjectId,
    distinct_ids: &[&str],
) -> Result<HashMap<String, Arc<PersonView>>> {
    by_distinct_ids(c, project, distinct_ids, view).await
}

async fn by_distinct_ids<P>(
    c: &Conn,
    project: ProjectId,
    distinct_ids: &[&str],
    shape: Shape<P>,
) -> Result<HashMap<String, P>> {
    let (one, many) = match c.engine() {
        Engine::Sqlite => (BY_DISTINCT_ID_SQLITE, BY_DISTINCT_IDS_SQLITE),
        Engine::Postgres => (BY_DISTINCT_ID_POSTGRES, BY_DISTINCT_IDS_POSTGRES),
    };
    let statements = Statements {
        one: Some(one),
        many,
    };
    by_texts(c, project, statements, distinct_ids, shape).await
}

/// The persons whose property `email` is one of these addresses in any case, by address in lower case; of several
/// the oldest. One query, however many addresses.
///
/// # Errors
/// When the store fails.
pub async fn find_by_emails(
    c: &Conn,
    project: ProjectId,
    emails: &[&str],
) -> Result<HashMap<String, Person>> {
    by_emails(c, project, emails, person).await
}

/// [`find_by_emails`], for showing, perhaps several times.
///
/// # Errors
/// When the store fails.
pub async fn view_by_emails(
    c: &Conn,
    project: ProjectId,
    emails: &[&str],
) -> Result<HashMap<String, Arc<PersonView>>> {
    by_emails(c, project, emails, view).await
}

async fn by_emails<P>(
    c: &Conn,
    project: ProjectId,
    emails: &[&str],
    shape: Shape<P>,
) -> Result<HashMap<String, P>> {
    let statement = match c.engine() {
        Engine::Sqlite => BY_EMAILS_SQLITE,
        Engine::Postgres => BY_EMAILS_POSTGRES,
    };
    let folded: Vec<String> = emails.iter().map(|email| folded_email(email)).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let statements = Statements {
        one: None,
        many: statement,
    };
    by_texts(c, project, statements, &folded, shape).await
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

/// As [`is_same`], on nobody's word but the project's.
///
/// # Errors
/// When the store fails.
pub async fn is_vouched_same(c: &Conn, project: ProjectId, one: &str, other: &str) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    if one.contains('\0') || other.contains('\0') {
        return Ok(false);
    }
    let count: i64 = c.one(COUNT_VOUCHED, params![project, one, other]).await?;
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

/// What looks up persons by one text, where there is something better than a list of one, and by many.
struct Statements {
    one: Option<&'static str>,
    many: &'static str,
}

async fn by_texts<P>(
    c: &Conn,
    project: ProjectId,
    statements: Statements,
    texts: &[&str],
    shape: Shape<P>,
) -> Result<HashMap<String, P>> {
    // PostgreSQL can neither store nor look for the character that this leaves out.
    let texts: Vec<&str> = texts
        .iter()
        .copied()
        .filter(|text| !text.is_empty() && !text.contains('\0'))
        .collect();
    let found: Vec<Found> = match (texts.as_slice(), statements.one) {
        ([], _) => return Ok(HashMap::new()),
        ([only], Some(one)) => c.all(one, params![project, *only]).await?,
        (texts, _) => {
            let list = serde_json::to_string(texts).map_err(Error::internal)?;
            c.all(statements.many, params![project, &list]).await?
        }
    };
    let mut by_text = HashMap::with_capacity(found.len());
    for Found(text, stored, ids) in found {
        if let Entry::Vacant(place) = by_text.entry(text) {
            place.insert(shape(stored, ids).ok_or_else(corrupt)?);
        }
    }
    Ok(by_text)
}

fn corrupt() -> Error {
    Error::Corrupt("person.properties holds no JSON object".to_owned())
}

/// Adds everybody's ids.
async fn with_ids<P>(
    c: &Conn,
    project: ProjectId,
    stored: Vec<Stored>,
    shape: Shape<P>,
) -> Result<Vec<P>> {
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let statement = match c.engine() {
        Engine::Sqlite => IDS_OF_SQLITE,
        Engine::Postgres => IDS_OF_POSTGRES,
    };
    let list: Vec<_> = stored
        .iter()
        .map(|person| person.id.0.simple().to_string())
        .collect();
    let list = serde_json::to_string(&list).map_err(Error::internal)?;
    let rows: Vec<(PersonId, String)> = c.all(statement, params![project, &list]).await?;
    let mut ids: HashMap<PersonId, Vec<String>> = HashMap::new();
    for (person, id) in rows {
        ids.entry(person).or_default().push(id);
    }
    let shaped = |stored: Stored| {
        let ids = ids.remove(&stored.id).unwrap_or_default();
        shape(stored, ids).ok_or_else(corrupt)
    };
    stored.into_iter().map(shaped).collect()
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
    let found = with_ids(c, project, stored.into_iter().collect(), person).await?;
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
    Ok((with_ids(c, project, stored, person).await?, count))
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
