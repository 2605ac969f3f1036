//! Redis for tests: a database of the shared server, or a server that the test may stop.
//!
//! `scripts/with-redis` names both. Without it a test is skipped by name, and with `CI=true` a skip is a failure.

use bus::RedisUrl;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use store::testing::skip;
use tempfile::TempDir;
use tokio::time::Instant;

/// Names the server to test on.
const URL: &str = "THICKET_TEST_REDIS_URL";
/// Names the server's program.
const PROGRAM: &str = "THICKET_TEST_REDIS_SERVER";
/// Databases of the shared server that are handed out, from the second on.
const DATABASES: i64 = 9_999;

/// A database of the shared server that no other running test uses, empty; `None` after naming `test` as skipped.
pub async fn redis_database(test: &str) -> Option<String> {
    let Ok(server) = std::env::var(URL) else {
        skip(test, &format!("{URL} is not set"));
        return None;
    };
    let server = server.trim_end_matches('/');
    let count: i64 = command(server, redis::cmd("INCR").arg("tests"))
        .await
        .unwrap();
    let url = format!("{server}/{}", 1 + count % DATABASES);
    let flushed = command::<()>(&url, &redis::cmd("FLUSHDB")).await;
    flushed.expect("the server needs 10000 databases, as scripts/with-redis starts it with");
    Some(url)
}

/// Runs one command on a server.
///
/// # Errors
/// The server's.
pub async fn command<T: redis::FromRedisValue>(
    url: &str,
    command: &redis::Cmd,
) -> redis::RedisResult<T> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    command.query_async(&mut connection).await
}

/// A server of the test's own. It ends with the test.
pub struct RedisServer {
    program: String,
    port: u16,
    arguments: &'static [&'static str],
    dir: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one on a free port; `None` after naming `test` as skipped.
    pub async fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[]).await
    }

    /// Starts one with further arguments.
    pub async fn start_with(test: &str, arguments: &'static [&'static str]) -> Option<Self> {
        let Ok(program) = std::env::var(PROGRAM) else {
            skip(test, &format!("{PROGRAM} is not set"));
            return None;
        };
        // Nobody else gets the port so soon again.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self {
            program,
            port: listener.local_addr().unwrap().port(),
            arguments,
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        drop(listener);
        server.restart().await;
        Some(server)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its address, for a server under test.
    pub fn address(&self) -> RedisUrl {
        self.url().parse().unwrap()
    }

    /// Starts it (again), empty and on the same port.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut command = Command::new(&self.program);
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.dir.path())
            .args(self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let patience = Instant::now() + crate::PATIENCE;
        while crate::redis::command::<String>(&self.url(), &redis::cmd("PING"))
            .await
            .is_err()
        {
            assert!(Instant::now() < patience, "Redis does not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops it dead.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it does not run");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Lets it do nothing at all, while its connections stay.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it does not run");
        let sent = Command::new("kill")
            .args(["-s", signal, &process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}
