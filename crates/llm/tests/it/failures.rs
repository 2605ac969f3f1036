//! Answers that do not arrive: what kind of error each is, and what is tried again.

use crate::support::{KINDS, ask, class, config, play, provider, stream};
use llm::{ChatEvent, Error, Provider, ProviderKind, ToolSpec};
use std::time::Duration;
use stubmodel::{Script, StubModel};

#[tokio::test]
async fn statuses_become_the_documented_errors() {
    let cases = [
        (400, "too long", 1),
        (422, "too long", 1),
        (401, "api 401", 1),
        (403, "api 403", 1),
        (404, "api 404", 1),
        (413, "api 413", 1),
        (302, "api 302", 1),
        (408, "unavailable", 3),
        (429, "unavailable", 3),
        (500, "unavailable", 3),
        (503, "unavailable", 3),
        (529, "unavailable", 3),
    ];
    for kind in KINDS {
        for (status, expected, attempts) in cases {
            let model = StubModel::start().await;
            model.respond(move |_| Script::status(status));
            let provider = provider(kind, &model);
            let error = provider.stream(&ask("x")).await.unwrap_err();
            assert_eq!(class(&error), expected, "{kind:?} {status}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
            assert_eq!(model.turns().len(), attempts, "{kind:?} {status}");
            let error = provider.complete(&ask("x")).await.unwrap_err();
            assert_eq!(class(&error), expected, "{kind:?} {status}");
            assert_eq!(model.requests().len(), 2 * attempts);
        }
    }
}

#[tokio::test]
async fn what_is_transient_is_tried_again_until_it_works() {
    for kind in KINDS {
        let transient = [
            Script::status(429).retry_after(0),
            Script::status(500),
            Script::status(529),
            Script::close(),
            Script::text([""; 0]).abort(),
            Script::text([""; 0]).and_error("overloaded_error"),
            Script::text([""; 0]).no_finish().no_end(),
        ];
        for script in transient {
            let model = StubModel::start().await;
            model.script([script.clone(), script.clone(), Script::text(["at last"])]);
            let heard = stream(&provider(kind, &model), &ask("x")).await;
            assert_eq!(heard.completion().text, "at last", "{script:?}");
            let turns = model.turns();
            assert_eq!(turns.len(), 3);
            assert_eq!(turns[0].body, turns[2].body);
        }
        let model = StubModel::start().await;
        model.script_titles([Script::close(), Script::status(503)]);
        provider(kind, &model).complete(&ask("x")).await.unwrap();
        assert_eq!(model.requests().len(), 3);
    }
}

#[tokio::test]
async fn nothing_is_tried_again_after_the_first_piece() {
    let broken = [
        (Script::text(["half"]).abort(), "unavailable"),
        (Script::text(["half"]).no_finish().no_end(), "unavailable"),
        (
            Script::text(["half"]).and_error("overloaded_error"),
            "unavailable",
        ),
        (Script::text(["half"]).and_error("api_error"), "unavailable"),
        (
            Script::text(["half"]).and_error("something_new"),
            "unavailable",
        ),
        (
            Script::text(["half"]).and_error("invalid_request_error"),
            "too long",
        ),
        (
            Script::text(["half"]).and_error("authentication_error"),
            "api 401",
        ),
        (
            Script::text(["half"]).and_raw("{\"choices\": [").abort(),
            "bad stream",
        ),
        (Script::text(["half"]).and_raw("words"), "bad stream"),
    ];
    for kind in KINDS {
        for (script, expected) in &broken {
            let model = StubModel::start().await;
            model.script([script.clone()]);
            let heard = stream(&provider(kind, &model), &ask("x")).await;
            assert_eq!(heard.text, "half", "{script:?}");
            let error = heard.end.unwrap().unwrap_err();
            assert_eq!(class(&error), *expected, "{script:?}: {error}");
            assert_eq!(model.turns().len(), 1);
        }
        let thought = Script::thinking(["hm"]).abort();
        assert_eq!(play(kind, thought).await.thinking, "hm");
    }
}

#[tokio::test]
async fn what_breaks_after_the_reason_does_not_matter() {
    for kind in KINDS {
        let stop = match kind {
            ProviderKind::OpenAi => r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            ProviderKind::Anthropic => {
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#
            }
        };
        let complete = || Script::text(["all"]).and_raw(stop);
        for script in [
            complete().abort(),
            complete().no_end().no_finish(),
            complete().and_error("overloaded_error"),
            complete().and_raw("garbage"),
        ] {
            let heard = play(kind, script).await;
            assert_eq!(heard.completion().text, "all");
        }
    }
}

#[tokio::test]
async fn the_servers_wish_to_wait_is_passed_on() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.respond(|_| Script::status(429).retry_after(3600));
        let error = provider(kind, &model).stream(&ask("x")).await.unwrap_err();
        let Error::Unavailable { retry_after, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(3600)));
        assert_eq!(model.turns().len(), 1, "nobody waits an hour");
    }
}

#[tokio::test]
async fn a_server_that_says_so_is_left_in_peace() {
    let model = StubModel::start().await;
    model.respond(|_| Script::status(500).header("x-should-retry", "false"));
    for kind in KINDS {
        provider(kind, &model).stream(&ask("x")).await.unwrap_err();
    }
    assert_eq!(model.turns().len(), KINDS.len());
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let model = StubModel::start().await;
    for kind in KINDS {
        let mut config = config(kind, &model);
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        config.base_url = format!("http://{}/secret-path", listener.local_addr().unwrap());
        drop(listener);
        let provider = Provider::new(config).unwrap();
        let error = provider.stream(&ask("x")).await.unwrap_err();
        assert_eq!(class(&error), "unavailable");
        assert!(error.to_string().contains("onnect"), "{error}");
        assert!(!error.to_string().contains("secret-path"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_taken_for_one() {
    for kind in KINDS {
        for script in [
            Script::raw([""; 0]),
            Script::raw(["[DONE]"]),
            Script::raw([r#"{"type":"message_stop"}"#]),
            Script::raw([r#"{"type":"ping"}"#]),
            Script::text([""; 0]).no_finish(),
            Script::status(200).body("<html>Welcome to the hotel's network</html>"),
            Script::status(200).body(""),
            Script::status(200).body(r#"{"error":"Unexpected endpoint"}"#),
        ] {
            let heard = play(kind, script.clone()).await;
            let error = heard.end.unwrap().unwrap_err();
            assert_eq!(class(&error), "unavailable", "{script:?}: {error}");
        }
        for body in ["{", "{\"a\": 1}", "{\"choices\": {}} {}"] {
            let heard = play(kind, Script::status(200).body(body)).await;
            let error = heard.end.unwrap().unwrap_err();
            assert_eq!(class(&error), "bad stream", "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn the_log_learns_codes_but_no_words() {
    let body = r#"{"error": {"message": "You said: my card is 4111, key sk-123",
        "type": "invalid_request_error", "code": "context_length_exceeded"}}"#;
    for kind in KINDS {
        let script = Script::status(400)
            .body(body)
            .header("x-request-id", "req_7");
        let heard = play(kind, script).await;
        let error = heard.end.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model rejected the request: status 400, type invalid_request_error, \
             code context_length_exceeded, request req_7"
        );
        assert!(!format!("{error:?}").contains("4111"));
    }
}

#[tokio::test]
async fn a_server_that_refuses_a_field_is_asked_without_it_from_then_on() {
    let model = StubModel::start().await;
    model.respond(|request| {
        for field in ["stream_options", "max_tokens"] {
            if request.body.get(field).is_some() {
                let words = format!(
                    r#"{{"error":{{"message":"Unsupported parameter: '{field}'. Use 'max_completion_tokens'."}}}}"#
                );
                return Script::status(400).body(words);
            }
        }
        Script::text(["fine"])
    });
    let provider = provider(ProviderKind::OpenAi, &model);
    let mut request = ask("x");
    request.max_output_tokens = Some(100);
    for attempts in [2, 3] {
        let heard = stream(&provider, &request).await;
        assert_eq!(heard.completion().text, "fine");
        assert_eq!(model.turns().len(), attempts);
    }
    let last = &model.turns()[2].body;
    assert_eq!(last["max_completion_tokens"], 100);

    // But a refusal that names it again is a refusal.
    model.respond(|_| Script::status(400).body("stream_options, max_completion_tokens"));
    let error = provider.stream(&request).await.unwrap_err();
    assert_eq!(class(&error), "too long");
    assert_eq!(model.turns().len(), 4);
}

#[tokio::test]
async fn a_model_that_can_say_less_is_asked_for_as_much_as_it_can() {
    let model = StubModel::start().await;
    model.respond(|request| {
        let asked = request.body["max_tokens"].as_u64().unwrap();
        if asked <= 8192 {
            return Script::text(["fine"]);
        }
        let words = format!(
            r#"{{"type":"error","error":{{"type":"invalid_request_error","message":"max_tokens: {asked} > 8192, which is the maximum allowed number of output tokens for tiny"}}}}"#
        );
        Script::status(400).body(words)
    });
    let provider = provider(ProviderKind::Anthropic, &model);
    for attempts in [2, 3] {
        let heard = stream(&provider, &ask("x")).await;
        assert_eq!(heard.completion().text, "fine");
        assert_eq!(model.turns().len(), attempts);
        assert_eq!(model.turns()[attempts - 1].body["max_tokens"], 8192);
    }
    // Who asks for less gets less.
    let mut request = ask("x");
    request.max_output_tokens = Some(100);
    stream(&provider, &request).await.completion();
    assert_eq!(model.turns()[3].body["max_tokens"], 100);
}

#[tokio::test]
async fn the_longest_answer_can_be_set() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.respond(|_| Script::text(["fine"]));
        let mut config = config(kind, &model);
        config.max_output_tokens = Some(1234);
        let provider = Provider::new(config).unwrap();
        stream(&provider, &ask("x")).await.completion();
        let mut request = ask("x");
        request.max_output_tokens = Some(100);
        stream(&provider, &request).await.completion();
        let asked = model.turns();
        assert_eq!(asked[0].body["max_tokens"], 1234, "{kind:?}");
        assert_eq!(asked[1].body["max_tokens"], 100, "{kind:?}");
    }
}

#[tokio::test]
async fn a_model_that_knows_no_tools_is_asked_without_them() {
    let model = StubModel::start().await;
    model.respond(|request| {
        if request.tools().is_empty() {
            return Script::text(["fine"]);
        }
        let words = r#"{"error":{"message":"library/tiny:1b does not support tools"}}"#;
        Script::status(400).body(words)
    });
    let provider = provider(ProviderKind::OpenAi, &model);
    let mut request = ask("x");
    request.tools = vec![ToolSpec {
        name: "look".into(),
        description: String::new(),
        parameters: serde_json::json!({"type": "object"}),
    }];
    for attempts in [2, 3] {
        let heard = stream(&provider, &request).await;
        assert_eq!(heard.completion().text, "fine");
        assert_eq!(model.turns().len(), attempts);
    }
}

#[tokio::test]
async fn events_before_a_failure_are_not_lost() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.script([Script::text(["a"]).and_error("api_error").at_once()]);
        let mut stream = provider(kind, &model).stream(&ask("x")).await.unwrap();
        let first = stream.next().await;
        assert_eq!(first, Some(Ok(ChatEvent::Text("a".into()))));
        assert!(matches!(stream.next().await, Some(Err(_))));
        assert!(stream.next().await.is_none());
    }
}
