//! Tickets, on both engines. What clients can see is tested from outside (crates/api/tests/it/tickets*).

mod search;

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
    every_order_and_every_driver_gives_the_same_tickets,
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
