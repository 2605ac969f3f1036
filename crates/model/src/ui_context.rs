//! What a user's page shows, as clients send it along (ai-conversations.md 10).

use serde_json::Value;

const LISTS: &[&str] = &["dashboards", "insights", "events", "actions"];
const OBJECTS: &[&str] = &["filters_override", "variables_override", "form_answers"];

/// Whether a `ui_context` can go with a message: an object whose known members have their types. Unknown members
/// are accepted and stored; null stands for absent everywhere.
pub fn is_valid(context: &Value) -> bool {
    let Some(members) = context.as_object() else {
        return context.is_null();
    };
    let holds = |name: &str, is_right: fn(&Value) -> bool| {
        members
            .get(name)
            .is_none_or(|value| value.is_null() || is_right(value))
    };
    LISTS.iter().all(|name| holds(name, Value::is_array))
        && OBJECTS.iter().all(|name| holds(name, Value::is_object))
        && holds("voice_mode", Value::is_boolean)
}

/// What is kept of a `billing_context`: an object, without a `spend_history` of more than 20 entries
/// (ai-conversations.md 4.1). Anything else counts as absent.
pub fn billing_context(value: Value) -> Option<Value> {
    let Value::Object(mut members) = value else {
        return None;
    };
    if members
        .get("spend_history")
        .and_then(Value::as_array)
        .is_some_and(|history| history.len() > 20)
    {
        members.insert("spend_history".into(), Value::Null);
    }
    Some(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_members_need_their_types_and_unknown_ones_pass() {
        for (context, valid) in [
            (json!(null), true),
            (json!({}), true),
            (
                json!({"dashboards": [], "filters_override": {}, "voice_mode": true, "new_thing": 5}),
                true,
            ),
            (json!({"insights": null}), true),
            (json!("page"), false),
            (json!([1]), false),
            (json!({"dashboards": "x"}), false),
            (json!({"form_answers": []}), false),
            (json!({"voice_mode": "yes"}), false),
        ] {
            assert_eq!(is_valid(&context), valid, "{context}");
        }
    }

    #[test]
    fn a_long_spend_history_is_dropped_and_the_rest_kept() {
        let with = |entries: usize| json!({"plan": "free", "spend_history": vec![1; entries]});
        assert_eq!(billing_context(with(20)), Some(with(20)));
        assert_eq!(
            billing_context(with(21)),
            Some(json!({"plan": "free", "spend_history": null}))
        );
        assert_eq!(billing_context(json!("x")), None);
    }
}
