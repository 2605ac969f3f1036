//! Where settings come from, and what is refused.

use crate::harness::{Place, finish};

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let place = Place::new();
    place.write("thicket.toml", "data_dir = \"from-file\"\n");
    place.write("other.toml", "data_dir = \"from-other\"\n");
    let run = |line: &str, variable: &str| {
        let mut command = place.command(line.split_whitespace());
        if !variable.is_empty() {
            command.env("THICKET_DATA_DIR", variable);
        }
        finish(command, "").ok();
    };
    for (line, variable, expected) in [
        ("migrate", "", "from-file"),
        ("migrate --config other.toml", "", "from-other"),
        (
            "--config other.toml migrate",
            "from-environment",
            "from-environment",
        ),
        (
            "migrate --data-dir from-flag",
            "from-environment",
            "from-flag",
        ),
        (
            "--data-dir from-flag-in-front migrate",
            "from-environment",
            "from-flag-in-front",
        ),
    ] {
        assert!(!place.path(expected).exists() || expected == "from-environment");
        run(line, variable);
        assert!(
            place.path(expected).join("thicket.db").exists(),
            "{line} {variable}"
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_its_source_and_stops_every_command() {
    for (file, variable, line, expected) in [
        (
            "lissten = 1\n",
            ("", ""),
            "project list",
            "lissten in thicket.toml: there is no such setting",
        ),
        (
            "",
            ("THICKET_LISSTEN", "1"),
            "project list",
            "THICKET_LISSTEN in the environment: there is no such setting",
        ),
        (
            "",
            ("THICKET_LOG_FORMAT", "xml"),
            "check",
            "THICKET_LOG_FORMAT: expected text or json, not \"xml\"",
        ),
        (
            "",
            ("", ""),
            "check --log-format xml",
            "--log-format: expected text or json, not \"xml\"",
        ),
        (
            "[llm]\ntimeout = \"soon\"\n",
            ("", ""),
            "migrate",
            "llm.timeout in thicket.toml: expected a number with a unit, such as 500ms, 30s, 5m, 1h or 30d, not \"soon\"",
        ),
        (
            "",
            ("THICKET_REDIS_URL", "redis://:hunter2@localhost/x"),
            "migrate",
            "THICKET_REDIS_URL: expected a redis://, rediss:// or redis-cluster:// URL, such as redis://127.0.0.1:6379/0",
        ),
        (
            "",
            ("THICKET_SECRET_KEY", "hunter2"),
            "migrate",
            "THICKET_SECRET_KEY: expected a text of 16 characters or more",
        ),
    ] {
        let place = Place::new();
        place.write("thicket.toml", file);
        let mut command = place.command(line.split_whitespace());
        if !variable.0.is_empty() {
            command.env(variable.0, variable.1);
        }
        assert_eq!(finish(command, "").refusal(2), expected);
        assert!(!place.path("thicket-data").exists());
    }
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let place = Place::new();
    let refusal = place.run("migrate --config gone.toml").refusal(2);
    assert!(
        refusal.starts_with("gone.toml: cannot be read"),
        "{refusal}"
    );
}

#[test]
fn no_password_of_a_database_is_shown() {
    let place = Place::new();
    let outcome = place.run("--database-url postgres://u:hunter2@127.0.0.1:1/db check");
    assert_eq!(outcome.code, 1);
    assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
}
