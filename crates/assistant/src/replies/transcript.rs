//! A ticket written down for a model: who said what, where, and who the customer is (tickets.md 8.3). All of it is
//! data, and no line of a message can pass for a line of somebody else's.

use model::persons::Person;
use model::tickets::{Message, Side, Ticket};
use serde_json::Value;

/// Characters of all messages together.
const CHARACTERS: usize = 8_000;
/// Properties of the person.
const PROPERTIES: usize = 30;
/// Characters of one property's value.
const VALUE_MAX: usize = 200;
/// Characters of a page's address.
const URL_MAX: usize = 500;
/// Properties that the browser SDK sets and that help to answer; of the others that begin with `$` none is shown.
const ALLOWED: &[&str] = &[
    "$app_version",
    "$browser",
    "$browser_language",
    "$browser_version",
    "$current_url",
    "$device_type",
    "$geoip_city_name",
    "$geoip_country_name",
    "$os",
    "$os_version",
    "$timezone",
];

/// The ticket as text.
pub(super) fn render(ticket: &Ticket, messages: &[Message], person: Option<&Person>) -> String {
    let mut text = format!(
        "Channel: {}\nStatus: {}\n",
        ticket.channel_source,
        ticket.status.as_str()
    );
    let context: Value = serde_json::from_str(&ticket.session_context).unwrap_or_default();
    if let Some(url) = context["current_url"].as_str() {
        text.push_str(&format!("Page: {}\n", one_line(url, URL_MAX)));
    }
    if ticket.session_id.is_some() {
        text.push_str("Session: recorded\n");
    }
    for line in person.into_iter().flat_map(properties) {
        text.push_str(&line);
    }
    text.push_str("\nConversation, oldest first:\n");
    text.push_str(&conversation(messages, ticket.message_count));
    text
}

/// The newest messages that fit, with a note when there were more.
fn conversation(messages: &[Message], all: i64) -> String {
    let mut left = CHARACTERS;
    let mut newest_first = Vec::new();
    let mut is_cut = i64::try_from(messages.len()).is_ok_and(|shown| shown < all);
    for message in messages.iter().rev() {
        if left == 0 {
            is_cut = true;
            break;
        }
        let length = message.content.chars().count();
        let said: String = message.content.chars().take(left).collect();
        left = left.saturating_sub(length);
        let who = match message.side {
            Side::Customer => "Customer",
            Side::Team | Side::Ai => "Support",
        };
        let mut line = format!("{who}: {}", continued(&said));
        if said.len() < message.content.len() {
            line.push_str(" (cut)");
            is_cut = true;
        }
        newest_first.push(line);
    }
    if is_cut {
        newest_first.push("(The conversation was cut: parts of it are not shown.)".to_owned());
    }
    newest_first.reverse();
    newest_first.join("\n")
}

/// A text whose further lines cannot be taken for somebody else's words.
fn continued(text: &str) -> String {
    text.trim().lines().collect::<Vec<_>>().join("\n| ")
}

fn properties(person: &Person) -> Vec<String> {
    let is_shown = |name: &String| !name.starts_with('$') || ALLOWED.contains(&name.as_str());
    let shown = person.properties.iter().filter(|(name, _)| is_shown(name));
    let line = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (name, value) = (one_line(name, VALUE_MAX), one_line(&value, VALUE_MAX));
        format!("Customer's {name}: {value}\n")
    };
    shown.take(PROPERTIES).map(line).collect()
}

fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(most).collect()
}
