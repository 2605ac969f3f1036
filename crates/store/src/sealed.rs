//! Secrets that must be shown or used again, and so cannot be kept as a digest: encrypted under one key that is
//! not in the database.
//!
//! XChaCha20-Poly1305, with a random nonce for each value: its 24 bytes are enough to draw without counting.

use crate::hex::hex;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use model::Env;
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The key's file in the data directory, where none is configured.
pub const KEY_FILE: &str = "secret.key";

/// The shortest configured secret, in characters.
pub const MIN_SECRET_CHARS: usize = 16;

/// The first byte of every sealed value: which way it was sealed.
const FORMAT: u8 = 1;
const NONCE_LENGTH: usize = 24;

/// The key that secrets are sealed under and links are signed with. Not shown by `Debug`.
#[derive(Clone)]
pub struct SecretKey {
    cipher: XChaCha20Poly1305,
    signing: [u8; 32],
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The configured secret is too short.
    #[error("the secret key has fewer than {MIN_SECRET_CHARS} characters")]
    TooShort,
    /// The key's file is there, but holds no key.
    #[error(
        "{} does not hold a key: put back the file from before, or what was sealed with it is lost",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The key's file cannot be read or made.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The key's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A sealed value could not be opened: it was sealed under another key or for another purpose, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored secret cannot be opened with this secret key")]
pub struct OpenError;

impl SecretKey {
    /// The key for a configured secret: any text of at least [`MIN_SECRET_CHARS`] characters.
    ///
    /// # Errors
    /// [`KeyError::TooShort`].
    pub fn from_text(secret: &str) -> Result<Self, KeyError> {
        if secret.chars().count() < MIN_SECRET_CHARS {
            return Err(KeyError::TooShort);
        }
        Ok(Self::from_secret(secret.as_bytes()))
    }

    /// The key of a data directory: the text in its `secret.key`, which is made, readable by its owner only, when
    /// there is none.
    ///
    /// # Errors
    /// [`KeyError::Io`] and [`KeyError::NoKey`].
    pub fn load_or_create(data_dir: &Path, env: &Env) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FILE);
        if !path.exists() {
            create(data_dir, &path, env)?;
        }
        let secret = fs::read_to_string(&path).map_err(|source| KeyError::Io {
            path: path.clone(),
            source,
        })?;
        Self::from_text(secret.trim()).map_err(|_| KeyError::NoKey(path))
    }

    fn from_secret(secret: &[u8]) -> Self {
        let derived = |purpose: &[u8]| -> [u8; 32] {
            let digest = Sha256::new_with_prefix(purpose).chain_update(secret);
            digest.finalize().into()
        };
        Self {
            cipher: XChaCha20Poly1305::new(&derived(b"thicket secret key v1\0").into()),
            signing: derived(b"thicket signing key v1\0"),
        }
    }

    /// A signature of a text, in 43 URL-safe characters. `purpose` says what it is for: a signature made for one
    /// purpose is worth nothing for another.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(purpose, text).finalize().into_bytes())
    }

    /// Whether a text was signed with this key for this purpose. Takes the same time for every wrong signature.
    pub fn verify(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        self.mac(purpose, text).verify_slice(&signature).is_ok()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.signing);
        let mac = mac.expect("32 bytes are a key");
        mac.chain_update(purpose.as_bytes())
            .chain_update([0])
            .chain_update(text.as_bytes())
    }

    /// Encrypts a secret. `purpose` says what it is (`project.secret_token 7`): a value that somebody moved to
    /// another place does not open there.
    #[expect(
        clippy::expect_used,
        reason = "no caller could do better, and none has so long a secret"
    )]
    pub fn seal(&self, env: &Env, purpose: &str, secret: &[u8]) -> Vec<u8> {
        let mut nonce = [0_u8; NONCE_LENGTH];
        env.fill(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: purpose.as_bytes(),
        };
        let encrypted = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("texts up to 256 GiB can be encrypted");
        let mut sealed = Vec::with_capacity(1 + NONCE_LENGTH + encrypted.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        sealed
    }

    /// Decrypts what [`seal`](Self::seal) made for the same purpose.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let Some((&FORMAT, rest)) = sealed.split_first() else {
            return Err(OpenError);
        };
        let (nonce, encrypted) = rest.split_at_checked(NONCE_LENGTH).ok_or(OpenError)?;
        let payload = Payload {
            msg: encrypted,
            aad: purpose.as_bytes(),
        };
        self.cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| OpenError)
    }
}

/// Writes a new key beside its place and links it there, so that a crash leaves no half of a key and of two
/// processes at once one wins.
fn create(data_dir: &Path, path: &Path, env: &Env) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    let partial = data_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut random = [0_u8; 32];
    env.fill(&mut random);
    let written = write_private(&partial, &hex(&random)).and_then(|()| {
        match fs::hard_link(&partial, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // Not every file system has links.
                fs::rename(&partial, path)
            }
            _ => fs::remove_file(&partial),
        }
    });
    written.map_err(|source| {
        drop(fs::remove_file(&partial));
        failed(source)
    })
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file().create(true).truncate(true).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// Opens for writing; a file that is created is for its owner only.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sixteen letters!";

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_purpose_only() {
        let env = Env::system();
        let key = SecretKey::from_text(SECRET).unwrap();
        let sealed = key.seal(&env, "token 1", b"hush");
        assert_eq!(key.open("token 1", &sealed).unwrap(), b"hush");
        assert_eq!(key.open("token 2", &sealed), Err(OpenError));
        let other = SecretKey::from_text("another sixteen letters").unwrap();
        assert_eq!(other.open("token 1", &sealed), Err(OpenError));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let env = Env::system();
        let key = SecretKey::from_text(SECRET).unwrap();
        let sealed = key.seal(&env, "token", b"hush");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(key.open("token", &changed), Err(OpenError), "byte {index}");
            assert_eq!(key.open("token", &sealed[..index]), Err(OpenError));
        }
    }

    #[test]
    fn one_secret_is_sealed_differently_each_time() {
        let env = Env::system();
        let key = SecretKey::from_text(SECRET).unwrap();
        assert_ne!(key.seal(&env, "t", b"hush"), key.seal(&env, "t", b"hush"));
    }

    #[test]
    fn a_secret_has_at_least_sixteen_characters() {
        assert!(matches!(
            SecretKey::from_text("fifteen letters"),
            Err(KeyError::TooShort)
        ));
        // Characters, not bytes.
        assert!(SecretKey::from_text(&"ä".repeat(15)).is_err());
        assert!(SecretKey::from_text(&"ä".repeat(16)).is_ok());
    }

    #[test]
    fn the_key_file_is_made_once_and_private() {
        let env = Env::system();
        let dir = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(dir.path(), &env).unwrap();
        let sealed = key.seal(&env, "t", b"hush");
        let again = SecretKey::load_or_create(dir.path(), &env).unwrap();
        assert_eq!(again.open("t", &sealed).unwrap(), b"hush");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(KEY_FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_emptied_key_file_is_refused_and_not_replaced() {
        let env = Env::system();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(KEY_FILE), "").unwrap();
        let error = SecretKey::load_or_create(dir.path(), &env).unwrap_err();
        assert!(matches!(error, KeyError::NoKey(_)), "{error}");
    }

    #[test]
    fn a_signature_is_for_one_purpose_one_text_and_one_key() {
        let key = SecretKey::from_text("a secret of some length").unwrap();
        let signature = key.sign("media", "1/a");
        assert_eq!(signature.len(), 43);
        assert!(key.verify("media", "1/a", &signature));
        assert!(!key.verify("media", "1/b", &signature));
        assert!(!key.verify("medi", "a1/a", &signature));
        assert!(!key.verify("media", "1/a", ""));
        assert!(!key.verify("media", "1/a", &signature[1..]));
        assert!(!key.verify("media", "1/a", "\u{e4}"));
        let other = SecretKey::from_text("another secret of length").unwrap();
        assert!(!other.verify("media", "1/a", &signature));
    }
}
