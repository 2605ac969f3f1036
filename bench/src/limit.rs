//! The limit server: axum and as little as possible behind it. It knows no users, checks nothing, and its rows hold ready JSON;
//! or it asks thicket's own tables with the raw query.
//! What it reaches on this machine, at this moment, is what a server in Rust can reach.

mod relay;
mod rows;
mod tickets;

pub(crate) use relay::MODEL;
pub(crate) use rows::{Shaped, create};

use crate::child::{LISTENING, Server};
use axum::Router;
use axum::body::Body;
use axum::extract::{self, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use rows::Rows;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts the limit server's process, on a database that [`create`] made.
pub(crate) fn start(database: &Path) -> anyhow::Result<Server> {
    Server::start(&mut command(database)?)
}

/// The same, which also reads the tickets of thicket's own database.
pub(crate) fn start_with_tickets(database: &Path, tickets: &Path) -> anyhow::Result<Server> {
    Server::start(command(database)?.arg("--tickets").arg(tickets))
}

fn command(database: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("limit").arg(database);
    Ok(command)
}

/// Is the limit server until the process is killed.
pub(crate) async fn serve(database: &Path, tickets: Option<&Path>) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/list", get(list))
        .route("/tickets/{project}", get(list_tickets))
        .route("/detail/{id}", get(detail))
        .route("/append", post(append))
        .route("/first", post(first))
        .with_state(Rows::open(database, tickets)?)
        .merge(relay::router());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, app).await?;
    Ok(())
}

/// Fifty rows by an index, and their count.
async fn list(State(rows): State<Rows>) -> Response {
    json(rows.list().await)
}

/// Fifty tickets of thicket's own, and their count.
async fn list_tickets(
    State(rows): State<Rows>,
    extract::Path(project): extract::Path<i64>,
) -> Response {
    json(rows.list_tickets(project).await)
}

/// The rows of one conversation.
async fn detail(State(rows): State<Rows>, extract::Path(id): extract::Path<i64>) -> Response {
    json(rows.detail(id).await)
}

/// One row, durable before the answer.
async fn append(State(rows): State<Rows>, body: Bytes) -> Response {
    json(rows.append(body).await.map(|()| r#"{"id":"x"}"#))
}

/// One row, durable before the first event of the answer.
async fn first(State(rows): State<Rows>, body: Bytes) -> Response {
    let event = "event: message\ndata: {}\n\n".to_owned();
    match rows.append(body).await {
        Some(()) => (
            [(header::CONTENT_TYPE, "text/event-stream")],
            Body::from(event),
        )
            .into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn json(body: Option<impl Into<Body>>) -> Response {
    match body {
        Some(body) => ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Makes a database without conversations, for what only writes.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn empty(path: &Path) -> anyhow::Result<PathBuf> {
    let nothing = || (String::new(), String::new());
    let shaped = Shaped {
        list_frame: nothing(),
        list: Vec::new(),
        detail_frame: nothing(),
        messages: Vec::new(),
    };
    create(path, &shaped, 0)?;
    Ok(path.to_owned())
}
