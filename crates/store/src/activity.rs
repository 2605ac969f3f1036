//! Who changed what (tickets.md 12.2, conventions.md 10).

use crate::statements::statements;
use crate::{Conn, FromRow, Result, Row, params};
use model::conversations::UserView;
use model::pagination::Page;
use model::{ProjectId, Timestamp, UserId};
use uuid::Uuid;

macro_rules! list {
    ($condition:literal, $limit:literal) => {
        concat!(
            "SELECT activity.id, activity.scope, activity.item_id, activity.activity, activity.detail, \
               activity.client, activity.created_at, activity.user_id, \
               users.id, users.uuid, users.distinct_id, users.first_name, users.last_name, users.email \
             FROM activity LEFT JOIN users ON users.id = activity.user_id \
             WHERE activity.project_id = ?1",
            $condition,
            " ORDER BY activity.created_at DESC, activity.id DESC ",
            $limit
        )
    };
}

macro_rules! count {
    ($condition:literal) => {
        concat!(
            "SELECT count(*) FROM activity WHERE activity.project_id = ?1",
            $condition
        )
    };
}

// One statement for each way to narrow the list, so that each walks over an index in the list's order.
statements! {
    INSERT = "INSERT INTO activity (project_id, id, scope, item_id, activity, user_id, detail, client, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    LIST = list!("", "LIMIT ?2 OFFSET ?3");
    COUNT = count!("");
    /// The whole log but for some rows: not by the index of single things, which is in another order.
    LIST_OF_TICKETS = list!(" AND activity.scope || '' = 'Ticket'", "LIMIT ?2 OFFSET ?3");
    LIST_OF_SCOPE = list!(" AND activity.scope = ?2 AND activity.scope <> 'Ticket'", "LIMIT ?3 OFFSET ?4");
    COUNT_OF_SCOPE = count!(" AND activity.scope = ?2");
    LIST_OF_USER = list!(" AND activity.user_id = ?2", "LIMIT ?3 OFFSET ?4");
    COUNT_OF_USER = count!(" AND activity.user_id = ?2");
    LIST_OF_SCOPE_AND_USER = list!(" AND activity.scope = ?2 AND activity.user_id = ?3", "LIMIT ?4 OFFSET ?5");
    COUNT_OF_SCOPE_AND_USER = count!(" AND activity.scope = ?2 AND activity.user_id = ?3");
    LIST_OF_ITEM = list!(
        " AND activity.scope = ?2 AND activity.item_id = ?3 \
         AND (CAST(?4 AS BIGINT) IS NULL OR activity.user_id = ?4)",
        "LIMIT ?5 OFFSET ?6"
    );
    COUNT_OF_ITEM = count!(
        " AND activity.scope = ?2 AND activity.item_id = ?3 \
         AND (CAST(?4 AS BIGINT) IS NULL OR activity.user_id = ?4)"
    );
}

/// The kind of thing that nearly all changes are of; the statements and an index name it.
const TICKETS: &str = "Ticket";

/// What a list of changes is narrowed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityFilters {
    /// Only changes of one kind of thing, and perhaps of one such thing.
    pub of: Option<(String, Option<String>)>,
    /// Only those by this person.
    pub by: Option<UserId>,
}

/// A change that is about to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewActivity {
    /// Time-ordered.
    pub id: Uuid,
    /// The kind of thing that was changed, `Ticket` or `Project`.
    pub scope: &'static str,
    /// Which one.
    pub item_id: String,
    /// What was done to it, such as `updated`.
    pub activity: &'static str,
    /// Who did it; none for the system, the customer and other programs.
    pub user_id: Option<UserId>,
    /// `{"name", "changes", "trigger"?}`, as text.
    pub detail: String,
    /// What the client calls itself.
    pub client: Option<String>,
}

/// A recorded change.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Time-ordered.
    pub id: Uuid,
    /// The kind of thing that was changed.
    pub scope: String,
    /// Which one.
    pub item_id: String,
    /// What was done to it.
    pub activity: String,
    /// A JSON object, as text.
    pub detail: String,
    /// What the client calls itself.
    pub client: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// Who did it.
    pub user: Option<UserView>,
}

impl FromRow for Activity {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            scope: row.get()?,
            item_id: row.get()?,
            activity: row.get()?,
            detail: row.get()?,
            client: row.get()?,
            created_at: row.get()?,
            user: user(row)?,
        })
    }
}

/// The columns of a person, which are all null when there is none.
fn user(row: &mut Row<'_>) -> Result<Option<UserView>> {
    if row.get::<Option<i64>>()?.is_some() {
        return UserView::from_row(row).map(Some);
    }
    row.get::<Option<i64>>()?;
    row.get::<Option<Uuid>>()?;
    for _ in ["distinct_id", "first_name", "last_name", "email"] {
        row.get::<Option<String>>()?;
    }
    Ok(None)
}

/// Records a change.
///
/// # Errors
/// When the store fails.
pub async fn append(c: &Conn, project: ProjectId, new: &NewActivity, now: Timestamp) -> Result<()> {
    let values = params![
        project,
        new.id,
        new.scope,
        &new.item_id,
        new.activity,
        new.user_id,
        &new.detail,
        &new.client,
        now
    ];
    c.exec_one(INSERT, values).await
}

/// One page of what was done in a project, newest first, and how much there is on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(
    c: &Conn,
    project: ProjectId,
    filters: &ActivityFilters,
    page: Page,
) -> Result<(Vec<Activity>, i64)> {
    let Page { limit, offset } = page;
    match (&filters.of, filters.by) {
        (None, None) => {
            let count = c.one(COUNT, params![project]).await?;
            let values = params![project, limit, offset];
            Ok((c.all(LIST, values).await?, count))
        }
        (None, Some(user)) => {
            let count = c.one(COUNT_OF_USER, params![project, user]).await?;
            let values = params![project, user, limit, offset];
            Ok((c.all(LIST_OF_USER, values).await?, count))
        }
        (Some((scope, None)), None) => {
            let count = c.one(COUNT_OF_SCOPE, params![project, scope]).await?;
            let page = match scope.as_str() {
                TICKETS => {
                    let values = params![project, limit, offset];
                    c.all(LIST_OF_TICKETS, values).await?
                }
                _ => {
                    let values = params![project, scope, limit, offset];
                    c.all(LIST_OF_SCOPE, values).await?
                }
            };
            Ok((page, count))
        }
        (Some((scope, None)), Some(user)) => {
            let values = params![project, scope, user];
            let count = c.one(COUNT_OF_SCOPE_AND_USER, values).await?;
            let values = params![project, scope, user, limit, offset];
            Ok((c.all(LIST_OF_SCOPE_AND_USER, values).await?, count))
        }
        (Some((scope, Some(item))), user) => {
            let values = params![project, scope, item, user];
            let count = c.one(COUNT_OF_ITEM, values).await?;
            let values = params![project, scope, item, user, limit, offset];
            Ok((c.all(LIST_OF_ITEM, values).await?, count))
        }
    }
}
