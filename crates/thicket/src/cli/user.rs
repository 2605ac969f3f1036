//! `thicket user …`

use super::output::{Facts, Output};
use super::{Context, Usage, project};
use anyhow::Context as _;
use clap::Subcommand;
use model::fields::{Email, Kind as _};
use model::passwords::{self, Password};
use model::{Env, MemberLevel, ProjectId};
use serde_json::Value;
use std::io::{IsTerminal as _, Read as _};
use store::users::{self, NewUser, User};
use store::{Conn, Store, organizations, projects, sessions};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a person, or let one who exists into another organisation
    Create {
        #[arg(long)]
        email: String,
        /// First and last name
        #[arg(long)]
        name: String,
        /// A project of the organisation that the person joins
        #[arg(long, value_name = "ID")]
        project: i64,
        /// admin or member [default: admin for the first of an organisation, else member]
        #[arg(long)]
        role: Option<MemberLevel>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Give a person a new password, read from standard input; where they are signed in they no longer are
    SetPassword {
        /// E-mail address or number
        #[arg(long)]
        user: String,
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Create {
            email,
            name,
            project,
            role,
            password_stdin,
            output,
        } => {
            let email = check_email(&email)?;
            let name = name.trim().to_owned();
            if name.is_empty() {
                return Err(Usage("a person needs a name".to_owned()).into());
            }
            let password_hash = if password_stdin {
                Some(passwords::hash(context.env(), &password_from_stdin()?)?)
            } else {
                None
            };
            let store = context.open().await?;
            let new = NewUser {
                email,
                name,
                password_hash,
            };
            let joined = create(&store, context.env(), new, ProjectId(project), role).await?;
            output.object(&facts(&joined))?;
        }
        Command::SetPassword { user, output } => {
            let hash = passwords::hash(context.env(), &password_from_stdin()?)?;
            let store = context.open().await?;
            let user = set_password(&store, user, hash).await?;
            output.object(&facts_of(&user))?;
        }
    }
    Ok(())
}

/// Gives a person a new password, and ends their sessions: whoever knew the old one is out. Their API keys stay.
async fn set_password(store: &Store, who: String, hash: String) -> anyhow::Result<User> {
    store
        .write(move |c| {
            Box::pin(async move {
                let user = find(c, &who).await?;
                users::set_password(c, user.id, &hash).await?;
                sessions::delete_of_user(c, user.id, None).await?;
                anyhow::Ok(user)
            })
        })
        .await
}

/// A person and the organisation just joined.
pub(crate) struct Joined {
    /// The person.
    pub user: User,
    organization_id: String,
    level: MemberLevel,
}

/// Adds a person to a project's organisation. Who exists already keeps name and, unless a new one is given,
/// password; a new one ends the person's sessions.
///
/// # Errors
/// An unknown project, or a store that fails.
pub(crate) async fn create(
    store: &Store,
    env: &Env,
    new: NewUser,
    project: ProjectId,
    level: Option<MemberLevel>,
) -> anyhow::Result<Joined> {
    let env = env.clone();
    store
        .write(move |c| {
            Box::pin(async move {
                let organization = projects::find(c, project)
                    .await?
                    .ok_or_else(|| project::unknown(project))?
                    .organization_id;
                let user = match users::find_by_email(c, &new.email).await? {
                    None => users::create(c, &env, &new).await?,
                    Some(user) => {
                        if let Some(hash) = &new.password_hash {
                            users::set_password(c, user.id, hash).await?;
                            sessions::delete_of_user(c, user.id, None).await?;
                        }
                        user
                    }
                };
                let known = organizations::find_level(c, organization, user.id).await?;
                let level = match (level, known) {
                    (Some(level), _) | (None, Some(level)) => level,
                    (None, None) if organizations::has_members(c, organization).await? => {
                        MemberLevel::Member
                    }
                    (None, None) => MemberLevel::Admin,
                };
                organizations::set_member(c, organization, user.id, level, env.now()).await?;
                anyhow::Ok(Joined {
                    user,
                    organization_id: organization.to_string(),
                    level,
                })
            })
        })
        .await
}

/// Finds a person by e-mail address or number.
///
/// # Errors
/// There is no such person, or the store fails.
pub(crate) async fn find(c: &Conn, who: &str) -> anyhow::Result<User> {
    let user = match who.parse() {
        Ok(id) => users::find(c, model::UserId(id)).await?,
        Err(_) => users::find_by_email(c, who).await?,
    };
    user.with_context(|| format!("there is no user {who}"))
}

fn check_email(email: &str) -> Result<String, Usage> {
    Email
        .read(&Value::String(email.trim().to_owned()), "email")
        .map_err(|error| Usage(format!("{email:?}: {}", error.detail)))
}

fn password_from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    let stdin = std::io::stdin();
    // Whoever sits there would wait for a program that waits for them.
    if stdin.is_terminal() {
        eprintln!("Type the password, which is shown as you type, then Enter and Ctrl-D.");
    }
    stdin
        .take(4096)
        .read_to_string(&mut text)
        .context("the password cannot be read from standard input")?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    Password::new()
        .read(&Value::String(password.to_owned()), "password")
        .map_err(|error| anyhow::anyhow!(error.detail))
}

fn facts(joined: &Joined) -> Facts {
    facts_of(&joined.user)
        .with("organization_id", joined.organization_id.as_str())
        .with("role", joined.level.as_str())
}

fn facts_of(user: &User) -> Facts {
    Facts::new()
        .with("id", user.id.0)
        .with("uuid", user.uuid.to_string())
        .with("email", user.email.as_str())
        .with("first_name", user.first_name.as_str())
        .with("last_name", user.last_name.as_str())
}
