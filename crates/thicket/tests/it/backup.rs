//! Backup, restore, check.

use crate::harness::Place;
use serde_json::json;

#[test]
fn what_was_backed_up_comes_back_elsewhere() {
    let place = Place::new();
    let project = place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let report = place.json("backup saved.tar");
    assert_eq!(report["file"], "saved.tar");
    assert!(report["bytes"].as_u64().unwrap() > 0);

    let elsewhere = Place::new();
    std::fs::copy(place.path("saved.tar"), elsewhere.path("saved.tar")).unwrap();
    let restored = elsewhere.run("restore saved.tar");
    assert!(restored.stderr.contains("secret.key"), "{restored:?}");
    assert_eq!(restored.code, 0);
    let key = elsewhere.path("thicket-data/secret.key");
    std::fs::copy(place.path("thicket-data/secret.key"), key).unwrap();
    assert_eq!(elsewhere.json("project show 1"), project);
    assert_eq!(
        elsewhere.json("check"),
        json!({"engine": "sqlite", "ok": true, "findings": []})
    );
    assert_eq!(
        elsewhere.run("check").ok(),
        "engine  sqlite\nok      true\n"
    );
}

#[test]
fn the_wrong_secret_key_is_named_as_the_reason() {
    let place = Place::new();
    place.json("project create --name Acme");
    place.write(
        "thicket-data/secret.key",
        "another key that is long enough\n",
    );
    let refusal = place.run("project show 1").refusal(1);
    assert!(refusal.contains("secret key"), "{refusal}");
}

#[test]
fn a_restore_never_overwrites() {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("backup saved.tar");
    let refusal = place.run("restore saved.tar").refusal(1);
    assert!(
        refusal.starts_with("./thicket-data is not empty"),
        "{refusal}"
    );
    place.write("noise.tar", "this is no archive");
    place.run("--data-dir fresh restore noise.tar").refusal(1);
    let refusal = place.run("--data-dir new restore missing.tar").refusal(1);
    let reason = "missing.tar cannot be read: No such file or directory (os error 2)";
    assert_eq!(refusal, reason);
    assert!(!place.path("new").exists());
}

#[test]
fn damage_is_found() {
    let place = Place::new();
    place.json("project create --name Acme");
    let database = place.path("thicket-data/thicket.db");
    let mut bytes = std::fs::read(&database).unwrap();
    // The page after the first: some table's root.
    for byte in &mut bytes[4096..4096 + 512] {
        *byte = 0x5a;
    }
    std::fs::write(&database, bytes).unwrap();
    let outcome = place.run("check");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
}

#[test]
fn postgresql_has_tools_of_its_own() {
    let place = Place::new();
    place.write("some.tar", "");
    let refusal = place
        .run("--database-url postgres://127.0.0.1:1/none restore some.tar")
        .refusal(1);
    assert!(refusal.contains("pg_restore"), "{refusal}");
}
