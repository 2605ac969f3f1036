//! `GET …/conversations/views/counts/`: the numbers beside the views of an inbox.

use super::PAGE;
use crate::openapi::CommonErrors;
use crate::{ApiError, Call};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::pagination::Page;
use model::tickets::{BuiltInView, Filters, VIEWS_MAX, query_with_view};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use store::tickets::{self, TicketCount};
use store::views;
use utoipa::ToSchema;

/// How many tickets a view shows, and how much of them is unread.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketListViewCount)]
struct Badge {
    /// Tickets: the `count` of the list with this view.
    count: i64,
    /// The customers' messages in them that the team has not read.
    unread: i64,
}

impl From<TicketCount> for Badge {
    fn from(count: TicketCount) -> Self {
        Self {
            count: count.tickets,
            unread: count.unread,
        }
    }
}

/// The numbers beside the views of an inbox.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketListViewCounts)]
struct Counts {
    /// By name: `mine`, `unassigned`, `open` (all that are not resolved), `snoozed`, `breaching` (overdue) and
    /// `resolved`. All but the last are of tickets that are not resolved. The list takes these names as `view`, too.
    built_in: BTreeMap<&'static str, Badge>,
    /// By `short_id`: every saved view that the caller sees.
    views: BTreeMap<String, Badge>,
}

/// Count the tickets of all views
///
/// Exactly, at this moment. What only narrows status, priority, assignee and channel costs nothing to count; each other
/// view is one look at an index, so prefer those for views that are always in sight.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/views/counts/",
    operation_id = "conversations_views_counts_retrieve",
    tag = "views",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    responses((status = 200, description = "The numbers.", body = Counts), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
pub(super) async fn counts(call: Call) -> Result<Response, ApiError> {
    let project = call.project()?;
    let (zone, project) = (project.settings.timezone.clone(), project.id);
    let (user, now) = (call.user_id(), call.app.env.now());
    let page = Page {
        limit: VIEWS_MAX.max(PAGE.default),
        offset: 0,
    };
    let counts = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move {
                let read = |filters: &Map<String, Value>| {
                    Filters::read(&query_with_view("", filters), now, &zone, user)
                };
                let (saved, _) = views::list(c, project, user, page).await?;
                let built_in = BuiltInView::ALL.iter().map(|view| read(&view.filters()));
                let mut filters: Vec<Filters> = built_in.collect();
                filters.extend(saved.iter().map(|found| read(&found.view.filters)));
                let counts = tickets::count_many(c, project, &filters).await?;
                let mut counts = counts.into_iter().map(Badge::from);
                let names = BuiltInView::ALL.iter().map(|view| view.as_str());
                Ok::<_, store::Error>(Counts {
                    built_in: names.zip(counts.by_ref()).collect(),
                    views: saved
                        .into_iter()
                        .map(|found| found.view.short_id)
                        .zip(counts)
                        .collect(),
                })
            })
        })
        .await?;
    Ok(Json(counts).into_response())
}
