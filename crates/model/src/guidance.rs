//! Guidance: rules of tone and of escalation for the assistant (tickets.md 16.3).

use crate::error::FieldError;
use crate::fields::Fields;
use crate::tickets::{CHANNELS, words};
use crate::{GuidanceRuleId, ProjectId, Timestamp, UserId};

/// Longest name, in characters.
pub const NAME_MAX: usize = 200;
/// Longest rule, in characters.
pub const CONTENT_MAX: usize = 10_000;

words! {
    /// What a rule is about.
    RuleType {
        /// How the assistant speaks.
        Tone = "tone",
        /// When it gives a customer to people.
        Escalation = "escalation",
    }
}

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct GuidanceRule {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: GuidanceRuleId,
    /// What it is about.
    pub rule_type: RuleType,
    /// Not blank.
    pub name: String,
    /// Not blank.
    pub content: String,
    /// The assistant is given it.
    pub is_active: bool,
    /// Some of [`CHANNELS`]; empty for all.
    pub channels: Vec<String>,
    /// Who made it; none when the account is gone.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl GuidanceRule {
    /// Applies a change.
    pub fn apply(&mut self, change: RuleChange, now: Timestamp) {
        let before = self.clone();
        if let Some(rule_type) = change.rule_type {
            self.rule_type = rule_type;
        }
        if let Some(name) = change.name {
            self.name = name;
        }
        if let Some(content) = change.content {
            self.content = content;
        }
        if let Some(is_active) = change.is_active {
            self.is_active = is_active;
        }
        if let Some(channels) = change.channels {
            self.channels = channels;
        }
        if *self != before {
            self.updated_at = now;
        }
    }
}

/// What a body says of a rule. `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleChange {
    /// What it is about.
    pub rule_type: Option<RuleType>,
    /// Its name.
    pub name: Option<String>,
    /// The rule.
    pub content: Option<String>,
    /// The assistant is given it.
    pub is_active: Option<bool>,
    /// Sorted, each once.
    pub channels: Option<Vec<String>>,
}

impl RuleChange {
    /// Reads the body of PATCH.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let rule_type = fields.choice("rule_type", RuleType::WORDS).optional()?;
        Ok(Self {
            rule_type: rule_type.and_then(RuleType::from_word),
            name: fields.text("name").max(NAME_MAX).optional()?,
            content: fields.text("content").max(CONTENT_MAX).optional()?,
            is_active: fields.boolean("is_active").optional()?,
            channels: channels(fields)?,
        })
    }

    /// Reads the body of POST: type, name and content must be there.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read_new(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let rule_type = fields.choice("rule_type", RuleType::WORDS).required()?;
        Ok(Self {
            rule_type: RuleType::from_word(rule_type),
            name: Some(fields.text("name").max(NAME_MAX).required()?),
            content: Some(fields.text("content").max(CONTENT_MAX).required()?),
            is_active: fields.boolean("is_active").optional()?,
            channels: channels(fields)?,
        })
    }
}

fn channels(fields: &Fields<'_>) -> Result<Option<Vec<String>>, FieldError> {
    let channel = crate::fields::Choice::of(CHANNELS);
    let channels = fields.list("channels", channel).max(CHANNELS.len());
    let sorted = |mut channels: Vec<&str>| {
        channels.sort_unstable();
        channels.dedup();
        channels.into_iter().map(str::to_owned).collect()
    };
    Ok(channels.optional()?.map(sorted))
}
