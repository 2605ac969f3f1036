//! `thicket key …`

use super::output::{Facts, Output};
use super::{Context, Usage, project, user};
use anyhow::bail;
use clap::Subcommand;
use model::scopes::Scopes;
use model::{Env, KeyId, ProjectId, secrets};
use std::collections::HashMap;
use store::keys::{self, Key};
use store::users::User;
use store::{Conn, projects, users};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an API key and print its secret, once
    Create {
        /// E-mail address or id of the person for whom the key acts
        #[arg(long)]
        user: String,
        /// What it may do, such as conversation:read,conversation:write, or * for everything
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        #[arg(long, default_value = "")]
        label: String,
        /// A project that it may be used on; several times for several [default: all]
        #[arg(long, value_name = "ID")]
        project: Vec<i64>,
        /// Free it from the throttles
        #[arg(long)]
        unthrottled: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List the keys, without their secrets
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Make a key worthless
    Revoke {
        id: Uuid,
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let env = context.env().clone();
    match command {
        Command::Create {
            user,
            scopes,
            label,
            project,
            unthrottled,
            output,
        } => {
            let wanted = Wanted {
                scopes: Scopes::parse(scopes).map_err(|error| Usage(error.to_string()))?,
                label,
                projects: project.into_iter().map(ProjectId).collect(),
                unthrottled,
            };
            let store = context.open().await?;
            let (key, secret, user) = store
                .write(move |c| {
                    Box::pin(async move {
                        let user = user::find(c, &user).await?;
                        let (key, secret) = create(c, &env, &user, wanted).await?;
                        anyhow::Ok((key, secret, user))
                    })
                })
                .await?;
            output.object(&facts(&key, &user.email).with("key", secret))?;
        }
        Command::List { output } => {
            let store = context.open().await?;
            let rows = store.read(|c| Box::pin(list(c))).await?;
            output.list(&rows)?;
        }
        Command::Revoke { id, output } => {
            let store = context.open().await?;
            let key = store
                .write(move |c| {
                    Box::pin(async move {
                        let revoked = keys::revoke(c, KeyId(id), env.now()).await?;
                        match keys::find(c, KeyId(id)).await? {
                            None => bail!("there is no key {id}"),
                            Some(_) if !revoked => bail!("key {id} has been revoked already"),
                            Some(key) => Ok(key),
                        }
                    })
                })
                .await?;
            let revoked_at = key.revoked_at.map(|at| at.to_string());
            let facts = Facts::new().with("id", key.id.to_string());
            output.object(&facts.with("revoked_at", revoked_at))?;
        }
    }
    Ok(())
}

/// What a new key is to be.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// What it may do.
    pub scopes: Scopes,
    /// What its owner calls it.
    pub label: String,
    /// The only projects it may be used on; none means all.
    pub projects: Vec<ProjectId>,
    /// The throttles do not apply.
    pub unthrottled: bool,
}

/// Makes a key. Returns it with its secret, which is stored nowhere.
///
/// # Errors
/// An unknown project, or a store that fails.
pub(crate) async fn create(
    c: &Conn,
    env: &Env,
    user: &User,
    wanted: Wanted,
) -> anyhow::Result<(Key, String)> {
    for id in &wanted.projects {
        if projects::find(c, *id).await?.is_none() {
            return Err(project::unknown(*id));
        }
    }
    let secret = secrets::personal_key(env);
    let key = Key {
        id: KeyId(env.uuid()),
        user_id: user.id,
        label: wanted.label.trim().to_owned(),
        mask: secrets::mask(&secret),
        scopes: wanted.scopes,
        scoped_projects: wanted.projects,
        scoped_organizations: Vec::new(),
        unthrottled: wanted.unthrottled,
        created_at: env.now(),
        last_used_at: None,
        revoked_at: None,
    };
    keys::create(c, &key, &secrets::digest(&secret)).await?;
    Ok((key, secret))
}

async fn list(c: &Conn) -> anyhow::Result<Vec<Facts>> {
    let users = users::list(c).await?;
    let emails: HashMap<_, _> = users.iter().map(|user| (user.id, &user.email)).collect();
    let keys = keys::list(c).await?;
    Ok(keys
        .iter()
        .map(|key| {
            let email = emails.get(&key.user_id).map_or("", |email| email.as_str());
            facts(key, email)
                .with("last_used_at", key.last_used_at.map(|at| at.to_string()))
                .with("revoked_at", key.revoked_at.map(|at| at.to_string()))
        })
        .collect())
}

fn facts(key: &Key, email: &str) -> Facts {
    let projects: Vec<i64> = key.scoped_projects.iter().map(|id| id.0).collect();
    Facts::new()
        .with("id", key.id.to_string())
        .with("user", email)
        .with("label", key.label.as_str())
        .with("mask", key.mask.as_str())
        .with("scopes", key.scopes.texts())
        .with("projects", projects)
        .with("unthrottled", key.unthrottled)
        .with("created_at", key.created_at.to_string())
}
