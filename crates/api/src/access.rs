//! The one place where it is decided whether a request may do what it asks for (conventions.md 2.4).

use crate::accept::{self, Offer};
use crate::body::RequestBody;
use crate::call::{Call, Caller, PathParams, Query};
use crate::edge::RequestId;
use crate::people::Named;
use crate::routing::OriginalPath;
use crate::{ApiError, App, address, auth};
use axum::extract::Request;
use model::scopes::{Scope, Verb};
use model::{Code, MemberLevel, OrganizationId, ProjectId, Timestamp, fields::UuidKind};
use std::sync::Arc;
use store::Conn;
use store::keys::Key;
use store::organizations::Organization;
use store::projects::ProjectForUser;
use tokio::time::Instant;

/// What a request needs.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    scope: Option<Scope>,
    offer: Offer,
    admin: bool,
    oneself: bool,
    throttle: bool,
    session: bool,
    uploads: bool,
}

impl Access {
    /// Reading things of this kind: one of [`model::scopes::OBJECTS`].
    pub const fn read(object: &'static str) -> Self {
        Self::scoped(object, Verb::Read)
    }

    /// Changing things of this kind: one of [`model::scopes::OBJECTS`].
    pub const fn write(object: &'static str) -> Self {
        Self::scoped(object, Verb::Write)
    }

    const fn scoped(object: &'static str, verb: Verb) -> Self {
        Self {
            scope: Some(Scope { object, verb }),
            ..Self::anyone_signed_in()
        }
    }

    /// Valid credentials, whatever their scopes. On a route with a project they must still reach the project.
    pub const fn anyone_signed_in() -> Self {
        Self {
            scope: None,
            offer: Offer::Json,
            admin: false,
            oneself: false,
            throttle: true,
            session: false,
            uploads: false,
        }
    }

    /// The scope that a key needs.
    pub(crate) const fn scope(&self) -> Option<Scope> {
        self.scope
    }

    /// What it takes to look at the same thing, with a JSON answer.
    pub(crate) const fn to_look(self) -> Self {
        match self.scope {
            Some(scope) => Self::read(scope.object),
            None => Self::anyone_signed_in(),
        }
    }

    /// The endpoint answers with a stream of events or with JSON.
    #[must_use]
    pub const fn streams(self) -> Self {
        Self {
            offer: Offer::StreamOrJson,
            ..self
        }
    }

    /// The endpoint answers with JSON, or with a stream of events when the client names that.
    #[must_use]
    pub const fn may_stream(self) -> Self {
        Self {
            offer: Offer::JsonOrStream,
            ..self
        }
    }

    /// The endpoint answers with bytes, whatever the client says that it takes.
    #[must_use]
    pub const fn any_form(self) -> Self {
        Self {
            offer: Offer::Anything,
            ..self
        }
    }

    /// The endpoint takes a file. Its body is not looked into for credentials: they come in a header, in the query or
    /// with the session.
    #[must_use]
    pub const fn uploads(self) -> Self {
        Self {
            uploads: true,
            ..self
        }
    }

    /// Only admins of the organisation.
    #[must_use]
    pub const fn admin(self) -> Self {
        Self {
            admin: true,
            ..self
        }
    }

    /// Only admins of the organisation, and whoever the path's `user_id` names.
    #[must_use]
    pub const fn admin_or_oneself(self) -> Self {
        Self {
            admin: true,
            oneself: true,
            ..self
        }
    }

    /// Only people who have signed in: no key, whatever its scopes.
    #[must_use]
    pub const fn by_session(self) -> Self {
        Self {
            session: true,
            ..self
        }
    }

    /// The handler itself calls [`App::throttle`] or [`App::throttle_ai`].
    #[must_use]
    pub const fn throttled_by_handler(self) -> Self {
        Self {
            throttle: false,
            ..self
        }
    }
}

impl App {
    /// Lets a request through to its handler, or says why not: 406, then 401, then for keys 403 and 404 in the order of
    /// conventions.md 2.4, then membership 403, then throttles 429.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub(crate) async fn authorize(
        &self,
        request: Request,
        access: Access,
    ) -> Result<Call, ApiError> {
        let (parts, body) = request.into_parts();
        let params = parts
            .extensions
            .get::<PathParams>()
            .cloned()
            .unwrap_or_default();
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .cloned()
            .unwrap_or_default();
        let original = parts.extensions.get::<OriginalPath>();
        let path = original.map_or_else(|| parts.uri.path().to_owned(), |path| path.0.clone());
        let query = Query(parts.uri.query().unwrap_or_default().to_owned());
        check_format(&query)?;
        let accepted = accept::negotiate(&parts.headers, access.offer)?;
        let peer = parts.extensions.get::<address::Peer>().copied();
        let config = &self.config;
        let base_url = address::base_url(
            config.public_url.as_deref(),
            &config.trusted_proxies,
            peer,
            &parts.headers,
        );
        let mut body = RequestBody::new(body);
        let mut nothing = RequestBody::new(axum::body::Body::empty());
        let readable = if access.uploads {
            &mut nothing
        } else {
            &mut body
        };
        let caller = auth::authenticate(self, &parts, &query, readable, &base_url).await?;
        let key = caller.key.as_ref();
        if access.session && key.is_some() {
            return Err(ApiError::permission_denied(
                "This action does not support personal API key access",
            ));
        }
        let project = match params.find("project_id") {
            None => None,
            Some(text) => Some(self.find_project(&caller, text).await?),
        };
        let organization = match params.find("organization_id") {
            None => None,
            Some(text) => Some(self.find_organization(&caller, text).await?),
        };
        if let (Some(key), Some(project)) = (key, &project) {
            let id = project.project.id;
            check_restrictions(key, &project.organization, project.level, Some(id))?;
        }
        if let (Some(key), Some((organization, level))) = (key, &organization) {
            check_restrictions(key, organization, *level, None)?;
        }
        if let (Some(key), Some(scope)) = (key, access.scope)
            && !key.scopes.allow(scope)
        {
            let detail = format!("API key missing required scope '{scope}'");
            return Err(ApiError::permission_denied(detail));
        }
        let level = check_membership(project.as_deref(), organization.as_ref())?;
        let is_oneself = || {
            let named = Named::parse(params.text("user_id"));
            named.is_some_and(|named| named.is(&caller.user))
        };
        if access.admin && level != Some(MemberLevel::Admin) && !(access.oneself && is_oneself()) {
            return Err(ApiError::new(Code::PermissionDenied));
        }
        let call = Call {
            app: self.clone(),
            caller,
            params,
            query,
            method: parts.method,
            headers: parts.headers,
            accepted,
            base_url,
            path,
            request_id,
            project,
            organization: organization
                .and_then(|(organization, level)| Some((organization, level?))),
            body,
        };
        if access.throttle {
            self.throttle(&call).await?;
        }
        Ok(call)
    }

    /// The project that a path segment names: a decimal number, or `@current`.
    async fn find_project(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Arc<ProjectForUser>, ApiError> {
        let unknown = || ApiError::with_detail(Code::NotFound, "Project not found.");
        let id = match text {
            "@current" => self.current_project(caller).await?,
            text if text.bytes().all(|digit| digit.is_ascii_digit()) => {
                text.parse().ok().map(ProjectId)
            }
            _ => None,
        };
        let id = id.ok_or_else(unknown)?;
        let user = caller.user.id;
        if let Some(project) = self.caches.projects.find(&(id, user)) {
            return Ok(project);
        }
        let read_at = Instant::now();
        let found = self
            .store
            .read(move |c| {
                Box::pin(async move { store::projects::find_for_user(c, id, user).await })
            })
            .await?;
        let found = found.ok_or_else(unknown)?;
        Ok(self.caches.projects.keep((id, user), read_at, found))
    }

    /// What `@current` means for a caller: the only project of the key, else the one last chosen, else the first.
    pub(crate) async fn current_project(
        &self,
        caller: &Caller,
    ) -> Result<Option<ProjectId>, ApiError> {
        if let Some([only]) = caller
            .key
            .as_ref()
            .map(|key| key.scoped_projects.as_slice())
        {
            return Ok(Some(*only));
        }
        if let Some(chosen) = caller.user.current_project_id {
            return Ok(Some(chosen));
        }
        let user = caller.user.id;
        let first = self
            .store
            .read(move |c| Box::pin(async move { store::projects::first_of_user(c, user).await }))
            .await?;
        Ok(first)
    }

    /// The organisation that a path segment names, or that of the current project for
    /// `@current`.
    async fn find_organization(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<(Organization, Option<MemberLevel>), ApiError> {
        let unknown = || ApiError::with_detail(Code::NotFound, "Organization not found.");
        let user = caller.user.id;
        if text == "@current" {
            let current = self.current_project(caller).await?;
            let mine = self
                .store
                .read(move |c| {
                    Box::pin(async move {
                        let project = match current {
                            Some(id) => store::projects::find(c, id).await?,
                            None => None,
                        };
                        let mine = store::organizations::list_of_user(c, user).await?;
                        Ok::<_, store::Error>((project, mine))
                    })
                })
                .await?;
            let (project, mine) = mine;
            let is_of_project = |it: &&(Organization, MemberLevel)| {
                let id = project.as_ref().map(|project| project.organization_id);
                Some(it.0.id) == id
            };
            let found = mine.iter().find(is_of_project).or(mine.first());
            let (organization, level) = found.ok_or_else(unknown)?.clone();
            return Ok((organization, Some(level)));
        }
        let id = UuidKind::parse(text).ok_or_else(unknown)?;
        let id = OrganizationId(id);
        let found = self
            .store
            .read(move |c| {
                Box::pin(async move {
                    let Some(organization) = store::organizations::find(c, id).await? else {
                        return Ok::<_, ApiError>(None);
                    };
                    let level = store::organizations::find_level(c, id, user).await?;
                    Ok(Some((organization, level)))
                })
            })
            .await?;
        found.ok_or_else(unknown)
    }
}

/// Whether a caller who was let through to a project would still be: for answers that go on for long. A key may be
/// revoked meanwhile, or may do less.
///
/// # Errors
/// When the store fails.
pub(crate) async fn is_still_allowed(
    c: &Conn,
    caller: &Caller,
    access: Access,
    project: ProjectId,
    now: Timestamp,
) -> store::Result<bool> {
    let Some(found) = store::projects::find_for_user(c, project, caller.user.id).await? else {
        return Ok(false);
    };
    if let Some(session) = caller.session
        && !store::sessions::is_valid(c, session, caller.user.id, now).await?
    {
        return Ok(false);
    }
    if let Some(key) = &caller.key {
        let is_good = |key: Key| {
            key.revoked_at.is_none()
                && access.scope.is_none_or(|scope| key.scopes.allow(scope))
                && check_restrictions(&key, &found.organization, found.level, Some(project)).is_ok()
        };
        if !store::keys::find(c, key.id).await?.is_some_and(is_good) {
            return Ok(false);
        }
    }
    Ok(found.level.is_some())
}

/// `?format=json` is the form we have; another one does not exist (conventions.md 3).
pub(crate) fn check_format(query: &Query) -> Result<(), ApiError> {
    match query.text("format").as_deref() {
        None | Some("" | "json") => Ok(()),
        Some(_) => Err(ApiError::not_found()),
    }
}

/// What a key may not reach, whatever its scopes. `level` is what its owner is in the organisation: who is no member is
/// refused later, and told nothing of it.
fn check_restrictions(
    key: &Key,
    organization: &Organization,
    level: Option<MemberLevel>,
    project: Option<ProjectId>,
) -> Result<(), ApiError> {
    let denied = |detail: String| Err(ApiError::permission_denied(detail));
    let is_member = level.is_some();
    if is_member && !organization.allows_personal_api_keys {
        return denied(format!(
            "Organization '{}' does not allow using personal API keys. Contact an admin to enable personal \
             API keys for this organization.",
            organization.name
        ));
    }
    let projects = &key.scoped_projects;
    match project {
        Some(id) if !projects.is_empty() && !projects.contains(&id) => {
            return denied(format!(
                "API key does not have access to the requested project: ID {id}."
            ));
        }
        // Who could invite people could invite themselves into every project.
        None if !projects.is_empty() => {
            let detail =
                "API keys with scoped projects are only supported on project-based endpoints.";
            return denied(detail.to_owned());
        }
        _ => {}
    }
    let organizations = &key.scoped_organizations;
    if is_member && !organizations.is_empty() && !organizations.contains(&organization.id) {
        return denied(format!(
            "API key does not have access to the requested organization: ID {}.",
            organization.id
        ));
    }
    Ok(())
}

/// The caller's level where the path leads; `None` when it leads to nothing that has members.
fn check_membership(
    project: Option<&ProjectForUser>,
    organization: Option<&(Organization, Option<MemberLevel>)>,
) -> Result<Option<MemberLevel>, ApiError> {
    if let Some(project) = project {
        let level = project.level;
        return level
            .map(Some)
            .ok_or_else(|| ApiError::permission_denied("You don't have access to the project."));
    }
    if let Some((_, level)) = organization {
        return level.map(Some).ok_or_else(|| {
            ApiError::permission_denied("You don't have access to the organization.")
        });
    }
    Ok(None)
}
