//! Answers that arrive well, in all their forms.

use crate::support::{KINDS, ask, config, hear, play, provider, stream};
use futures::FutureExt;
use llm::{ChatEvent, Finish, Provider, ProviderKind, Usage};
use stubmodel::{DEFAULT_ANSWER, DEFAULT_TITLE, Gate, Script, StubModel};

const PIECES: [&str; 4] = ["Grüße, ", "wörld ", "😀", " \"done\"\n\\"];

#[tokio::test]
async fn every_way_to_write_a_stream_reads_the_same() {
    let text = || {
        Script::text(PIECES)
            .and_thinking(["hm", " hm"])
            .and_text(["!"])
    };
    let mut scripts = vec![
        ("as it is", text()),
        ("at once", text().at_once()),
        ("crlf", text().crlf()),
        ("cr", text().cr()),
        ("crlf byte by byte", text().crlf().split(1)),
        ("cr byte by byte", text().cr().split(1)),
        ("comments", text().with_comments()),
        ("comments in crlf", text().with_comments().crlf().split(3)),
        ("no last blank line", text().no_last_blank_line()),
        ("no end", text().no_end()),
        (
            "no end, no last blank line",
            text().no_end().no_last_blank_line(),
        ),
        ("reasoning", text().reasoning_field("reasoning")),
        ("ignores stream: true", text().ignore_stream()),
    ];
    scripts.extend((1..8).map(|size| ("split", text().split(size))));
    for kind in KINDS {
        for (name, script) in &scripts {
            let heard = play(kind, script.clone()).await;
            let case = format!("{} {name}", kind.name());
            assert_eq!(heard.text, PIECES.concat() + "!", "{case}");
            assert_eq!(heard.thinking, "hm hm", "{case}");
            assert_eq!(heard.completion().finish, Finish::Stop, "{case}");
        }
    }
}

#[tokio::test]
async fn the_reason_for_the_end_is_passed_on() {
    let openai = [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("content_filter", Finish::ContentFilter),
        ("tool_calls", Finish::Unknown), // but there are none
        ("", Finish::Unknown),
        ("something new", Finish::Unknown),
    ];
    let anthropic = [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("refusal", Finish::ContentFilter),
        ("tool_use", Finish::Unknown),
        ("", Finish::Unknown),
        ("something_new", Finish::Unknown),
    ];
    let openai = openai.map(|case| (ProviderKind::OpenAi, case));
    let anthropic = anthropic.map(|case| (ProviderKind::Anthropic, case));
    for (kind, (reason, finish)) in openai.into_iter().chain(anthropic) {
        for script in [
            Script::text(["cut"]).finish(reason),
            Script::text(["cut"]).finish(reason).ignore_stream(),
        ] {
            let heard = play(kind, script).await;
            assert_eq!(heard.completion().finish, finish, "{reason}");
        }
    }
}

#[tokio::test]
async fn a_proper_end_counts_without_a_reason_but_an_unsaid_one_does_not() {
    for kind in KINDS {
        let heard = play(kind, Script::text(["a"]).no_finish()).await;
        assert_eq!(heard.completion().finish, Finish::Unknown);
        for script in [
            Script::text(["a"]).no_finish().no_end(),
            Script::text(["a"]).finish("").no_end(),
        ] {
            let heard = play(kind, script).await;
            assert_eq!(heard.text, "a");
            let error = heard.end.unwrap().unwrap_err();
            assert_eq!(
                error.to_string(),
                "the model is unavailable: closed in the middle"
            );
        }
    }
}

#[tokio::test]
async fn usage_is_recorded() {
    for kind in KINDS {
        let usage = Usage {
            input_tokens: 1234,
            output_tokens: 56,
        };
        let heard = play(kind, Script::text(["a"]).usage(1234, 56)).await;
        assert_eq!(heard.completion().usage, usage);
        let heard = play(kind, Script::text(["a"]).usage(1234, 56).ignore_stream()).await;
        assert_eq!(heard.completion().usage, usage);
    }
}

#[tokio::test]
async fn pieces_are_handed_on_as_they_arrive() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let gate = Gate::new();
        model.script([Script::text(["one", "two"]).gated(&gate)]);
        let provider = provider(kind, &model);
        let request = ask("x");
        gate.open(1);
        let mut stream = provider.stream(&request).await.unwrap();
        let first = stream.next().await;
        assert_eq!(first, Some(Ok(ChatEvent::Text("one".into()))));
        // Polling in vain and giving up, as a `select!` does, loses nothing.
        for _ in 0..3 {
            assert!(stream.next().now_or_never().is_none());
        }
        gate.open(1);
        let second = stream.next().await;
        assert_eq!(second, Some(Ok(ChatEvent::Text("two".into()))));
        assert!(matches!(
            stream.next().await,
            Some(Ok(ChatEvent::Finished(_)))
        ));
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let provider = provider(kind, &model);
        for _ in 0..5 {
            let heard = stream(&provider, &ask("x")).await;
            assert_eq!(heard.text, DEFAULT_ANSWER);
            provider.complete(&ask("x")).await.unwrap();
        }
        assert_eq!(model.connections(), 1);
        assert_eq!(model.disconnects(), 0);
    }
}

#[tokio::test]
async fn an_answer_is_finished_although_the_server_does_not_hang_up() {
    for kind in KINDS {
        let forever = Gate::new();
        let end = match kind {
            ProviderKind::OpenAi => "[DONE]",
            ProviderKind::Anthropic => r#"{"type":"message_stop"}"#,
        };
        let script = Script::text(["a"]).and_raw(end).and_wait(&forever);
        let heard = play(kind, script).await;
        assert_eq!(heard.completion().text, "a");
    }
}

#[tokio::test]
async fn long_answers_arrive_whole() {
    for kind in KINDS {
        let heard = play(kind, Script::flood(25_000, 4)).await;
        assert_eq!(heard.text.len(), 100_000);
        heard.completion();
    }
}

#[tokio::test]
async fn many_streams_run_side_by_side() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let gate = Gate::new();
        let held = gate.clone();
        model.respond(move |_| Script::text(PIECES).gated(&held));
        let provider = provider(kind, &model);
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let provider = provider.clone();
                tokio::spawn(async move { stream(&provider, &ask("x")).await })
            })
            .collect();
        model.wait_for_turns(64).await;
        assert_eq!(model.peak(), 64);
        gate.open_all();
        for task in tasks {
            assert_eq!(task.await.unwrap().text, PIECES.concat());
        }
    }
}

#[tokio::test]
async fn titles_come_in_one_piece() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.script_titles([
            Script::text(["Two ", "pieces"]).usage(3, 2),
            Script::text(["cut"]).finish("length").finish("max_tokens"),
        ]);
        let provider = provider(kind, &model);
        let completion = provider.complete(&ask("x")).await.unwrap();
        assert_eq!(completion.text, "Two pieces");
        assert_eq!(completion.usage.input_tokens, 3);
        assert_eq!(completion.finish, Finish::Stop);
        let completion = provider.complete(&ask("x")).await.unwrap();
        assert_eq!(completion.finish, Finish::Length);
        let completion = provider.complete(&ask("x")).await.unwrap();
        assert_eq!(completion.text, DEFAULT_TITLE);
        assert!(model.turns().is_empty());
    }
}

#[tokio::test]
async fn a_client_survives_its_clones_and_its_key_is_not_shown() {
    let model = StubModel::start().await;
    for kind in KINDS {
        let provider = Provider::new(config(kind, &model)).unwrap();
        let clone = provider.clone();
        assert!(!format!("{provider:?}").contains("test-key"));
        drop(provider);
        assert_eq!(clone.name(), kind.name());
        assert_eq!(clone.model(), "stub-1");
        let open = clone.stream(&ask("x")).await.unwrap();
        assert!(!format!("{open:?}").contains("test-key"));
        hear(open).await.completion();
    }
}
