//! Passwords: which ones are taken, and what is stored of them.

use crate::fields::Kind;
use crate::{Code, Env, FieldError};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use serde_json::Value;

/// Short passwords are guessed.
pub const PASSWORD_MIN: usize = 8;
/// The most code points. Hashing takes longer the longer the password is.
pub const PASSWORD_MAX: usize = 256;

/// What a password is compared with when nobody has that name, so that the answer takes as long: made like the
/// others, of no password.
pub const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password in a request. Never trimmed, and never shown in an error.
#[derive(Clone, Copy, Debug)]
pub struct Password {
    min: usize,
}

impl Password {
    /// One that is to be set: at least [`PASSWORD_MIN`] code points.
    pub const fn new() -> Self {
        Self { min: PASSWORD_MIN }
    }

    /// One that was set long ago, under whatever rule.
    pub const fn known() -> Self {
        Self { min: 1 }
    }
}

impl Default for Password {
    fn default() -> Self {
        Self::new()
    }
}

impl Kind for Password {
    type Output = String;

    fn read(&self, value: &Value, attr: &str) -> Result<String, FieldError> {
        let invalid = |detail: String| Err(FieldError::at(attr, Code::InvalidInput, detail));
        let Value::String(text) = value else {
            return invalid("Not a valid string.".to_owned());
        };
        let length = text.chars().count();
        if length == 0 {
            return Err(FieldError::plain(attr, Code::Blank));
        }
        if length < self.min {
            return invalid(format!("A password has at least {} characters.", self.min));
        }
        if length > PASSWORD_MAX {
            let detail = format!("Ensure this field has no more than {PASSWORD_MAX} characters.");
            return Err(FieldError::at(attr, Code::MaxLength, detail));
        }
        Ok(text.clone())
    }
}

/// A password that cannot be hashed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(String);

/// The argon2 string of a password, with a new salt. Takes about 20 ms and 19 MiB.
///
/// # Errors
/// None that a password within the limits can cause.
pub fn hash(env: &Env, password: &str) -> Result<String, HashError> {
    let mut salt = [0; 16];
    env.fill(&mut salt);
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether this is the password that the argon2 string was made of. Takes as long as [`hash`].
pub fn is_right(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let stored = hash(&Env::system(), "correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(is_right("correct horse", &stored));
        assert!(!is_right("correct horse ", &stored));
        assert!(!is_right("", &stored));
        assert!(!is_right("correct horse", "no hash"));
        assert_ne!(stored, hash(&Env::system(), "correct horse").unwrap());
    }

    #[test]
    fn nobodys_hash_costs_as_much_as_a_real_one_and_fits_nothing() {
        let real = hash(&Env::system(), "correct horse").unwrap();
        let (real, nobody) = (
            PasswordHash::new(&real).unwrap(),
            PasswordHash::new(NOBODYS_HASH).unwrap(),
        );
        assert_eq!(real.algorithm, nobody.algorithm);
        assert_eq!(real.params.to_string(), nobody.params.to_string());
        assert_eq!(
            real.hash.unwrap().as_ref().len(),
            nobody.hash.unwrap().as_ref().len()
        );
        assert!(!is_right("", NOBODYS_HASH));
    }

    #[test]
    fn a_password_has_its_lengths_and_keeps_its_spaces() {
        let read = |value: Value| Password::new().read(&value, "password");
        assert_eq!(read(json!(" 8 chars")).unwrap(), " 8 chars");
        assert_eq!(read(json!("ä".repeat(256))).unwrap(), "ä".repeat(256));
        for (value, code) in [
            (json!(""), Code::Blank),
            (json!("7 chars"), Code::InvalidInput),
            (json!(12_345_678), Code::InvalidInput),
            (json!("x".repeat(257)), Code::MaxLength),
        ] {
            assert_eq!(read(value).unwrap_err().code, code);
        }
        assert!(Password::known().read(&json!("x"), "password").is_ok());
    }
}
