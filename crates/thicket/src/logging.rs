//! Log lines: to stderr, as text for people or JSON for machines; and traces, for who collects them.

use crate::config::{Config, LogFormat};
#[cfg(feature = "otlp")]
use crate::traces::Traces;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
#[cfg(feature = "otlp")]
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging for the rest of the process, and the traces if there are to be any.
///
/// # Errors
/// Logging has already been started.
#[cfg(feature = "otlp")]
pub(crate) fn start(config: &Config, traces: Option<&Traces>) -> anyhow::Result<()> {
    let Some(traces) = traces else {
        return start_lines(config);
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(traces.layer())
        .with(lines.with_filter(filter(config)?))
        .try_init()?;
    Ok(())
}

/// Starts logging for the rest of the process.
///
/// # Errors
/// Logging has already been started.
#[cfg(not(feature = "otlp"))]
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    start_lines(config)
}

fn filter(config: &Config) -> anyhow::Result<EnvFilter> {
    // PostgreSQL's notices, such as "already exists, skipping", are of interest only to who asks for them.
    let directives = format!("tokio_postgres=warn,{}", config.log.0);
    Ok(EnvFilter::builder().parse(directives)?)
}

fn start_lines(config: &Config) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(config)?)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(anyhow::Error::from_boxed)
}
