//! `Idempotency-Key`: a request that is sent once more makes nothing more, and is answered with what there is
//! (tickets.md 17).

use crate::{ApiError, Call};
use model::idempotency::{Attempt, HEADER};
use model::{ProjectId, Timestamp, UserId};
use store::Conn;
use store::idempotency::{self, Earlier};
use uuid::Uuid;

/// Whose attempt it is, and which.
#[derive(Clone, Copy)]
pub(crate) struct Once {
    project: ProjectId,
    user: UserId,
    attempt: Attempt,
}

impl Once {
    /// The attempt that the request names, to do `what` with its body; `None` without the header.
    ///
    /// # Errors
    /// What reading the body gives, and 400 for a key that can be none.
    pub(crate) async fn of(call: &mut Call, what: &str) -> Result<Option<Self>, ApiError> {
        let Some(key) = call.headers.get(HEADER) else {
            return Ok(None);
        };
        let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
        let (project, user) = (call.project_id()?, call.user_id());
        let attempt = Attempt::new(key.trim(), what, call.json().await?)?;
        Ok(Some(Self {
            project,
            user,
            attempt,
        }))
    }

    /// Whether exactly this was done before.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn is_repeated(self, call: &Call) -> Result<bool, ApiError> {
        let Self {
            project,
            user,
            attempt,
        } = self;
        let found = call
            .app
            .store
            .read(move |c| {
                Box::pin(async move { idempotency::find(c, project, user, &attempt).await })
            })
            .await?;
        Ok(matches!(found, Some(Earlier::Same(_))))
    }

    /// Takes the attempt for what is about to be made under the id `made`; `Some` is what was made before.
    ///
    /// # Errors
    /// 409 when something else was asked for under this key.
    pub(crate) async fn claim(
        self,
        c: &Conn,
        made: Uuid,
        now: Timestamp,
    ) -> Result<Option<Uuid>, ApiError> {
        let earlier =
            idempotency::claim(c, self.project, self.user, &self.attempt, made, now).await?;
        match earlier {
            None => Ok(None),
            Some(Earlier::Same(made)) => Ok(Some(made)),
            Some(Earlier::Other) => Err(ApiError::conflict(
                "This Idempotency-Key was used for another request.",
            )),
        }
    }
}
