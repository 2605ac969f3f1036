//! A running server, and HTTP to it.

use crate::harness::Place;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything takes, unless it is stuck.
const DEADLINE: Duration = Duration::from_secs(30);

/// A server, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The first line it printed.
    pub(crate) first_line: String,
    address: String,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

/// What a server said until its end.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Server {
    /// Starts `thicket serve` on a free port.
    pub(crate) fn start(place: &Place) -> Self {
        Self::of(place.command(["serve", "--listen", "127.0.0.1:0"]))
    }

    /// Starts a command that serves, and waits for its first line.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).unwrap();
        if first_line.is_empty() {
            panic!("the server did not start: {:?}", stderr.join());
        }
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Ends with the process, or with the test that does not listen any more.
            let mut lines = stdout.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line)).ok()
        });
        let address = first_line
            .trim_end()
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("{first_line:?}"))
            .to_owned();
        Self {
            child,
            first_line,
            address,
            lines,
            stderr: Some(stderr),
        }
    }

    /// What `demo` prints after its first line.
    pub(crate) fn greeting(&self) -> String {
        let mut text = String::new();
        while !text.contains("Ctrl-C") {
            text.push_str(&self.lines.recv_timeout(DEADLINE).unwrap());
            text.push('\n');
        }
        text
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, None)
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("POST", path, headers, Some(body))
    }

    pub(crate) fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("DELETE", path, headers, None)
    }

    /// Sends a request and reads the answer to its end.
    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut text = Vec::new();
        self.open(method, path, headers, body)
            .read_to_end(&mut text)
            .unwrap();
        answer(&String::from_utf8(text).unwrap())
    }

    /// Sends a request and leaves the answer to be read.
    pub(crate) fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "Content-Type") {
                request.push_str("Content-Type: application/json\r\n");
            }
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> End {
        let code = until("the server ends", || self.child.try_wait().unwrap()).code();
        End {
            code,
            stdout: self.lines.iter().collect(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }

    /// Asks it to stop, and waits for the end.
    pub(crate) fn stop(self) -> End {
        self.signal("-TERM");
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "in vain waited until {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = if head.contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Answer { status, head, body }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = Vec::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&after.as_bytes()[..size]);
        if size == 0 {
            break;
        }
        rest = &after[size + 2..];
    }
    String::from_utf8(body).unwrap()
}
