//! Hashing and checking passwords: expensive on purpose, so only a few at a time, and never where requests are served.

use crate::ApiError;
use model::Env;
use model::passwords::{self, NOBODYS_HASH};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// So many at a time, with about 19 MiB each.
const AT_ONCE: usize = 4;
/// Who has waited for so long is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where all passwords of a server are hashed and checked.
pub(crate) struct Passwords(Semaphore);

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Passwords {
    /// The argon2 string of a password.
    ///
    /// # Errors
    /// 503 when too many others wait.
    pub(crate) async fn hash(&self, env: &Env, password: String) -> Result<String, ApiError> {
        let _permit = self.permit().await?;
        let env = env.clone();
        tokio::task::spawn_blocking(move || passwords::hash(&env, &password))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::internal)
    }

    /// Whether a password is the right one. Takes as long when there is none to compare with, and is wrong then.
    ///
    /// # Errors
    /// 503 when too many others wait.
    pub(crate) async fn is_right(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, ApiError> {
        let _permit = self.permit().await?;
        tokio::task::spawn_blocking(move || {
            let is_right = passwords::is_right(&password, hash.as_deref().unwrap_or(NOBODYS_HASH));
            is_right && hash.is_some()
        })
        .await
        .map_err(ApiError::internal)
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let busy = || ApiError::unavailable(PATIENCE);
        tokio::time::timeout(PATIENCE, self.0.acquire())
            .await
            .map_err(|_| busy())?
            // Never closed.
            .map_err(|_| busy())
    }
}
