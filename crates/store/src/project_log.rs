//! What the log of changes says of a project itself: its settings, its secrets, its mails, what the assistant draws on, its tags, and
//! who belongs to it.

use crate::activity::{self, NewActivity};
use crate::projects::{self, Project};
use crate::{Conn, Result};
use model::settings::SETTINGS;
use model::{Env, MemberLevel, OrganizationId, ProjectId, UserId};
use serde_json::{Map, Value, json};

/// Who acts on which project.
#[derive(Clone)]
pub struct Author {
    /// The project.
    pub project: ProjectId,
    /// Its name, or what of it is acted on.
    pub name: String,
    /// The person; none on the command line.
    pub user: Option<UserId>,
    /// What the client calls itself.
    pub client: Option<String>,
    /// Where times and ids come from.
    pub env: Env,
}

impl Author {
    /// Records something that was done to the project as a whole.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn did(&self, c: &Conn, what: &'static str) -> Result<()> {
        self.record(c, what, &self.name, Vec::new()).await
    }

    /// Records something that was done to a part of it that has a name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn did_to(&self, c: &Conn, what: &'static str, name: &str) -> Result<()> {
        self.record(c, what, name, Vec::new()).await
    }

    /// Records that something with a name has another now, or is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replaced(
        &self,
        c: &Conn,
        what: &'static str,
        before: &str,
        after: Option<&str>,
    ) -> Result<()> {
        let name = change("name", json!(before), json!(after));
        self.record(c, what, before, vec![name]).await
    }

    /// Records what is different now; nothing, when nothing is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn changed(&self, c: &Conn, before: &Project, after: &Project) -> Result<()> {
        let (old, new) = (before.settings.to_json(), after.settings.to_json());
        let settings = SETTINGS
            .iter()
            .filter(|setting| old.get(setting.name) != new.get(setting.name))
            .map(|setting| {
                let value = |of: &Map<String, Value>| of.get(setting.name).cloned();
                change(setting.name, json!(value(&old)), json!(value(&new)))
            });
        let name = (before.name != after.name)
            .then(|| change("name", json!(before.name), json!(after.name)));
        let changes: Vec<Value> = name.into_iter().chain(settings).collect();
        if changes.is_empty() {
            return Ok(());
        }
        self.record(c, "updated", &after.name, changes).await
    }

    async fn record(
        &self,
        c: &Conn,
        activity: &'static str,
        name: &str,
        changes: Vec<Value>,
    ) -> Result<()> {
        let new = NewActivity {
            id: self.env.uuid(),
            scope: "Project",
            item_id: self.project.to_string(),
            activity,
            user_id: self.user,
            detail: json!({"name": name, "changes": changes}).to_string(),
            client: self.client.clone(),
        };
        activity::append(c, self.project, &new, self.env.now()).await
    }
}

/// Who acts on an organisation: each of its projects has a log.
#[derive(Clone)]
pub struct OrganizationAuthor {
    /// The organisation.
    pub organization: OrganizationId,
    /// The person.
    pub user: UserId,
    /// What the client calls itself.
    pub client: Option<String>,
    /// Where times and ids come from.
    pub env: Env,
}

impl OrganizationAuthor {
    /// Records something that was done to somebody, who is named by their address.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn did_to(&self, c: &Conn, what: &'static str, email: &str) -> Result<()> {
        self.record(c, what, email, Vec::new()).await
    }

    /// Records that somebody may do more than before, or less.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn changed_level(
        &self,
        c: &Conn,
        email: &str,
        before: MemberLevel,
        after: MemberLevel,
    ) -> Result<()> {
        let level = change("level", json!(before.as_str()), json!(after.as_str()));
        self.record(c, "member_level_changed", email, vec![level])
            .await
    }

    async fn record(
        &self,
        c: &Conn,
        what: &'static str,
        email: &str,
        changes: Vec<Value>,
    ) -> Result<()> {
        for project in projects::list_of_organization(c, self.organization).await? {
            let author = Author {
                project,
                name: email.to_owned(),
                user: Some(self.user),
                client: self.client.clone(),
                env: self.env.clone(),
            };
            author.record(c, what, email, changes.clone()).await?;
        }
        Ok(())
    }
}

fn change(field: &str, before: Value, after: Value) -> Value {
    json!({"type": "Project", "field": field, "action": "changed", "before": before, "after": after})
}
