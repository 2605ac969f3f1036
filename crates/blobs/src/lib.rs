//! Where the bytes of uploaded files are: in a folder, or in a bucket that speaks S3's protocol.
//!
//! A file is written once, under its project and its id, and never changed. What it is called and who may see it is
//! in the store; nothing here knows about that.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use model::{MediaId, ProjectId};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a request to the bucket is tried again before it fails.
const RETRIES: Duration = Duration::from_secs(20);

/// Where the bytes are to be.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// Below this folder, which is made if need be.
    Folder(PathBuf),
    /// In a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What the keys of all objects begin with; may be empty.
        prefix: String,
        /// Further settings by the names of AWS's environment variables, such as `AWS_REGION`, `AWS_ENDPOINT_URL` and
        /// `AWS_ACCESS_KEY_ID`. Unknown ones are passed over.
        settings: Vec<(String, String)>,
    },
}

/// Shows no settings: there are secrets among them.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "Folder({})", path.display()),
            Self::Bucket { bucket, prefix, .. } => write!(f, "Bucket({bucket}/{prefix})"),
        }
    }
}

/// Why bytes could not be written, read or removed. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be made or read.
    #[error("{}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder or the bucket refused.
    #[error(transparent)]
    Store(#[from] object_store::Error),
}

/// Makes a folder that only its owner can look into, whatever is in it.
fn create_private_dir(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// The bytes of all uploaded files. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blobs({})", self.store)
    }
}

/// A file that is being read.
pub struct Blob {
    /// Its length in bytes.
    pub size: u64,
    /// Its bytes, in order. Ends early with an error when the place does.
    pub bytes: BoxStream<'static, Result<Bytes, Error>>,
}

impl Blobs {
    /// Opens a place. Nothing is sent to a bucket yet.
    ///
    /// # Errors
    /// A folder that cannot be made, or settings that cannot be used.
    pub fn open(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Folder(path) => {
                let failed = |source| Error::Folder {
                    path: path.clone(),
                    source,
                };
                create_private_dir(path).map_err(failed)?;
                // An answered upload must survive a power failure, as rows do.
                let folder = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                Ok(Self {
                    store: Arc::new(folder),
                    prefix: Path::default(),
                })
            }
            Place::Bucket {
                bucket,
                prefix,
                settings,
            } => {
                // The client takes the process's TLS. A second installation, by a model's client, changes nothing.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    // Files go one at a time, and not every bucket knows how to delete many.
                    .with_disable_bulk_delete(true)
                    .with_retry(RetryConfig {
                        retry_timeout: RETRIES,
                        ..RetryConfig::default()
                    });
                for (name, value) in settings {
                    if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                Ok(Self {
                    store: Arc::new(builder.build()?),
                    prefix: Path::from(prefix.as_str()),
                })
            }
        }
    }

    /// Writes a file. When this returns it is there, whole and durable; when it fails, it is not there.
    ///
    /// # Errors
    /// When the place refuses or does not answer.
    pub async fn put(&self, project: ProjectId, id: MediaId, bytes: Bytes) -> Result<(), Error> {
        let payload = PutPayload::from_bytes(bytes);
        self.store.put(&self.path(project, id), payload).await?;
        Ok(())
    }

    /// Opens a file; `None`: there is none.
    ///
    /// # Errors
    /// When the place does not answer.
    pub async fn read(&self, project: ProjectId, id: MediaId) -> Result<Option<Blob>, Error> {
        match self.store.get(&self.path(project, id)).await {
            Ok(found) => Ok(Some(Blob {
                size: found.meta.size,
                bytes: found.into_stream().map_err(Error::from).boxed(),
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The length of a file in bytes; `None`: there is none.
    ///
    /// # Errors
    /// When the place does not answer.
    pub async fn size(&self, project: ProjectId, id: MediaId) -> Result<Option<u64>, Error> {
        match self.store.head(&self.path(project, id)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file. One that is not there is no error.
    ///
    /// # Errors
    /// When the place refuses or does not answer.
    pub async fn delete(&self, project: ProjectId, id: MediaId) -> Result<(), Error> {
        match self.store.delete(&self.path(project, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self, project: ProjectId, id: MediaId) -> Path {
        self.prefix
            .clone()
            .join(project.to_string())
            .join(id.to_string())
    }
}
