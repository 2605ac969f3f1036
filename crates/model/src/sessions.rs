//! Sessions of people who have signed in (spec/README.md, "Sessions").

use crate::Env;
use crate::secrets::{Digest, digest, random_text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::time::Duration;

/// How long a session lives on after it was last seen.
pub const LIFETIME: Duration = Duration::from_secs(14 * 86_400);
/// How exactly it is recorded when a session was last seen.
pub const TOUCH_INTERVAL: Duration = Duration::from_secs(3_600);
/// The most code points that are kept of what a browser calls itself.
pub const USER_AGENT_MAX: usize = 300;

/// The value of a session's cookie: 32 random bytes as 43 URL-safe characters. It is the whole proof of who
/// somebody is, so it is stored nowhere and shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionSecret(String);

impl SessionSecret {
    /// A new one.
    pub fn new(env: &Env) -> Self {
        Self(random_text::<32>(env))
    }

    /// What a cookie holds; `None` when it cannot be one of ours.
    pub fn read(cookie: &str) -> Option<Self> {
        let is_ours = cookie.len() == 43
            && cookie
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        is_ours.then(|| Self(cookie.to_owned()))
    }

    /// The cookie's value.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked for.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }

    /// What a page of ours must send along with a change, to show that it is one: it follows from the secret, and
    /// the secret does not follow from it.
    pub fn csrf_token(&self) -> String {
        let hash = Sha256::new()
            .chain_update("thicket csrf token")
            .chain_update(&self.0);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// Shows nothing.
impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

/// What is kept of a `User-Agent` header.
pub fn user_agent(header: &str) -> String {
    header.chars().take(USER_AGENT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_and_nothing_else_is() {
        let secret = SessionSecret::new(&Env::system());
        assert_eq!(SessionSecret::read(secret.reveal()), Some(secret.clone()));
        for text in [
            "",
            "short",
            &"a".repeat(42),
            &"a".repeat(44),
            &"ä".repeat(22),
        ] {
            assert_eq!(SessionSecret::read(text), None, "{text}");
        }
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }

    #[test]
    fn a_csrf_token_belongs_to_one_secret_and_does_not_show_it() {
        let (one, two) = (
            SessionSecret::new(&Env::system()),
            SessionSecret::new(&Env::system()),
        );
        assert_eq!(one.csrf_token(), one.clone().csrf_token());
        assert_ne!(one.csrf_token(), two.csrf_token());
        assert_eq!(one.csrf_token().len(), 43);
        assert_ne!(one.csrf_token(), one.reveal());
    }

    #[test]
    fn a_long_user_agent_is_cut() {
        assert_eq!(user_agent("ä").len(), 2);
        assert_eq!(
            user_agent(&"ä".repeat(1000)).chars().count(),
            USER_AGENT_MAX
        );
    }
}
