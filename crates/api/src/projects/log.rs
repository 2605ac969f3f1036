//! Who is named in the log of changes when something is done to the project itself.

use crate::tickets::client_name;
use crate::{ApiError, Call};
use store::project_log::Author;

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
