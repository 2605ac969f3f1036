use super::*;
use std::ffi::OsString;

fn sources(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("thicket.toml");
    std::fs::write(&path, file).unwrap();
    let sources = Sources {
        file: Some(path),
        environment: environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        flags: flags
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    };
    (dir, sources)
}

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Config {
    let (_dir, sources) = sources(file, environment, flags);
    Config::load(sources).unwrap()
}

fn refusal(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
    let (dir, sources) = sources(file, environment, flags);
    let error = Config::load(sources).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn every_default_is_possible() {
    let config = load("", &[], &[]);
    assert_eq!(config.listen.port, 8080);
    assert_eq!(config.data_dir, PathBuf::from("./thicket-data"));
    assert_eq!(config.body_limit, Size(20 * 1024 * 1024));
    assert_eq!(config.llm_provider, Provider::Extractive);
    assert_eq!(config.llm_api_key, None);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = "listen = \"127.0.0.1:1\"\nlog = \"warn\"\nbody_limit = 1000\n";
    let environment = [("THICKET_LISTEN", "127.0.0.1:2"), ("THICKET_LOG", "debug")];
    let config = load(file, &environment, &[("listen", "127.0.0.1:3")]);
    assert_eq!(config.listen.port, 3);
    assert_eq!(config.log.0, "debug");
    assert_eq!(config.body_limit, Size(1000));
}

#[test]
fn sections_of_the_file_and_variables_mean_the_same_setting() {
    let config = load(
        "[llm]\nprovider = \"openai\"\ntimeout = \"5s\"\n[compat]\nstatus_codes = \"observed\"\n",
        &[],
        &[],
    );
    assert_eq!(config.llm_provider, Provider::OpenAi);
    assert_eq!(config.llm_timeout, Duration::from_secs(5));
    assert_eq!(config.status_codes, StatusCodes::Observed);

    let environment = [
        ("THICKET_LLM_PROVIDER", "anthropic"),
        ("THICKET_COMPAT_STATUS_CODES", "observed"),
    ];
    let config = load(
        "[llm]\nmodel = \"m\"\nprovider = \"openai\"\n",
        &environment,
        &[],
    );
    assert_eq!(config.llm_provider, Provider::Anthropic);
    assert_eq!(config.llm_model.as_deref(), Some("m"));
    assert_eq!(config.status_codes, StatusCodes::Observed);
}

#[test]
fn switches_and_lists_may_be_written_as_toml_writes_them() {
    let config = load(
        "rate_limits = false\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n",
        &[],
        &[],
    );
    assert_eq!(config.rate_limits, Switch::Off);
    assert_eq!(config.trusted_proxies, "10.0.0.0/8, ::1".parse().unwrap());
}

#[test]
fn a_value_that_looks_like_a_number_stays_as_it_was_written() {
    let config = load("", &[("THICKET_LLM_API_KEY", "0010e3")], &[]);
    assert_eq!(config.llm_api_key.unwrap().reveal(), "0010e3");
}

#[test]
fn an_empty_variable_is_none() {
    let config = load(
        "",
        &[("THICKET_LLM_API_KEY", ""), ("THICKET_LISTEN", "")],
        &[],
    );
    assert_eq!(config.llm_api_key, None);
    assert_eq!(config.listen.port, 8080);
}

#[test]
fn foreign_variables_are_none_of_our_business() {
    load("", &[("PATH", "/bin"), ("THICKETS", "many")], &[]);
}

#[test]
fn refusals_name_the_setting_and_its_source() {
    for (file, environment, flags, expected) in [
        (
            "lissten = \"x\"\n",
            &[][..],
            &[][..],
            "lissten in thicket.toml: there is no such setting",
        ),
        (
            "[llm]\nmodle = \"x\"\n",
            &[],
            &[],
            "llm.modle in thicket.toml: there is no such setting",
        ),
        (
            "[compta]\nx = 1\n",
            &[],
            &[],
            "compta in thicket.toml: there is no such setting",
        ),
        (
            "",
            &[("THICKET_LISSTEN", "x")],
            &[],
            "THICKET_LISSTEN in the environment: there is no such setting",
        ),
        (
            "listen = \"here\"\n",
            &[],
            &[],
            "listen in thicket.toml: expected an address and a port, such as 127.0.0.1:8080 or [::]:8080, not \"here\"",
        ),
        (
            "",
            &[("THICKET_BODY_LIMIT", "much")],
            &[],
            "THICKET_BODY_LIMIT: expected a size such as 512KiB, 20MiB or 1GiB, not \"much\"",
        ),
        (
            "",
            &[],
            &[("shutdown_grace", "30")],
            "--shutdown-grace: expected a number with a unit, such as 500ms, 30s, 5m, 1h or 30d, not \"30\"",
        ),
        (
            "[compat]\nstatus_codes = \"both\"\n",
            &[],
            &[],
            "compat.status_codes in thicket.toml: expected published or observed, not \"both\"",
        ),
        (
            "",
            &[("THICKET_DATABASE_URL", "mysql://u:hunter2@h/db")],
            &[],
            "THICKET_DATABASE_URL: expected a postgres:// URL (leave it out for the embedded database)",
        ),
        (
            "",
            &[("THICKET_REDIS_URL", "http://u:hunter2@localhost")],
            &[],
            "THICKET_REDIS_URL: expected a redis://, rediss:// or redis-cluster:// URL, such as redis://127.0.0.1:6379/0",
        ),
        (
            "smtp_url = \"smtp://u:hunter2@localhost/x\"\n",
            &[],
            &[],
            "smtp_url in thicket.toml: expected an smtp:// or smtps:// URL, such as \
             smtps://user:password@mail.example.com",
        ),
        (
            "mail_from = \"Help\"\n",
            &[],
            &[],
            "mail_from in thicket.toml: expected a mail address, such as help@example.com or \
             Example <help@example.com>, not \"Help\"",
        ),
        (
            "",
            &[("THICKET_LLM_MAX_OUTPUT_TOKENS", "0")],
            &[],
            "THICKET_LLM_MAX_OUTPUT_TOKENS: expected a whole number from 1 on, not \"0\"",
        ),
        (
            "",
            &[],
            &[("attachments_url", "gs://b")],
            "--attachments-url: expected an s3:// URL, such as s3://bucket/prefix",
        ),
        (
            "trusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n",
            &[],
            &[],
            "trusted_proxies in thicket.toml: expected addresses or networks, such as 127.0.0.1,10.0.0.0/8, \
             not \"10.0.0.0/8,proxy\"",
        ),
        (
            "llm = 1\n",
            &[],
            &[],
            "llm in thicket.toml: there is no such setting",
        ),
        (
            "[listen]\nport = 1\n",
            &[],
            &[],
            "listen in thicket.toml: expected a single value",
        ),
    ] {
        assert_eq!(refusal(file, environment, flags), expected);
    }
}

#[test]
fn broken_toml_is_one_line_that_says_where() {
    let message = refusal("listen = \n", &[], &[]);
    assert!(
        message.starts_with("thicket.toml: TOML parse error at line 1, column"),
        "{message}"
    );
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let error = Config::load(Sources {
        file: Some("/nonexistent/thicket.toml".into()),
        ..Sources::default()
    });
    let message = error.unwrap_err().to_string();
    assert!(
        message.starts_with("/nonexistent/thicket.toml: cannot be read: "),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let sources = Sources {
        environment: vec![("THICKET_LOG".into(), OsString::from_vec(vec![0xff]))],
        ..Sources::default()
    };
    let message = Config::load(sources).unwrap_err().to_string();
    assert_eq!(message, "THICKET_LOG: the value is not UTF-8 text");
}

#[test]
fn debug_shows_no_secret() {
    let config = load(
        "database_url = \"postgres://u:hunter2@h/db\"\nsmtp_url = \"smtps://u:hunter2@h\"\n[llm]\napi_key = \"hunter2\"\n",
        &[("THICKET_SECRET_KEY", "hunter2hunter2hunter2")],
        &[],
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn names_are_unique_and_the_contract_of_operations_holds() {
    let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
    for name in [
        "LISTEN",
        "PUBLIC_URL",
        "DATA_DIR",
        "DATABASE_URL",
        "REDIS_URL",
        "LLM_PROVIDER",
        "LLM_BASE_URL",
        "LLM_MODEL",
        "LLM_API_KEY",
        "SMTP_URL",
        "LOG",
        "LOG_FORMAT",
        "COMPAT_STATUS_CODES",
        "SECRET_KEY",
        "TRUSTED_PROXIES",
        "BODY_LIMIT",
        "SHUTDOWN_GRACE",
        "STREAM_RETENTION",
        "DELETE_GRACE",
        "LLM_TIMEOUT",
        "ATTACHMENTS_URL",
        "STATIC_DIR",
        "RATE_LIMITS",
    ] {
        let name = format!("THICKET_{name}");
        assert_eq!(
            variables.iter().filter(|v| **v == name).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn the_throttles_have_the_defaults_of_the_model() {
    for throttle in model::rates::THROTTLES {
        let name = format!("throttles.{}", throttle.name);
        let key = KEYS.iter().find(|key| key.name == name);
        assert_eq!(
            key.map(|key| key.default),
            Some(throttle.default.to_string().as_str()),
            "{name}"
        );
    }
}
