//! The tags of a project's tickets (tickets.md 16.4).

use crate::common::{assert_error, assert_json};
use crate::macros::{at, make};
use crate::tickets_desk::{Desk, encoded, path};
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    tags_are_listed_renamed_merged_and_deleted,
    views_and_macros_follow_a_renamed_tag,
    many_tickets_follow_a_renamed_tag,
}

async fn tags_are_listed_renamed_merged_and_deleted(setup: Setup) {
    let desk = Desk::new(setup).await;
    let tags = path(&desk.tenant, "tags/");
    let listed = async |query: &str| {
        let list = desk
            .api
            .get(&format!("{tags}{query}"))
            .await
            .expect(200)
            .json;
        let results = list["results"].as_array().unwrap().clone();
        let pair = |tag: &Value| {
            (
                tag["name"].as_str().unwrap().to_owned(),
                tag["ticket_count"].as_i64().unwrap(),
            )
        };
        results.iter().map(pair).collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let first = desk.add(json!({"tags": ["bug", "v1.0/x"]})).await;
    let second = desk.add(json!({"tags": ["bug", "defect"]})).await;
    desk.add(json!({"tags": ["\u{fc}ber"]})).await;
    assert_eq!(
        listed("").await,
        pairs(&[("bug", 2), ("defect", 1), ("v1.0/x", 1), ("\u{fc}ber", 1)])
    );
    assert_eq!(listed("?search=BU").await, pairs(&[("bug", 2)]));
    assert_eq!(listed("?search=%25").await, pairs(&[]));
    assert_eq!(listed("?limit=1&offset=2").await, pairs(&[("v1.0/x", 1)]));

    let before = desk.peek(&first).await["updated_at"].clone();
    desk.later(5);
    let named = |name: &str| format!("{tags}?name={}", encoded(name));
    let renamed = desk
        .api
        .patch(&named("v1.0/x"), &json!({"name": " V2.0 "}))
        .await;
    assert_json(&renamed, 200, &json!({"name": "v2.0", "ticket_count": 1}));
    assert_eq!(desk.peek(&first).await["tags"], json!(["bug", "v2.0"]));
    assert_eq!(
        desk.peek(&first).await["updated_at"],
        before,
        "a renamed tag is no change of its tickets"
    );
    assert_eq!(desk.numbers("tags=[\"v2.0\"]").await, [1]);
    let taken = desk
        .api
        .patch(&named("bug"), &json!({"name": "defect"}))
        .await;
    assert_error(&taken, 400, "unique", "name");
    assert_error(
        &desk.api.patch(&named("nope"), &json!({"name": "x"})).await,
        404,
        "not_found",
        "",
    );
    assert_error(
        &desk.api.patch(&tags, &json!({"name": "x"})).await,
        400,
        "required",
        "name",
    );
    assert_error(
        &desk.api.patch(&named("bug"), &json!({"name": " "})).await,
        400,
        "blank",
        "name",
    );
    desk.api
        .patch(&named("bug"), &json!({"name": "BUG"}))
        .await
        .expect(200);

    let merged = desk
        .api
        .post(
            &format!("{tags}merge/"),
            &json!({"names": ["Bug", "v2.0", "nope"], "into": "Defect"}),
        )
        .await;
    assert_json(&merged, 200, &json!({"name": "defect", "ticket_count": 2}));
    assert_eq!(desk.peek(&second).await["tags"], json!(["defect"]));
    assert_eq!(listed("").await, pairs(&[("defect", 2), ("\u{fc}ber", 1)]));
    for (body, code, attr) in [
        (json!({"into": "x"}), "required", "names"),
        (json!({"names": [], "into": "x"}), "empty", "names"),
        (json!({"names": ["x"]}), "required", "into"),
    ] {
        assert_error(
            &desk.api.post(&format!("{tags}merge/"), &body).await,
            400,
            code,
            attr,
        );
    }
    desk.api.delete(&named("Defect")).await.expect(204);
    assert_error(
        &desk.api.delete(&named("defect")).await,
        404,
        "not_found",
        "",
    );
    assert_eq!(desk.peek(&first).await["tags"], json!([]));
    assert_eq!(listed("").await, pairs(&[("\u{fc}ber", 1)]));
    let other = desk.app.tenant().await;
    let theirs = other.api.get(&path(&other, "tags/")).await.expect(200).json;
    assert_eq!(theirs["count"], 0);
    assert!(!desk.events_of("tag_changed").await.is_empty());
}

async fn views_and_macros_follow_a_renamed_tag(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({"tags": ["bug"]})).await;
    let views = path(&desk.tenant, "views/");
    let filters = json!({"tags": ["Bug", "vip"], "tagsExclude": ["bug"], "search": "bug"});
    let view = desk
        .api
        .post(&views, &json!({"name": "n", "filters": filters}))
        .await
        .expect(201)
        .json;
    let made = make(
        &desk.tenant,
        json!({"name": "n", "actions": {"tags": ["bug"], "status": "open"}}),
    )
    .await;
    let tag = format!("{}?name=bug", path(&desk.tenant, "tags/"));
    desk.api
        .patch(&tag, &json!({"name": "defect"}))
        .await
        .expect(200);
    let view = desk
        .api
        .get(&format!("{views}{}/", view["short_id"].as_str().unwrap()))
        .await
        .expect(200)
        .json;
    assert_eq!(
        view["filters"],
        json!({"tags": ["defect", "vip"], "tagsExclude": ["defect"], "search": "bug"})
    );
    let made = desk
        .api
        .get(&at(&desk.tenant, &made))
        .await
        .expect(200)
        .json;
    assert_eq!(
        made["actions"],
        json!({"tags": ["defect"], "status": "open"})
    );
}

async fn many_tickets_follow_a_renamed_tag(setup: Setup) {
    let desk = Desk::new(setup).await;
    // More than change in one transaction.
    for _ in 0..401 {
        desk.arrive(|new| new.fields.tags = Some(vec!["bug".into()]))
            .await;
    }
    let tag = format!("{}?name=bug", path(&desk.tenant, "tags/"));
    let renamed = desk.api.patch(&tag, &json!({"name": "defect"})).await;
    assert_json(
        &renamed,
        200,
        &json!({"name": "defect", "ticket_count": 401}),
    );
    assert_eq!(desk.list("tags=[\"bug\"]").await["count"], 0);
    assert_eq!(desk.events_of("tag_changed").await.len(), 1);
}
