//! `export` and `import`: a project goes from one server to another, on either engine, and is the same there.

use crate::harness::Place;
use crate::server::Server;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::Engine;
use store::testing::TestPlace;
use testkit::{Api, http_client, new_uuid};

const PROJECT: &str = "/api/projects/1";

/// More than one piece, and nothing that a picture has.
fn film() -> Vec<u8> {
    (0..1_300_000_u32)
        .flat_map(|n| [n.to_le_bytes()[0]])
        .collect()
}

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nnot much of one";

#[tokio::test(flavor = "multi_thread")]
async fn a_project_goes_from_engine_to_engine_and_stays_the_same() {
    let name = "thicket::it::transfer::a_project_goes_from_engine_to_engine_and_stays_the_same";
    let Some(schema) = TestPlace::create(Engine::Postgres, name).await.unwrap() else {
        return;
    };
    let url = schema.database_url().unwrap();
    let first = Place::new();
    let second = Place::new().with("THICKET_DATABASE_URL", url);
    let third = Place::new();
    let link = fill(&first).await;
    first.json("export 1.ndjson --project 1");
    let exported = std::fs::read_to_string(first.path("1.ndjson")).unwrap();
    let longest = exported.lines().map(str::len).max().unwrap();
    assert!(longest < 1024 * 1024, "a line of {longest} bytes");

    std::fs::copy(first.path("1.ndjson"), second.path("1.ndjson")).unwrap();
    let report = second.json("import 1.ndjson");
    assert_eq!(report["files"], 2, "{report}");
    assert_eq!(second.json("check")["ok"], true);
    second.json("export 2.ndjson --project 1");
    std::fs::copy(second.path("2.ndjson"), third.path("2.ndjson")).unwrap();
    third.json("import 2.ndjson");
    assert_eq!(third.json("check")["ok"], true);
    third.json("export 3.ndjson --project 1");
    let lines = [
        lines_of(&exported),
        lines_of(&std::fs::read_to_string(second.path("2.ndjson")).unwrap()),
        lines_of(&std::fs::read_to_string(third.path("3.ndjson")).unwrap()),
    ];
    for kind in [
        "user",
        "role",
        "person",
        "article",
        "ticket",
        "ticket_message",
        "media",
        "media_use",
        "ticket_view",
        "macro",
        "guidance_rule",
        "draft",
        "conversation",
        "message",
        "turn",
        "event",
        "activity",
        "file",
    ] {
        assert!(
            lines[0].contains_key(kind),
            "there is no {kind} to be moved"
        );
    }
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[0], lines[2]);
    check_files(&third, &link).await;
}

/// The lines by what they are, without what differs between two servers: who signs links, and when it was written.
fn lines_of(text: &str) -> BTreeMap<String, Vec<Value>> {
    let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let mut it: Value = serde_json::from_str(&without_tokens(line)).unwrap();
        let kind = it["line"].as_str().unwrap().to_owned();
        if kind == "thicket_export" {
            it["exported_at"] = Value::Null;
            it["created_at"] = Value::Null;
        }
        lines.entry(kind).or_default().push(it);
    }
    for lines in lines.values_mut() {
        lines.sort_by_key(ToString::to_string);
    }
    lines
}

fn without_tokens(line: &str) -> String {
    let mut parts = line.split("?token=");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        text.push_str(part.trim_start_matches(is_of_token));
    }
    text
}

/// A project with something of everything, made over HTTP. Gives the text of the message that links the files.
async fn fill(place: &Place) -> String {
    place.json("project create --name Acme");
    place.json("project set 1 widget_enabled=true timezone=Europe/Lisbon");
    place.json("user create --email ada@example.com --name Ada+Lovelace --project 1");
    place.json("user create --email bo@example.com --name Bo --project 1 --role member");
    place.json("role create --name Support --project 1");
    place.json("role add --role Support --user bo@example.com");
    place.write("help/a.md", "# Refunds\n\nWe refund within ten days.\n");
    place.json("article import help --project 1");
    let key = place.json("key create --user 1 --scopes *");
    let key = key["key"].as_str().unwrap().to_owned();
    let server = Server::start(place);
    let api = Api::new(http_client(), server.url(), Some(key));
    let person =
        json!({"distinct_ids": ["jo"], "properties": {"email": "jo@example.com", "n": 1.5}});
    post(&api, "persons/", person).await;
    let made = post(
        &api,
        "conversations/tickets/",
        json!({"tags": ["vip"], "priority": "high"}),
    )
    .await;
    let ticket = format!("conversations/tickets/{}", made["id"].as_str().unwrap());
    let (picture, film) = (
        upload(&api, "shot.png", PICTURE.to_vec()).await,
        upload(&api, "film.bin", film()).await,
    );
    let text = format!("Look: ![shot]({picture}) and [film]({film}) \u{2028}\r\n\"!\"");
    post(&api, &format!("{ticket}/reply/"), json!({"message": text})).await;
    let note = json!({"message": "careful", "is_private": true});
    post(&api, &format!("{ticket}/reply/"), note).await;
    let other = post(&api, "conversations/tickets/", json!({"status": "open"})).await;
    let merge = json!({"target_ticket_id": made["id"]});
    let path = format!(
        "conversations/tickets/{}/merge/",
        other["id"].as_str().unwrap()
    );
    post(&api, &path, merge).await;
    let view = json!({"name": "Open", "filters": {"status": ["open"]}, "visibility": "shared"});
    post(&api, "conversations/views/", view).await;
    let prepared = json!({"name": "Late", "content": "A late parcel is traced."});
    post(&api, "conversations/macros/", prepared).await;
    let rule = json!({"rule_type": "tone", "name": "Tone", "content": "Be brief."});
    post(&api, "conversations/guidance/", rule).await;
    let draft = api
        .request(Method::PUT, &format!("{PROJECT}/conversations/drafts/new/"))
        .json(&json!({"content": "Dear "}));
    api.send(draft).await.expect(200);
    let question = json!({
        "content": "How long does a refund take?", "conversation": new_uuid(), "trace_id": new_uuid(),
    });
    let answer = api
        .request(Method::POST, &format!("{PROJECT}/conversations"))
        .header("accept", "application/json")
        .json(&question);
    api.send(answer).await.expect(201);
    text
}

async fn post(api: &Api, path: &str, body: Value) -> Value {
    let reply = api.post(&format!("{PROJECT}/{path}"), &body).await;
    assert!(
        reply.status.is_success(),
        "{path}: {} {}",
        reply.status,
        reply.text
    );
    reply.json
}

async fn upload(api: &Api, name: &str, bytes: Vec<u8>) -> String {
    let mut form = format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    )
    .into_bytes();
    form.extend(bytes);
    form.extend(b"\r\n--X--\r\n");
    let request = api
        .request(Method::POST, &format!("{PROJECT}/uploaded_media/"))
        .header("content-type", "multipart/form-data; boundary=X")
        .body(form);
    let made = api.send(request).await.expect(201).json;
    made["image_location"].as_str().unwrap().to_owned()
}

/// Where the project has gone, customers see its files by the links in its messages.
async fn check_files(place: &Place, text: &str) {
    let key = place.json("key create --user 1 --scopes ticket:read");
    let key = key["key"].as_str().unwrap().to_owned();
    let server = Server::start(place);
    let api = Api::new(http_client(), server.url(), Some(key));
    let list = format!("{PROJECT}/conversations/tickets/1/messages/");
    let messages = api.get(&list).await.expect(200).json;
    let shown = messages["results"][0]["content"].as_str().unwrap();
    assert_eq!(without_tokens(shown), without_tokens(text));
    assert_ne!(shown, text, "the other server has signed this");
    let stranger = Api::new(http_client(), server.url(), None);
    for (link, bytes) in links(shown).zip([PICTURE.to_vec(), film()]) {
        let request = stranger.request(Method::GET, link);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{link}");
        assert!(response.bytes().await.unwrap() == bytes, "{link}");
    }
    for (link, _) in links(text).zip(0..) {
        let stale = stranger.get(link).await;
        assert_eq!(stale.status, StatusCode::UNAUTHORIZED, "{link}");
    }
}

/// The paths of the links in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let begins = text.match_indices("/uploaded_media/").map(|(at, _)| at);
    begins.map(|at| text[at..].split([')', ' ']).next().unwrap())
}

#[test]
fn a_file_that_breaks_off_leaves_nothing_behind() {
    let place = Place::new();
    let rt = tokio::runtime::Runtime::new().unwrap();
    rt.block_on(fill(&place));
    place.json("export all.ndjson --project 1");
    let text = std::fs::read_to_string(place.path("all.ndjson")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // In the middle of the second file.
    let cut = lines.len() - 2;
    place.write("cut.ndjson", &format!("{}\n", lines[..cut].join("\n")));
    let files = || walk(&place.path("thicket-data/attachments"));
    let before = files();
    let refusal = place.run("import cut.ndjson").refusal(1);
    assert!(
        refusal.starts_with("the project was not imported; "),
        "{refusal}"
    );
    assert_eq!(files(), before);
    assert_eq!(place.json("check")["ok"], true);
    let refusal = place.run("project show 2").refusal(1);
    assert!(refusal.contains('2'), "{refusal}");
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let place = Place::new();
    place.json("project create --name Acme");
    let refusal = place.run("export all.ndjson --project 9").refusal(1);
    assert!(refusal.starts_with("there is no project 9"), "{refusal}");
    for name in ["all.ndjson", "all.ndjson.partial"] {
        assert!(!place.path(name).exists(), "{name}");
    }
}

/// The files below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
