//! The command line. One file for each family of commands.

mod article;
pub(crate) mod key;
mod maintenance;
pub(crate) mod output;
pub(crate) mod project;
mod role;
mod settings;
mod transfer;
pub(crate) mod user;

use crate::config::{Config, ConfigError, Sources};
use crate::data::{self, Missing};
use crate::demo;
use crate::logging;
use crate::serve::Server;
#[cfg(feature = "otlp")]
use crate::traces::Traces;
use anyhow::Context as _;
use blobs::Blobs;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use maintenance::Archive;
use model::Env;
use output::Output;
use std::process::ExitCode;
use store::Store;
use store::sealed::SecretKey;

/// A server for conversations with customers
///
/// An AI assistant answers first, streaming; then, when it must, a person.
#[derive(Debug, Parser)]
#[command(name = "thicket", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground
    Serve {
        /// Refuse to start on an older schema instead of bringing it up to date
        #[arg(long)]
        no_migrate: bool,
    },
    /// Run the server on sample data and print how to talk to it
    Demo,
    /// Projects: the tenants
    #[command(subcommand)]
    Project(project::Command),
    /// People
    #[command(subcommand)]
    User(user::Command),
    /// Roles that tickets can be assigned to
    #[command(subcommand)]
    Role(role::Command),
    /// API keys
    #[command(subcommand)]
    Key(key::Command),
    /// Knowledge that the assistant answers from
    #[command(subcommand)]
    Article(article::Command),
    /// Bring the database's schema up to date, and do nothing else
    Migrate(Output),
    /// Write an archive of the embedded database and the attachments, also while a server runs
    Backup(Archive),
    /// Unpack an archive of "backup" into an empty data directory
    Restore(Archive),
    /// Verify the database and what is in it
    Check(Output),
    /// Write a project as lines of JSON, also while a server runs
    Export(transfer::ExportCommand),
    /// Make a project of what "export" has written
    Import(transfer::ImportCommand),
    /// Print the OpenAPI 3.1 document of the HTTP API
    Openapi(Output),
}

/// The commands that run a server, and so understand the server's settings.
const SERVERS: &[&str] = &["serve", "demo"];

/// The command line asks for something impossible: exit code 2 instead of 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// What commands work with.
pub(crate) struct Context {
    config: Config,
    env: Env,
}

impl Context {
    fn env(&self) -> &Env {
        &self.env
    }

    /// The database, which must be there.
    async fn open(&self) -> anyhow::Result<Store> {
        data::open(&self.config, Missing::Refuse).await
    }

    /// The database, which is made if it is not there.
    async fn create(&self) -> anyhow::Result<Store> {
        data::open(&self.config, Missing::Create).await
    }

    fn secret_key(&self) -> anyhow::Result<SecretKey> {
        data::secret_key(&self.config, &self.env)
    }

    /// The bytes of uploaded files.
    fn blobs(&self) -> anyhow::Result<Blobs> {
        data::blobs(&self.config)
    }

    /// The base of absolute links, if it is configured.
    fn public_url(&self) -> Option<&str> {
        self.config.public_url.as_ref().map(|url| url.0.as_str())
    }
}

/// Runs the command that the command line names.
pub(crate) fn run() -> ExitCode {
    let matches = settings::add_flags(Cli::command(), SERVERS).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let Err(error) = execute(cli.command, settings::sources(&matches)) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    let misused = error.is::<Usage>() || error.is::<ConfigError>();
    ExitCode::from(if misused { 2 } else { 1 })
}

fn execute(command: Command, sources: Sources) -> anyhow::Result<()> {
    let context = Context {
        config: Config::load(sources)?,
        env: Env::system(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    #[cfg(feature = "otlp")]
    let traces = match command {
        Command::Serve { .. } | Command::Demo => Traces::start(runtime.handle())?,
        _ => None,
    };
    #[cfg(feature = "otlp")]
    logging::start(&context.config, traces.as_ref())?;
    #[cfg(not(feature = "otlp"))]
    logging::start(&context.config)?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve { no_migrate } => serve(&context, !no_migrate).await,
            Command::Demo => demo::run(context.config, &context.env).await,
            Command::Project(command) => project::run(command, &context).await,
            Command::User(command) => user::run(command, &context).await,
            Command::Role(command) => role::run(command, &context).await,
            Command::Key(command) => key::run(command, &context).await,
            Command::Article(command) => article::run(command, &context).await,
            Command::Migrate(output) => maintenance::migrate(&context, output).await,
            Command::Backup(archive) => maintenance::backup(&context, archive).await,
            Command::Restore(archive) => maintenance::restore(&context, archive).await,
            Command::Check(output) => maintenance::check(&context, output).await,
            Command::Export(command) => transfer::export(&context, command).await,
            Command::Import(command) => transfer::import(&context, command).await,
            Command::Openapi(output) => Ok(output.document(&api::openapi())?),
        }
    });
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.finish();
    }
    done
}

async fn serve(context: &Context, migrate: bool) -> anyhow::Result<()> {
    let server = Server::prepare(&context.config, &context.env, migrate).await?;
    output::print(&format!("listening on {}", server.url()))?;
    server.run(&context.config).await
}
