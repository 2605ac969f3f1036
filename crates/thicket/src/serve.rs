//! The server's life: from opening the store to the last answer.

use crate::config::{BaseUrl, Config, ConfigError, Provider, StatusCodes, Switch};
use crate::{clockwork, data, files, janitor};
use anyhow::Context as _;
use api::{ApiConfig, App, ServeConfig};
use assistant::{Answerer, Engine};
use blobs::Blobs;
use bus::Bus;
use model::Env;
use model::rates::{self, Limit};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use store::lock::DataLock;
use store::sealed::SecretKey;
use store::{Store, Target};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What connections may take after the turns have ended: enough to send the last event and to close.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Models that answer when none is named.
const OPENAI_MODEL: &str = "gpt-4.1-mini";
const ANTHROPIC_MODEL: &str = "claude-sonnet-4-5";

/// A server that is ready to begin.
pub(crate) struct Server {
    store: Store,
    secret_key: SecretKey,
    blobs: Blobs,
    env: Env,
    listener: TcpListener,
    address: SocketAddr,
    signals: Signals,
    bus: Bus,
    answerer: Answerer,
    help: Vec<web::HelpPage>,
    // Held until the end, and not on PostgreSQL.
    _lock: Option<DataLock>,
}

impl Server {
    /// Opens everything that can fail, so that who learns the address can rely on it.
    ///
    /// # Errors
    /// The model's settings make no client, the data directory belongs to another server, the database cannot be
    /// used, or the address cannot be had.
    pub(crate) async fn prepare(config: &Config, env: &Env, migrate: bool) -> anyhow::Result<Self> {
        check_static_dir(config)?;
        check_secret_key(config)?;
        let answerer = answerer(config)?;
        let mut store_config = data::store_config(config);
        store_config.migrate = migrate;
        let lock = match store_config.target {
            Target::Sqlite { .. } => {
                data::create_data_dir(&config.data_dir)?;
                Some(DataLock::acquire(&config.data_dir)?)
            }
            Target::Postgres { .. } => None,
        };
        let store = Store::open(&store_config).await?;
        let secret_key = data::secret_key(config, env)?;
        let blobs = data::blobs(config)?;
        let bus = match &config.redis_url {
            Some(url) => Bus::connect(url, bus::PATIENCE).await?,
            None => Bus::in_process(),
        };
        let signals = Signals::install().context("signals cannot be handled")?;
        let (host, port) = (config.listen.host.as_str(), config.listen.port);
        let listener = TcpListener::bind((host, port))
            .await
            .with_context(|| format!("cannot listen on {host}:{port}"))?;
        let address = listener.local_addr()?;
        Ok(Self {
            store,
            secret_key,
            blobs,
            env: env.clone(),
            listener,
            address,
            signals,
            bus,
            answerer,
            help: Vec::new(),
            _lock: lock,
        })
    }

    /// The open database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The key that seals stored secrets.
    pub(crate) fn secret_key(&self) -> &SecretKey {
        &self.secret_key
    }

    /// Who is going to answer.
    pub(crate) fn answerer(&mut self) -> &mut Answerer {
        &mut self.answerer
    }

    /// Serves these pages under `/help/`.
    pub(crate) fn show_help(&mut self, pages: Vec<web::HelpPage>) {
        self.help = pages;
    }

    /// Where the server can be reached from this machine.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until a signal asks to stop; then lets running turns go on for the grace. A second signal ends the
    /// process at once.
    ///
    /// # Errors
    /// None that is not a defect.
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut assistant = assistant::Config::new(self.answerer);
        assistant.exclusive = self._lock.is_some();
        assistant.stream_retention = config.stream_retention;
        assistant.shutdown_grace = config.shutdown_grace;
        let engine = Engine::start(self.store.clone(), self.env.clone(), self.bus, assistant);
        let stop = CancellationToken::new();
        let app = App::new(
            self.store.clone(),
            engine.clone(),
            self.secret_key,
            self.blobs,
            self.env,
            api_config(config),
        );
        let janitor = tokio::spawn(janitor::run(app.clone(), config.delete_grace, stop.clone()));
        let clockwork = tokio::spawn(clockwork::run(app.clone(), stop.clone()));
        let mailing = mail_config(config).map(|mail| {
            tracing::info!(server = mail.server.place(), from = %mail.from, "mails are sent");
            let (store, env) = (app.store.clone(), app.env.clone());
            tokio::spawn(mail::run(store, env, mail, stop.clone()))
        });
        let pages = web::router(&web::Config {
            static_dir: config.static_dir.clone(),
            help: self.help,
        });
        let limits = ServeConfig {
            connections: files::connections(config.connections.0),
            grace: LAST_WORDS,
            ..ServeConfig::default()
        };
        let router = api::router(&app, pages);
        let serving = tokio::spawn(api::serve(self.listener, router, limits, stop.clone()));
        announce(config, self.address, &self.store);

        let mut signals = self.signals;
        signals.next().await;
        tracing::info!(
            running_turns = engine.running_turns(),
            "stopping; a second signal stops at once"
        );
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(1);
        });
        // Not ready any more, but still answering: readers follow their turns to the end, and new turns are
        // refused in a way that clients understand.
        app.shutdown.cancel();
        engine.shut_down().await;
        stop.cancel();
        serving.await.context("the HTTP server failed")?;
        janitor
            .await
            .context("the erasing of deleted conversations failed")?;
        clockwork.await.context("the look for due tickets failed")?;
        if let Some(mailing) = mailing {
            mailing.await.context("the sending of mails failed")?;
        }
        self.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The two signals that ask a server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Says in the log what kind of server this is, and what its operator may not have meant.
fn announce(config: &Config, address: SocketAddr, store: &Store) {
    let provider = match config.llm_provider {
        Provider::Extractive => "extractive",
        Provider::OpenAi => "openai",
        Provider::Anthropic => "anthropic",
    };
    let model = (config.llm_provider != Provider::Extractive).then(|| model_name(config));
    tracing::info!(%address, engine = ?store.engine(), provider, model, redis = config.redis_url.is_some(), version = env!("CARGO_PKG_VERSION"), "started");
    let https = config
        .public_url
        .as_ref()
        .is_some_and(|url| url.0.starts_with("https://"));
    if !address.ip().is_loopback() && !https {
        tracing::warn!(
            "listening beyond this machine without HTTPS: keys and messages can be read on the way. Put a proxy \
             with TLS in front and set THICKET_PUBLIC_URL to its https:// address"
        );
    }
    if config.rate_limits == Switch::Off {
        tracing::warn!("all throttles are off");
    }
    #[cfg(not(feature = "otlp"))]
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        tracing::warn!(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this program was built without the feature otlp, and exports no \
             traces"
        );
    }
}

/// How mails are sent; `None`: they are not.
fn mail_config(config: &Config) -> Option<mail::Config> {
    let server = config.smtp_url.clone()?;
    let from = config.mail_from.clone().or_else(|| sender_of(config));
    Some(mail::Config::new(server, from?))
}

/// Who mails are from when nobody says it: the account that sends them, else the host that they lead to.
fn sender_of(config: &Config) -> Option<mail::From> {
    let account = config.smtp_url.as_ref()?.account();
    let host = config.public_url.as_ref().and_then(BaseUrl::host);
    let candidates = [
        account.map(str::to_owned),
        host.map(|host| format!("thicket@{host}")),
        Some("thicket@localhost".to_owned()),
    ];
    candidates
        .into_iter()
        .flatten()
        .find_map(|address| address.parse().ok())
}

fn answerer(config: &Config) -> anyhow::Result<Answerer> {
    let kind = match config.llm_provider {
        Provider::Extractive => {
            return Ok(Answerer::Extractive {
                pace: Duration::ZERO,
            });
        }
        Provider::OpenAi => llm::ProviderKind::OpenAi,
        Provider::Anthropic => llm::ProviderKind::Anthropic,
    };
    let mut provider = llm::ProviderConfig::new(kind, model_name(config));
    #[cfg(feature = "otlp")]
    {
        provider.trace_headers = crate::traces::headers;
    }
    if let Some(url) = &config.llm_base_url {
        provider.base_url.clone_from(&url.0);
    }
    let key = config.llm_api_key.as_ref();
    provider.api_key = key.map(|key| llm::Secret::new(key.reveal()));
    provider.timeouts.begin = config.llm_timeout;
    provider.timeouts.idle = config.llm_idle_timeout;
    provider.timeouts.total = config.llm_answer_timeout;
    provider.max_output_tokens = config.llm_max_output_tokens.map(|tokens| tokens.0);
    let provider = llm::Provider::new(provider).context("the language model's settings")?;
    Ok(Answerer::Model(provider))
}

fn model_name(config: &Config) -> &str {
    let default = match config.llm_provider {
        Provider::Anthropic => ANTHROPIC_MODEL,
        Provider::OpenAi | Provider::Extractive => OPENAI_MODEL,
    };
    config.llm_model.as_deref().unwrap_or(default)
}

fn api_config(config: &Config) -> ApiConfig {
    ApiConfig {
        public_url: config.public_url.as_ref().map(|url| url.0.clone()),
        trusted_proxies: config.trusted_proxies.clone(),
        body_limit: config.body_limit.0,
        rate_limits: config.rate_limits == Switch::On,
        rates: rates_of(config),
        #[cfg(feature = "otlp")]
        traces: api::JoinTrace(crate::traces::join),
        #[cfg(not(feature = "otlp"))]
        traces: ApiConfig::default().traces,
        status_codes: match config.status_codes {
            StatusCodes::Published => api::StatusCodes::Published,
            StatusCodes::Observed => api::StatusCodes::Observed,
        },
        is_mail_configured: mail_config(config).is_some(),
    }
}

fn rates_of(config: &Config) -> HashMap<&'static str, Limit> {
    HashMap::from([
        (rates::AI_BURST.name, config.ai_burst),
        (rates::AI_SUSTAINED.name, config.ai_sustained),
        (rates::AI_RESEARCH_BURST.name, config.ai_research_burst),
        (
            rates::AI_RESEARCH_SUSTAINED.name,
            config.ai_research_sustained,
        ),
        (rates::API_BURST.name, config.api_burst),
        (rates::API_SUSTAINED.name, config.api_sustained),
        (rates::LOGIN_ADDRESS.name, config.login_address),
        (rates::LOGIN_EMAIL.name, config.login_email),
        (
            rates::LOGIN_EMAIL_ANYWHERE.name,
            config.login_email_anywhere,
        ),
        (rates::REPLY_BURST.name, config.reply_burst),
        (rates::REPLY_SUSTAINED.name, config.reply_sustained),
        (rates::SUGGEST_BURST.name, config.suggest_burst),
        (rates::SUGGEST_SUSTAINED.name, config.suggest_sustained),
        (rates::WIDGET_VISITOR.name, config.widget_visitor),
        (rates::WIDGET_READS.name, config.widget_reads),
        (rates::WIDGET_WRITES.name, config.widget_writes),
        (
            rates::WIDGET_RESTORE_REQUESTS.name,
            config.widget_restore_requests,
        ),
        (rates::WIDGET_RESTORES.name, config.widget_restores),
        (rates::EXTERNAL_BURST.name, config.external_burst),
        (rates::EXTERNAL_SUSTAINED.name, config.external_sustained),
    ])
}

/// Several replicas must seal with one key, and a file in a data directory is one replica's own.
fn check_secret_key(config: &Config) -> Result<(), ConfigError> {
    if config.redis_url.is_some() && config.database_url.is_some() && config.secret_key.is_none() {
        return Err(ConfigError::about(
            "secret_key",
            "several replicas need one key; set THICKET_SECRET_KEY to the same text on each of them",
        ));
    }
    Ok(())
}

fn check_static_dir(config: &Config) -> Result<(), ConfigError> {
    match &config.static_dir {
        Some(dir) if !dir.is_dir() => Err(ConfigError::about(
            "static_dir",
            &format!("{} is not a folder", dir.display()),
        )),
        _ => Ok(()),
    }
}
