//! The project's tags: how much each is used, and putting another in its place (tickets.md 16.4).

use super::Scene;
use super::list::escaped;
use super::log::Log;
use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, macros, params, views};
use model::pagination::Page;
use model::tickets::normal_tags;
use model::{ProjectId, TicketId};
use serde_json::Value as Json;

macro_rules! matching {
    () => {
        " FROM ticket_tag WHERE project_id = ?1 AND (CAST(?2 AS TEXT) IS NULL OR name LIKE ?2 ESCAPE '\\')"
    };
}

statements! {
    LIST = concat!(
        "SELECT name, count(*)", matching!(), " GROUP BY name ORDER BY name COLLATE \"C\" LIMIT ?3 OFFSET ?4"
    );
    COUNT = concat!("SELECT count(DISTINCT name)", matching!());
    FIND = "SELECT name, count(*) FROM ticket_tag WHERE project_id = ?1 AND name = ?2 GROUP BY name";
    TAGGED = "SELECT ticket_id FROM ticket_tag WHERE project_id = ?1 AND name = ?2 ORDER BY ticket_id LIMIT ?3";
    TAGS_OF = "SELECT tags FROM ticket WHERE project_id = ?1 AND id = ?2 /*lock*/";
    SET_TAGS = "UPDATE ticket SET tags = ?3 WHERE project_id = ?1 AND id = ?2";
    DROP = "DELETE FROM ticket_tag WHERE project_id = ?1 AND name = ?2 AND ticket_id = ?3";
    INSERT = "INSERT INTO ticket_tag (project_id, name, ticket_id) VALUES (?1, ?2, ?3) \
              ON CONFLICT (project_id, name, ticket_id) DO NOTHING";
}

/// A tag and how many tickets have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagUsage {
    /// Its name, normal.
    pub name: String,
    /// Tickets that are not deleted.
    pub tickets: i64,
}

impl FromRow for TagUsage {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            name: row.get()?,
            tickets: row.get()?,
        })
    }
}

/// One page of the tags, by name, and how many there are on all pages. `search`: a part of the name, in lower case.
///
/// # Errors
/// When the store fails.
pub async fn list_tags(
    c: &Conn,
    project: ProjectId,
    search: Option<&str>,
    page: Page,
) -> Result<(Vec<TagUsage>, i64)> {
    let part = search.map(|text| format!("%{}%", escaped(text)));
    let count = c.one(COUNT, params![project, &part]).await?;
    let values = params![project, &part, page.limit, page.offset];
    Ok((c.all(LIST, values).await?, count))
}

/// One tag; `None`: no ticket has it.
///
/// # Errors
/// When the store fails.
pub async fn find_tag(c: &Conn, project: ProjectId, name: &str) -> Result<Option<TagUsage>> {
    c.find(FIND, params![project, name]).await
}

/// Puts another tag, or none, in the place of one, on at most `limit` tickets; returns how many. When there are no
/// more, views and macros follow. The tickets do not count as changed: nothing happened to them.
///
/// # Errors
/// When the store fails.
pub async fn replace_tag(
    c: &Conn,
    scene: &Scene,
    tag: &str,
    by: Option<&str>,
    limit: i64,
) -> Result<usize> {
    let project = scene.project;
    let tagged: Vec<TicketId> = c.all(TAGGED, params![project, tag, limit]).await?;
    // In the order of the ids, as everywhere.
    for id in &tagged {
        let tags: String = c.one(TAGS_OF, params![project, *id]).await?;
        let mut tags: Json = serde_json::from_str(&tags).unwrap_or_default();
        if replace_in_json(&mut tags, tag, by) {
            let tags = tags.to_string();
            c.exec(SET_TAGS, params![project, *id, &tags]).await?;
        }
        c.exec(DROP, params![project, tag, *id]).await?;
        if let Some(by) = by {
            c.exec(INSERT, params![project, by, *id]).await?;
        }
    }
    if tagged.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
        views::replace_tag(c, project, tag, by).await?;
        macros::replace_tag(c, project, tag, by).await?;
        let mut log = Log::new(scene);
        log.tag_replaced(tag, by);
        log.write(c).await?;
    }
    Ok(tagged.len())
}

/// Puts another tag, or none, in the place of one in a JSON array; whether it was there.
pub(crate) fn replace_in_json(list: &mut Json, tag: &str, by: Option<&str>) -> bool {
    let Json::Array(items) = list else {
        return false;
    };
    let texts = || items.iter().filter_map(Json::as_str);
    if !texts().any(|text| normal_tags([text]) == [tag]) {
        return false;
    }
    let kept = texts().filter(|text| normal_tags([text]) != [tag]);
    *list = Json::from(normal_tags(kept.chain(by)));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tag_is_replaced_wherever_it_stands() {
        for (list, by, expected) in [
            (
                json!(["bug", "vip"]),
                Some("defect"),
                json!(["defect", "vip"]),
            ),
            (json!([" BUG", "defect"]), Some("defect"), json!(["defect"])),
            (json!(["bug"]), None, json!([])),
        ] {
            let mut found = list.clone();
            assert!(replace_in_json(&mut found, "bug", by));
            assert_eq!(found, expected, "{list}");
        }
        for list in [json!(["bugs"]), json!([]), json!("bug"), json!([1])] {
            let mut found = list.clone();
            assert!(!replace_in_json(&mut found, "bug", None));
            assert_eq!(found, list);
        }
    }
}
