//! A whole server in the test's process.

use crate::client::{Api, Chat, Session};
use crate::clock::ShiftedClock;
use api::{ApiConfig, App, ServeConfig};
use assistant::{Answerer, Config};
use blobs::{Blobs, Place};
use bus::{Bus, RedisUrl};
use llm::{Provider, ProviderConfig, ProviderKind};
use model::settings::ProjectSettings;
use model::{
    Env, MemberLevel, OrganizationId, ProjectId, SystemRng, UserId, scopes::Scopes, secrets,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::organizations::{self, Organization};
use store::sealed::SecretKey;
use store::testing::TestPlace;
use store::{Engine, Store, keys, projects, users};
use stubmodel::StubModel;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How a server is to be set up; change what matters to the test, then [`Setup::start`] it.
pub struct Setup {
    /// Where its data is. Kept when the server stops, so that another can be started on it.
    pub place: Arc<TestPlace>,
    /// Which engine that is.
    pub engine: Engine,
    /// How turns run. By default the extractive answerer, without pauses.
    pub assistant: Config,
    /// How the HTTP side behaves. By default without throttles.
    pub api: ApiConfig,
    /// How connections are held.
    pub serve: ServeConfig,
    /// Its clock.
    pub clock: Arc<ShiftedClock>,
    /// Where its Redis is. By default it has none.
    pub redis: Option<RedisUrl>,
    /// How long its requests wait for Redis. By default long: what is tested must not depend on how busy the machine is.
    pub redis_patience: Duration,
    /// How mails are sent. By default they are not.
    pub mail: Option<mail::Config>,
}

impl Setup {
    /// The defaults on a fresh place; `None` after naming the test as skipped, when the engine cannot be had.
    pub async fn new(engine: Engine, test: &str) -> Option<Self> {
        let place = TestPlace::create(engine, test).await.unwrap()?;
        let mut assistant = Config::new(Answerer::Extractive {
            pace: Duration::ZERO,
        });
        assistant.exclusive = engine == Engine::Sqlite;
        Some(Self {
            place: Arc::new(place),
            engine,
            assistant,
            api: ApiConfig {
                rate_limits: false,
                ..ApiConfig::default()
            },
            serve: ServeConfig::default(),
            clock: Arc::default(),
            redis: None,
            redis_patience: crate::PATIENCE,
            mail: None,
        })
    }

    /// The setup of another server on the same data, by the same clock.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            place: self.place.clone(),
            engine: self.engine,
            assistant: self.assistant.clone(),
            api: self.api.clone(),
            serve: self.serve,
            clock: self.clock.clone(),
            redis: self.redis.clone(),
            redis_patience: self.redis_patience,
            mail: self.mail.clone(),
        }
    }

    /// Answers with a scripted model server, in the OpenAI format.
    #[must_use]
    pub fn answered_by(mut self, model: &StubModel) -> Self {
        let mut config = ProviderConfig::new(ProviderKind::OpenAi, "stub");
        config.base_url = model.openai_url();
        config.max_retries = 0;
        self.assistant.answerer = Answerer::Model(Provider::new(config).unwrap());
        self
    }

    /// Sends mails by way of this server, and looks for them often.
    #[must_use]
    pub fn mailed_by(mut self, server: SocketAddr) -> Self {
        let server = format!("smtp://{server}").parse().unwrap();
        let mut config = mail::Config::new(server, "thicket@example.com".parse().unwrap());
        config.look_every = Duration::from_millis(10);
        config.grace = Duration::from_millis(50);
        self.mail = Some(config);
        self.api.is_mail_configured = true;
        self
    }

    /// Starts the server on a free port of the loopback interface.
    pub async fn start(self) -> TestApp {
        let env = Env::new(self.clock.clone(), Arc::new(SystemRng));
        let store = Store::open(&self.place.config()).await.unwrap();
        let secret_key = SecretKey::from_text("a secret key for tests only").unwrap();
        let bus = match &self.redis {
            Some(url) => Bus::connect(url, self.redis_patience).await.unwrap(),
            None => Bus::in_process(),
        };
        let assistant =
            assistant::Engine::start(store.clone(), env.clone(), bus, self.assistant.clone());
        let app = App::new(
            store.clone(),
            assistant.clone(),
            secret_key.clone(),
            Blobs::open(&Place::Folder(
                self.place.data_dir().join(store::ATTACHMENTS),
            ))
            .unwrap(),
            env.clone(),
            self.api.clone(),
        );
        let router = api::router(&app, web::router(&web::Config::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = app.shutdown.clone();
        let server = tokio::spawn(api::serve(listener, router, self.serve, shutdown.clone()));
        let mailing = self.mail.clone().map(|config| {
            let (store, env) = (store.clone(), env.clone());
            tokio::spawn(mail::run(store, env, config, shutdown.clone()))
        });
        let http = crate::client::http_client();
        TestApp {
            base,
            http,
            env,
            store,
            assistant,
            app,
            secret_key,
            setup: self,
            shutdown,
            server,
            mailing,
        }
    }
}

/// A running server.
pub struct TestApp {
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    /// A client without a proxy.
    pub http: reqwest::Client,
    /// The server's time and randomness.
    pub env: Env,
    /// The server's store, for what cannot be arranged over HTTP.
    pub store: Store,
    /// The server's turns.
    pub assistant: assistant::Engine,
    /// What the server's handlers share.
    pub app: App,
    secret_key: SecretKey,
    setup: Setup,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    mailing: Option<JoinHandle<()>>,
}

/// A project with one member, who has a key for everything.
#[derive(Clone)]
pub struct Tenant {
    /// The project.
    pub project: ProjectId,
    /// Its organisation.
    pub organization: OrganizationId,
    /// The member.
    pub user: UserId,
    /// The member's key.
    pub key: String,
    /// A client that uses the key.
    pub api: Api,
}

impl Tenant {
    /// A new conversation of the member's.
    pub fn chat(&self) -> Chat {
        self.chat_with(Uuid::from_bytes(random()))
    }

    /// A conversation by its id.
    pub fn chat_with(&self, id: Uuid) -> Chat {
        Chat {
            api: self.api.clone(),
            project: self.project,
            id,
        }
    }
}

impl TestApp {
    /// Moves the server's clock on.
    pub fn advance(&self, by: Duration) {
        self.setup.clock.advance(by);
    }

    /// A new organisation with a project and a member.
    pub async fn tenant(&self) -> Tenant {
        let organization = Organization {
            id: OrganizationId(self.env.uuid()),
            name: format!("Organisation {}", self.env.uuid()),
            allows_personal_api_keys: true,
            created_at: self.env.now(),
        };
        let id = organization.id;
        self.store
            .write(move |c| Box::pin(async move { organizations::create(c, &organization).await }))
            .await
            .unwrap();
        let project = self.project(id).await;
        self.member(id, project).await
    }

    /// A further project of an organisation.
    pub async fn project(&self, organization: OrganizationId) -> ProjectId {
        let (env, key) = (self.env.clone(), self.secret_key.clone());
        self.store
            .write(move |c| {
                Box::pin(async move {
                    let settings = ProjectSettings::default();
                    let made =
                        projects::create(c, &env, &key, organization, "Test project", settings)
                            .await?;
                    Ok::<_, store::Error>(made.0.id)
                })
            })
            .await
            .unwrap()
    }

    /// A further member of an organisation, with a key for everything.
    pub async fn member(&self, organization: OrganizationId, project: ProjectId) -> Tenant {
        let env = self.env.clone();
        let user = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    let new = users::NewUser {
                        email: format!("{}@example.com", env.uuid().simple()),
                        name: "Robin Example".into(),
                        password_hash: None,
                    };
                    let user = users::create(c, &env, &new).await?;
                    organizations::set_member(
                        c,
                        organization,
                        user.id,
                        MemberLevel::Admin,
                        env.now(),
                    )
                    .await?;
                    Ok::<_, store::Error>(user.id)
                })
            })
            .await
            .unwrap();
        let key = self.key(user, &["*"]).await;
        let api = self.api(&key);
        Tenant {
            project,
            organization,
            user,
            key,
            api,
        }
    }

    /// A key of a user's with these scopes.
    pub async fn key(&self, user: UserId, scopes: &[&str]) -> String {
        self.key_with(user, scopes, |_| {}).await
    }

    /// A key of a user's, changed before it is stored.
    pub async fn key_with(
        &self,
        user: UserId,
        scopes: &[&str],
        change: impl FnOnce(&mut keys::Key),
    ) -> String {
        let secret = secrets::personal_key(&self.env);
        let mut key = keys::Key {
            id: model::KeyId(self.env.uuid()),
            user_id: user,
            label: "test".into(),
            mask: secrets::mask(&secret),
            scopes: Scopes::parse(scopes).unwrap(),
            scoped_projects: Vec::new(),
            scoped_organizations: Vec::new(),
            unthrottled: false,
            created_at: self.env.now(),
            last_used_at: None,
            revoked_at: None,
        };
        change(&mut key);
        let digest = secrets::digest(&secret);
        self.store
            .write(move |c| Box::pin(async move { keys::create(c, &key, &digest).await }))
            .await
            .unwrap();
        secret
    }

    /// Revokes a key, as the command line does: beside the server.
    pub async fn revoke(&self, key: &str) {
        let (digest, now) = (secrets::digest(key), self.env.now());
        let revoked = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    let found = keys::find_by_digest(c, &digest).await?;
                    keys::revoke(c, found.ok_or(store::Error::NoRow)?.key.id, now).await
                })
            })
            .await;
        assert!(revoked.unwrap());
    }

    /// Gives a person a password, and returns the e-mail address to sign in with.
    pub async fn set_password(&self, user: UserId, password: &str) -> String {
        let hash = model::passwords::hash(&self.env, password).unwrap();
        let user = self
            .store
            .write(move |c| {
                Box::pin(async move {
                    users::set_password(c, user, &hash).await?;
                    users::find(c, user).await
                })
            })
            .await
            .unwrap();
        user.unwrap().email
    }

    /// A client that has signed in, as a browser.
    pub async fn signed_in(&self, user: UserId) -> Api {
        const PASSWORD: &str = "correct horse battery";
        let email = self.set_password(user, PASSWORD).await;
        let body = serde_json::json!({"email": email, "password": PASSWORD});
        let stranger = self.stranger();
        let reply = stranger.post("/api/login/", &body).await.expect(200);
        stranger.with_session(Session::of(&reply).unwrap())
    }

    /// Changes a project's setting.
    pub async fn set(&self, project: ProjectId, name: &str, value: &str) {
        let (env, name, value) = (self.env.clone(), name.to_owned(), value.to_owned());
        self.store
            .write(move |c| {
                Box::pin(async move {
                    let mut project = projects::lock(c, project)
                        .await?
                        .ok_or(store::Error::NoRow)?;
                    project
                        .settings
                        .set_text(&name, &value)
                        .map_err(|error| store::Error::Internal(format!("{error:?}")))?;
                    projects::update(c, &env, &mut project).await
                })
            })
            .await
            .unwrap();
        self.app.forget_cached();
    }

    /// A client that sends a key with every request.
    pub fn api(&self, key: &str) -> Api {
        Api::new(self.http.clone(), self.base.clone(), Some(key.to_owned()))
    }

    /// A client without credentials.
    pub fn stranger(&self) -> Api {
        Api::new(self.http.clone(), self.base.clone(), None)
    }

    /// Stops as on SIGTERM; gives the setup back, so that another server can be started on the same data.
    pub async fn stop(self) -> Setup {
        let draining = self.assistant.clone();
        let drained = tokio::spawn(async move { draining.shut_down().await });
        self.shutdown.cancel();
        drained.await.unwrap();
        self.server.await.unwrap();
        if let Some(mailing) = self.mailing {
            mailing.await.unwrap();
        }
        self.store.close().await;
        self.setup
    }
}

fn random() -> [u8; 16] {
    use model::Rng;
    let mut bytes = [0; 16];
    SystemRng.fill(&mut bytes);
    bytes
}
