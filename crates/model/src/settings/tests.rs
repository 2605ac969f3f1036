use super::*;
use crate::rates::{AI_BURST, Per, THROTTLES};
use serde_json::json;

#[test]
fn only_what_differs_from_the_default_is_stored() {
    let mut settings = ProjectSettings::default();
    assert_eq!(settings.to_stored(), "{}");
    settings.set("timezone", &json!("Europe/Berlin")).unwrap();
    settings.set("conversations_enabled", &json!("no")).unwrap();
    assert_eq!(
        settings.to_stored(),
        r#"{"conversations_enabled":false,"timezone":"Europe/Berlin"}"#
    );
    assert_eq!(
        ProjectSettings::from_stored(&settings.to_stored()),
        settings
    );
    settings.set("timezone", &json!("UTC")).unwrap();
    settings.set("conversations_enabled", &json!(true)).unwrap();
    assert_eq!(settings, ProjectSettings::default());
}

#[test]
fn settings_of_a_newer_version_survive() {
    let mut settings = ProjectSettings::from_stored(r#"{"of_tomorrow":[1],"ai_burst":"5/minute"}"#);
    assert_eq!(settings.limit(&AI_BURST), Some(Limit::at(5, Per::Minute)));
    settings.set("ai_burst", &json!(null)).unwrap();
    assert_eq!(settings.to_stored(), r#"{"of_tomorrow":[1]}"#);
}

#[test]
fn a_stored_value_that_no_longer_fits_counts_as_not_set() {
    for stored in [
        r#"{"ai_replies":"loudly"}"#,
        "[]",
        "not json",
        r#"{"timezone":5}"#,
    ] {
        assert_eq!(
            ProjectSettings::from_stored(stored).to_json(),
            ProjectSettings::default().to_json()
        );
    }
}

#[test]
fn every_default_passes_its_own_rule_and_the_table_names_every_field() {
    let all = ProjectSettings::default().to_json();
    assert_eq!(all.len(), SETTINGS.len());
    for setting in SETTINGS {
        let value = setting.default();
        assert_eq!(
            setting.rule.read(&value, setting.name),
            Ok(value),
            "{}",
            setting.name
        );
        assert!(!setting.rule.describe().is_empty());
    }
}

#[test]
fn every_throttle_is_a_setting() {
    for throttle in THROTTLES {
        let mut settings = ProjectSettings::default();
        settings.set(throttle.name, &json!("7/hour")).unwrap();
        assert_eq!(settings.limit(throttle), Some(Limit::at(7, Per::Hour)));
    }
}

#[test]
fn refuses_what_breaks_the_rule() {
    for (name, value, code) in [
        ("nope", json!(1), Code::InvalidInput),
        ("widget_enabled", json!("maybe"), Code::InvalidInput),
        ("widget_enabled", json!(null), Code::Null),
        ("ai_replies", json!("loudly"), Code::InvalidChoice),
        ("timezone", json!("Mars/Olympus"), Code::InvalidChoice),
        ("widget_domains", json!("x"), Code::NotAList),
        (
            "notification_recipients",
            json!(["nope"]),
            Code::InvalidInput,
        ),
        ("sla_warning_minutes", json!([0]), Code::MinValue),
        ("ai_burst", json!("often"), Code::InvalidInput),
        ("business_hours", json!("always"), Code::NotADict),
        ("business_hours", json!({"time": "any"}), Code::Required),
        (
            "business_hours",
            json!({"days": ["monday"], "time": ["17:00", "09:00"]}),
            Code::InvalidInput,
        ),
        (
            "business_hours",
            json!({"days": ["monday"], "time": "any", "timezone": "UTC"}),
            Code::InvalidInput,
        ),
    ] {
        let mut settings = ProjectSettings::default();
        assert_eq!(settings.set(name, &value).unwrap_err().code, code, "{name}");
        assert_eq!(settings, ProjectSettings::default());
    }
}

#[test]
fn takes_the_texts_of_a_command_line() {
    let mut settings = ProjectSettings::default();
    for (name, text) in [
        ("widget_enabled", "true"),
        ("widget_domains", "https://a.example, *.b.example"),
        ("sla_warning_minutes", "[30, 5]"),
        ("notification_recipients", ""),
        ("ai_replies", "answer"),
        ("ai_burst", "off"),
        ("widget_greeting_text", ""),
    ] {
        settings.set_text(name, text).unwrap();
    }
    assert!(settings.widget_enabled);
    assert_eq!(
        settings.widget_domains,
        ["https://a.example", "*.b.example"]
    );
    assert_eq!(settings.sla_warning_minutes, [30, 5]);
    assert_eq!(settings.ai_replies, AiReplies::Answer);
    assert_eq!(settings.ai_burst, Some(Limit::Off));
    assert_eq!(settings.widget_greeting_text, "");
    settings.set_text("ai_burst", "default").unwrap();
    settings.set_text("widget_domains", "default").unwrap();
    assert_eq!(settings.ai_burst, None);
    assert!(settings.widget_domains.is_empty());
    assert!(settings.set_text("nope", "1").is_err());
}

#[test]
fn office_hours_are_kept_in_one_form_and_are_in_the_projects_zone() {
    let mut settings = ProjectSettings::default();
    assert_eq!(settings.business_hours(), None);
    let hours = json!({"days": ["friday", "monday", "friday"], "time": ["09:00", "17:00"], "x": 1});
    settings.set("business_hours", &hours).unwrap();
    settings.set("timezone", &json!("Europe/Berlin")).unwrap();
    let kept = json!({"days": ["monday", "friday"], "time": ["09:00", "17:00"]});
    assert_eq!(settings.to_json()["business_hours"], kept);
    assert_eq!(
        ProjectSettings::from_stored(&settings.to_stored()),
        settings
    );
    let mut zoned = kept;
    zoned["timezone"] = json!("Europe/Berlin");
    let expected = BusinessHours::read(&zoned, "").unwrap();
    assert_eq!(settings.business_hours(), Some(expected));
    settings.set_text("business_hours", "null").unwrap();
    assert_eq!(settings.to_stored(), r#"{"timezone":"Europe/Berlin"}"#);
}
