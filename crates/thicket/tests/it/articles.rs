//! Importing articles.

use crate::harness::Place;
use serde_json::json;

#[test]
fn a_folder_of_markdown_becomes_articles_and_a_second_import_changes_what_changed() {
    let place = Place::new();
    place.json("project create --name Acme");
    place.write("help/begin.md", "# How to begin\nOpen the box.\n");
    place.write(
        "help/money/prices.md",
        "---\ntitle: Prices\nurl: https://example.com/prices\n---\nAll is free.\n",
    );
    place.write("help/notes.txt", "not Markdown");
    let report = place.json("article import help --project 1");
    assert_eq!(
        (&report["created"], &report["updated"], &report["unchanged"]),
        (&json!(2), &json!(0), &json!(0))
    );

    let list = place.json("article list");
    let titles: Vec<&str> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles.len(), 2);
    assert!(
        titles.contains(&"How to begin") && titles.contains(&"Prices"),
        "{titles:?}"
    );
    assert!(
        place
            .run("article list --project 1")
            .ok()
            .contains("https://example.com/prices")
    );

    place.write("help/begin.md", "# How to begin\nOpen the box with care.\n");
    let report = place.json("article import help --project 1");
    assert_eq!(
        (&report["created"], &report["updated"], &report["unchanged"]),
        (&json!(0), &json!(1), &json!(1))
    );
    assert_eq!(
        place.json("article list")["results"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let place = Place::new();
    place.json("project create --name Acme");
    place.write("help/empty.md", "\n");
    place.write("help/good.md", "# Good\ntext\n");
    let outcome = place.run("article import help --project 1 --json");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("empty.md"), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .ends_with("error: 1 of 2 files were not imported\n"),
        "{outcome:?}"
    );
    assert_eq!(
        place.json("article list")["results"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_import_needs_a_project_and_files() {
    let place = Place::new();
    place.json("project create --name Acme");
    place.write("help/good.md", "# Good\ntext\n");
    place.write("empty/readme.txt", "");
    place.run("article import help --project 2").refusal(1);
    place.run("article import empty --project 1").refusal(1);
    place.run("article import missing --project 1").refusal(1);
    place.run("article list --project 2").refusal(1);
}
