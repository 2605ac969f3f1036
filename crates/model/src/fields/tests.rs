//! Every row of conventions.md 4.1 and 4.2, as tables.

use super::*;
use serde_json::json;

fn refused<T: std::fmt::Debug>(
    outcome: Result<T, FieldError>,
) -> (&'static str, String, Option<String>) {
    let error = outcome.expect_err("the value breaks a rule");
    (error.code.entry().name, error.detail, error.attr)
}

/// Reads `value` as field `f` of the given kind.
fn read<K: Kind>(kind: K, value: Value) -> Result<K::Output, FieldError> {
    let body = json!({ "f": value });
    Fields::of(&body)?.read("f", kind).required()
}

#[test]
fn refuses_with_the_code_and_the_sentence_of_the_table() {
    const DATETIME: &str = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
    let text = |value| refused(read(Text::new().max(10), value));
    let uuid = |value| refused(read(UuidKind, value));
    let boolean = |value| refused(read(Boolean, value));
    let integer = |value| refused(read(Integer::new().min(1).max(5), value));
    let datetime = |value| refused(read(Datetime, value));
    let choice = |value| refused(read(Choice::of(&["new", "open"]), value));
    let object = |value| refused(read(Object, value));
    let list = |value| refused(read(List::of(Text::new()).max(2).not_empty(), value));
    let email = |value| refused(read(Email, value));
    for (got, code, detail) in [
        (text(json!(null)), "null", "This field may not be null."),
        (text(json!("")), "blank", "This field may not be blank."),
        (
            text(json!(" \t\n\u{1f}\u{3000}")),
            "blank",
            "This field may not be blank.",
        ),
        (
            text(json!("12345678901")),
            "max_length",
            "Ensure this field has no more than 10 characters.",
        ),
        (
            text(json!("1234567890\u{1f600}")),
            "max_length",
            "Ensure this field has no more than 10 characters.",
        ),
        (
            text(json!("a\u{0}b")),
            "null_characters_not_allowed",
            "Null characters are not allowed.",
        ),
        (text(json!(true)), "invalid_input", "Not a valid string."),
        (text(json!({})), "invalid_input", "Not a valid string."),
        (text(json!([])), "invalid_input", "Not a valid string."),
        (
            uuid(json!("nope")),
            "invalid_input",
            "Must be a valid UUID.",
        ),
        (uuid(json!("")), "invalid_input", "Must be a valid UUID."),
        (uuid(json!(-5)), "invalid_input", "Must be a valid UUID."),
        (uuid(json!(1.5)), "invalid_input", "Must be a valid UUID."),
        (uuid(json!([])), "invalid_input", "Must be a valid UUID."),
        (
            boolean(json!("")),
            "invalid_input",
            "Must be a valid boolean.",
        ),
        (
            boolean(json!("null")),
            "invalid_input",
            "Must be a valid boolean.",
        ),
        (
            boolean(json!(2)),
            "invalid_input",
            "Must be a valid boolean.",
        ),
        (
            boolean(json!([])),
            "invalid_input",
            "Must be a valid boolean.",
        ),
        (
            integer(json!(1.5)),
            "invalid_input",
            "A valid integer is required.",
        ),
        (
            integer(json!(true)),
            "invalid_input",
            "A valid integer is required.",
        ),
        (
            integer(json!("x")),
            "invalid_input",
            "A valid integer is required.",
        ),
        (
            integer(json!("")),
            "invalid_input",
            "A valid integer is required.",
        ),
        (
            integer(json!(0)),
            "min_value",
            "Ensure this value is greater than or equal to 1.",
        ),
        (
            integer(json!(6)),
            "max_value",
            "Ensure this value is less than or equal to 5.",
        ),
        (datetime(json!("")), "invalid_input", DATETIME),
        (datetime(json!("tomorrow")), "invalid_input", DATETIME),
        (datetime(json!(5)), "invalid_input", DATETIME),
        (
            choice(json!("bogus")),
            "invalid_choice",
            "\"bogus\" is not a valid choice.",
        ),
        (
            choice(json!("")),
            "invalid_choice",
            "\"\" is not a valid choice.",
        ),
        (
            choice(json!(5)),
            "invalid_choice",
            "\"5\" is not a valid choice.",
        ),
        (
            choice(json!(true)),
            "invalid_choice",
            "\"True\" is not a valid choice.",
        ),
        (
            object(json!("x")),
            "not_a_dict",
            "Expected a dictionary of items but got type \"str\".",
        ),
        (
            object(json!([])),
            "not_a_dict",
            "Expected a dictionary of items but got type \"list\".",
        ),
        (
            object(json!(1)),
            "not_a_dict",
            "Expected a dictionary of items but got type \"int\".",
        ),
        (
            list(json!("x")),
            "not_a_list",
            "Expected a list of items but got type \"str\".",
        ),
        (
            list(json!({})),
            "not_a_list",
            "Expected a list of items but got type \"dict\".",
        ),
        (
            list(json!(1.5)),
            "not_a_list",
            "Expected a list of items but got type \"float\".",
        ),
        (list(json!([])), "empty", "This list may not be empty."),
        (
            list(json!(["a", "b", "c"])),
            "max_length",
            "Ensure this field has no more than 2 elements.",
        ),
        (
            email(json!("nope")),
            "invalid_input",
            "Enter a valid email address.",
        ),
        (
            email(json!("a@b")),
            "invalid_input",
            "Enter a valid email address.",
        ),
        (
            email(json!("a..b@example.com")),
            "invalid_input",
            "Enter a valid email address.",
        ),
        (
            email(json!("a@-x.com")),
            "invalid_input",
            "Enter a valid email address.",
        ),
        (email(json!("")), "blank", "This field may not be blank."),
    ] {
        assert_eq!(got, (code, detail.to_owned(), Some("f".to_owned())));
    }
}

#[test]
fn takes_text_and_numbers_as_text() {
    for (value, expected) in [
        (json!(" hello "), "hello"),
        (json!(5), "5"),
        (json!(1.5), "1.5"),
        (json!("\u{1f600}234567890"), "\u{1f600}234567890"),
        (json!("          1234567890          "), "1234567890"),
    ] {
        assert_eq!(read(Text::new().max(10), value).as_deref(), Ok(expected));
    }
    assert_eq!(
        read(Text::new().allow_blank(), json!("  ")).as_deref(),
        Ok("")
    );
}

#[test]
fn takes_words_and_numbers_as_booleans() {
    for value in [
        json!(true),
        json!("true"),
        json!("1"),
        json!(1),
        json!("yes"),
        json!("on"),
        json!("TRUE"),
        json!("t"),
    ] {
        assert_eq!(read(Boolean, value), Ok(true));
    }
    for value in [
        json!(false),
        json!("false"),
        json!("0"),
        json!(0),
        json!(0.0),
        json!("no"),
        json!("Off"),
    ] {
        assert_eq!(read(Boolean, value), Ok(false));
    }
}

#[test]
fn takes_texts_as_integers() {
    for value in [
        json!(3),
        json!("3"),
        json!(" 3 "),
        json!(3.0),
        json!("3.0"),
        json!("+3"),
    ] {
        assert_eq!(read(Integer::new(), value), Ok(3));
    }
}

#[test]
fn takes_uuids_in_every_notation() {
    const PLAIN: &str = "0189f7a0-1c2d-7e3f-8a4b-5c6d7e8f9012";
    for text in [
        PLAIN.to_owned(),
        PLAIN.to_uppercase(),
        PLAIN.replace('-', ""),
        format!("{{{PLAIN}}}"),
        format!("urn:uuid:{PLAIN}"),
    ] {
        assert_eq!(
            read(UuidKind, json!(text))
                .map(|id| id.to_string())
                .as_deref(),
            Ok(PLAIN)
        );
    }
    assert_eq!(
        read(UuidKind, json!(5)).map(|id| id.to_string()).as_deref(),
        Ok("00000000-0000-0000-0000-000000000005")
    );
}

#[test]
fn takes_datetimes_and_addresses() {
    assert_eq!(
        read(Datetime, json!("2026-01-01T00:00:00+02:00"))
            .map(|at| at.to_string())
            .as_deref(),
        Ok("2025-12-31T22:00:00Z")
    );
    for address in [
        "a@example.com",
        "A.b+c@sub.example.co",
        "x@localhost",
        "x@exämple.de",
    ] {
        assert_eq!(read(Email, json!(address)).as_deref(), Ok(address));
    }
}

#[test]
fn a_choice_that_allows_it_keeps_the_empty_text() {
    assert_eq!(read(Choice::of(&["low"]).allow_blank(), json!("")), Ok(""));
    assert_eq!(read(Choice::of(&["low"]), json!("low")), Ok("low"));
}

#[test]
fn the_last_call_says_what_may_be_absent_or_null() {
    let body = json!({"null": null, "text": "x"});
    let fields = Fields::of(&body).unwrap();
    let code = |outcome| refused::<Option<String>>(outcome).0;
    assert_eq!(code(fields.text("absent").required().map(Some)), "required");
    assert_eq!(code(fields.text("null").required().map(Some)), "null");
    assert_eq!(fields.text("text").required().as_deref(), Ok("x"));
    assert_eq!(code(fields.text("absent").required_or_null()), "required");
    assert_eq!(fields.text("null").required_or_null(), Ok(None));
    assert_eq!(fields.text("absent").optional(), Ok(None));
    assert_eq!(code(fields.text("null").optional()), "null");
    assert_eq!(fields.text("absent").or("d".into()).as_deref(), Ok("d"));
    assert_eq!(fields.text("absent").nullable(), Ok(Field::Absent));
    assert_eq!(fields.text("null").nullable(), Ok(Field::Null));
    assert_eq!(fields.text("text").nullable(), Ok(Field::Value("x".into())));
}

#[test]
fn a_body_that_is_not_an_object_is_refused_as_a_whole() {
    for (body, code, detail) in [
        (
            json!([]),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got list.",
        ),
        (
            json!("x"),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got str.",
        ),
        (
            json!(1),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got int.",
        ),
        (
            json!(true),
            "invalid_input",
            "Invalid data. Expected a dictionary, but got bool.",
        ),
        (json!(null), "null", "No data provided"),
    ] {
        assert_eq!(refused(Fields::of(&body)), (code, detail.to_owned(), None));
    }
}

#[test]
fn names_the_place_of_a_broken_rule() {
    let body = json!({"o": {"name": 5, "inner": {"n": ""}}, "x": 5, "l": ["a", ""], "items": [{"name": "a"}, {}], "bad": [1]});
    let fields = Fields::of(&body).unwrap();
    let attr = |outcome| refused::<()>(outcome).2;
    let o = fields.nested("o").unwrap().unwrap();
    let inner = o.nested("inner").unwrap().unwrap();
    assert_eq!(
        attr(o.uuid("missing").required().map(|_| ())).as_deref(),
        Some("o__missing")
    );
    assert_eq!(
        attr(inner.text("n").required().map(|_| ())).as_deref(),
        Some("o__inner__n")
    );
    assert_eq!(
        attr(fields.nested("x").map(|_| ())).as_deref(),
        Some("x__non_field_errors")
    );
    assert_eq!(
        attr(fields.list("l", Text::new()).required().map(|_| ())).as_deref(),
        Some("l__1")
    );
    let items = fields.objects("items", 10).unwrap().unwrap();
    assert_eq!(items[0].text("name").required().as_deref(), Ok("a"));
    assert_eq!(
        attr(items[1].text("name").required().map(|_| ())).as_deref(),
        Some("items__1__name")
    );
    assert_eq!(
        attr(fields.objects("bad", 10).map(|_| ())).as_deref(),
        Some("bad__0__non_field_errors")
    );
    assert_eq!(
        refused(fields.objects("items", 1).map(|_| ())).0,
        "max_length"
    );
}
