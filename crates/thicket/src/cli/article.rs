//! `thicket article …`

use super::output::{Facts, Output};
use super::{Context, project};
use anyhow::bail;
use assistant::knowledge::import_dir;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::ProjectId;
use model::articles::Article;
use model::pagination::Page;
use std::path::{Path, PathBuf};
use store::{Store, articles, projects};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make articles of the Markdown files in a folder, or bring them up to date
    Import {
        dir: PathBuf,
        #[arg(long, value_name = "ID")]
        project: i64,
        #[command(flatten)]
        output: Output,
    },
    /// List the articles of a project, or of all
    List {
        #[arg(long, value_name = "ID")]
        project: Option<i64>,
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Import {
            dir,
            project,
            output,
        } => import(context, &dir, ProjectId(project), output).await,
        Command::List { project, output } => {
            let store = context.open().await?;
            let rows = list(&store, project.map(ProjectId)).await?;
            Ok(output.list(&rows)?)
        }
    }
}

async fn import(
    context: &Context,
    dir: &Path,
    project: ProjectId,
    output: Output,
) -> anyhow::Result<()> {
    let store = context.open().await?;
    known(&store, project).await?;
    let progress = progress_bar(output);
    let report = import_dir(&store, context.env(), project, dir, |event| {
        progress.set_length(count(event.total));
        progress.set_position(count(event.done));
        progress.set_message(event.file.clone());
    })
    .await?;
    progress.finish_and_clear();

    let skipped = report.skipped.len();
    let total = report.created + report.updated + report.unchanged + skipped;
    if total == 0 {
        bail!("there is no Markdown file (*.md) below {}", dir.display());
    }
    for (file, reason) in &report.skipped {
        eprintln!("{file}: {reason}");
    }
    let facts = Facts::new()
        .with("project", project.0)
        .with("created", report.created)
        .with("updated", report.updated)
        .with("unchanged", report.unchanged)
        .with("skipped", skipped);
    output.object(&facts)?;
    if skipped > 0 {
        bail!("{skipped} of {total} files were not imported");
    }
    Ok(())
}

/// A bar on standard error, if that is a terminal and a person reads along.
fn progress_bar(output: Output) -> ProgressBar {
    let target = if output.for_people() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
    ProgressBar::with_draw_target(Some(0), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn count(files: usize) -> u64 {
    u64::try_from(files).unwrap_or(u64::MAX)
}

async fn known(store: &Store, project: ProjectId) -> anyhow::Result<()> {
    let found = store
        .read(move |c| Box::pin(projects::find(c, project)))
        .await?;
    found.map(drop).ok_or_else(|| project::unknown(project))
}

async fn list(store: &Store, project: Option<ProjectId>) -> anyhow::Result<Vec<Facts>> {
    let wanted = match project {
        Some(id) => {
            known(store, id).await?;
            vec![id]
        }
        None => {
            let projects = store.read(|c| Box::pin(projects::list(c))).await?;
            projects.iter().map(|project| project.id).collect()
        }
    };
    let mut rows = Vec::new();
    for id in wanted {
        let everything = Page {
            limit: i64::MAX,
            offset: 0,
        };
        let (articles, _) = store
            .read(move |c| Box::pin(articles::list(c, id, everything)))
            .await?;
        rows.extend(articles.iter().map(|article| facts(id, article)));
    }
    Ok(rows)
}

fn facts(project: ProjectId, article: &Article) -> Facts {
    Facts::new()
        .with("id", article.id.to_string())
        .with("project", project.0)
        .with("title", article.title.as_str())
        .with("url", article.url.clone())
        .with("is_enabled", article.is_enabled)
        .with("source", article.source_path.clone())
        .with("updated_at", article.updated_at.to_string())
}
