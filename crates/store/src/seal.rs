//! Secrets that must be read again are kept encrypted (spec/README.md, "Secrets").

use crate::{Error, Result};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::Env;
use sha2::{Digest as _, Sha256};
use std::fmt;

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;

/// The key that seals stored secrets. Replicas of one database need the same.
#[derive(Clone)]
pub struct SealKey(XChaCha20Poly1305);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// The key that belongs to a text: `THICKET_SECRET_KEY`, or the content of the key file. The text must be
    /// hard to guess: it is hashed once, not stretched.
    pub fn of(secret: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"thicket seal 1\0");
        hash.update(secret.trim().as_bytes());
        let key: [u8; 32] = hash.finalize().into();
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    /// Encrypts a text. `place` (table, column, row) becomes part of the seal, so that a sealed value cannot be
    /// moved to another place.
    ///
    /// # Errors
    /// [`Error::Internal`]; a text of any sensible length can be sealed.
    pub fn seal(&self, env: &Env, place: &str, text: &str) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LENGTH];
        env.fill(&mut nonce);
        let payload = Payload {
            msg: text.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| Error::Internal("a secret could not be sealed".to_owned()))?;
        let mut out = Vec::with_capacity(1 + NONCE_LENGTH + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Decrypts what [`Self::seal`] gave for the same place.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it was sealed with another key or for another place, or has been altered.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<String> {
        let corrupt = || {
            Error::Corrupt(format!(
                "{place} cannot be unsealed: is THICKET_SECRET_KEY, or the key file, the one it was sealed with?"
            ))
        };
        let (version, rest) = sealed.split_first().ok_or_else(corrupt)?;
        if *version != VERSION || rest.len() < NONCE_LENGTH {
            return Err(corrupt());
        }
        let (nonce, msg) = rest.split_at(NONCE_LENGTH);
        let payload = Payload {
            msg,
            aad: place.as_bytes(),
        };
        let text = self
            .0
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| corrupt())?;
        String::from_utf8(text).map_err(|_| corrupt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_place() {
        let env = Env::system();
        let key = SealKey::of("correct horse");
        let sealed = key.seal(&env, "project.secret", "phs_abc").unwrap();
        assert_eq!(key.open("project.secret", &sealed).unwrap(), "phs_abc");
        assert_eq!(
            SealKey::of(" correct horse\n")
                .open("project.secret", &sealed)
                .unwrap(),
            "phs_abc"
        );
        assert!(
            SealKey::of("wrong")
                .open("project.secret", &sealed)
                .is_err()
        );
        assert!(key.open("elsewhere", &sealed).is_err());
        assert!(key.open("project.secret", &[]).is_err());
        assert!(key.open("project.secret", &sealed[..20]).is_err());
        let mut altered = sealed.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(key.open("project.secret", &altered).is_err());
        assert_ne!(sealed, key.seal(&env, "project.secret", "phs_abc").unwrap());
        assert!(!sealed.windows(3).any(|part| part == b"phs"));
    }
}
