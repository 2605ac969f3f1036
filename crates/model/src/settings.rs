//! What can be set for a project: one table that the command line, the HTTP API, the store and the
//! documentation share.

mod rule;

pub use rule::Rule;

use crate::error::{Code, FieldError};
use crate::rates::{Limit, Throttle};
use crate::tickets::{BusinessHours, OfficeHours};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One line of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key, as clients and the command line write it.
    pub name: &'static str,
    /// Which values it takes.
    pub rule: Rule,
    /// What it does, for the documentation.
    pub doc: &'static str,
}

impl Setting {
    /// Whether only admins may change it: what protects the operator from a project's own members.
    pub fn is_for_admins(&self) -> bool {
        matches!(self.rule, Rule::Limit)
            || ["ai_credits_exhausted", "ai_limits_exempt"].contains(&self.name)
    }

    /// Whether it is a member of `conversations_settings`, too (tickets.md 14.7).
    pub fn is_of_conversations(&self) -> bool {
        let others = [
            "notification_recipients",
            "sla_warning_minutes",
            "reopen_on_customer_message",
            "ai_replies",
        ];
        let is_of_widget = self.name.starts_with("widget_") && !matches!(self.rule, Rule::Limit);
        is_of_widget || others.contains(&self.name)
    }

    /// The value when nothing is set.
    pub fn default(&self) -> Value {
        ProjectSettings::default()
            .to_json()
            .remove(self.name)
            .unwrap_or_default()
    }
}

/// Whether the assistant replies in a project's tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AiReplies {
    /// It does not.
    #[default]
    Off,
    /// It drafts a reply for a person to send.
    Draft,
    /// It answers the customer itself.
    Answer,
}

macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $rule:expr; )*) => {
        /// A project's settings. Those that nobody has set have their defaults.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct ProjectSettings {
            $( $(#[doc = $doc])+ pub $name: $type, )*
            /// What a newer version has stored: kept, and otherwise ignored.
            #[serde(skip)]
            unknown: Map<String, Value>,
        }

        impl Default for ProjectSettings {
            fn default() -> Self {
                Self { $( $name: $default, )* unknown: Map::new() }
            }
        }

        /// Every setting of a project, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[ $( Setting {
            name: stringify!($name),
            rule: $rule,
            doc: concat!($($doc),+),
        }, )* ];
    };
}

settings! {
    /// Conversations and tickets are switched on.
    conversations_enabled: bool = true, Rule::Boolean;
    /// Texts may be sent to the configured language model.
    is_ai_data_processing_approved: bool = true, Rule::Boolean;
    /// Name of the time zone that days and office hours are counted in, such as `Europe/Berlin`.
    timezone: String = "UTC".to_owned(), Rule::Timezone;
    /// When the office is open, in the project's time zone: for due times that are counted in office hours. Null: always.
    business_hours: Option<OfficeHours> = None, Rule::OfficeHours;
    /// The assistant in tickets: `off`, `draft` (a person sends it) or `answer`.
    ai_replies: AiReplies = AiReplies::Off, Rule::Choice(&["off", "draft", "answer"]);
    /// The team may ask for a suggested reply to a ticket.
    ai_suggestions: bool = true, Rule::Boolean;
    /// A user of the assistant may have it open a ticket, with `/ticket` or by asking for a person.
    ai_opens_tickets: bool = true, Rule::Boolean;
    /// The assistant refuses new turns with 402 until this is cleared.
    ai_credits_exhausted: bool = false, Rule::Boolean;
    /// The assistant's throttles do not apply.
    ai_limits_exempt: bool = false, Rule::Boolean;
    /// The model replaces a new conversation's first title once.
    titles_by_model: bool = true, Rule::Boolean;
    /// The team's macros are part of what the assistant's answers draw on.
    macros_in_chat: bool = false, Rule::Boolean;
    /// A customer's message opens a resolved ticket again.
    reopen_on_customer_message: bool = false, Rule::Boolean;
    /// Addresses that are told by mail of every new ticket.
    notification_recipients: Vec<String> = Vec::new(), Rule::Emails { most: 50 };
    /// Minutes before an SLA's due time at which the team is warned.
    sla_warning_minutes: Vec<i64> = Vec::new(), Rule::Integers { most: 10, min: 1, max: 525_600 };
    /// The widget is shown.
    widget_enabled: bool = false, Rule::Boolean;
    /// Sites that may use the widget, such as `https://example.com` or `*.example.com`; none means all.
    widget_domains: Vec<String> = Vec::new(), Rule::Texts { most: 200, length: 255 };
    /// What the widget says first.
    widget_greeting_text: String = "Hey, how can I help you today?".to_owned(), Rule::Text { length: 1000 };
    /// The widget's colour, as CSS writes it.
    widget_color: String = "#1d4aff".to_owned(), Rule::Text { length: 64 };
    /// Visitors must give an e-mail address first.
    widget_require_email: bool = false, Rule::Boolean;
    /// Visitors are asked for their name.
    widget_collect_name: bool = false, Rule::Boolean;
    /// Heading of the form that asks who the visitor is.
    widget_identification_form_title: String = "Before we start...".to_owned(), Rule::Text { length: 200 };
    /// Text under that heading.
    widget_identification_form_description: String = "Please provide your details so we can help you better.".to_owned(), Rule::Text { length: 1000 };
    /// What stands in the empty composer.
    widget_placeholder_text: String = "Type your message...".to_owned(), Rule::Text { length: 200 };
    /// The widget's corner: `bottom_right`, `bottom_left`, `top_right` or `top_left`.
    widget_position: String = "bottom_right".to_owned(), Rule::Choice(&["bottom_right", "bottom_left", "top_right", "top_left"]);
    /// Visitors may move their tickets to a new browser by e-mail.
    widget_restore_enabled: bool = false, Rule::Boolean;
    /// Throttle: turns of the assistant, except research, for each user, short term. Null: the server's.
    ai_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: turns of the assistant, except research, for each user, long term. Null: the server's.
    ai_sustained: Option<Limit> = None, Rule::Limit;
    /// Throttle: research turns for each user, short term. Null: the server's.
    ai_research_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: research turns for each user, long term. Null: the server's.
    ai_research_sustained: Option<Limit> = None, Rule::Limit;
    /// Throttle: other requests for each key, short term. Null: the server's.
    api_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: other requests for each key, long term. Null: the server's.
    api_sustained: Option<Limit> = None, Rule::Limit;
    /// Throttle: replies to tickets and tickets begun by the team, for each user, short term. Null: the server's.
    reply_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: replies to tickets and tickets begun by the team, for each user, long term. Null: the server's.
    reply_sustained: Option<Limit> = None, Rule::Limit;
    /// Throttle: suggested replies to tickets, for each user, short term. Null: the server's.
    suggest_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: suggested replies to tickets, for each user, long term. Null: the server's.
    suggest_sustained: Option<Limit> = None, Rule::Limit;
    /// Throttle: requests of the widget, for each visitor. Null: the server's.
    widget_visitor: Option<Limit> = None, Rule::Limit;
    /// Throttle: requests of the widget that only look, for the project. Null: the server's.
    widget_reads: Option<Limit> = None, Rule::Limit;
    /// Throttle: requests of the widget that change something, for the project. Null: the server's.
    widget_writes: Option<Limit> = None, Rule::Limit;
    /// Throttle: links for restoring a visitor's tickets, for each address of a mail. Null: the server's.
    widget_restore_requests: Option<Limit> = None, Rule::Limit;
    /// Throttle: uses of such links, for each address of the network. Null: the server's.
    widget_restores: Option<Limit> = None, Rule::Limit;
    /// Throttle: external requests, for each secret, short term. Null: the server's.
    external_burst: Option<Limit> = None, Rule::Limit;
    /// Throttle: external requests, for each secret, long term. Null: the server's.
    external_sustained: Option<Limit> = None, Rule::Limit;
}

impl ProjectSettings {
    /// Reads what [`Self::to_stored`] wrote. A stored value that no longer fits its rule counts as not set,
    /// and so does text that is not a JSON object.
    pub fn from_stored(text: &str) -> Self {
        let mut settings = Self::default();
        let stored: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        for (name, value) in stored {
            if Self::find(&name).is_none() {
                settings.unknown.insert(name, value);
            } else {
                // What does not fit is as if it had never been set.
                let _ = settings.set(&name, &value);
            }
        }
        settings
    }

    /// The settings that differ from their defaults, as a JSON object.
    pub fn to_stored(&self) -> String {
        let defaults = Self::default().to_json();
        let mut all = self.to_json();
        all.retain(|name, value| defaults.get(name) != Some(value));
        all.extend(self.unknown.clone());
        Value::Object(all).to_string()
    }

    /// All settings with their values.
    pub fn to_json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // A struct of plain values always becomes an object.
            _ => Map::new(),
        }
    }

    /// The table's line of a setting.
    pub fn find(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Sets one value, as it comes in a request body.
    ///
    /// # Errors
    /// An unknown name, and a value that the setting's rule refuses.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), FieldError> {
        let setting = Self::find(name)
            .ok_or_else(|| FieldError::at(name, Code::InvalidInput, "There is no such setting."))?;
        let value = setting.rule.read(value, name)?;
        let mut all = self.to_json();
        all.insert(name.to_owned(), value);
        let unknown = std::mem::take(&mut self.unknown);
        let outcome = serde_json::from_value(Value::Object(all));
        if let Ok(settings) = outcome {
            *self = settings;
        }
        self.unknown = unknown;
        Ok(())
    }

    /// Sets one value, as it is typed on a command line: lists separated by commas, and `default` for a value
    /// that nobody has set.
    ///
    /// # Errors
    /// An unknown name, and a text that the setting's rule refuses.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), FieldError> {
        match Self::find(name) {
            Some(setting) if text == "default" => self.set(name, &setting.default()),
            Some(setting) => self.set(name, &setting.rule.value_of_text(text)),
            None => self.set(name, &Value::Null),
        }
    }

    /// The office hours by the clocks of the project's time zone; `None`: always open.
    pub fn business_hours(&self) -> Option<BusinessHours> {
        self.business_hours.as_ref()?.in_zone(&self.timezone)
    }

    /// What the project sets for a throttle; `None` when the server's own rate holds.
    pub fn limit(&self, throttle: &Throttle) -> Option<Limit> {
        match throttle.name {
            "ai_burst" => self.ai_burst,
            "ai_sustained" => self.ai_sustained,
            "ai_research_burst" => self.ai_research_burst,
            "ai_research_sustained" => self.ai_research_sustained,
            "api_burst" => self.api_burst,
            "api_sustained" => self.api_sustained,
            "reply_burst" => self.reply_burst,
            "reply_sustained" => self.reply_sustained,
            "suggest_burst" => self.suggest_burst,
            "suggest_sustained" => self.suggest_sustained,
            "widget_visitor" => self.widget_visitor,
            "widget_reads" => self.widget_reads,
            "widget_writes" => self.widget_writes,
            "widget_restore_requests" => self.widget_restore_requests,
            "widget_restores" => self.widget_restores,
            "external_burst" => self.external_burst,
            "external_sustained" => self.external_sustained,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
