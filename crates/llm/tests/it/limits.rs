//! Timeouts, sizes, and what happens when the caller leaves.

use crate::support::{KINDS, ask, class, config, play, provider, stream};
use futures::future::join_all;
use llm::{Cause, ChatEvent, Error, Patience, Provider, ProviderConfig, ProviderKind};
use std::time::Duration;
use stubmodel::{Gate, Script, StubModel};
use tokio::time::Instant;

/// A limit that is always exceeded.
const SHORT: Duration = Duration::from_millis(50);

/// A limit within which even a busy machine gets a request to the stub.
const PATIENCE: Duration = Duration::from_secs(2);

fn with(
    kind: ProviderKind,
    model: &StubModel,
    change: impl FnOnce(&mut ProviderConfig),
) -> Provider {
    let mut config = config(kind, model);
    change(&mut config);
    Provider::new(config).unwrap()
}

#[tokio::test]
async fn a_silent_server_is_given_up_once() {
    let scripts = [
        (Script::hang(), ""),
        (Script::text([""; 0]).no_finish().then_hang(), ""),
        (Script::text(["half"]).no_finish().then_hang(), "half"),
    ];
    let mut cases = Vec::new();
    for kind in KINDS {
        for (script, text) in scripts.clone() {
            let model = StubModel::start().await;
            model.script([script]);
            let provider = with(kind, &model, |config| config.timeouts.idle = PATIENCE);
            cases.push((model, provider, text));
        }
    }
    let cases = cases.into_iter().map(async |(model, provider, text)| {
        let heard = stream(&provider, &ask("x")).await;
        assert_eq!(heard.text, text);
        let error = heard.end.unwrap().unwrap_err();
        assert_eq!(class(&error), "unavailable");
        assert_eq!(model.turns().len(), 1, "a timeout is not tried again");
        model.wait_for_disconnects(1).await;
    });
    join_all(cases).await;
}

#[tokio::test]
async fn the_total_time_is_limited_however_busy_the_server_is() {
    for kind in KINDS {
        for script in [
            Script::flood(100_000, 1).every(Duration::from_millis(1)),
            Script::flood(usize::MAX, 1),
        ] {
            let model = StubModel::start().await;
            model.script([script]);
            let provider = with(kind, &model, |config| config.timeouts.total = SHORT);
            let heard = stream(&provider, &ask("x")).await;
            let error = heard.end.unwrap().unwrap_err();
            assert_eq!(class(&error), "unavailable");
            assert!(error.to_string().contains("within the time limit"));
        }
    }
}

#[tokio::test]
async fn the_time_until_an_answer_begins_is_limited_and_not_the_answer_itself() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let (gate, limit) = (Gate::new(), Duration::from_millis(500));
        model.script([Script::hang(), Script::text(["one", "two"]).gated(&gate)]);
        let provider = with(kind, &model, |config| config.timeouts.begin = limit);
        let error = provider.stream(&ask("x")).await.unwrap_err();
        assert_eq!(error.cause(), Some(Cause::Timeout), "{error}");
        gate.open(1);
        let mut stream = provider.stream(&ask("x")).await.unwrap();
        let begun = Instant::now();
        assert_eq!(stream.next().await, Some(Ok(ChatEvent::Text("one".into()))));
        // The limit passes in the middle of the answer, while the model thinks.
        let over = tokio::time::sleep_until(begun + 2 * limit);
        let event = tokio::select! {
            () = over => None,
            event = stream.next() => Some(event),
        };
        assert_eq!(event, None, "it is still listened to");
        gate.open_all();
        assert_eq!(stream.next().await, Some(Ok(ChatEvent::Text("two".into()))));
        assert!(matches!(
            stream.next().await,
            Some(Ok(ChatEvent::Finished(_)))
        ));
    }
}

#[tokio::test]
async fn a_caller_can_be_patient_in_its_own_way() {
    let patience = Patience {
        limit: PATIENCE,
        pauses: vec![Duration::from_millis(1); 2],
    };
    for kind in KINDS {
        let model = StubModel::start().await;
        let provider = with(kind, &model, |config| config.max_retries = 0);
        model.script_titles([
            Script::status(503),
            Script::status(429),
            Script::text(["at last"]),
        ]);
        let answer = provider.complete_within(&ask("x"), &patience).await;
        assert_eq!(answer.unwrap().text, "at last");
        model.respond(|_| Script::status(429));
        let error = provider.complete_within(&ask("x"), &patience).await;
        assert_eq!(error.unwrap_err().cause(), Some(Cause::RateLimit));
        assert_eq!(model.requests().len(), 6);
        model.respond(|_| Script::status(401));
        let error = provider.complete_within(&ask("x"), &patience).await;
        assert_eq!(class(&error.unwrap_err()), "api 401");
        model.respond(|_| Script::hang());
        let short = Patience {
            limit: SHORT,
            ..patience.clone()
        };
        let error = provider.complete_within(&ask("x"), &short).await;
        assert_eq!(error.unwrap_err().cause(), Some(Cause::Timeout));
        let asked = model.requests().len();
        assert_eq!(asked, 8, "neither a refusal nor a timeout is tried again");
    }
}

#[tokio::test]
async fn a_pause_that_does_not_fit_into_the_total_time_is_not_made() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.respond(|_| Script::status(500));
        let provider = with(kind, &model, |config| {
            config.timeouts.begin = Duration::from_secs(3);
            config.retry_pause = Duration::from_secs(3600);
        });
        let error = provider.stream(&ask("x")).await.unwrap_err();
        assert!(error.to_string().contains("status 500"), "{error}");
        assert_eq!(model.turns().len(), 1);
    }
}

#[tokio::test]
async fn whole_answers_are_limited_too() {
    let mut cases = Vec::new();
    for kind in KINDS {
        let model = StubModel::start().await;
        model.script_titles([Script::hang()]);
        let provider = with(kind, &model, |config| config.timeouts.begin = PATIENCE);
        cases.push((model, provider));
    }
    let cases = cases.into_iter().map(async |(model, provider)| {
        let error = provider.complete(&ask("x")).await.unwrap_err();
        assert_eq!(class(&error), "unavailable");
        model.wait_for_disconnects(1).await;
    });
    join_all(cases).await;
}

#[tokio::test]
async fn what_nobody_could_hold_is_refused() {
    for kind in KINDS {
        for script in [
            Script::text(["x".repeat(2 << 20)]),
            Script::flood(1000, 20_000),
            Script::text(["x".repeat(9 << 20)]).ignore_stream(),
        ] {
            let heard = play(kind, script).await;
            let error = heard.end.unwrap().unwrap_err();
            assert!(matches!(error, Error::BadStream(_)), "{error}");
            assert!(error.to_string().contains("of more than"), "{error}");
        }
    }
}

#[tokio::test]
async fn leaving_cancels_the_request() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let provider = provider(kind, &model);
        let gate = Gate::new();

        // In the middle of the answer.
        model.script([Script::text(["one", "two"]).gated(&gate)]);
        gate.open(1);
        let mut stream = provider.stream(&ask("x")).await.unwrap();
        let first = stream.next().await;
        assert_eq!(first, Some(Ok(ChatEvent::Text("one".into()))));
        assert_eq!(model.open(), 1);
        drop(stream);
        model.wait_for_disconnects(1).await;

        // Before its first piece, and before its head.
        for (number, script) in [(2, Script::text(["x"]).gated(&gate)), (3, Script::hang())] {
            model.script([script]);
            let task = tokio::spawn({
                let provider = provider.clone();
                async move { provider.stream(&ask("x")).await.map(drop) }
            });
            model.wait_for_turns(number).await;
            task.abort();
            model.wait_for_disconnects(number).await;
        }
        assert_eq!(model.open(), 0);
    }
}

/// Environment variables cannot be set safely within a process of many threads: the test runs itself again.
#[tokio::test]
async fn a_proxy_in_the_environment_does_not_stand_before_loopback() {
    const MARK: &str = "LLM_TEST_BEHIND_PROXY";
    if std::env::var_os(MARK).is_none() {
        let myself = std::env::current_exe().unwrap();
        let name = "limits::a_proxy_in_the_environment_does_not_stand_before_loopback";
        let mut command = std::process::Command::new(myself);
        command.args(["--exact", name]).env(MARK, "1");
        for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
            command.env(proxy, "http://127.0.0.1:1");
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let model = StubModel::start().await;
    for kind in KINDS {
        provider(kind, &model).complete(&ask("x")).await.unwrap();
    }
}

/// Whatever else goes wrong with `https`, the crypto provider is there and nothing panics.
#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_unavailable() {
    let model = StubModel::start().await;
    for kind in KINDS {
        let mut config = config(kind, &model);
        config.base_url = format!("https://{}/v1", model.address());
        match Provider::new(config) {
            Ok(provider) => {
                let error = provider.complete(&ask("x")).await.unwrap_err();
                assert_eq!(class(&error), "unavailable");
            }
            // A machine without certificates.
            Err(error) => assert_eq!(class(&error), "config"),
        }
    }
}
