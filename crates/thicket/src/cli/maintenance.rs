//! `thicket migrate`, `backup`, `restore` and `check`

use super::Context;
use super::output::{Facts, Output};
use anyhow::bail;
use std::path::PathBuf;
use store::{Engine, Finding, Store};

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
    let data_dir = context.config.data_dir.clone();
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
    let findings = store.check().await?;
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

fn engine(store: &Store) -> &'static str {
    match store.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}
