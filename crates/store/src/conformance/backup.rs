//! Backup, restore and check.

use super::{add, create_sample, words};
use crate::lock::DataLock;
use crate::testing::TestStore;
use crate::{BackupError, DATABASE_FILE, Engine, Error, Store, StoreConfig, Target, restore};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

async fn open_sample() -> TestStore {
    let store = TestStore::open(Engine::Sqlite, "backup")
        .await
        .unwrap()
        .unwrap();
    create_sample(&store).await;
    store
}

async fn open_in(dir: &Path) -> Store {
    let path = dir.join(DATABASE_FILE);
    Store::open(&StoreConfig::new(Target::Sqlite { path }))
        .await
        .unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A small backup, and the directory it is in.
async fn backup() -> (tempfile::TempDir, PathBuf) {
    let store = open_sample().await;
    add(&store, 1, "kept").await.unwrap();
    let attachments = store.place().data_dir().join("attachments/7");
    fs::create_dir_all(&attachments).unwrap();
    fs::write(attachments.join("grüße.txt"), "hello").unwrap();
    fs::write(attachments.join("empty"), "").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("backup.tar");
    let report = store
        .backup(store.place().data_dir(), &archive)
        .await
        .unwrap();
    assert_eq!(report.attachments, 2);
    assert_eq!(names(dir.path()), ["backup.tar"]);
    (dir, archive)
}

#[tokio::test]
async fn a_backup_restores_database_and_attachments() {
    let (dir, archive) = backup().await;
    let target = dir.path().join("new/data");
    let report = restore(&archive, &target).unwrap();
    assert_eq!(report.attachments, 2);
    assert_eq!(report.made_by, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        names(&target),
        ["attachments", "thicket.db", "thicket.lock"]
    );
    let text = fs::read_to_string(target.join("attachments/7/grüße.txt")).unwrap();
    assert_eq!(text, "hello");
    assert_eq!(fs::read(target.join("attachments/7/empty")).unwrap(), b"");
    let restored = open_in(&target).await;
    assert_eq!(words(&restored).await, ["kept"]);
    assert_eq!(restored.check().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_during_writes_is_one_consistent_state() {
    let store = open_sample().await;
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicI64::new(0));
    let writer = tokio::spawn({
        let (store, stop, acknowledged) =
            (store.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
        async move {
            let mut id = 0;
            while !stop.load(Ordering::Relaxed) {
                id += 2;
                // Two rows each time: a backup has both or none.
                store
                    .write(move |c| {
                        Box::pin(async move {
                            let word = "x".repeat(2000);
                            super::insert(c, id - 1, &format!("{word}{id}a")).await?;
                            super::insert(c, id, &format!("{word}{id}b")).await
                        })
                    })
                    .await
                    .unwrap();
                acknowledged.store(id, Ordering::SeqCst);
            }
        }
    });
    let dir = tempfile::tempdir().unwrap();
    for round in 0..5 {
        while acknowledged.load(Ordering::SeqCst) < (round + 1) * 100 {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let archive = dir.path().join(format!("{round}.tar"));
        store
            .backup(store.place().data_dir(), &archive)
            .await
            .unwrap();
        let after = acknowledged.load(Ordering::SeqCst) + 2;
        let target = dir.path().join(round.to_string());
        restore(&archive, &target).unwrap();
        let restored = open_in(&target).await;
        let count = i64::try_from(words(&restored).await.len()).unwrap();
        assert_eq!(count % 2, 0, "half a write");
        assert!(
            (before..=after).contains(&count),
            "{count} is not in {before}..={after}"
        );
        assert_eq!(restored.check().await.unwrap(), []);
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_restore_wants_an_empty_directory_and_leaves_others_alone() {
    let (dir, archive) = backup().await;
    let target = dir.path().join("data");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("precious"), "mine").unwrap();
    let error = restore(&archive, &target).unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty(_)), "{error}");
    assert_eq!(fs::read_to_string(target.join("precious")).unwrap(), "mine");
    fs::remove_file(target.join("precious")).unwrap();
    // The key that goes with the backup may be there, and what an interrupted restore has left.
    fs::write(target.join("secret.key"), "a key that was kept apart").unwrap();
    fs::create_dir(target.join(".restoring")).unwrap();
    fs::write(target.join(".restoring/thicket.db"), "half").unwrap();
    restore(&archive, &target).unwrap();
    assert_eq!(
        names(&target),
        ["attachments", "secret.key", "thicket.db", "thicket.lock"]
    );
}

#[tokio::test]
async fn a_restore_keeps_away_from_a_running_server() {
    let (dir, archive) = backup().await;
    let target = dir.path().join("data");
    fs::create_dir(&target).unwrap();
    let _lock = DataLock::acquire(&target).unwrap();
    let error = restore(&archive, &target).unwrap_err();
    assert!(matches!(error, BackupError::Lock(_)), "{error}");
}

#[tokio::test]
async fn damage_to_the_archive_is_found_and_nothing_is_restored() {
    let (dir, archive) = backup().await;
    let whole = fs::read(&archive).unwrap();
    let mut damaged: Vec<(String, Vec<u8>)> =
        [0, 1, 511, 512, 2048, whole.len() / 2, whole.len() - 2048]
            .into_iter()
            .map(|length| (format!("cut to {length}"), whole[..length].to_owned()))
            .collect();
    for at in (0..whole.len()).step_by(whole.len() / 37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        // Padding between the files belongs to none of them.
        if bytes[at] != 0x10 || is_content(&whole, at) {
            damaged.push((format!("byte {at} changed"), bytes));
        }
    }
    damaged.push(("no archive".to_owned(), b"SQLite format 3\0".repeat(100)));
    for (what, bytes) in damaged {
        let path = dir.path().join("damaged.tar");
        fs::write(&path, bytes).unwrap();
        let target = dir.path().join("data");
        let error = restore(&path, &target).expect_err(&what);
        assert!(matches!(error, BackupError::Archive(_)), "{what}: {error}");
        assert_eq!(names(&target), ["thicket.lock"], "{what}");
    }
}

/// Whether a byte belongs to a file of the archive, not to a header or padding.
fn is_content(archive: &[u8], at: usize) -> bool {
    tar::Archive::new(archive).entries().unwrap().any(|entry| {
        let entry = entry.unwrap();
        let start = usize::try_from(entry.raw_file_position()).unwrap();
        let size = usize::try_from(entry.size()).unwrap();
        (start..start + size).contains(&at)
    })
}

/// An archive with a correct manifest around one file of any name and kind.
fn forge(path: &Path, kind: tar::EntryType, name: &str, link: &str) {
    let mut tar = tar::Builder::new(fs::File::create(path).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o777);
    header.set_size(0);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    tar.append(&header, &[][..]).unwrap();
    tar.finish().unwrap();
}

#[test]
fn an_archive_cannot_write_outside_the_data_directory() {
    use tar::EntryType;
    for (kind, name, link) in [
        (EntryType::Regular, "../escaped", ""),
        (EntryType::Regular, "/tmp/escaped", ""),
        (EntryType::Regular, "attachments/../../escaped", ""),
        (EntryType::Regular, "secret.key", ""),
        (EntryType::Symlink, "attachments", "/tmp"),
        (EntryType::Symlink, "thicket.db", "/etc/passwd"),
        (EntryType::Link, "attachments/a", "/etc/passwd"),
        (EntryType::Directory, "attachments/", ""),
        (EntryType::Fifo, "attachments/a", ""),
        (EntryType::Char, "attachments/a", ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("forged.tar");
        forge(&archive, kind, name, link);
        let target = dir.path().join("data");
        let error = restore(&archive, &target).unwrap_err();
        assert!(
            matches!(&error, BackupError::Archive(detail) if detail.contains("plain file") || detail.contains("belong")),
            "{name}: {error}"
        );
        assert_eq!(names(&target), ["thicket.lock"], "{name}");
        assert_eq!(names(dir.path()), ["data", "forged.tar"], "{name}");
    }
}

#[tokio::test]
async fn the_backup_of_a_newer_version_is_refused() {
    let (dir, archive) = backup().await;
    let mut bytes = fs::read(&archive).unwrap();
    let latest = crate::migrate::latest();
    // A number that is one digit longer takes the place of the space.
    let newer: i64 = "9".repeat(latest.to_string().len() + 1).parse().unwrap();
    let from = format!("\"migration\": {latest},");
    let to = format!("\"migration\":{newer},");
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .unwrap();
    bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    fs::write(&archive, bytes).unwrap();
    let error = restore(&archive, &dir.path().join("data")).unwrap_err();
    assert!(
        matches!(error, BackupError::Store(Error::TooNew { database, .. }) if database == newer),
        "{error}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn an_archive_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, archive) = backup().await;
    let mode = fs::metadata(archive).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn on_postgresql_backup_names_pg_dump() {
    let test = "on_postgresql_backup_names_pg_dump";
    let Some(store) = TestStore::open(Engine::Postgres, test).await.unwrap() else {
        return;
    };
    let dir = store.place().data_dir();
    let error = store
        .backup(dir, &dir.join("backup.tar"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("pg_dump"), "{error}");
    assert_eq!(store.check().await.unwrap(), []);
}

#[tokio::test]
async fn a_check_finds_a_damaged_file() {
    let store = open_sample().await;
    store
        .write(|c| {
            Box::pin(async move {
                for id in 0..4000 {
                    super::insert(c, id, &format!("{id}{}", "x".repeat(500))).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    assert_eq!(store.check().await.unwrap(), []);
    store.close().await;

    // Over the middle third of the file, far from the schema at its beginning.
    let path = store.place().data_dir().join(DATABASE_FILE);
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let third = file.metadata().unwrap().len() / 3;
    file.seek(SeekFrom::Start(third)).unwrap();
    let mut bytes = vec![0; usize::try_from(third).unwrap()];
    file.read_exact(&mut bytes).unwrap();
    for byte in bytes.iter_mut().step_by(97) {
        *byte = !*byte;
    }
    file.seek(SeekFrom::Start(third)).unwrap();
    file.write_all(&bytes).unwrap();
    drop(file);

    let damaged = Store::open(&store.config()).await.unwrap();
    let findings = damaged.check().await.unwrap();
    assert!(
        findings.iter().any(|finding| finding.check == "integrity"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_as_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    fs::write(&path, "no database at all\n".repeat(1000)).unwrap();
    let opened = Store::open(&StoreConfig::new(Target::Sqlite { path })).await;
    assert!(matches!(opened.err(), Some(Error::Corrupt(_))));
}

#[tokio::test]
async fn a_check_finds_what_must_not_be_between_rows() {
    let store = open_sample().await;
    let scripts = [
        // A child without its parent, as if by a tool that does not enforce references.
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO conversation (project_id, id, user_id, title, titled_by_model, status, type, is_internal, \
         last_turn, last_position, created_at, updated_at) \
         VALUES (1, X'00000000000000000000000000000007', 1, '', FALSE, 'idle', 'assistant', FALSE, 0, 3, 0, 0)",
    ];
    let other = rusqlite::Connection::open(store.place().data_dir().join(DATABASE_FILE)).unwrap();
    for script in scripts {
        other.execute_batch(script).unwrap();
    }
    let found = store.check().await.unwrap();
    let checks: Vec<_> = found.iter().map(|finding| finding.check).collect();
    assert_eq!(
        checks,
        [
            "references",
            "references",
            "CONVERSATION_IS_NOT_IN_DIRECTORY",
            "CONVERSATION_MISSES_MESSAGES",
            "USER_MISCOUNTS_CONVERSATIONS"
        ]
    );
    assert_eq!(
        found[2].detail,
        "project 1, 00000000-0000-0000-0000-000000000007"
    );
}
