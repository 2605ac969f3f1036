//! Whom the lines name: people and roles, who are others where they are read.

use super::Field;
use super::tables::Kind;
use crate::{Error, Result};
use model::{RoleId, UserId};
use serde_json::Value;
use std::collections::HashMap;

/// Who people and roles of the lines are here.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) users: HashMap<i64, UserId>,
    pub(super) roles: HashMap<uuid::Uuid, RoleId>,
}

/// The people that a value names.
pub(super) fn named(kind: Kind, field: &Field) -> Vec<i64> {
    match (kind, field) {
        (Kind::User, Field::Int(id)) => vec![*id],
        (Kind::Assignee, Field::Text(word)) => {
            let id = word.strip_prefix("user:").and_then(|id| id.parse().ok());
            id.into_iter().collect()
        }
        (Kind::Named, Field::Text(json)) => {
            let mut found = Vec::new();
            if let Ok(mut value) = serde_json::from_str(json) {
                walk(&mut value, &mut |kind, id| {
                    found.extend(id.as_i64().filter(|_| kind == "user"));
                });
            }
            found
        }
        _ => Vec::new(),
    }
}

impl Known {
    /// A person's number here.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for somebody whom no line has told of.
    pub(super) fn user(&self, id: i64) -> Result<UserId> {
        let found = self.users.get(&id).copied();
        found.ok_or_else(|| Error::Corrupt(format!("person {id} is named and not described")))
    }

    /// Who a ticket is assigned to here. A role that is no more is nobody.
    ///
    /// # Errors
    /// As [`Self::user`].
    pub(super) fn assignee(&self, word: &str) -> Result<String> {
        if let Some(id) = word.strip_prefix("user:").and_then(|id| id.parse().ok()) {
            return Ok(format!("user:{}", self.user(id)?));
        }
        let role = word.strip_prefix("role:").and_then(|id| id.parse().ok());
        let role = role.and_then(|id| self.roles.get(&id));
        Ok(role.map(|id| format!("role:{id}")).unwrap_or_default())
    }

    /// The same JSON about who they are here; who is not known stays as is.
    pub(super) fn json(&self, json: String) -> String {
        let Ok(mut value) = serde_json::from_str::<Value>(&json) else {
            return json;
        };
        let mut is_changed = false;
        walk(&mut value, &mut |kind, id| {
            let other = match kind {
                "user" => id
                    .as_i64()
                    .and_then(|id| self.users.get(&id))
                    .map(|id| Value::from(id.0)),
                _ => {
                    let role = id.as_str().and_then(|id| id.parse().ok());
                    let role = role.and_then(|id| self.roles.get(&id));
                    role.map(|id| Value::from(id.to_string()))
                }
            };
            if let Some(other) = other.filter(|other| other != id) {
                *id = other;
                is_changed = true;
            }
        });
        if is_changed { value.to_string() } else { json }
    }
}

/// Calls back with the type and the id of every `{"type": "user" or "role", "id": …}`.
fn walk(value: &mut Value, found: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, found)),
        Value::Object(members) => {
            let kind = members
                .get("type")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if let Some(kind) = kind.filter(|kind| kind == "user" || kind == "role")
                && let Some(id) = members.get_mut("id")
            {
                found(&kind, id);
            }
            members.values_mut().for_each(|member| walk(member, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_roles_are_found_and_replaced_wherever_they_stand() {
        let role = uuid::Uuid::from_u128(7);
        let known = Known {
            users: HashMap::from([(1, UserId(11))]),
            roles: HashMap::from([(role, RoleId(uuid::Uuid::from_u128(8)))]),
        };
        let json =
            format!(r#"{{"a":[{{"type":"user","id":1}},{{"type":"role","id":"{role}"}}],"id":1}}"#);
        let there = known.json(json.clone());
        assert!(
            there.contains(r#""id":11"#) && there.contains("0008\""),
            "{there}"
        );
        assert_eq!(named(Kind::Named, &Field::Text(json)), [1]);
        let same = r#"{"type":"user","id":5}"#.to_owned();
        assert_eq!(known.json(same.clone()), same);
        assert_eq!(known.assignee("user:1").unwrap(), "user:11");
        assert_eq!(known.assignee("").unwrap(), "");
        assert_eq!(
            known
                .assignee("role:00000000-0000-0000-0000-000000000009")
                .unwrap(),
            ""
        );
        assert!(known.assignee("user:2").is_err());
    }
}
