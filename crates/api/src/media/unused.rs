//! Removing files that nothing needs any more.

use crate::App;
use model::Timestamp;
use std::time::Duration;

/// How long an upload may wait for a message that links it.
const UNATTACHED: Duration = Duration::from_secs(24 * 3600);
/// Files removed before it is looked again.
const BATCH: i64 = 100;

/// Why files could not be removed. What was not removed is tried again the next time.
#[derive(Debug, thiserror::Error)]
pub enum UnusedMediaError {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The place where the bytes are.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
}

impl App {
    /// Removes the bytes and rows of files that no message links: uploads that have waited for a day, and what has
    /// been erased with its ticket. Returns how many. To be called now and then; several servers may do so at once.
    ///
    /// # Errors
    /// When the store or the place of the bytes fails; what was removed until then stays removed.
    pub async fn remove_unused_media(&self) -> Result<usize, UnusedMediaError> {
        let now = self.env.now();
        let waited = i64::try_from(UNATTACHED.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(now.as_micros().saturating_sub(waited));
        self.store
            .write(move |c| Box::pin(store::media::sweep(c, before, now)))
            .await?;
        let mut removed = 0;
        loop {
            let doomed = self
                .store
                .read(|c| Box::pin(store::media::list_doomed(c, BATCH)))
                .await?;
            for (project, id) in &doomed {
                // The bytes first: the row is what remembers them.
                self.blobs.delete(*project, *id).await?;
                let (project, id) = (*project, *id);
                self.store
                    .write(move |c| Box::pin(store::media::forget(c, project, id)))
                    .await?;
                removed += 1;
            }
            if doomed.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(removed);
            }
        }
    }
}
