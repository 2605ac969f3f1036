//! `GET /api/projects/:id/activity_log/`: who changed what (tickets.md 12.2, conventions.md 10).

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::conversations::UserView;
use model::pagination::Bounds;
use model::{Code, FieldError, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use store::activity::{self, Activity};
use utoipa::ToSchema;
use uuid::Uuid;

const PAGE: Bounds = Bounds {
    default: 100,
    max: Some(1000),
};

/// What a log is kept of.
const SCOPES: &[&str] = &["Ticket"];

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
    /// What was done to it, such as `updated` or `assigned`.
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

/// List what was done to a ticket
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/activity_log/",
    operation_id = "activity_log_list",
    tag = "activity log",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("scope" = String, Query, description = "The kind of thing: `Ticket`."),
        ("item_id" = String, Query, description = "Which one: the ticket's UUID."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Changes to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of changes.", body = ActivityList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let parameter = |name: &'static str| {
        let text = call.query.text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| FieldError::plain(name, Code::Required))
    };
    let (scope, item_id) = (parameter("scope")?, parameter("item_id")?);
    if !SCOPES.contains(&scope.as_str()) {
        let shown: String = scope.chars().take(200).collect();
        let detail = format!("\"{shown}\" is not a valid choice.");
        return Err(FieldError::at("scope", Code::InvalidChoice, detail).into());
    }
    // Ids are stored in lower case with dashes; one of another form names the same thing.
    let item_id = match model::fields::UuidKind::parse(&item_id) {
        Some(id) => id.to_string(),
        None => item_id.replace('\0', ""),
    };
    let page = call.page(PAGE);
    let (found, count) = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move { activity::list(c, project, &scope, &item_id, page).await })
        })
        .await
        .map_err(ApiError::from)?;
    let views = found
        .into_iter()
        .map(ActivityView::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(call.paginated(page, views, count)).into_response())
}
