//! What thicket runs in: a data directory of its own with a project, a user and a key, and conversations if they are wanted.

use crate::child::Server;
use crate::http::{self, Prepared};
use crate::model::Ask;
use anyhow::{Context as _, ensure};
use model::conversations::ConversationType;
use model::messages::Message;
use model::{ConversationId, Env, MessageId, ProjectId, UserId};
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use store::users::NewUser;
use store::{Conn, DATABASE_FILE, Store, StoreConfig, Target, conversations, messages, users};
use tempfile::TempDir;
use uuid::Uuid;

/// Conversations of each user.
pub(crate) const CONVERSATIONS_EACH: i64 = 1_000;
/// Messages in each conversation.
pub(crate) const MESSAGES_EACH: usize = 20;

/// A data directory, removed when this is dropped.
pub(crate) struct World {
    directory: TempDir,
    project: ProjectId,
    user: UserId,
    key: String,
    env: Env,
}

impl World {
    /// A project, a user and a key, made by the command line.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut world = Self {
            directory,
            project: ProjectId(0),
            user: UserId(0),
            key: String::new(),
            env: Env::system(),
        };
        let project = world.facts(&["project", "create", "--name", "Bench"])?;
        world.project = ProjectId(project["id"].as_i64().context("the project's id")?);
        let id = world.project.0.to_string();
        let user = [
            "user",
            "create",
            "--email",
            "ada@example.com",
            "--name",
            "Ada",
            "--project",
            &id,
        ];
        let user = world.facts(&user)?;
        world.user = UserId(user["id"].as_i64().context("the user's id")?);
        let scopes = "conversation:write,ticket:write";
        let key = [
            "key",
            "create",
            "--user",
            "ada@example.com",
            "--scopes",
            scopes,
        ];
        let key = world.facts(&key)?;
        world.key = key["key"].as_str().context("the key")?.to_owned();
        Ok(world)
    }

    /// A file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, on this data directory and without any settings of whoever runs the benchmark.
    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(thicket()?);
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("THICKET_")) {
            command.env_remove(name);
        }
        command
            .current_dir(self.directory.path())
            .env("THICKET_DATA_DIR", self.path("data"));
        Ok(command)
    }

    fn facts(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.command()?.args(arguments).arg("--json").output()?;
        ensure!(
            output.status.success(),
            "thicket {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Adds users with a thousand conversations of twenty messages each, the key's own user the first of them. Gives the ids of
    /// the first user's conversations.
    pub(crate) async fn fill(&self, users: usize) -> anyhow::Result<Vec<ConversationId>> {
        let store = self.store().await?;
        let mut first = Vec::new();
        for number in 0..users {
            let (env, project, own) = (self.env.clone(), self.project, self.user);
            let ids: Vec<ConversationId> = store
                .write(move |c| {
                    Box::pin(async move {
                        let user = match number {
                            0 => own,
                            _ => users::create(c, &env, &somebody(number)).await?.id,
                        };
                        converse(c, &env, project, user).await
                    })
                })
                .await?;
            if number == 0 {
                first = ids;
            }
        }
        store.close().await;
        Ok(first)
    }

    /// Opens the database, to fill it. Close it before a server is started.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let path = self.path("data").join(DATABASE_FILE);
        Ok(Store::open(&StoreConfig::new(Target::Sqlite { path })).await?)
    }

    /// The project.
    pub(crate) fn project(&self) -> ProjectId {
        self.project
    }

    /// Time and randomness.
    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// Starts the server, with this model if there is one.
    pub(crate) fn serve(&self, model: Option<&Server>) -> anyhow::Result<Server> {
        let mut command = self.command()?;
        command
            .arg("serve")
            .env("THICKET_LISTEN", "127.0.0.1:0")
            .env("THICKET_RATE_LIMITS", "off")
            // What is logged at the default level is part of the work, so it is written, to a file.
            .stderr(Stdio::from(
                File::options()
                    .create(true)
                    .append(true)
                    .open(self.path("log"))?,
            ));
        if let Some(model) = model {
            command
                .env("THICKET_LLM_PROVIDER", "openai")
                .env(
                    "THICKET_LLM_BASE_URL",
                    format!("http://{}/v1", model.address),
                )
                .env("THICKET_LLM_TIMEOUT", "600s")
                .env("THICKET_LLM_IDLE_TIMEOUT", "600s");
        }
        Server::start(&mut command)
    }

    /// An id for a new conversation.
    pub(crate) fn new_id(&self) -> Uuid {
        self.env.uuid()
    }

    /// The path of the conversations, with something behind it.
    fn conversations(&self, rest: &str) -> String {
        format!("/api/projects/{}/conversations/{rest}", self.project)
    }

    /// A GET below the conversations.
    pub(crate) fn get(&self, rest: &str) -> anyhow::Result<Prepared> {
        http::request(&self.conversations(rest), Some(&self.key), None)
    }

    /// A POST below the conversations.
    pub(crate) fn post(&self, rest: &str, body: &Value) -> anyhow::Result<Prepared> {
        http::request(
            &self.conversations(rest),
            Some(&self.key),
            Some(body.to_string()),
        )
    }

    /// A PATCH below the conversations.
    pub(crate) fn patch(&self, rest: &str, body: &Value) -> anyhow::Result<Prepared> {
        let mut request = self.post(rest, body)?;
        *request.method_mut() = hyper::Method::PATCH;
        Ok(request)
    }

    /// A POST that asks the model in a conversation; `query` chooses the dialect.
    pub(crate) fn ask(
        &self,
        conversation: Uuid,
        ask: Ask,
        query: &str,
    ) -> anyhow::Result<Prepared> {
        let body = json!({
            "content": ask.message(), "conversation": conversation, "trace_id": self.new_id(),
        });
        self.post(query, &body)
    }
}

/// The program that is measured: it was built beside this one.
pub(crate) fn thicket() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("thicket");
    ensure!(
        path.exists(),
        "there is no {}; run scripts/bench",
        path.display()
    );
    Ok(path)
}

fn somebody(number: usize) -> NewUser {
    NewUser {
        email: format!("somebody-{number}@example.com"),
        name: "Some Body".to_owned(),
        password_hash: None,
    }
}

async fn converse(
    c: &Conn,
    env: &Env,
    project: ProjectId,
    user: UserId,
) -> Result<Vec<ConversationId>, store::Error> {
    const QUESTION: &str =
        "I exported the report yesterday, but the file never came. What did I do wrong?";
    const ANSWER: &str = "The export runs in the background, and you get an e-mail with a link when it has finished. Large \
         reports take a few minutes.\n\n1. Open **Settings → Exports** to see how far it is.\n2. If it says *failed*, start \
         it again; nothing is lost.\n3. If the mail does not come, look into the spam folder.";
    let mut ids = Vec::new();
    for number in 0..CONVERSATIONS_EACH {
        let (id, now) = (ConversationId(env.uuid()), env.now());
        let title = format!("The report that never came, part {number}");
        let mut new =
            conversations::new(project, id, user, ConversationType::Assistant, title, now);
        conversations::create(c, &new).await?;
        for position in 0..MESSAGES_EACH {
            let message_id = MessageId(env.uuid());
            let message = if position % 2 == 0 {
                Message::human(message_id, QUESTION.to_owned(), None, env.uuid())
            } else {
                Message::ai(message_id, ANSWER)
            };
            messages::append(c, &mut new, None, &message, now).await?;
        }
        conversations::save(c, &new).await?;
        ids.push(id);
    }
    Ok(ids)
}

/// The machine and the source, in one line.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name
        .and_then(|line| line.split_once(':'))
        .map_or("unknown", |(_, name)| name.trim());
    let revision = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let revision = revision.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let revision = revision.unwrap_or_default();
    format!("{cores} cores ({name}), revision {revision}")
}
