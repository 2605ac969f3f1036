//! The client of one model.

use crate::assembly::{Assembly, MAX_ANSWER};
use crate::attempt::{Backoff, Failure};
use crate::wire::Wire;
use crate::{ChatRequest, ChatStream, Completion, Error, Patience, ProviderConfig, connect};
use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response, Url};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A client of one model. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    config: ProviderConfig,
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    wire: Wire,
    backoff: Backoff,
}

impl Provider {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a base URL or a key that cannot work, or if the system has no certificates to check a
    /// `https` server with.
    pub fn new(config: ProviderConfig) -> Result<Self, Error> {
        let wire = Wire::new(config.kind);
        let endpoint = wire.endpoint(&config.base_url)?;
        let headers = wire.headers(&config)?;
        let client = connect::client(&endpoint, config.timeouts.connect)?;
        Ok(Self(Arc::new(Inner {
            config,
            client,
            endpoint,
            headers,
            wire,
            backoff: Backoff::default(),
        })))
    }

    /// `openai` or `anthropic`, for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.0.config.kind.name()
    }

    /// The model's name at the provider.
    pub fn model(&self) -> &str {
        &self.0.config.model
    }

    /// Asks for a streamed answer and returns once its first event is there. Dropping the future, or the stream,
    /// cancels the request.
    ///
    /// # Errors
    /// Any but [`Error::Config`]. What is transient has then been tried [`ProviderConfig::max_retries`] more
    /// times: statuses 408, 429 and 5xx, and connections that fail, all before the first event. Timeouts are
    /// not tried again.
    pub async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, Error> {
        let inner = &*self.0;
        let timeouts = &inner.config.timeouts;
        let deadline = after(timeouts.total);
        let begin_by = after(timeouts.begin).min(deadline);
        let attempt = |body: Bytes| -> BoxFuture<'_, Result<ChatStream, Failure>> {
            Box::pin(async move {
                let limit = after(timeouts.idle).min(begin_by);
                let response = inner.send(body, limit).await?;
                let reader = inner.wire.reader();
                let stream = ChatStream::new(response, reader, timeouts, begin_by);
                stream.begin(deadline).await
            })
        };
        let pause = |failures, failure: &Failure| {
            let pause = inner.backoff.pause(&inner.config, failures, failure)?;
            in_time(pause, begin_by)
        };
        inner.persist(request, true, pause, attempt).await
    }

    /// Asks for a whole answer at once, which must be there within [`Timeouts::begin`](crate::Timeouts::begin).
    ///
    /// # Errors
    /// As [`Provider::stream`].
    pub async fn complete(&self, request: &ChatRequest) -> Result<Completion, Error> {
        let inner = &*self.0;
        let deadline = after(inner.config.timeouts.begin);
        let attempt = |body: Bytes| -> BoxFuture<'_, Result<Completion, Failure>> {
            Box::pin(inner.ask(body, deadline))
        };
        let pause = |failures, failure: &Failure| {
            let pause = inner.backoff.pause(&inner.config, failures, failure)?;
            in_time(pause, deadline)
        };
        inner.persist(request, false, pause, attempt).await
    }

    /// Asks for a whole answer at once, with limits and retries of the caller's.
    ///
    /// # Errors
    /// As [`Provider::stream`].
    pub async fn complete_within(
        &self,
        request: &ChatRequest,
        patience: &Patience,
    ) -> Result<Completion, Error> {
        let inner = &*self.0;
        let attempt = |body: Bytes| -> BoxFuture<'_, Result<Completion, Failure>> {
            Box::pin(inner.ask(body, after(patience.limit)))
        };
        let pause = |failures: u32, failure: &Failure| {
            let pause = patience.pauses.get(usize::try_from(failures).ok()?);
            pause.copied().filter(|_| failure.transient)
        };
        inner.persist(request, false, pause, attempt).await
    }
}

/// The moment after so long. A limit beyond the clock's range is no limit; a day stands for it.
fn after(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit)
        .unwrap_or(now + Duration::from_secs(86_400))
}

/// A pause, if it ends before the deadline.
fn in_time(pause: Duration, deadline: Instant) -> Option<Duration> {
    let resume = Instant::now().checked_add(pause)?;
    (resume < deadline).then_some(pause)
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// The headers of a request that is part of the present trace.
    fn headers_now(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        for (name, value) in (self.config.trace_headers)() {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// One attempt at a whole answer.
    async fn ask(&self, body: Bytes, deadline: Instant) -> Result<Completion, Failure> {
        let response = self.send(body, deadline).await?;
        let body = timeout_at(deadline, read(response)).await;
        let body = body.map_err(|_| too_slow())??;
        let mut answer = Assembly::default();
        let read = self.wire.reader().whole(&body, &mut answer);
        read.map_err(Failure::from_stream)?;
        Ok(answer.completion())
    }

    /// Tries until it works, cannot work, or `pause` gives no more pauses.
    // The attempt is boxed: with an async closure the compiler cannot see that the whole is Send.
    async fn persist<'a, T>(
        &self,
        request: &ChatRequest,
        stream: bool,
        pause: impl Fn(u32, &Failure) -> Option<Duration> + Sync,
        attempt: impl Fn(Bytes) -> BoxFuture<'a, Result<T, Failure>> + Sync,
    ) -> Result<T, Error> {
        let limit = request.max_output_tokens.or(self.config.max_output_tokens);
        let render = || self.wire.body(&self.config.model, request, limit, stream);
        let mut body = render()?;
        let mut failures = 0;
        loop {
            let failure = match attempt(body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if let Some(refusal) = &failure.refusal {
                self.wire.learn(refusal);
                let adapted = render()?;
                if adapted != body {
                    tracing::debug!(provider = self.config.kind.name(), "adapting the request");
                    body = adapted;
                    continue;
                }
            }
            let Some(pause) = pause(failures, &failure) else {
                return Err(failure.error);
            };
            failures += 1;
            tracing::warn!(
                provider = self.config.kind.name(),
                attempt = failures,
                error = %failure.error,
                "trying the model again"
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends the request and waits for the head of an answer that is no error.
    async fn send(&self, body: Bytes, limit: Instant) -> Result<Response, Failure> {
        let request = self
            .client
            .post(self.endpoint.clone())
            .headers(self.headers_now())
            .body(body);
        let response = timeout_at(limit, request.send()).await;
        let response = response
            .map_err(|_| too_slow())?
            .map_err(Failure::transport)?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(Failure::status(response).await)
        }
    }
}

fn too_slow() -> Failure {
    Failure::lasting(Error::timeout("no answer within the time limit"))
}

/// The body of a whole answer.
async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let error = format!("an answer of more than {MAX_ANSWER} bytes");
            return Err(Failure::lasting(Error::BadStream(error)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
