//! Tool calls in all their forms.

use crate::support::{KINDS, ask, play, provider};
use llm::{Finish, ProviderKind};
use serde_json::json;
use stubmodel::{Script, StubModel, ToolStyle};

fn two_calls() -> Script {
    Script::text(["Let me look."])
        .and_tool_call("search", json!({"query": "naïve \"quotes\"", "limit": 3}))
        .and_tool_call("lookup", json!({}))
}

#[tokio::test]
async fn calls_are_put_together_however_they_are_sent() {
    let styles = [
        ToolStyle::Standard,
        ToolStyle::Whole,
        ToolStyle::Repeated,
        ToolStyle::NoIndex,
        ToolStyle::AllZero,
        ToolStyle::Object,
    ];
    for kind in KINDS {
        for style in styles {
            for script in [
                two_calls(),
                two_calls().split(1),
                two_calls().at_once(),
                two_calls().finish("stop"), // as some say although there are calls
            ] {
                let heard = play(kind, script.tool_style(style)).await;
                let completion = heard.completion();
                let case = format!("{kind:?} {style:?}");
                assert_eq!(completion.finish, Finish::ToolCalls, "{case}");
                assert_eq!(completion.text, "Let me look.");
                let [first, second] = completion.tool_calls.as_slice() else {
                    panic!("{case}: {completion:?}");
                };
                assert_eq!(first.name, "search", "{case}");
                let args = json!({"query": "naïve \"quotes\"", "limit": 3});
                assert_eq!(first.args, args, "{case}");
                assert_eq!((second.name.as_str(), &second.args), ("lookup", &json!({})));
                assert!(!first.id.is_empty() && first.id != second.id, "{case}");
                if kind == ProviderKind::Anthropic || style != ToolStyle::Object {
                    assert_eq!(first.id, "call_stub_1", "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_announced_before_its_arguments_are_complete() {
    for kind in KINDS {
        let model = StubModel::start().await;
        let gate = stubmodel::Gate::new();
        model.script([Script::tool_call("search", json!({"q": "a long question"})).gated(&gate)]);
        gate.open(1);
        let mut stream = provider(kind, &model).stream(&ask("x")).await.unwrap();
        let event = stream.next().await.unwrap().unwrap();
        assert!(
            matches!(event, llm::ChatEvent::ToolCallStarted { index: 0, ref name, .. } if name == "search"),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn calls_of_whole_answers_are_read_too() {
    for kind in KINDS {
        let model = StubModel::start().await;
        model.script_titles([two_calls()]);
        let completion = provider(kind, &model).complete(&ask("x")).await.unwrap();
        assert_eq!(completion.tool_calls.len(), 2);
        assert_eq!(completion.tool_calls[0].args["limit"], 3);
        assert_eq!(completion.finish, Finish::ToolCalls);
    }
}

#[tokio::test]
async fn arguments_that_are_no_object_are_kept_as_text() {
    for kind in KINDS {
        for text in ["{\"q\": \"cut o", "[1]", "not json"] {
            let script = Script::text(["a"]).and_tool_call_fragments("search", [text]);
            let heard = play(kind, script.finish("length")).await;
            let call = &heard.completion().tool_calls[0];
            assert_eq!(call.args, json!({ "_raw": text }));
        }
        let script = Script::text(["a"]).and_tool_call_fragments("search", [""; 0]);
        let heard = play(kind, script).await;
        assert_eq!(heard.completion().tool_calls[0].args, json!({}));
    }
}
