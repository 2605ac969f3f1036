//! Runs the binary.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A place where nobody has been: the working directory of the commands, with `./thicket-data` in it.
pub(crate) struct Place {
    dir: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside it.
    pub stderr: String,
}

impl Place {
    /// An empty place.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// The place with a variable that every command finds in its environment.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, to be run here and with none of the tester's own settings.
    pub(crate) fn command(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        let mut command = command_in(self.dir.path(), arguments);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        finish(self.command(words(line)), "")
    }

    /// Runs a command to its end, with something on its standard input.
    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Outcome {
        finish(self.command(words(line)), input)
    }

    /// Runs a command with `--json` that must succeed, and reads the object it prints.
    pub(crate) fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} --json")).json()
    }
}

impl Outcome {
    /// The object it printed; it must have succeeded and printed nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value.is_object(), "{self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        value
    }

    /// What it printed; it must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// The one line with which it failed.
    #[track_caller]
    pub(crate) fn refusal(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let line = self
            .stderr
            .strip_prefix("error: ")
            .unwrap_or_else(|| panic!("{self:?}"));
        assert_eq!(line.lines().count(), 1, "{self:?}");
        line.trim_end().to_owned()
    }
}

impl Outcome {
    /// A command line that makes no sense: usage on standard error, nothing done.
    #[track_caller]
    pub(crate) fn refused_by_clap(self) {
        assert_eq!(self.code, 2, "{self:?}");
        assert!(
            self.stdout.is_empty() && self.stderr.contains("--help"),
            "{self:?}"
        );
    }
}

/// Splits a command line at spaces; `+` inside a word stands for a space.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace()
        .map(|word| word.replace('+', " "))
        .collect()
}

fn command_in(dir: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thicket"));
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THICKET_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, input: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
