//! Macros, also known as quick actions: prepared replies, and what they do to a ticket besides (tickets.md 16.2).

use crate::error::{Code, FieldError};
use crate::fields::{Field, Fields, Text};
use crate::tickets::{
    Assignee, Priority, Status, TAG_MAX, TAGS_MAX, normal_tags, rich_content, words,
};
use crate::{MacroId, ProjectId, Timestamp, UserId};
use serde_json::{Map, Value, json};

/// Longest name, in characters.
pub const NAME_MAX: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 400;
/// Longest prepared reply, in characters.
pub const CONTENT_MAX: usize = 50_000;
/// Longest actions, in characters of their JSON.
pub const ACTIONS_MAX: usize = 10_000;

words! {
    /// Who may use a macro.
    MacroVisibility {
        /// Everybody of the project.
        Team = "team",
        /// Whoever made it.
        Personal = "personal",
    }
}

/// A macro as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// The tenant.
    pub project_id: ProjectId,
    /// Time-ordered.
    pub id: MacroId,
    /// What clients address it by.
    pub short_id: String,
    /// Not blank.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// Markdown with variables, which the client fills; may be empty.
    pub content: String,
    /// The editor's document.
    pub rich_content: Option<Value>,
    /// Any of `status`, `priority`, `tags` and `assignee`.
    pub actions: Map<String, Value>,
    /// Who may use it.
    pub visibility: MacroVisibility,
    /// Who made it; none when the account is gone.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Macro {
    /// Whether this person sees it.
    pub fn is_visible_to(&self, user: UserId) -> bool {
        self.visibility == MacroVisibility::Team || self.created_by == Some(user)
    }

    /// Applies a change.
    ///
    /// # Errors
    /// When somebody else than its maker makes it personal, and when neither a reply nor an action is left.
    pub fn apply(
        &mut self,
        change: MacroChange,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), FieldError> {
        let before = self.clone();
        if let Some(name) = change.name {
            self.name = name;
        }
        if let Some(description) = change.description {
            self.description = description;
        }
        if let Some(content) = change.content {
            self.content = content;
        }
        if let Some(document) = change.rich_content {
            self.rich_content = document;
        }
        if let Some(mut actions) = change.actions {
            // Clients that know nothing of assignees must not remove one.
            if let (None, Some(kept)) = (actions.get("assignee"), self.actions.remove("assignee")) {
                actions.insert("assignee".to_owned(), kept);
            }
            actions.retain(|_, value| !value.is_null());
            self.actions = actions;
        }
        if let Some(visibility) = change.visibility
            && visibility != self.visibility
        {
            if visibility == MacroVisibility::Personal && self.created_by != Some(user) {
                let detail = "Only the creator can make this personal.";
                return Err(FieldError::at("visibility", Code::InvalidInput, detail));
            }
            self.visibility = visibility;
        }
        if self.content.is_empty() && self.rich_content.is_none() && self.actions.is_empty() {
            let detail = "A reply or at least one action is required.";
            return Err(FieldError::whole(Code::InvalidInput, detail));
        }
        if *self != before {
            self.updated_at = now;
        }
        Ok(())
    }
}

/// What a body says of a macro. `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MacroChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The reply.
    pub content: Option<String>,
    /// The editor's document.
    pub rich_content: Option<Option<Value>>,
    /// The actions; a null among them removes one.
    pub actions: Option<Map<String, Value>>,
    /// Whom the actions assign to, for the store to check.
    pub assignee: Option<Assignee>,
    /// Who may use it.
    pub visibility: Option<MacroVisibility>,
}

impl MacroChange {
    /// Reads the body of PATCH.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let name = fields.text("name").max(NAME_MAX).optional()?;
        let description = fields.text("description").max(DESCRIPTION_MAX);
        let description = description.allow_blank().optional()?;
        let content = fields.text("content").max(CONTENT_MAX);
        let content = content.allow_blank().optional()?;
        let document = rich_content(fields)?;
        let rich_content = fields.has("rich_content").then_some(document);
        let (actions, assignee) = match fields.nested("actions")? {
            Some(actions) => {
                let (actions, assignee) = read_actions(&actions)?;
                (Some(actions), assignee)
            }
            None => (None, None),
        };
        let visibility = fields.choice("visibility", MacroVisibility::WORDS);
        let visibility = visibility.optional()?;
        Ok(Self {
            name,
            description,
            content,
            rich_content,
            actions,
            assignee,
            visibility: visibility.and_then(MacroVisibility::from_word),
        })
    }
}

/// The actions in their stored form; unknown ones are left out. A null stays, to remove what there is.
fn read_actions(fields: &Fields<'_>) -> Result<(Map<String, Value>, Option<Assignee>), FieldError> {
    let mut actions = Map::new();
    let mut put = |name: &str, field: Field<Value>| match field {
        Field::Absent => {}
        Field::Null => drop(actions.insert(name.to_owned(), Value::Null)),
        Field::Value(value) => drop(actions.insert(name.to_owned(), value)),
    };
    let status = fields.choice("status", Status::WORDS).nullable()?;
    put("status", status.map(Value::from));
    let priority = fields.choice("priority", Priority::WORDS).nullable()?;
    put("priority", priority.map(Value::from));
    let tags = fields.list("tags", Text::new().max(TAG_MAX).allow_blank());
    let tags = tags.max(TAGS_MAX).nullable()?;
    put("tags", tags.map(|tags| json!(normal_tags(tags))));
    let mut assignee = None;
    if let Some(value) = fields.raw("assignee") {
        assignee = Assignee::read(value).map_err(|error| {
            FieldError::at("actions__assignee", Code::InvalidInput, error.to_string())
        })?;
        put(
            "assignee",
            match assignee {
                Some(it) => Field::Value(json!({"type": it.kind(), "id": id_of(it)})),
                None => Field::Null,
            },
        );
    }
    if json!(actions).to_string().chars().count() > ACTIONS_MAX {
        let detail = "Actions payload is too large.";
        return Err(FieldError::at("actions", Code::InvalidInput, detail));
    }
    Ok((actions, assignee))
}

fn id_of(assignee: Assignee) -> Value {
    match assignee {
        Assignee::User(id) => json!(id),
        Assignee::Role(id) => json!(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_micros(5);

    fn empty() -> Macro {
        Macro {
            project_id: ProjectId(1),
            id: MacroId(Uuid::from_u128(1)),
            short_id: "abc".to_owned(),
            name: "n".to_owned(),
            description: String::new(),
            content: "Hi".to_owned(),
            rich_content: None,
            actions: Map::new(),
            visibility: MacroVisibility::Team,
            created_by: Some(UserId(1)),
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    fn change(body: Value) -> Result<MacroChange, FieldError> {
        MacroChange::read(&Fields::of(&body).unwrap())
    }

    fn after(body: Value) -> Map<String, Value> {
        let mut it = empty();
        let old = json!({"status": "open", "assignee": {"type": "user", "id": 3}});
        it.actions = old.as_object().unwrap().clone();
        it.apply(change(body).unwrap(), UserId(1), NOW).unwrap();
        it.actions
    }

    #[test]
    fn actions_are_replaced_but_for_an_assignee_that_is_not_named() {
        let user = json!({"type": "user", "id": 3});
        for (actions, expected) in [
            (json!({}), json!({"assignee": user})),
            (
                json!({"priority": "high", "other": 1}),
                json!({"priority": "high", "assignee": user}),
            ),
            (
                json!({"assignee": null, "tags": ["B", " b "]}),
                json!({"tags": ["b"]}),
            ),
            (
                json!({"assignee": {"type": "user", "id": 4, "more": 1}, "status": null}),
                json!({"assignee": {"type": "user", "id": 4}}),
            ),
        ] {
            let found = after(json!({ "actions": actions }));
            assert_eq!(Value::Object(found), expected, "{actions}");
        }
    }

    #[test]
    fn bad_actions_are_told_by_their_place() {
        for (actions, code, attr) in [
            (
                json!({"status": "x"}),
                Code::InvalidChoice,
                "actions__status",
            ),
            (
                json!({"priority": "x"}),
                Code::InvalidChoice,
                "actions__priority",
            ),
            (json!({"tags": "x"}), Code::NotAList, "actions__tags"),
            (
                json!({"assignee": 1}),
                Code::InvalidInput,
                "actions__assignee",
            ),
            (json!([]), Code::InvalidInput, "actions__non_field_errors"),
            (
                json!({"tags": (0..100).map(|n| format!("{n}{}", "x".repeat(200))).collect::<Vec<_>>()}),
                Code::InvalidInput,
                "actions",
            ),
        ] {
            let error = change(json!({ "actions": actions })).unwrap_err();
            assert_eq!((error.code, error.attr.as_deref()), (code, Some(attr)));
        }
    }

    #[test]
    fn a_reply_or_an_action_must_be_left() {
        let mut it = empty();
        let nothing = change(json!({"content": " "})).unwrap();
        assert!(it.clone().apply(nothing.clone(), UserId(1), NOW).is_err());
        let action = change(json!({"content": "", "actions": {"status": "open"}})).unwrap();
        assert!(it.apply(action, UserId(1), NOW).is_ok());
        assert_eq!(it.updated_at, NOW);
    }

    #[test]
    fn only_its_maker_makes_a_macro_personal() {
        let mut it = empty();
        let personal = change(json!({"visibility": "personal"})).unwrap();
        assert!(it.clone().apply(personal.clone(), UserId(2), NOW).is_err());
        assert!(it.apply(personal, UserId(1), NOW).is_ok());
        assert!(it.is_visible_to(UserId(1)) && !it.is_visible_to(UserId(2)));
    }
}
