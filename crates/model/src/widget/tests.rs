//! Who a visitor is, what is kept of what they send, and where they may come from.

use super::*;
use crate::tickets::{NewTicket, Ticket, TicketChange};
use crate::{ProjectId, TicketId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const SECRET: &str = "phs_abc";
/// HMAC-SHA256 of "user-1" under [`SECRET`].
const HASH: &str = "570a5ef56b4e4997b726d9709b050734be5efee843461356f7e5621d08268af3";

fn problems_of<T>(body: &Value, read: impl FnOnce(&Fields<'_>, &mut Problems) -> T) -> (T, Value) {
    let mut problems = Problems::default();
    let value = read(&Fields::of(body).unwrap(), &mut problems);
    (value, problems.into_json())
}

fn claim(body: &Value) -> (Claim, Value) {
    problems_of(body, |fields, problems| Claim::read(fields, true, problems))
}

fn visitor(body: &Value, secrets: &[&str]) -> Option<Visitor> {
    let (claim, problems) = claim(body);
    assert_eq!(problems, json!({}), "{body}");
    let secrets: Vec<String> = secrets.iter().map(|it| (*it).to_owned()).collect();
    claim.check(&secrets, NOW)
}

const SESSION: &str = "0190aaaa-0000-7000-8000-000000000001";

#[test]
fn a_visitor_is_named_by_a_session_or_by_an_identity() {
    for (body, problem) in [
        (json!({}), "Either widget_session_id or both"),
        (
            json!({"distinct_id": "u"}),
            "Either widget_session_id or both",
        ),
        (
            json!({"identity_distinct_id": "u"}),
            "Either widget_session_id or both",
        ),
        (
            json!({"widget_session_id": null, "identity_hash": "x"}),
            "Either widget_session_id or both",
        ),
        (
            json!({"widget_session_id": SESSION}),
            "distinct_id is required",
        ),
        (
            json!({"widget_session_id": SESSION, "distinct_id": " "}),
            "distinct_id is required",
        ),
        (
            json!({"widget_session_id": SESSION, "distinct_id": "u", "identity_exp_email": 5}),
            "identity_email, identity_hash_email",
        ),
        (
            json!({"identity_distinct_id": "u", "identity_hash": "x", "identity_email": "a@b.c", "identity_exp_email": 5}),
            "identity_email, identity_hash_email",
        ),
    ] {
        let told = claim(&body).1["non_field_errors"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(told.starts_with(problem), "{body}: {told}");
    }
    let (_, problems) = claim(&json!({"widget_session_id": "x", "distinct_id": "u".repeat(401)}));
    assert_eq!(
        problems,
        json!({
            "widget_session_id": ["Must be a valid UUID."],
            "distinct_id": ["Ensure this field has no more than 400 characters."],
        })
    );
}

#[test]
fn a_right_hash_is_good_under_any_of_the_secrets_and_a_wrong_one_is_not_made_good_by_a_session() {
    let body = |hash: &str| json!({"identity_distinct_id": "user-1", "identity_hash": hash});
    for secrets in [&[SECRET][..], &["phs_other", SECRET]] {
        let visitor = visitor(&body(HASH), secrets).unwrap();
        assert!(visitor.is_verified());
        assert_eq!(visitor.distinct_id(), "user-1");
    }
    for (hash, secrets) in [
        (HASH, &["phs_other"][..]),
        (HASH, &[]),
        (&HASH.to_uppercase(), &[SECRET]),
        (&HASH[..63], &[SECRET]),
        (&"0".repeat(64), &[SECRET]),
        (&"ä".repeat(32), &[SECRET]),
    ] {
        assert_eq!(visitor(&body(hash), secrets), None, "{hash}");
        let mut with_session = body(hash);
        with_session["widget_session_id"] = json!(SESSION);
        with_session["distinct_id"] = json!("user-1");
        assert_eq!(visitor(&with_session, secrets), None, "{hash}");
    }
    // Half an identity is none.
    let half = json!({"widget_session_id": SESSION, "distinct_id": "u", "identity_hash": "x"});
    assert!(!visitor(&half, &[SECRET]).unwrap().is_verified());
}

#[test]
fn a_claim_of_an_address_counts_while_it_lasts_and_never_refuses() {
    // HMAC-SHA256 of "v1\0user-1\0jo@example.com\0<expiry>", made with another program.
    let in_an_hour = (
        "b3c0028247567e8cabdfd6924aad5e4978425ec41ffab8acc5d3ae42b214270f",
        1_767_229_200,
    );
    let in_two_days = (
        "0c27fe86d9fabd5d2405198fb6c0a2d7bdc0336c29cbcc206c4050304cc27390",
        1_767_398_400,
    );
    let just_now = (
        "b4493709d3b86fdf943856b8ba38aaafe7394517708db0ec38b81981f0747741",
        1_767_225_600,
    );
    for (hash, expiry, email) in [
        (in_an_hour.0, json!(in_an_hour.1), Some("jo@example.com")),
        (
            in_an_hour.0,
            json!(in_an_hour.1.to_string()),
            Some("jo@example.com"),
        ),
        (in_an_hour.0, json!(in_an_hour.1 + 1), None),
        (in_two_days.0, json!(in_two_days.1), None),
        (just_now.0, json!(just_now.1), None),
        (in_an_hour.0, Value::Null, None),
        (in_an_hour.0, json!(""), None),
    ] {
        let body = json!({
            "identity_distinct_id": "user-1", "identity_hash": HASH, "identity_email": " Jo@Example.com ",
            "identity_hash_email": hash, "identity_exp_email": expiry,
        });
        let Some(Visitor::Person { email: found, .. }) = visitor(&body, &[SECRET]) else {
            panic!("{body}");
        };
        assert_eq!(found.as_deref(), email, "{body}");
    }
}

fn intake(body: &Value) -> (Option<Intake>, Value) {
    problems_of(body, Intake::read)
}

#[test]
fn traits_and_context_are_trimmed_and_never_refused() {
    let mut traits: Map<String, Value> = (0..60).map(|n| (format!("t{n:02}"), json!(n))).collect();
    traits.insert("k".repeat(201), json!("x"));
    traits.insert("a".to_owned(), json!({"deep": 1}));
    traits.insert("b".to_owned(), json!([1]));
    traits.insert("c".to_owned(), json!("ä\0".repeat(600)));
    traits.insert("d".to_owned(), json!(true));
    traits.insert("e".to_owned(), json!(null));
    traits.insert("f".to_owned(), json!(1.5));
    let context = json!({"url": "u".repeat(3000), "n": 5, "deep": {}, "yes": true, "none": null});
    let (intake, problems) =
        intake(&json!({"message": " Hi ", "traits": traits, "session_context": context}));
    assert_eq!(problems, json!({}));
    let intake = intake.unwrap();
    assert_eq!(intake.message, "Hi");
    assert_eq!(intake.traits.len(), 50);
    for (name, value) in [
        ("c", json!("ä".repeat(500))),
        ("d", json!("true")),
        ("e", json!(null)),
        ("f", json!("1.5")),
        ("t00", json!("0")),
    ] {
        assert_eq!(intake.traits[name], value, "{name}");
    }
    assert!(!intake.traits.contains_key("a") && !intake.traits.contains_key("b"));
    assert_eq!(
        Value::Object(intake.session_context),
        json!({"url": "u".repeat(2000), "n": 5, "yes": true, "none": null})
    );
}

#[test]
fn every_broken_field_is_told() {
    let body =
        json!({"message": "  ", "traits": 5, "session_id": "s".repeat(65), "session_context": "x"});
    assert_eq!(
        intake(&body).1,
        json!({
            "message": ["This field may not be blank."],
            "traits": ["Expected a dictionary of items but got type \"int\"."],
            "session_id": ["Ensure this field has no more than 64 characters."],
            "session_context": ["Expected a dictionary of items but got type \"str\"."],
        })
    );
    let (_, problems) = intake(&json!({"message": "x".repeat(MESSAGE_MAX + 1)}));
    assert_eq!(
        problems["message"][0],
        "Ensure this field has no more than 10000 characters."
    );
    assert!(
        intake(&json!({"message": "x".repeat(MESSAGE_MAX)}))
            .0
            .is_some()
    );
}

fn ticket() -> Ticket {
    NewTicket::new(TicketId(Uuid::nil()), TicketChange::default()).into_ticket(ProjectId(1), 1, NOW)
}

fn session(distinct_id: &str) -> Visitor {
    Visitor::Session {
        session: Uuid::nil(),
        distinct_id: distinct_id.to_owned(),
    }
}

fn said(traits: Value) -> Intake {
    let body = json!({"message": "Hi", "traits": traits});
    intake(&body).0.unwrap()
}

#[test]
fn what_comes_with_a_message_is_laid_over_what_is_known() {
    let mut ticket = ticket();
    ticket.take_over(
        &session("a"),
        &said(json!({"name": "Jo", "email": "jo@example.com"})),
        true,
    );
    ticket.take_over(
        &session("b"),
        &said(json!({"name": "Joe", "email": null, "x": null})),
        false,
    );
    assert_eq!(
        serde_json::from_str::<Value>(&ticket.anonymous_traits).unwrap(),
        json!({"name": "Joe", "email": "jo@example.com", "x": null})
    );
    assert_eq!(ticket.distinct_id, "a");
    assert_eq!(ticket.identity_verified, Some(false));
    for number in 0..100 {
        ticket.take_over(
            &session("a"),
            &said(json!({ format!("n{number}"): 1 })),
            true,
        );
    }
    let traits: Map<String, Value> = serde_json::from_str(&ticket.anonymous_traits).unwrap();
    assert_eq!(traits.len(), 50);
    let person = Visitor::Person {
        distinct_id: "user-1".to_owned(),
        session: Uuid::max(),
        email: Some("sure@example.com".to_owned()),
    };
    ticket.take_over(&person, &said(json!({"email": "other@example.com"})), true);
    assert_eq!(
        ticket.trait_text("email").as_deref(),
        Some("sure@example.com")
    );
    assert_eq!(ticket.identity_verified, Some(true));
    assert_eq!(ticket.distinct_id, "user-1");
    assert_eq!(ticket.widget_session_id, Some(Uuid::max().to_string()));
}

#[test]
fn a_site_is_scheme_host_and_port() {
    for (one, other, is_same) in [
        ("https://example.com", "https://EXAMPLE.com:443/a?b#c", true),
        ("http://example.com", "http://example.com:80/", true),
        ("http://example.com", "https://example.com", false),
        ("https://example.com", "https://example.com:8443", false),
        ("https://example.com", "https://example.com.", true),
        ("http://[::1]:3000", "http://[::1]:3000/x", true),
        ("https://a.example.com", "https://example.com", false),
    ] {
        assert_eq!(
            Site::of(one).unwrap() == Site::of(other).unwrap(),
            is_same,
            "{one} {other}"
        );
    }
    for url in [
        "",
        "example.com",
        "https://",
        "https://user@example.com/",
        "https://example.com\\@evil.example/",
        "https://exa mple.com",
        "https://example.com:port",
        "https://[::1]x",
        "://example.com",
        "java script://example.com",
    ] {
        assert_eq!(Site::of(url), None, "{url}");
    }
}

#[test]
fn a_list_has_hosts_with_and_without_stars() {
    for (entry, host, is_in) in [
        ("example.com", "example.com", true),
        ("https://Example.com:8443/path", "example.com", true),
        ("example.com", "a.example.com", false),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", true),
        ("https://*.example.com", "example.com", true),
        ("*.example.com", "badexample.com", false),
        ("*.example.com", "example.com.evil.example", false),
        ("app-*.example.com", "app-7.example.com", true),
        ("app-*.example.com", "app.example.com", false),
        ("*", "anything", true),
        ("example.*", "example.org", true),
        ("user@example.com", "example.com", false),
        ("", "example.com", false),
        ("localhost:3000", "localhost", true),
    ] {
        assert_eq!(
            is_listed(&[entry.to_owned()], host),
            is_in,
            "{entry} {host}"
        );
    }
    assert!(!is_listed(&[], "example.com"));
}

#[test]
fn a_pattern_of_many_stars_is_no_burden() {
    let pattern = format!("{}b", "a*".repeat(120));
    assert!(!is_listed(&[pattern], &"a".repeat(250)));
}

#[test]
fn a_link_leads_to_the_page_and_carries_one_token() {
    for (url, link) in [
        ("https://e.com/p", "https://e.com/p?ph_conv_restore=T"),
        (
            "https://e.com/p?a=1#frag",
            "https://e.com/p?a=1&ph_conv_restore=T",
        ),
        (
            "https://e.com?ph_conv_restore=old&b=2",
            "https://e.com?b=2&ph_conv_restore=T",
        ),
        ("https://e.com/?", "https://e.com/?ph_conv_restore=T"),
    ] {
        assert_eq!(restore_link(url, "T"), link);
    }
}

#[test]
fn restoring_needs_an_address_and_a_page_of_the_web() {
    let (_, problems) = problems_of(
        &json!({"email": "x", "request_url": "ftp://e.com"}),
        RestoreRequest::read,
    );
    assert_eq!(
        problems,
        json!({"email": ["Enter a valid email address."], "request_url": ["Enter a valid URL."]})
    );
    let body = json!({"email": " Jo@Example.COM ", "request_url": "HTTPS://e.com/"});
    let (request, problems) = problems_of(&body, RestoreRequest::read);
    assert_eq!(problems, json!({}));
    assert_eq!(request.unwrap().email, "jo@example.com");
    let (_, problems) = problems_of(
        &json!({"restore_token": "short", "widget_session_id": "x"}),
        Redemption::read,
    );
    assert_eq!(
        problems,
        json!({
            "restore_token": ["Ensure this field has at least 40 characters."],
            "widget_session_id": ["Must be a valid UUID."],
        })
    );
}

#[test]
fn a_plus_that_was_not_encoded_is_still_an_offset() {
    let body = json!({"after": "2026-01-01T00:00:00.000001 00:00", "limit": "7"});
    let (query, problems) = problems_of(&body, MessagesQuery::read);
    assert_eq!(problems, json!({}));
    let after = Timestamp::from_micros(NOW.as_micros() + 1);
    assert_eq!(
        query,
        MessagesQuery {
            after: Some(after),
            limit: 7
        }
    );
    for spaced in [
        "2026-01-01 00:00:00.000001",
        "2026-01-01 00:00:00.000001Z",
        "2026-01-01 01:00:00.000001 01:00",
        "2026-01-01 01:00:00.000001+01:00",
    ] {
        let (query, problems) = problems_of(&json!({ "after": spaced }), MessagesQuery::read);
        assert_eq!(
            (query.after, problems),
            (Some(after), json!({})),
            "{spaced}"
        );
    }
    let (_, problems) = problems_of(&json!({"after": "x", "limit": "501"}), MessagesQuery::read);
    assert_eq!(problems.as_object().unwrap().len(), 2);
    let (_, problems) = problems_of(
        &json!({"status": "x", "limit": "0", "offset": "-1"}),
        TicketsQuery::read,
    );
    assert_eq!(problems.as_object().unwrap().len(), 3);
}

proptest! {
    #[test]
    fn no_text_is_too_strange_for_a_site(url in ".*", host in ".*") {
        let _ = Site::of(&url);
        let _ = is_listed(std::slice::from_ref(&url), &host);
        let _ = restore_link(&url, "T");
    }

    #[test]
    fn a_link_keeps_the_site(path in "[a-z/]{0,10}", query in "[a-z=&]{0,10}", fragment in "[a-z#?&]{0,10}") {
        let url = format!("https://example.com/{path}?{query}#{fragment}");
        let link = restore_link(&url, "T");
        prop_assert_eq!(Site::of(&link), Site::of(&url));
        prop_assert!(link.ends_with("ph_conv_restore=T"));
    }
}
