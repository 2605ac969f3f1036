//! `thicket role …`

use super::output::{Facts, Output};
use super::{Context, Usage, project, user};
use anyhow::{anyhow, bail};
use clap::Subcommand;
use model::{OrganizationId, ProjectId, RoleId};
use store::organizations::Organization;
use store::roles::{self, Role};
use store::{Conn, organizations, projects};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a role that tickets can be assigned to
    Create {
        #[arg(long)]
        name: String,
        /// A project of the organisation that the role is for
        #[arg(long, value_name = "ID")]
        project: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Put a person into a role
    Add {
        /// Name or id of the role
        #[arg(long)]
        role: String,
        /// E-mail address or id of the person
        #[arg(long)]
        user: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the roles and who is in them
    List {
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let store = context.open().await?;
    let env = context.env().clone();
    match command {
        Command::Create {
            name,
            project,
            output,
        } => {
            let name = name.trim().to_owned();
            if name.is_empty() {
                return Err(Usage("a role needs a name".to_owned()).into());
            }
            let role = store
                .write(move |c| Box::pin(async move { create(c, &env, name, project).await }))
                .await?;
            output.object(&facts(&role))?;
        }
        Command::Add { role, user, output } => {
            let (role, email) = store
                .write(move |c| {
                    Box::pin(async move {
                        let user = user::find(c, &user).await?;
                        let organizations = organizations::list_of_user(c, user.id).await?;
                        let organizations = organizations.into_iter().map(|(one, _)| one);
                        let role = find(c, organizations, &role).await?;
                        let (org, id) = (role.organization_id, role.id);
                        roles::add_member(c, org, id, user.id, env.now()).await?;
                        anyhow::Ok((role, user.email))
                    })
                })
                .await?;
            output.object(&facts(&role).with("user", email))?;
        }
        Command::List { output } => {
            let rows = store.read(|c| Box::pin(list(c))).await?;
            output.list(&rows)?;
        }
    }
    Ok(())
}

async fn create(c: &Conn, env: &model::Env, name: String, project: i64) -> anyhow::Result<Role> {
    let id = ProjectId(project);
    let project = projects::find(c, id).await?;
    let role = Role {
        organization_id: project.ok_or_else(|| project::unknown(id))?.organization_id,
        id: RoleId(env.uuid()),
        name,
        created_at: env.now(),
    };
    match roles::create(c, &role).await {
        Err(error) if error.is_unique("role.organization_id,name") => {
            Err(anyhow!("there is a role {:?} already", role.name))
        }
        Err(error) => Err(error.into()),
        Ok(()) => Ok(role),
    }
}

/// Finds a role by id or name, among those of the person's organisations.
async fn find(
    c: &Conn,
    organizations: impl Iterator<Item = Organization>,
    wanted: &str,
) -> anyhow::Result<Role> {
    let id = Uuid::parse_str(wanted).ok();
    let mut found = Vec::new();
    for organization in organizations {
        found.extend(match id {
            Some(id) => roles::find(c, organization.id, RoleId(id)).await?,
            None => roles::find_by_name(c, organization.id, wanted).await?,
        });
    }
    match (found.pop(), found.is_empty()) {
        (Some(role), true) => Ok(role),
        (Some(_), false) => bail!("there are several roles {wanted:?}; name one by its id"),
        (None, _) => bail!("there is no role {wanted:?} in an organisation of this person"),
    }
}

async fn list(c: &Conn) -> anyhow::Result<Vec<Facts>> {
    let mut rows = Vec::new();
    for organization in organizations::list(c).await? {
        for role in roles::list(c, organization.id).await? {
            let members = members(c, organization.id, role.id).await?;
            rows.push(facts(&role).with("members", members));
        }
    }
    Ok(rows)
}

async fn members(
    c: &Conn,
    organization: OrganizationId,
    role: RoleId,
) -> store::Result<Vec<String>> {
    let members = roles::list_members(c, organization, role).await?;
    Ok(members.into_iter().map(|user| user.email).collect())
}

fn facts(role: &Role) -> Facts {
    Facts::new()
        .with("id", role.id.to_string())
        .with("name", role.name.as_str())
        .with("organization_id", role.organization_id.to_string())
}
