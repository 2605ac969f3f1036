//! What the list is narrowed to, and its order (tickets.md 3). An empty or invalid value is ignored, never an error.

use super::{
    Assignee, CHANNEL_DETAILS, CHANNELS, Priority, Status, TriageResult, fold, normal_tags,
    parse_date,
};
use crate::fields::UuidKind;
use crate::pagination::Bounds;
use crate::persons::folded_email;
use crate::{TicketId, Timestamp, UserId};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::HashMap;

/// Pages of tickets.
pub const LIST_PAGE: Bounds = Bounds {
    default: 100,
    max: Some(1000),
};
/// Longest search, in characters; a longer one is ignored.
const SEARCH_MAX: usize = 200;
/// Of a list of ids, addresses or assignees only so many are looked at.
const LIST_MAX: usize = 100;
/// Of a list of tags only so many are looked at.
const TAGS_MAX: usize = 50;
const HOUR_MICROS: i64 = 3_600_000_000;

/// Conditions on tickets; all must hold. Empty lists and `None` are no conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Any of.
    pub statuses: Vec<Status>,
    /// Any of.
    pub priorities: Vec<Priority>,
    /// One of [`CHANNELS`].
    pub channel_source: Option<&'static str>,
    /// One of [`CHANNEL_DETAILS`].
    pub channel_detail: Option<&'static str>,
    /// Any of; `None` inside is "unassigned".
    pub assignees: Vec<Option<Assignee>>,
    /// Changed then or later.
    pub updated_from: Option<Timestamp>,
    /// Changed then or earlier.
    pub updated_to: Option<Timestamp>,
    /// Customers, exactly; joined to the addresses by "or".
    pub distinct_ids: Vec<String>,
    /// Addresses in lower case; joined to the customers by "or".
    pub emails: Vec<String>,
    /// Any of.
    pub ids: Vec<TicketId>,
    /// What is searched for.
    pub search: Option<Search>,
    /// Due then or later.
    pub due_from: Option<Timestamp>,
    /// Due then or earlier.
    pub due_to: Option<Timestamp>,
    /// Snoozed, or not.
    pub is_snoozed: Option<bool>,
    /// Any of; normal.
    pub tags: Vec<String>,
    /// All of; normal.
    pub tags_all: Vec<String>,
    /// None of; normal.
    pub tags_exclude: Vec<String>,
    /// Any of.
    pub triage_results: Vec<TriageResult>,
}

/// What is searched for (tickets.md 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// A ticket's number; one that no ticket can have is `-1`.
    Number(i64),
    /// A part of the text, folded (see [`fold`]).
    Text(String),
}

impl Filters {
    /// Reads a query string. Dates without an offset are in the project's time zone (a name that is none counts as
    /// UTC); `me` is who asks.
    pub fn read(query: &str, now: Timestamp, time_zone: &str, me: UserId) -> Self {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        // Of a repeated name the last one counts.
        let parameters: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let text = |name: &str| parameters.get(name).map_or("", |value| value.trim());
        let date = |name: &str| parse_date(text(name), now, &zone);
        let mut filters = Self {
            statuses: words(text("status"), Status::from_word),
            priorities: words(text("priority"), Priority::from_word),
            channel_source: known(text("channel_source"), CHANNELS),
            channel_detail: known(text("channel_detail"), CHANNEL_DETAILS),
            assignees: words(text("assignee"), |word| assignee(word, me)),
            updated_from: date("date_from"),
            updated_to: date("date_to"),
            distinct_ids: words(text("distinct_ids"), |id| Some(id.to_owned())),
            emails: words(text("emails"), |email| Some(folded_email(email))),
            ids: words(text("ids"), |id| UuidKind::parse(id).map(TicketId)),
            search: Search::read(text("search")),
            is_snoozed: match text("snoozed") {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            tags: tags(text("tags")),
            tags_all: tags(text("tags_all")),
            tags_exclude: tags(text("tags_exclude")),
            triage_results: words(text("ai_triage_result"), TriageResult::from_word),
            ..Self::default()
        };
        let after = |micros: i64| Some(Timestamp::from_micros(now.as_micros() + micros));
        (filters.due_from, filters.due_to) = match text("sla") {
            "breached" => (None, after(-1)),
            "at-risk" => (Some(now), after(HOUR_MICROS)),
            "on-track" => (after(HOUR_MICROS + 1), None),
            _ => (None, None),
        };
        filters
    }

    /// Whether status, priority, assignee and channel are the only conditions, so that the count is a sum of counters.
    pub fn is_by_tally(&self) -> bool {
        let rest = Self {
            statuses: Vec::new(),
            priorities: Vec::new(),
            assignees: Vec::new(),
            channel_source: None,
            ..self.clone()
        };
        rest == Self::default()
    }

    /// Whether a text that is searched for is the only condition.
    pub fn is_text_alone(&self) -> bool {
        let rest = Self {
            search: None,
            ..self.clone()
        };
        matches!(self.search, Some(Search::Text(_))) && rest == Self::default()
    }
}

impl Search {
    fn read(text: &str) -> Option<Self> {
        if text.is_empty() || text.chars().count() > SEARCH_MAX {
            return None;
        }
        let digits = text.strip_prefix('#').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Number(digits.parse().unwrap_or(-1)));
        }
        let folded = fold(text);
        (!folded.is_empty()).then_some(Self::Text(folded))
    }
}

/// The members of a comma list that mean something, of the first [`LIST_MAX`].
fn words<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let members = text.split(',').map(str::trim);
    let members = members.filter(|member| !member.is_empty() && !member.contains('\0'));
    members.take(LIST_MAX).filter_map(parse).collect()
}

fn known(text: &str, words: &[&'static str]) -> Option<&'static str> {
    words.iter().find(|word| **word == text).copied()
}

fn assignee(word: &str, me: UserId) -> Option<Option<Assignee>> {
    if word.eq_ignore_ascii_case("unassigned") {
        return Some(None);
    }
    if word == "me" {
        return Some(Some(Assignee::User(me)));
    }
    Assignee::from_word(word).map(Some)
}

/// Tags come as a JSON array.
fn tags(text: &str) -> Vec<String> {
    let Ok(Value::Array(items)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let texts = items.iter().take(TAGS_MAX).filter_map(Value::as_str);
    // No tag has one, and PostgreSQL takes no text with it, not even to compare.
    normal_tags(texts.filter(|text| !text.contains('\0')))
}

/// The columns that the list can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderColumn {
    /// When it changed.
    UpdatedAt,
    /// When it was made.
    CreatedAt,
    /// When an answer is due.
    SlaDueAt,
    /// Until when it is out of sight.
    SnoozedUntil,
    /// Its number.
    TicketNumber,
}

/// The order of the list. Empty dates are last in both directions; of equals the highest number is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub column: OrderColumn,
    /// The largest first.
    pub is_descending: bool,
}

impl Order {
    /// Reads `order_by`; what it does not name is the default, the most recently changed first.
    pub fn read(text: &str) -> Self {
        let default = Self {
            column: OrderColumn::UpdatedAt,
            is_descending: true,
        };
        let (name, is_descending) = match text.trim().strip_prefix('-') {
            Some(name) => (name, true),
            None => (text.trim(), false),
        };
        let column = match name {
            "updated_at" => OrderColumn::UpdatedAt,
            "created_at" => OrderColumn::CreatedAt,
            "sla_due_at" => OrderColumn::SlaDueAt,
            "snoozed_until" => OrderColumn::SnoozedUntil,
            "ticket_number" => OrderColumn::TicketNumber,
            _ => return default,
        };
        Self {
            column,
            is_descending,
        }
    }
}
