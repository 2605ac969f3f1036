//! `GET /tickets`: the visitor's own (tickets.md 14.5).

use super::access::VisitorCall;
use super::read;
use crate::ApiError;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use model::TicketId;
use model::tickets::Status;
use model::widget::{Claim, TicketsQuery};
use serde::Serialize;
use store::tickets::{self, Visited};

#[derive(Serialize)]
struct Page {
    count: i64,
    results: Vec<TicketView>,
}

/// A ticket as its customer sees it. Of a merged one it tells how the conversation goes on.
#[derive(Serialize)]
struct TicketView {
    id: TicketId,
    ticket_number: i64,
    status: Status,
    unread_count: i64,
    last_message: Option<String>,
    last_message_at: Option<String>,
    message_count: i64,
    created_at: String,
}

impl From<Visited> for TicketView {
    fn from(visited: Visited) -> Self {
        let current = visited.current();
        Self {
            id: visited.ticket.id,
            ticket_number: visited.ticket.number,
            status: current.status,
            unread_count: current.unread_customer_count,
            last_message: visited.ticket.last_message_text.clone(),
            last_message_at: visited.ticket.last_message_at.map(|at| at.with_offset()),
            message_count: visited.ticket.message_count,
            created_at: visited.ticket.created_at.with_offset(),
        }
    }
}

pub(super) async fn list(visit: VisitorCall) -> Result<Response, ApiError> {
    let (claim, query) = read(&visit, |fields, problems| {
        let query = TicketsQuery::read(fields, problems);
        Some((Claim::read(fields, false, problems), query))
    })?;
    let visitor = visit.visitor(claim)?;
    let project = visit.project().id;
    let (found, count) = visit
        .app
        .store
        .read(move |c| {
            Box::pin(async move { tickets::list_of_visitor(c, project, &visitor, query).await })
        })
        .await?;
    let results = found.into_iter().map(TicketView::from).collect();
    Ok(Json(Page { count, results }).into_response())
}
