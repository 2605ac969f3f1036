//! `thicket export` and `thicket import`

use super::output::{Facts, Output};
use super::{Context, project};
use anyhow::{Context as _, bail};
use api::{ExportError, ProjectExport};
use blobs::Blobs;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::MediaId;
use model::ProjectId;
use model::media::SIZE_MAX;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::Error;
use store::transfer::{FilePart, Import, Into};

/// The longest line that is read, in bytes. A line holds one row, or a piece of a file; both are far shorter.
const LINE_MAX: u64 = 64 * 1024 * 1024;

#[derive(clap::Args, Debug)]
pub(crate) struct ExportCommand {
    /// Where to write; "-" is standard output
    file: PathBuf,
    #[arg(long, value_name = "ID")]
    project: i64,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args, Debug)]
pub(crate) struct ImportCommand {
    /// What to read; "-" is standard input
    file: PathBuf,
    /// Id or name of the organisation that gets the project [default: one of its own, of the name it had]
    #[arg(long)]
    organization: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn export(context: &Context, command: ExportCommand) -> anyhow::Result<()> {
    let ExportCommand {
        file,
        project,
        output,
    } = command;
    let store = context.open().await?;
    let id = ProjectId(project);
    let mut export = ProjectExport::new(store, context.blobs()?, id, context.env().now());
    let progress = progress_bar(output);
    let mut target = Target::open(&file)?;
    let mut lines = 0;
    while let Some(some) = export.next().await.map_err(|error| match error {
        ExportError::Store(Error::NoRow) => project::unknown(id),
        other => other.into(),
    })? {
        target
            .writer
            .write_all(some.text.as_bytes())
            .with_context(|| format!("{} cannot be written", file.display()))?;
        lines = some.lines;
        progress.set_position(lines);
        progress.set_message(some.table);
    }
    target.finish()?;
    progress.finish_and_clear();
    for id in export.missing() {
        eprintln!("note: the file {id} is missing, and was left out; \"thicket check\" says more");
    }
    if file == Path::new("-") {
        return Ok(());
    }
    let facts = Facts::new()
        .with("file", file.display().to_string())
        .with("project", project)
        .with("lines", lines);
    Ok(output.object(&facts)?)
}

pub(crate) async fn import(context: &Context, command: ImportCommand) -> anyhow::Result<()> {
    let ImportCommand {
        file,
        organization,
        output,
    } = command;
    let mut lines = Lines::open(&file)?;
    let first = lines.next()?.unwrap_or_default();
    let store = context.create().await?;
    let into = match organization {
        None => Into::NewOrganization,
        Some(name) => {
            let env = context.env().clone();
            let found = store
                .write(move |c| {
                    Box::pin(
                        async move { project::organization_of(c, &env, Some(&name), &name).await },
                    )
                })
                .await?;
            Into::Organization(found)
        }
    };
    let (env, key) = (context.env().clone(), context.secret_key()?);
    let blobs = context.blobs()?;
    let mut import = Import::begin(store, env, key, &first, into).await?;
    if let Some(url) = context.public_url() {
        import = import.at(url.to_owned());
    }
    let id = import.project();
    let progress = progress_bar(output);
    let taken = take(&mut import, &blobs, &mut lines, &progress).await;
    progress.finish_and_clear();
    let files = import.files().len();
    let report = match taken {
        Ok(report) => report,
        Err(error) => {
            for file in import.files() {
                // Should it fail, the bytes lie there without a row, and harm nobody.
                let _ = blobs.delete(id, *file).await;
            }
            import
                .undo()
                .await
                .with_context(|| format!("project {id} is incomplete, and could not be removed"))?;
            return Err(error.context(
                "the project was not imported; people and an organisation that came with it may stay",
            ));
        }
    };
    let mut facts = Facts::new().with("project", id.0);
    for (table, rows) in &report.rows {
        facts = facts.with(*table, *rows);
    }
    facts = facts.with("files", files);
    output.object(&facts.with("new_people", report.new_people.clone()))?;
    if !report.new_people.is_empty() {
        eprintln!(
            "note: the new people have no password yet; give one with \"thicket user create --password-stdin\""
        );
    }
    eprintln!("note: the project has new tokens (\"thicket project show {id}\")");
    Ok(())
}

async fn take(
    import: &mut Import,
    blobs: &Blobs,
    lines: &mut Lines,
    progress: &ProgressBar,
) -> anyhow::Result<store::transfer::Imported> {
    let mut open: Option<OpenFile> = None;
    while let Some(line) = lines.next()? {
        if let Some(part) = import.line(&line).await? {
            let is_last = part.is_last;
            let file = OpenFile::append(open.take(), part)?;
            if is_last {
                let size = i64::try_from(file.bytes.len())?;
                let (id, bytes) = (file.id, file.bytes.into());
                blobs.put(import.project(), id, bytes).await?;
                import.file_is_stored(id, size).await?;
            } else {
                open = Some(file);
            }
        }
        progress.inc(1);
    }
    if let Some(file) = open {
        bail!("the file {} has no end", file.id);
    }
    Ok(import.finish().await?)
}

/// A file whose pieces are coming. It is held in memory, as while it is uploaded.
struct OpenFile {
    id: MediaId,
    bytes: Vec<u8>,
}

impl OpenFile {
    fn append(open: Option<Self>, part: FilePart) -> anyhow::Result<Self> {
        let mut file = match open {
            None => Self {
                id: part.id,
                bytes: Vec::new(),
            },
            Some(open) if open.id == part.id => open,
            Some(open) => bail!("the file {} has no end", open.id),
        };
        file.bytes.extend_from_slice(&part.bytes);
        if u64::try_from(file.bytes.len())? > SIZE_MAX {
            bail!("the file {} is longer than any may be", file.id);
        }
        Ok(file)
    }
}

/// A count on standard error, if that is a terminal and a person reads along.
fn progress_bar(output: Output) -> ProgressBar {
    let target = if output.for_people() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {human_pos} lines {wide_msg}");
    ProgressBar::with_draw_target(None, target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// A file that gets its name when it is complete, readable for its owner only, and is gone when that never happens; or
/// standard output.
struct Target {
    writer: Box<dyn Write>,
    names: Option<Names>,
}

/// What a file is called while it is written, and afterwards.
struct Names {
    partial: PathBuf,
    complete: PathBuf,
}

impl Drop for Names {
    fn drop(&mut self) {
        // Not there any more once it has its name.
        let _ = fs::remove_file(&self.partial);
    }
}

impl Target {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Ok(Self {
                writer: Box::new(BufWriter::new(io::stdout())),
                names: None,
            });
        }
        if file.exists() {
            bail!("{} exists already", file.display());
        }
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .with_context(|| format!("{} cannot be made", partial.display()))?;
        Ok(Self {
            writer: Box::new(BufWriter::new(opened)),
            names: Some(Names {
                partial,
                complete: file.to_owned(),
            }),
        })
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.writer
            .flush()
            .context("the export cannot be written")?;
        drop(self.writer);
        if let Some(Names { partial, complete }) = &self.names {
            File::open(partial)?.sync_all()?;
            fs::rename(partial, complete)
                .with_context(|| format!("{} cannot be made", complete.display()))?;
        }
        Ok(())
    }
}

/// The lines of a file, one at a time.
struct Lines(Box<dyn BufRead>);

impl Lines {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Ok(Self(Box::new(BufReader::new(io::stdin()))));
        }
        let opened =
            File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Ok(Self(Box::new(BufReader::new(opened))))
    }

    fn next(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.0).take(LINE_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            bail!("the file breaks off within a line, or has a line of more than 64 MiB");
        }
        Ok(Some(
            String::from_utf8(line).context("the file is not UTF-8")?,
        ))
    }
}
