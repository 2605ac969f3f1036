//! People as other endpoints show them: the basic user object (ai-conversations.md 2, tickets.md 16.1).

use crate::{ApiError, Call};
use model::UserId;
use model::conversations::UserView;
use store::Conn;
use store::users::User;
use uuid::Uuid;

/// A person, as shown beside what is theirs.
pub(crate) fn basic(user: &User) -> UserView {
    UserView {
        id: user.id,
        uuid: user.uuid,
        distinct_id: Some(user.distinct_id.clone()),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        email: user.email.clone(),
        is_email_verified: None,
        hedgehog_config: None,
        role_at_organization: None,
    }
}

/// How a path or a body names a person.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named {
    /// By number.
    Id(UserId),
    /// By the name that cannot be guessed.
    Uuid(Uuid),
}

impl Named {
    /// Reads a decimal number or a UUID.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let id = text.parse().ok().filter(|_| is_number);
        id.map(|id| Self::Id(UserId(id)))
            .or_else(|| model::fields::UuidKind::parse(text).map(Self::Uuid))
    }

    /// Whether it names this person.
    pub(crate) fn is(self, user: &User) -> bool {
        match self {
            Self::Id(id) => id == user.id,
            Self::Uuid(uuid) => uuid == user.uuid,
        }
    }
}

/// The person that the path's `user_id` names.
///
/// # Errors
/// 404 for what names nobody.
pub(crate) fn named(call: &Call) -> Result<Named, ApiError> {
    Named::parse(call.params.text("user_id")).ok_or_else(ApiError::not_found)
}

/// A person by either name.
///
/// # Errors
/// When the store fails.
pub(crate) async fn find(c: &Conn, who: Named) -> store::Result<Option<User>> {
    match who {
        Named::Id(id) => store::users::find(c, id).await,
        Named::Uuid(uuid) => store::users::find_by_uuid(c, uuid).await,
    }
}
