//! Values in and out.

use super::create_sample;
use crate::testing::TestStore;
use crate::{Conn, Error, FromRow, Result, Row, params};
use model::{ConversationId, ProjectId, Timestamp};
use uuid::Uuid;

crate::on_both_engines! {
    every_type_comes_back_as_it_went_in,
    null_comes_back_as_none_and_is_no_value,
    ids_and_times_are_columns_of_their_own,
    rows_are_read_as_tuples_and_single_columns,
    text_sorts_by_bytes_with_the_collation_c,
    a_row_read_short_or_long_is_an_error,
    a_wrong_number_of_parameters_is_an_error,
    a_value_of_another_type_is_an_error_when_read,
    text_with_a_nul_character_is_refused,
    exec_counts_rows_and_refuses_to_lose_them,
    find_takes_the_first_row_and_one_wants_it,
}

const INSERT_ALL: &str = "INSERT INTO sample (id, number, ratio, flag, word, uid, bytes) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const SELECT_ALL: &str = "SELECT number, ratio, flag, word, uid, bytes FROM sample WHERE id = ?1";

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    number: Option<i64>,
    ratio: Option<f64>,
    flag: Option<bool>,
    word: Option<String>,
    uid: Option<Uuid>,
    bytes: Option<Vec<u8>>,
}

impl FromRow for Sample {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get()?,
            ratio: row.get()?,
            flag: row.get()?,
            word: row.get()?,
            uid: row.get()?,
            bytes: row.get()?,
        })
    }
}

async fn insert_all(c: &Conn, id: i64, sample: &Sample) -> Result<u64> {
    let Sample {
        number,
        ratio,
        flag,
        word,
        uid,
        bytes,
    } = sample;
    c.exec(
        INSERT_ALL,
        params![id, number, ratio, flag, word, uid, bytes],
    )
    .await
}

async fn round_trip(store: &TestStore, samples: Vec<Sample>) {
    create_sample(store).await;
    for (id, sample) in (1..).zip(samples) {
        let sent = sample.clone();
        store
            .write(move |c| Box::pin(async move { insert_all(c, id, &sent).await }))
            .await
            .unwrap();
        let found: Sample = store
            .read(move |c| Box::pin(async move { c.one(SELECT_ALL, params![id]).await }))
            .await
            .unwrap();
        assert_eq!(found, sample);
    }
}

async fn every_type_comes_back_as_it_went_in(store: TestStore) {
    let sample = |number, ratio, flag, word: &str, bytes: &[u8]| Sample {
        number: Some(number),
        ratio: Some(ratio),
        flag: Some(flag),
        word: Some(word.to_owned()),
        uid: Some(Uuid::from_u128(u128::MAX / 3)),
        bytes: Some(bytes.to_owned()),
    };
    round_trip(
        &store,
        vec![
            sample(0, 0.0, false, "", b""),
            sample(
                i64::MIN,
                -1.5,
                true,
                "grüß Gott, 你好, 👩‍🚀, it's",
                &[0, 255, 39],
            ),
            sample(i64::MAX, f64::MAX, true, "a\nb\tc\\d\"e", &[0; 1000]),
            // Looks like the other types.
            sample(1, 1.0, true, "12", b"12"),
        ],
    )
    .await;
}

async fn null_comes_back_as_none_and_is_no_value(store: TestStore) {
    let nothing = Sample {
        number: None,
        ratio: None,
        flag: None,
        word: None,
        uid: None,
        bytes: None,
    };
    round_trip(&store, vec![nothing]).await;
    let error = store
        .read(|c| Box::pin(async move { c.one::<i64>("SELECT number FROM sample", &[]).await }))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Internal(detail) if detail.contains("column 1 holds null")),
        "{error}"
    );
}

async fn ids_and_times_are_columns_of_their_own(store: TestStore) {
    create_sample(&store).await;
    let project = ProjectId(7);
    let conversation = ConversationId(Uuid::from_u128(8));
    let now = Timestamp::from_micros(1_767_323_045_678_901);
    let found: (ProjectId, Timestamp, ConversationId, Option<ConversationId>) = store
        .write(move |c| {
            Box::pin(async move {
                c.exec_one(
                    "INSERT INTO sample (id, number, uid) VALUES (?1, ?2, ?3)",
                    params![project, now, Some(conversation)],
                )
                .await?;
                c.one("SELECT id, number, uid, NULLIF(uid, uid) FROM sample", &[])
                    .await
            })
        })
        .await
        .unwrap();
    assert_eq!(found, (project, now, conversation, None));
}

async fn rows_are_read_as_tuples_and_single_columns(store: TestStore) {
    create_sample(&store).await;
    let (count, words, first) = store
        .write(|c| {
            Box::pin(async move {
                super::insert(c, 1, "one").await?;
                super::insert(c, 2, "two").await?;
                let count: i64 = c.one(super::COUNT, &[]).await?;
                let words: Vec<String> = c.all(super::WORDS, &[]).await?;
                let first: Option<(i64, String)> = c
                    .find(
                        "SELECT id, word FROM sample ORDER BY id LIMIT ?1",
                        params![1_i64],
                    )
                    .await?;
                Ok::<_, Error>((count, words, first))
            })
        })
        .await
        .unwrap();
    assert_eq!(count, 2);
    assert_eq!(words, ["one", "two"]);
    assert_eq!(first, Some((1, "one".to_owned())));
}

async fn text_sorts_by_bytes_with_the_collation_c(store: TestStore) {
    create_sample(&store).await;
    for (id, word) in (1..).zip(["b", "ä", "a", "B", "_", "A"]) {
        super::add(&store, id, word).await.unwrap();
    }
    let sorted: Vec<String> = store
        .read(|c| {
            Box::pin(async move {
                c.all("SELECT word FROM sample ORDER BY word COLLATE \"C\"", &[])
                    .await
            })
        })
        .await
        .unwrap();
    assert_eq!(sorted, ["A", "B", "_", "a", "b", "ä"]);
}

async fn a_row_read_short_or_long_is_an_error(store: TestStore) {
    create_sample(&store).await;
    super::add(&store, 1, "one").await.unwrap();
    for (sql, expected) in [
        (
            "SELECT id, word, number FROM sample",
            "2 columns were read of a row with 3",
        ),
        ("SELECT id FROM sample", "column 2 was read of a row with 1"),
    ] {
        let error = store
            .read(move |c| Box::pin(async move { c.one::<(i64, String)>(sql, &[]).await }))
            .await
            .unwrap_err();
        assert_eq!(error, Error::Internal(format!("{expected}, in: {sql}")));
    }
}

async fn a_wrong_number_of_parameters_is_an_error(store: TestStore) {
    create_sample(&store).await;
    let sql = "SELECT id FROM sample WHERE id = ?1";
    for params in [0, 2] {
        let error = store
            .read(move |c| {
                Box::pin(async move {
                    let params = vec![crate::Value::Int(1); params];
                    c.find::<i64>(sql, &params).await
                })
            })
            .await
            .unwrap_err();
        assert_eq!(
            error,
            Error::Internal(format!(
                "{params} parameters were given where 1 are wanted, in: {sql}"
            ))
        );
    }
}

async fn a_value_of_another_type_is_an_error_when_read(store: TestStore) {
    create_sample(&store).await;
    super::add(&store, 1, "one").await.unwrap();
    let error = store
        .read(|c| Box::pin(async move { c.one::<i64>("SELECT word FROM sample", &[]).await }))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::Internal("column 1 holds text, which is no i64, in: SELECT word FROM sample".into())
    );
}

async fn text_with_a_nul_character_is_refused(store: TestStore) {
    create_sample(&store).await;
    let error = super::add(&store, 1, "a\0b").await.unwrap_err();
    assert!(
        matches!(&error, Error::Internal(detail) if detail.starts_with("parameter 2 has a NUL character")),
        "{error}"
    );
}

async fn exec_counts_rows_and_refuses_to_lose_them(store: TestStore) {
    create_sample(&store).await;
    super::add(&store, 1, "one").await.unwrap();
    super::add(&store, 2, "two").await.unwrap();
    let counts = store
        .write(|c| {
            Box::pin(async move {
                let both = c.exec("UPDATE sample SET number = 5", &[]).await?;
                let none = c.exec("DELETE FROM sample WHERE id = 3", &[]).await?;
                let missing = c.exec_one("DELETE FROM sample WHERE id = 3", &[]).await;
                Ok::<_, Error>((both, none, missing))
            })
        })
        .await
        .unwrap();
    assert_eq!(counts, (2, 0, Err(Error::NoRow)));
    let error = store
        .write(|c| Box::pin(async move { c.exec("DELETE FROM sample RETURNING id", &[]).await }))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error}");
    assert_eq!(super::words(&store).await, ["one", "two"]);
}

async fn find_takes_the_first_row_and_one_wants_it(store: TestStore) {
    create_sample(&store).await;
    let found = store
        .write(|c| {
            Box::pin(async move {
                let nothing: Option<i64> = c.find("SELECT id FROM sample", &[]).await?;
                let missing = c.one::<i64>("SELECT id FROM sample", &[]).await;
                super::insert(c, 1, "one").await?;
                super::insert(c, 2, "two").await?;
                // All rows are changed, not only the one that is read.
                let first: Option<String> = c
                    .find("UPDATE sample SET word = word || '!' RETURNING word", &[])
                    .await?;
                Ok::<_, Error>((nothing, missing, first.is_some()))
            })
        })
        .await
        .unwrap();
    assert_eq!(found, (None, Err(Error::NoRow), true));
    assert_eq!(super::words(&store).await, ["one!", "two!"]);
}
