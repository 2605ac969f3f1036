//! The register of SQL statements: what lets one test prepare all of them on both engines.

use crate::Engine;

/// One registered statement.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// The constant's name.
    pub name: &'static str,
    /// The text, in the common subset (see [`Conn`](crate::Conn)).
    pub sql: &'static str,
    /// The only engine it is for; `None` is both, and the rule.
    pub only: Option<Engine>,
}

/// Declares a module's statements: a `pub(crate)` constant for each, and `ALL`, which lists them for the
/// register in `statements.rs`.
///
/// ```ignore
/// statements! {
///     /// Why it looks the way it does.
///     FIND = "SELECT id, name FROM project WHERE id = ?1";
///     SEARCH_LITE [sqlite] = "…";
///     SEARCH_PG [postgres] = "…";
/// }
/// ```
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident $([$engine:ident])? = $sql:expr;)*) => {
        $($(#[$meta])* pub(crate) const $name: &str = $sql;)*

        /// Every statement of this module.
        pub(crate) const ALL: &[$crate::statements::Statement] = &[$(
            $crate::statements::Statement {
                name: stringify!($name),
                sql: $name,
                only: $crate::statements::only!($($engine)?),
            },
        )*];
    };
}

macro_rules! only {
    () => {
        None
    };
    (sqlite) => {
        Some($crate::Engine::Sqlite)
    };
    (postgres) => {
        Some($crate::Engine::Postgres)
    };
}

pub(crate) use {only, statements};

/// Every module's statements, by module. A new module of queries adds its line here.
pub const STATEMENTS: &[(&str, &[Statement])] = &[
    ("activity", crate::activity::ALL),
    ("approvals", crate::approvals::ALL),
    ("articles", crate::articles::ALL),
    ("articles/search", crate::articles::SEARCH),
    ("availability", crate::availability::ALL),
    ("check", crate::check::ALL),
    ("check::invariants", crate::check::INVARIANTS),
    ("comments", crate::comments::ALL),
    ("conversations", crate::conversations::ALL),
    ("drafts", crate::drafts::ALL),
    ("erasure", crate::erasure::ALL),
    ("events", crate::events::ALL),
    ("frames", crate::frames::ALL),
    ("guidance", crate::guidance::ALL),
    ("idempotency", crate::idempotency::ALL),
    ("invites", crate::invites::ALL),
    ("keys", crate::keys::ALL),
    ("macros", crate::macros::ALL),
    ("media", crate::media::ALL),
    ("messages", crate::messages::ALL),
    ("organizations", crate::organizations::ALL),
    ("outbox", crate::outbox::ALL),
    ("persons", crate::persons::ALL),
    ("persons/write", crate::persons::WRITE),
    ("project_keys", crate::project_keys::ALL),
    ("projects", crate::projects::ALL),
    ("queue", crate::queue::ALL),
    ("restore", crate::restore::ALL),
    ("roles", crate::roles::ALL),
    ("sessions", crate::sessions::ALL),
    ("store", crate::store::ALL),
    ("tickets/background", crate::tickets::background::ALL),
    ("tickets/list", crate::tickets::list::ALL),
    ("tickets/list/found", crate::tickets::list::FOUND),
    ("tickets/lists", crate::tickets::list::LISTS),
    ("tickets/merge", crate::tickets::merge::ALL),
    ("tickets/messages", crate::tickets::messages::ALL),
    ("tickets/reply_jobs", crate::tickets::reply_jobs::ALL),
    ("tickets/rows", crate::tickets::rows::ALL),
    ("tickets/tags", crate::tickets::tags::ALL),
    ("tickets/solved", crate::tickets::solved::ALL),
    ("tickets/statistics", crate::tickets::statistics::ALL),
    ("tickets/totals", crate::tickets::totals::ALL),
    ("tickets/visitors", crate::tickets::visitors::ALL),
    ("transfer/export", crate::transfer::EXPORT),
    ("transfer/import", crate::transfer::IMPORT),
    ("turns", crate::turns::ALL),
    ("users", crate::users::ALL),
    ("views", crate::views::ALL),
];
