//! The HTTP side: routes, request and response types, authentication, errors, pages, throttles, OpenAPI.
//!
//! A request passes `edge` (its id, the log line, the net under a panic), then `routing` (which route, which
//! method), then `access`, the one place where it is decided whether the request may do what it asks for. The
//! handler gets a [`Call`] and returns a response or an [`ApiError`]. Which handler answers what, and what it
//! takes, is said once, in the table of [`Routes`].

mod accept;
mod access;
mod accounts;
mod activity;
pub mod address;
mod app;
mod articles;
mod assignees;
mod auth;
mod availability;
mod body;
mod cache;
mod call;
mod capture;
mod comments;
mod conversations;
mod cookies;
mod cors;
mod drafts;
mod edge;
mod error;
mod events;
mod export;
mod external;
mod guidance;
mod health;
mod idempotency;
mod keys;
mod macros;
mod media;
mod members;
mod metrics;
mod openapi;
mod origin;
mod outbox;
mod page;
mod passes;
mod people;
mod persons;
mod projects;
mod provider;
mod remote_config;
mod roles;
mod routing;
mod serve;
mod statistics;
mod tags;
mod throttle;
mod tickets;
mod users;
mod views;
mod visit;
mod widget;

pub use accept::Accepted;
pub use access::Access;
pub use app::{ApiConfig, App, JoinTrace, Shared, StatusCodes};
pub use call::{Call, Caller, PathParams, Query};
pub use edge::RequestId;
pub use error::ApiError;
pub use export::{ExportError, ProjectExport};
pub use media::UnusedMediaError;
pub use openapi::{CommonErrors, openapi};
pub use routing::Routes;
pub use serve::{ServeConfig, serve};
pub use visit::Visit;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;

/// Every documented route. A new family of endpoints adds its line here.
fn routes() -> Routes {
    Routes::new()
        .merge(conversations::routes())
        .merge(articles::routes())
        .merge(events::routes())
        .merge(activity::routes())
        .merge(outbox::routes())
        .merge(persons::routes())
        .merge(accounts::routes())
        .merge(users::routes())
        .merge(keys::routes())
        .merge(projects::routes())
        .merge(provider::routes())
        .merge(roles::routes())
        .merge(members::routes())
        .merge(assignees::routes())
        .merge(availability::routes())
        .merge(views::routes())
        .merge(macros::routes())
        .merge(guidance::routes())
        .merge(tags::routes())
        .merge(comments::routes())
        .merge(media::routes())
        .merge(tickets::routes())
        .merge(drafts::routes())
        .merge(export::routes())
        .merge(statistics::routes())
}

/// Everything that the server answers, `pages` included: what it shows to browsers besides the API. Their fallback answers
/// what no route outside `/api` matches.
pub fn router(app: &App, pages: Router) -> Router {
    metrics::install();
    let inner = routes()
        .router(app)
        .merge(openapi::router())
        .merge(health::router(app.clone()))
        .merge(capture::router(app.clone()))
        .merge(media::router(app.clone()))
        .merge(widget::router(app.clone()))
        .merge(external::router(app.clone()))
        .merge(remote_config::router(app.clone()))
        .route("/api/{*rest}", any(routing::fallback))
        .merge(pages);
    Router::new()
        .fallback_service(inner)
        .layer(from_fn_with_state(app.clone(), edge::handle))
}

#[cfg(test)]
mod tests;
