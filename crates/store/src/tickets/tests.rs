//! Tickets, on both engines. What clients can see is tested from outside (crates/api/tests/it/tickets*).

use super::*;
use crate::organizations::Organization;
use crate::sealed::SecretKey;
use crate::testing::TestStore;
use crate::{Store, projects};
use model::pagination::Page;
use model::settings::ProjectSettings;
use model::tickets::{Filters, Message, NewMessage, Order, Priority, Status};
use model::{MessageId, TicketId, UserId};
use serde_json::json;

crate::on_both_engines! {
    numbers_are_dense_in_a_project,
    counters_follow_every_change,
    counters_and_indexes_count_the_same,
    a_search_finds_parts_of_texts,
    a_search_finds_indexed_and_waiting_texts_as_they_are_now,
    every_order_and_every_driver_gives_the_same_tickets,
    what_more_than_a_thousand_tickets_have_is_found_page_by_page,
    messages_move_the_ticket,
    every_change_to_a_ticket_is_kept,
    an_erased_ticket_leaves_nothing_and_its_number_is_not_used_again,
    projects_do_not_see_each_other,
}

const PAGE: Page = Page {
    limit: 100,
    offset: 0,
};

async fn project(store: &Store) -> ProjectId {
    store
        .write(|c| {
            Box::pin(async move {
                let env = Env::system();
                let organization = Organization {
                    id: OrganizationId(env.uuid()),
                    name: "O".to_owned(),
                    allows_personal_api_keys: true,
                    created_at: env.now(),
                };
                organizations::create(c, &organization).await?;
                let settings = ProjectSettings::default();
                let key = SecretKey::from_text(&"k".repeat(64)).unwrap();
                let (project, _) =
                    projects::create(c, &env, &key, organization.id, "P", settings).await?;
                Ok::<_, Error>(project.id)
            })
        })
        .await
        .unwrap()
}

fn scene(project: ProjectId) -> Scene {
    let env = Env::system();
    Scene {
        project,
        organization: OrganizationId(env.uuid()),
        actor: Actor::system(),
        now: env.now(),
        env,
    }
}

async fn add(store: &Store, project: ProjectId, fields: TicketChange) -> Ticket {
    let new = NewTicket::new(TicketId(Env::system().uuid()), fields);
    let scene = scene(project);
    store
        .write(move |c| Box::pin(async move { create(c, &scene, new).await }))
        .await
        .unwrap()
}

async fn say(store: &Store, ticket: &Ticket, text: &str) -> Ticket {
    say_it(store, ticket, text).await.0
}

async fn say_it(store: &Store, ticket: &Ticket, text: &str) -> (Ticket, Message) {
    let new = NewMessage::by_customer(MessageId(Env::system().uuid()), text.to_owned());
    let (scene, key) = (scene(ticket.project_id), TicketKey::Id(ticket.id));
    let added = store
        .write(move |c| Box::pin(async move { add_message(c, &scene, key, &new, false).await }))
        .await
        .unwrap();
    added.unwrap()
}

async fn change(store: &Store, ticket: &Ticket, change: TicketChange) -> Ticket {
    let (scene, key) = (scene(ticket.project_id), TicketKey::Id(ticket.id));
    let updated = store
        .write(move |c| Box::pin(async move { update(c, &scene, key, &change).await }))
        .await
        .unwrap();
    updated.unwrap().0
}

async fn numbers(store: &Store, project: ProjectId, query: &str, order: &str) -> (Vec<i64>, i64) {
    let now = Env::system().now();
    let (filters, order) = (
        Filters::read(query, now, "UTC", UserId(1)),
        Order::read(order),
    );
    let (tickets, count) = store
        .read(move |c| Box::pin(async move { list(c, project, &filters, order, PAGE).await }))
        .await
        .unwrap();
    (
        tickets.into_iter().map(|ticket| ticket.number).collect(),
        count,
    )
}

fn status(status: Status) -> TicketChange {
    TicketChange {
        status: Some(status),
        ..TicketChange::default()
    }
}

async fn numbers_are_dense_in_a_project(store: TestStore) {
    let (one, two) = (project(&store).await, project(&store).await);
    for expected in 1..=3 {
        let made = add(&store, one, TicketChange::default()).await;
        assert_eq!(made.number, expected);
    }
    assert_eq!(add(&store, two, TicketChange::default()).await.number, 1);
}

async fn counters_follow_every_change(store: TestStore) {
    let project = project(&store).await;
    let unread = async || {
        store
            .read(move |c| Box::pin(unread_count(c, project)))
            .await
            .unwrap()
    };
    let a = add(&store, project, TicketChange::default()).await;
    let b = add(&store, project, status(Status::Open)).await;
    say(&store, &a, "one").await;
    say(&store, &a, "two").await;
    say(&store, &b, "three").await;
    assert_eq!(unread().await, 3);
    change(&store, &a, status(Status::Resolved)).await;
    assert_eq!(unread().await, 1);
    assert_eq!(numbers(&store, project, "status=resolved", "").await.1, 1);
    assert_eq!(numbers(&store, project, "status=new", "").await.1, 0);
    change(&store, &a, status(Status::Pending)).await;
    let (reader, key) = (scene(project), TicketKey::Number(a.number));
    let read = store
        .write(move |c| Box::pin(async move { mark_read(c, &reader, key).await }))
        .await
        .unwrap();
    assert!(read.unwrap().1);
    assert_eq!(unread().await, 1);
    let (scene, key) = (scene(project), TicketKey::Id(b.id));
    let deleted = store
        .write(move |c| Box::pin(async move { delete(c, &scene, key).await }))
        .await
        .unwrap();
    assert!(deleted);
    assert_eq!(unread().await, 0);
    assert_eq!(numbers(&store, project, "", "").await, (vec![a.number], 1));
}

async fn a_search_finds_parts_of_texts(store: TestStore) {
    let project = project(&store).await;
    let named = |name: &str| TicketChange {
        anonymous_traits: Some(json!({"name": name, "email": "jane@example.com"})),
        ..TicketChange::default()
    };
    let jane = add(&store, project, named("Jane \"50%_off\" Öster\\")).await;
    let other = add(&store, project, TicketChange::default()).await;
    say(&store, &other, "the PRINTER is on fire").await;
    say(&store, &other, "the printer again").await;
    let found = async |text: &str| {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        numbers(&store, project, &format!("search={encoded}"), "").await
    };
    for text in ["jane@", "JANE@", "ÖSTER", "0%_o", "\"50%", "r\\", "ja", "j"] {
        assert_eq!(found(text).await, (vec![jane.number], 1), "{text}");
    }
    for text in ["Printer", "on fire", "fi", "#2", "2"] {
        assert_eq!(found(text).await, (vec![other.number], 1), "{text}");
    }
    for text in ["j%e", "x_x", "nothing", "99999999999999999999", "#"] {
        assert_eq!(found(text).await, (vec![], 0), "{text}");
    }
}

/// SQLite takes new texts into its index some hundreds at a time.
async fn a_search_finds_indexed_and_waiting_texts_as_they_are_now(store: TestStore) {
    let project = project(&store).await;
    let ticket = add(&store, project, TicketChange::default()).await;
    let other = add(&store, project, TicketChange::default()).await;
    let expect = async |text: &str, tickets: &[&Ticket]| {
        let numbers_of = tickets.iter().map(|it| it.number).collect::<Vec<_>>();
        let count = i64::try_from(numbers_of.len()).unwrap();
        let found = numbers(&store, project, &format!("search={text}"), "ticket_number").await;
        assert_eq!(found, (numbers_of, count), "{text}");
    };
    let change = async |ticket: &Ticket, message: &Message, text: Option<&str>| {
        let (it, key, id) = (scene(project), TicketKey::Id(ticket.id), message.id);
        let text = text.map(str::to_owned);
        store
            .write(move |c| {
                Box::pin(async move {
                    match text {
                        Some(text) => edit_message(c, &it, key, id, |_| Ok(()), (text, None)).await,
                        None => delete_message(c, &it, key, id, |_| Ok(())).await,
                    }
                })
            })
            .await
            .unwrap();
    };
    let (_, edited) = say_it(&store, &ticket, "an elephant walks in").await;
    let (_, deleted) = say_it(&store, &ticket, "and a giraffe").await;
    expect("elephant", &[&ticket]).await;
    let (it, key) = (scene(project), TicketKey::Id(ticket.id));
    store
        .write(move |c| {
            Box::pin(async move {
                for number in 0..600 {
                    let id = MessageId(it.env.uuid());
                    let message = NewMessage::by_customer(id, format!("number {number}"));
                    add_message(c, &it, key, &message, false).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    // All of it is in the index now, and what comes now waits for it.
    let (_, waiting) = say_it(&store, &other, "one more elephant").await;
    let (_, dropped) = say_it(&store, &other, "one more giraffe").await;
    expect("elephant", &[&ticket, &other]).await;
    expect("giraffe", &[&ticket, &other]).await;
    expect("number%20599", &[&ticket]).await;
    change(&ticket, &edited, Some("a rhino walks in")).await;
    change(&other, &waiting, Some("one more rhino")).await;
    change(&ticket, &deleted, None).await;
    change(&other, &dropped, None).await;
    expect("elephant", &[]).await;
    expect("giraffe", &[]).await;
    expect("rhino", &[&ticket, &other]).await;
    assert_eq!(store.check().await.unwrap(), []);
}

async fn every_order_and_every_driver_gives_the_same_tickets(store: TestStore) {
    let project = project(&store).await;
    let at = |second: i64| Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000);
    let ticket = |due: Option<i64>, tag: &str| TicketChange {
        status: Some(Status::Open),
        sla_due_at: Some(due.map(at)),
        tags: Some(vec![tag.to_owned()]),
        anonymous_traits: Some(json!({"name": "somebody"})),
        ..TicketChange::default()
    };
    let mut ids = Vec::new();
    for (due, tag) in [(Some(2), "a"), (None, "b"), (Some(1), "a"), (Some(2), "c")] {
        ids.push(add(&store, project, ticket(due, tag)).await.id.to_string());
    }
    let ids = format!("ids={}", ids.join(","));
    let drivers = [
        "",
        "status=open",
        "assignee=unassigned",
        "search=somebody",
        "search=so",
        "distinct_ids=x&status=nope",
        "tags=[\"a\",\"b\",\"c\"]",
        &ids,
    ];
    for driver in drivers {
        if driver.starts_with("distinct") {
            assert_eq!(numbers(&store, project, driver, "").await.1, 0);
            continue;
        }
        for (order, expected) in [
            ("sla_due_at", vec![3, 4, 1, 2]),
            ("-sla_due_at", vec![4, 1, 3, 2]),
            ("ticket_number", vec![1, 2, 3, 4]),
            ("-ticket_number", vec![4, 3, 2, 1]),
            ("created_at", vec![1, 2, 3, 4]),
            ("-created_at", vec![4, 3, 2, 1]),
            ("updated_at", vec![1, 2, 3, 4]),
            ("nonsense", vec![4, 3, 2, 1]),
            ("snoozed_until", vec![4, 3, 2, 1]),
            ("-snoozed_until", vec![4, 3, 2, 1]),
        ] {
            let found = numbers(&store, project, driver, order).await;
            assert_eq!(found, (expected, 4), "{driver} {order}");
        }
    }
    let both = "tags_all=[\"a\"]&tags_exclude=[\"b\"]";
    assert_eq!(
        numbers(&store, project, both, "ticket_number").await.0,
        [1, 3]
    );
}

async fn counters_and_indexes_count_the_same(store: TestStore) {
    let project = project(&store).await;
    let past = Some(Some(Timestamp::from_micros(1_700_000_000_000_000)));
    let far = Some(Some(Timestamp::from_micros(4_000_000_000_000_000)));
    for (status, priority, sla_due_at, snoozed_until) in [
        (Status::New, None, None, None),
        (Status::Open, Some(Priority::High), past, None),
        (Status::Open, Some(Priority::Blank), far, far),
        (Status::OnHold, Some(Priority::Low), past, far),
        (Status::Resolved, Some(Priority::High), past, past),
    ] {
        let fields = TicketChange {
            status: Some(status),
            priority: priority.map(Some),
            sla_due_at,
            snoozed_until,
            ..TicketChange::default()
        };
        let ticket = add(&store, project, fields).await;
        say(&store, &ticket, "hello").await;
        say(&store, &ticket, "hello?").await;
    }
    let now = Env::system().now();
    let mut known = 0;
    for query in [
        "",
        "status=open,new",
        "priority=high",
        "priority=high&status=open",
        "assignee=unassigned",
        "assignee=me",
        "channel_source=widget",
        "channel_source=email",
        "sla=breached",
        "sla=on-track",
        "sla=breached&status=open,on_hold",
        "snoozed=true",
        "snoozed=true&status=resolved",
        "snoozed=false",
    ] {
        // A condition that holds for all keeps the second from the counters.
        let both = [query.to_owned(), format!("{query}&date_from=2000-01-01")];
        let filters = both.map(|query| Filters::read(&query, now, "UTC", UserId(1)));
        known += usize::from(filters[0].is_by_tally());
        assert!(!filters[1].is_by_tally());
        let counts = store
            .read(move |c| Box::pin(async move { count_many(c, project, &filters).await }))
            .await
            .unwrap();
        assert_eq!(counts[0], counts[1], "{query}");
        assert_eq!(counts[0].unread, 2 * counts[0].tickets, "{query}");
        let listed = numbers(&store, project, query, "").await;
        let length = i64::try_from(listed.0.len()).unwrap();
        assert_eq!((length, listed.1), (counts[0].tickets, counts[0].tickets));
    }
    assert_eq!(known, 8);
}

/// So many are not sorted: the list is walked over, and each ticket looked at.
async fn what_more_than_a_thousand_tickets_have_is_found_page_by_page(store: TestStore) {
    let (project, other) = (project(&store).await, project(&store).await);
    let traits = |name: &str| TicketChange {
        anonymous_traits: Some(json!({ "name": name })),
        ..TicketChange::default()
    };
    say(
        &store,
        &add(&store, other, traits("Walker")).await,
        "walker",
    )
    .await;
    let scene = scene(project);
    let is_open = |number: i64| number % 24 != 7;
    store
        .write(move |c| {
            Box::pin(async move {
                for number in 1..=1_350_i64 {
                    // Two fifths have the word in a message, two in their own text, one nowhere.
                    let fields = TicketChange {
                        status: is_open(number).then_some(Status::Open),
                        ..traits(if matches!(number % 5, 1 | 2) {
                            "Walker"
                        } else {
                            "Runner"
                        })
                    };
                    let new = NewTicket::new(TicketId(scene.env.uuid()), fields);
                    let ticket = create(c, &scene, new).await?;
                    let text = if matches!(number % 5, 3 | 4) {
                        "WALKER"
                    } else {
                        "standing"
                    };
                    let id = MessageId(scene.env.uuid());
                    let said = NewMessage::by_customer(id, text.to_owned());
                    let key = TicketKey::Id(ticket.id);
                    add_message(c, &scene, key, &said, false).await?;
                    if number == 1_349 {
                        delete(c, &scene, key).await?;
                    }
                }
                Ok::<_, WriteError>(())
            })
        })
        .await
        .unwrap();
    let expected: Vec<i64> = (1..=1_350)
        .rev()
        .filter(|it| it % 5 != 0 && *it != 1_349)
        .collect();
    let open: Vec<i64> = expected.iter().copied().filter(|it| is_open(*it)).collect();
    assert!(open.len() > 1_000);
    for (query, expected) in [
        ("search=walker", &expected),
        ("search=lk", &expected),
        ("search=walker&status=open", &open),
        ("search=lk&status=open", &open),
    ] {
        for offset in [0, 37, 480, 1_030] {
            let page = Page { limit: 100, offset };
            let filters = Filters::read(query, Env::system().now(), "UTC", UserId(1));
            let order = Order::read("-ticket_number");
            let (tickets, count) = store
                .read(move |c| {
                    Box::pin(async move { list(c, project, &filters, order, page).await })
                })
                .await
                .unwrap();
            let from = usize::try_from(offset).unwrap().min(expected.len());
            let shown: Vec<i64> = tickets.iter().map(|it| it.number).collect();
            let wanted: Vec<i64> = expected.iter().copied().skip(from).take(100).collect();
            assert_eq!(shown, wanted, "{query} from {offset}");
            assert_eq!(count, i64::try_from(expected.len()).unwrap(), "{query}");
        }
    }
}

async fn messages_move_the_ticket(store: TestStore) {
    let project = project(&store).await;
    let ticket = add(&store, project, TicketChange::default()).await;
    let said = say(&store, &ticket, &"ä".repeat(600)).await;
    assert_eq!((said.message_count, said.unread_team_count), (1, 1));
    assert_eq!(said.last_message_text, Some("ä".repeat(500)));
    assert_eq!(said.last_message_at, Some(said.updated_at));
    assert_eq!(said.status, Status::New);
    let events = store
        .read(move |c| {
            Box::pin(async move { crate::events::list_after(c, project, 0, 10, true).await })
        })
        .await
        .unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "$conversation_ticket_created",
            "$conversation_message_received"
        ]
    );
}

async fn an_erased_ticket_leaves_nothing_and_its_number_is_not_used_again(store: TestStore) {
    let project = project(&store).await;
    let tagged = TicketChange {
        tags: Some(vec!["a".to_owned()]),
        ..TicketChange::default()
    };
    let ticket = add(&store, project, tagged).await;
    say(&store, &ticket, "hello").await;
    let (it, key) = (scene(project), TicketKey::Id(ticket.id));
    let env = Env::system();
    store
        .write(move |c| {
            Box::pin(async move {
                assert!(delete(c, &it, key).await?);
                assert!(!delete(c, &it, key).await?);
                let later = it.now.plus(std::time::Duration::from_secs(1));
                assert_eq!(erase_deleted(c, &env, it.now, 10).await?, 0);
                assert_eq!(erase_deleted(c, &env, later, 10).await?, 1);
                for table in [
                    "SELECT count(*) FROM ticket",
                    "SELECT count(*) FROM ticket_tag",
                    "SELECT count(*) FROM ticket_text",
                    "SELECT count(*) FROM ticket_message",
                ] {
                    assert_eq!(c.one::<i64>(table, &[]).await?, 0, "{table}");
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    assert_eq!(
        add(&store, project, TicketChange::default()).await.number,
        2
    );
}

async fn projects_do_not_see_each_other(store: TestStore) {
    let (one, two) = (project(&store).await, project(&store).await);
    let ticket = add(&store, one, TicketChange::default()).await;
    say(&store, &ticket, "a secret word").await;
    for query in ["", "status=new", "search=secret", "search=se", "search=1"] {
        assert_eq!(
            numbers(&store, two, query, "").await,
            (vec![], 0),
            "{query}"
        );
        assert_eq!(numbers(&store, one, query, "").await.1, 1, "{query}");
    }
    let by_id = format!("ids={}", ticket.id);
    assert_eq!(numbers(&store, two, &by_id, "").await.1, 0);
    for key in [TicketKey::Id(ticket.id), TicketKey::Number(1)] {
        let found = store
            .read(move |c| Box::pin(find(c, two, key)))
            .await
            .unwrap();
        assert_eq!(found, None);
    }
    let id = ticket.id;
    let messages = store
        .read(move |c| Box::pin(list_messages(c, two, id, PAGE)))
        .await
        .unwrap();
    assert_eq!(messages.1, 0);
}

type Change = Box<dyn Fn(&mut Ticket)>;

async fn every_change_to_a_ticket_is_kept(store: TestStore) {
    let project = project(&store).await;
    let ticket = add(&store, project, TicketChange::default()).await;
    let other = add(&store, project, TicketChange::default()).await;
    let now = scene(project).now;
    let text = || Some("x".to_owned());
    // One field each, so that none is kept only because another one changed.
    let changes: Vec<(&str, Change)> = vec![
        (
            "distinct_id",
            Box::new(|it| it.distinct_id = "d".to_owned()),
        ),
        ("status", Box::new(|it| it.status = Status::Pending)),
        (
            "priority",
            Box::new(|it| it.priority = Some(Priority::High)),
        ),
        (
            "assignee",
            Box::new(|it| it.assignee = Some(Assignee::User(UserId(7)))),
        ),
        (
            "anonymous_traits",
            Box::new(|it| it.anonymous_traits = r#"{"name":"Zoe"}"#.to_owned()),
        ),
        ("ai_resolved", Box::new(|it| it.ai_resolved = true)),
        (
            "escalation_reason",
            Box::new(move |it| it.escalation_reason = text()),
        ),
        ("updated_at", Box::new(move |it| it.updated_at = now)),
        ("message_count", Box::new(|it| it.message_count = 3)),
        (
            "last_message_at",
            Box::new(move |it| it.last_message_at = Some(now)),
        ),
        (
            "last_message_text",
            Box::new(move |it| it.last_message_text = text()),
        ),
        ("unread_team_count", Box::new(|it| it.unread_team_count = 2)),
        (
            "unread_customer_count",
            Box::new(|it| it.unread_customer_count = 1),
        ),
        ("session_id", Box::new(move |it| it.session_id = text())),
        (
            "session_context",
            Box::new(|it| it.session_context = r#"{"a":1}"#.to_owned()),
        ),
        ("sla_due_at", Box::new(move |it| it.sla_due_at = Some(now))),
        (
            "sla_warned_minutes",
            Box::new(|it| it.sla_warned_minutes = Some(5)),
        ),
        ("sla_breached", Box::new(|it| it.sla_breached = true)),
        (
            "snoozed_until",
            Box::new(move |it| it.snoozed_until = Some(now)),
        ),
        (
            "resolved_at",
            Box::new(move |it| it.resolved_at = Some(now)),
        ),
        (
            "identity_verified",
            Box::new(|it| it.identity_verified = Some(true)),
        ),
        (
            "ai_triage",
            Box::new(|it| it.ai_triage = Some(r#"{"status":"done"}"#.to_owned())),
        ),
        ("merged_at", Box::new(move |it| it.merged_at = Some(now))),
        (
            "merged_into_id",
            Box::new(move |it| it.merged_into_id = Some(other.id)),
        ),
        (
            "merged_into_number",
            Box::new(move |it| it.merged_into_number = Some(other.number)),
        ),
        ("tags", Box::new(|it| it.tags = vec!["t".to_owned()])),
        (
            "widget_session_id",
            Box::new(move |it| it.widget_session_id = text()),
        ),
    ];
    let mut before = ticket;
    for (name, change) in changes {
        let mut after = before.clone();
        change(&mut after);
        assert_ne!(before, after, "{name}");
        let (old, new) = (before, after.clone());
        store
            .write(move |c| Box::pin(async move { rows::save(c, &old, &new).await }))
            .await
            .unwrap();
        let key = TicketKey::Id(after.id);
        let found = store
            .read(move |c| Box::pin(async move { find(c, project, key).await }))
            .await
            .unwrap();
        assert_eq!(found.as_ref(), Some(&after), "{name}");
        before = after;
    }
}
