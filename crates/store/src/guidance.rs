//! Guidance rules (tickets.md 16.3).

use crate::statements::statements;
use crate::tickets::list::escaped;
use crate::{Conn, FromRow, Result, Row, params};
use model::guidance::{GuidanceRule, RuleType};
use model::pagination::Page;
use model::tickets::fold;
use model::{GuidanceRuleId, ProjectId};

macro_rules! columns {
    () => {
        "project_id, id, rule_type, name, content, is_active, channels, created_by, created_at, updated_at"
    };
}

macro_rules! filtered {
    () => {
        " FROM guidance_rule WHERE project_id = ?1 AND (CAST(?2 AS BOOLEAN) IS NULL OR is_active = ?2) \
           AND (CAST(?3 AS TEXT) IS NULL OR rule_type = ?3) \
           AND (CAST(?4 AS TEXT) IS NULL OR name_search LIKE ?4 ESCAPE '\\')"
    };
}

statements! {
    FIND = concat!("SELECT ", columns!(), " FROM guidance_rule WHERE project_id = ?1 AND id = ?2");
    LOCK = concat!("SELECT ", columns!(), " FROM guidance_rule WHERE project_id = ?1 AND id = ?2 /*lock*/");
    LIST = concat!("SELECT ", columns!(), filtered!(), " ORDER BY created_at DESC, id DESC LIMIT ?5 OFFSET ?6");
    COUNT = concat!("SELECT count(*)", filtered!());
    INSERT = concat!(
        "INSERT INTO guidance_rule (", columns!(), ", name_search) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    UPDATE = "UPDATE guidance_rule SET rule_type = ?3, name = ?4, content = ?5, is_active = ?6, channels = ?7, \
                updated_at = ?8, name_search = ?9 WHERE project_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM guidance_rule WHERE project_id = ?1 AND id = ?2";
}

impl FromRow for GuidanceRule {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            project_id: row.get()?,
            id: row.get()?,
            rule_type: row.parse("guidance_rule.rule_type", RuleType::from_word)?,
            name: row.get()?,
            content: row.get()?,
            is_active: row.get()?,
            channels: row.parse("guidance_rule.channels", |json| {
                serde_json::from_str(json).ok()
            })?,
            created_by: row.get()?,
            created_at: row.get()?,
            updated_at: row.get()?,
        })
    }
}

/// What a list of rules is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct RuleFilters {
    /// Only active ones, or only others.
    pub is_active: Option<bool>,
    /// Only of this type.
    pub rule_type: Option<RuleType>,
    /// Only with this in their name, in any case.
    pub search: Option<String>,
}

/// One rule.
///
/// # Errors
/// When the store fails.
pub async fn find(
    c: &Conn,
    project: ProjectId,
    id: GuidanceRuleId,
) -> Result<Option<GuidanceRule>> {
    c.find(FIND, params![project, id]).await
}

/// One rule, locked until the transaction ends.
///
/// # Errors
/// When the store fails.
pub async fn find_for_update(
    c: &Conn,
    project: ProjectId,
    id: GuidanceRuleId,
) -> Result<Option<GuidanceRule>> {
    c.find(LOCK, params![project, id]).await
}

/// One page of the rules, newest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    filters: &RuleFilters,
    page: Page,
) -> Result<(Vec<GuidanceRule>, i64)> {
    let rule_type = filters.rule_type.map(RuleType::as_str);
    let part = |text: &String| format!("%{}%", escaped(&fold(text)));
    let search = filters.search.as_ref().map(part);
    let values = params![project, filters.is_active, rule_type, &search];
    let count = c.one(COUNT, values).await?;
    let values = params![
        project,
        filters.is_active,
        rule_type,
        &search,
        page.limit,
        page.offset
    ];
    Ok((c.all(LIST, values).await?, count))
}

/// Adds a rule.
///
/// # Errors
/// When the store fails.
pub async fn create(c: &Conn, rule: &GuidanceRule) -> Result<()> {
    let name_search = fold(&rule.name);
    let channels = serde_json::json!(rule.channels).to_string();
    let values = params![
        rule.project_id,
        rule.id,
        rule.rule_type.as_str(),
        &rule.name,
        &rule.content,
        rule.is_active,
        &channels,
        rule.created_by,
        rule.created_at,
        rule.updated_at,
        &name_search
    ];
    c.exec_one(INSERT, values).await
}

/// Writes back a changed rule.
///
/// # Errors
/// When the store fails.
pub async fn update(c: &Conn, rule: &GuidanceRule) -> Result<()> {
    let name_search = fold(&rule.name);
    let channels = serde_json::json!(rule.channels).to_string();
    let values = params![
        rule.project_id,
        rule.id,
        rule.rule_type.as_str(),
        &rule.name,
        &rule.content,
        rule.is_active,
        &channels,
        rule.updated_at,
        &name_search
    ];
    c.exec_one(UPDATE, values).await
}

/// Removes a rule for good.
///
/// # Errors
/// [`Error::NoRow`](crate::Error::NoRow) when there is none.
pub async fn delete(c: &Conn, project: ProjectId, id: GuidanceRuleId) -> Result<()> {
    c.exec_one(DELETE, params![project, id]).await
}
