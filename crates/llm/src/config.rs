//! How to reach a model.

use std::fmt;
use std::time::Duration;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's chat completions, spoken by vLLM, Ollama, llama.cpp, LM Studio and many others.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

impl ProviderKind {
    /// The name used in configuration, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// Where the provider itself serves this format.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
        }
    }
}

/// A text that must not appear in logs: `Debug` hides it, there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How long to wait for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included. Default 10 s.
    pub connect: Duration,
    /// For the next byte of a streamed answer, the first one included; a keep-alive counts as a byte.
    /// Does not apply to [`Provider::complete`](crate::Provider::complete), which is silent until it is done.
    /// Default 60 s.
    pub idle: Duration,
    /// For an answer to begin, retries and their pauses included; for
    /// [`Provider::complete`](crate::Provider::complete), for the whole answer. Default 120 s.
    pub begin: Duration,
    /// For a streamed answer as a whole: how long one is still wanted that never stops talking. Default 30 min.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            begin: Duration::from_secs(120),
            total: Duration::from_secs(1800),
        }
    }
}

/// How patient one call of [`Provider::complete_within`](crate::Provider::complete_within) is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// For one attempt.
    pub limit: Duration,
    /// The pauses before further attempts; as many attempts are made. A timeout is not tried again.
    pub pauses: Vec<Duration>,
}

/// Everything a [`Provider`](crate::Provider) needs to know.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The wire format.
    pub kind: ProviderKind,
    /// Where the API is, `http` or `https`; a slash at the end does not matter. For the OpenAI format it usually ends
    /// in `/v1`. A plain loopback address is never reached through a proxy; for all others `HTTP_PROXY`,
    /// `HTTPS_PROXY` and `NO_PROXY` count.
    pub base_url: String,
    /// The model's name at the provider.
    pub model: String,
    /// Headers that tell the provider which trace a request belongs to, asked for at each request. Default none.
    pub trace_headers: fn() -> Vec<(&'static str, String)>,
    /// The key. `None` (or an empty one) sends none, as local servers want it.
    pub api_key: Option<Secret>,
    /// Upper bound in tokens of an answer whose request names none. `None` leaves it to the provider; Anthropic, which
    /// insists on a number, gets 32,000, or what the model can do if that is less.
    pub max_output_tokens: Option<u32>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How often a transient failure is tried again, as long as no token has arrived. Default 2.
    pub max_retries: u32,
    /// The pause before the first retry, doubled for each further one; a server's `Retry-After` takes precedence.
    /// Default 500 ms.
    pub retry_pause: Duration,
}

impl ProviderConfig {
    /// The provider's own service with default limits and no key.
    pub fn new(kind: ProviderKind, model: impl Into<String>) -> Self {
        Self {
            kind,
            base_url: kind.default_base_url().to_owned(),
            model: model.into(),
            trace_headers: Vec::new,
            api_key: None,
            max_output_tokens: None,
            timeouts: Timeouts::default(),
            max_retries: 2,
            retry_pause: Duration::from_millis(500),
        }
    }
}
