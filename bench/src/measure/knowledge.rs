//! How good the project's knowledge is found, on labelled questions and tickets. No machine matters here, so the numbers
//! are the same everywhere; the test below holds them fast.
//!
//! `bench/knowledge.jsonl` has questions about the demo's articles; `bench/tickets.jsonl` has customers' messages to the support
//! of a small bookkeeping service, with its articles and macros. Both are halved: weights and thresholds were set by
//! looking at the half `tuning`, and the half `held-out` was only ever counted.

use crate::report::{Report, Unit};
use anyhow::Context as _;
use assistant::extractive::{self, answer};
use assistant::knowledge::{Shelf, import_dir, retrieve};
use assistant::replies::{Candidate, CandidateKind, find_candidates, fits, is_sure};
use model::articles::{Body, NewArticle};
use model::settings::ProjectSettings;
use model::{ArticleId, Env, OrganizationId, ProjectId};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use store::organizations::{self, Organization};
use store::sealed::SecretKey;
use store::{Store, StoreConfig, Target, articles, projects};

pub(super) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut remarks = Vec::new();
    for (name, score) in evaluate(&mut remarks).await? {
        let one = |part: f64| [100.0 * part];
        if score.sure > 0 {
            let name = format!("{name}: right, of {} sure enough to be sent", score.sure);
            let right = [100.0 * f64::from(score.sure_and_right) / f64::from(score.sure)];
            report.told(&name, Unit::Percent, &right, None);
        }
        let rows = [
            ("recall@1", score.first()),
            ("recall@3", score.among_three()),
            ("unrelated turned away", score.turned_away()),
        ];
        for (what, value) in rows {
            report.told(&format!("{name}: {what}"), Unit::Percent, &one(value), None);
        }
    }
    for remark in remarks {
        super::say(&remark);
    }
    Ok(())
}

/// What was found of a set's half.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    asked: u32,
    first: u32,
    among_three: u32,
    unrelated: u32,
    turned_away: u32,
    /// Tickets that would be answered unseen, and how many of those with the right piece.
    sure: u32,
    sure_and_right: u32,
}

impl Score {
    fn count(&mut self, place: Option<usize>) {
        self.asked += 1;
        self.first += u32::from(place == Some(0));
        self.among_three += u32::from(place.is_some_and(|place| place < 3));
    }

    fn count_unrelated(&mut self, is_turned_away: bool) {
        self.unrelated += 1;
        self.turned_away += u32::from(is_turned_away);
    }

    fn first(&self) -> f64 {
        f64::from(self.first) / f64::from(self.asked)
    }

    fn among_three(&self) -> f64 {
        f64::from(self.among_three) / f64::from(self.asked)
    }

    fn turned_away(&self) -> f64 {
        f64::from(self.turned_away) / f64::from(self.unrelated)
    }
}

/// A question about the demo's articles.
#[derive(Deserialize)]
struct Question {
    question: String,
    /// The file name of the article that answers it, without `.md`; null if none should.
    article: Option<String>,
    half: String,
}

/// A line of the tickets' file.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Article {
        id: String,
        title: String,
        text: String,
    },
    Macro {
        id: String,
        title: String,
        description: String,
        text: String,
    },
    Message {
        text: String,
        /// `article:<id>` or `macro:<id>`; null if nothing answers it.
        answer: Option<String>,
        half: String,
    },
}

/// The scores of both sets' halves. Remarks tell what went wrong in the halves for tuning; whoever tunes should not know
/// it of the others.
async fn evaluate(remarks: &mut Vec<String>) -> anyhow::Result<Vec<(String, Score)>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("knowledge.db");
    let store = Store::open(&StoreConfig::new(Target::Sqlite { path })).await?;
    let mut scores = Vec::new();
    for half in ["tuning", "held-out"] {
        let project = project(&store).await?;
        let score = questions(&store, project, half, remarks).await?;
        scores.push((format!("questions, {half}"), score));
    }
    for half in ["tuning", "held-out"] {
        let project = project(&store).await?;
        let score = tickets(&store, project, half, remarks).await?;
        scores.push((format!("tickets, {half}"), score));
    }
    store.close().await;
    Ok(scores)
}

async fn questions(
    store: &Store,
    project: ProjectId,
    half: &str,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Score> {
    let folder = root().join("crates/thicket/demo/articles");
    import_dir(store, &Env::system(), project, &folder, |_| {}).await?;
    let mut score = Score::default();
    for line in fs::read_to_string(root().join("bench/knowledge.jsonl"))?.lines() {
        let asked: Question = serde_json::from_str(line)?;
        if asked.half != half {
            continue;
        }
        let found = retrieve(store, project, &asked.question, None, Shelf::Articles, 20).await?;
        let Some(slug) = asked.article else {
            let said = answer(&asked.question, None, &found);
            score.count_unrelated(said.sources.is_empty());
            continue;
        };
        let wanted = title_of(&folder.join(format!("{slug}.md")))?;
        let mut titles: Vec<String> = found.into_iter().map(|passage| passage.title).collect();
        let mut seen = std::collections::HashSet::new();
        titles.retain(|title| seen.insert(title.clone()));
        let place = titles.iter().position(|title| *title == wanted);
        score.count(place);
        if half == "tuning" && place != Some(0) {
            remarks.push(format!("{:?} wants {slug}: {place:?}", asked.question));
        }
    }
    Ok(score)
}

async fn tickets(
    store: &Store,
    project: ProjectId,
    half: &str,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Score> {
    let mut score = Score::default();
    let (mut names, mut macros, mut messages) = (HashMap::new(), Vec::new(), Vec::new());
    for line in fs::read_to_string(root().join("bench/tickets.jsonl"))?.lines() {
        match serde_json::from_str(line)? {
            Line::Article { id, title, text } => {
                let key = add(store, project, title, text).await?;
                names.insert(key.to_string(), format!("article:{id}"));
            }
            Line::Macro {
                id,
                title,
                description,
                text,
            } => {
                names.insert(id.clone(), format!("macro:{id}"));
                macros.push(Candidate {
                    kind: CandidateKind::Macro,
                    id,
                    title,
                    url: None,
                    heading: None,
                    text,
                    found_by: description,
                    score: 0.0,
                });
            }
            Line::Message {
                text,
                answer,
                half: of,
            } if of == half => messages.push((text, answer)),
            Line::Message { .. } => {}
        }
    }
    for (text, wanted) in messages {
        let (query, pieces) = (extractive::query(&text, None), macros.clone());
        let found = store
            .read(move |c| {
                Box::pin(async move { find_candidates(c, project, &query, pieces).await })
            })
            .await?;
        let best = found.first().map_or(0.0, |candidate| candidate.score);
        let first = found.first().and_then(|it| names.get(&it.id));
        if found.first().is_some_and(is_sure) {
            score.sure += 1;
            score.sure_and_right += u32::from(wanted.is_some() && first == wanted.as_ref());
        }
        let Some(wanted) = wanted else {
            let is_turned_away = found.first().is_none_or(|candidate| !fits(candidate));
            score.count_unrelated(is_turned_away);
            if half == "tuning" && !is_turned_away {
                remarks.push(format!("{text:?} wants nothing: {best:.2}"));
            }
            continue;
        };
        let place = found
            .iter()
            .position(|candidate| names.get(&candidate.id) == Some(&wanted));
        score.count(place);
        if half == "tuning" && (place != Some(0) || best < 0.2) {
            remarks.push(format!(
                "{text:?} wants {wanted}: {place:?}, {first:?} {best:.2}"
            ));
        }
    }
    Ok(score)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn title_of(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file)?;
    let title = text.lines().find_map(|line| line.strip_prefix("title: "));
    Ok(title.context("an article without a title")?.to_owned())
}

async fn project(store: &Store) -> anyhow::Result<ProjectId> {
    let id = store
        .write(|c| {
            Box::pin(async move {
                let env = Env::system();
                let organization = Organization {
                    id: OrganizationId(env.uuid()),
                    name: "Bench".to_owned(),
                    allows_personal_api_keys: true,
                    created_at: env.now(),
                };
                organizations::create(c, &organization).await?;
                let key = SecretKey::from_text("a secret key for the benchmark")
                    .map_err(|error| store::Error::Internal(error.to_string()))?;
                let settings = ProjectSettings::default();
                let (project, _) =
                    projects::create(c, &env, &key, organization.id, "Bench", settings).await?;
                Ok::<_, store::Error>(project.id)
            })
        })
        .await?;
    Ok(id)
}

async fn add(
    store: &Store,
    project: ProjectId,
    title: String,
    body: String,
) -> anyhow::Result<ArticleId> {
    let env = Env::system();
    let (id, now) = (ArticleId(env.uuid()), env.now());
    let new = NewArticle {
        id,
        title,
        body: Body::new(body),
        url: None,
        is_enabled: true,
        source_path: None,
    };
    store
        .write(move |c| Box::pin(async move { articles::create(c, project, &new, now).await }))
        .await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was measured when the weights were last set. Lower means that something got worse.
    const MEASURED: [(&str, f64, f64, f64); 4] = [
        ("questions, tuning", 0.891, 0.972, 1.0),
        ("questions, held-out", 0.756, 0.945, 1.0),
        ("tickets, tuning", 0.742, 0.857, 0.75),
        ("tickets, held-out", 0.764, 0.911, 0.75),
    ];

    #[tokio::test]
    async fn what_is_known_is_found_as_well_as_it_was_measured() {
        let mut remarks = Vec::new();
        let scores = evaluate(&mut remarks).await.unwrap();
        println!("{}", remarks.join("\n"));
        for (name, score) in &scores {
            println!(
                "{name}: {} asked, recall@1 {:.3}, recall@3 {:.3}; {} unrelated, turned away {:.3}; sure of {}, of {} right",
                score.asked,
                score.first(),
                score.among_three(),
                score.unrelated,
                score.turned_away(),
                score.sure,
                score.sure_and_right
            );
        }
        for ((name, score), (measured, first, three, away)) in scores.iter().zip(MEASURED) {
            assert_eq!(name, measured);
            assert!(score.first() >= first, "{name}: {score:?}");
            assert!(score.among_three() >= three, "{name}: {score:?}");
            assert!(score.turned_away() >= away, "{name}: {score:?}");
        }
    }
}
