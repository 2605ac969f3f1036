//! Operations: all or nothing, whatever happens to them.

use super::{add, create_sample, insert, words};
use crate::testing::TestStore;
use crate::{ConstraintKind, Error, Store, params};
use std::sync::Arc;
use tokio::sync::Barrier;

crate::on_both_engines! {
    an_operation_that_fails_leaves_nothing,
    an_operation_sees_its_own_changes_and_others_do_not_before_the_commit,
    one_failure_among_many_writers_takes_no_other_with_it,
    a_panic_is_an_error_and_the_store_lives_on,
    a_caller_who_goes_away_interrupts_no_write,
    a_failed_statement_loses_the_transaction_even_if_it_is_ignored,
    a_conflict_can_be_expected,
    broken_constraints_are_told_by_kind_and_columns,
    concurrent_writers_get_dense_numbers,
    a_closed_store_refuses_work,
    a_store_answers_a_ping,
}

/// The error of an operation above the store.
#[derive(Debug, PartialEq)]
enum Refusal {
    Own,
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

async fn an_operation_that_fails_leaves_nothing(store: TestStore) {
    create_sample(&store).await;
    let result: Result<(), Refusal> = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                Err(Refusal::Own)
            })
        })
        .await;
    assert_eq!(result, Err(Refusal::Own));
    assert!(words(&store).await.is_empty());
}

async fn an_operation_sees_its_own_changes_and_others_do_not_before_the_commit(store: TestStore) {
    create_sample(&store).await;
    let seen: i64 = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                c.one(super::COUNT, &[]).await
            })
        })
        .await
        .unwrap();
    assert_eq!(seen, 1);
    assert_eq!(words(&store).await, ["one"]);
}

async fn one_failure_among_many_writers_takes_no_other_with_it(store: TestStore) {
    create_sample(&store).await;
    let barrier = Arc::new(Barrier::new(40));
    let writers: Vec<_> = (0..40)
        .map(|id| {
            let (store, barrier) = (store.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                store
                    .write(move |c| {
                        Box::pin(async move {
                            insert(c, id, &format!("word {id}")).await?;
                            if id % 4 == 0 {
                                // A duplicate, which the engine refuses.
                                insert(c, id, "again").await?;
                            }
                            Ok::<_, Error>(())
                        })
                    })
                    .await
            })
        })
        .collect();
    for (id, writer) in writers.into_iter().enumerate() {
        let result = writer.await.unwrap();
        if id % 4 == 0 {
            assert!(result.unwrap_err().is_unique("sample.id"));
        } else {
            result.unwrap();
        }
    }
    assert_eq!(words(&store).await.len(), 30);
}

async fn a_panic_is_an_error_and_the_store_lives_on(store: TestStore) {
    create_sample(&store).await;
    for _ in 0..10 {
        let error = store
            .write(|c| {
                Box::pin(async move {
                    insert(c, 1, "one").await?;
                    if true {
                        panic!("out of {}", "luck");
                    }
                    Ok::<(), Error>(())
                })
            })
            .await
            .unwrap_err();
        assert_eq!(
            error,
            Error::Internal("an operation panicked: out of luck".to_owned())
        );
        let error = store
            .read(|_| Box::pin(async move { Err::<(), Error>(panic_now()) }))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            Error::Internal("an operation panicked: at once".to_owned())
        );
    }
    add(&store, 1, "one").await.unwrap();
    assert_eq!(words(&store).await, ["one"]);
}

fn panic_now() -> Error {
    panic!("at once")
}

async fn a_caller_who_goes_away_interrupts_no_write(store: TestStore) {
    create_sample(&store).await;
    // Gone before, during or after; that is decided by where the write is after so many polls.
    for id in 0..50 {
        let mut write = Box::pin(store.write(move |c| {
            Box::pin(async move {
                insert(c, 2 * id, &format!("a{id}")).await?;
                insert(c, 2 * id + 1, &format!("b{id}")).await
            })
        }));
        for _ in 0..id % 5 {
            if futures::poll!(&mut write).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
    }
    add(&store, 1000, "after").await.unwrap();
    // Closing waits for what has begun.
    store.close().await;
    let again = Store::open(&store.config()).await.unwrap();
    let words = words(&again).await;
    assert_eq!(words.len() % 2, 1, "half a write was kept: {words:?}");
    assert_eq!(words.last().map(String::as_str), Some("after"));
}

async fn a_failed_statement_loses_the_transaction_even_if_it_is_ignored(store: TestStore) {
    create_sample(&store).await;
    let result = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                assert!(insert(c, 1, "two").await.is_err());
                Ok::<_, Error>(())
            })
        })
        .await;
    assert_eq!(result, Err(Error::ignored_failure()));
    let result = store
        .write(|c| {
            Box::pin(async move {
                insert(c, 1, "one").await?;
                assert!(insert(c, 1, "two").await.is_err());
                insert(c, 3, "three").await
            })
        })
        .await;
    assert_eq!(result, Err(Error::after_failure(super::INSERT)));
    assert!(words(&store).await.is_empty());
}

async fn a_conflict_can_be_expected(store: TestStore) {
    create_sample(&store).await;
    let sql = "INSERT INTO sample (id, word) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING";
    for expected in [1, 0] {
        let inserted = store
            .write(move |c| Box::pin(async move { c.exec(sql, params![1_i64, "one"]).await }))
            .await
            .unwrap();
        assert_eq!(inserted, expected);
    }
}

async fn broken_constraints_are_told_by_kind_and_columns(store: TestStore) {
    let scripts = [
        "CREATE TABLE parent (tenant BIGINT NOT NULL, name TEXT NOT NULL, age BIGINT, label TEXT, \
         CONSTRAINT grown CHECK (age >= 18), PRIMARY KEY (tenant, name))",
        "CREATE UNIQUE INDEX parent_lower ON parent (lower(label))",
        "CREATE TABLE child (tenant BIGINT NOT NULL, parent TEXT NOT NULL, \
         FOREIGN KEY (tenant, parent) REFERENCES parent (tenant, name))",
        "INSERT INTO parent (tenant, name, age, label) VALUES (1, 'a', 20, 'x')",
        "INSERT INTO child (tenant, parent) VALUES (1, 'a')",
    ];
    for script in scripts {
        store
            .write(move |c| Box::pin(async move { c.exec(script, &[]).await }))
            .await
            .unwrap();
    }
    for (sql, kind, name) in [
        (
            "INSERT INTO parent (tenant, name) VALUES (1, 'a')",
            ConstraintKind::Unique,
            "parent.tenant,name",
        ),
        (
            "INSERT INTO parent (tenant, name, label) VALUES (1, 'b', 'X')",
            ConstraintKind::Unique,
            "parent_lower",
        ),
        (
            "INSERT INTO parent (tenant) VALUES (1)",
            ConstraintKind::NotNull,
            "parent.name",
        ),
        (
            "INSERT INTO parent (tenant, name, age) VALUES (1, 'b', 17)",
            ConstraintKind::Check,
            "grown",
        ),
        (
            "INSERT INTO child (tenant, parent) VALUES (2, 'a')",
            ConstraintKind::ForeignKey,
            "",
        ),
        ("DELETE FROM parent", ConstraintKind::ForeignKey, ""),
    ] {
        let error = store
            .write(move |c| Box::pin(async move { c.exec(sql, &[]).await }))
            .await
            .unwrap_err();
        let name = name.to_owned();
        assert_eq!(error, Error::Constraint { kind, name }, "{sql}");
    }
}

async fn concurrent_writers_get_dense_numbers(store: TestStore) {
    create_sample(&store).await;
    add(&store, 0, "counter").await.unwrap();
    store
        .write(|c| Box::pin(async move { c.exec("UPDATE sample SET number = 0", &[]).await }))
        .await
        .unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for _ in 0..25 {
                    let number: i64 = store
                        .write(|c| {
                            Box::pin(async move {
                                let number = c
                                    .one(
                                        "UPDATE sample SET number = number + 1 WHERE id = 0 RETURNING number",
                                        &[],
                                    )
                                    .await?;
                                insert(c, number, &number.to_string()).await?;
                                Ok::<_, Error>(number)
                            })
                        })
                        .await
                        .unwrap();
                    numbers.push(number);
                }
                numbers
            })
        })
        .collect();
    let mut all = Vec::new();
    for writer in writers {
        let numbers = writer.await.unwrap();
        assert!(numbers.is_sorted());
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (1..=200).collect::<Vec<i64>>());
}

async fn a_closed_store_refuses_work(store: TestStore) {
    store.close().await;
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    store.close().await;
}

async fn a_store_answers_a_ping(store: TestStore) {
    store.ping().await.unwrap();
}
