//! `thicket demo`: a server with something in it to talk to.

mod desk;
mod sample;

use crate::cli::{key, output, project, user};
use crate::config::{Config, Switch};
use crate::data::{create_data_dir, write_private};
use crate::serve::Server;
use anyhow::{Context as _, bail};
use assistant::Answerer;
use assistant::knowledge::import_dir;
use model::articles::ArticleChange;
use model::scopes::Scopes;
use model::{Env, ProjectId};
use rust_embed::Embed;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::users::{NewUser, User};
use store::{Conn, Store, articles, keys, projects, users};

const EMAIL: &str = "demo@example.com";
const KEY_LABEL: &str = "demo";
const QUESTION: &str = "What happens to an answer when I close the tab?";

/// Between the words of an answer that costs no time to make, so that one can see it stream.
const PACE: Duration = Duration::from_millis(25);

/// The file in the data directory, which only its owner can read, with the password: a browser that is signed in stays so
/// over a restart.
const PASSWORD: &str = "demo-password";

/// The folder in the data directory into which the sample articles are unpacked.
const ARTICLES: &str = "demo-articles";

#[derive(Embed)]
#[folder = "demo/articles/"]
struct Articles;

/// What a person needs to begin.
struct Welcome {
    project: ProjectId,
    password: String,
    key: String,
}

/// Fills the store, prints how to talk to it, and serves.
///
/// # Errors
/// As [`Server::prepare`] and [`Server::run`]; or the store belongs to something that is no demonstration.
pub(crate) async fn run(mut config: Config, env: &Env) -> anyhow::Result<()> {
    config.rate_limits = Switch::Off;
    let mut server = Server::prepare(&config, env, true).await?;
    if let Answerer::Extractive { pace } = server.answerer() {
        *pace = PACE;
    }
    let welcome = fill(&server, &config.data_dir, env).await?;
    server.show_help(help_pages());
    output::print(&greeting(&server.url(), &welcome, env))?;
    server.run(&config).await
}

async fn fill(server: &Server, data_dir: &Path, env: &Env) -> anyhow::Result<Welcome> {
    let store = server.store();
    let found = find_project(store).await?;
    let id = match found {
        Some(id) => id,
        None => {
            let secret_key = server.secret_key().clone();
            let name = "Thicket demo".to_owned();
            let (project, _) = project::create(store, env, secret_key, name, None).await?;
            project.id
        }
    };
    let known = known_password(store, data_dir).await?;
    let password = known.clone().unwrap_or_else(|| secret(env));
    let person = NewUser {
        email: EMAIL.to_owned(),
        name: "Demo Person".to_owned(),
        // Setting it would end the sessions of browsers that are open.
        password_hash: match known {
            Some(_) => None,
            None => Some(model::passwords::hash(env, &password)?),
        },
    };
    create_data_dir(data_dir)?;
    write_private(&data_dir.join(PASSWORD), &password).context("the demonstration's password")?;
    let joined = user::create(store, env, person, id, None).await?;
    if found.is_none() {
        fill_desk(store, env, id, joined.user.clone()).await?;
    }
    // Only now, or the assistant would answer the sample's customers.
    project::set(store, env, id, vec!["ai_replies=answer".to_owned()]).await?;
    let key = fresh_key(store, env, joined.user).await?;
    let folder = unpack_articles(data_dir)?;
    let report = import_dir(store, env, id, &folder, |_| {}).await?;
    if let Some((file, reason)) = report.skipped.first() {
        tracing::warn!("{file} in {} was not imported: {reason}", folder.display());
    }
    link_articles(server, env, id).await?;
    Ok(Welcome {
        project: id,
        password,
        key,
    })
}

/// Puts the sample's colleagues, macros and tickets into a project, all of them or none.
async fn fill_desk(store: &Store, env: &Env, id: ProjectId, me: User) -> anyhow::Result<()> {
    let desk = sample::read()?;
    let mut agents = Vec::new();
    for agent in &desk.agents {
        let colleague = NewUser {
            email: agent.email.clone(),
            name: agent.name.clone(),
            password_hash: None,
        };
        let joined = user::create(store, env, colleague, id, None).await?;
        agents.push(joined.user);
    }
    let people = desk::people(me, agents);
    let now = env.now();
    store
        .write(move |c| {
            Box::pin(async move {
                let project = projects::find(c, id).await?;
                let project = project.ok_or_else(|| project::unknown(id))?;
                let place = desk::Place {
                    project: id,
                    organization: project.organization_id,
                    people,
                    now,
                };
                desk::play(c, &place, desk).await
            })
        })
        .await
}

/// The password of an earlier start, if it is still the right one.
async fn known_password(store: &Store, data_dir: &Path) -> anyhow::Result<Option<String>> {
    let Ok(password) = fs::read_to_string(data_dir.join(PASSWORD)) else {
        return Ok(None);
    };
    let login = store
        .read(|c| Box::pin(users::find_login(c, EMAIL)))
        .await?;
    let hash = login.and_then(|login| login.password_hash);
    let is_right = hash.is_some_and(|hash| model::passwords::is_right(&password, &hash));
    Ok(is_right.then_some(password))
}

/// The sample articles as pages of this server, for the links of answers to lead to.
fn help_pages() -> Vec<web::HelpPage> {
    let files =
        Articles::iter().filter_map(|name| Some((slug(&name)?.to_owned(), Articles::get(&name)?)));
    let mut pages: Vec<_> = files
        .map(|(slug, file)| {
            let markdown = String::from_utf8_lossy(&file.data).into_owned();
            let heading = markdown.lines().find_map(|line| line.strip_prefix("# "));
            let title = heading.unwrap_or(&slug).to_owned();
            web::HelpPage {
                slug,
                title,
                markdown,
            }
        })
        .collect();
    pages.sort_by(|a, b| a.title.cmp(&b.title));
    pages
}

fn slug(file_name: &str) -> Option<&str> {
    file_name.strip_suffix(".md")
}

/// Gives the sample articles the address of their page, which may change from start to start.
async fn link_articles(server: &Server, env: &Env, project: ProjectId) -> anyhow::Result<()> {
    for name in Articles::iter() {
        let Some(slug) = slug(&name) else { continue };
        let source = format!("{ARTICLES}/{name}");
        let url = format!("{}/help/{slug}", server.url());
        let now = env.now();
        server
            .store()
            .write(move |c| {
                Box::pin(async move {
                    let found = articles::find_by_source(c, project, &source).await?;
                    // A link that somebody else has given stays.
                    let ours = |url: &Option<String>| {
                        url.as_ref().is_none_or(|url| url.contains("/help/"))
                    };
                    if let Some(article) =
                        found.filter(|it| ours(&it.url) && it.url.as_ref() != Some(&url))
                    {
                        let change = ArticleChange {
                            url: Some(Some(url)),
                            ..ArticleChange::default()
                        };
                        articles::update(c, project, article.id, &change, now).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            })
            .await?;
    }
    Ok(())
}

/// The project of an earlier demonstration.
async fn find_project(store: &Store) -> anyhow::Result<Option<ProjectId>> {
    store
        .read(|c| {
            Box::pin(async move {
                if let Some(user) = users::find_by_email(c, EMAIL).await? {
                    return Ok(projects::first_of_user(c, user.id).await?);
                }
                if !projects::list(c).await?.is_empty() {
                    bail!(
                        "this database has projects already, and none is a demonstration; choose another \
                         folder with --data-dir"
                    );
                }
                Ok(None)
            })
        })
        .await
}

/// The secret of a key is stored nowhere, so every start makes a new key and revokes those of earlier starts.
async fn fresh_key(store: &Store, env: &Env, user: User) -> anyhow::Result<String> {
    let env = env.clone();
    store
        .write(move |c| {
            Box::pin(async move {
                revoke_former(c, &env, &user).await?;
                let wanted = key::Wanted {
                    scopes: Scopes::everything(),
                    label: KEY_LABEL.to_owned(),
                    projects: Vec::new(),
                    unthrottled: true,
                };
                let (_, secret) = key::create(c, &env, &user, wanted).await?;
                anyhow::Ok(secret)
            })
        })
        .await
}

async fn revoke_former(c: &Conn, env: &Env, user: &User) -> store::Result<()> {
    for key in keys::list_of_user(c, user.id).await? {
        if key.label == KEY_LABEL && key.revoked_at.is_none() {
            keys::revoke(c, key.id, env.now()).await?;
        }
    }
    Ok(())
}

/// Writes the sample articles where people can look at them. What is there already may have been edited, and stays.
fn unpack_articles(data_dir: &Path) -> anyhow::Result<PathBuf> {
    create_data_dir(data_dir)?;
    let folder = data_dir.join(ARTICLES);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for name in Articles::iter() {
        let path = folder.join(name.as_ref());
        if let Some(file) = Articles::get(&name).filter(|_| !path.exists()) {
            fs::write(&path, file.data)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(folder)
}

/// A password nobody has used before.
fn secret(env: &Env) -> String {
    let mut bytes = [0; 9];
    env.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn greeting(url: &str, welcome: &Welcome, env: &Env) -> String {
    let Welcome {
        project,
        password,
        key,
    } = welcome;
    let body = serde_json::json!({
        "content": QUESTION,
        "conversation": env.uuid(),
        "trace_id": env.uuid(),
    });
    format!(
        "listening on {url}

  Page      {url}/
  Help      {url}/help/
  API       {url}/api/docs
  Project   {project}
  Login     {EMAIL}  {password}
  API key   {key}

Ask something, from another terminal:

curl -N '{url}/api/environments/{project}/conversations?stream=delta' -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'

Ctrl-C stops the server; what it knows stays in the data directory.
"
    )
}
