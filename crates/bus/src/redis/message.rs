//! What is said over Redis, and to whom.

use crate::End;
use model::frames::{Frame, FrameKind};
use model::{ConversationId, NodeId, ProjectId};
use serde::{Deserialize, Serialize};

/// What a message is about; a channel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// A turn that may run in any process.
    Turn(ConversationId, i64),
    /// A project's event log.
    Project(ProjectId),
    /// The turns that one process runs.
    Node(NodeId),
}

impl Topic {
    /// The channel. The database's number is in its name, since channels, unlike keys, are the server's.
    pub(super) fn channel(self, database: i64) -> String {
        match self {
            Self::Turn(conversation, turn) => {
                format!("thicket:{database}:turn:{conversation}:{turn}")
            }
            Self::Project(project) => format!("thicket:{database}:project:{project}"),
            Self::Node(node) => format!("thicket:{database}:node:{node}"),
        }
    }

    /// Reads a channel's name.
    pub(super) fn of_channel(name: &str, database: i64) -> Option<Self> {
        let mut parts = name.split(':');
        if parts.next()? != "thicket" || parts.next()?.parse::<i64>().ok()? != database {
            return None;
        }
        let topic = match parts.next()? {
            "turn" => Self::Turn(
                ConversationId(parts.next()?.parse().ok()?),
                parts.next()?.parse().ok()?,
            ),
            "project" => Self::Project(ProjectId(parts.next()?.parse().ok()?)),
            "node" => Self::Node(NodeId(parts.next()?.parse().ok()?)),
            _ => return None,
        };
        parts.next().is_none().then_some(topic)
    }
}

/// News of a turn. Without frames and end: look into the log.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TurnNews {
    pub(super) frames: Vec<Frame>,
    pub(super) end: Option<End>,
}

/// The form on the wire.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// Sequence number, kind, payload.
    frames: Vec<(i64, String, String)>,
    /// Last sequence number, whether the next turn followed.
    end: Option<(i64, bool)>,
}

impl TurnNews {
    /// For sending. `None` if the payloads alone are longer than `limit` bytes.
    pub(super) fn encode(frames: &[Frame], end: Option<End>, limit: usize) -> Option<Vec<u8>> {
        if frames
            .iter()
            .map(|frame| frame.payload.len())
            .sum::<usize>()
            > limit
        {
            return None;
        }
        let wire = Wire {
            frames: frames
                .iter()
                .map(|it| (it.seq, it.kind.as_str().to_owned(), it.payload.clone()))
                .collect(),
            end: end.map(|end| (end.last_seq, end.continued)),
        };
        serde_json::to_vec(&wire).ok()
    }

    /// What was received. Anything that is not understood, of a newer version perhaps, says: look into the log.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        let frames = wire.frames.into_iter().map(|(seq, kind, payload)| {
            Some(Frame {
                seq,
                kind: FrameKind::from_stored(&kind)?,
                payload,
            })
        });
        Some(Self {
            frames: frames.collect::<Option<_>>()?,
            end: wire.end.map(|(last_seq, continued)| End {
                last_seq,
                continued,
            }),
        })
    }

    /// Whether it says nothing but that there is news.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.end.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_channel_names_its_topic_and_its_database() {
        let id = Uuid::from_u128(7);
        for topic in [
            Topic::Turn(ConversationId(id), 12),
            Topic::Project(ProjectId(3)),
            Topic::Node(NodeId(id)),
        ] {
            let channel = topic.channel(2);
            assert_eq!(Topic::of_channel(&channel, 2), Some(topic));
            assert_eq!(Topic::of_channel(&channel, 0), None);
            assert_eq!(Topic::of_channel(&format!("{channel}:1"), 2), None);
        }
        assert_eq!(Topic::of_channel("elsewhere", 0), None);
    }

    #[test]
    fn news_arrive_as_they_were_sent() {
        let frames = vec![Frame {
            seq: 4,
            kind: FrameKind::Point,
            payload: "{\"content\":\"\u{e9}\\n\"}".to_owned(),
        }];
        let end = Some(End {
            last_seq: 4,
            continued: true,
        });
        let bytes = TurnNews::encode(&frames, end, 100).unwrap();
        assert_eq!(
            TurnNews::decode(&bytes),
            TurnNews {
                frames: frames.clone(),
                end
            }
        );
        assert_eq!(TurnNews::encode(&frames, end, 5), None);
    }

    #[test]
    fn what_is_not_understood_says_look_into_the_log() {
        for bytes in [
            &b""[..],
            b"[]",
            b"{\"frames\":[[1,\"hologram\",\"{}\"]],\"end\":null}",
            b"\xff",
        ] {
            assert!(TurnNews::decode(bytes).is_empty());
        }
    }
}
