//! Persons: made, changed, merged, found.

use super::tenancy;
use crate::persons::{self, Filter, NewPerson, Updated};
use crate::testing::TestStore;
use crate::{Error, FromRow, params};
use model::pagination::Page;
use model::persons::{DISTINCT_ID_MAX, PROPERTIES_MAX, Person, Profile};
use model::{Env, PersonId, ProjectId};
use serde_json::{Map, Value, json};
use uuid::Uuid;

crate::on_both_engines! {
    a_person_comes_back_as_they_went_in,
    an_id_belongs_to_one_person,
    a_change_is_kept_and_bounded,
    events_make_and_change_persons,
    persons_that_turn_out_to_be_the_same_become_one,
    events_that_arrive_together_make_one_person,
    a_page_of_ids_is_looked_up_at_once,
    an_address_is_found_in_any_case_the_oldest_first,
    a_list_is_paginated_filtered_and_searched,
    projects_have_persons_of_their_own,
}

async fn project(store: &TestStore) -> ProjectId {
    let organization = tenancy::organization(store, "Acme").await;
    tenancy::project(store, organization.id, "Support").await.id
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn try_create(
    store: &TestStore,
    project: ProjectId,
    ids: &[&str],
    properties: Value,
) -> Option<Person> {
    let new = NewPerson {
        distinct_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        properties: map(properties),
        is_identified: true,
    };
    store
        .write(move |c| {
            Box::pin(async move { persons::create(c, &Env::system(), project, &new).await })
        })
        .await
        .unwrap()
}

async fn create(store: &TestStore, project: ProjectId, ids: &[&str], properties: Value) -> Person {
    try_create(store, project, ids, properties).await.unwrap()
}

async fn find(store: &TestStore, project: ProjectId, id: PersonId) -> Option<Person> {
    store
        .read(move |c| Box::pin(persons::find(c, project, id)))
        .await
        .unwrap()
}

async fn find_by_id(store: &TestStore, project: ProjectId, id: &'static str) -> Option<Person> {
    let mut found = store
        .read(move |c| {
            Box::pin(async move { persons::find_by_distinct_ids(c, project, &[id]).await })
        })
        .await
        .unwrap();
    found.remove(id)
}

async fn list(
    store: &TestStore,
    project: ProjectId,
    filter: Filter,
    page: (i64, i64),
) -> (Vec<PersonId>, i64) {
    let (limit, offset) = page;
    let page = Page { limit, offset };
    let (persons, count) = store
        .read(move |c| Box::pin(async move { persons::list(c, project, &filter, page).await }))
        .await
        .unwrap();
    (persons.iter().map(|person| person.id).collect(), count)
}

/// Applies what an event says; returns whether it was news.
async fn apply(store: &TestStore, project: ProjectId, profile: Profile) -> bool {
    let asked = profile.clone();
    let known = store
        .read(move |c| Box::pin(async move { persons::is_known(c, project, &asked).await }))
        .await
        .unwrap();
    store
        .write(move |c| {
            Box::pin(async move { persons::apply(c, &Env::system(), project, &profile).await })
        })
        .await
        .unwrap();
    !known
}

fn identify(id: &str, anon: &str) -> Profile {
    Profile {
        distinct_id: id.to_owned(),
        anon_distinct_id: Some(anon.to_owned()),
        identifies: true,
        ..Profile::default()
    }
}

fn set(id: &str, set: Value) -> Profile {
    Profile {
        distinct_id: id.to_owned(),
        set: map(set),
        ..Profile::default()
    }
}

async fn count<T: FromRow + Send + 'static>(
    store: &TestStore,
    sql: &'static str,
    p: ProjectId,
) -> T {
    store
        .read(move |c| Box::pin(async move { c.one(sql, params![p]).await }))
        .await
        .unwrap()
}

/// The rows behind everything else: persons, their counter, ids, and merges.
async fn rows(store: &TestStore, project: ProjectId) -> [i64; 4] {
    [
        count(
            store,
            "SELECT count(*) FROM person WHERE project_id = ?1",
            project,
        )
        .await,
        count(
            store,
            "SELECT persons FROM person_totals WHERE project_id = ?1",
            project,
        )
        .await,
        count(
            store,
            "SELECT count(*) FROM person_distinct_id WHERE project_id = ?1",
            project,
        )
        .await,
        count(
            store,
            "SELECT count(*) FROM person_merge WHERE project_id = ?1",
            project,
        )
        .await,
    ]
}

async fn a_person_comes_back_as_they_went_in(store: TestStore) {
    let project = project(&store).await;
    let properties = json!({"email": "Jo@x.com", "deep": {"ä": [1, null, "\u{0}"]}});
    let made = create(&store, project, &["zoe", "adam", "ä"], properties).await;
    assert_eq!(made.distinct_ids, ["zoe", "adam", "ä"]);
    assert_eq!(find(&store, project, made.id).await.as_ref(), Some(&made));
    assert_eq!(find_by_id(&store, project, "adam").await, Some(made));
    assert_eq!(find_by_id(&store, project, "ADAM").await, None);
    assert_eq!(find(&store, project, PersonId(Uuid::nil())).await, None);
    assert_eq!(rows(&store, project).await, [1, 1, 3, 0]);
}

async fn an_id_belongs_to_one_person(store: TestStore) {
    let project = project(&store).await;
    create(&store, project, &["a", "b"], json!({})).await;
    assert_eq!(
        try_create(&store, project, &["c", "b"], json!({})).await,
        None
    );
    assert_eq!(find_by_id(&store, project, "c").await, None);
    assert_eq!(rows(&store, project).await, [1, 1, 2, 0]);
    let longest = "ä".repeat(DISTINCT_ID_MAX);
    create(&store, project, &[&longest], json!({})).await;
}

async fn update(store: &TestStore, project: ProjectId, id: PersonId, change: Value) -> Updated {
    let change = map(change);
    store
        .write(move |c| Box::pin(async move { persons::update(c, project, id, &change).await }))
        .await
        .unwrap()
}

async fn a_change_is_kept_and_bounded(store: TestStore) {
    let project = project(&store).await;
    let made = create(&store, project, &["a"], json!({"x": 1, "y": 2})).await;
    let Updated::Person(now) = update(&store, project, made.id, json!({"x": null, "z": 3})).await
    else {
        panic!("the person is there");
    };
    assert_eq!(now.properties, map(json!({"y": 2, "z": 3})));
    assert_eq!(find(&store, project, made.id).await.as_ref(), Some(&now));
    let large = json!({"y": "x".repeat(PROPERTIES_MAX)});
    assert_eq!(
        update(&store, project, made.id, large).await,
        Updated::TooLarge
    );
    assert_eq!(find(&store, project, made.id).await, Some(now));
    let nobody = PersonId(Uuid::nil());
    assert_eq!(
        update(&store, project, nobody, json!({})).await,
        Updated::Missing
    );
}

async fn events_make_and_change_persons(store: TestStore) {
    let project = project(&store).await;
    assert!(apply(&store, project, set("u", json!({"email": "a@x"}))).await);
    assert!(!apply(&store, project, set("u", json!({"email": "a@x"}))).await);
    let made = find_by_id(&store, project, "u").await.unwrap();
    assert!(!made.is_identified);
    assert!(apply(&store, project, identify("u", "anon")).await);
    assert!(!apply(&store, project, identify("u", "anon")).await);
    let now = find_by_id(&store, project, "anon").await.unwrap();
    assert_eq!((now.id, now.is_identified), (made.id, true));
    assert_eq!(now.distinct_ids, ["u", "anon"]);
    assert_eq!(now.created_at, made.created_at);
    assert_eq!(rows(&store, project).await, [1, 1, 2, 0]);
}

async fn persons_that_turn_out_to_be_the_same_become_one(store: TestStore) {
    let project = project(&store).await;
    for id in ["a1", "a2", "u"] {
        apply(&store, project, set(id, json!({"from": id, (id): true}))).await;
    }
    let first = find_by_id(&store, project, "a1").await.unwrap();
    let second = find_by_id(&store, project, "a2").await.unwrap();
    let own = find_by_id(&store, project, "u").await.unwrap();
    // a1 into a2, then u into that one; the survivor is the one who said who they are.
    apply(&store, project, identify("a2", "a1")).await;
    assert_eq!(find(&store, project, first.id).await.unwrap().id, second.id);
    apply(&store, project, identify("a2", "u")).await;
    for id in [first.id, second.id, own.id] {
        let person = find(&store, project, id).await.unwrap();
        assert_eq!(person.id, second.id);
        assert_eq!(person.distinct_ids, ["a2", "a1", "u"]);
        assert_eq!(
            person.properties,
            map(json!({"from": "a2", "a1": true, "a2": true, "u": true}))
        );
        assert_eq!(person.created_at, first.created_at);
    }
    assert_eq!(rows(&store, project).await, [1, 1, 3, 2]);
    assert_eq!(store.check().await.unwrap(), []);
}

async fn events_that_arrive_together_make_one_person(store: TestStore) {
    let project = project(&store).await;
    let events = (0..8).map(|n| {
        let anon = format!("anon-{}", n % 4);
        apply(&store, project, identify("u", &anon))
    });
    futures::future::join_all(events).await;
    let person = find_by_id(&store, project, "u").await.unwrap();
    assert_eq!(person.distinct_ids.len(), 5);
    assert_eq!(rows(&store, project).await, [1, 1, 5, 0]);
}

async fn a_page_of_ids_is_looked_up_at_once(store: TestStore) {
    let project = project(&store).await;
    let jo = create(&store, project, &["jo-1", "jo-2"], json!({})).await;
    let kim = create(&store, project, &["kim"], json!({})).await;
    let found = store
        .read(move |c| {
            Box::pin(async move {
                let ids = ["jo-2", "kim", "jo-1", "nobody", "", "x\0", "kim"];
                persons::find_by_distinct_ids(c, project, &ids).await
            })
        })
        .await
        .unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(
        (&found["jo-1"], &found["jo-2"], &found["kim"]),
        (&jo, &jo, &kim)
    );
}

async fn an_address_is_found_in_any_case_the_oldest_first(store: TestStore) {
    let project = project(&store).await;
    let oldest = create(&store, project, &["a"], json!({"email": "Jo@X.com "})).await;
    create(&store, project, &["b"], json!({"email": "jo@x.com"})).await;
    create(
        &store,
        project,
        &["c"],
        json!({"email": "", "mail": "other@x.com"}),
    )
    .await;
    let found = store
        .read(move |c| {
            Box::pin(async move {
                persons::find_by_emails(c, project, &["JO@x.COM", "other@x.com", ""]).await
            })
        })
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found["jo@x.com"], oldest);
}

async fn a_list_is_paginated_filtered_and_searched(store: TestStore) {
    let project = project(&store).await;
    let all = Filter::default();
    assert_eq!(
        list(&store, project, all.clone(), (10, 0)).await,
        (vec![], 0)
    );
    let mut ids = Vec::new();
    for (id, email) in [
        ("One", "ÄNNE@x.com"),
        ("two_%", "b@x.com"),
        ("three", "c\\d@y.com"),
    ] {
        let person = create(&store, project, &[id], json!({"email": email})).await;
        ids.insert(0, person.id);
    }
    assert_eq!(
        list(&store, project, all.clone(), (10, 0)).await,
        (ids.clone(), 3)
    );
    assert_eq!(list(&store, project, all, (1, 1)).await, (vec![ids[1]], 3));
    for (part, expected) in [
        ("x.com", vec![ids[1], ids[2]]),
        ("änne", vec![ids[2]]),
        ("one", vec![ids[2]]),
        ("_%", vec![ids[1]]),
        ("%", vec![ids[1]]),
        ("\\", vec![ids[0]]),
        ("nobody", vec![]),
    ] {
        let filter = Filter {
            search: Some(part.to_owned()),
            ..Filter::default()
        };
        let count = i64::try_from(expected.len()).unwrap();
        let found = list(&store, project, filter.clone(), (10, 0)).await;
        assert_eq!(found, (expected.clone(), count), "{part}");
        let rest = list(&store, project, filter, (10, 1)).await;
        let expected = expected.into_iter().skip(1).collect();
        assert_eq!(rest, (expected, count), "{part}");
    }
    for (search, count) in [(None, 1), (Some("y.com"), 1), (Some("x.com"), 0)] {
        let filter = Filter {
            distinct_id: Some("three".to_owned()),
            search: search.map(str::to_owned),
        };
        let (found, total) = list(&store, project, filter, (10, 0)).await;
        assert_eq!(
            (found.len(), total),
            (usize::try_from(count).unwrap(), count)
        );
    }
}

async fn projects_have_persons_of_their_own(store: TestStore) {
    let (one, other) = (project(&store).await, project(&store).await);
    let person = create(&store, one, &["u"], json!({"email": "u@x"})).await;
    assert_eq!(find_by_id(&store, other, "u").await, None);
    assert_eq!(find(&store, other, person.id).await, None);
    assert_eq!(
        update(&store, other, person.id, json!({"x": 1})).await,
        Updated::Missing
    );
    let emails = store
        .read(move |c| Box::pin(async move { persons::find_by_emails(c, other, &["u@x"]).await }))
        .await;
    assert!(emails.unwrap().is_empty());
    assert_eq!(
        list(&store, other, Filter::default(), (9, 0)).await,
        (vec![], 0)
    );
    assert!(try_create(&store, other, &["u"], json!({})).await.is_some());
    apply(&store, other, identify("v", "u")).await;
    assert_eq!(find(&store, one, person.id).await, Some(person));
    let gone: Result<Vec<i64>, Error> = store
        .read(move |c| {
            Box::pin(async move {
                c.all(
                    "SELECT persons FROM person_totals WHERE project_id = ?1",
                    params![one],
                )
                .await
            })
        })
        .await;
    assert_eq!(gone.unwrap(), [1]);
}
