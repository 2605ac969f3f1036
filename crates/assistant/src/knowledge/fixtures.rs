//! A project with articles, for tests.

use model::articles::{Article, ArticleChange, Body, NewArticle};
use model::pagination::Page;
use model::settings::ProjectSettings;
use model::{ArticleId, Env, OrganizationId, ProjectId};
use store::organizations::{self, Organization};
use store::sealed::SecretKey;
use store::{Store, articles, projects};

/// A new project.
pub(super) async fn project(store: &Store) -> ProjectId {
    let made = store.write(|c| {
        Box::pin(async move {
            let env = Env::system();
            let organization = Organization {
                id: OrganizationId(env.uuid()),
                name: "O".to_owned(),
                allows_personal_api_keys: true,
                created_at: env.now(),
            };
            organizations::create(c, &organization).await?;
            let key = SecretKey::from_text(&"k".repeat(64)).unwrap();
            let settings = ProjectSettings::default();
            let (project, _) =
                projects::create(c, &env, &key, organization.id, "P", settings).await?;
            Ok::<_, store::Error>(project.id)
        })
    });
    made.await.unwrap()
}

/// A new, enabled article.
pub(super) async fn add(store: &Store, project: ProjectId, title: &str, body: &str) {
    let env = Env::system();
    let new = NewArticle {
        id: ArticleId(env.uuid()),
        title: title.to_owned(),
        body: Body::new(body.to_owned()),
        url: None,
        is_enabled: true,
        source_path: None,
    };
    let now = env.now();
    let made = store
        .write(move |c| Box::pin(async move { articles::create(c, project, &new, now).await }));
    made.await.unwrap();
}

/// Switches the article of this title off.
pub(super) async fn disable(store: &Store, project: ProjectId, title: &str) {
    let all = all(store, project).await;
    let id = all
        .iter()
        .find(|article| article.title == title)
        .unwrap()
        .id;
    let change = ArticleChange {
        is_enabled: Some(false),
        ..ArticleChange::default()
    };
    let now = Env::system().now();
    let changed = store.write(move |c| {
        Box::pin(async move { articles::update(c, project, id, &change, now).await })
    });
    changed.await.unwrap();
}

/// Title, link and switch of every article, by title.
pub(super) async fn shown(store: &Store, project: ProjectId) -> Vec<String> {
    let line = |article: Article| {
        let url = article.url.unwrap_or_else(|| "-".to_owned());
        format!("{} {url} {}", article.title, article.is_enabled)
    };
    let mut lines: Vec<String> = all(store, project).await.into_iter().map(line).collect();
    lines.sort();
    lines
}

async fn all(store: &Store, project: ProjectId) -> Vec<Article> {
    let page = Page {
        limit: 1000,
        offset: 0,
    };
    let listed = store.read(move |c| Box::pin(articles::list(c, project, page)));
    listed.await.unwrap().0
}
