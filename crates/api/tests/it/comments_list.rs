//! Lists of comments: pages, filters and search (tickets.md 11.2).

use crate::comments::{body, comment, listed, path, texts};
use crate::common::assert_error;
use crate::tickets_desk::Desk;
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    comments_come_in_pages_newest_first,
    comments_are_filtered,
}

async fn comments_come_in_pages_newest_first(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    for number in 0..250 {
        desk.hear(&ticket, &number.to_string()).await;
        // Some have the same time.
        if number % 3 == 0 {
            desk.later(1);
        }
    }
    let item = format!("item_id={}", ticket["id"].as_str().unwrap());
    for filter in [item.as_str(), ""] {
        let mut page = listed(&desk, filter).await;
        assert_eq!(page["previous"], Value::Null);
        let mut pages = vec![page.clone()];
        while let Some(next) = page["next"].as_str() {
            let next = next.strip_prefix(&desk.app.base).unwrap();
            assert!(next.contains(filter), "{next}");
            page = desk.api.get(next).await.expect(200).json;
            pages.push(page.clone());
        }
        let lengths: Vec<usize> = pages.iter().map(|page| texts(page).len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        let mut seen: Vec<i64> = pages
            .iter()
            .flat_map(|page| texts(page))
            .map(|text| text.parse().unwrap())
            .collect();
        // Within one moment the order is that of random ids.
        seen.sort_unstable();
        assert_eq!(seen, (0..250).collect::<Vec<_>>());
        // And back again.
        for expected in pages.iter().rev().skip(1) {
            let previous = page["previous"].as_str().unwrap();
            page = desk
                .api
                .get(previous.strip_prefix(&desk.app.base).unwrap())
                .await
                .expect(200)
                .json;
            assert_eq!(page["results"], expected["results"]);
        }
        assert_eq!(page["previous"], Value::Null);
    }
    let bad = format!("{}?scope=conversations_ticket&cursor=nope", path(&desk));
    assert_error(&desk.api.get(&bad).await, 404, "not_found", "");
}

async fn comments_are_filtered(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (one, two) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let first = comment(&desk, &one, "Gr\u{fc}n 100%").await;
    desk.later(1);
    comment(&desk, &two, "blue").await;
    desk.later(1);
    let mut answer = body(&one, "red");
    answer["source_comment"] = first["id"].clone();
    desk.api.post(&path(&desk), &answer).await.expect(201);
    let of = |ticket: &Value| format!("item_id={}", ticket["id"].as_str().unwrap());
    for (query, expected) in [
        (String::new(), vec!["red", "blue", "Gr\u{fc}n 100%"]),
        (of(&one), vec!["red", "Gr\u{fc}n 100%"]),
        (of(&two), vec!["blue"]),
        ("item_id=nope".to_owned(), vec![]),
        (format!("item_id={}", new_uuid()), vec![]),
        (
            format!("{}&search=GR%C3%9CN", of(&one)),
            vec!["Gr\u{fc}n 100%"],
        ),
        (format!("{}&search=0%25", of(&one)), vec!["Gr\u{fc}n 100%"]),
        (format!("{}&search=r_d", of(&one)), vec![]),
        ("search=RED".to_owned(), vec!["red"]),
        ("search=re".to_owned(), vec!["red"]),
        ("search=e".to_owned(), vec!["red", "blue"]),
        ("search=%25".to_owned(), vec!["Gr\u{fc}n 100%"]),
        ("search=00%25%22".to_owned(), vec![]),
        (
            format!(
                "search=red&source_comment={}",
                first["id"].as_str().unwrap()
            ),
            vec!["red"],
        ),
        (
            format!(
                "search=blue&source_comment={}",
                first["id"].as_str().unwrap()
            ),
            vec![],
        ),
        (
            format!("source_comment={}", first["id"].as_str().unwrap()),
            vec!["red"],
        ),
        ("source_comment=nope".to_owned(), vec![]),
    ] {
        assert_eq!(texts(&listed(&desk, &query).await), expected, "{query}");
    }
    // Messages of tickets never appear in a list that does not ask for them.
    for query in ["", "?scope=Dashboard", "?scope=Ticket"] {
        let list = desk
            .api
            .get(&format!("{}{query}", path(&desk)))
            .await
            .expect(200)
            .json;
        assert_eq!(list, json!({"next": null, "previous": null, "results": []}));
    }
}
