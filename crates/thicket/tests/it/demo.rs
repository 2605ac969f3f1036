//! The demonstration, from the printed line to the answer.

use crate::harness::Place;
use crate::server::{End, Server};
use serde_json::Value;

/// What a person would copy from the greeting.
struct Greeting {
    path: String,
    bearer: String,
    body: String,
    login: String,
}

fn demo(place: &Place) -> Server {
    Server::of(place.command(["demo", "--listen", "127.0.0.1:0"]))
}

/// Reads the `curl` line as a shell would.
fn greeting(server: &Server, text: &str) -> Greeting {
    let line = text
        .lines()
        .find(|line| line.starts_with("curl -N "))
        .unwrap();
    let words: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
    let [url, authorization, content_type, body] = words[..] else {
        panic!("{line}");
    };
    assert_eq!(content_type, "Content-Type: application/json");
    let login = text
        .lines()
        .find(|line| line.trim_start().starts_with("Login "))
        .unwrap();
    Greeting {
        path: url.strip_prefix(&server.url()).unwrap().to_owned(),
        bearer: authorization
            .strip_prefix("Authorization: ")
            .unwrap()
            .to_owned(),
        body: body.to_owned(),
        login: login.to_owned(),
    }
}

#[test]
fn the_printed_line_streams_an_answer_with_its_source_and_works_twice() {
    let place = Place::new();
    let server = demo(&place);
    let text = server.greeting();
    let Greeting {
        path,
        bearer,
        body,
        login,
    } = greeting(&server, &text);
    assert!(login.contains("demo@example.com"), "{login}");
    let headers = [("Authorization", bearer.as_str())];

    let answer = server.post(&path, &headers, &body);
    assert_eq!(answer.status, 201, "{answer:?}");
    let events: Vec<(&str, Value)> = events(&answer.body);
    assert_eq!(events[0].0, "conversation");
    assert!(
        events.iter().filter(|(name, _)| *name == "delta").count() > 5,
        "{answer:?}"
    );
    let (_, last) = events.iter().rfind(|(name, _)| *name == "message").unwrap();
    assert_eq!(last["type"], "ai");
    assert!(last["meta"]["sources"][0]["title"].is_string(), "{last}");

    let again = server.post(&path, &headers, &body);
    assert_eq!(
        again.status, 200,
        "the same line joins the same turn: {again:?}"
    );

    let project = place.json("project list")["results"][0]["id"].clone();
    assert_eq!(
        place.json(&format!("project show {project}"))["ai_replies"],
        "answer"
    );
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_second_start_goes_on_with_the_same_project_and_a_new_key() {
    let place = Place::new();
    let server = demo(&place);
    let text = server.greeting();
    let first = greeting(&server, &text);
    let End { code, .. } = server.stop();
    assert_eq!(code, Some(0));
    place.write(
        "thicket-data/demo-articles/what-is-thicket.md",
        "# Mine\n\nAn edited article.\n",
    );

    let server = demo(&place);
    let text = server.greeting();
    let second = greeting(&server, &text);
    assert_ne!(first.bearer, second.bearer);
    assert_eq!(
        first.login, second.login,
        "who is signed in stays so over a restart"
    );
    assert_eq!(first.path, second.path);
    let get = |bearer: &str| {
        server
            .get("/api/users/@me/", &[("Authorization", bearer)])
            .status
    };
    assert_eq!(get(&first.bearer), 401);
    assert_eq!(get(&second.bearer), 200);
    assert_eq!(
        place.json("project list")["results"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let articles = place.json("article list");
    let titles = articles["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["title"].as_str().unwrap());
    assert_eq!(
        titles.filter(|title| *title == "Mine").count(),
        1,
        "{articles}"
    );
}

#[test]
fn there_is_something_in_the_inbox_and_it_is_put_there_once() {
    let place = Place::new();
    let server = demo(&place);
    let bearer = greeting(&server, &server.greeting()).bearer;
    let headers = [("Authorization", bearer.as_str())];
    let read = |server: &Server, path: &str, headers: &[(&str, &str)]| -> Value {
        let answer = server.get(path, headers);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    };
    let tickets = "/api/projects/1/conversations/tickets/?limit=100";
    let before = read(&server, tickets, &headers);
    let of = |member: &str, value: &str| {
        let all = before["results"].as_array().unwrap();
        all.iter().filter(|it| it[member] == value).count()
    };
    for status in ["new", "open", "pending", "on_hold", "resolved"] {
        assert!(of("status", status) > 0, "no ticket is {status}");
    }
    assert!(of("channel_source", "email") > 0 && of("channel_source", "widget") > 0);
    // What was written days ago is days old, for the list and for the reports.
    let figures = read(
        &server,
        "/api/projects/1/conversations/statistics/",
        &headers,
    );
    let days = figures["series"].as_array().unwrap();
    let busy = days.iter().filter(|day| day["opened"].as_i64() > Some(0));
    assert!(busy.count() > 10, "{figures}");
    assert_eq!(server.stop().code, Some(0));

    let server = demo(&place);
    let bearer = greeting(&server, &server.greeting()).bearer;
    let after = read(&server, tickets, &[("Authorization", bearer.as_str())]);
    assert_eq!(before["count"], after["count"]);
}

#[test]
fn nobody_is_throttled() {
    let place = Place::new();
    let server = demo(&place);
    let Greeting { path, bearer, .. } = greeting(&server, &server.greeting());
    let headers = [("Authorization", bearer.as_str())];
    for _ in 0..25 {
        // Where turns are counted, broken requests are too.
        assert_eq!(server.post(&path, &headers, "{}").status, 400);
    }
}

#[test]
fn somebody_elses_data_is_left_alone() {
    let place = Place::new();
    place.json("project create --name Real");
    let refusal = place.run("demo --listen 127.0.0.1:0").refusal(1);
    assert!(
        refusal.contains("choose another folder with --data-dir"),
        "{refusal}"
    );
    assert_eq!(
        place.json("project list")["results"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Names and data of a stream's events.
fn events(stream: &str) -> Vec<(&str, Value)> {
    let frames = stream
        .split("\n\n")
        .filter(|frame| frame.starts_with("event: "));
    frames
        .map(|frame| {
            let name = frame
                .lines()
                .next()
                .unwrap()
                .strip_prefix("event: ")
                .unwrap();
            let data = frame
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .unwrap();
            (name, serde_json::from_str(data).unwrap())
        })
        .collect()
}
