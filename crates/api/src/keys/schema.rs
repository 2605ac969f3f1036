//! What keys look like from outside.

use crate::page::page_schema;
use model::{KeyId, OrganizationId, ProjectId, Timestamp, UserId};
use serde::Serialize;
use store::keys::Key;
use utoipa::ToSchema;
use uuid::Uuid;

/// A personal API key. The secret itself is kept nowhere.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonalApiKey {
    #[schema(value_type = Uuid)]
    id: KeyId,
    label: String,
    /// What may be shown of the secret.
    mask_value: String,
    #[schema(value_type = i64)]
    user_id: UserId,
    /// Such as `conversation:read`; `*` is everything.
    scopes: Vec<String>,
    /// The only projects it may be used on; empty means all.
    #[schema(value_type = Vec<i64>)]
    scoped_teams: Vec<ProjectId>,
    /// The only organisations it may be used on; empty means all.
    #[schema(value_type = Vec<Uuid>)]
    scoped_organizations: Vec<OrganizationId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the hour.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl PersonalApiKey {
    pub(super) fn of(key: Key) -> Self {
        Self {
            id: key.id,
            label: key.label,
            mask_value: key.mask,
            user_id: key.user_id,
            scopes: key.scopes.texts(),
            scoped_teams: key.scoped_projects,
            scoped_organizations: key.scoped_organizations,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct NewPersonalApiKey {
    #[serde(flatten)]
    pub(super) key: PersonalApiKey,
    /// The secret itself, shown this once.
    pub(super) value: String,
}

/// A key to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PersonalApiKeyCreate {
    #[schema(min_length = 1, max_length = 200)]
    label: String,
    /// Such as `conversation:read`; `*` is everything.
    #[schema(min_items = 1)]
    scopes: Vec<String>,
    /// The only projects it may be used on; all if left out.
    #[schema(max_items = 100)]
    scoped_teams: Option<Vec<i64>>,
    /// The only organisations it may be used on; all if left out.
    #[schema(max_items = 100)]
    scoped_organizations: Option<Vec<Uuid>>,
}

/// A key's changes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PatchedPersonalApiKey {
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    #[schema(min_items = 1)]
    scopes: Option<Vec<String>>,
    #[schema(max_items = 100)]
    scoped_teams: Option<Vec<i64>>,
    #[schema(max_items = 100)]
    scoped_organizations: Option<Vec<Uuid>>,
}

page_schema! {
    /// A page of keys.
    pub(super) KeyList of PersonalApiKey as PaginatedPersonalApiKeyList
}

/// What scopes there are.
#[derive(Serialize, ToSchema)]
pub(super) struct ScopeList {
    pub(super) results: Vec<ScopeView>,
}

/// Something that a key may be allowed.
#[derive(Serialize, ToSchema)]
#[schema(as = ScopeDescription)]
pub(super) struct ScopeView {
    /// Such as `ticket:read`.
    pub(super) scope: String,
    pub(super) description: String,
}
