//! What a body asks a key to become.

use crate::ApiError;
use model::fields::{Fields, Integer, Text, UuidKind};
use model::scopes::Scopes;
use model::{Code, FieldError, OrganizationId, ProjectId, UserId};
use store::Conn;
use store::keys::Key;

const LABEL_MAX: usize = 200;
const SCOPES_MAX: usize = 100;
/// The most projects, and the most organisations, that a key can be restricted to.
const RESTRICTIONS_MAX: usize = 100;

/// The changes that a body asks for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) label: Option<String>,
    pub(super) scopes: Option<Scopes>,
    projects: Option<Vec<ProjectId>>,
    organizations: Option<Vec<OrganizationId>>,
}

impl Wanted {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let label = fields.text("label").max(LABEL_MAX).optional()?;
        let scopes = fields
            .list("scopes", Text::new().max(100))
            .max(SCOPES_MAX)
            .not_empty()
            .optional()?;
        let scopes = scopes.map(|texts| parse_scopes(&texts)).transpose()?;
        let projects = fields
            .list("scoped_teams", Integer::new())
            .max(RESTRICTIONS_MAX)
            .optional()?;
        let organizations = fields
            .list("scoped_organizations", UuidKind)
            .max(RESTRICTIONS_MAX)
            .optional()?;
        Ok(Self {
            label,
            scopes,
            projects: projects.map(|ids| ids.into_iter().map(ProjectId).collect()),
            organizations: organizations.map(|ids| ids.into_iter().map(OrganizationId).collect()),
        })
    }

    /// Refuses restrictions to what the person cannot get at.
    pub(super) async fn check(&self, c: &Conn, user: UserId) -> Result<(), ApiError> {
        let invalid = |attr: String, id: String| {
            let detail = format!("\"{id}\" is not a valid choice.");
            Err(FieldError::at(attr, Code::InvalidChoice, detail).into())
        };
        for (index, id) in self.projects.iter().flatten().enumerate() {
            let found = store::projects::find_for_user(c, *id, user).await?;
            if found.is_none_or(|project| project.level.is_none()) {
                return invalid(format!("scoped_teams__{index}"), id.to_string());
            }
        }
        for (index, id) in self.organizations.iter().flatten().enumerate() {
            let level = store::organizations::find_level(c, *id, user).await?;
            if level.is_none() {
                return invalid(format!("scoped_organizations__{index}"), id.to_string());
            }
        }
        Ok(())
    }

    pub(super) fn apply(self, key: &mut Key) {
        if let Some(label) = self.label {
            key.label = label;
        }
        if let Some(scopes) = self.scopes {
            key.scopes = scopes;
        }
        if let Some(projects) = self.projects {
            key.scoped_projects = projects;
        }
        if let Some(organizations) = self.organizations {
            key.scoped_organizations = organizations;
        }
    }
}

fn parse_scopes(texts: &[String]) -> Result<Scopes, FieldError> {
    for (index, text) in texts.iter().enumerate() {
        if Scopes::parse([text]).is_err() {
            let detail = format!("\"{text}\" is not a valid choice.");
            return Err(FieldError::at(
                format!("scopes__{index}"),
                Code::InvalidChoice,
                detail,
            ));
        }
    }
    Scopes::parse(texts)
        .map_err(|error| FieldError::at("scopes", Code::InvalidChoice, error.to_string()))
}
