//! Writing a project down.

use super::tables::{Kind, STATEMENTS, TABLES, Table};
use super::{BATCH, FORMAT, Field, Fields, people, quoted};
use crate::statements::statements;
use crate::users::User;
use crate::{Conn, Error, Result, Store, Value, organizations, params, projects, roles, users};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{MediaId, MemberLevel, ProjectId, Timestamp, UserId};
use serde_json::json;
use std::collections::HashSet;

statements! {
    PROJECT = "SELECT name, settings, created_at FROM project WHERE id = ?1";
    FIRST_FILE = "SELECT id FROM media WHERE project_id = ?1 AND created_at <= ?2 AND is_stored AND is_attached \
                    AND doomed_at IS NULL ORDER BY id LIMIT 1";
    NEXT_FILE = "SELECT id FROM media WHERE project_id = ?1 AND created_at <= ?2 AND is_stored AND is_attached \
                   AND doomed_at IS NULL AND id > ?3 ORDER BY id LIMIT 1";
}

/// A project on its way out. Holds a batch of rows at a time, and the numbers of the people it has told of.
///
/// It is written as it is found, batch by batch. What others write meanwhile is in it or is not.
pub struct Export {
    store: Store,
    project: ProjectId,
    began_at: Timestamp,
    stage: Stage,
    told: HashSet<i64>,
    lines: u64,
}

enum Stage {
    Beginning,
    /// In this table, behind this key.
    Table(usize, Option<Vec<Field>>),
    /// Behind this file.
    Files(Option<MediaId>),
    Over,
}

/// Some lines, and what they are about.
#[derive(Debug)]
pub struct Exported {
    /// Whole lines, each with its end.
    pub text: String,
    /// The table that they are from; for people.
    pub table: &'static str,
    /// The file whose bytes are to be written next, by [`Export::part`], before more is asked for.
    pub file: Option<MediaId>,
    /// How many lines there have been so far.
    pub lines: u64,
}

impl Export {
    /// Begins; nothing is read yet.
    pub fn new(store: Store, project: ProjectId, now: Timestamp) -> Self {
        Self {
            store,
            project,
            began_at: now,
            stage: Stage::Beginning,
            told: HashSet::new(),
            lines: 0,
        }
    }

    /// The next lines; `None` after the last.
    ///
    /// # Errors
    /// [`Error::NoRow`] when there is no such project; otherwise when the store fails. Nothing follows then.
    pub async fn next(&mut self) -> Result<Option<Exported>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let mut file = None;
        let (lines, table) = match stage {
            Stage::Over => return Ok(None),
            Stage::Beginning => {
                self.stage = Stage::Table(0, None);
                (self.beginning().await?, "project")
            }
            Stage::Table(index, after) => match TABLES.get(index) {
                None => {
                    self.stage = Stage::Files(None);
                    (Vec::new(), "file")
                }
                Some(table) => (self.rows(index, table, after).await?, table.name),
            },
            Stage::Files(after) => match self.file(after).await? {
                Some(id) => {
                    self.stage = Stage::Files(Some(id));
                    file = Some(id);
                    (Vec::new(), "file")
                }
                None => {
                    let end = json!({"line": "end", "lines": self.lines + 1}).to_string();
                    (vec![end], "end")
                }
            },
        };
        self.lines += u64::try_from(lines.len()).unwrap_or(0);
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        Ok(Some(Exported {
            text,
            table,
            file,
            lines: self.lines,
        }))
    }

    /// The line for a piece of a file. All pieces of one file follow each other; a file of which nothing can be had gets
    /// none.
    pub fn part(&mut self, id: MediaId, bytes: &[u8], is_last: bool) -> Exported {
        self.lines += 1;
        let bytes = STANDARD.encode(bytes);
        let text = format!(
            "{{\"line\":\"file\",\"id\":\"{id}\",\"is_last\":{is_last},\"bytes\":\"{bytes}\"}}\n"
        );
        Exported {
            text,
            table: "file",
            file: None,
            lines: self.lines,
        }
    }

    async fn file(&self, after: Option<MediaId>) -> Result<Option<MediaId>> {
        let (project, now) = (self.project, self.began_at);
        self.store
            .read(move |c| {
                Box::pin(async move {
                    match after {
                        None => c.find(FIRST_FILE, params![project, now]).await,
                        Some(after) => c.find(NEXT_FILE, params![project, now, after]).await,
                    }
                })
            })
            .await
    }

    /// What it is, the members of the organisation, and the roles.
    async fn beginning(&mut self) -> Result<Vec<String>> {
        let (id, now) = (self.project, self.began_at);
        let found = self
            .store
            .read(move |c| Box::pin(async move { describe(c, id, now).await }))
            .await?;
        let (lines, members) = found;
        self.told.extend(members);
        Ok(lines)
    }

    async fn rows(
        &mut self,
        index: usize,
        table: &'static Table,
        after: Option<Vec<Field>>,
    ) -> Result<Vec<String>> {
        let (project, now) = (self.project, self.began_at);
        let statements = &STATEMENTS[index];
        let rows = self
            .store
            .read(move |c| {
                Box::pin(async move {
                    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
                    let mut values =
                        vec![Value::from(project), Value::from(now), Value::Int(limit)];
                    let sql = match &after {
                        None => &statements.first,
                        Some(key) => {
                            values.extend(key.iter().map(Field::value));
                            &statements.next
                        }
                    };
                    c.all::<Fields>(sql, &values).await
                })
            })
            .await?;
        let key = rows.last().map(|row| key_of(table, row));
        self.stage = match key {
            Some(key) if rows.len() == BATCH && !key.is_empty() => Stage::Table(index, Some(key)),
            _ => Stage::Table(index + 1, None),
        };
        let mut lines = self.introduce(table, &rows).await?;
        for row in rows {
            lines.push(line(table, row)?);
        }
        Ok(lines)
    }

    /// Tells of the people whom the rows name and nobody has told of: those who have left the organisation.
    async fn introduce(&mut self, table: &Table, rows: &[Fields]) -> Result<Vec<String>> {
        let mut strangers: Vec<UserId> = Vec::new();
        for row in rows {
            for ((_, kind), field) in table.written().zip(&row.0) {
                for id in people::named(kind, field) {
                    if self.told.insert(id) {
                        strangers.push(UserId(id));
                    }
                }
            }
        }
        if strangers.is_empty() {
            return Ok(Vec::new());
        }
        let found = self
            .store
            .read(move |c| Box::pin(async move { users::find_many(c, &strangers).await }))
            .await?;
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|user| user.id);
        Ok(found.iter().map(|user| person(user, None)).collect())
    }
}

async fn describe(c: &Conn, id: ProjectId, now: Timestamp) -> Result<(Vec<String>, Vec<i64>)> {
    let project = projects::find(c, id).await?.ok_or(Error::NoRow)?;
    let (name, settings, created_at): (String, String, Timestamp) =
        c.one(PROJECT, params![id]).await?;
    let organization = organizations::find(c, project.organization_id).await?;
    let organization = organization.ok_or(Error::NoRow)?;
    let mut lines = vec![format!(
        r#"{{"line":"thicket_export","format":{FORMAT},"made_by":{},"exported_at":{},"organization":{},"name":{},"settings":{settings},"created_at":{}}}"#,
        quoted(env!("CARGO_PKG_VERSION"))?,
        quoted(&now.to_string())?,
        quoted(&organization.name)?,
        quoted(&name)?,
        quoted(&created_at.to_string())?,
    )];
    let members = organizations::list_members(c, organization.id).await?;
    for (user, level) in &members {
        lines.push(person(user, Some(*level)));
    }
    for role in roles::list(c, organization.id).await? {
        let members = roles::list_members(c, organization.id, role.id).await?;
        let members: Vec<_> = members.iter().map(|user| user.id.0).collect();
        lines.push(format!(
            r#"{{"line":"role","id":"{}","name":{},"created_at":{},"members":{}}}"#,
            role.id,
            quoted(&role.name)?,
            quoted(&role.created_at.to_string())?,
            json!(members)
        ));
    }
    Ok((lines, members.iter().map(|(user, _)| user.id.0).collect()))
}

fn person(user: &User, level: Option<MemberLevel>) -> String {
    json!({
        "line": "user", "id": user.id, "uuid": user.uuid, "email": user.email, "first_name": user.first_name,
        "last_name": user.last_name, "distinct_id": user.distinct_id, "created_at": user.created_at,
        "level": level.map(MemberLevel::as_str),
    })
    .to_string()
}

/// Where the rows behind this one begin.
fn key_of(table: &Table, row: &Fields) -> Vec<Field> {
    let of = |part: &&str| {
        let place = table.written().position(|(column, _)| column == *part)?;
        // SQLite gives bytes for a UUID, and compares them as well.
        row.0.get(place).cloned()
    };
    table.key.iter().filter_map(of).collect()
}

fn line(table: &Table, row: Fields) -> Result<String> {
    let mut line = format!(r#"{{"line":"{}""#, table.name);
    for ((column, kind), field) in table.written().zip(row.0) {
        line.push_str(r#",""#);
        line.push_str(column);
        line.push_str(r#"":"#);
        line.push_str(&written(table, column, kind, field)?);
    }
    line.push('}');
    Ok(line)
}

fn written(table: &Table, column: &str, kind: Kind, field: Field) -> Result<String> {
    let corrupt = || Error::Corrupt(format!("{}.{column} holds an unknown value", table.name));
    Ok(match (kind, field) {
        (_, Field::Null) => "null".to_owned(),
        (Kind::Int | Kind::User, Field::Int(n)) => n.to_string(),
        (Kind::Bool, Field::Bool(b)) => b.to_string(),
        // SQLite has no booleans.
        (Kind::Bool, Field::Int(n)) => (n != 0).to_string(),
        (Kind::Text | Kind::Assignee, Field::Text(text)) => quoted(&text)?,
        // One line, whatever was stored.
        (Kind::Json | Kind::Named, Field::Text(json)) if json.contains(['\n', '\r']) => {
            let value: serde_json::Value = serde_json::from_str(&json).map_err(|_| corrupt())?;
            value.to_string()
        }
        (Kind::Json | Kind::Named, Field::Text(json)) => json,
        (Kind::Uuid | Kind::Conversation, Field::Uuid(id)) => format!("\"{id}\""),
        (Kind::Uuid | Kind::Conversation, Field::Bytes(bytes)) => {
            let id = uuid::Uuid::from_slice(&bytes).map_err(|_| corrupt())?;
            format!("\"{id}\"")
        }
        (Kind::Bytes, Field::Bytes(bytes)) => format!("\"{}\"", crate::hex::hex(&bytes)),
        (Kind::Time, Field::Int(micros)) => quoted(&Timestamp::from_micros(micros).to_string())?,
        _ => return Err(corrupt()),
    })
}
