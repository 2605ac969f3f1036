//! `GET /api/projects/:id/conversations/statistics/`, and the same as a table for spreadsheets at `…/statistics.csv`.

use crate::openapi::CommonErrors;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::statistics::{Counted, Lengths, Period, Summary};
use serde::Serialize;
use std::fmt::Write as _;
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_retrieve, _, _>(Access::read("ticket"), retrieve)
        .add::<__path_download, _, _>(Access::read("ticket").any_form(), download)
}

/// Figures about a project's tickets.
#[derive(Serialize, ToSchema)]
struct Statistics {
    /// The first day, in the project's time zone.
    #[schema(format = Date)]
    date_from: String,
    /// The last day.
    #[schema(format = Date)]
    date_to: String,
    /// `day` or `week`.
    interval: &'static str,
    timezone: String,
    /// Unread messages of tickets that are not resolved, at present.
    unread_now: i64,
    /// Of the whole period.
    #[schema(value_type = FiguresSchema)]
    totals: Summary,
    /// Day by day, or week by week; those without anything too.
    series: Vec<Piece>,
}

/// The figures of a day or a week.
#[derive(Serialize, ToSchema)]
#[schema(as = StatisticsPiece)]
struct Piece {
    /// Its first day.
    #[schema(format = Date)]
    date: String,
    #[serde(flatten)]
    #[schema(value_type = FiguresSchema)]
    figures: Summary,
}

/// Figures of a period.
#[derive(ToSchema)]
#[schema(as = StatisticsFigures)]
#[expect(dead_code, reason = "describes model::statistics::Summary")]
struct FiguresSchema {
    /// Tickets that were begun.
    opened: i64,
    /// Tickets that were resolved, and are still. Merged ones are not counted.
    resolved: i64,
    /// How many of those the assistant resolved.
    resolved_by_assistant: i64,
    /// The same as a share between 0 and 1; null when nothing was resolved.
    #[schema(required = true)]
    resolved_by_assistant_share: Option<f64>,
    /// How long customers waited for the first public answer of team or assistant, of tickets first answered in the
    /// period. Tickets that the team began are left out.
    #[schema(value_type = LengthsSchema)]
    first_response: Lengths,
    /// How long it took from beginning to resolution, of tickets resolved in the period.
    #[schema(value_type = LengthsSchema)]
    resolution: Lengths,
    /// Tickets that were due in the period and were resolved in time.
    sla_met: i64,
    /// Tickets that were due in the period and were not resolved in time.
    sla_breached: i64,
    /// Public messages of team and assistant.
    messages_sent: i64,
    /// Public messages of customers.
    messages_received: i64,
}

/// Median and ninetieth percentile of many lengths of time.
#[derive(ToSchema)]
#[schema(as = StatisticsLengths)]
#[expect(dead_code, reason = "describes model::statistics::Lengths")]
struct LengthsSchema {
    count: i64,
    #[schema(required = true)]
    median_seconds: Option<i64>,
    #[schema(required = true)]
    p90_seconds: Option<i64>,
}

async fn count(call: &Call) -> Result<(Period, Counted), ApiError> {
    let project = call.project()?;
    let (id, now) = (project.id, call.app.env.now());
    let query = |name| call.query.text(name);
    let (from, to, interval) = (query("date_from"), query("date_to"), query("interval"));
    let period = Period::read(
        from.as_deref(),
        to.as_deref(),
        interval.as_deref(),
        now,
        &project.settings.timezone,
    )?;
    let counting = period.clone();
    let counted = call
        .app
        .store
        .read(move |c| {
            Box::pin(async move { store::tickets::statistics(c, id, &counting, now).await })
        })
        .await?;
    Ok((period, counted))
}

/// Figures about the project's tickets
///
/// By days or weeks of the project's time zone: what was begun, answered and resolved, how fast, and by whom.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/statistics/",
    operation_id = "conversations_statistics_retrieve",
    tag = "statistics",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("date_from" = Option<String>, Query, description = "The first day, such as `2026-01-31` or `7d`; 29 days before the last if left out. A period has at most 400 days."),
        ("date_to" = Option<String>, Query, description = "The last day; today if left out."),
        ("interval" = Option<String>, Query, description = "`day` (default) or `week`. Weeks begin on Monday."),
    ),
    responses((status = 200, description = "The figures.", body = Statistics), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let (period, counted) = count(&call).await?;
    let unread_now = counted.unread_now;
    let (totals, series) = counted.summary();
    let piece = |(day, figures): (_, Summary)| Piece {
        date: format!("{day}"),
        figures,
    };
    Ok(Json(Statistics {
        date_from: period.first.to_string(),
        date_to: period.last.to_string(),
        interval: period.interval.as_str(),
        timezone: call.project()?.settings.timezone.clone(),
        unread_now,
        totals,
        series: series.into_iter().map(piece).collect(),
    })
    .into_response())
}

const COLUMNS: &str = "date,opened,resolved,resolved_by_assistant,first_responses,first_response_median_seconds,\
                       first_response_p90_seconds,resolution_median_seconds,resolution_p90_seconds,sla_met,\
                       sla_breached,messages_sent,messages_received";

/// Figures about the project's tickets, for spreadsheets
///
/// The series of `statistics/` as comma-separated values with a line of names, whatever `Accept` says.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/conversations/statistics.csv/",
    operation_id = "conversations_statistics_csv_retrieve",
    tag = "statistics",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("date_from" = Option<String>, Query, description = "As in `statistics/`."),
        ("date_to" = Option<String>, Query, description = "As in `statistics/`."),
        ("interval" = Option<String>, Query, description = "As in `statistics/`."),
    ),
    responses((status = 200, description = "The table.", body = String, content_type = "text/csv"), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["ticket:read"]))
)]
async fn download(call: Call) -> Result<Response, ApiError> {
    let (period, counted) = count(&call).await?;
    let shown = |seconds: Option<i64>| seconds.map(|it| it.to_string()).unwrap_or_default();
    let mut table = format!("{COLUMNS}\r\n");
    for (day, it) in counted.summary().1 {
        // Writing to a text cannot fail. Only numbers and dates, so nothing needs quotes.
        let _ = write!(
            table,
            "{day},{},{},{},{},{},{},{},{},{},{},{},{}\r\n",
            it.opened,
            it.resolved,
            it.resolved_by_assistant,
            it.first_response.count,
            shown(it.first_response.median_seconds),
            shown(it.first_response.p90_seconds),
            shown(it.resolution.median_seconds),
            shown(it.resolution.p90_seconds),
            it.sla_met,
            it.sla_breached,
            it.messages_sent,
            it.messages_received,
        );
    }
    let name = format!("statistics-{}-{}.csv", period.first, period.last);
    crate::call::download("text/csv; charset=utf-8", &name, table.into())
}
