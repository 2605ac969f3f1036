//! Accepting connections and serving them, with limits on what one client can hold on to.

use crate::address::Peer;
use crate::metrics;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Limits of the server's connections.
#[derive(Clone, Copy, Debug)]
pub struct ServeConfig {
    /// How many connections are served at once, at least 1. Further ones wait until one of them is closed.
    pub connections: usize,
    /// How long a request's head may take, also the first byte of it on a connection that is kept open.
    pub head_timeout: Duration,
    /// How long a reader may take nothing at all while something waits for it.
    pub write_timeout: Duration,
    /// The longest request head, in bytes.
    pub head_limit: usize,
    /// How long connections may go on after shutdown began; what is still open then is cut.
    pub grace: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            head_limit: 64 * 1024,
            grace: Duration::from_secs(35),
        }
    }
}

/// How long the warning that all places are taken is not repeated.
const QUIET: Duration = Duration::from_secs(60);

/// Pause after a connection could not be accepted: usually there are no file descriptors left, and trying at
/// once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown`. Then nothing more is accepted, idle connections are closed, and those with a request
/// may finish it within the grace. Open streams must be ended by whoever writes them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: ServeConfig,
    shutdown: CancellationToken,
) {
    tokio::spawn(metrics::sum_up(shutdown.clone()));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let mut places = Places::new(config.connections);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &mut places) => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let connection = connection(stream, peer, router.clone(), config, shutdown.clone());
                let cut = cut.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = cut.cancelled() => {}
                    }
                    drop(place);
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(config.grace, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            open = connections.len(),
            "connections are cut at the end of the grace"
        );
        cut.cancel();
        connections.wait().await;
    }
}

/// The next connection, once there is a place for it. Those that wait do so in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    places: &mut Places,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.take().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// A place for each connection that may be open.
struct Places {
    free: Arc<Semaphore>,
    all: usize,
    told_at: Option<Instant>,
}

impl Places {
    fn new(all: usize) -> Self {
        let all = all.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
            told_at: None,
        }
    }

    async fn take(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return place;
        }
        if self.told_at.is_none_or(|told| told.elapsed() >= QUIET) {
            self.told_at = Some(Instant::now());
            tracing::warn!(
                connections = self.all,
                "as many connections are open as may be; further ones wait"
            );
        }
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(place) => place,
            // Only when it was closed, which nobody does.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The client went away before it was accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    config: ServeConfig,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.write_timeout));
    let peer = Peer(peer.ip().to_canonical());
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            Ok::<_, Infallible>(
                router
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(config.head_limit)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // Clients come and go; this is of interest only when one looks for it.
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests;
