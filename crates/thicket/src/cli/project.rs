//! `thicket project …`

use super::output::{Facts, Output};
use super::{Context, Usage};
use anyhow::{anyhow, bail};
use clap::Subcommand;
use model::settings::ProjectSettings;
use model::{Env, FieldError, OrganizationId, ProjectId};
use store::organizations::{self, Organization};
use store::project_log::Author;
use store::projects::{self, Project};
use store::sealed::SecretKey;
use store::{Conn, Store};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project and print it with its tokens
    Create {
        #[arg(long)]
        name: String,
        /// Name or id of its organisation. An unknown name makes a new one; without this the project gets one
        /// of its own
        #[arg(long)]
        organization: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Print a project with its tokens and settings
    Show {
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Change settings of a project; "default" undoes one
    Set {
        id: i64,
        /// Settings to change, such as timezone=Europe/Berlin; docs/operations.md lists them
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List the projects
    List {
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Create {
            name,
            organization,
            output,
        } => {
            let store = context.create().await?;
            let env = context.env();
            let key = context.secret_key()?;
            let (project, secret) = create(&store, env, key, name, organization).await?;
            output.object(&facts(&project, &secret))?;
        }
        Command::Show { id, output } => {
            let store = context.open().await?;
            print(&store, context, ProjectId(id), output).await?;
        }
        Command::Set {
            id,
            settings,
            output,
        } => {
            let store = context.open().await?;
            let id = ProjectId(id);
            set(&store, context.env(), id, settings).await?;
            print(&store, context, id, output).await?;
        }
        Command::List { output } => {
            let store = context.open().await?;
            let list = store.read(|c| Box::pin(projects::list(c))).await?;
            let rows: Vec<Facts> = list.iter().map(row).collect();
            output.list(&rows)?;
        }
    }
    Ok(())
}

/// Makes a project, and an organisation if it needs a new one. Returns it with its secret token.
///
/// # Errors
/// No name, an unknown organisation id, or a store that fails.
pub(crate) async fn create(
    store: &Store,
    env: &Env,
    key: SecretKey,
    name: String,
    organization: Option<String>,
) -> anyhow::Result<(Project, String)> {
    let name = name.trim().to_owned();
    if name.is_empty() {
        return Err(Usage("a project needs a name".to_owned()).into());
    }
    let env = env.clone();
    store
        .write(move |c| {
            Box::pin(async move {
                let organization = organization_of(c, &env, organization.as_deref(), &name).await?;
                let settings = ProjectSettings::default();
                anyhow::Ok(projects::create(c, &env, &key, organization, &name, settings).await?)
            })
        })
        .await
}

/// The organisation of this id or name; an unknown name makes one.
///
/// # Errors
/// An unknown id, or a store that fails.
pub(crate) async fn organization_of(
    c: &Conn,
    env: &Env,
    wanted: Option<&str>,
    project: &str,
) -> anyhow::Result<OrganizationId> {
    let name = match wanted.map(str::trim) {
        None => project,
        Some("") => return Err(Usage("the organisation's name is empty".to_owned()).into()),
        Some(wanted) => {
            if let Ok(id) = Uuid::parse_str(wanted) {
                return match organizations::find(c, OrganizationId(id)).await? {
                    Some(organization) => Ok(organization.id),
                    None => bail!("there is no organisation {id}"),
                };
            }
            if let Some(organization) = organizations::find_by_name(c, wanted).await? {
                return Ok(organization.id);
            }
            wanted
        }
    };
    let organization = Organization {
        id: OrganizationId(env.uuid()),
        name: name.to_owned(),
        allows_personal_api_keys: true,
        created_at: env.now(),
    };
    organizations::create(c, &organization).await?;
    Ok(organization.id)
}

/// Sets `KEY=VALUE` texts. All of them, or, when one is wrong, none.
///
/// # Errors
/// A text that is no setting, an unknown project, or a store that fails.
pub(crate) async fn set(
    store: &Store,
    env: &Env,
    id: ProjectId,
    changes: Vec<String>,
) -> anyhow::Result<()> {
    let env = env.clone();
    store
        .write(move |c| {
            Box::pin(async move {
                let mut project = projects::lock(c, id).await?.ok_or_else(|| unknown(id))?;
                let before = project.clone();
                for change in &changes {
                    apply(&mut project, change)?;
                }
                projects::update(c, &env, &mut project).await?;
                let author = Author {
                    project: id,
                    name: project.name.clone(),
                    user: None,
                    client: Some("command line".to_owned()),
                    env,
                };
                author.changed(c, &before, &project).await?;
                anyhow::Ok(())
            })
        })
        .await
}

fn apply(project: &mut Project, change: &str) -> Result<(), Usage> {
    let (name, value) = change
        .split_once('=')
        .ok_or_else(|| Usage(format!("{change:?} is not of the form KEY=VALUE")))?;
    if name == "name" {
        if value.trim().is_empty() {
            return Err(Usage("a project needs a name".to_owned()));
        }
        project.name = value.trim().to_owned();
        return Ok(());
    }
    project
        .settings
        .set_text(name, value)
        .map_err(|FieldError { detail, .. }| Usage(format!("{name}: {detail}")))
}

async fn print(
    store: &Store,
    context: &Context,
    id: ProjectId,
    output: Output,
) -> anyhow::Result<()> {
    let key = context.secret_key()?;
    let (project, secret) = store
        .read(move |c| {
            Box::pin(async move {
                let project = projects::find(c, id).await?.ok_or_else(|| unknown(id))?;
                let secret = projects::find_secret(c, &key, id).await?;
                anyhow::Ok((project, secret))
            })
        })
        .await?;
    output.object(&facts(&project, &secret))?;
    Ok(())
}

/// What is said of a project that does not exist.
pub(crate) fn unknown(id: ProjectId) -> anyhow::Error {
    anyhow!("there is no project {id}; \"thicket project list\" shows those that exist")
}

fn facts(project: &Project, secret: &str) -> Facts {
    let mut facts = Facts::new()
        .with("id", project.id.0)
        .with("name", project.name.as_str())
        .with("organization_id", project.organization_id.to_string())
        .with("public_token", project.public_token.as_str())
        .with("secret_token", secret)
        .with("widget_token", project.widget_token.clone())
        .with("created_at", project.created_at.to_string());
    let values = project.settings.to_json();
    for setting in model::settings::SETTINGS {
        let value = values.get(setting.name).cloned().unwrap_or_default();
        facts = facts.with(setting.name, value);
    }
    facts
}

fn row(project: &Project) -> Facts {
    Facts::new()
        .with("id", project.id.0)
        .with("name", project.name.as_str())
        .with("organization_id", project.organization_id.to_string())
        .with("public_token", project.public_token.as_str())
        .with("created_at", project.created_at.to_string())
}
