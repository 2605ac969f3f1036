//! Where the data is: the database, and the key that seals its secrets.

use crate::config::{BucketUrl, Config};
use anyhow::{Context as _, bail};
use blobs::{Blobs, Place};
use model::Env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use store::sealed::SecretKey;
use store::{ATTACHMENTS, DATABASE_FILE, Store, StoreConfig, Target};

/// What to do when there is no database yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Make one.
    Create,
    /// Say so. A mistyped data directory must not look like an empty one.
    Refuse,
}

/// The configuration of the store.
pub(crate) fn store_config(config: &Config) -> StoreConfig {
    let target = match &config.database_url {
        Some(url) => Target::Postgres { url: url.0.clone() },
        None => Target::Sqlite {
            path: config.data_dir.join(DATABASE_FILE),
        },
    };
    StoreConfig {
        pool_size: config.database_connections.0,
        ..StoreConfig::new(target)
    }
}

/// Opens the database that the configuration names.
///
/// # Errors
/// It is not there and must be, it cannot be reached, it is damaged, or it belongs to a newer program.
pub(crate) async fn open(config: &Config, missing: Missing) -> anyhow::Result<Store> {
    let store = store_config(config);
    if let Target::Sqlite { path } = &store.target {
        if missing == Missing::Refuse && !path.exists() {
            bail!(
                "there is no database in {}; \"thicket serve\" and \"thicket migrate\" make one",
                config.data_dir.display()
            );
        }
        create_data_dir(&config.data_dir)?;
    }
    Ok(Store::open(&store).await?)
}

/// Where the bytes of uploaded files are. What a bucket needs besides its name is in AWS's own variables, which this is
/// the one place to read.
///
/// # Errors
/// The folder cannot be made, or the bucket's settings cannot be used.
pub(crate) fn blobs(config: &Config) -> anyhow::Result<Blobs> {
    let place = match &config.attachments_url {
        None => {
            create_data_dir(&config.data_dir)?;
            Place::Folder(config.data_dir.join(ATTACHMENTS))
        }
        Some(BucketUrl { bucket, prefix }) => Place::Bucket {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            settings: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| name.starts_with("AWS_"))
                .collect(),
        },
    };
    Blobs::open(&place).context("the place for uploaded files")
}

/// Writes a file that only its owner can read, over one that there is: also where the folder is open to others.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // One from before may be open to others.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// Makes the data directory, readable by its owner only.
///
/// # Errors
/// It cannot be made.
pub(crate) fn create_data_dir(path: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .recursive(true)
        .create(path)
        .with_context(|| format!("the data directory {} cannot be made", path.display()))
}

/// The key that seals stored secrets: `THICKET_SECRET_KEY`, or else the file in the data directory, which is
/// made when it is not there.
///
/// # Errors
/// The file cannot be read or written, or holds no key.
pub(crate) fn secret_key(config: &Config, env: &Env) -> anyhow::Result<SecretKey> {
    if let Some(secret) = &config.secret_key {
        return Ok(SecretKey::from_text(secret.reveal())?);
    }
    create_data_dir(&config.data_dir)?;
    Ok(SecretKey::load_or_create(&config.data_dir, env)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn config(dir: &Path) -> Config {
        Config::load(Sources {
            flags: vec![("data_dir", dir.display().to_string())],
            ..Sources::default()
        })
        .unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn the_data_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir.path().join("data"));
        secret_key(&config, &Env::system()).unwrap();
        let mode = fs::metadata(&config.data_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_its_owners_alone_also_when_it_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        for name in ["new", "old"] {
            let path = dir.path().join(name);
            if name == "old" {
                fs::write(&path, "a longer text from before").unwrap();
            }
            write_private(&path, "secret").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[tokio::test]
    async fn a_mistyped_data_directory_is_no_empty_database() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir.path().join("typo"));
        let error = open(&config, Missing::Refuse).await.err().unwrap();
        assert!(
            error.to_string().starts_with("there is no database in "),
            "{error}"
        );
        assert!(!config.data_dir.exists());
    }
}
