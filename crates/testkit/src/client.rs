//! A client of the API that reads event streams.

use bytes::BytesMut;
use futures::StreamExt;
use model::ProjectId;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends requests to one server, with one key or session.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    credential: Credential,
}

#[derive(Clone)]
enum Credential {
    None,
    Key(String),
    Session(Session),
}

/// What a browser knows of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `name=value` of the session's cookie.
    pub cookie: String,
    /// Value of the cookie `thicket_csrf`.
    pub csrf_token: String,
}

impl Session {
    /// What an answer sets; `None` when it sets no session, or takes it away.
    pub fn of(reply: &Reply) -> Option<Self> {
        let cookies = reply.headers.get_all("set-cookie");
        let pairs: Vec<_> = cookies
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .filter_map(|pair| Some((pair, pair.split_once('=')?)))
            .collect();
        let value = |wanted: &str| {
            let found = pairs.iter().find(|(_, (name, _))| name.ends_with(wanted));
            found.filter(|(_, (_, value))| !value.is_empty())
        };
        Some(Self {
            cookie: value("thicket_session")?.0.to_owned(),
            csrf_token: value("thicket_csrf")?.1.1.to_owned(),
        })
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Reply {
    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = tokio::time::timeout(PATIENCE, response.text())
            .await
            .expect("the body comes to its end")
            .unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            text,
            json,
        }
    }
}

impl Api {
    /// A client.
    pub fn new(http: reqwest::Client, base: String, key: Option<String>) -> Self {
        let credential = key.map_or(Credential::None, Credential::Key);
        Self {
            http,
            base,
            credential,
        }
    }

    /// The same client with a session, as a browser on a page of ours.
    #[must_use]
    pub fn with_session(&self, session: Session) -> Self {
        Self {
            credential: Credential::Session(session),
            ..self.clone()
        }
    }

    /// What the browser knows of its session.
    ///
    /// # Panics
    /// When the client has none.
    pub fn session(&self) -> &Session {
        match &self.credential {
            Credential::Session(session) => session,
            Credential::None | Credential::Key(_) => panic!("this client has no session"),
        }
    }

    /// A request that has not been sent: add what the test needs.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.credential {
            Credential::None => request,
            Credential::Key(key) => request.bearer_auth(key),
            Credential::Session(session) => request
                .header("cookie", &session.cookie)
                .header("x-csrftoken", &session.csrf_token),
        }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        Reply::of(request.send().await.unwrap()).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH of a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body))
            .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }
}

/// One conversation.
#[derive(Clone)]
pub struct Chat {
    /// The client.
    pub api: Api,
    /// The project in the path.
    pub project: ProjectId,
    /// The conversation's id.
    pub id: Uuid,
}

impl Chat {
    /// `…/conversations/`.
    pub fn root(&self) -> String {
        format!("/api/environments/{}/conversations/", self.project)
    }

    /// A path below the conversation, such as `queue/`; empty for the conversation itself.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{}/{rest}", self.root(), self.id)
    }

    /// The same conversation for another client.
    pub fn seen_by(&self, api: &Api) -> Self {
        Self {
            api: api.clone(),
            ..self.clone()
        }
    }

    /// The body of an ordinary message.
    pub fn message(&self, text: &str) -> Value {
        json!({"content": text, "conversation": self.id, "trace_id": new_uuid()})
    }

    /// The body of an attaching request.
    pub fn attaching(&self) -> Value {
        json!({"content": null, "conversation": self.id, "trace_id": new_uuid()})
    }

    /// POSTs an ordinary message and gives the open stream.
    pub async fn say(&self, text: &str) -> EventStream {
        self.stream(&self.message(text)).await
    }

    /// Attaches to the running turn.
    pub async fn attach(&self) -> EventStream {
        self.stream(&self.attaching()).await
    }

    /// Reads on after a cursor.
    pub async fn attach_after(&self, cursor: &str, dialect: &str) -> EventStream {
        let path = format!("{}?stream={dialect}", self.root());
        let request = self
            .api
            .request(Method::POST, &path)
            .header("last-event-id", cursor);
        EventStream::of(request.json(&self.attaching()).send().await.unwrap())
    }

    /// POSTs a body and gives the open stream.
    pub async fn stream(&self, body: &Value) -> EventStream {
        self.stream_at(&self.root(), body).await
    }

    /// As [`Self::stream`], in the delta dialect.
    pub async fn stream_deltas(&self, body: &Value) -> EventStream {
        self.stream_at(&format!("{}?stream=delta", self.root()), body)
            .await
    }

    async fn stream_at(&self, path: &str, body: &Value) -> EventStream {
        EventStream::of(
            self.api
                .request(Method::POST, path)
                .json(body)
                .send()
                .await
                .unwrap(),
        )
    }

    /// POSTs a body and reads the answer as JSON, as for errors.
    pub async fn post(&self, body: &Value) -> Reply {
        self.api.post(&self.root(), body).await
    }

    /// The conversation in detail.
    pub async fn detail(&self) -> Value {
        self.api.get(&self.path("")).await.expect(200).json
    }

    /// The messages' `(type, content)`.
    pub async fn messages(&self) -> Vec<(String, String)> {
        let detail = self.detail().await;
        let text =
            |message: &Value, field: &str| message[field].as_str().unwrap_or_default().to_owned();
        detail["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (text(it, "type"), text(it, "content")))
            .collect()
    }

    /// The conversation's status.
    pub async fn status(&self) -> String {
        self.detail().await["status"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing runs.
    pub async fn wait_until_idle(&self) {
        let waiting = async {
            // Attaching is told when nothing runs; a stream that is there is read to its end.
            loop {
                let stream = self.attach().await;
                if stream.status == StatusCode::BAD_REQUEST {
                    return;
                }
                stream.events().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("the conversation becomes idle");
    }
}

/// A server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data as it came.
    pub data: String,
    /// Its cursor; empty when it has none.
    pub id: String,
    /// The event as it came, with the blank line.
    pub raw: String,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// `content` of the data.
    pub fn content(&self) -> String {
        self.json()["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `type` of the data.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is a piece of an unfinished message.
    pub fn is_partial(&self) -> bool {
        self.name == "delta"
            || self.json()["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("temp-"))
    }

    fn of(raw: &str) -> Self {
        let field = |name: &str| {
            let line = raw.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        Self {
            name: field("event: "),
            data: field("data: "),
            id: field("id: "),
            raw: raw.to_owned(),
        }
    }
}

/// An open event stream.
pub struct EventStream {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: BytesMut,
    /// So much of the buffer holds no end of an event.
    searched: usize,
    /// Comments and `retry:` hints that came between the events.
    pub hints: Vec<String>,
}

impl EventStream {
    /// Reads a response that has begun.
    pub fn of(response: Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes_stream().boxed(),
            buffer: BytesMut::new(),
            searched: 0,
            hints: Vec::new(),
        }
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status);
        self
    }

    /// The next event; `None` at the end of the stream. Fails the test when nothing comes for long.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let raw = self.block().await?;
            if !is_hint(&raw) {
                return Some(Event::of(&raw));
            }
            self.hints.push(raw);
        }
    }

    /// Reads on until this comment or hint. Fails the test when an event or the end comes first.
    pub async fn until_hint(&mut self, wanted: &str) {
        while let Some(raw) = self.block().await {
            assert!(is_hint(&raw), "an event came before {wanted:?}: {raw}");
            if raw == wanted {
                return;
            }
            self.hints.push(raw);
        }
        panic!("the stream ended before {wanted:?}");
    }

    /// All up to and with the next empty line.
    async fn block(&mut self) -> Option<String> {
        loop {
            let fresh = &self.buffer[self.searched..];
            if let Some(end) = fresh.windows(2).position(|pair| pair == b"\n\n") {
                let raw = self.buffer.split_to(self.searched + end + 2);
                self.searched = 0;
                let raw = std::str::from_utf8(&raw).expect("events are UTF-8");
                return Some(raw.to_owned());
            }
            self.searched = self.buffer.len().saturating_sub(1);
            let chunk = tokio::time::timeout(PATIENCE, self.body.next())
                .await
                .expect("the stream goes on");
            match chunk {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Reads on until an event for which the condition holds, and gives all up to and with it.
    pub async fn until(&mut self, condition: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
            if events.last().is_some_and(&condition) {
                return events;
            }
        }
        panic!("the stream ended before the event that was waited for: {events:?}");
    }

    /// All events to the end of the stream.
    pub async fn events(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// A comment, or how soon to come back.
fn is_hint(block: &str) -> bool {
    block.starts_with(':') || block.starts_with("retry:")
}

/// A random UUID.
pub fn new_uuid() -> Uuid {
    model::Env::system().uuid()
}

/// A client for loopback, whatever proxy the machine has.
pub fn http_client() -> reqwest::Client {
    // A second installation, by another test of the process, changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
