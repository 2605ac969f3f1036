//! The statements of the list: one text of conditions, and the drivers and orders it is combined with.

use crate::Engine;
use crate::statements::{Statement, statements};
use crate::tickets::rows::ticket_columns;

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
            ") AND (CAST(?17 AS TEXT) IS NULL OR NOT EXISTS (SELECT 1 FROM ",
            elements!($engine, "?17"),
            " AS wanted WHERE NOT EXISTS ",
            tagged!("= wanted.value"),
            ")) AND (CAST(?18 AS TEXT) IS NULL OR NOT EXISTS ",
            tagged!(concat!("IN ", texts!($engine, "?18"))),
            ")",
            any_of!($engine, "t.ai_triage_result", "?19"),
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
pub(super) enum Driver {
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
    Number,
    /// A part of a text.
    Search,
}

const DRIVERS: usize = 10;
pub(super) const ORDERS: usize = 10;

/// The count, then the pages in each order, of every driver.
pub(super) type Statements = [[&'static str; ORDERS + 1]; DRIVERS];

macro_rules! page {
    ($engine:ident, $driver:expr, $limit:literal, $($order:expr),+) => {
        concat!(
            "SELECT ",
            ticket_columns!("t."),
            conditions!($engine),
            $driver,
            " ORDER BY ",
            $($order,)+
            $limit
        )
    };
}

/// `$by` stands before the column that a list is ordered by first. A `+` there keeps SQLite from walking an index in
/// list order: the tickets that the driver finds are then looked up and sorted.
macro_rules! driven {
    ($engine:ident, $by:literal, $driver:expr, $limit:literal) => {
        [
            concat!(
                "SELECT count(*), CAST(COALESCE(SUM(t.unread_team_count), 0) AS BIGINT)",
                conditions!($engine),
                $driver
            ),
            page!($engine, $driver, $limit, $by, "t.updated_at, t.number DESC"),
            page!(
                $engine,
                $driver,
                $limit,
                $by,
                "t.updated_at DESC, t.number DESC"
            ),
            page!($engine, $driver, $limit, $by, "t.created_at, t.number DESC"),
            page!(
                $engine,
                $driver,
                $limit,
                $by,
                "t.created_at DESC, t.number DESC"
            ),
            page!(
                $engine,
                $driver,
                $limit,
                "(",
                $by,
                "t.sla_due_at IS NULL), t.sla_due_at, t.number DESC"
            ),
            page!(
                $engine,
                $driver,
                $limit,
                "(",
                $by,
                "t.sla_due_at IS NULL), t.sla_due_at DESC, t.number DESC"
            ),
            page!(
                $engine,
                $driver,
                $limit,
                "(",
                $by,
                "t.snoozed_until IS NULL), t.snoozed_until, t.number DESC"
            ),
            page!(
                $engine,
                $driver,
                $limit,
                "(",
                $by,
                "t.snoozed_until IS NULL), t.snoozed_until DESC, t.number DESC"
            ),
            page!($engine, $driver, $limit, $by, "t.number"),
            page!($engine, $driver, $limit, $by, "t.number DESC"),
        ]
    };
}

macro_rules! all_drivers {
    ($engine:ident, $by:literal, $search:expr) => {
        [
            driven!($engine, $by, "", " LIMIT ?20 OFFSET ?21"),
            driven!($engine, $by, " AND t.status = ?20", " LIMIT ?21 OFFSET ?22"),
            driven!($engine, $by, " AND t.assignee = ?20", " LIMIT ?21 OFFSET ?22"),
            driven!(
                $engine,
                $by,
                named_by!($engine, concat!(
                    // Joined from the wanted side: of a list behind IN, SQLite may think it too long for the index.
                    "SELECT x.id FROM ", elements!($engine, "?9"), " AS wanted CROSS JOIN ticket x \
                       WHERE x.project_id = ?1 AND x.deleted_at IS NULL AND x.distinct_id = wanted.value \
                     UNION SELECT y.id FROM ", elements!($engine, "?10"), " AS wanted CROSS JOIN ticket y \
                       WHERE y.project_id = ?1 AND y.deleted_at IS NULL AND y.email_from IS NOT NULL \
                         AND y.email_from = wanted.value"
                )),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                $by,
                concat!(" AND t.id IN ", uuids!($engine, "?11")),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                $by,
                named_by!($engine, concat!(
                    "SELECT d.ticket_id FROM ticket_tag d WHERE d.project_id = ?1 AND d.name IN ",
                    texts!($engine, "?16")
                )),
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!(
                $engine,
                $by,
                " AND t.sla_due_at IS NOT NULL AND t.sla_due_at >= COALESCE(?13, -9223372036854775807) \
                  AND t.sla_due_at <= COALESCE(?14, 9223372036854775807)",
                " LIMIT ?20 OFFSET ?21"
            ),
            driven!($engine, $by, " AND t.snoozed_until IS NOT NULL", " LIMIT ?20 OFFSET ?21"),
            driven!($engine, $by, " AND t.number = COALESCE(?12, -1)", " LIMIT ?20 OFFSET ?21"),
            driven!($engine, $by, $search, " LIMIT ?21 OFFSET ?22"),
        ]
    };
}

/// Those of a set of numbers, each looked up in it.
macro_rules! among {
    () => {
        " AND among(t.number, ?20)"
    };
}

/// Those of a list of numbers.
macro_rules! numbered {
    () => {
        " AND t.number IN (SELECT value FROM json_each(?20))"
    };
}

/// Those that have a part in one of their texts, on PostgreSQL, whose index knows parts of any length or is not there.
macro_rules! alike {
    () => {
        " AND t.id IN (SELECT s.ticket_id FROM ticket_text s WHERE s.text LIKE ?20 AND s.project_id = ?1)"
    };
}

const SQLITE_WALKED: Statements = all_drivers!(sqlite, "", among!());
const SQLITE_SORTED: Statements = all_drivers!(sqlite, "+", numbered!());
const POSTGRES_TEXTS: Statements = all_drivers!(postgres, "", alike!());

/// Pages in list order, until enough tickets fit: right for filters that many fit. PostgreSQL decides by itself.
pub(super) static WALKED: Statements = SQLITE_WALKED;
/// What fits, sorted: right for filters that few fit.
pub(super) static SORTED: Statements = SQLITE_SORTED;
pub(super) static POSTGRES: Statements = POSTGRES_TEXTS;

/// The statements of the list, for the register.
pub(crate) const LISTS: &[Statement] = &registered();

const SETS: [(Statements, Engine); 3] = [
    (SQLITE_WALKED, Engine::Sqlite),
    (SQLITE_SORTED, Engine::Sqlite),
    (POSTGRES_TEXTS, Engine::Postgres),
];

const fn registered() -> [Statement; SETS.len() * DRIVERS * (ORDERS + 1)] {
    let mut all = [Statement {
        name: "LIST",
        sql: "",
        only: None,
    }; SETS.len() * DRIVERS * (ORDERS + 1)];
    let mut next = 0;
    while next < all.len() {
        let (set, rest) = (next % SETS.len(), next / SETS.len());
        all[next].sql = SETS[set].0[rest / (ORDERS + 1)][rest % (ORDERS + 1)];
        all[next].only = Some(SETS[set].1);
        next += 1;
    }
    all
}

statements! {
    /// How many tickets have a part in one of their texts. Texts are of tickets that are not deleted, so no ticket is looked at.
    COUNT_ALIKE [postgres] =
        "SELECT count(DISTINCT ticket_id) FROM ticket_text WHERE text LIKE ?2 AND project_id = ?1";
    USERS_SQLITE [sqlite] = concat!("SELECT id, email FROM users WHERE id IN ", integers!(sqlite, "?1"));
    USERS_POSTGRES [postgres] = concat!("SELECT id, email FROM users WHERE id IN ", integers!(postgres, "?1"));
    ROLES_SQLITE [sqlite] =
        concat!("SELECT id, name FROM role WHERE organization_id = ?1 AND id IN ", uuids!(sqlite, "?2"));
    ROLES_POSTGRES [postgres] =
        concat!("SELECT id, name FROM role WHERE organization_id = ?1 AND id IN ", uuids!(postgres, "?2"));
    MERGED_INTO_ONE = "SELECT merged_into_id, id, number FROM ticket \
                       WHERE project_id = ?1 AND deleted_at IS NULL AND merged_into_id = ?2";
    /// Begins with the question whether anything was merged at all, as most projects never do it.
    MERGED_SQLITE [sqlite] = concat!(
        "SELECT t.merged_into_id, t.id, t.number \
         FROM (SELECT 1 FROM ticket WHERE project_id = ?1 AND merged_into_id IS NOT NULL LIMIT 1) \
           CROSS JOIN ", elements!(sqlite, "?2"), " AS wanted CROSS JOIN ticket t \
         WHERE t.project_id = ?1 AND t.deleted_at IS NULL AND t.merged_into_id IS NOT NULL \
           AND t.merged_into_id = unhex(wanted.value)"
    );
    MERGED_POSTGRES [postgres] = concat!(
        "SELECT merged_into_id, id, number FROM ticket WHERE project_id = ?1 AND deleted_at IS NULL \
           AND merged_into_id IS NOT NULL AND merged_into_id IN ", uuids!(postgres, "?2")
    );
}
