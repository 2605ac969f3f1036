//! Fields that a turn and a queued message have in common (ai-conversations.md 4.1, 6.2).

use crate::ApiError;
use model::conversations::AGENT_MODES;
use model::fields::Fields;
use model::{Code, ui_context};
use serde_json::{Map, Value};

/// The mode that asks for a sandbox.
const SANDBOX: &str = "sandbox";

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

/// How a message's turn is to run.
pub(super) struct Mode {
    pub agent_mode: Option<String>,
    /// By the flag or by the mode.
    pub asks_for_sandbox: bool,
}

/// Reads `session_id`, of which the value is ignored, the mode, and whether a sandbox is asked for.
pub(super) fn mode(fields: &Fields<'_>) -> Result<Mode, ApiError> {
    fields.text("session_id").allow_blank().nullable()?;
    let agent_mode = fields.choice("agent_mode", AGENT_MODES).nullable()?.value();
    let is_sandbox = fields.boolean("is_sandbox").nullable()?.or(false);
    Ok(Mode {
        agent_mode: agent_mode
            .filter(|mode| *mode != SANDBOX)
            .map(str::to_owned),
        asks_for_sandbox: is_sandbox || agent_mode == Some(SANDBOX),
    })
}

/// The answer to who asks for a sandbox.
pub(super) fn no_sandbox() -> ApiError {
    ApiError::permission_denied(
        "There is no sandbox on this server. Leave out is_sandbox and choose another agent_mode.",
    )
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
