//! What is logged about a request, and what is not.

use super::support::{Server, request};
use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

thread_local! {
    /// What this thread has logged since a test began to look.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the lines of the thread that logs.
struct OwnLines;

impl Write for OwnLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.as_mut().map(|it| it.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes the process log, before anything in it can. A subscriber for one thread would not do: whether a place in the
/// code logs at all is decided once for all threads, by the first that gets there, and that may be one without.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| OwnLines)
            .with_ansi(false)
            .init();
    });
}

/// Looks at what this thread logs. A test's server is on the test's own thread.
struct Logged;

impl Logged {
    fn begin() -> Self {
        LINES.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        String::from_utf8(LINES.with_borrow(Clone::clone).unwrap()).unwrap()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

#[tokio::test]
async fn the_secret_of_a_link_is_not_logged() {
    let server = Server::start().await;
    let logged = Logged::begin();
    for path in [
        "/api/invites/hush-hush/",
        "/api/invites/hush-hush",
        "/invite/hush-hush",
    ] {
        server.send(request("GET", path)).await;
    }
    let text = logged.text();
    assert!(
        text.contains("path=\"/api/invites/…\"") && text.contains("path=\"/invite/…\""),
        "{text}"
    );
    assert!(!text.contains("hush-hush"), "{text}");
}

#[tokio::test]
async fn a_line_names_request_path_and_status_but_no_secret_and_no_content() {
    let server = Server::start().await;
    let key = server.key(&["project:write"]).await;
    let logged = Logged::begin();
    let path = format!("/api/projects/{}/", server.project);
    let asked = request("PATCH", &format!("{path}?personal_api_key={key}&q=private"))
        .key(&key)
        .header("x-request-id", "id-of-this-request")
        .json(r#"{"name":"confidential"}"#);
    assert_eq!(server.send(asked).await.status, 200);
    assert_eq!(server.send(request("GET", "/boom")).await.status, 500);
    let text = logged.text();
    let line = text
        .lines()
        .find(|line| line.contains("id-of-this-request"))
        .unwrap();
    for part in [
        "INFO",
        "PATCH",
        path.as_str(),
        "status=200",
        "milliseconds=",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for part in [
        key.as_str(),
        "private",
        "confidential",
        "personal_api_key",
        "ada@example.com",
    ] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    let failure = text.lines().find(|line| line.contains("/boom")).unwrap();
    for part in ["ERROR", "status=500", "panic: a defect in a handler"] {
        assert!(failure.contains(part), "{part}: {failure}");
    }
}
