use super::*;
use crate::fields::Fields;
use crate::{MessageId, RoleId, UserId};
use jiff::tz::TimeZone;
use serde_json::json;
use uuid::Uuid;

/// 2026-03-31T15:30:45Z, a Tuesday; Berlin has changed to summer time two days before.
const NOW: Timestamp = Timestamp::from_micros(1_774_971_045_000_000);
const HOUR: i64 = 3_600_000_000;

fn ticket() -> Ticket {
    let id = TicketId(Uuid::from_u128(1));
    NewTicket::new(id, TicketChange::default()).into_ticket(ProjectId(1), 7, NOW)
}

fn filters(query: &str) -> Filters {
    Filters::read(query, NOW, "Europe/Berlin", UserId(5))
}

fn change(body: Value) -> Result<TicketChange, crate::FieldError> {
    TicketChange::read(&Fields::of(&body).unwrap())
}

#[test]
fn dates_are_absolute_or_relative_to_now_in_the_projects_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (text, expected) in [
        ("2026-01-31", "2026-01-30T23:00:00Z"),
        ("2026-1-5", "2026-01-04T23:00:00Z"),
        ("2026-07-01T12:00", "2026-07-01T10:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
        ("2026-07-01T12:00:00+05:00", "2026-07-01T07:00:00Z"),
        ("-7d", "2026-03-24T16:30:45Z"),
        ("7d", "2026-03-24T16:30:45Z"),
        ("-30s", "2026-03-31T15:30:15Z"),
        ("-5M", "2026-03-31T15:25:45Z"),
        ("-2h", "2026-03-31T13:30:45Z"),
        ("-1w", "2026-03-24T16:30:45Z"),
        ("-1m", "2026-02-28T16:30:45Z"),
        ("-1q", "2025-12-30T16:30:45Z"),
        ("-1y", "2025-03-31T15:30:45Z"),
        ("d", "2026-03-31T15:30:45Z"),
        ("dStart", "2026-03-30T22:00:00Z"),
        ("-1dStart", "2026-03-29T22:00:00Z"),
        ("-1dEnd", "2026-03-30T21:59:59.999999Z"),
        ("-1hStart", "2026-03-31T14:00:00Z"),
        ("hEnd", "2026-03-31T15:59:59.999999Z"),
        ("mStart", "2026-03-01T16:30:45Z"),
        ("-1mEnd", "2026-02-28T16:30:45Z"),
        ("yStart", "2026-01-01T16:30:45Z"),
        ("yEnd", "2026-03-31T15:30:45Z"),
    ] {
        let read = parse_date(text, NOW, &berlin).map(|date| date.to_string());
        assert_eq!(read.as_deref(), Some(expected), "{text}");
    }
    for text in [
        "",
        "all",
        "garbage",
        "2026-13-01",
        "--7d",
        "7",
        "d7",
        "7dstart",
        "7x",
        "99999999999999999999d",
        "999999999999y",
        "9223372036854775807q",
    ] {
        assert_eq!(parse_date(text, NOW, &berlin), None, "{text}");
    }
}

#[test]
fn filters_ignore_what_they_do_not_understand() {
    for query in [
        "",
        "status=&priority=&assignee=&search=&tags=&ids=&sla=&snoozed=&order_by=",
        "status=bogus&priority=urgent&channel_source=pigeon&channel_detail=x",
        "assignee=user:abc,role:nope,x,user:,user",
        "date_from=all&date_to=all",
        "tags=notjson&tags_all={}&tags_exclude=[]",
        "ids=nope,1&sla=late&snoozed=yes&ai_triage_result=nope",
        "status[]=new&nonsense=1",
    ] {
        assert_eq!(filters(query), Filters::default(), "{query}");
    }
    let nobody = filters("assignee=user:99999999999999999999");
    assert_eq!(nobody.assignees, [Some(Assignee::User(UserId(i64::MAX)))]);
    let long = format!("search={}", "a".repeat(201));
    assert_eq!(filters(&long).search, None);
}

#[test]
fn filters_keep_what_they_understand() {
    let read = filters(
        "status=new,bogus,open&priority=high&channel_source=slack&channel_detail=widget_api\
         &assignee=UNASSIGNED,me,user:7&distinct_ids=a,%20b%20,&emails=X@y.Z&snoozed=false\
         &tags=[\"Bug\",%22%20bug%22,3]&status=pending,new",
    );
    assert_eq!(read.statuses, [Status::Pending, Status::New]);
    assert_eq!(read.priorities, [Priority::High]);
    assert_eq!(read.channel_source, Some("slack"));
    assert_eq!(read.channel_detail, Some("widget_api"));
    let user = |id| Some(Assignee::User(UserId(id)));
    assert_eq!(read.assignees, [None, user(5), user(7)]);
    assert_eq!(read.distinct_ids, ["a", "b"]);
    assert_eq!(read.emails, ["x@y.z"]);
    assert_eq!(read.is_snoozed, Some(false));
    assert_eq!(read.tags, ["bug"]);
    let many = (0..150).map(|n| n.to_string()).collect::<Vec<_>>();
    let many = filters(&format!("distinct_ids={}", many.join(",")));
    assert_eq!(many.distinct_ids.len(), 100);
    assert!(filters("status=new,open").is_by_tally());
    assert!(filters("status=new&priority=low&assignee=me&channel_source=email").is_by_tally());
    assert!(!filters("status=new&channel_detail=widget_api").is_by_tally());
    assert!(!filters("date_from=-7d").is_by_tally());
    assert!(filters("search=printer").is_text_alone());
    for more in [
        "",
        "search=7",
        "search=printer&status=new",
        "search=printer&tags=[\"a\"]",
    ] {
        assert!(!filters(more).is_text_alone(), "{more}");
    }
}

#[test]
fn sla_states_do_not_overlap() {
    let at = |micros| Some(Timestamp::from_micros(NOW.as_micros() + micros));
    let window = |query| {
        let read = filters(query);
        (read.due_from, read.due_to)
    };
    assert_eq!(window("sla=breached"), (None, at(-1)));
    assert_eq!(window("sla=at-risk"), (at(0), at(HOUR)));
    assert_eq!(window("sla=on-track"), (at(HOUR + 1), None));
}

#[test]
fn a_search_is_a_number_or_a_folded_text() {
    let search = |text: &str| {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        filters(&format!("search={encoded}")).search
    };
    assert_eq!(search("42"), Some(Search::Number(42)));
    assert_eq!(search("#42"), Some(Search::Number(42)));
    assert_eq!(search(&"9".repeat(30)), Some(Search::Number(-1)));
    let text = |text: &str| Some(Search::Text(text.to_owned()));
    assert_eq!(search("#"), text("#"));
    assert_eq!(search("٤٢"), text("٤٢"));
    assert_eq!(search(" JANE@ "), text("jane@"));
    assert_eq!(fold("O\u{308}\0"), "ö");
}

#[test]
fn orders_fall_back_to_the_newest_change() {
    let order = |text: &str| {
        let order = Order::read(text);
        (order.column, order.is_descending)
    };
    assert_eq!(order("created_at"), (OrderColumn::CreatedAt, false));
    assert_eq!(order("-sla_due_at"), (OrderColumn::SlaDueAt, true));
    for text in ["", "-", "password", "--updated_at", "id"] {
        assert_eq!(order(text), (OrderColumn::UpdatedAt, true), "{text}");
    }
}

#[test]
fn an_assignee_is_refused_with_the_first_broken_rule() {
    for (value, detail) in [
        (json!("x"), "must be an object"),
        (json!(false), "must be an object"),
        (json!(0), "must be an object"),
        (json!(""), "must be an object"),
        (json!({}), "must have 'type' and 'id'"),
        (json!({"type": "user"}), "must have 'type' and 'id'"),
        (json!({"id": 1}), "must have 'type' and 'id'"),
        (
            json!({"type": "team", "id": 1}),
            "type must be 'user' or 'role'",
        ),
        (json!({"type": 1, "id": 1}), "type must be 'user' or 'role'"),
        (
            json!({"type": "user", "id": "12"}),
            "user id must be an integer",
        ),
        (
            json!({"type": "user", "id": true}),
            "user id must be an integer",
        ),
        (
            json!({"type": "user", "id": 1.5}),
            "user id must be an integer",
        ),
        (
            json!({"type": "role", "id": "abc"}),
            "role id must be a valid UUID",
        ),
        (
            json!({"type": "role", "id": 5}),
            "role id must be a valid UUID",
        ),
    ] {
        let error = change(json!({"assignee": value})).unwrap_err();
        assert_eq!(error.detail, detail, "{value}");
        assert_eq!(error.attr.as_deref(), Some("assignee"));
    }
    let role = Uuid::from_u128(9);
    for (value, expected) in [
        (Value::Null, None),
        (
            json!({"type": "user", "id": 12}),
            Some(Assignee::User(UserId(12))),
        ),
        (
            json!({"type": "role", "id": role}),
            Some(Assignee::Role(RoleId(role))),
        ),
    ] {
        assert_eq!(Assignee::read(&value), Ok(expected));
        let word = expected.map(|assignee| assignee.to_string());
        assert_eq!(word.and_then(|word| Assignee::from_word(&word)), expected);
    }
}

#[test]
fn snoozing_moves_the_status_unless_the_body_says_one() {
    let later = Some(NOW.plus(std::time::Duration::from_secs(60)));
    let snooze = |until, status| TicketChange {
        snoozed_until: Some(until),
        status,
        ..TicketChange::default()
    };
    let mut it = ticket();
    it.apply(&snooze(later, None), NOW);
    assert_eq!(it.status, Status::OnHold);
    it.set_status(Status::Resolved, NOW);
    it.apply(&snooze(Some(NOW), None), NOW);
    assert_eq!(it.status, Status::Resolved, "one date to another");
    it.apply(&snooze(None, None), NOW);
    assert_eq!(it.status, Status::Open, "from resolved, too");
    it.apply(&snooze(None, None), NOW);
    assert_eq!(it.status, Status::Open);
    it.apply(&snooze(later, Some(Status::Pending)), NOW);
    assert_eq!((it.status, it.snoozed_until), (Status::Pending, later));
}

#[test]
fn a_change_to_the_same_is_none() {
    let mut it = ticket();
    let later = NOW.plus(std::time::Duration::from_secs(60));
    for body in [
        json!({}),
        json!({"status": "new", "priority": null, "tags": [], "ai_resolved": false, "assignee": null,
               "escalation_reason": null, "sla_due_at": null, "snoozed_until": null, "anonymous_traits": {}}),
    ] {
        let changed = it.apply(&change(body).unwrap(), later);
        assert!(!changed.is_any());
        assert_eq!(it.updated_at, NOW);
    }
    let changed = it.apply(&change(json!({"status": "resolved"})).unwrap(), later);
    assert_eq!(changed.status, Some(Status::New));
    assert_eq!((it.updated_at, it.resolved_at), (later, Some(later)));
    it.apply(&change(json!({"status": "open"})).unwrap(), later);
    assert_eq!(it.resolved_at, None);
}

#[test]
fn a_moved_due_date_arms_its_notices_again() {
    let mut it = ticket();
    let due = json!({"sla_due_at": "2026-01-01T00:00:00Z"});
    it.apply(&change(due.clone()).unwrap(), NOW);
    it.sla_breached = true;
    it.apply(&change(due).unwrap(), NOW);
    assert!(it.sla_breached, "the same date");
    it.apply(
        &change(json!({"sla_due_at": "2026-01-02T00:00:00Z"})).unwrap(),
        NOW,
    );
    assert!(!it.sla_breached);
}

#[test]
fn of_several_warnings_only_the_nearest_is_told() {
    let due = |minutes: i64| Timestamp::from_micros(NOW.as_micros() + minutes * 60_000_000);
    let approaching = |threshold_minutes, minutes_remaining| {
        Some(SlaNotice::Approaching {
            threshold_minutes,
            minutes_remaining,
        })
    };
    assert_eq!(
        due_notice(due(50), &[60, 30], None, NOW),
        approaching(60, 50)
    );
    assert_eq!(due_notice(due(50), &[60, 30], Some(60), NOW), None);
    assert_eq!(
        due_notice(due(10), &[120, 60, 30], None, NOW),
        approaching(30, 10)
    );
    assert_eq!(due_notice(due(10), &[120, 60, 30], Some(30), NOW), None);
    assert_eq!(due_notice(due(61), &[60], None, NOW), None);
    assert_eq!(due_notice(due(1), &[], None, NOW), None);
    let breached = Some(SlaNotice::Breached { minutes_overdue: 5 });
    assert_eq!(due_notice(due(-5), &[60], Some(60), NOW), breached);
}

#[test]
fn tags_are_trimmed_lowered_sorted_and_once() {
    assert_eq!(normal_tags(["VIP", " bug ", "Bug", " "]), ["bug", "vip"]);
    let error = |body| change(body).unwrap_err();
    assert_eq!(error(json!({"tags": null})).attr.as_deref(), Some("tags"));
    assert_eq!(
        error(json!({"tags": "bug"})).detail,
        "Expected a list of items but got type \"str\"."
    );
    let nested = error(json!({"tags": [["bug"]]}));
    assert_eq!(nested.attr.as_deref(), Some("tags__0"));
    assert!(change(json!({"tags": vec!["x"; 101]})).is_err());
    assert!(change(json!({"tags": ["ä".repeat(256)]})).is_err());
}

#[test]
fn a_ticket_is_addressed_by_uuid_or_number() {
    let id = Uuid::from_u128(0xabc);
    let by_id = Some(TicketKey::Id(TicketId(id)));
    assert_eq!(TicketKey::parse(&id.to_string()), by_id);
    assert_eq!(TicketKey::parse(&id.to_string().to_uppercase()), by_id);
    assert_eq!(TicketKey::parse(&id.simple().to_string()), by_id);
    assert_eq!(TicketKey::parse("7"), Some(TicketKey::Number(7)));
    for text in ["", "x", "-1", "+1", "٧", "7.0", "99999999999999999999"] {
        assert_eq!(TicketKey::parse(text), None, "{text}");
    }
}

#[test]
fn messages_count_for_the_other_side() {
    let mut it = ticket();
    let id = MessageId(Uuid::from_u128(2));
    let later = NOW.plus(std::time::Duration::from_secs(1));
    it.receive(&NewMessage::by_customer(id, "hi".to_owned()), false, later);
    assert_eq!((it.unread_team_count, it.unread_customer_count), (1, 0));
    let reply = NewMessage::by_team(id, UserId(1), "ä".repeat(600), false);
    it.receive(&reply, false, later);
    assert_eq!((it.unread_team_count, it.unread_customer_count), (1, 1));
    assert_eq!((it.message_count, it.updated_at), (2, later));
    assert_eq!(it.last_message_text, Some("ä".repeat(500)));
    let before = it.clone();
    let note = NewMessage::by_team(id, UserId(1), "x".to_owned(), true);
    it.receive(&note, true, later);
    assert_eq!(it, before);

    let mut typed = NewMessage::by_customer(id, "hi".to_owned());
    typed.created_by = Some(UserId(1));
    it.receive(&typed, false, later);
    assert_eq!((it.unread_team_count, it.unread_customer_count), (1, 1));
    typed
        .item_context
        .insert("is_private".to_owned(), json!("true"));
    assert!(!typed.is_private());

    it.set_status(Status::Resolved, later);
    let customer = NewMessage::by_customer(id, "again".to_owned());
    assert_eq!(it.receive(&customer, false, later), None);
    assert_eq!(it.receive(&customer, true, later), Some(Status::Resolved));
    assert_eq!(it.status, Status::Open);
}
