//! Traces go to the collector that the environment names, and hold nobody's words.

use crate::harness::Place;
use crate::server::Server;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Paths and bodies of requests.
type Bodies = Vec<(String, Vec<u8>)>;

/// Takes everything, and keeps it.
#[derive(Clone)]
struct Collector {
    endpoint: String,
    bodies: Arc<Mutex<Bodies>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            bodies: Arc::default(),
        };
        let kept = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || kept.serve(stream));
            }
        });
        collector
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut path, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(rest) = line.strip_prefix("post ") {
                    path = rest.split(' ').next().unwrap().to_owned();
                } else if let Some(rest) = line.strip_prefix("content-length: ") {
                    length = rest.parse().unwrap();
                } else if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            self.bodies.lock().unwrap().push((path, body));
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
        }
    }

    /// Every span, with the name of the service that it is from.
    fn spans(&self) -> Vec<(String, Span)> {
        let mut spans = Vec::new();
        for (path, body) in self.bodies.lock().unwrap().iter() {
            assert_eq!(path, "/v1/traces");
            let sent = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            for resource in sent.resource_spans {
                let attributes = &resource.resource.as_ref().unwrap().attributes;
                let service = attributes.iter().find(|it| it.key == "service.name");
                let service = text(service.unwrap().value.as_ref().unwrap().value.as_ref());
                let of_scope = resource.scope_spans.into_iter().flat_map(|it| it.spans);
                spans.extend(of_scope.map(|span| (service.clone(), span)));
            }
        }
        spans
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|it| it.key == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {span:?}"));
    text(found.value.as_ref().unwrap().value.as_ref())
}

const QUESTION: &str = r#"{"content": "where is my parcel?", "conversation": "018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10",
    "trace_id": "3f0f7a86-5f0c-4d0e-8b0b-0a6d3f6c1b22"}"#;

fn place() -> (Place, String) {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes *");
    let key = key["key"].as_str().unwrap().to_owned();
    (place, key)
}

fn ask(place: &Place, key: &str, endpoint: &str) -> crate::server::End {
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let server = Server::of(command);
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Request-Id", "req-7"),
    ];
    let path = format!("/api/environments/1/conversations?personal_api_key={key}");
    let answer = server.post(&path, &headers, QUESTION);
    assert_eq!(answer.status, 201, "{answer:?}");
    server.stop()
}

#[test]
fn requests_turns_answers_and_writes_are_traced_without_words() {
    let collector = Collector::start();
    let (place, key) = place();
    let end = ask(&place, &key, &collector.endpoint);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(
        !end.stderr.contains("otel"),
        "lines of the log stay as they were: {end:?}"
    );
    let spans = collector.spans();
    let named = |name: &str| -> &Span {
        let found = spans.iter().find(|(_, span)| span.name == name);
        let names: Vec<_> = spans.iter().map(|(_, span)| &span.name).collect();
        &found
            .unwrap_or_else(|| panic!("no {name} among {names:?}"))
            .1
    };
    assert!(spans.iter().all(|(service, _)| service == "thicket"));
    let request = named("POST");
    let route = attribute(request, "http.route");
    assert_eq!(route, "/api/projects/{project_id}/conversations");
    assert_eq!(attribute(request, "http.response.status_code"), "201");
    assert_eq!(attribute(request, "request.id"), "req-7");
    let (turn, answer) = (named("turn"), named("answer"));
    assert_eq!(
        attribute(turn, "gen_ai.conversation.id"),
        "018f3c5a-7b1e-7c3d-9a52-3f6f2b8d4e10"
    );
    assert_eq!(attribute(answer, "gen_ai.provider.name"), "extractive");
    assert_eq!(answer.parent_span_id, turn.span_id);
    let writes = |of: &Span| {
        let writes = spans.iter().filter(|(_, it)| it.name == "write");
        writes
            .filter(|(_, it)| it.parent_span_id == of.span_id)
            .count()
    };
    let counted = [request, turn, answer].map(writes);
    assert!(counted.iter().all(|writes| *writes > 0), "{counted:?}");
    for (_, body) in collector.bodies.lock().unwrap().iter() {
        for secret in [&key, "parcel", "ada@example.com"] {
            let bytes = secret.as_bytes();
            assert!(!body.windows(bytes.len()).any(|it| it == bytes), "{secret}");
        }
    }
}

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_request_is_part_of_its_callers_trace() {
    let collector = Collector::start();
    let place = Place::new();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("THICKET_LOG_FORMAT", "json");
    let server = Server::of(command);
    let malformed = CALLER.replace("4bf92f", "4BF92F");
    for (id, parent) in [("good", CALLER), ("bad", malformed.as_str())] {
        let headers = [
            ("X-Request-Id", id),
            ("traceparent", parent),
            ("tracestate", "vendor=7"),
        ];
        assert_eq!(server.get("/api/users/@me/", &headers).status, 401);
    }
    let end = server.stop();
    let spans = collector.spans();
    let request = |id: &str| {
        let is_it =
            |it: &&(String, Span)| it.1.name == "GET" && attribute(&it.1, "request.id") == id;
        &spans.iter().find(is_it).unwrap().1
    };
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>()
    };
    let (good, bad) = (request("good"), request("bad"));
    assert_eq!(hex(&good.trace_id), &CALLER[3..35]);
    assert_eq!(hex(&good.parent_span_id), &CALLER[36..52]);
    assert_eq!(good.trace_state, "vendor=7");
    assert!(bad.parent_span_id.is_empty(), "{bad:?}");
    for (id, span) in [("good", good), ("bad", bad)] {
        let line = end
            .stderr
            .lines()
            .find(|it| it.contains(&format!("\"request_id\":\"{id}\"")));
        let trace = format!("\"trace_id\":\"{}\"", hex(&span.trace_id));
        assert!(line.unwrap().contains(&trace), "{trace} in {end:?}");
    }
}

#[test]
fn the_log_names_the_callers_trace_where_nobody_collects() {
    let place = Place::new();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command.env("THICKET_LOG_FORMAT", "json");
    let server = Server::of(command);
    server.get("/api/users/@me/", &[("traceparent", CALLER)]);
    server.get("/api/users/@me/", &[("traceparent", "00-zz")]);
    let end = server.stop();
    let named = end
        .stderr
        .lines()
        .filter(|it| it.contains("\"trace_id\""))
        .count();
    let trace = format!("\"trace_id\":\"{}\"", &CALLER[3..35]);
    assert!(named == 1 && end.stderr.contains(&trace), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_model_is_part_of_the_trace_of_the_answer() {
    let collector = Collector::start();
    let model = testkit::StubModel::start().await;
    model.respond(|_| testkit::Script::text(["Behind the shed."]));
    let (place, key) = place();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("THICKET_LLM_PROVIDER", "openai")
        .env("THICKET_LLM_BASE_URL", model.openai_url())
        .env("THICKET_LLM_MODEL", "stub");
    let server = Server::of(command);
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str())];
    let answer = server.post("/api/environments/1/conversations", &headers, QUESTION);
    assert_eq!(answer.status, 201, "{answer:?}");
    server.stop();
    let spans = collector.spans();
    let answer = &spans.iter().find(|(_, it)| it.name == "answer").unwrap().1;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>()
    };
    let expected = format!("00-{}-{}-01", hex(&answer.trace_id), hex(&answer.span_id));
    let requests = model.requests();
    let sent = requests
        .iter()
        .filter_map(|it| it.headers.get("traceparent"));
    let sent: Vec<_> = sent.map(|it| it.to_str().unwrap().to_owned()).collect();
    assert!(sent.contains(&expected), "{expected} in {sent:?}");
}

#[test]
fn a_collector_that_is_away_stops_nobody() {
    let (place, key) = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let end = ask(&place, &key, &endpoint);
    assert_eq!(end.code, Some(0), "{end:?}");
    let refusal = place.command(["serve", "--listen", "127.0.0.1:0"]);
    let mut refusal = refusal;
    refusal.env("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere at all");
    let outcome = crate::harness::finish(refusal, "");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(
        outcome.stderr.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{outcome:?}"
    );
}
