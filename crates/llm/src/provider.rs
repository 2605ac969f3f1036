//! The client of one model.

use crate::assembly::{Assembly, MAX_ANSWER};
use crate::attempt::{Backoff, Failure};
use crate::wire::Wire;
use crate::{ChatRequest, ChatStream, Completion, Error, ProviderConfig, connect};
use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response, Url};
use std::fmt;
use std::sync::Arc;
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
        let deadline = inner.deadline();
        let first_byte = |now: Instant| now.checked_add(timeouts.idle).unwrap_or(deadline);
        let attempt = |body: Bytes| -> BoxFuture<'_, Result<ChatStream, Failure>> {
            Box::pin(async move {
                let limit = first_byte(Instant::now()).min(deadline);
                let response = inner.send(body, limit).await?;
                let reader = inner.wire.reader();
                let stream = ChatStream::new(response, reader, timeouts, deadline);
                stream.begin().await
            })
        };
        inner.persist(request, true, deadline, attempt).await
    }

    /// Asks for a whole answer at once. Only the total timeout counts.
    ///
    /// # Errors
    /// As [`Provider::stream`].
    pub async fn complete(&self, request: &ChatRequest) -> Result<Completion, Error> {
        let inner = &*self.0;
        let deadline = inner.deadline();
        let attempt = |body: Bytes| -> BoxFuture<'_, Result<Completion, Failure>> {
            Box::pin(async move {
                let response = inner.send(body, deadline).await?;
                let body = timeout_at(deadline, read(response)).await;
                let body = body.map_err(|_| too_slow())??;
                let mut answer = Assembly::default();
                let read = inner.wire.reader().whole(&body, &mut answer);
                read.map_err(Failure::from_stream)?;
                Ok(answer.completion())
            })
        };
        inner.persist(request, false, deadline, attempt).await
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn deadline(&self) -> Instant {
        let now = Instant::now();
        // A limit beyond the clock's range is no limit; a day stands for it.
        let total = self.config.timeouts.total;
        now.checked_add(total)
            .unwrap_or(now + std::time::Duration::from_secs(86_400))
    }

    /// Tries until it works, cannot work, or time and attempts are used up.
    // The attempt is boxed: with an async closure the compiler cannot see that the whole is Send.
    async fn persist<'a, T>(
        &self,
        request: &ChatRequest,
        stream: bool,
        deadline: Instant,
        attempt: impl Fn(Bytes) -> BoxFuture<'a, Result<T, Failure>> + Sync,
    ) -> Result<T, Error> {
        let render = || self.wire.body(&self.config.model, request, stream);
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
            let pause = self.backoff.pause(&self.config, failures, &failure);
            let resume = pause.and_then(|pause| Instant::now().checked_add(pause));
            let Some(resume) = resume.filter(|resume| *resume < deadline) else {
                return Err(failure.error);
            };
            failures += 1;
            tracing::warn!(
                provider = self.config.kind.name(),
                attempt = failures,
                error = %failure.error,
                "trying the model again"
            );
            tokio::time::sleep_until(resume).await;
        }
    }

    /// Sends the request and waits for the head of an answer that is no error.
    async fn send(&self, body: Bytes, limit: Instant) -> Result<Response, Failure> {
        let request = self
            .client
            .post(self.endpoint.clone())
            .headers(self.headers.clone())
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
    Failure::lasting(Error::unavailable("no answer within the time limit"))
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
