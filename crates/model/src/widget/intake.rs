//! A visitor's message, and what it does to the ticket besides (tickets.md 14.2).

use super::{MESSAGE_MAX, Visitor};
use crate::fields::{Field, Fields, Problems};
use crate::tickets::Ticket;
use serde_json::{Map, Value, json};

/// Most traits of a ticket, longest name and longest text of one, in characters.
const TRAITS: Bounds = Bounds {
    most: 50,
    name: 200,
    text: 500,
};
/// The same for the context of the session.
const CONTEXT: Bounds = Bounds {
    most: 20,
    name: 100,
    text: 2000,
};
/// Longest id of a session recording, in characters.
const SESSION_ID_MAX: usize = 64;

struct Bounds {
    most: usize,
    name: usize,
    text: usize,
}

/// What a visitor sends with a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Intake {
    /// The message.
    pub message: String,
    /// What they say of themselves: texts and nulls.
    pub traits: Map<String, Value>,
    /// Id of a session recording.
    pub session_id: Option<String>,
    /// Where they are: texts, numbers, booleans and nulls.
    pub session_context: Map<String, Value>,
}

impl Intake {
    /// Reads the body; `None` when a rule is broken. What is too much of traits and context is left out, never
    /// refused.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let message = problems.take(fields.text("message").max(MESSAGE_MAX).required());
        let traits = problems.take(fields.object("traits").nullable());
        let session_id = fields.text("session_id").max(SESSION_ID_MAX).allow_blank();
        let session_id = problems.take(session_id.nullable());
        let context = problems.take(fields.object("session_context").nullable());
        Some(Self {
            message: message?,
            traits: usable(traits?.or(Map::new()), &TRAITS, as_text),
            session_id: session_id
                .and_then(Field::value)
                .filter(|id| !id.is_empty()),
            session_context: usable(context?.or(Map::new()), &CONTEXT, |value| value),
        })
    }
}

/// The first members that can be kept, each put through `form`.
fn usable(
    members: Map<String, Value>,
    bounds: &Bounds,
    form: impl Fn(Value) -> Value,
) -> Map<String, Value> {
    let is_usable = |(name, value): &(String, Value)| {
        name.chars().count() <= bounds.name && !value.is_object() && !value.is_array()
    };
    let kept = members.into_iter().filter(is_usable).take(bounds.most);
    kept.map(|(name, value)| {
        let value = match form(value) {
            Value::String(text) => cut(&text, bounds.text).into(),
            other => other,
        };
        (without_nul(&name), value)
    })
    .collect()
}

fn as_text(value: Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Bool(truth) => truth.to_string().into(),
        other => other,
    }
}

fn cut(text: &str, most: usize) -> String {
    let kept = text.chars().filter(|c| *c != '\0').take(most);
    kept.collect()
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

impl Ticket {
    /// Takes over what came with a visitor's message. `may_rename`: the visitor may put their own id in the place of
    /// the ticket's. Who is vouched for makes the ticket theirs: the browser that began it without that knows its
    /// session no more.
    pub fn take_over(&mut self, visitor: &Visitor, intake: &Intake, may_rename: bool) {
        let mut traits = merged(&self.anonymous_traits, &intake.traits, TRAITS.most);
        if let Visitor::Person {
            email: Some(email), ..
        } = visitor
        {
            traits.insert("email".to_owned(), json!(email));
        }
        self.anonymous_traits = Value::Object(traits).to_string();
        let context = merged(&self.session_context, &intake.session_context, CONTEXT.most);
        self.session_context = Value::Object(context).to_string();
        if intake.session_id.is_some() {
            self.session_id.clone_from(&intake.session_id);
        }
        if may_rename && !visitor.distinct_id().is_empty() {
            visitor.distinct_id().clone_into(&mut self.distinct_id);
        }
        if visitor.is_verified() {
            self.widget_session_id = Some(visitor.session().to_string());
            self.identity_verified = Some(true);
        } else if self.identity_verified.is_none() {
            self.identity_verified = Some(false);
        }
    }
}

/// New members over stored ones. A null does not wipe out what is known, and there are never more than `most`: many
/// messages would add up.
fn merged(stored: &str, new: &Map<String, Value>, most: usize) -> Map<String, Value> {
    let mut members: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
    for (name, value) in new {
        let is_known = members.contains_key(name);
        if (is_known && !value.is_null()) || (!is_known && members.len() < most) {
            members.insert(name.clone(), value.clone());
        }
    }
    members
}
