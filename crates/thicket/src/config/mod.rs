//! Configuration: flag over environment over file over default.
//!
//! Every setting is defined once, in the `settings!` table below. The fields of [`Config`], the flags of
//! the command line, the environment variables, the messages and the table in `docs/operations.md` all
//! come from there.

mod layers;
mod types;

pub(crate) use layers::Sources;
pub(crate) use types::{
    BaseUrl, BucketUrl, Count, DatabaseUrl, Listen, LogFilter, LogFormat, LongSecret, Provider,
    Secret, Size, StatusCodes, Switch, Tokens,
};

use api::address::Networks;
use bus::RedisUrl;
use layers::Layers;
use mail::SmtpUrl;
use model::rates::Limit;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use types::Setting;

/// Who looks at a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every command.
    Every,
    /// Only the commands that run a server.
    Server,
}

/// What is known about a setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in the file; a dot separates section and name.
    pub name: &'static str,
    /// Its default, as it would be written. Empty when there is none.
    pub default: &'static str,
    /// What people read instead of an empty default.
    pub shown_default: &'static str,
    /// What it does, in a line or two.
    pub doc: &'static str,
    /// Who looks at it.
    pub reach: Reach,
    /// Whether its value must not be seen. Such a setting has no flag: command lines are public.
    pub secret: bool,
}

impl Key {
    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("THICKET_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Its flag, without the dashes before it.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// Its default, as people read it.
    pub(crate) fn default_for_people(&self) -> &'static str {
        if self.default.is_empty() {
            self.shown_default
        } else {
            self.default
        }
    }
}

/// The configuration cannot be used. One line that names the setting and where it was set.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl ConfigError {
    /// Something is wrong with a setting that only shows when it is used.
    pub(crate) fn about(name: &str, problem: &str) -> Self {
        Self(format!("{name}: {problem}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

macro_rules! settings {
    ($($field:ident: $type:ty, $name:literal = $default:literal $(($shown:literal))?, $reach:ident $($secret:ident)?, $doc:literal;)*) => {
        /// Every setting, in the order of the documentation.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            name: $name,
            default: $default,
            shown_default: concat!($($shown)?),
            doc: $doc,
            reach: Reach::$reach,
            secret: !stringify!($($secret)?).is_empty(),
        }),*];

        /// The settings of this process. `Debug` shows no secrets.
        #[derive(Clone, Debug)]
        pub(crate) struct Config {
            $(#[doc = $doc] pub $field: $type,)*
        }

        impl Config {
            /// Reads and checks the settings.
            ///
            /// # Errors
            /// The first thing that is wrong: an unknown setting or an impossible value.
            pub(crate) fn load(sources: Sources) -> Result<Self, ConfigError> {
                let layers = Layers::new(sources)?;
                let mut keys = KEYS.iter();
                Ok(Self { $($field: value::<$type>(&layers, keys.next())?,)* })
            }
        }
    };
}

settings! {
    listen: Listen, "listen" = "127.0.0.1:8080", Server,
        "Address and port of the HTTP server. Port 0 picks a free one.";
    public_url: Option<BaseUrl>, "public_url" = "" ("from the request"), Server,
        "Base of absolute links, such as `https://help.example.com`.";
    data_dir: PathBuf, "data_dir" = "./thicket-data", Every,
        "Folder of the embedded database, of uploaded files, and of the file with the secret key.";
    database_url: Option<DatabaseUrl>, "database_url" = "" ("embedded SQLite in the data directory"), Every,
        "`postgres://…` selects PostgreSQL. `?sslmode=require` asks for TLS.";
    database_connections: Count, "database_connections" = "16", Every,
        "PostgreSQL: how many connections are opened at most.";
    redis_url: Option<RedisUrl>, "redis_url" = "" ("none: in-process"), Server,
        "Lets several replicas share one PostgreSQL: `redis://…`, `rediss://…`, or `redis-cluster://host,host`. Needs `THICKET_SECRET_KEY`.";
    secret_key: Option<LongSecret>, "secret_key" = "" ("a file in the data directory"), Every secret,
        "Encrypts the secrets that must be readable again, such as a project's secret token. 16 characters or more.";
    llm_provider: Provider, "llm.provider" = "extractive", Server,
        "What answers: `openai` (any endpoint compatible with OpenAI's), `anthropic`, or `extractive`, which quotes the project's articles and needs no model.";
    llm_base_url: Option<BaseUrl>, "llm.base_url" = "" ("the provider's"), Server,
        "Where the model is, such as `http://127.0.0.1:11434/v1`.";
    llm_model: Option<String>, "llm.model" = "" ("`gpt-4.1-mini`, `claude-sonnet-4-5`"), Server,
        "Name of the model.";
    llm_api_key: Option<Secret>, "llm.api_key" = "" ("none"), Server secret,
        "Key for the model's endpoint.";
    llm_timeout: Duration, "llm.timeout" = "120s", Server,
        "How long a model may take until its answer begins, retries included; and for an answer that is not streamed, such as a title.";
    llm_idle_timeout: Duration, "llm.idle_timeout" = "60s", Server,
        "How long a streaming model may say nothing before its call counts as failed.";
    llm_answer_timeout: Duration, "llm.answer_timeout" = "30m", Server,
        "How long a streamed answer may go on as a whole, however busily.";
    llm_max_output_tokens: Option<Tokens>, "llm.max_output_tokens" = "" ("`anthropic`: 32000, which is lowered for a model that can do less; `openai`: the endpoint's"), Server,
        "The longest answer of the assistant in a conversation, in tokens, what the model thinks included. A longer one is cut, and says so.";
    smtp_url: Option<SmtpUrl>, "smtp_url" = "" ("none: mails stay in the outbox, which admins read in the app"), Server,
        "Mail server: `smtps://user:password@host` (TLS, port 465), or `smtp://…` (port 25, with a password 587; TLS when the server offers it, and a password never leaves this machine without). `?tls=required` insists on TLS, `?tls=off` does without. What is special in user and password is percent-encoded.";
    mail_from: Option<mail::From>, "mail_from" = "" ("the account of `smtp_url`, else `thicket@` the host of `public_url`"), Server,
        "Who mails are from: `help@example.com`, or `Example <help@example.com>`.";
    attachments_url: Option<BucketUrl>, "attachments_url" = "" ("files in the data directory"), Every,
        "Bucket for uploaded files: `s3://bucket/prefix`. Region, keys and endpoint come from AWS's own variables (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …). With several replicas it is needed.";
    log: LogFilter, "log" = "info", Every,
        "What is logged: a level, or a filter such as `info,store=debug`.";
    log_format: LogFormat, "log_format" = "text", Every,
        "`text`, or `json` for machines. Logs go to stderr.";
    status_codes: StatusCodes, "compat.status_codes" = "published", Server,
        "Where the published contract and the observed original answer different status codes: `published` or `observed`.";
    trusted_proxies: Networks, "trusted_proxies" = "" ("none"), Server,
        "Networks whose `X-Forwarded-*` headers are believed, such as `10.0.0.0/8,127.0.0.1`.";
    connections: Count, "connections" = "20000", Server,
        "How many connections are served at once; further ones wait until one is closed. Fewer, when the process may not open so many files: 1,024 of them, at most half, are left for other things.";
    body_limit: Size, "body_limit" = "20MiB", Server,
        "Largest request body; a larger one is answered 413.";
    shutdown_grace: Duration, "shutdown_grace" = "30s", Server,
        "How long running turns may go on after SIGTERM.";
    stream_retention: Duration, "stream_retention" = "1h", Server,
        "How long the stream of an ended turn can be replayed. The messages stay.";
    delete_grace: Duration, "delete_grace" = "30d", Server,
        "How long a deleted conversation is kept before it is erased.";
    static_dir: Option<PathBuf>, "static_dir" = "" ("none"), Server,
        "Folder that is served under `/static/`.";
    rate_limits: Switch, "rate_limits" = "on", Server,
        "`off` switches all throttles off, for load tests and trusted networks.";
    ai_burst: Limit, "throttles.ai_burst" = "10/minute", Server,
        "Turns of the assistant, except research, for each user: short term. `off` for none.";
    ai_sustained: Limit, "throttles.ai_sustained" = "100/day", Server,
        "Turns of the assistant, except research, for each user: long term.";
    ai_research_burst: Limit, "throttles.ai_research_burst" = "3/minute", Server,
        "Research turns, for each user: short term.";
    ai_research_sustained: Limit, "throttles.ai_research_sustained" = "10/day", Server,
        "Research turns, for each user: long term.";
    api_burst: Limit, "throttles.api_burst" = "480/minute", Server,
        "Other requests with an API key, for each key: short term.";
    api_sustained: Limit, "throttles.api_sustained" = "4800/hour", Server,
        "Other requests with an API key, for each key: long term.";
    login_address: Limit, "throttles.login_address" = "30/minute", Server,
        "Attempts to sign in, for each address.";
    login_email: Limit, "throttles.login_email" = "30/hour", Server,
        "Attempts to sign in, for each e-mail address and network, or known browser.";
    login_email_anywhere: Limit, "throttles.login_email_anywhere" = "100/hour", Server,
        "Attempts to sign in, for each e-mail address, outside known browsers.";
    reply_burst: Limit, "throttles.reply_burst" = "10/minute", Server,
        "Replies to tickets and tickets begun by the team, for each user: short term.";
    reply_sustained: Limit, "throttles.reply_sustained" = "60/hour", Server,
        "Replies to tickets and tickets begun by the team, for each user: long term.";
    suggest_burst: Limit, "throttles.suggest_burst" = "10/minute", Server,
        "Suggested replies to tickets, for each user: short term.";
    suggest_sustained: Limit, "throttles.suggest_sustained" = "100/day", Server,
        "Suggested replies to tickets, for each user: long term.";
    widget_visitor: Limit, "throttles.widget_visitor" = "30/minute", Server,
        "Requests of the widget, for each visitor.";
    widget_reads: Limit, "throttles.widget_reads" = "3600/hour", Server,
        "Requests of the widget that only look, for each project: an open widget polls 720 times an hour.";
    widget_writes: Limit, "throttles.widget_writes" = "3600/hour", Server,
        "Requests of the widget that change something, for each project.";
    widget_restore_requests: Limit, "throttles.widget_restore_requests" = "3/hour", Server,
        "Links for restoring a visitor's tickets, for each address of a mail.";
    widget_restores: Limit, "throttles.widget_restores" = "10/minute", Server,
        "Uses of such links, for each address of the network.";
    external_burst: Limit, "throttles.external_burst" = "120/minute", Server,
        "External requests with a project's secret, for each secret: short term.";
    external_sustained: Limit, "throttles.external_sustained" = "1200/hour", Server,
        "External requests with a project's secret, for each secret: long term.";
}

fn value<T: Setting>(layers: &Layers, key: Option<&Key>) -> Result<T, ConfigError> {
    // The table and the fields come from one macro, so there is a key for each field.
    let key = key.ok_or_else(|| ConfigError("the table of settings is incomplete".to_owned()))?;
    let text = layers.text(key)?;
    let text = text.as_deref().unwrap_or(key.default);
    T::parse(text).map_err(|problem| {
        let place = layers.place(key);
        ConfigError(if key.secret || key.name.ends_with("_url") {
            format!("{place}: {problem}")
        } else {
            format!("{place}: {problem}, not {text:?}")
        })
    })
}

#[cfg(test)]
mod tests;
