//! Saved views of the list of tickets (tickets.md 16.1), and those that every inbox has.

use super::{Assignee, Status, words};
use crate::error::{Code, FieldError};
use crate::fields::Fields;
use crate::{ProjectId, Timestamp, UserId, ViewId};
use serde_json::{Map, Value, json};

/// Longest name of a view, in characters.
pub const VIEW_NAME_MAX: usize = 400;
/// Longest filters of a view, in characters of their JSON.
pub const VIEW_FILTERS_MAX: usize = 10_000;
/// Views that one project may have, so that all their badges can be counted in one answer.
pub const VIEWS_MAX: i64 = 500;

words! {
    /// Who sees a saved view.
    ViewVisibility {
        /// Everybody of the project.
        Shared = "shared",
        /// Whoever made it.
        Private = "private",
    }
}

words! {
    /// The views that every inbox has.
    BuiltInView {
        /// Unresolved and mine.
        Mine = "mine",
        /// Unresolved and nobody's.
        Unassigned = "unassigned",
        /// Unresolved.
        Open = "open",
        /// Unresolved, and out of sight until some moment.
        Snoozed = "snoozed",
        /// Unresolved, and an answer is overdue.
        Breaching = "breaching",
        /// Resolved.
        Resolved = "resolved",
    }
}

impl BuiltInView {
    /// Its filters, in the form of a saved view's.
    pub fn filters(self) -> Map<String, Value> {
        let unresolved: Vec<&str> = Status::ALL
            .iter()
            .filter(|status| **status != Status::Resolved)
            .map(|status| status.as_str())
            .collect();
        let (name, value) = match self {
            Self::Mine => ("assignee", json!("me")),
            Self::Unassigned => ("assignee", json!("unassigned")),
            Self::Snoozed => ("snoozed", json!(true)),
            Self::Breaching => ("sla", json!("breached")),
            Self::Open => ("status", json!(unresolved)),
            Self::Resolved => ("status", json!([Status::Resolved])),
        };
        let mut filters = Map::new();
        filters.insert("status".to_owned(), json!(unresolved));
        filters.insert(name.to_owned(), value);
        filters
    }
}

/// A saved view.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketView {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: ViewId,
    /// What clients address it by.
    pub short_id: String,
    /// Not blank, at most [`VIEW_NAME_MAX`] characters.
    pub name: String,
    /// As the client sent them.
    pub filters: Map<String, Value>,
    /// As stored; see [`Self::shown_visibility`].
    pub visibility: ViewVisibility,
    /// Who made it; none when the account is gone.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl TicketView {
    /// Who sees it: a private view that nobody owns any more belongs to all.
    pub fn shown_visibility(&self) -> ViewVisibility {
        match self.created_by {
            Some(_) => self.visibility,
            None => ViewVisibility::Shared,
        }
    }

    /// Whether this person sees it.
    pub fn is_visible_to(&self, user: UserId) -> bool {
        self.shown_visibility() == ViewVisibility::Shared || self.created_by == Some(user)
    }

    /// Applies a change. Only whoever made a view may say who sees it.
    ///
    /// # Errors
    /// At `visibility`, for somebody else.
    pub fn apply(&mut self, change: ViewChange, user: UserId) -> Result<(), FieldError> {
        if let Some(visibility) = change.visibility
            && visibility != self.shown_visibility()
        {
            if self.created_by != Some(user) {
                let detail = "Only the creator of a view can change its visibility.";
                return Err(FieldError::at("visibility", Code::InvalidInput, detail));
            }
            self.visibility = visibility;
        }
        if let Some(name) = change.name {
            self.name = name;
        }
        if let Some(filters) = change.filters {
            self.filters = filters;
        }
        Ok(())
    }
}

/// What a body says of a view. `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewChange {
    /// Its name.
    pub name: Option<String>,
    /// Replaces all filters.
    pub filters: Option<Map<String, Value>>,
    /// Who sees it.
    pub visibility: Option<ViewVisibility>,
    /// One of the caller's favourites.
    pub is_favorited: Option<bool>,
}

impl ViewChange {
    /// Reads the body of PATCH.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let name = fields.text("name").max(VIEW_NAME_MAX).optional()?;
        let filters = fields.object("filters").optional()?;
        if let Some(filters) = &filters {
            let length = json!(filters).to_string().chars().count();
            if length > VIEW_FILTERS_MAX {
                let detail = "Filters payload is too large.";
                return Err(FieldError::at("filters", Code::InvalidInput, detail));
            }
        }
        let is_favorited = fields.boolean("is_favorited").optional()?;
        let visibility = fields.choice("visibility", ViewVisibility::WORDS);
        let visibility = visibility.optional()?;
        Ok(Self {
            name,
            filters,
            visibility: visibility.and_then(ViewVisibility::from_word),
            is_favorited,
        })
    }
}

/// Puts a view's filters under the parameters of a list: those that the query names itself win, even when they are
/// empty. Gives a query.
pub fn query_with_view(query: &str, filters: &Map<String, Value>) -> String {
    let explicit: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let is_explicit = |parameter: &str| {
        let names: &[&str] = match parameter {
            // The two say the same thing in different ways.
            "tags" | "tags_all" => &["tags", "tags_all"],
            other => &[other],
        };
        explicit.iter().any(|(name, _)| names.contains(&&**name))
    };
    let mut merged = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters(filters) {
        if !is_explicit(name) {
            merged.append_pair(name, &value);
        }
    }
    merged.extend_pairs(&explicit);
    merged.finish()
}

/// A view's filters as parameters of the list. What is not understood is no filter, as in the list itself.
fn parameters(filters: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let value = |name: &str| filters.get(name).unwrap_or(&Value::Null);
    let tags = match value("tagsMatch").as_str() {
        Some("all") => "tags_all",
        _ => "tags",
    };
    let found = [
        ("status", words_of(value("status"))),
        ("priority", words_of(value("priority"))),
        ("channel_source", words_of(value("channel"))),
        ("sla", words_of(value("sla"))),
        ("assignee", assignees(value("assignee"))),
        (tags, list(value("tags"))),
        ("tags_exclude", list(value("tagsExclude"))),
        ("ai_triage_result", words_of(value("aiTriageResult"))),
        ("date_from", words_of(value("dateFrom"))),
        ("date_to", words_of(value("dateTo"))),
        ("search", value("search").as_str().map(str::to_owned)),
        (
            "snoozed",
            value("snoozed").as_bool().map(|it| it.to_string()),
        ),
        ("order_by", order(value("sorting"))),
    ];
    let given = |(name, value): (&'static str, Option<String>)| Some((name, value?));
    found.into_iter().filter_map(given).collect()
}

/// A word, or several of them in a list, as a comma list.
fn words_of(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.clone()),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            (!words.is_empty()).then(|| words.join(","))
        }
        _ => None,
    }
}

/// Texts as a JSON array.
fn list(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A word, an object with `type` and `id`, or several of them.
fn assignees(value: &Value) -> Option<String> {
    let word = |value: &Value| match value {
        Value::String(word) => Some(word.clone()),
        other => Assignee::read(other).ok()?.map(|it| it.to_string()),
    };
    match value {
        Value::Array(several) => {
            let words: Vec<String> = several.iter().filter_map(word).collect();
            (!words.is_empty()).then(|| words.join(","))
        }
        one => word(one),
    }
}

/// `{columnKey, order}`, where -1 is the largest first.
fn order(sorting: &Value) -> Option<String> {
    let column = sorting["columnKey"].as_str()?;
    let is_descending = match &sorting["order"] {
        Value::String(word) => word.starts_with("desc"),
        number => number.as_i64()? < 0,
    };
    Some(format!("{}{column}", if is_descending { "-" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tickets::{Filters, Order, OrderColumn, Priority, Search};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_micros(1_774_971_045_000_000);

    fn filters(query: &str, view: Value) -> Filters {
        let query = query_with_view(query, view.as_object().unwrap());
        Filters::read(&query, NOW, "UTC", UserId(5))
    }

    #[test]
    fn every_filter_of_an_inbox_is_one_of_the_list() {
        for (view, query) in [
            (json!({}), ""),
            (json!({"status": ["new", "open"]}), "status=new,open"),
            (json!({"status": "new"}), "status=new"),
            (json!({"priority": ["high"]}), "priority=high"),
            (json!({"channel": "email"}), "channel_source=email"),
            (
                json!({"channel": "all", "assignee": "all", "sla": "all"}),
                "",
            ),
            (json!({"sla": "breached"}), "sla=breached"),
            (json!({"assignee": "unassigned"}), "assignee=unassigned"),
            (
                json!({"assignee": {"type": "user", "id": 7}}),
                "assignee=user:7",
            ),
            (
                json!({"assignee": ["me", {"type": "user", "id": 7}, 3]}),
                "assignee=me,user:7",
            ),
            (json!({"tags": ["a", "b"]}), "tags=[\"a\",\"b\"]"),
            (
                json!({"tags": ["a", "b"], "tagsMatch": "all"}),
                "tags_all=[\"a\",\"b\"]",
            ),
            (json!({"tagsExclude": ["a"]}), "tags_exclude=[\"a\"]"),
            (
                json!({"aiTriageResult": ["clarified"]}),
                "ai_triage_result=clarified",
            ),
            (
                json!({"dateFrom": "-7d", "dateTo": "all"}),
                "date_from=-7d&date_to=all",
            ),
            (json!({"search": "jo & co"}), "search=jo%20%26%20co"),
            (json!({"snoozed": true}), "snoozed=true"),
            (json!({"nonsense": 1, "status": {"a": 1}, "search": 5}), ""),
        ] {
            let expected = Filters::read(query, NOW, "UTC", UserId(5));
            assert_eq!(filters("", view.clone()), expected, "{view}");
        }
    }

    #[test]
    fn what_the_query_names_itself_wins() {
        let view = json!({
            "status": ["new"], "priority": ["high"], "tags": ["a"], "search": "x",
            "sorting": {"columnKey": "created_at", "order": -1},
        });
        let found = filters("status=open&tags_all=[\"b\"]&search=", view.clone());
        assert_eq!(found.statuses, [Status::Open]);
        assert_eq!(found.priorities, [Priority::High]);
        assert_eq!((found.tags, found.tags_all), (vec![], vec!["b".to_owned()]));
        assert_eq!(found.search, None);
        let found = filters("limit=3", view.clone());
        assert_eq!(found.search, Some(Search::Text("x".to_owned())));
        for (query, column, is_descending) in [
            ("", OrderColumn::CreatedAt, true),
            ("order_by=ticket_number", OrderColumn::TicketNumber, false),
        ] {
            let merged = query_with_view(query, view.as_object().unwrap());
            let order = form_urlencoded::parse(merged.as_bytes())
                .find(|(name, _)| name == "order_by")
                .map(|(_, value)| Order::read(&value));
            let expected = Order {
                column,
                is_descending,
            };
            assert_eq!(order, Some(expected), "{merged}");
        }
    }

    #[test]
    fn built_in_views_are_filters_like_others() {
        let read = |view: BuiltInView| filters("", json!(view.filters()));
        let unresolved = Status::ALL.len() - 1;
        for view in BuiltInView::ALL {
            let found = read(*view);
            let is_resolved = *view == BuiltInView::Resolved;
            let expected = if is_resolved { 1 } else { unresolved };
            assert_eq!(found.statuses.len(), expected, "{}", view.as_str());
        }
        let mine = Some(Assignee::User(UserId(5)));
        assert_eq!(read(BuiltInView::Mine).assignees, [mine]);
        assert_eq!(read(BuiltInView::Unassigned).assignees, [None]);
        assert_eq!(read(BuiltInView::Snoozed).is_snoozed, Some(true));
        assert!(read(BuiltInView::Breaching).due_to.is_some());
    }

    #[test]
    fn only_its_maker_says_who_sees_a_view() {
        let mut view = TicketView {
            project_id: ProjectId(1),
            id: ViewId(Uuid::from_u128(1)),
            short_id: "abc".to_owned(),
            name: "n".to_owned(),
            filters: Map::new(),
            visibility: ViewVisibility::Private,
            created_by: Some(UserId(1)),
            created_at: NOW,
        };
        let to = |visibility| ViewChange {
            visibility: Some(visibility),
            ..ViewChange::default()
        };
        assert!(view.is_visible_to(UserId(1)) && !view.is_visible_to(UserId(2)));
        assert!(view.apply(to(ViewVisibility::Shared), UserId(2)).is_err());
        assert!(view.apply(to(ViewVisibility::Private), UserId(2)).is_ok());
        assert!(view.apply(to(ViewVisibility::Shared), UserId(1)).is_ok());
        assert!(view.is_visible_to(UserId(2)));
        // Without its maker a private view is everybody's, for good.
        view.visibility = ViewVisibility::Private;
        view.created_by = None;
        assert!(view.is_visible_to(UserId(2)));
        assert!(view.apply(to(ViewVisibility::Private), UserId(2)).is_err());
    }
}
