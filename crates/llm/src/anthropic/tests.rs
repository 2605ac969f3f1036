//! Events as servers in the wild send them.

use super::{event, whole};
use crate::assembly::Assembly;
use crate::{Completion, Error, Finish};
use proptest::prelude::*;
use serde_json::json;

fn read(events: &[&str]) -> Result<Completion, Error> {
    let mut answer = Assembly::default();
    for data in events {
        event("", data, &mut answer)?;
    }
    Ok(answer.completion())
}

#[test]
fn a_stream_with_thinking_tools_and_the_providers_own_tools_is_read() {
    let completion = read(&[
        r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":1000,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"abc"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"xyz"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"Hel","citations":null}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"lo"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"cited_text":"no"}}}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"query\":1}"}}"#,
        r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"n\":"}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{"n":2}}}"#,
        r#"{"type":"something_new","content_block_odd":[1]}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}}"#,
        r#"{"type":"message_stop"}"#,
    ])
    .unwrap();
    assert_eq!(completion.text, "Hello");
    assert_eq!(completion.finish, Finish::ToolCalls);
    let calls = completion.tool_calls.iter();
    let calls: Vec<_> = calls.map(|call| (&*call.id, &call.args)).collect();
    assert_eq!(calls, [("t1", &json!({"n": 1})), ("t2", &json!({"n": 2}))]);
    let usage = completion.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (1110, 42));
}

#[test]
fn the_events_name_stands_in_for_a_missing_type() {
    let mut answer = Assembly::default();
    event("message_stop", "{}", &mut answer).unwrap();
    assert!(answer.is_over());
    let error = event("error", r#"{"message":"m"}"#, &mut answer);
    assert!(matches!(error, Err(Error::Unavailable { .. })));
}

#[test]
fn a_whole_answer_is_read() {
    let mut answer = Assembly::default();
    whole(
        r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},
            {"type":"tool_use","id":"t","name":"f","input":{"n":1}},{"type":"text","text":"b"}],
            "stop_reason":null,"usage":{"input_tokens":1,"output_tokens":2}}"#,
        &mut answer,
    )
    .unwrap();
    let completion = answer.completion();
    assert_eq!(completion.text, "ab");
    assert_eq!(completion.tool_calls[0].args, json!({"n": 1}));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_data_makes_it_panic(name in "[a-z_]{0,20}", text in ".{0,200}", json in crate::lenient::any_json(&[
        "type", "message", "content", "content_block", "delta", "text", "thinking", "index", "id", "name",
        "input", "partial_json", "stop_reason", "usage", "input_tokens", "error",
    ])) {
        let mut answer = Assembly::default();
        for data in [text, json.to_string()] {
            let _ = event(&name, &data, &mut answer);
            let _ = whole(&data, &mut answer);
        }
        answer.completion();
    }
}
