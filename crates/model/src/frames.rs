//! Frames: the log of a turn, and how its two stream dialects are rendered from it.
//!
//! A turn writes frames with dense sequence numbers. Everything a reader ever gets is a function of them, so
//! every reader, at any time and after any restart, gets the same bytes (spec "Two stream dialects",
//! "Snapshot dialect", "Cursors").
//!
//! A *partial* message is written as one [`FrameKind::Open`] and any number of [`FrameKind::Delta`] and
//! [`FrameKind::Point`] frames, each carrying only the new text; the final [`FrameKind::Message`] replaces it.

use crate::Timestamp;
use crate::messages::{Meta, ToolCall};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The id of the partial message while it is being written (ai-conversations.md 5.4).
pub const PARTIAL_ID: &str = "temp-0";
/// Two snapshot points of one partial are at least this far apart.
const POINT_EVERY: Duration = Duration::from_millis(50);
/// A snapshot point needs the text to have grown by one part in so many.
const POINT_GROWTH: usize = 64;

/// A place in a conversation's stream: everything up to this frame has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Number of the turn, from 1.
    pub turn: i64,
    /// Sequence number of the frame, from 1; 0 is the place before the first.
    pub seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.turn, self.seq)
    }
}

/// The text is not `<turn>:<seq>`.
#[derive(Debug, PartialEq, Eq)]
pub struct MalformedCursor;

impl FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let number = |digits: &str| {
            let plain = !digits.is_empty()
                && digits.len() <= 18
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain {
                digits.parse::<i64>().ok()
            } else {
                None
            }
        };
        let (turn, seq) = text.split_once(':').ok_or(MalformedCursor)?;
        let cursor = Self {
            turn: number(turn).ok_or(MalformedCursor)?,
            seq: number(seq).ok_or(MalformedCursor)?,
        };
        if cursor.turn < 1 {
            Err(MalformedCursor)
        } else {
            Ok(cursor)
        }
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The conversation in its minimal form; sent when it was made, and when its title changed.
    Conversation,
    /// A complete message.
    Message,
    /// The first piece of a partial message.
    Open,
    /// A further piece.
    Delta,
    /// A further piece, after which the snapshot dialect shows the text so far.
    Point,
    /// Progress inside a tool call.
    Update,
    /// A proposal that waits for the user's decision.
    Approval,
}

impl FrameKind {
    const ALL: [Self; 7] = [
        Self::Conversation,
        Self::Message,
        Self::Open,
        Self::Delta,
        Self::Point,
        Self::Update,
        Self::Approval,
    ];

    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Open => "open",
            Self::Delta => "delta",
            Self::Point => "point",
            Self::Update => "update",
            Self::Approval => "approval",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One event of a turn's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Dense within the turn, from 1.
    pub seq: i64,
    /// What it is.
    pub kind: FrameKind,
    /// JSON on one line: the event's data, or a [`Piece`].
    pub payload: String,
}

/// A piece of a partial message: only what is new.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// New text.
    #[serde(default)]
    pub content: String,
    /// [`PARTIAL_ID`].
    #[serde(default)]
    pub id: String,
    /// New reasoning text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    /// Tools the model has begun to call; arguments come with the final message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

impl Piece {
    /// Whether there is nothing new in it.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.thinking.is_empty() && self.tool_calls.is_empty()
    }

    /// The stored form.
    pub fn to_payload(&self) -> String {
        json!(self).to_string()
    }

    fn from_payload(payload: &str) -> Self {
        serde_json::from_str(payload).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.content.len() + self.thinking.len()
    }
}

/// A partial message put together from its pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partial {
    /// The text so far.
    pub content: String,
    /// The reasoning so far.
    pub thinking: String,
    /// The tools the model has begun to call.
    pub tool_calls: Vec<ToolCall>,
    /// `content` as it stands inside a JSON string: so a snapshot costs a copy, not another escaping.
    escaped: String,
}

impl Partial {
    /// Puts together what frames say; frames that are no pieces are passed over.
    pub fn of<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Self {
        let mut partial = Self::default();
        for frame in frames {
            if matches!(
                frame.kind,
                FrameKind::Open | FrameKind::Delta | FrameKind::Point
            ) {
                partial.push(&Piece::from_payload(&frame.payload));
            }
        }
        partial
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: &Piece) {
        self.content.push_str(&piece.content);
        self.thinking.push_str(&piece.thinking);
        self.tool_calls.extend(piece.tool_calls.iter().cloned());
        let quoted = Value::from(piece.content.as_str()).to_string();
        self.escaped.push_str(
            quoted
                .get(1..quoted.len().saturating_sub(1))
                .unwrap_or_default(),
        );
    }

    fn to_data(&self) -> String {
        let mut data = String::with_capacity(self.escaped.len() + 96);
        data.push_str("{\"content\":\"");
        data.push_str(&self.escaped);
        data.push_str("\",\"id\":\"");
        data.push_str(PARTIAL_ID);
        data.push('"');
        if !self.thinking.is_empty() {
            let meta = json!({ "thinking": Meta::thinking_blocks(&self.thinking) });
            data.push_str(",\"meta\":");
            data.push_str(&meta.to_string());
        }
        if !self.tool_calls.is_empty() {
            data.push_str(",\"tool_calls\":");
            data.push_str(&json!(self.tool_calls).to_string());
        }
        data.push_str(",\"type\":\"ai\"}");
        data
    }
}

/// Decides, as pieces are written, which of them become snapshot points.
///
/// Points are fixed when frames are written: at least 50 ms after the last one **and** the text grown by at
/// least 1/64; so the snapshots of an answer are linear in its length, however long it is. The first text is
/// never held back, also when it follows reasoning.
#[derive(Debug, Default)]
pub struct Pacer {
    len: usize,
    has_text: bool,
    point: Option<(Timestamp, usize)>,
}

impl Pacer {
    /// The kind of frame for the next piece. The first is [`FrameKind::Open`].
    pub fn kind(&mut self, now: Timestamp, piece: &Piece) -> FrameKind {
        self.len += piece.len();
        let is_first_text = !self.has_text && !piece.content.is_empty();
        self.has_text |= is_first_text;
        let Some((last_at, last_len)) = self.point else {
            self.point = Some((now, self.len));
            return FrameKind::Open;
        };
        let grown = self.len - last_len >= last_len.div_ceil(POINT_GROWTH);
        let is_due = (grown || !piece.tool_calls.is_empty()) && now.since(last_at) >= POINT_EVERY;
        if is_first_text || is_due {
            self.point = Some((now, self.len));
            return FrameKind::Point;
        }
        FrameKind::Delta
    }
}

/// The two ways a stream can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Partial messages carry the whole text so far. What clients of the original expect.
    #[default]
    Snapshot,
    /// Partial messages are sent once, then only what is new.
    Delta,
}

/// A frame as bytes, once for both dialects.
#[derive(Clone, Debug)]
pub struct Event {
    /// The frame's sequence number.
    pub seq: i64,
    snapshot: Option<Bytes>,
    delta: Bytes,
}

impl Event {
    /// The bytes in a dialect; nothing when the dialect leaves this frame out.
    pub fn bytes(&self, dialect: Dialect) -> Option<&Bytes> {
        match dialect {
            Dialect::Snapshot => self.snapshot.as_ref(),
            Dialect::Delta => Some(&self.delta),
        }
    }
}

/// Renders the frames of one turn, in order, from the first.
#[derive(Debug)]
pub struct Renderer {
    turn: i64,
    partial: Partial,
}

impl Renderer {
    /// A renderer for the frames of the turn with this number.
    pub fn new(turn: i64) -> Self {
        Self {
            turn,
            partial: Partial::default(),
        }
    }

    /// Renders the next frame.
    pub fn render(&mut self, frame: &Frame) -> Event {
        let cursor = Cursor {
            turn: self.turn,
            seq: frame.seq,
        };
        let (snapshot, delta) = match frame.kind {
            FrameKind::Open => {
                self.partial = Partial::default();
                self.partial.push(&Piece::from_payload(&frame.payload));
                let bytes = event("message", &self.partial.to_data(), cursor);
                (Some(bytes.clone()), bytes)
            }
            FrameKind::Delta | FrameKind::Point => {
                self.partial.push(&Piece::from_payload(&frame.payload));
                let snapshot = (frame.kind == FrameKind::Point)
                    .then(|| event("message", &self.partial.to_data(), cursor));
                (snapshot, event("delta", &frame.payload, cursor))
            }
            FrameKind::Message => {
                self.partial = Partial::default();
                let bytes = event("message", &frame.payload, cursor);
                (Some(bytes.clone()), bytes)
            }
            FrameKind::Conversation | FrameKind::Update | FrameKind::Approval => {
                let bytes = event(frame.kind.as_str(), &frame.payload, cursor);
                (Some(bytes.clone()), bytes)
            }
        };
        Event {
            seq: frame.seq,
            snapshot,
            delta,
        }
    }
}

/// One server-sent event; the id stands after the data (spec "Cursors").
fn event(name: &str, data: &str, cursor: Cursor) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\nid: {cursor}\n\n"))
}

/// JSON with a space after every `,` and `:`, as `conversation` events have it (ai-conversations.md 5.1).
pub fn spaced_json<T: Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Spaced);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> Piece {
        Piece {
            content: text.into(),
            id: PARTIAL_ID.into(),
            ..Piece::default()
        }
    }

    fn frame(seq: i64, kind: FrameKind, payload: String) -> Frame {
        Frame { seq, kind, payload }
    }

    fn text(event: &Event, dialect: Dialect) -> String {
        event
            .bytes(dialect)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn cursors_are_two_plain_integers() {
        assert_eq!("3:17".parse(), Ok(Cursor { turn: 3, seq: 17 }));
        assert_eq!("1:0".parse(), Ok(Cursor { turn: 1, seq: 0 }));
        for bad in [
            "",
            "3",
            "3:",
            ":3",
            "a:b",
            "-1:2",
            "1:-2",
            "+1:2",
            "1:2:3",
            "0:1",
            "1 :2",
            "9999999999999999999:1",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(MalformedCursor), "{bad}");
        }
    }

    #[test]
    fn both_dialects_start_a_partial_with_the_same_message() {
        let mut renderer = Renderer::new(2);
        let open = renderer.render(&frame(1, FrameKind::Open, piece("Hel\"lo").to_payload()));
        let expected = "event: message\ndata: {\"content\":\"Hel\\\"lo\",\"id\":\"temp-0\",\"type\":\"ai\"}\nid: 2:1\n\n";
        assert_eq!(text(&open, Dialect::Snapshot), expected);
        assert_eq!(text(&open, Dialect::Delta), expected);
    }

    #[test]
    fn a_delta_carries_only_what_is_new_and_a_point_the_whole() {
        let mut renderer = Renderer::new(1);
        renderer.render(&frame(1, FrameKind::Open, piece("a").to_payload()));
        let delta = renderer.render(&frame(2, FrameKind::Delta, piece("b").to_payload()));
        let point = renderer.render(&frame(3, FrameKind::Point, piece("c\n").to_payload()));
        assert_eq!(
            text(&delta, Dialect::Delta),
            "event: delta\ndata: {\"content\":\"b\",\"id\":\"temp-0\"}\nid: 1:2\n\n"
        );
        assert!(delta.bytes(Dialect::Snapshot).is_none());
        assert_eq!(
            text(&point, Dialect::Snapshot),
            "event: message\ndata: {\"content\":\"abc\\n\",\"id\":\"temp-0\",\"type\":\"ai\"}\nid: 1:3\n\n"
        );
    }

    #[test]
    fn reasoning_and_tool_names_travel_in_partials() {
        let mut renderer = Renderer::new(1);
        let first = Piece {
            thinking: "let me see".into(),
            id: PARTIAL_ID.into(),
            ..Piece::default()
        };
        let open = renderer.render(&frame(1, FrameKind::Open, first.to_payload()));
        assert!(
            text(&open, Dialect::Snapshot)
                .contains(r#""meta":{"thinking":[{"thinking":"let me see","type":"thinking"}]}"#)
        );
        let call = ToolCall::new("c1".into(), "look".into(), json!({}));
        let second = Piece {
            tool_calls: vec![call],
            id: PARTIAL_ID.into(),
            ..Piece::default()
        };
        let point = renderer.render(&frame(2, FrameKind::Point, second.to_payload()));
        assert!(
            text(&point, Dialect::Snapshot).contains(
                r#""tool_calls":[{"args":{},"id":"c1","name":"look","type":"tool_call"}]"#
            )
        );
    }

    #[test]
    fn the_first_text_after_reasoning_is_shown_at_once() {
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        let thinking = Piece {
            thinking: "hm ".repeat(100),
            ..Piece::default()
        };
        let mut pacer = Pacer::default();
        assert_eq!(pacer.kind(at(0), &thinking), FrameKind::Open);
        assert_eq!(pacer.kind(at(1), &piece("It")), FrameKind::Point);
        assert_eq!(pacer.kind(at(2), &piece(" is")), FrameKind::Delta);
    }

    #[test]
    fn points_wait_for_time_and_for_growth() {
        let mut pacer = Pacer::default();
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        let long = piece(&"x".repeat(6400));
        assert_eq!(pacer.kind(at(0), &long), FrameKind::Open);
        assert_eq!(pacer.kind(at(49), &long), FrameKind::Delta, "too early");
        assert_eq!(
            pacer.kind(at(50), &piece("x")),
            FrameKind::Point,
            "grown since the last point"
        );
        assert_eq!(
            pacer.kind(at(200), &piece("x")),
            FrameKind::Delta,
            "hardly grown"
        );
    }

    #[test]
    fn the_snapshots_of_a_long_answer_are_linear_in_its_length() {
        let bytes_for = |tokens: i64| {
            let (mut pacer, mut renderer, mut total) = (Pacer::default(), Renderer::new(1), 0);
            for token in 0..tokens {
                let piece = piece("word ");
                let kind = pacer.kind(Timestamp::from_micros(token * 1_000_000), &piece);
                let event = renderer.render(&frame(token + 1, kind, piece.to_payload()));
                total += event.bytes(Dialect::Snapshot).map_or(0, Bytes::len);
            }
            total
        };
        let (short, long) = (bytes_for(5_000), bytes_for(20_000));
        assert!(long < short * 5, "{short} -> {long}");
    }

    #[test]
    fn conversation_events_have_spaces_after_separators() {
        assert_eq!(
            spaced_json(&json!({"a": [1, "x,y:z"], "b": {}})),
            r#"{"a": [1, "x,y:z"], "b": {}}"#
        );
    }
}
