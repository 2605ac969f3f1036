//! Uploaded files in the data directory and in a bucket: served, backed up, restored, checked.

use crate::harness::Place;
use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const FORM: &str = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\n\r\n\
                    what was written\r\n--X--\r\n";

/// A place with a project and somebody's key, as the value of the header `Authorization`.
fn with_key(place: Place) -> (Place, String) {
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes ticket:write");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    (place, bearer)
}

/// Uploads a file, links it from a reply, and gives its path with the token.
fn attach(server: &Server, bearer: &str) -> String {
    let form = [
        ("Authorization", bearer),
        ("Content-Type", "multipart/form-data; boundary=X"),
    ];
    let made = server.post("/api/projects/1/uploaded_media/", &form, FORM);
    assert_eq!(made.status, 201, "{made:?}");
    let location = made.json()["image_location"].as_str().unwrap().to_owned();
    let tickets = "/api/projects/1/conversations/tickets/";
    let headers = [("Authorization", bearer)];
    let ticket = server.post(tickets, &headers, "{}");
    let id = ticket.json()["id"].as_str().unwrap().to_owned();
    let reply = format!("{{\"message\": \"[notes.txt]({location})\"}}");
    let reply = server.post(&format!("{tickets}{id}/reply/"), &headers, &reply);
    assert_eq!(reply.status, 201, "{reply:?}");
    let path = location.strip_prefix(&server.url()).unwrap();
    path.to_owned()
}

#[track_caller]
fn assert_served(server: &Server, path: &str) {
    let file = server.get(path, &[]);
    assert_eq!(
        (file.status, file.body.as_str()),
        (200, "what was written"),
        "{file:?}"
    );
    assert!(
        file.head.contains("content-disposition: attachment"),
        "{file:?}"
    );
}

#[test]
fn files_are_backed_up_restored_and_checked_with_the_database() {
    let (place, bearer) = with_key(Place::new());
    let server = Server::start(&place);
    let path = attach(&server, &bearer);
    assert_served(&server, &path);
    // While the server runs.
    assert_eq!(place.json("backup saved.tar")["attachments"], 1);
    assert_eq!(place.json("check")["ok"], true);
    server.stop();

    let elsewhere = Place::new();
    std::fs::copy(place.path("saved.tar"), elsewhere.path("saved.tar")).unwrap();
    assert_eq!(elsewhere.json("restore saved.tar")["attachments"], 1);
    let key = elsewhere.path("thicket-data/secret.key");
    std::fs::copy(place.path("thicket-data/secret.key"), key).unwrap();
    assert_eq!(elsewhere.json("check")["ok"], true);
    let server = Server::start(&elsewhere);
    assert_served(&server, &path);
    server.stop();

    let id = &path["/uploaded_media/".len()..][..36];
    let file = elsewhere.path(&format!("thicket-data/attachments/1/{id}"));
    for (damage, problem) in [
        (Some("short"), "has 5 bytes instead of 16"),
        (None, "is missing"),
    ] {
        match damage {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let outcome = elsewhere.run("check --json");
        assert_eq!(outcome.code, 1, "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let detail = format!("project 1: the file {id} {problem}");
        assert_eq!(report["findings"][0]["detail"], detail.as_str());
        assert_eq!(report["findings"][0]["check"], "attachments");
    }
}

/// What a bucket holds, by key.
type Objects = Mutex<BTreeMap<String, Vec<u8>>>;

/// A bucket in memory; gives its address and what is in it.
fn bucket() -> (String, Arc<Objects>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let objects = Arc::new(Mutex::new(BTreeMap::new()));
    let kept = Arc::clone(&objects);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let objects = Arc::clone(&kept);
            std::thread::spawn(move || while answer(&stream, &objects).is_some() {});
        }
    });
    (address, objects)
}

/// Answers one request; `None` when there are no more.
fn answer(stream: &TcpStream, objects: &Objects) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, key) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let found = match method.as_str() {
        "PUT" => {
            objects.lock().unwrap().insert(key, body);
            Some(Vec::new())
        }
        _ => objects.lock().unwrap().get(&key).cloned(),
    };
    let head = match &found {
        Some(bytes) => format!(
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Tue, 31 Mar 2026 15:30:45 GMT\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        ),
        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    if method == "GET" {
        stream.write_all(&found.unwrap_or_default()).ok()?;
    }
    Some(())
}

#[test]
fn files_can_be_kept_in_a_bucket() {
    let (address, objects) = bucket();
    let place = Place::new()
        .with("THICKET_ATTACHMENTS_URL", "s3://help/files/".to_owned())
        .with("AWS_ENDPOINT_URL", address)
        .with("AWS_ALLOW_HTTP", "true".to_owned())
        .with("AWS_REGION", "eu-central-1".to_owned())
        .with("AWS_ACCESS_KEY_ID", "AKEXAMPLE".to_owned())
        .with("AWS_SECRET_ACCESS_KEY", "secret".to_owned());
    let (place, bearer) = with_key(place);
    let server = Server::start(&place);
    let path = attach(&server, &bearer);
    assert_served(&server, &path);
    let id = path["/uploaded_media/".len()..][..36].to_owned();
    let key = format!("/help/files/1/{id}");
    let stored = objects.lock().unwrap().get(&key).cloned();
    assert_eq!(stored.as_deref(), Some(&b"what was written"[..]));
    assert!(!place.path("thicket-data/attachments").exists());
    assert_eq!(place.json("check")["ok"], true);
    let backup = place.run("backup saved.tar");
    assert!(backup.stderr.contains("bucket help"), "{backup:?}");
    objects.lock().unwrap().clear();
    let broken = place.run("check");
    assert!(broken.stdout.contains("is missing"), "{broken:?}");
    // What cannot be read now is no fault of the client's.
    assert_eq!(server.get(&path, &[]).status, 500);
    server.stop();
}
