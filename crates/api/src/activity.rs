//! `GET /api/projects/:id/activity_log/`: who changed what (tickets.md 12.2, conventions.md 10). Of tickets, and of the
//! project itself: its settings and secrets.

use crate::openapi::CommonErrors;
use crate::people::{self, Named};
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::pagination::Bounds;
use model::scopes::{Scope, Verb};
use model::{Code, FieldError, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use store::activity::{self, Activity, ActivityFilters};
use utoipa::ToSchema;
use uuid::Uuid;

const PAGE: Bounds = Bounds {
    default: 100,
    max: Some(1000),
};

/// What a log is kept of.
const TICKET: &str = "Ticket";
const PROJECT: &str = "Project";

pub(crate) fn routes() -> Routes {
    Routes::new().add::<__path_list, _, _>(Access::read("ticket"), list)
}

/// A change.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivityLogEntry)]
struct ActivityView {
    id: Uuid,
    /// The kind of thing that was changed.
    scope: String,
    /// Which one.
    item_id: String,
    /// What was done to it, such as `updated`, `assigned` or `secret_revealed`.
    activity: String,
    /// Who did it; null for the system, a customer or another program.
    #[schema(value_type = Option<Object>)]
    user: Option<UserView>,
    /// `name` of the thing, and the `changes`: each with `field`, `action`, `before` and `after`.
    #[schema(value_type = Object)]
    detail: Box<RawValue>,
    /// What the client that did it calls itself.
    client: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl TryFrom<Activity> for ActivityView {
    type Error = store::Error;

    fn try_from(activity: Activity) -> Result<Self, store::Error> {
        let detail = RawValue::from_string(activity.detail)
            .map_err(|_| store::Error::Corrupt("activity.detail is no JSON".to_owned()))?;
        Ok(Self {
            id: activity.id,
            scope: activity.scope,
            item_id: activity.item_id,
            activity: activity.activity,
            user: activity.user,
            detail,
            client: activity.client,
            created_at: activity.created_at,
        })
    }
}

/// A page of changes.
#[derive(ToSchema)]
#[schema(as = PaginatedActivityLog)]
#[expect(dead_code, reason = "describes model::pagination::Paginated")]
struct ActivityList {
    count: i64,
    #[schema(format = "uri")]
    next: Option<String>,
    #[schema(format = "uri")]
    previous: Option<String>,
    results: Vec<ActivityView>,
}

/// List who changed what
///
/// Newest first: everything, or what was done to one kind of thing, to one thing, or by one person. What was done to the
/// project itself is told to keys with `project:read`.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/activity_log/",
    operation_id = "activity_log_list",
    tag = "activity log",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("scope" = Option<String>, Query, description = "The kind of thing: `Ticket`, or `Project` for settings and secrets."),
        ("item_id" = Option<String>, Query, description = "Which one, with `scope`: the ticket's UUID."),
        ("user" = Option<String>, Query, description = "Who did it: number or UUID of a person."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Changes to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of changes.", body = ActivityList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let of = what(&call)?;
    let who = who(&call)?;
    let page = call.page(PAGE);
    let (found, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let by = match who {
                    None => None,
                    Some(named) => match people::find(c, named).await? {
                        Some(user) => Some(user.id),
                        None => return Ok((Vec::new(), 0)),
                    },
                };
                activity::list(c, project, &ActivityFilters { of, by }, page).await
            })
        })
        .await
        .map_err(ApiError::from)?;
    let views = found
        .into_iter()
        .map(ActivityView::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Of what the log is asked for, within what the caller may read.
fn what(call: &Call) -> Result<Option<(String, Option<String>)>, ApiError> {
    let parameter = |name: &str| call.query.text(name).filter(|text| !text.is_empty());
    let (scope, item_id) = (parameter("scope"), parameter("item_id"));
    let needed = Scope {
        object: "project",
        verb: Verb::Read,
    };
    let key = call.caller.key.as_ref();
    let may_read_project = key.is_none_or(|key| key.scopes.allow(needed));
    match scope.as_deref() {
        None if item_id.is_some() => Err(FieldError::plain("scope", Code::Required).into()),
        None if may_read_project => Ok(None),
        None => Ok(Some((TICKET.to_owned(), None))),
        Some(PROJECT) if !may_read_project => {
            let detail = format!("API key missing required scope '{needed}'");
            Err(ApiError::permission_denied(detail))
        }
        // Ids are stored in lower case with dashes; one of another form names the same thing.
        Some(scope @ (TICKET | PROJECT)) => {
            let id = item_id.map(|text| match model::fields::UuidKind::parse(&text) {
                Some(id) => id.to_string(),
                None => text.replace('\0', ""),
            });
            Ok(Some((scope.to_owned(), id)))
        }
        Some(other) => {
            let shown: String = other.chars().take(200).collect();
            let detail = format!("\"{shown}\" is not a valid choice.");
            Err(FieldError::at("scope", Code::InvalidChoice, detail).into())
        }
    }
}

/// By whom.
fn who(call: &Call) -> Result<Option<Named>, FieldError> {
    let Some(text) = call.query.text("user").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let named = Named::parse(&text).ok_or_else(|| {
        let detail = "Must be the number or the UUID of a person.";
        FieldError::at("user", Code::InvalidInput, detail)
    });
    named.map(Some)
}
