use super::*;
use crate::knowledge::fixtures::{disable, project, shown};
use std::fs;
use store::testing::TestStore;

store::on_both_engines! {
    a_folder_becomes_articles,
    importing_again_changes_what_changed,
    a_link_that_the_file_does_not_name_stays,
    what_cannot_be_imported_is_reported,
}

async fn import(store: &Store, project: ProjectId, dir: &Path) -> (ImportReport, Vec<String>) {
    let mut events = Vec::new();
    let report = import_dir(store, &Env::system(), project, dir, |event| {
        events.push(format!(
            "{}/{} {} {:?}",
            event.done, event.total, event.file, event.outcome
        ));
    })
    .await
    .unwrap();
    (report, events)
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn a_folder_becomes_articles(store: TestStore) {
    let project = project(&store).await;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "b.md", "# Second\n\ntext");
    write(
        dir.path(),
        "a/deep/c.MD",
        "---\ntitle: First\nurl: https://x.y\n---\ntext",
    );
    write(dir.path(), "a/picture.png", "no article");
    write(dir.path(), ".git/hidden.md", "hidden");
    write(dir.path(), ".hidden.md", "hidden");
    let (report, events) = import(&store, project, dir.path()).await;
    assert_eq!(
        report,
        ImportReport {
            created: 2,
            ..ImportReport::default()
        }
    );
    assert_eq!(events, ["1/2 a/deep/c.MD Created", "2/2 b.md Created"]);
    let expected = ["First https://x.y true", "Second - true"];
    assert_eq!(shown(&store, project).await, expected);
}

async fn importing_again_changes_what_changed(store: TestStore) {
    let project = project(&store).await;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.md", "# A\n\napples");
    write(dir.path(), "b.md", "# B\n\npears");
    write(dir.path(), "c.md", "# C\n\nplums");
    import(&store, project, dir.path()).await;
    disable(&store, project, "B").await;
    write(dir.path(), "a.md", "# A\n\nquinces");
    write(dir.path(), "b.md", "# New B\n\npears");
    let (report, _) = import(&store, project, dir.path()).await;
    assert_eq!(
        report,
        ImportReport {
            updated: 2,
            unchanged: 1,
            ..ImportReport::default()
        }
    );
    let expected = ["A - true", "C - true", "New B - false"];
    assert_eq!(shown(&store, project).await, expected);

    // A file that is gone leaves its article alone.
    fs::remove_file(dir.path().join("a.md")).unwrap();
    let (report, _) = import(&store, project, dir.path()).await;
    assert_eq!(
        report,
        ImportReport {
            unchanged: 2,
            ..ImportReport::default()
        }
    );
    assert_eq!(shown(&store, project).await.len(), 3);
}

async fn a_link_that_the_file_does_not_name_stays(store: TestStore) {
    let project = project(&store).await;
    let dir = tempfile::tempdir().unwrap();
    let file = |front: &str| {
        write(
            dir.path(),
            "a.md",
            &format!("---\n{front}\n---\n# A\n\ntext"),
        )
    };
    for (front, changed, url) in [
        ("url: https://x.y", 0, "https://x.y"),
        ("other: value", 0, "https://x.y"),
        ("url: https://z.z", 1, "https://z.z"),
    ] {
        file(front);
        let (report, _) = import(&store, project, dir.path()).await;
        assert_eq!(report.updated, changed, "{front}");
        assert_eq!(shown(&store, project).await, [format!("A {url} true")]);
    }
}

async fn what_cannot_be_imported_is_reported(store: TestStore) {
    let project = project(&store).await;
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.md", "secret");
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "good.md", "good");
    write(dir.path(), "empty.md", " ");
    write(dir.path(), "big.md", &"x".repeat(1024 * 1024 + 1));
    fs::write(dir.path().join("latin1.md"), [b'e', 0xe9]).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(outside.path().join("secret.md"), dir.path().join("leak.md")).unwrap();
        symlink(outside.path(), dir.path().join("folder")).unwrap();
        symlink(dir.path(), dir.path().join("circle")).unwrap();
        symlink("/nowhere", dir.path().join("dangling.md")).unwrap();
        symlink(dir.path().join("good.md"), dir.path().join("same.md")).unwrap();
    }
    let (report, _) = import(&store, project, dir.path()).await;
    let mut expected = vec![
        ("big.md", "it is larger than 1 MiB"),
        ("empty.md", "it has no text"),
        ("latin1.md", "it is not UTF-8 text"),
    ];
    if cfg!(unix) {
        expected.insert(1, ("dangling.md", "it is a link to nothing"));
        expected.push(("leak.md", "it is a link to a place outside the folder"));
    }
    expected.sort();
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|(file, why)| (file.as_str(), why.as_str()))
        .collect();
    assert_eq!(skipped, expected);
    assert_eq!(report.created, if cfg!(unix) { 2 } else { 1 });

    let refused = import_dir(
        &store,
        &Env::system(),
        project,
        &dir.path().join("good.md"),
        |_| {},
    )
    .await;
    assert!(matches!(refused, Err(ImportError::NotAFolder(_))));
    let refused = import_dir(
        &store,
        &Env::system(),
        project,
        &dir.path().join("none"),
        |_| {},
    )
    .await;
    assert!(matches!(refused, Err(ImportError::Folder { .. })));
}
