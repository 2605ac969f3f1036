//! `thicket migrate`, `backup`, `restore` and `check`

use super::Context;
use super::output::{Facts, Output};
use crate::config::BucketUrl;
use crate::data;
use anyhow::{Context as _, bail};
use blobs::Blobs;
use model::{MediaId, ProjectId};
use std::fs::File;
use std::path::PathBuf;
use store::{Engine, Finding, Store};
use uuid::Uuid;

/// Files that are looked up before their bytes are looked for.
const FILES_AT_ONCE: i64 = 500;

/// Where a command reads or writes an archive.
#[derive(clap::Args, Debug)]
pub(crate) struct Archive {
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Brings the schema up to date, which opening the store does.
pub(crate) async fn migrate(context: &Context, output: Output) -> anyhow::Result<()> {
    let store = context.create().await?;
    store.ping().await?;
    let facts = Facts::new()
        .with("engine", engine(&store))
        .with("up_to_date", true);
    output.object(&facts)?;
    Ok(())
}

pub(crate) async fn backup(context: &Context, archive: Archive) -> anyhow::Result<()> {
    let Archive { file, output } = archive;
    let store = context.open().await?;
    let report = store.backup(&context.config.data_dir, &file).await?;
    let facts = Facts::new()
        .with("file", file.display().to_string())
        .with("attachments", report.attachments)
        .with("bytes", report.bytes);
    output.object(&facts)?;
    if let Some(BucketUrl { bucket, .. }) = &context.config.attachments_url {
        eprintln!("note: uploaded files are in the bucket {bucket} and not in the archive");
    }
    if context.config.secret_key.is_none() {
        eprintln!(
            "note: the secret key is not in the archive; keep a copy of {} in another place",
            context
                .config
                .data_dir
                .join(store::sealed::KEY_FILE)
                .display()
        );
    }
    Ok(())
}

pub(crate) async fn restore(context: &Context, archive: Archive) -> anyhow::Result<()> {
    let Archive { file, output } = archive;
    if context.config.database_url.is_some() {
        bail!(
            "the data is on PostgreSQL: use pg_restore; archives of \"thicket backup\" are of the embedded database"
        );
    }
    // Before a directory is made for what is not there.
    File::open(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let data_dir = context.config.data_dir.clone();
    data::create_data_dir(&data_dir)?;
    let (from, to) = (file.clone(), data_dir.clone());
    let report = tokio::task::spawn_blocking(move || store::restore(&from, &to)).await??;
    let facts = Facts::new()
        .with("data_dir", data_dir.display().to_string())
        .with("attachments", report.attachments)
        .with("bytes", report.bytes)
        .with("made_by", report.made_by);
    output.object(&facts)?;
    if context.config.secret_key.is_none() && !data_dir.join(store::sealed::KEY_FILE).exists() {
        eprintln!(
            "note: put the {} of the old data directory into {} before the first start",
            store::sealed::KEY_FILE,
            data_dir.display()
        );
    }
    Ok(())
}

pub(crate) async fn check(context: &Context, output: Output) -> anyhow::Result<()> {
    let store = context.open().await?;
    let mut findings = store.check().await?;
    findings.extend(check_files(&store, &data::blobs(&context.config)?).await?);
    let rows = findings
        .iter()
        .map(|Finding { check, detail }| serde_json::json!({ "check": check, "detail": detail }));
    let facts = Facts::new()
        .with("engine", engine(&store))
        .with("ok", findings.is_empty());
    if output.for_people() {
        output.object(&facts)?;
        for finding in &findings {
            super::output::print(&finding.to_string())?;
        }
    } else {
        output.object(&facts.with("findings", rows.collect::<Vec<_>>()))?;
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 thing is wrong with the store"),
        many => bail!("{many} things are wrong with the store"),
    }
}

/// Whether every file that a message links is where it belongs, and whole.
async fn check_files(store: &Store, blobs: &Blobs) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut last = (ProjectId(0), MediaId(Uuid::nil()));
    loop {
        let after = last;
        let page = store
            .read(move |c| Box::pin(store::media::list_stored_after(c, after, FILES_AT_ONCE)))
            .await?;
        for file in &page {
            last = (file.project_id, file.id);
            let found = blobs.size(file.project_id, file.id).await?;
            let problem = match found {
                Some(size) if i64::try_from(size) == Ok(file.size) => continue,
                Some(size) => format!("has {size} bytes instead of {}", file.size),
                None => "is missing".to_owned(),
            };
            findings.push(Finding {
                check: "attachments",
                detail: format!(
                    "project {}: the file {} {problem}",
                    file.project_id, file.id
                ),
            });
        }
        if page.len() < usize::try_from(FILES_AT_ONCE).unwrap_or(usize::MAX) {
            return Ok(findings);
        }
    }
}

fn engine(store: &Store) -> &'static str {
    match store.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}
