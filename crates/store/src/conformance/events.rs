//! The event log, the counters of a project, and the activity log.

use super::tenancy;
use crate::activity::{self, Activity, ActivityFilters, NewActivity};
use crate::events::{self, Event, Extent, NewEvent};
use crate::testing::TestStore;
use crate::{Error, Result, params};
use model::pagination::Page;
use model::{Env, ProjectId, Timestamp, UserId};
use serde_json::json;
use std::collections::BTreeSet;

crate::on_both_engines! {
    events_are_numbered_from_one_in_each_project,
    a_page_follows_its_cursor_with_or_without_hidden_events,
    a_rolled_back_event_leaves_no_gap,
    events_of_concurrent_writers_are_dense,
    the_extent_says_what_is_kept,
    ticket_numbers_are_consecutive_and_independent_of_events,
    activities_are_listed_newest_first_for_their_item,
    activities_are_narrowed_by_kind_thing_and_person,
}

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

const FORGET: &str = "DELETE FROM event WHERE project_id = ?1 AND seq < ?2";

async fn project(store: &TestStore) -> ProjectId {
    let organization = tenancy::organization(store, "Acme").await;
    tenancy::project(store, organization.id, "Support").await.id
}

fn event(kind: &'static str, is_hidden: bool) -> NewEvent {
    NewEvent {
        kind,
        distinct_id: "d".to_owned(),
        properties: json!({"z": 1, "a": "ä"}).to_string(),
        is_hidden,
    }
}

async fn append(store: &TestStore, project: ProjectId, events: Vec<NewEvent>) -> i64 {
    store
        .write(move |c| Box::pin(async move { events::append(c, project, &events, NOW).await }))
        .await
        .unwrap()
}

async fn list(store: &TestStore, project: ProjectId, after: i64, limit: i64) -> Vec<Event> {
    store
        .read(move |c| Box::pin(events::list_after(c, project, after, limit, true)))
        .await
        .unwrap()
}

async fn published(store: &TestStore, project: ProjectId, after: i64, limit: i64) -> Vec<i64> {
    let events = store
        .read(move |c| Box::pin(events::list_after(c, project, after, limit, false)))
        .await
        .unwrap();
    numbers(&events)
}

fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

async fn extent(store: &TestStore, project: ProjectId) -> Extent {
    store
        .read(move |c| Box::pin(events::extent(c, project)))
        .await
        .unwrap()
}

async fn events_are_numbered_from_one_in_each_project(store: TestStore) {
    let (one, other) = (project(&store).await, project(&store).await);
    assert_eq!(append(&store, one, vec![]).await, 0);
    assert_eq!(
        append(&store, one, vec![event("a", false), event("b", true)]).await,
        2
    );
    assert_eq!(append(&store, other, vec![event("c", false)]).await, 1);
    assert_eq!(append(&store, one, vec![event("d", false)]).await, 3);
    assert_eq!(append(&store, one, vec![]).await, 3);
    let log = list(&store, one, 0, 10).await;
    assert_eq!(numbers(&log), [1, 2, 3]);
    assert_eq!(
        log[1],
        Event {
            seq: 2,
            kind: "b".to_owned(),
            distinct_id: "d".to_owned(),
            properties: json!({"z": 1, "a": "ä"}).to_string(),
            is_hidden: true,
            created_at: NOW,
        }
    );
    assert_eq!(numbers(&list(&store, other, 0, 10).await), [1]);
}

async fn a_page_follows_its_cursor_with_or_without_hidden_events(store: TestStore) {
    let project = project(&store).await;
    let log = (1..=6).map(|n| event("e", n % 2 == 0)).collect();
    append(&store, project, log).await;
    assert_eq!(numbers(&list(&store, project, 0, 2).await), [1, 2]);
    assert_eq!(numbers(&list(&store, project, 2, 2).await), [3, 4]);
    assert_eq!(numbers(&list(&store, project, 5, 10).await), [6]);
    assert_eq!(list(&store, project, 6, 10).await, []);
    assert_eq!(published(&store, project, 0, 2).await, [1, 3]);
    assert_eq!(published(&store, project, 3, 2).await, [5]);
    assert_eq!(published(&store, project, 5, 2).await, [0; 0]);
}

async fn a_rolled_back_event_leaves_no_gap(store: TestStore) {
    let project = project(&store).await;
    append(&store, project, vec![event("a", false)]).await;
    let failed: Result<()> = store
        .write(move |c| {
            Box::pin(async move {
                assert_eq!(
                    events::append(c, project, &[event("b", false)], NOW).await?,
                    2
                );
                Err(Error::Busy)
            })
        })
        .await;
    assert_eq!(failed, Err(Error::Busy));
    assert_eq!(append(&store, project, vec![event("c", false)]).await, 2);
    assert_eq!(list(&store, project, 1, 10).await[0].kind, "c");
}

async fn events_of_concurrent_writers_are_dense(store: TestStore) {
    let project = project(&store).await;
    let writers =
        (0..8).map(|_| append(&store, project, vec![event("a", false), event("b", false)]));
    let last: BTreeSet<i64> = futures::future::join_all(writers)
        .await
        .into_iter()
        .collect();
    assert!(last.into_iter().eq((1..=8).map(|n| 2 * n)));
    let log = list(&store, project, 0, 100).await;
    assert!(numbers(&log).into_iter().eq(1..=16));
    assert!(
        log.chunks(2)
            .all(|pair| pair[0].kind == "a" && pair[1].kind == "b")
    );
}

async fn the_extent_says_what_is_kept(store: TestStore) {
    let project = project(&store).await;
    assert_eq!(extent(&store, project).await, Extent { first: 1, last: 0 });
    let log = (0..5).map(|_| event("e", false)).collect();
    append(&store, project, log).await;
    assert_eq!(extent(&store, project).await, Extent { first: 1, last: 5 });
    let forget = |before: i64| {
        store.write(move |c| {
            Box::pin(async move { c.exec_one(FORGET, params![project, before]).await })
        })
    };
    forget(3).await.unwrap();
    assert_eq!(extent(&store, project).await, Extent { first: 3, last: 5 });
    forget(9).await.unwrap();
    assert_eq!(extent(&store, project).await, Extent { first: 6, last: 5 });
    assert_eq!(append(&store, project, vec![event("e", false)]).await, 6);
}

async fn next_number(store: &TestStore, project: ProjectId) -> i64 {
    store
        .write(move |c| Box::pin(events::next_ticket_number(c, project)))
        .await
        .unwrap()
}

async fn ticket_numbers_are_consecutive_and_independent_of_events(store: TestStore) {
    let (one, other) = (project(&store).await, project(&store).await);
    append(&store, one, vec![event("e", false)]).await;
    let taken = futures::future::join_all((0..20).map(|_| next_number(&store, one))).await;
    let taken: BTreeSet<i64> = taken.into_iter().collect();
    assert!(taken.into_iter().eq(1..=20));
    assert_eq!(next_number(&store, other).await, 1);
    assert_eq!(append(&store, one, vec![event("e", false)]).await, 2);
    assert_eq!(append(&store, other, vec![event("e", false)]).await, 1);
}

async fn record(
    store: &TestStore,
    project: ProjectId,
    item: &str,
    user_id: Option<UserId>,
    seconds: i64,
) {
    let new = NewActivity {
        id: Env::system().uuid(),
        scope: if item.starts_with('t') {
            "Ticket"
        } else {
            "Project"
        },
        item_id: item.to_owned(),
        activity: "updated",
        user_id,
        detail: json!({"name": seconds.to_string()}).to_string(),
        client: user_id.map(|_| "mcp".to_owned()),
    };
    let at = Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000);
    store
        .write(move |c| Box::pin(async move { activity::append(c, project, &new, at).await }))
        .await
        .unwrap();
}

async fn activities(
    store: &TestStore,
    project: ProjectId,
    item: &'static str,
    page: (i64, i64),
) -> (Vec<Activity>, i64) {
    let of = Some(("Ticket".to_owned(), Some(item.to_owned())));
    narrowed(store, project, ActivityFilters { of, by: None }, page).await
}

async fn narrowed(
    store: &TestStore,
    project: ProjectId,
    filters: ActivityFilters,
    page: (i64, i64),
) -> (Vec<Activity>, i64) {
    let (limit, offset) = page;
    let page = Page { limit, offset };
    store
        .read(move |c| Box::pin(async move { activity::list(c, project, &filters, page).await }))
        .await
        .unwrap()
}

async fn activities_are_narrowed_by_kind_thing_and_person(store: TestStore) {
    let (one, other) = (project(&store).await, project(&store).await);
    let robin = tenancy::user(&store, "robin@example.com").await.id;
    record(&store, one, "t1", Some(robin), 1).await;
    record(&store, one, "t2", None, 2).await;
    record(&store, one, "t1", None, 3).await;
    record(&store, other, "t1", Some(robin), 4).await;
    record(&store, one, "p1", Some(robin), 5).await;
    record(&store, one, "p1", None, 6).await;
    record(&store, other, "p1", None, 7).await;
    let of = |scope: &str, item: Option<&str>| Some((scope.to_owned(), item.map(str::to_owned)));
    for (of, by, expected) in [
        (None, None, vec!["p1", "p1", "t1", "t2", "t1"]),
        (None, Some(robin), vec!["p1", "t1"]),
        (None, Some(UserId(0)), vec![]),
        (of("Ticket", None), None, vec!["t1", "t2", "t1"]),
        (of("Project", None), None, vec!["p1", "p1"]),
        (of("Person", None), None, vec![]),
        (of("Ticket", None), Some(robin), vec!["t1"]),
        (of("Project", None), Some(robin), vec!["p1"]),
        (of("Ticket", Some("t1")), None, vec!["t1", "t1"]),
        (of("Ticket", Some("t1")), Some(robin), vec!["t1"]),
        (of("Ticket", Some("t2")), Some(robin), vec![]),
        (of("Project", Some("p1")), None, vec!["p1", "p1"]),
        (of("Project", Some("t1")), None, vec![]),
    ] {
        let filters = ActivityFilters { of, by };
        let (found, count) = narrowed(&store, one, filters.clone(), (9, 0)).await;
        let items: Vec<_> = found.iter().map(|row| row.item_id.as_str()).collect();
        assert_eq!(items, expected, "{filters:?}");
        assert_eq!(count, i64::try_from(expected.len()).unwrap());
        let times: Vec<_> = found.iter().map(|row| row.created_at).collect();
        assert!(times.is_sorted_by(|a, b| a >= b));
        let (rest, _) = narrowed(&store, one, filters, (9, 1)).await;
        let rest: Vec<_> = rest.iter().map(|row| row.id).collect();
        let expected: Vec<_> = found.iter().skip(1).map(|row| row.id).collect();
        assert_eq!(rest, expected);
    }
}

async fn activities_are_listed_newest_first_for_their_item(store: TestStore) {
    let (one, other) = (project(&store).await, project(&store).await);
    let robin = tenancy::user(&store, "robin@example.com").await;
    record(&store, one, "t1", Some(robin.id), 1).await;
    record(&store, one, "t1", None, 3).await;
    record(&store, one, "t1", None, 2).await;
    record(&store, one, "t2", None, 4).await;
    record(&store, other, "t1", None, 5).await;
    let (page, count) = activities(&store, one, "t1", (2, 0)).await;
    assert_eq!(count, 3);
    let details: Vec<_> = page.iter().map(|row| row.detail.as_str()).collect();
    assert_eq!(details, [r#"{"name":"3"}"#, r#"{"name":"2"}"#]);
    assert!(page[0].user.is_none());
    let (page, _) = activities(&store, one, "t1", (2, 2)).await;
    assert_eq!(page.len(), 1);
    let user = page[0].user.as_ref().unwrap();
    assert_eq!(
        (user.id, user.email.as_str()),
        (robin.id, "robin@example.com")
    );
    assert_eq!(page[0].client.as_deref(), Some("mcp"));
    assert_eq!(
        (page[0].scope.as_str(), page[0].item_id.as_str()),
        ("Ticket", "t1")
    );
    let (page, count) = activities(&store, one, "t3", (9, 0)).await;
    assert_eq!((page.len(), count), (0, 0));
}
