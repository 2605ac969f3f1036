//! Who is asking: a browser that knows its session, or a person whom the project vouches for (tickets.md 14.1).

use crate::Timestamp;
use crate::error::{Code, FieldError};
use crate::fields::{Field, Fields, Problems};
use crate::persons::folded_email;
use crate::tickets::DISTINCT_ID_MAX;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;
/// A claim of an address may be valid for so long at most, in seconds: a day, and five minutes for clocks that differ.
const CLAIM_MAX_SECONDS: i64 = 24 * 3600 + 300;

/// Who the request says is asking. Nothing of it has been checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The browser's secret.
    pub session: Option<Uuid>,
    /// The analytics id that goes with the session: only a label.
    pub distinct_id: Option<String>,
    /// The person's id, and the hash that the project's server made of it.
    identity: Option<(String, String)>,
    email: Option<EmailClaim>,
}

/// The project's server says which address the person has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EmailClaim {
    /// Trimmed, in lower case.
    email: String,
    hash: String,
    /// Seconds since 1970.
    expires_at: i64,
}

/// Who is asking, after the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// A browser. It owns the tickets that carry its session.
    Session {
        /// The browser's secret.
        session: Uuid,
        /// The analytics id that it gives; may be empty.
        distinct_id: String,
    },
    /// A person whom the project vouches for. They own every ticket of theirs, from any browser.
    Person {
        /// The person's id.
        distinct_id: String,
        /// What their tickets carry in place of a browser's session.
        session: Uuid,
        /// Their address, where the project vouches for that too.
        email: Option<String>,
    },
}

impl Visitor {
    /// What new tickets carry as their session.
    pub fn session(&self) -> Uuid {
        match self {
            Self::Session { session, .. } | Self::Person { session, .. } => *session,
        }
    }

    /// The analytics id that tickets get.
    pub fn distinct_id(&self) -> &str {
        match self {
            Self::Session { distinct_id, .. } | Self::Person { distinct_id, .. } => distinct_id,
        }
    }

    /// Whether the project vouches for them.
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Person { .. })
    }
}

impl Claim {
    /// Reads the members of a body or the parameters of a query. With `needs_label` a session needs a `distinct_id`
    /// beside it. Rules about the whole are tested only when no field breaks one of its own.
    pub fn read(fields: &Fields<'_>, needs_label: bool, problems: &mut Problems) -> Self {
        let session = optional(problems.take(fields.uuid("widget_session_id").nullable()));
        let text = |name, max| fields.text(name).max(max).allow_blank().nullable();
        let label = given(problems.take(text("distinct_id", DISTINCT_ID_MAX)));
        let id = given(problems.take(text("identity_distinct_id", DISTINCT_ID_MAX)));
        let hash = given(problems.take(text("identity_hash", HASH_DIGITS)));
        let email = given(problems.take(text("identity_email", 254)));
        let email_hash = given(problems.take(text("identity_hash_email", HASH_DIGITS)));
        let expiry = match fields.raw("identity_exp_email").and_then(|it| it.as_str()) {
            Some("") => None,
            _ => optional(problems.take(fields.integer("identity_exp_email").nullable())),
        };
        let mut claim = Self {
            session,
            distinct_id: label,
            identity: id.zip(hash),
            email: None,
        };
        if !problems.is_empty() {
            return claim;
        }
        match (expiry, email, email_hash) {
            // The published widget sends no expiry: what it claims then is passed over (README.md, "Decisions").
            (None, ..) => {}
            (Some(expires_at), Some(email), Some(hash)) if claim.identity.is_some() => {
                claim.email = Some(EmailClaim {
                    email: folded_email(&email),
                    hash,
                    expires_at,
                });
            }
            _ => problems.note(whole(
                "identity_email, identity_hash_email and identity_exp_email must come together, with \
                 identity_distinct_id and identity_hash",
            )),
        }
        if claim.identity.is_none() {
            if claim.session.is_none() {
                problems.note(whole(
                    "Either widget_session_id or both identity_distinct_id and identity_hash are required",
                ));
            } else if needs_label && claim.distinct_id.is_none() {
                problems.note(whole(
                    "distinct_id is required when using widget_session_id",
                ));
            }
        }
        claim
    }

    /// Whether the project's secrets are needed to say who it is.
    pub fn needs_secrets(&self) -> bool {
        self.identity.is_some()
    }

    /// Who it is; `None`: not who they say. A person wins over a session, and a wrong hash is not made good by one.
    /// A claim of an address that does not hold is passed over.
    pub fn check(self, secrets: &[String], now: Timestamp) -> Option<Visitor> {
        let Some((distinct_id, hash)) = self.identity else {
            return Some(Visitor::Session {
                session: self.session?,
                distinct_id: self.distinct_id.unwrap_or_default(),
            });
        };
        let holds = |hash: &str, message: &str| {
            // All are tried, so that the time tells nothing about which one it was.
            let tried = secrets.iter().map(|secret| is_hash(secret, message, hash));
            tried.fold(false, |found, holds| found | holds)
        };
        if !holds(&hash, &distinct_id) {
            return None;
        }
        let email = self.email.filter(|claim| {
            let expiry = claim.expires_at;
            let message = format!("v1\0{distinct_id}\0{}\0{expiry}", claim.email);
            let left = expiry.saturating_sub(now.as_micros() / 1_000_000);
            (1..=CLAIM_MAX_SECONDS).contains(&left) && holds(&claim.hash, &message)
        });
        Some(Visitor::Person {
            session: session_of(&hash),
            distinct_id,
            email: email.map(|claim| claim.email),
        })
    }
}

fn optional<T>(field: Option<Field<T>>) -> Option<T> {
    field.and_then(Field::value)
}

/// A blank text is none.
fn given(field: Option<Field<String>>) -> Option<String> {
    optional(field).filter(|text| !text.is_empty())
}

fn whole(detail: &str) -> FieldError {
    FieldError {
        code: Code::InvalidInput,
        detail: detail.to_owned(),
        attr: None,
    }
}

/// Whether `hex` is the HMAC-SHA256 of the message under the secret, in lower-case hexadecimal digits. The comparison
/// takes the same time wherever they differ.
fn is_hash(secret: &str, message: &str, hex: &str) -> bool {
    let (Ok(mut mac), Some(bytes)) = (
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()),
        bytes_of(hex),
    ) else {
        return false;
    };
    mac.update(message.as_bytes());
    mac.verify_slice(&bytes).is_ok()
}

/// The bytes of 64 lower-case hexadecimal digits.
fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if hex.len() != HASH_DIGITS {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// What the tickets of a person carry as their session. Nobody can tell it who does not have the hash.
fn session_of(hash: &str) -> Uuid {
    let digest = Sha256::new_with_prefix(b"thicket widget session\0")
        .chain_update(hash.as_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
