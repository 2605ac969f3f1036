use super::*;
use serde_json::json;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn person(number: u128, ids: &[&str], properties: Value) -> Person {
    Person {
        id: PersonId(Uuid::from_u128(number)),
        properties: map(properties),
        distinct_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        is_identified: false,
        created_at: Timestamp::from_micros(0),
    }
}

fn identified(person: Person) -> Person {
    Person {
        is_identified: true,
        ..person
    }
}

fn identify(id: &str, anon: Option<&str>) -> Profile {
    Profile {
        distinct_id: id.to_owned(),
        anon_distinct_id: anon.map(str::to_owned),
        identifies: true,
        ..Profile::default()
    }
}

fn set(id: &str, set: Value, set_once: Value) -> Profile {
    Profile {
        distinct_id: id.to_owned(),
        set: map(set),
        set_once: map(set_once),
        ..Profile::default()
    }
}

#[test]
fn a_person_is_called_by_address_name_or_id() {
    const MACHINE: &str = "0190f5a4-0000-7000-8000-000000000000";
    for (ids, properties, name) in [
        (
            &["u"][..],
            json!({"name": "Jo", "email": " jo@x.com "}),
            "jo@x.com",
        ),
        (&["u"], json!({"name": "Jo", "email": " "}), "Jo"),
        (&["u"], json!({"Name": "Jo", "username": "j"}), "Jo"),
        (
            &["u"],
            json!({"email": null, "name": ["x"], "username": 7}),
            "7",
        ),
        (&["u"], json!({}), "u"),
        (&[MACHINE, "u", "v"], json!({}), "u"),
        (&[MACHINE], json!({}), MACHINE),
    ] {
        assert_eq!(person(1, ids, properties).name(), name);
    }
}

#[test]
fn a_person_is_shown_in_the_form_that_clients_know() {
    let person = identified(person(5, &["u1"], json!({"name": "Jo"})));
    assert_eq!(
        serde_json::to_string(&person).unwrap(),
        r#"{"id":"00000000-0000-0000-0000-000000000005","name":"Jo","distinct_ids":["u1"],"properties":{"name":"Jo"},"created_at":"1970-01-01T00:00:00Z","is_identified":true}"#
    );
}

#[test]
fn addresses_and_searches_ignore_case() {
    let person = person(
        1,
        &["User-1"],
        json!({"email": " JO@X.com\u{0}", "name": "ÄNNE"}),
    );
    assert_eq!(person.email().as_deref(), Some("jo@x.com"));
    assert_eq!(person.search_text(), " jo@x.com\nänne\nuser-1");
    for properties in [json!({}), json!({"email": 5}), json!({"email": "  "})] {
        assert_eq!(
            super::Person {
                properties: map(properties),
                ..person.clone()
            }
            .email(),
            None
        );
    }
}

#[test]
fn some_texts_are_no_ids_and_some_link_nobody() {
    for (id, is_id, is_generic) in [
        ("u", true, false),
        ("ä", true, false),
        ("", false, true),
        (" ", false, true),
        ("a\0b", false, false),
        ("undefined", true, true),
        ("\"NULL\"", true, true),
        ("[object Object]", true, true),
        ("Guest", true, true),
        ("guest-1", true, false),
    ] {
        assert_eq!(is_distinct_id(id), is_id, "{id}");
        assert_eq!(is_generic_id(id), is_generic, "{id}");
    }
    assert!(is_distinct_id(&"ä".repeat(400)));
    assert!(!is_distinct_id(&"ä".repeat(401)));
}

#[test]
fn an_event_about_nobody_makes_a_person() {
    let plan = identify("u", Some("a")).plan(None, None).unwrap();
    assert_eq!((plan.person, plan.absorb), (None, None));
    assert_eq!(plan.attach, ["u", "a"]);
    assert!(plan.is_identified);
    let plan = set("u", json!({"x": 1}), json!({"x": 2, "y": 3}))
        .plan(None, None)
        .unwrap();
    assert_eq!(plan.attach, ["u"]);
    assert!(!plan.is_identified);
    assert_eq!(plan.properties, map(json!({"x": 1, "y": 3})));
}

#[test]
fn who_says_who_they_are_keeps_what_was_known_before() {
    let anon = person(1, &["a"], json!({"x": 1}));
    let plan = identify("u", Some("a")).plan(None, Some(&anon)).unwrap();
    assert_eq!((plan.person, plan.absorb), (Some(anon.id), None));
    assert_eq!(plan.attach, ["u"]);
    assert_eq!(plan.properties, anon.properties);

    let own = identified(person(2, &["u"], json!({"x": 2, "y": 2})));
    let anon = person(1, &["a"], json!({"x": 1, "z": 1}));
    let profile = Profile {
        set_once: map(json!({"z": 9, "w": 9})),
        set: map(json!({"y": 9})),
        ..identify("u", Some("a"))
    };
    let plan = profile.plan(Some(&own), Some(&anon)).unwrap();
    assert_eq!((plan.person, plan.absorb), (Some(own.id), Some(anon.id)));
    assert_eq!(
        plan.properties,
        map(json!({"w": 9, "x": 2, "y": 9, "z": 1}))
    );

    let plan = identify("u", Some("b")).plan(Some(&own), None).unwrap();
    assert_eq!(
        (plan.person, plan.attach),
        (Some(own.id), vec!["b".to_owned()])
    );
}

#[test]
fn whoever_was_identified_is_not_merged_into_another() {
    let own = identified(person(2, &["u"], json!({})));
    let other = identified(person(1, &["v"], json!({"x": 1})));
    assert_eq!(
        identify("u", Some("v")).plan(Some(&own), Some(&other)),
        None
    );
}

#[test]
fn only_identify_links_and_only_by_ids_that_mean_somebody() {
    let own = identified(person(2, &["u"], json!({})));
    let anon = person(1, &["a"], json!({}));
    let mut profile = identify("u", Some("a"));
    profile.identifies = false;
    assert_eq!(profile.plan(Some(&own), Some(&anon)), None);
    assert_eq!(
        identify("u", Some("null")).plan(Some(&own), Some(&anon)),
        None
    );
    assert_eq!(identify("u", Some("u")).plan(Some(&own), Some(&own)), None);
    let plan = identify("undefined", Some("a"))
        .plan(None, Some(&anon))
        .unwrap();
    assert_eq!(
        (plan.person, plan.attach),
        (None, vec!["undefined".to_owned()])
    );
}

#[test]
fn an_event_that_says_nothing_new_needs_nothing() {
    let own = identified(person(2, &["u", "a"], json!({"x": {"deep": [1]}})));
    assert_eq!(identify("u", Some("a")).plan(Some(&own), Some(&own)), None);
    let same = set("u", json!({"x": {"deep": [1]}}), json!({"x": 5}));
    assert_eq!(same.plan(Some(&own), None), None);
    let other = set("u", json!({"x": {"deep": [2]}}), json!({}));
    assert!(other.plan(Some(&own), None).is_some());
}

#[test]
fn a_person_does_not_grow_without_bounds() {
    let large = "x".repeat(PROPERTIES_MAX);
    let own = person(1, &["u"], json!({"x": 1}));
    assert_eq!(
        set("u", json!({"y": large}), json!({})).plan(Some(&own), None),
        None
    );

    let ids: Vec<String> = (0..DISTINCT_IDS_MAX).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let full = identified(person(1, &ids, json!({})));
    assert_eq!(identify("1", Some("new")).plan(Some(&full), None), None);
    assert_eq!(identify("new", Some("1")).plan(None, Some(&full)), None);
    let anon = person(2, &["a"], json!({}));
    assert_eq!(
        identify("1", Some("a")).plan(Some(&full), Some(&anon)),
        None
    );
}

#[test]
fn a_change_writes_members_and_removes_them_by_null() {
    let before = map(json!({"a": 1, "b": 2}));
    let change = map(json!({"a": null, "b": 3, "c": 4, "d": null}));
    assert_eq!(changed(&before, &change), map(json!({"b": 3, "c": 4})));
}

#[test]
fn a_person_for_showing_is_written_like_a_person() {
    let machine = Uuid::from_u128(7).to_string();
    for properties in [
        json!({}),
        json!({"name": " Zoe ", "plan": {"name": "x"}, "tags": [1, null, "é\n"]}),
        json!({"UserName": "z", "Email": "a@x", "email": ""}),
        json!({"email": null, "name": 12.5, "Name": "N"}),
        json!({"email": ["a"], "username": true}),
    ] {
        for ids in [&[][..], &[machine.as_str()], &[machine.as_str(), "zoe"]] {
            let person = person(1, ids, properties.clone());
            let view = PersonView::new(
                person.id,
                properties.to_string(),
                person.distinct_ids.clone(),
            );
            let view = view.unwrap();
            let written = (serde_json::to_string(&view), serde_json::to_string(&person));
            assert_eq!(written.0.unwrap(), written.1.unwrap());
        }
    }
    for none in ["[]", "3", "{", ""] {
        assert!(
            PersonView::new(PersonId(Uuid::from_u128(1)), none.to_owned(), vec![]).is_err(),
            "{none}"
        );
    }
}

#[test]
fn what_is_ascii_is_folded_as_it_is_beside_other_characters() {
    let ascii: String = ('\0'..='\x7f').collect();
    assert_eq!(folded(&format!("é{ascii}")), format!("é{}", folded(&ascii)));
    assert_eq!(folded("Ab\0 Z_%"), "ab z_%");
}

#[test]
fn letters_with_the_same_capitals_are_one_when_searching() {
    for alike in [
        ["ΝΙΚΟΣ", "νικος", "νικοσ"],
        ["STRASSE", "Straße", "STRAẞE"],
        ["İZMİR", "izmir", "I\u{307}zmır"],
    ] {
        let folded = alike.map(folded);
        assert!(folded.iter().all(|it| *it == folded[0]), "{folded:?}");
    }
    assert_eq!(folded("ġ"), "ġ");
}

#[test]
fn addresses_with_other_letters_stay_other_addresses() {
    let address = folded_email(" Info@GitHub.example ");
    assert_eq!(address, "info@github.example");
    assert_ne!(folded_email("info@gıthub.example"), address);
    assert_ne!(folded_email("ß@a.example"), folded_email("ss@a.example"));
}
