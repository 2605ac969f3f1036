//! Log lines: to stderr, as text for people or JSON for machines.

use crate::config::{Config, LogFormat};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging for the rest of the process.
///
/// # Errors
/// Logging has already been started.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    // PostgreSQL's notices, such as "already exists, skipping", are of interest only to who asks for them.
    let directives = format!("tokio_postgres=warn,{}", config.log.0);
    let filter = EnvFilter::builder().parse(directives)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(anyhow::Error::from_boxed)
}
