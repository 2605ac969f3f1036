//! Who is named in the log of changes when something is done to the project itself, or to who belongs to it.

use crate::tickets::client_name;
use crate::{ApiError, Call};
use store::project_log::{Author, OrganizationAuthor};

/// The caller, on the route's project.
///
/// # Errors
/// 500 on a route without a project: a defect.
pub(crate) fn author(call: &Call) -> Result<Author, ApiError> {
    let project = call.project()?;
    Ok(Author {
        project: project.id,
        name: project.name.clone(),
        user: Some(call.user_id()),
        client: client_name(call),
        env: call.app.env.clone(),
    })
}

/// The caller, on the route's organisation.
///
/// # Errors
/// 500 on a route without an organisation: a defect.
pub(crate) fn organization_author(call: &Call) -> Result<OrganizationAuthor, ApiError> {
    Ok(OrganizationAuthor {
        organization: call.organization()?.0.id,
        user: call.user_id(),
        client: client_name(call),
        env: call.app.env.clone(),
    })
}
