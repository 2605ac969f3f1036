//! A server over a fresh store, with an organisation, two projects and two people.

use crate::{ApiConfig, App, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get;
use model::scopes::Scopes;
use model::settings::ProjectSettings;
use model::{
    Env, KeyId, ManualClock, MemberLevel, OrganizationId, ProjectId, SystemRng, Timestamp, UserId,
    secrets,
};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::Engine;
use store::keys::Key;
use store::organizations::Organization;
use store::sealed::SecretKey;
use store::testing::TestStore;
use store::users::{NewUser, User};
use tower::ServiceExt as _;

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

/// Everything a test of the HTTP side needs. Ada administers organisation and projects; Eve is no member.
pub(super) struct Server {
    pub(super) app: App,
    pub(super) clock: Arc<ManualClock>,
    pub(super) organization: OrganizationId,
    pub(super) project: ProjectId,
    /// Of an organisation of its own, whose only member is Eve.
    pub(super) foreign: ProjectId,
    pub(super) ada: User,
    pub(super) eve: User,
    router: Router,
    _store: TestStore,
}

/// An answer, taken in whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {:?}", self.text))
    }

    /// Status, code and detail of an error envelope.
    pub(super) fn error(&self) -> (u16, String, String) {
        let envelope = self.json();
        let text = |name: &str| envelope[name].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), text("code"), text("detail"))
    }
}

/// A request to be sent.
pub(super) fn request(method: &str, path: &str) -> RequestBuilder {
    RequestBuilder {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        headers: HeaderMap::new(),
        body: String::new(),
    }
}

pub(super) struct RequestBuilder {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl RequestBuilder {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(super) fn json(self, body: &str) -> Self {
        self.body("application/json", body)
    }

    pub(super) fn body(mut self, content_type: &str, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.header("content-type", content_type)
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::start_with(ApiConfig::default()).await
    }

    pub(super) async fn start_with(config: ApiConfig) -> Self {
        super::log::install();
        let store = TestStore::open(Engine::Sqlite, "api")
            .await
            .unwrap()
            .unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let env = Env::new(clock.clone(), Arc::new(SystemRng));
        let key = SecretKey::from_text("sixteen characters").unwrap();
        let answerer = assistant::Answerer::Extractive {
            pace: Duration::ZERO,
        };
        let engine_config = assistant::Config::new(answerer);
        let engine = assistant::Engine::start(
            store.clone(),
            env.clone(),
            bus::Bus::in_process(),
            engine_config,
        );
        let folder = store.place().data_dir().join(store::ATTACHMENTS);
        let blobs = blobs::Blobs::open(&blobs::Place::Folder(folder)).unwrap();
        let app = App::new(store.clone(), engine, key, blobs, env, config);
        let pages = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/boom", get(boom));
        let router = router(&app, pages);
        let (organization, project, ada) = tenant(&app, "Acme", "ada@example.com").await;
        let (_, foreign, eve) = tenant(&app, "Other", "eve@example.com").await;
        Self {
            app,
            clock,
            organization,
            project,
            foreign,
            ada,
            eve,
            router,
            _store: store,
        }
    }

    /// A key of Ada's with these scopes.
    pub(super) async fn key(&self, scopes: &[&str]) -> String {
        self.key_of(self.ada.id, scopes, |_| {}).await
    }

    /// A key of anybody's, changed before it is stored.
    pub(super) async fn key_of(
        &self,
        user: UserId,
        scopes: &[&str],
        change: impl FnOnce(&mut Key),
    ) -> String {
        let secret = secrets::personal_key(&self.app.env);
        let mut key = Key {
            id: KeyId(self.app.env.uuid()),
            user_id: user,
            label: "test".to_owned(),
            mask: secrets::mask(&secret),
            scopes: Scopes::parse(scopes).unwrap(),
            scoped_projects: Vec::new(),
            scoped_organizations: Vec::new(),
            unthrottled: false,
            created_at: NOW,
            last_used_at: None,
            revoked_at: None,
        };
        change(&mut key);
        let digest = secrets::digest(&secret);
        self.app
            .store
            .write(move |c| Box::pin(async move { store::keys::create(c, &key, &digest).await }))
            .await
            .unwrap();
        secret
    }

    /// Sets settings of the first project.
    pub(super) async fn set(&self, name: &'static str, value: Value) {
        let (env, id) = (self.app.env.clone(), self.project);
        self.app
            .store
            .write(move |c| {
                Box::pin(async move {
                    let mut project = store::projects::lock(c, id).await?.unwrap();
                    project.settings.set(name, &value).unwrap();
                    store::projects::update(c, &env, &mut project).await
                })
            })
            .await
            .unwrap();
        self.app.forget_cached();
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.clock.advance_micros(seconds * 1_000_000);
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Answer {
        let mut builder = Request::builder().method(request.method).uri(&request.path);
        *builder.headers_mut().unwrap() = request.headers;
        let request = builder.body(Body::from(request.body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str, key: &str) -> Answer {
        self.send(request("GET", path).key(key)).await
    }
}

async fn boom() -> &'static str {
    panic!("a defect in a handler")
}

async fn tenant(
    app: &App,
    name: &'static str,
    email: &'static str,
) -> (OrganizationId, ProjectId, User) {
    let (env, key) = (app.env.clone(), app.secret_key.clone());
    let created = app.store.write(move |c| {
        Box::pin(async move {
            let id = OrganizationId(env.uuid());
            let organization = Organization {
                id,
                name: name.to_owned(),
                allows_personal_api_keys: true,
                created_at: env.now(),
            };
            store::organizations::create(c, &organization).await?;
            let settings = ProjectSettings::default();
            let (project, _) = store::projects::create(c, &env, &key, id, name, settings).await?;
            let new = NewUser {
                email: email.to_owned(),
                name: "Ada Lovelace".to_owned(),
                password_hash: None,
            };
            let user = store::users::create(c, &env, &new).await?;
            let level = MemberLevel::Admin;
            store::organizations::set_member(c, id, user.id, level, env.now()).await?;
            Ok::<_, store::Error>((id, project.id, user))
        })
    });
    created.await.unwrap()
}
