//! Fields that a turn and a queued message have in common (ai-conversations.md 4.1, 6.2).

use crate::ApiError;
use model::conversations::AGENT_MODES;
use model::fields::Fields;
use model::{Code, ui_context};
use serde_json::{Map, Value};

/// What goes with a message beside its text.
pub(super) struct MessageFields {
    pub contextual_tools: Option<Map<String, Value>>,
    pub ui_context: Option<Value>,
    pub billing_context: Option<Value>,
}

/// Reads the three in their order.
pub(super) fn message_fields(fields: &Fields<'_>) -> Result<MessageFields, ApiError> {
    Ok(MessageFields {
        contextual_tools: fields.object("contextual_tools").nullable()?.value(),
        ui_context: fields.json("ui_context").nullable()?.value(),
        billing_context: fields
            .json("billing_context")
            .nullable()?
            .value()
            .and_then(ui_context::billing_context),
    })
}

/// Reads the mode.
pub(super) fn agent_mode(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    Ok(fields
        .choice("agent_mode", AGENT_MODES)
        .nullable()?
        .value()
        .map(str::to_owned))
}

/// Checks the page's context of a message with text; the error belongs to the body as a whole.
pub(super) fn check_ui_context(context: Option<&Value>) -> Result<(), ApiError> {
    if context.is_none_or(ui_context::is_valid) {
        return Ok(());
    }
    Err(ApiError::with_detail(
        Code::InvalidInput,
        "Invalid message content.",
    ))
}
