//! The list of tickets: filters, orders, search and counts (tickets.md 3).
//!
//! One condition text serves every combination of filters: a filter that is not asked for is a null parameter. That
//! alone would walk the project in list order, which is right for the first page of a common filter. So each
//! statement also comes with a *driver*: one of the asked filters once more, written so that its index is used.

use super::rows::ticket_columns;
use super::totals::{Tally, TicketCount};
use crate::statements::{Statement, statements};
use crate::{Conn, Engine, Result, Value, params};
use model::pagination::Page;
use model::tickets::{Assignee, Filters, Order, OrderColumn, Search, Ticket};
use model::{OrganizationId, ProjectId, RoleId, TicketId, UserId};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Display;

/// The elements of a JSON array of texts, as rows with the column `value`.
macro_rules! elements {
    (sqlite, $parameter:literal) => {
        concat!("json_each(", $parameter, ")")
    };
    (postgres, $parameter:literal) => {
        concat!(
            "json_array_elements_text(CAST(CAST(",
            $parameter,
            " AS TEXT) AS JSON))"
        )
    };
}

macro_rules! texts {
    ($engine:ident, $parameter:literal) => {
        concat!("(SELECT value FROM ", elements!($engine, $parameter), ")")
    };
}

/// UUIDs come as 32 hexadecimal digits.
macro_rules! uuids {
    (sqlite, $parameter:literal) => {
        concat!(
            "(SELECT unhex(value) FROM ",
            elements!(sqlite, $parameter),
            ")"
        )
    };
    (postgres, $parameter:literal) => {
        concat!(
            "(SELECT CAST(value AS UUID) FROM ",
            elements!(postgres, $parameter),
            ")"
        )
    };
}

macro_rules! integers {
    (sqlite, $parameter:literal) => {
        concat!(
            "(SELECT CAST(value AS INTEGER) FROM ",
            elements!(sqlite, $parameter),
            ")"
        )
    };
    (postgres, $parameter:literal) => {
        concat!(
            "(SELECT CAST(value AS BIGINT) FROM ",
            elements!(postgres, $parameter),
            ")"
        )
    };
}

macro_rules! any_of {
    ($engine:ident, $column:literal, $parameter:literal) => {
        concat!(
            " AND (CAST(",
            $parameter,
            " AS TEXT) IS NULL OR ",
            $column,
            " IN ",
            texts!($engine, $parameter),
            ")"
        )
    };
}

macro_rules! tagged {
    ($rest:expr) => {
        concat!(
            "(SELECT 1 FROM ticket_tag g WHERE g.project_id = t.project_id AND g.ticket_id = t.id AND g.name ",
            $rest,
            ")"
        )
    };
}

macro_rules! conditions {
    ($engine:ident) => {
        concat!(
            " FROM ticket t WHERE t.project_id = ?1 AND t.deleted_at IS NULL",
            any_of!($engine, "t.status", "?2"),
            any_of!($engine, "t.priority", "?3"),
            " AND (CAST(?4 AS TEXT) IS NULL OR t.channel_source = ?4)",
            " AND (CAST(?5 AS TEXT) IS NULL OR t.channel_detail = ?5)",
            any_of!($engine, "t.assignee", "?6"),
            " AND (CAST(?7 AS BIGINT) IS NULL OR t.updated_at >= ?7)",
            " AND (CAST(?8 AS BIGINT) IS NULL OR t.updated_at <= ?8)",
            " AND ((CAST(?9 AS TEXT) IS NULL AND CAST(?10 AS TEXT) IS NULL) OR t.distinct_id IN ",
            texts!($engine, "?9"),
            " OR t.email_from IN ",
            texts!($engine, "?10"),
            ") AND (CAST(?11 AS TEXT) IS NULL OR t.id IN ",
            uuids!($engine, "?11"),
            ") AND (CAST(?12 AS BIGINT) IS NULL OR t.number = ?12)",
            " AND (CAST(?13 AS BIGINT) IS NULL OR t.sla_due_at >= ?13)",
            " AND (CAST(?14 AS BIGINT) IS NULL OR t.sla_due_at <= ?14)",
            " AND (CAST(?15 AS BOOLEAN) IS NULL OR (t.snoozed_until IS NOT NULL) = ?15)",
            " AND (CAST(?16 AS TEXT) IS NULL OR EXISTS ",
            tagged!(concat!("IN ", texts!($engine, "?16"))),
            ") AND NOT EXISTS (SELECT 1 FROM ",
            elements!($engine, "?17"),
            " AS wanted WHERE NOT EXISTS ",
            tagged!("= wanted.value"),
            ") AND NOT EXISTS ",
            tagged!(concat!("IN ", texts!($engine, "?18"))),
            any_of!($engine, "t.ai_triage_result", "?19"),
        )
    };
}

macro_rules! found {
    ($from_and_condition:expr) => {
        concat!(
            " AND t.id IN (SELECT s.ticket_id FROM ",
            $from_and_condition,
            " AND s.project_id = ?1)"
        )
    };
}

/// Only tickets that a query names. PostgreSQL does not know how few those are, and would rather look at all tickets;
/// an array makes it begin with them.
macro_rules! named_by {
    (sqlite, $query:expr) => {
        concat!(" AND t.id IN (", $query, ")")
    };
    (postgres, $query:expr) => {
        concat!(" AND t.id = ANY (ARRAY(", $query, "))")
    };
}

/// How the tickets of a list are found.
#[derive(Clone, Copy)]
enum Driver {
    /// In list order.
    All,
    Status,
    Assignee,
    Customers,
    Ids,
    Tags,
    /// By due date.
    Due,
    /// Those that are snoozed.
    Snoozed,
    /// A part of a text, over the index.
    Search,
    /// A part of a text that is too short for the index.
    Scan,
}

const DRIVERS: usize = 10;
const ORDERS: usize = 10;

/// The count, then the pages in each order, of every driver.
type Statements = [[&'static str; ORDERS + 1]; DRIVERS];

macro_rules! page {
    ($engine:ident, $driver:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            ticket_columns!("t."),
            conditions!($engine),
            $driver,
            " ORDER BY ",
            $order,
            $limit
        )
    };
}

macro_rules! driven {
    ($engine:ident, $driver:expr, $limit:literal) => {
        [
            concat!(
                "SELECT count(*), CAST(COALESCE(SUM(t.unread_team_count), 0) AS BIGINT)",
                conditions!($engine),
                $driver
            ),
            page!($engine, $driver, "t.updated_at, t.number DESC", $limit),
            page!($engine, $driver, "t.updated_at DESC, t.number DESC", $limit),
            page!($engine, $driver, "t.created_at, t.number DESC", $limit),
            page!($engine, $driver, "t.created_at DESC, t.number DESC", $limit),
            page!(
                $engine,
                $driver,
                "(t.sla_due_at IS NULL), t.sla_due_at, t.number DESC",
                $limit
            ),
            page!(
                $engine,
                $driver,
                "(t.sla_due_at IS NULL), t.sla_due_at DESC, t.number DESC",
                $limit
            ),
            page!(
                $engine,
                $driver,
                "(t.snoozed_until IS NULL), t.snoozed_until, t.number DESC",
                $limit
            ),
            page!(
                $engine,
                $driver,
                "(t.snoozed_until IS NULL), t.snoozed_until DESC, t.number DESC",
                $limit
            ),
            page!($engine, $driver, "t.number", $limit),
            page!($engine, $driver, "t.number DESC", $limit),
        ]
    };
}

macro_rules! all_drivers {
    ($engine:ident, $search:expr, $scan:expr) => {
        [
            driven!($engine, "", " LIMIT ?20 OFFSET ?21"),
            driven!($engine, " AND t.status = ?20", " LIMIT ?21 OFFSET ?22"),
            driven!($engine, " AND t.assignee = ?20", " LIMIT ?21 OFFSET ?22"),
            driven!(
                $engine,
                named_by!($engine, concat!(
                    "SELECT x.id FROM ticket x WHERE x.project_id = ?1 AND x.deleted_at IS NULL \
                       AND x.distinct_id IN ", texts!($engine, "?9"),
                    " UNION SELECT y.id FROM ticket y WHERE y.project_id = ?1 AND y.deleted_at IS NULL \
                       AND y.email_from IS NOT NULL AND y.email_from IN ", texts!($engine, "?10")
                )),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                concat!(" AND t.id IN ", uuids!($engine, "?11")),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                named_by!($engine, concat!(
                    "SELECT d.ticket_id FROM ticket_tag d WHERE d.project_id = ?1 AND d.name IN ",
                    texts!($engine, "?16")
                )),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                " AND t.sla_due_at IS NOT NULL AND t.sla_due_at >= COALESCE(?13, -9223372036854775807) \
                  AND t.sla_due_at <= COALESCE(?14, 9223372036854775807)",
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!($engine, " AND t.snoozed_until IS NOT NULL", " LIMIT ?20 OFFSET ?21"),
            driven!($engine, found!($search), " LIMIT ?21 OFFSET ?22"),
            driven!($engine, found!($scan), " LIMIT ?21 OFFSET ?22"),
        ]
    };
}

const SQLITE_TEXTS: Statements = all_drivers!(
    sqlite,
    "ticket_search CROSS JOIN ticket_text s ON s.search_id = ticket_search.rowid WHERE ticket_search MATCH ?20",
    "ticket_text s WHERE instr(s.text, ?20) > 0"
);
const POSTGRES_TEXTS: Statements = all_drivers!(
    postgres,
    "ticket_text s WHERE s.text LIKE ?20",
    "ticket_text s WHERE s.text LIKE ?20"
);

static SQLITE: Statements = SQLITE_TEXTS;
static POSTGRES: Statements = POSTGRES_TEXTS;

/// The statements of the list, for the register.
pub(crate) const LISTS: &[Statement] = &registered();

const fn registered() -> [Statement; 2 * DRIVERS * (ORDERS + 1)] {
    const ENGINES: [(Statements, Engine); 2] = [
        (SQLITE_TEXTS, Engine::Sqlite),
        (POSTGRES_TEXTS, Engine::Postgres),
    ];
    let mut all = [Statement {
        name: "LIST",
        sql: "",
        only: None,
    }; 2 * DRIVERS * (ORDERS + 1)];
    let mut next = 0;
    while next < all.len() {
        let (engine, rest) = (next % 2, next / 2);
        all[next].sql = ENGINES[engine].0[rest / (ORDERS + 1)][rest % (ORDERS + 1)];
        all[next].only = Some(ENGINES[engine].1);
        next += 1;
    }
    all
}

statements! {
    USERS_SQLITE [sqlite] = concat!("SELECT id, email FROM users WHERE id IN ", integers!(sqlite, "?1"));
    USERS_POSTGRES [postgres] = concat!("SELECT id, email FROM users WHERE id IN ", integers!(postgres, "?1"));
    ROLES_SQLITE [sqlite] =
        concat!("SELECT id, name FROM role WHERE organization_id = ?1 AND id IN ", uuids!(sqlite, "?2"));
    ROLES_POSTGRES [postgres] =
        concat!("SELECT id, name FROM role WHERE organization_id = ?1 AND id IN ", uuids!(postgres, "?2"));
    MERGED_SQLITE [sqlite] = concat!(
        "SELECT merged_into_id, id, number FROM ticket WHERE project_id = ?1 AND deleted_at IS NULL \
           AND merged_into_id IS NOT NULL AND merged_into_id IN ", uuids!(sqlite, "?2"), " ORDER BY number"
    );
    MERGED_POSTGRES [postgres] = concat!(
        "SELECT merged_into_id, id, number FROM ticket WHERE project_id = ?1 AND deleted_at IS NULL \
           AND merged_into_id IS NOT NULL AND merged_into_id IN ", uuids!(postgres, "?2"), " ORDER BY number"
    );
}

/// One page of the tickets that fit the filters, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    filters: &Filters,
    order: Order,
    page: Page,
) -> Result<(Vec<Ticket>, i64)> {
    let query = Query::new(c.engine(), filters);
    let count = query.count(c, project, filters).await?.tickets;
    if count == 0 {
        return Ok((Vec::new(), 0));
    }
    let mut values = query.values(project, filters);
    values.extend([Value::from(page.limit), Value::from(page.offset)]);
    let statement = query.statements[order_index(order)];
    Ok((c.all(statement, &values).await?, count))
}

/// How many tickets fit the filters, and how much of them is unread. By status, priority, assignee and channel alone
/// that is a sum of counters; else it is counted over the narrowest index.
///
/// # Errors
/// When the store fails.
pub async fn count(c: &Conn, project: ProjectId, filters: &Filters) -> Result<TicketCount> {
    Query::new(c.engine(), filters)
        .count(c, project, filters)
        .await
}

/// [`count`] for several badges at once: one look at the counters, and at most one query for each of those that the
/// counters do not know.
///
/// # Errors
/// When the store fails.
pub async fn count_many(
    c: &Conn,
    project: ProjectId,
    badges: &[Filters],
) -> Result<Vec<TicketCount>> {
    let tally = Tally::read(c, project).await?;
    let mut counts = Vec::with_capacity(badges.len());
    for filters in badges {
        counts.push(match filters.is_by_tally() {
            true => tally.count(filters),
            false => count(c, project, filters).await?,
        });
    }
    Ok(counts)
}

/// Where the statement for an order stands; the count is at 0.
fn order_index(order: Order) -> usize {
    let column = match order.column {
        OrderColumn::UpdatedAt => 1,
        OrderColumn::CreatedAt => 3,
        OrderColumn::SlaDueAt => 5,
        OrderColumn::SnoozedUntil => 7,
        OrderColumn::TicketNumber => 9,
    };
    column + usize::from(order.is_descending)
}

/// The filters as the statements take them.
struct Query {
    statements: &'static [&'static str; ORDERS + 1],
    driver: Option<String>,
    statuses: Option<String>,
    priorities: Option<String>,
    assignees: Option<String>,
    distinct_ids: Option<String>,
    emails: Option<String>,
    ids: Option<String>,
    number: Option<i64>,
    tags: Option<String>,
    tags_all: Option<String>,
    tags_exclude: Option<String>,
    triage_results: Option<String>,
}

impl Query {
    fn new(engine: Engine, filters: &Filters) -> Self {
        let assignees: Vec<String> = filters.assignees.iter().map(assignee_word).collect();
        let (driver, value) = driver(engine, filters, &assignees);
        let statements = match engine {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
        };
        let number = match filters.search {
            Some(Search::Number(number)) => Some(number),
            _ => None,
        };
        Self {
            statements: &statements[driver as usize],
            driver: value,
            statuses: list_of(filters.statuses.iter().map(|it| it.as_str())),
            priorities: list_of(filters.priorities.iter().map(|it| it.as_str())),
            assignees: list_of(&assignees),
            distinct_ids: list_of(&filters.distinct_ids),
            emails: list_of(&filters.emails),
            ids: list_of(filters.ids.iter().map(|id| id.0.simple())),
            number,
            tags: list_of(&filters.tags),
            tags_all: list_of(&filters.tags_all),
            tags_exclude: list_of(&filters.tags_exclude),
            triage_results: list_of(filters.triage_results.iter().map(|it| it.as_str())),
        }
    }

    fn values<'a>(&'a self, project: ProjectId, filters: &Filters) -> Vec<Value<'a>> {
        let mut values = params![
            project,
            &self.statuses,
            &self.priorities,
            filters.channel_source,
            filters.channel_detail,
            &self.assignees,
            filters.updated_from,
            filters.updated_to,
            &self.distinct_ids,
            &self.emails,
            &self.ids,
            self.number,
            filters.due_from,
            filters.due_to,
            filters.is_snoozed,
            &self.tags,
            &self.tags_all,
            &self.tags_exclude,
            &self.triage_results
        ]
        .to_vec();
        values.extend(self.driver.as_ref().map(Value::from));
        values
    }

    async fn count(&self, c: &Conn, project: ProjectId, filters: &Filters) -> Result<TicketCount> {
        if filters.is_by_tally() {
            return Ok(Tally::read(c, project).await?.count(filters));
        }
        let values = self.values(project, filters);
        let (tickets, unread) = c.one(self.statements[0], &values).await?;
        Ok(TicketCount { tickets, unread })
    }
}

/// The filter that narrows most, as far as one can say without looking.
fn driver(engine: Engine, filters: &Filters, assignees: &[String]) -> (Driver, Option<String>) {
    if !filters.ids.is_empty() && !matches!(filters.search, Some(Search::Text(_))) {
        return (Driver::Ids, None);
    }
    if let Some(Search::Text(text)) = &filters.search {
        let is_indexed = text.chars().count() >= 3;
        return match engine {
            Engine::Sqlite if is_indexed => {
                let phrase = format!("\"{}\"", text.replace('"', "\"\""));
                (Driver::Search, Some(phrase))
            }
            Engine::Sqlite => (Driver::Scan, Some(text.clone())),
            Engine::Postgres => (Driver::Search, Some(format!("%{}%", escaped(text)))),
        };
    }
    if !filters.distinct_ids.is_empty() || !filters.emails.is_empty() {
        return (Driver::Customers, None);
    }
    if filters.is_snoozed == Some(true) {
        return (Driver::Snoozed, None);
    }
    if filters.due_from.is_some() || filters.due_to.is_some() {
        return (Driver::Due, None);
    }
    if let [only] = assignees {
        return (Driver::Assignee, Some(only.clone()));
    }
    if !filters.tags.is_empty() {
        return (Driver::Tags, None);
    }
    if let [only] = filters.statuses.as_slice() {
        return (Driver::Status, Some(only.as_str().to_owned()));
    }
    (Driver::All, None)
}

/// The text without a meaning for `LIKE`.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// As the column `assignee` has it.
pub(super) fn assignee_word(assignee: &Option<Assignee>) -> String {
    assignee.map(|it| it.to_string()).unwrap_or_default()
}

/// A JSON array of texts; `None` for an empty one: no condition.
fn list_of<T: Display>(items: impl IntoIterator<Item = T>) -> Option<String> {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    (!texts.is_empty()).then(|| json!(texts).to_string())
}

/// The addresses of people and the names of roles: two look-ups, however many tickets.
///
/// # Errors
/// When the store fails.
pub async fn names_of_assignees(
    c: &Conn,
    organization: OrganizationId,
    assignees: &[Assignee],
) -> Result<HashMap<Assignee, String>> {
    let mut names = HashMap::new();
    let users = assignees.iter().filter_map(|it| match it {
        Assignee::User(id) => Some(*id),
        Assignee::Role(_) => None,
    });
    if let Some(users) = list_of(users) {
        let statement = match c.engine() {
            Engine::Sqlite => USERS_SQLITE,
            Engine::Postgres => USERS_POSTGRES,
        };
        let found: Vec<(UserId, String)> = c.all(statement, params![&users]).await?;
        names.extend(
            found
                .into_iter()
                .map(|(id, email)| (Assignee::User(id), email)),
        );
    }
    let roles = assignees.iter().filter_map(|it| match it {
        Assignee::Role(id) => Some(id.0.simple()),
        Assignee::User(_) => None,
    });
    if let Some(roles) = list_of(roles) {
        let statement = match c.engine() {
            Engine::Sqlite => ROLES_SQLITE,
            Engine::Postgres => ROLES_POSTGRES,
        };
        let found: Vec<(RoleId, String)> = c.all(statement, params![organization, &roles]).await?;
        names.extend(
            found
                .into_iter()
                .map(|(id, name)| (Assignee::Role(id), name)),
        );
    }
    Ok(names)
}

/// What was merged into each of these tickets: ids and numbers, the lowest number first. One look-up.
///
/// # Errors
/// When the store fails.
pub async fn list_merged_into(
    c: &Conn,
    project: ProjectId,
    tickets: &[TicketId],
) -> Result<HashMap<TicketId, Vec<(TicketId, i64)>>> {
    let mut merged: HashMap<TicketId, Vec<_>> = HashMap::new();
    let Some(ids) = list_of(tickets.iter().map(|id| id.0.simple())) else {
        return Ok(merged);
    };
    let statement = match c.engine() {
        Engine::Sqlite => MERGED_SQLITE,
        Engine::Postgres => MERGED_POSTGRES,
    };
    let found: Vec<(TicketId, TicketId, i64)> = c.all(statement, params![project, &ids]).await?;
    for (into, id, number) in found {
        merged.entry(into).or_default().push((id, number));
    }
    Ok(merged)
}
