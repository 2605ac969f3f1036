//! Chunks as servers in the wild send them.

use super::{event, whole};
use crate::assembly::Assembly;
use crate::{Completion, Error, Finish};
use proptest::prelude::*;
use serde_json::json;

fn read(chunks: &[&str]) -> Result<Completion, Error> {
    let mut answer = Assembly::default();
    for chunk in chunks {
        event(chunk, &mut answer)?;
    }
    Ok(answer.completion())
}

#[test]
fn fields_may_be_null_missing_or_odd() {
    let completion = read(&[
        r#"{"id":null,"choices":[],"prompt_filter_results":[{"x":1}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":null,"refusal":null}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","tool_calls":[],"reasoning":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":null}]}"#,
        r#"{"choices":[{"delta":{"content":{"odd":1}}}]}"#,
        r#"{"choices":[{"delta":{"content":"b"},"message":{"content":"ab"}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"text","text":"c"}]},"finish_reason":"stop"}]}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":"5","completion_tokens":2.0}}"#,
        "",
        " [DONE] ",
    ])
    .unwrap();
    assert_eq!(completion.text, "abc");
    assert_eq!(completion.finish, Finish::Stop);
    let usage = completion.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (5, 2));
}

#[test]
fn running_totals_of_usage_are_not_added_up() {
    let completion = read(&[
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#,
        r#"{"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
    ])
    .unwrap();
    assert_eq!(completion.usage.output_tokens, 2);
}

#[test]
fn reasoning_sent_under_both_names_counts_once() {
    let mut answer = Assembly::default();
    let chunk = r#"{"choices":[{"delta":{"reasoning":"hm","reasoning_content":"hm"}}]}"#;
    event(chunk, &mut answer).unwrap();
    assert_eq!(answer.pop(), Some(crate::ChatEvent::Thinking("hm".into())));
}

#[test]
fn fragments_find_their_call() {
    let call = |fields: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{fields}]}}}}]}}"#);
    let cases: [(&str, &[&str]); 6] = [
        (
            "interleaved by index",
            &[
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{\"n\""}}"#,
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"n\""}}"#,
                r#"{"index":1,"function":{"arguments":":2}"}}"#,
                r#"{"index":0,"function":{"arguments":":1}"}}"#,
            ],
        ),
        (
            "a new id with every fragment",
            &[
                r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{\"n\""}}"#,
                r#"{"index":0,"id":"x","function":{"arguments":":2}"}}"#,
                r#"{"index":1,"id":"a","function":{"name":"f","arguments":"{\"n\""}}"#,
                r#"{"index":1,"id":"y","function":{"arguments":":1}"}}"#,
            ],
        ),
        (
            "by id, without index",
            &[
                r#"{"id":"b","function":{"name":"g","arguments":"{\"n\""}}"#,
                r#"{"id":"a","function":{"name":"f","arguments":"{\"n\""}}"#,
                r#"{"id":"b","function":{"name":"g","arguments":":2}"}}"#,
                r#"{"id":"a","function":{"arguments":":1}"}}"#,
            ],
        ),
        (
            "two in one chunk, without anything",
            &[
                r#"{"function":{"name":"g","arguments":"{\"n\":2}"}},{"function":{"name":"f","arguments":{"n":1}}}"#,
            ],
        ),
        (
            "the name after the id, empty strings",
            &[
                r#"{"index":0,"id":"b","type":"function"}"#,
                r#"{"index":0,"id":"","function":{"name":"g","arguments":null}}"#,
                r#"{"index":0,"id":null,"function":{"name":"","arguments":"{\"n\":2}"}}"#,
                r#"{"index":1,"id":"a","function":{"name":"f","arguments":"{\"n\":1}"}}"#,
            ],
        ),
        (
            "indices as text, with gaps",
            &[
                r#"{"index":"3","id":"b","function":{"name":"g","arguments":"{\"n\":2}"}}"#,
                r#"{"index":"7","id":"a","function":{"name":"f","arguments":"{\"n\":"}}"#,
                r#"{"index":"7","function":{"arguments":"1}"}}"#,
            ],
        ),
    ];
    for (case, fragments) in cases {
        let chunks: Vec<String> = fragments.iter().map(|fields| call(fields)).collect();
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let calls = read(&chunks).unwrap().tool_calls;
        let calls: Vec<_> = calls.iter().map(|call| (&*call.name, &call.args)).collect();
        let expected = [("g", &json!({"n": 2})), ("f", &json!({"n": 1}))];
        assert_eq!(calls, expected, "{case}");
    }
}

#[test]
fn errors_inside_the_stream_are_found_in_every_place() {
    for (chunk, status) in [
        (r#"{"error":{"message":"m","type":"x","code":404}}"#, 404),
        (r#"{"error":"words","choices":[]}"#, 500),
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
            400,
        ),
        (r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, 500),
        (r#"{"choices":[{"delta":{},"finish_reason":"abort"}]}"#, 500),
    ] {
        let found = match read(&[chunk]).unwrap_err() {
            Error::Api { status, .. } | Error::TooLong { status, .. } => status,
            Error::Unavailable { .. } => 500,
            other => panic!("{chunk}: {other}"),
        };
        assert_eq!(found, status, "{chunk}");
    }
    assert!(read(&[r#"{"error":null,"choices":[]}"#]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_data_makes_it_panic(text in ".{0,200}", json in crate::lenient::any_json(&[
        "choices", "delta", "message", "content", "tool_calls", "function", "arguments", "name",
        "id", "index", "finish_reason", "usage", "prompt_tokens", "error", "code", "type",
    ])) {
        let mut answer = Assembly::default();
        for data in [text, json.to_string()] {
            let _ = event(&data, &mut answer);
            let _ = whole(&data, &mut answer);
        }
        answer.completion();
    }
}
