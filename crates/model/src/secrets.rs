//! Making, recognising and showing the secrets that clients carry (conventions.md 2.2).

use crate::Env;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret: what is stored and looked for instead of the secret.
pub type Digest = [u8; 32];

/// The kinds of token, told apart by their prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `phx_`: a personal API key. Acts for a person.
    PersonalKey,
    /// `pha_`: an OAuth access token.
    OauthAccess,
    /// `phs_`: a project's secret token.
    ProjectSecret,
    /// `phc_`: a project's public token.
    ProjectPublic,
}

impl Kind {
    /// The kind that the token's prefix names.
    pub fn of(token: &str) -> Option<Self> {
        [
            Self::PersonalKey,
            Self::OauthAccess,
            Self::ProjectSecret,
            Self::ProjectPublic,
        ]
        .into_iter()
        .find(|kind| token.starts_with(kind.prefix()))
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::PersonalKey => "phx_",
            Self::OauthAccess => "pha_",
            Self::ProjectSecret => "phs_",
            Self::ProjectPublic => "phc_",
        }
    }
}

/// A new personal API key: `phx_` and 35 random bytes in base 62.
pub fn personal_key(env: &Env) -> String {
    prefixed::<35>(env, Kind::PersonalKey)
}

/// A new secret token of a project: `phs_` and 35 random bytes in base 62.
pub fn project_secret(env: &Env) -> String {
    prefixed::<35>(env, Kind::ProjectSecret)
}

/// A new public token of a project: `phc_` and 32 random bytes in base 62.
pub fn project_public(env: &Env) -> String {
    prefixed::<32>(env, Kind::ProjectPublic)
}

/// A new public token of the widget: 32 random bytes as 43 URL-safe characters.
pub fn widget_token(env: &Env) -> String {
    random_text::<32>(env)
}

/// A new token for the link of an invitation: 32 random bytes as 43 URL-safe characters.
pub fn invite_token(env: &Env) -> String {
    random_text::<32>(env)
}

/// So many random bytes as URL-safe characters.
pub(crate) fn random_text<const N: usize>(env: &Env) -> String {
    URL_SAFE_NO_PAD.encode(random::<N>(env))
}

/// A name for something that people point others to: short, and not to be guessed in passing. No secret.
pub fn short_id(env: &Env) -> String {
    base62(random::<6>(env))
}

/// A new token that moves a visitor's tickets to another browser: 32 random bytes as 43 URL-safe characters.
pub fn restore_token(env: &Env) -> String {
    URL_SAFE_NO_PAD.encode(random::<32>(env))
}

/// What is stored of a secret.
pub fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// What may be shown of a secret later: its prefix and its last four characters.
pub fn mask(secret: &str) -> String {
    let prefix = Kind::of(secret).map_or("", Kind::prefix);
    let bare = &secret[prefix.len()..];
    let last = bare
        .char_indices()
        .rev()
        .nth(3)
        .map_or("", |(start, _)| &bare[start..]);
    format!("{prefix}...{last}")
}

fn prefixed<const N: usize>(env: &Env, kind: Kind) -> String {
    format!("{}{}", kind.prefix(), base62(random::<N>(env)))
}

fn random<const N: usize>(env: &Env) -> [u8; N] {
    let mut bytes = [0; N];
    env.fill(&mut bytes);
    bytes
}

/// The bytes as one big number in base 62, as long as the biggest such number.
fn base62<const N: usize>(mut bytes: [u8; N]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    // 62 needs 5.954 bits.
    let length = (N * 8 * 1000).div_ceil(5954);
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut remainder: u32 = 0;
        for byte in &mut bytes {
            let number = remainder << 8 | u32::from(*byte);
            // Less than 256, for the remainder is less than 62.
            *byte = u8::try_from(number / 62).unwrap_or(u8::MAX);
            remainder = number % 62;
        }
        let digit = usize::try_from(remainder).unwrap_or(0);
        digits.push(char::from(DIGITS[digit]));
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, SystemClock};
    use std::sync::Arc;

    struct Constant(u8);

    impl Rng for Constant {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn env(byte: u8) -> Env {
        Env::new(Arc::new(SystemClock), Arc::new(Constant(byte)))
    }

    #[test]
    fn base62_counts_as_a_big_number() {
        assert_eq!(base62([0, 61]), "00Z");
        assert_eq!(base62([0, 62]), "010");
        assert_eq!(base62([255, 255]), "h31");
        assert_eq!(base62([0; 35]).len(), 48);
        // 2^280 - 1 fits into as many digits.
        assert_ne!(base62([255; 35]).as_bytes()[0], 0);
    }

    #[test]
    fn tokens_have_their_published_form() {
        for byte in [0, 77, 255] {
            let env = env(byte);
            for (token, kind, bytes) in [
                (personal_key(&env), Kind::PersonalKey, 48),
                (project_secret(&env), Kind::ProjectSecret, 48),
                (project_public(&env), Kind::ProjectPublic, 43),
            ] {
                assert_eq!(Kind::of(&token), Some(kind));
                assert_eq!(token.len(), 4 + bytes, "{token}");
                assert!(token[4..].bytes().all(|c| c.is_ascii_alphanumeric()));
            }
            let widget = widget_token(&env);
            assert_eq!(widget.len(), 43);
            assert_eq!(Kind::of(&widget), None);
        }
    }

    #[test]
    fn system_tokens_differ() {
        let env = Env::system();
        assert_ne!(personal_key(&env), personal_key(&env));
    }

    #[test]
    fn a_mask_shows_prefix_and_last_four() {
        for (secret, shown) in [
            ("phx_abcdefghij", "phx_...ghij"),
            ("phx_abc", "phx_..."),
            ("nothing-known", "...nown"),
            ("", "..."),
            (
                "phx_\u{e4}\u{f6}\u{fc}\u{df}",
                "phx_...\u{e4}\u{f6}\u{fc}\u{df}",
            ),
        ] {
            assert_eq!(mask(secret), shown);
        }
    }

    #[test]
    fn a_digest_is_sha256() {
        let hex: String = digest("abc")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
