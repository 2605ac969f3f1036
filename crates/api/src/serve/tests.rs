//! Real sockets: timeouts, limits and shutdown.

use super::*;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::StreamExt as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(router: Router, config: ServeConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, config, shutdown.clone()));
    Running {
        address,
        shutdown,
        task,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = self.connect().await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

/// Everything until the server closes; a reset counts as closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = stream.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        out.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn short() -> ServeConfig {
    ServeConfig {
        connections: 100,
        head_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(300),
        head_limit: 16 * 1024,
        grace: Duration::from_secs(10),
    }
}

fn patient() -> ServeConfig {
    ServeConfig {
        head_timeout: Duration::from_secs(60),
        ..short()
    }
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_dropped() {
    let server = start(Router::new(), short()).await;
    let mut silent = server.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n")
        .await
        .unwrap();
    rest(&mut slow).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = start(Router::new(), patient()).await;
    let mut stream = server.connect().await;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    // The server may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut() {
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let endless = move || {
        let guard = NotifyOnDrop(Arc::clone(&told));
        async move {
            let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
            let chunks = futures::stream::repeat(chunk).map(move |chunk| {
                let _ = &guard;
                Ok::<_, Infallible>(chunk)
            });
            axum::body::Body::from_stream(chunks)
        }
    };
    let server = start(Router::new().route("/", get(endless)), patient()).await;
    let started = Instant::now();
    let _stream = server.ask("/").await;
    ended.notified().await;
    assert!(started.elapsed() >= Duration::from_millis(300));
}

struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_closes_idle_connections() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrival, signal) = (Arc::clone(&arrived), Arc::clone(&go));
    let wait = move || {
        let (arrival, signal) = (Arc::clone(&arrival), Arc::clone(&signal));
        async move {
            arrival.notify_one();
            signal.notified().await;
            "finished"
        }
    };
    let router = Router::new()
        .route("/wait", get(wait))
        .route("/", get(|| async { "hello" }));
    let server = start(router, patient()).await;
    let mut idle = server.ask("/").await;
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    let mut busy = server.ask("/wait").await;
    arrived.notified().await;
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!server.task.is_finished());
    // Nothing new is accepted. The listener is closed by the task, so this may take a moment.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    assert!(rest(&mut busy).await.ends_with("finished"));
    server.task.await.unwrap();
}

#[tokio::test]
async fn what_is_open_at_the_end_of_the_grace_is_cut() {
    let arrived = Arc::new(Notify::new());
    let arrival = Arc::clone(&arrived);
    let never = move || {
        arrival.notify_one();
        futures::future::pending::<&'static str>()
    };
    let config = ServeConfig {
        grace: Duration::from_millis(100),
        ..patient()
    };
    let server = start(Router::new().route("/", get(never)), config).await;
    let mut stream = server.ask("/").await;
    arrived.notified().await;
    server.shutdown.cancel();
    server.task.await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn the_peer_is_known_and_connections_are_kept() {
    let peer = |request: Request| async move {
        let peer = request.extensions().get::<Peer>().copied();
        peer.map(|peer| peer.to_string()).unwrap_or_default()
    };
    let echo = |body: Bytes| async move { body };
    let router = Router::new()
        .route("/peer", get(peer))
        .route("/echo", post(echo));
    let server = start(router, patient()).await;
    let mut stream = server.ask("/peer").await;
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with("127.0.0.1") {
        let length = pin!(stream.read(&mut buffer)).await.unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    let second =
        "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    stream.write_all(second.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("hi"));
}

/// One request and its answer, on a connection that stays open.
async fn ask_again(stream: &mut TcpStream) {
    let request = b"GET /peer HTTP/1.1\r\nHost: h\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with("hello") {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_for_one_of_the_others_to_end() {
    let router = Router::new().route("/peer", get(|| async { "hello" }));
    let config = ServeConfig {
        connections: 2,
        ..patient()
    };
    let server = start(router, config).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    ask_again(&mut first).await;
    ask_again(&mut second).await;
    let mut third = server.ask("/peer").await;
    // Long enough for the third, if it were served: its request is there before each of these.
    for _ in 0..100 {
        ask_again(&mut first).await;
        ask_again(&mut second).await;
    }
    let mut buffer = [0; 1024];
    let waiting = third.try_read(&mut buffer).map_err(|error| error.kind());
    assert_eq!(waiting, Err(io::ErrorKind::WouldBlock));
    drop(first);
    let mut answer = [0; 12];
    third.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    ask_again(&mut second).await;
}
