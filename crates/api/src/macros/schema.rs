//! Macros as clients see them, and what the document says of their bodies.

use crate::conversations::UserBasic;
use crate::page::page_schema;
use model::conversations::UserView;
use model::macros::{Macro, MacroVisibility};
use model::{MacroId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A prepared reply, and what it does to a ticket besides.
#[derive(Serialize, ToSchema)]
#[schema(as = Macro)]
pub(super) struct MacroView {
    #[schema(value_type = Uuid)]
    id: MacroId,
    /// What it is addressed by.
    short_id: String,
    name: String,
    description: String,
    /// Markdown. The client fills the variables `{{customer.name}}`, `{{ticket.number}}`, `{{agent.name}}` and
    /// `{{agent.first_name}}`.
    content: String,
    /// The editor's document.
    #[schema(value_type = serde_json::Value, required = true)]
    rich_content: Option<Value>,
    #[schema(value_type = MacroActions)]
    actions: Map<String, Value>,
    /// `team` or `personal`.
    #[schema(value_type = String)]
    visibility: MacroVisibility,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Null when the account is gone.
    #[schema(value_type = Option<UserBasic>, required = true)]
    created_by: Option<UserView>,
}

impl MacroView {
    pub(super) fn of(it: Macro, created_by: Option<UserView>) -> Self {
        Self {
            id: it.id,
            short_id: it.short_id,
            name: it.name,
            description: it.description,
            content: it.content,
            rich_content: it.rich_content,
            actions: it.actions,
            visibility: it.visibility,
            created_at: it.created_at,
            updated_at: it.updated_at,
            created_by,
        }
    }
}

/// What a macro does to a ticket; at most 10,000 characters as JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an object that is kept as it is")]
struct MacroActions {
    /// `new`, `open`, `pending`, `on_hold` or `resolved`.
    #[schema(required = false)]
    status: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    #[schema(required = false)]
    priority: Option<String>,
    /// To be put on.
    #[schema(required = false)]
    tags: Option<Vec<String>>,
    /// `{type, id}` of a person or a role. Null removes the action.
    #[schema(required = false, value_type = Option<Object>)]
    assignee: Option<Value>,
}

/// A macro to be made.
#[derive(ToSchema)]
#[schema(as = MacroCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct NewFields {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(required = false, max_length = 400)]
    description: String,
    /// Markdown with variables.
    #[schema(required = false, max_length = 50_000)]
    content: String,
    /// At most 100,000 characters as JSON.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<Value>,
    #[schema(required = false)]
    actions: MacroActions,
    #[schema(required = false, pattern = "^(team|personal)$")]
    visibility: String,
}

/// What is to be changed of a macro.
#[derive(ToSchema)]
#[schema(as = PatchedMacro)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PatchedFields {
    #[schema(required = false, min_length = 1, max_length = 200)]
    name: String,
    #[schema(required = false, max_length = 400)]
    description: String,
    /// Markdown with variables.
    #[schema(required = false, max_length = 50_000)]
    content: String,
    /// At most 100,000 characters as JSON.
    #[schema(value_type = serde_json::Value, required = false)]
    rich_content: Option<Value>,
    #[schema(required = false)]
    actions: MacroActions,
    /// Only its creator may make it `personal`.
    #[schema(required = false, pattern = "^(team|personal)$")]
    visibility: String,
}

page_schema! {
    /// A page of macros.
    pub(super) MacroList of MacroView as PaginatedMacroList
}
