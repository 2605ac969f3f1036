use super::{Parser, TooLarge};
use proptest::prelude::*;

type Pair = (String, String);

fn drain(parser: &mut Parser, into: &mut Vec<Pair>) -> Result<(), TooLarge> {
    while let Some(event) = parser.next_event()? {
        into.push((event.name.into_owned(), event.data.into_owned()));
    }
    Ok(())
}

/// Feeds the pieces one by one and takes out events after each.
fn parse<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limit: usize,
) -> (Vec<Pair>, Result<(), TooLarge>) {
    let mut parser = Parser::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(piece);
        if let Err(error) = drain(&mut parser, &mut events) {
            return (events, Err(error));
        }
    }
    parser.finish();
    let end = drain(&mut parser, &mut events);
    (events, end)
}

fn parse_all(text: &[u8]) -> Vec<Pair> {
    let (events, end) = parse([text], usize::MAX);
    end.unwrap();
    events
}

/// The standard's algorithm on the whole text at once, as plainly as can be.
fn naive(bytes: &[u8]) -> Vec<Pair> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n") + "\n\n";
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), None::<String>);
    for line in text.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.take() {
                events.push((name.clone(), data));
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut data) {
            ("event", _) => name = value.to_owned(),
            ("data", None) => data = Some(value.to_owned()),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            _ => {}
        }
    }
    events
}

#[test]
fn reads_what_servers_send() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("\n\n\n", &[]),
        (": a comment\n\n", &[]),
        ("data: a\n\n", &[("", "a")]),
        ("data:a\n\n", &[("", "a")]),
        ("data:  a\n\n", &[("", " a")]),
        ("data\n\n", &[("", "")]),
        ("data: a\ndata: b\n\n", &[("", "a\nb")]),
        ("data:\ndata:\n\n", &[("", "\n")]),
        ("event: ping\ndata: {}\n\n", &[("ping", "{}")]),
        ("event: ping\n\ndata: {}\n\n", &[("", "{}")]),
        ("event: a\nevent: b\ndata: x\n\n", &[("b", "x")]),
        ("id: 1\nretry: 5\nodd\ndata: a\n\n", &[("", "a")]),
        ("data: a\n: between\ndata: b\n\n", &[("", "a\nb")]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]),
        ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("data: a\r\n\ndata: b\n\r\n", &[("", "a"), ("", "b")]),
        ("\u{feff}data: a\n\n", &[("", "a")]),
        ("data: \u{feff}\n\n", &[("", "\u{feff}")]),
        ("data: a\n", &[("", "a")]),
        ("data: a", &[("", "a")]),
        ("data: a\n\ndata: [DONE]", &[("", "a"), ("", "[DONE]")]),
        ("data: a: b: c\n\n", &[("", "a: b: c")]),
        ("Data: a\n\n", &[]),
        (" data: a\n\n", &[]),
    ];
    for (text, expected) in cases {
        let expected: Vec<Pair> = expected
            .iter()
            .map(|(name, data)| ((*name).to_owned(), (*data).to_owned()))
            .collect();
        assert_eq!(parse_all(text.as_bytes()), expected, "{text:?}");
        assert_eq!(naive(text.as_bytes()), expected, "naive: {text:?}");
    }
}

#[test]
fn any_two_cuts_give_the_same_events() {
    let text = "\u{feff}: hi\r\nevent: délta\r\ndata: {\"a\":\"é😀\"}\r\n\r\ndata: x\ndata: y\n\rdata: [DONE]";
    let bytes = text.as_bytes();
    let whole = parse_all(bytes);
    assert_eq!(whole.len(), 3);
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(
                parse(pieces, usize::MAX).0,
                whole,
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn an_event_is_out_as_soon_as_its_blank_line_begins() {
    for end in ["\n\n", "\r\r", "\r\n\r"] {
        let mut parser = Parser::new(100);
        parser.push(format!("data: a{end}").as_bytes());
        assert!(parser.next_event().unwrap().is_some(), "{end:?}");
        assert_eq!(parser.next_event(), Ok(None));
    }
}

#[test]
fn memory_is_bounded() {
    let endless: [(&str, &[u8]); 4] = [
        ("line", b"data: aaaaaaaaaa"),
        ("field", b"aaaaaaaaaaaaaaaa"),
        ("event", b"data: aaaaaaaa\n"),
        ("comment", b": aaaaaaaaaaaaa"),
    ];
    for (what, piece) in endless {
        let (events, end) = parse(std::iter::repeat_n(piece, 1000), 1024);
        assert_eq!(end, Err(TooLarge { limit: 1024 }), "{what}");
        assert!(events.is_empty());
    }
    // Many small events and comments are no trouble, however many come at once.
    let many = b"data: aaaaaaaa\n\n: still here\n\n".repeat(1000);
    let mut parser = Parser::new(64);
    for _ in 0..3 {
        parser.push(&many);
        let mut events = Vec::new();
        drain(&mut parser, &mut events).unwrap();
        assert_eq!(events.len(), 1000);
    }
    assert!(parser.buffer.len() <= many.len());
}

#[test]
fn the_limit_does_not_depend_on_the_cuts() {
    let event = b"event: e\r\ndata: 12345\r\n\r\n";
    let size = event.len() - 1; // the last line feed comes after the event is out
    for limit in size - 1..=size + 1 {
        let whole = parse([event.as_slice()], limit);
        let bytewise = parse(event.chunks(1), limit);
        assert_eq!(whole, bytewise);
        assert_eq!(whole.1.is_ok(), limit >= size, "limit {limit}");
    }
}

/// Pieces that make interesting streams when strung together.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "data: ",
        "data:",
        "data",
        "event: ",
        "event",
        ":",
        " ",
        "id: 7",
        "retry: 1",
        "\u{feff}",
        "é",
        "😀",
        "{\"a\":1}",
        "[DONE]",
        "x",
    ];
    prop_oneof![
        8 => proptest::sample::select(fixed.map(|text| text.as_bytes().to_vec()).to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_parser_however_it_is_cut(
        tokens in proptest::collection::vec(token(), 0..40),
        cuts in proptest::collection::vec(0_usize..8, 1..60),
    ) {
        let bytes = tokens.concat();
        let expected = naive(&bytes);
        prop_assert_eq!(parse_all(&bytes), expected.clone());
        prop_assert_eq!(parse(bytes.chunks(1), usize::MAX).0, expected.clone());
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(parse(pieces, usize::MAX).0, expected);
    }

    #[test]
    fn the_limit_strikes_alike_however_it_is_cut(
        tokens in proptest::collection::vec(token(), 0..40),
        limit in 3_usize..40,
    ) {
        let bytes = tokens.concat();
        let whole = parse([bytes.as_slice()], limit);
        prop_assert_eq!(parse(bytes.chunks(1), limit), whole);
    }
}
