//! What is logged about a request, and what is not.

use super::support::{Server, request};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_line_names_request_path_and_status_but_no_secret_and_no_content() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .finish();
    let server = Server::start().await;
    let key = server.key(&["project:write"]).await;
    let _guard = tracing::subscriber::set_default(subscriber);
    let path = format!("/api/projects/{}/", server.project);
    let asked = request("PATCH", &format!("{path}?personal_api_key={key}&q=private"))
        .key(&key)
        .header("x-request-id", "id-of-this-request")
        .json(r#"{"name":"confidential"}"#);
    assert_eq!(server.send(asked).await.status, 200);
    assert_eq!(server.send(request("GET", "/boom")).await.status, 500);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
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
