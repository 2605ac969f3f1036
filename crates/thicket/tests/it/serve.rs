//! Starting, serving, stopping.

use crate::harness::{Place, finish};
use crate::server::{Server, until};
use model::ProjectId;
use serde_json::json;
use std::io::Read as _;
use std::time::{Duration, Instant};
use testkit::{Api, Chat, http_client, new_uuid};

const QUESTION: &str = r#"{"content": "How do I begin?", "conversation": "018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10",
    "trace_id": "3f0f7a86-5f0c-4d0e-8b0b-0a6d3f6c1b22"}"#;
const CONVERSATIONS: &str = "/api/environments/1/conversations";

/// A place with a project, an article and a key, as the value of the header `Authorization`.
fn with_key() -> (Place, String, String) {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    place.write(
        "help/begin.md",
        "# How to begin\n\nTo begin, open the box and read the card.\n",
    );
    place.json("article import help --project 1");
    let key = place.json("key create --user 1 --scopes conversation:write");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    (place, bearer, key["id"].as_str().unwrap().to_owned())
}

#[test]
fn the_first_line_says_where_it_listens_and_a_signal_ends_it_well() {
    for signal in ["-TERM", "-INT"] {
        let place = Place::new();
        let server = Server::start(&place);
        assert!(
            server
                .first_line
                .starts_with("listening on http://127.0.0.1:")
        );
        assert!(!server.first_line.contains(":0\n"));
        assert_eq!(server.get("/_health", &[]).status, 200);
        assert_eq!(server.get("/_ready", &[]).status, 200);
        assert_eq!(server.get("/metrics", &[]).status, 200);
        let page = server.get("/", &[]);
        assert!(
            page.status == 200
                && page
                    .head
                    .contains("content-security-policy: default-src 'none'")
        );
        server.signal(signal);
        let end = server.wait();
        assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""), "{end:?}");
        assert!(end.stderr.contains("stopped"), "{end:?}");
    }
}

#[test]
fn a_question_is_answered_from_an_article_with_its_source() {
    let (place, bearer, _) = with_key();
    let server = Server::start(&place);
    let answer = server.post(CONVERSATIONS, &[("Authorization", &bearer)], QUESTION);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.head.contains("text/event-stream"), "{answer:?}");
    assert!(answer.body.contains("open the box"), "{answer:?}");
    assert!(answer.body.contains("\"sources\":[{"), "{answer:?}");
    assert!(answer.body.contains("id: 1:1\n"), "{answer:?}");
}

#[test]
fn commands_work_while_it_serves_and_a_revoked_key_is_worthless_within_a_second() {
    let (place, bearer, key) = with_key();
    let server = Server::start(&place);
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(server.get(CONVERSATIONS, &headers).status, 200);

    assert_eq!(place.json("project create --name Second")["id"], 2);
    place.json("project set 1 timezone=Europe/Berlin");
    place.json("backup saved.tar");
    assert_eq!(place.json("check")["ok"], true);

    place.json(&format!("key revoke {key}"));
    let revoked = std::time::Instant::now();
    until("the key is refused", || {
        (server.get(CONVERSATIONS, &headers).status == 401).then_some(())
    });
    assert!(
        revoked.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        revoked.elapsed()
    );
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_setting_that_a_command_makes_holds_within_a_second() {
    let (place, bearer, _) = with_key();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command.env("THICKET_RATE_LIMITS", "off");
    let server = Server::of(command);
    let headers = [("Authorization", bearer.as_str())];
    let ask = || server.post(CONVERSATIONS, &headers, "{}").status;
    assert_eq!(ask(), 400);
    place.json("project set 1 ai_credits_exhausted=true");
    let set = Instant::now();
    until("the credits are used up", || (ask() == 402).then_some(()));
    let took = set.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_setting_switches_all_four_status_codes() {
    for (setting, expected) in [
        ("", [201, 200, 200, 204]),
        ("published", [201, 200, 200, 204]),
        ("observed", [200, 201, 204, 200]),
    ] {
        let (place, bearer, _) = with_key();
        let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
        if !setting.is_empty() {
            command.env("THICKET_COMPAT_STATUS_CODES", setting);
        }
        let server = Server::of(command);
        let key = bearer["Bearer ".len()..].to_owned();
        let chat = Chat {
            api: Api::new(http_client(), server.url(), Some(key)),
            project: ProjectId(1),
            id: new_uuid(),
        };
        let (api, later) = (&chat.api, json!({"content": "later"}));
        let asked = chat.post(&chat.message("How do I begin?")).await;
        let noted = api.post(&chat.path("append_message/"), &later).await;
        let cancelled = api.patch(&chat.path("cancel/"), &json!({})).await;
        let queue = api.post(&chat.path("queue/"), &later).await.expect(200);
        let item = queue.json["messages"][0]["id"].as_str().unwrap();
        let removed = api.delete(&chat.path(&format!("queue/{item}/"))).await;
        let codes = [asked, noted, cancelled, removed].map(|reply| reply.status.as_u16());
        assert_eq!(codes, expected, "{setting:?}");
    }
}

#[test]
fn conversations_outlive_the_process() {
    let (place, bearer, _) = with_key();
    let headers = [("Authorization", bearer.as_str())];
    let server = Server::start(&place);
    server.post(CONVERSATIONS, &headers, QUESTION);
    drop(server);
    let server = Server::start(&place);
    let path = format!("{CONVERSATIONS}/018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10");
    let conversation = server.get(&path, &headers).json();
    assert_eq!(conversation["status"], "idle");
    assert_eq!(
        conversation["messages"].as_array().unwrap().len(),
        2,
        "{conversation}"
    );
}

#[test]
fn one_data_directory_has_one_server() {
    let place = Place::new();
    let server = Server::start(&place);
    let refusal = place.run("serve --listen 127.0.0.1:0").refusal(1);
    assert!(
        refusal.starts_with("./thicket-data is in use by another Thicket process"),
        "{refusal}"
    );
    let refusal = place.run("restore none.tar").refusal(1);
    assert!(!refusal.is_empty());
    drop(server);
    Server::start(&place);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refusal = Place::new()
        .run(&format!("serve --listen {address}"))
        .refusal(1);
    assert!(
        refusal.starts_with(&format!("cannot listen on {address}")),
        "{refusal}"
    );
}

#[test]
fn it_migrates_unless_told_not_to() {
    let place = Place::new();
    let refusal = place
        .run("serve --no-migrate --listen 127.0.0.1:0")
        .refusal(1);
    assert!(
        refusal.contains("older than this program") && refusal.contains("thicket migrate"),
        "{refusal}"
    );
    place.run("migrate").ok();
    Server::of(place.command(["serve", "--no-migrate", "--listen", "127.0.0.1:0"]));
}

#[test]
fn settings_of_the_server_are_refused_with_one_line() {
    for (line, variable, expected) in [
        (
            "serve --listen nowhere",
            ("", ""),
            "--listen: expected an address and a port",
        ),
        (
            "serve --body-limit 0",
            ("", ""),
            "--body-limit: expected a size",
        ),
        (
            "serve",
            ("THICKET_REDIS_URL", "localhost:6379"),
            "THICKET_REDIS_URL: expected a redis://, rediss:// or redis-cluster:// URL",
        ),
        (
            "serve",
            ("THICKET_SMTP_URL", "localhost:25"),
            "THICKET_SMTP_URL: expected an smtp:// or smtps:// URL",
        ),
        (
            "serve",
            ("THICKET_ATTACHMENTS_URL", "gs://b/p"),
            "THICKET_ATTACHMENTS_URL: expected an s3:// URL",
        ),
        (
            "serve",
            ("THICKET_TRUSTED_PROXIES", "proxy"),
            "THICKET_TRUSTED_PROXIES: expected addresses or networks",
        ),
        (
            "serve --static-dir missing",
            ("", ""),
            "static_dir: missing is not a folder",
        ),
        ("serve --ai-burst 10", ("", ""), ""),
        (
            "demo --llm-provider magic",
            ("", ""),
            "--llm-provider: expected extractive, openai or anthropic",
        ),
        (
            "demo --throttles-ai-burst lots",
            ("", ""),
            "--throttles-ai-burst: expected a rate such as 10/minute",
        ),
    ] {
        let place = Place::new();
        let mut command = place.command(line.split_whitespace());
        if !variable.0.is_empty() {
            command.env(variable.0, variable.1);
        }
        let outcome = finish(command, "");
        if expected.is_empty() {
            outcome.refused_by_clap();
        } else {
            let refusal = outcome.refusal(2);
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        assert!(!place.path("thicket-data").exists(), "{line}");
    }
}

#[test]
fn the_log_is_text_or_json_and_has_no_secrets_and_no_messages() {
    let (place, bearer, _) = with_key();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("THICKET_LLM_API_KEY", "hunter2");
    let server = Server::of(command);
    let path = format!(
        "{CONVERSATIONS}?personal_api_key={}",
        &bearer["Bearer ".len()..]
    );
    server.post(&path, &[("X-Request-Id", "my-request")], QUESTION);
    let end = server.stop();
    let lines: Vec<serde_json::Value> = end
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 3, "{end:?}");
    assert!(end.stderr.contains("my-request"), "{end:?}");
    for secret in [
        "hunter2",
        &bearer["Bearer ".len()..],
        "How do I begin",
        "open the box",
        "ada@example.com",
    ] {
        assert!(!end.stderr.contains(secret), "{secret}: {end:?}");
    }
}

#[test]
fn listening_beyond_this_machine_is_warned_about() {
    for (public_url, warned) in [
        ("", true),
        ("http://a.example", true),
        ("https://a.example", false),
    ] {
        let place = Place::new();
        let mut command = place.command(["serve", "--listen", "0.0.0.0:0"]);
        command.env("THICKET_PUBLIC_URL", public_url);
        let server = Server::of(command);
        let end = server.stop();
        assert_eq!(end.stderr.contains("without HTTPS"), warned, "{end:?}");
    }
}

#[test]
fn an_operators_folder_is_served() {
    let place = Place::new();
    place.write("public/sdk.js", "let sdk");
    let server =
        Server::of(place.command(["serve", "--listen", "127.0.0.1:0", "--static-dir", "public"]));
    let answer = server.get("/static/sdk.js", &[("Origin", "https://shop.example")]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "let sdk"));
    assert!(
        answer.head.contains("access-control-allow-origin: *"),
        "{answer:?}"
    );
    assert_eq!(
        server.get("/static/../thicket-data/thicket.db", &[]).status,
        404
    );
}

#[test]
fn a_stop_lets_a_running_answer_finish() {
    let place = Place::new();
    let server = Server::of(place.command(["demo", "--listen", "127.0.0.1:0"]));
    let greeting = server.greeting();
    let key = greeting
        .split_whitespace()
        .find(|word| word.starts_with("phx_"))
        .unwrap();
    let bearer = format!("Bearer {key}");
    let question = QUESTION.replace(
        "How do I begin?",
        "What happens to an answer when I close the tab?",
    );
    let mut stream = server.open(
        "POST",
        CONVERSATIONS,
        &[("Authorization", &bearer)],
        Some(&question),
    );
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&seen).contains("temp-0") {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..length]);
    }
    server.signal("-TERM");
    stream.read_to_end(&mut seen).unwrap();
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("\"sources\":[{"), "{seen}");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_deleted_conversation_is_erased_after_its_grace() {
    let (place, bearer, _) = with_key();
    let headers = [("Authorization", bearer.as_str())];
    let path = format!("{CONVERSATIONS}/018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10");
    let server = Server::start(&place);
    server.post(CONVERSATIONS, &headers, QUESTION);
    assert_eq!(server.delete(&path, &headers).status, 204);
    let repeated = server.post(CONVERSATIONS, &headers, QUESTION);
    assert_eq!(
        repeated.status, 404,
        "a deleted conversation is not revived: {repeated:?}"
    );
    server.stop();

    let erasing = place.command(["serve", "--listen", "127.0.0.1:0", "--delete-grace", "0s"]);
    let server = Server::of(erasing);
    until("the id is as good as new", || {
        (server.post(CONVERSATIONS, &headers, QUESTION).status == 201).then_some(())
    });
    assert_eq!(place.json("check")["ok"], true);
}
