//! How good retrieval is on the demo project's articles.
//!
//! The questions in `bench/knowledge.jsonl` were written before anything was tuned. Thresholds and weights were set
//! by looking at the half marked `tuning`; the bounds below are for the half marked `held-out`.

use super::super::fixtures::project;
use super::super::*;
use crate::extractive::answer;
use model::Env;
use serde::Deserialize;
use std::path::Path;
use store::Engine;
use store::testing::TestStore;

store::on_both_engines! { labelled_questions_find_their_articles }

#[derive(Deserialize)]
struct Labelled {
    question: String,
    /// The file name of the article that answers it, without `.md`; null if none should.
    article: Option<String>,
    half: String,
}

/// How often the right article was first, among the first three, and an unrelated question was turned away.
#[derive(Debug, Default)]
struct Score {
    asked: u32,
    first: u32,
    among_three: u32,
    reciprocal: f64,
    answered: u32,
    unrelated: u32,
    rejected: u32,
}

fn rate(part: u32, all: u32) -> f64 {
    f64::from(part) / f64::from(all)
}

async fn labelled_questions_find_their_articles(store: TestStore) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let project = project(&store).await;
    let folder = root.join("crates/thicket/demo/articles");
    let report = import_dir(&store, &Env::system(), project, &folder, |_| {})
        .await
        .unwrap();
    assert!(
        report.created >= 12 && report.skipped.is_empty(),
        "{report:?}"
    );
    let titles = titles(&folder);

    let lines = std::fs::read_to_string(root.join("bench/knowledge.jsonl")).unwrap();
    let questions: Vec<Labelled> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for half in ["tuning", "held-out"] {
        // Whoever tunes should not know which of the others fail.
        let tell = half == "tuning";
        let mut score = Score::default();
        for asked in questions.iter().filter(|asked| asked.half == half) {
            let found = retrieve(&store, project, &asked.question, None, Shelf::Articles, 20)
                .await
                .unwrap();
            let answered = !answer(&asked.question, None, &found).sources.is_empty();
            let mut articles: Vec<&str> = Vec::new();
            for passage in &found {
                if !articles.contains(&passage.title.as_str()) {
                    articles.push(&passage.title);
                }
            }
            let best = found.first().map_or(0.0, |passage| passage.score);
            let Some(slug) = &asked.article else {
                score.unrelated += 1;
                score.rejected += u32::from(!answered);
                if answered && tell {
                    println!(
                        "  {half}: answered {:?} with {:?} ({best:.3})",
                        asked.question,
                        articles.first()
                    );
                }
                continue;
            };
            let title = &titles.iter().find(|(file, _)| file == slug).unwrap().1;
            let place = articles.iter().position(|article| article == title);
            score.asked += 1;
            score.first += u32::from(place == Some(0));
            score.reciprocal += place.map_or(0.0, |place| 1.0 / (place as f64 + 1.0));
            score.among_three += u32::from(place.is_some_and(|place| place < 3));
            score.answered += u32::from(answered);
            if tell && (place != Some(0) || !answered) {
                let shown: Vec<_> = articles.iter().take(3).collect();
                println!(
                    "  {half}: {:?} wants {slug}, at {place:?} of {shown:?} ({best:.3})",
                    asked.question
                );
            }
        }
        println!(
            "{half}: {} questions: recall@1 {:.2}, recall@3 {:.2}, MRR {:.3}, answered {:.2}; {} unrelated, rejected {:.2}",
            score.asked,
            rate(score.first, score.asked),
            rate(score.among_three, score.asked),
            score.reciprocal / f64::from(score.asked),
            rate(score.answered, score.asked),
            score.unrelated,
            rate(score.rejected, score.unrelated),
        );
        assert!(rate(score.first, score.asked) >= 0.75, "{score:?}");
        assert!(rate(score.among_three, score.asked) >= 0.9, "{score:?}");
        assert!(rate(score.rejected, score.unrelated) >= 0.8, "{score:?}");
    }
}

/// Title, heading and score of what is found for every labelled question.
async fn everything_found(store: &Store) -> Vec<Vec<(String, Option<String>, f64)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let project = project(store).await;
    let folder = root.join("crates/thicket/demo/articles");
    import_dir(store, &Env::system(), project, &folder, |_| {})
        .await
        .unwrap();
    let lines = std::fs::read_to_string(root.join("bench/knowledge.jsonl")).unwrap();
    let mut found = Vec::new();
    for line in lines.lines() {
        let asked: Labelled = serde_json::from_str(line).unwrap();
        let passages = retrieve(store, project, &asked.question, None, Shelf::Articles, 20)
            .await
            .unwrap();
        let shown = passages.into_iter().map(|p| (p.title, p.heading, p.score));
        found.push(shown.collect());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_find_the_same_in_the_same_order() {
    let name = "both_engines_find_the_same_in_the_same_order";
    let Some(postgres) = TestStore::open(Engine::Postgres, name).await.unwrap() else {
        return;
    };
    let sqlite = TestStore::open(Engine::Sqlite, name)
        .await
        .unwrap()
        .unwrap();
    let found = everything_found(&sqlite).await;
    assert!(found.iter().any(|passages| passages.len() > 3));
    assert_eq!(found, everything_found(&postgres).await);
}

/// File name without ending, and title, of every article in the folder.
fn titles(folder: &Path) -> Vec<(String, String)> {
    let mut titles = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let title = text
            .lines()
            .find_map(|line| line.strip_prefix("title: "))
            .unwrap();
        let slug = path.file_stem().unwrap().to_str().unwrap();
        titles.push((slug.to_owned(), title.to_owned()));
    }
    titles
}
