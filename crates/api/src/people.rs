//! People as other endpoints show them: the basic user object (ai-conversations.md 2, tickets.md 16.1).

use model::conversations::UserView;
use store::users::User;

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
