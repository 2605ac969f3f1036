//! The load: a plain HTTP/1.1 client that keeps its connection and does nothing it is not asked for.

use crate::child::Server;
use crate::report::percentile;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A request that can be sent any number of times.
pub(crate) type Prepared = Request<Full<Bytes>>;

/// A GET, or a POST when there is a body.
pub(crate) fn request(
    path: &str,
    key: Option<&str>,
    body: Option<String>,
) -> anyhow::Result<Prepared> {
    let method = match body {
        Some(_) => Method::POST,
        None => Method::GET,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    Ok(request.body(Full::new(Bytes::from(body.unwrap_or_default())))?)
}

/// A connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Opens one.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request and gives the answer's head. Anything but success is an error.
    pub(crate) async fn send(&mut self, request: &Prepared) -> anyhow::Result<Response<Incoming>> {
        self.0.ready().await?;
        let response = self.0.send_request(request.clone()).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        bail!(
            "{} answered {status}: {}",
            request.uri(),
            String::from_utf8_lossy(&body)
        );
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn whole(&mut self, request: &Prepared) -> anyhow::Result<Bytes> {
        Ok(self
            .send(request)
            .await?
            .into_body()
            .collect()
            .await?
            .to_bytes())
    }

    /// Sends a request and reads the answer without keeping it.
    pub(crate) async fn drain(&mut self, request: &Prepared) -> anyhow::Result<Drained> {
        let began = Instant::now();
        let response = self.send(request).await?;
        let mut body = response.into_body();
        let (mut bytes, mut first) = (0, None);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                first.get_or_insert_with(|| began.elapsed());
                bytes += data.len();
            }
        }
        let first = first.with_context(|| format!("{} answered nothing", request.uri()))?;
        Ok(Drained { bytes, first })
    }
}

/// An answer that was read.
pub(crate) struct Drained {
    /// Length of its body.
    pub(crate) bytes: usize,
    /// When its first bytes came, counted from the sending of the request.
    pub(crate) first: Duration,
}

/// What a server did under load.
pub(crate) struct Load {
    /// Requests answered in a second.
    pub(crate) rate: f64,
    /// The server's processor time for one, in microseconds.
    pub(crate) cpu: f64,
    /// The time that 99 of 100 answers were there in, in milliseconds.
    pub(crate) p99: f64,
}

/// Loads a server with so many connections, each sending one request after another as soon as it has been answered.
/// Connection `n` sends the requests `n`, `n + clients`, and so on, and begins anew when there are no more.
pub(crate) async fn load(
    server: &Server,
    clients: usize,
    requests: &[Prepared],
    time: Duration,
) -> anyhow::Result<Load> {
    let mut connections = Vec::new();
    for client in 0..clients.min(requests.len()) {
        let own = requests.iter().skip(client).step_by(clients);
        let own: Vec<Prepared> = own.cloned().collect();
        let mut connection = Connection::open(server.address).await?;
        for request in &own {
            connection.drain(request).await?;
        }
        connections.push((connection, own));
    }
    let (began, cpu) = (Instant::now(), server.cpu()?);
    let mut clients = JoinSet::new();
    for (mut connection, own) in connections {
        clients.spawn(async move {
            let mut times = Vec::new();
            for request in own.iter().cycle() {
                if began.elapsed() >= time {
                    break;
                }
                let sent = Instant::now();
                connection.drain(request).await?;
                times.push(sent.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    let answered = times.len() as f64;
    let cpu = server.cpu()? - cpu;
    Ok(Load {
        rate: answered / began.elapsed().as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / answered.max(1.0),
        p99: percentile(&times, 0.99),
    })
}
