//! The servers of a run, each a process of its own, and what the kernel says about them.

use anyhow::{Context as _, bail};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What a server prints first, followed by its address.
pub(crate) const LISTENING: &str = "listening on http://";

/// A server. Killed when this is dropped: nothing that is measured here has to survive.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    // Open, so that the server can go on printing.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a command that serves, and waits until it says where.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("{command:?} cannot be started"))?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let Some(address) = line.trim_end().strip_prefix(LISTENING) else {
            bail!("{command:?} did not start; its log says why");
        };
        Ok(Self {
            address: address.parse()?,
            child,
            _stdout: stdout,
        })
    }

    /// The processor time it has used so far, all threads that still live together.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut total = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path().join("schedstat");
            // A thread may have ended in between.
            let Ok(line) = fs::read_to_string(path) else {
                continue;
            };
            let nanos = line.split(' ').next().unwrap_or_default().parse()?;
            total += Duration::from_nanos(nanos);
        }
        Ok(total)
    }

    /// The memory it has in use, in KiB: what is resident, shared pages and the program itself included.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no VmRSS in /proc")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
