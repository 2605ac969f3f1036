//! The list of tickets: filters, orders, search and counts (tickets.md 3).
//!
//! One condition text serves every combination of filters: a filter that is not asked for is a null parameter. That
//! alone would walk the project in list order, which is right for the first page of a common filter. So each
//! statement also comes with a *driver*: one of the asked filters once more, written so that its index is used.

pub(super) mod found;
mod statements;

pub(crate) use found::ALL as FOUND;
pub(crate) use statements::{ALL, LISTS};

use super::totals::{Tally, TicketCount};
use crate::lite::Found;
use crate::{Conn, Engine, Result, Value, params};
use model::pagination::Page;
use model::tickets::{Assignee, Filters, Order, OrderColumn, Search, Ticket};
use model::{OrganizationId, ProjectId, RoleId, TicketId, UserId};
use serde_json::Value as Json;
use statements::{
    COUNT_ALIKE, Driver, MERGED_INTO_ONE, MERGED_POSTGRES, MERGED_SQLITE, ORDERS, POSTGRES,
    ROLES_POSTGRES, ROLES_SQLITE, SORTED, USERS_POSTGRES, USERS_SQLITE, WALKED,
};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

/// So few are sorted without a thought: they may all stand at the end of the list, behind a walk over the whole project.
const FEW: i64 = 1_000;
/// As few of what a text is in. A walk looks each ticket up in the set by its number, which stands in the index of the list, and
/// so costs a fraction of another.
const FEW_FOUND: i64 = 100;

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
    let query = Query::new(c, project, filters).await?;
    let count = query.count_tickets(c, project, filters).await?;
    if count == 0 {
        return Ok((Vec::new(), 0));
    }
    let few = match query.wanted {
        Wanted::Found(_) => FEW_FOUND,
        _ => FEW,
    };
    let is_sorted =
        query.driver_is_narrow && is_sorting_cheaper(c, project, page, count, few).await?;
    let (statements, wanted) = match is_sorted {
        true => (&SORTED[query.driver], query.wanted.listed()?),
        false => (query.statements, query.wanted.tested()?),
    };
    let mut values = query.values(project, filters, &wanted);
    values.extend([Value::from(page.limit), Value::from(page.offset)]);
    Ok((c.all(statements[order_index(order)], &values).await?, count))
}

/// Whether to sort everything that fits, or to walk the project in list order until the page is full.
async fn is_sorting_cheaper(
    c: &Conn,
    project: ProjectId,
    page: Page,
    fitting: i64,
    few: i64,
) -> Result<bool> {
    if c.engine() == Engine::Postgres {
        return Ok(false);
    }
    if fitting <= few {
        return Ok(true);
    }
    let all = Tally::read(c, project)
        .await?
        .count(&Filters::default())
        .tickets;
    let walked = page.offset.saturating_add(page.limit).saturating_mul(all) / fitting;
    Ok(walked > fitting)
}

/// How many tickets fit the filters, and how much of them is unread. By status, priority, assignee and channel alone
/// that is a sum of counters; else it is counted over the narrowest index.
///
/// # Errors
/// When the store fails.
pub async fn count(c: &Conn, project: ProjectId, filters: &Filters) -> Result<TicketCount> {
    if filters.is_by_tally() {
        return Ok(Tally::read(c, project).await?.count(filters));
    }
    let query = Query::new(c, project, filters).await?;
    query.count(c, project, filters).await
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
    /// What counts over all pages: never by a walk where there is something narrower.
    count: &'static str,
    /// Which of the sets of statements that is.
    driver: usize,
    /// The driver finds its tickets by something other than the order of the list.
    driver_is_narrow: bool,
    wanted: Wanted,
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

/// What the driver looks for.
enum Wanted {
    /// What the filters say already.
    Nothing,
    /// A word, or a pattern.
    Word(String),
    /// Tickets that were found before.
    Found(Arc<Found>),
}

/// The same as a parameter.
enum Parameter {
    None,
    Text(String),
    Bytes(Vec<u8>),
}

impl Wanted {
    /// As the statements take it that look up what the driver names.
    fn listed(&self) -> Result<Parameter> {
        Ok(match self {
            Self::Nothing => Parameter::None,
            Self::Word(word) => Parameter::Text(word.clone()),
            Self::Found(found) => Parameter::Text(found.numbers.to_json()?),
        })
    }

    /// As the statements take it that walk in list order, and test each ticket.
    fn tested(&self) -> Result<Parameter> {
        match self {
            Self::Found(found) => Ok(Parameter::Bytes(found.numbers.to_bytes()?)),
            _ => self.listed(),
        }
    }
}

impl Query {
    async fn new(c: &Conn, project: ProjectId, filters: &Filters) -> Result<Self> {
        let assignees: Vec<String> = filters.assignees.iter().map(assignee_word).collect();
        let (driver, wanted) = match (&filters.search, c.engine()) {
            (Some(Search::Text(text)), Engine::Sqlite) => (
                Driver::Search,
                Wanted::Found(found::find(c, project, text).await?),
            ),
            (Some(Search::Text(text)), Engine::Postgres) => {
                (Driver::Search, Wanted::Word(format!("%{}%", escaped(text))))
            }
            _ => driver(filters, &assignees),
        };
        let (pages, counts) = match c.engine() {
            Engine::Sqlite => (&WALKED, &SORTED),
            Engine::Postgres => (&POSTGRES, &POSTGRES),
        };
        let number = match filters.search {
            Some(Search::Number(number)) => Some(number),
            _ => None,
        };
        Ok(Self {
            statements: &pages[driver as usize],
            count: counts[driver as usize][0],
            driver: driver as usize,
            driver_is_narrow: !matches!(driver, Driver::All | Driver::Status | Driver::Assignee),
            wanted,
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
        })
    }

    fn values<'a>(
        &'a self,
        project: ProjectId,
        filters: &Filters,
        wanted: &'a Parameter,
    ) -> Vec<Value<'a>> {
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
        match wanted {
            Parameter::None => (),
            Parameter::Text(text) => values.push(Value::Text(text)),
            Parameter::Bytes(bytes) => values.push(Value::Bytes(bytes)),
        }
        values
    }

    /// Without what is unread, which a search alone would have to look up ticket by ticket.
    async fn count_tickets(&self, c: &Conn, project: ProjectId, filters: &Filters) -> Result<i64> {
        if filters.is_by_tally() {
            return Ok(Tally::read(c, project).await?.count(filters).tickets);
        }
        match &self.wanted {
            Wanted::Found(found) if filters.is_text_alone() => Ok(found.numbers.len()),
            Wanted::Word(pattern) if filters.is_text_alone() => {
                c.one(COUNT_ALIKE, params![project, pattern]).await
            }
            _ => Ok(self.count(c, project, filters).await?.tickets),
        }
    }

    async fn count(&self, c: &Conn, project: ProjectId, filters: &Filters) -> Result<TicketCount> {
        let wanted = self.wanted.listed()?;
        let values = self.values(project, filters, &wanted);
        let (tickets, unread) = c.one(self.count, &values).await?;
        Ok(TicketCount { tickets, unread })
    }
}

/// Of the filters besides a text, which goes first, the one that narrows most, as far as one can say without looking.
fn driver(filters: &Filters, assignees: &[String]) -> (Driver, Wanted) {
    if !filters.ids.is_empty() {
        return (Driver::Ids, Wanted::Nothing);
    }
    if let Some(Search::Number(_)) = &filters.search {
        return (Driver::Number, Wanted::Nothing);
    }
    if !filters.distinct_ids.is_empty() || !filters.emails.is_empty() {
        return (Driver::Customers, Wanted::Nothing);
    }
    if filters.is_snoozed == Some(true) {
        return (Driver::Snoozed, Wanted::Nothing);
    }
    if filters.due_from.is_some() || filters.due_to.is_some() {
        return (Driver::Due, Wanted::Nothing);
    }
    if let [only] = assignees {
        return (Driver::Assignee, Wanted::Word(only.clone()));
    }
    if !filters.tags.is_empty() {
        return (Driver::Tags, Wanted::Nothing);
    }
    if let [only] = filters.statuses.as_slice() {
        return (Driver::Status, Wanted::Word(only.as_str().to_owned()));
    }
    (Driver::All, Wanted::Nothing)
}

/// Whether SQLite's index of texts knows a part of them: it is made of three characters each.
pub(crate) fn is_indexed(part: &str) -> bool {
    part.chars().count() >= 3
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
    (!texts.is_empty()).then(|| Json::from(texts).to_string())
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
    let found: Vec<(TicketId, TicketId, i64)> = match (tickets, c.engine()) {
        ([], _) => return Ok(merged),
        ([only], _) => c.all(MERGED_INTO_ONE, params![project, *only]).await?,
        (_, Engine::Sqlite) => {
            let ids = list_of(tickets.iter().map(|id| id.0.simple()));
            c.all(MERGED_SQLITE, params![project, &ids]).await?
        }
        (_, Engine::Postgres) => {
            let ids = list_of(tickets.iter().map(|id| id.0.simple()));
            c.all(MERGED_POSTGRES, params![project, &ids]).await?
        }
    };
    for (into, id, number) in found {
        merged.entry(into).or_default().push((id, number));
    }
    // Not in the statement: SQLite would read the whole project in the order of its numbers.
    for tickets in merged.values_mut() {
        tickets.sort_by_key(|(_, number)| *number);
    }
    Ok(merged)
}
