//! Identifiers, one type for each thing, so that a conversation's id cannot be passed where a message's belongs.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
        impl From<$name> for Uuid { fn from(id: $name) -> Self { id.0 } }
    )*};
}

macro_rules! integer_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl From<i64> for $name { fn from(id: i64) -> Self { Self(id) } }
        impl From<$name> for i64 { fn from(id: $name) -> Self { id.0 } }
    )*};
}

uuid_ids! {
    /// An organisation: the people, and the projects they share.
    OrganizationId,
    /// A role that tickets can be assigned to.
    RoleId,
    /// A personal API key (not its secret).
    KeyId,
    /// An invitation into an organisation (not its token).
    InviteId,
    /// Someone signed in from one browser (not its secret).
    SessionId,
    /// A conversation. Minted by the client.
    ConversationId,
    /// A message of a conversation.
    MessageId,
    /// A message that waits for the running turn to end.
    QueueItemId,
    /// A customer, as far as they are known.
    PersonId,
    /// A piece of knowledge.
    ArticleId,
    /// A support ticket.
    TicketId,
    /// A mail in the outbox.
    MailId,
    /// A saved view of the list of tickets.
    ViewId,
    /// A macro, also known as a quick action.
    MacroId,
    /// A rule that the assistant is given.
    GuidanceRuleId,
    /// An uploaded file.
    MediaId,
    /// One run of the server process; owner of turn leases.
    NodeId,
}

integer_ids! {
    /// A project: the tenant. Clients see the integer in paths.
    ProjectId,
    /// A person who signs in or holds an API key.
    UserId,
}
