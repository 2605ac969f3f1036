//! Projects, people, roles and keys.

use crate::harness::Place;
use crate::server::{Server, until};
use serde_json::{Value, json};
use std::io::Read as _;

/// A place with project 1 and its admin, Ada.
fn with_ada() -> Place {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada+Lovelace --project 1");
    place
}

#[test]
fn a_project_is_made_with_tokens_settings_and_an_organisation() {
    let place = Place::new();
    let made = place.json("project create --name Acme");
    assert_eq!(made["id"], 1);
    assert_eq!(made["name"], "Acme");
    for (member, prefix) in [
        ("public_token", "phc_"),
        ("secret_token", "phs_"),
        ("widget_token", ""),
    ] {
        let token = made[member].as_str().unwrap();
        assert!(token.starts_with(prefix) && token.len() > 40, "{token}");
    }
    assert_eq!(made["organization_id"].as_str().unwrap().len(), 36);
    assert_eq!(made["conversations_enabled"], true);
    assert_eq!(made["ai_replies"], "off");
    assert_eq!(place.json("project show 1"), made);

    let people = place.run("project show 1").ok();
    assert!(
        people
            .lines()
            .any(|line| line.starts_with("secret_token ") && line.contains("phs_"))
    );
}

#[test]
fn a_project_may_join_an_organisation_by_name_or_id() {
    let place = Place::new();
    let first = place.json("project create --name One --organization Acme+Ltd");
    let organization = &first["organization_id"];
    let second = place.json("project create --name Two --organization Acme+Ltd");
    assert_eq!(&second["organization_id"], organization);
    let id = organization.as_str().unwrap();
    let third = place.json(&format!("project create --name Three --organization {id}"));
    assert_eq!(&third["organization_id"], organization);
    let alone = place.json("project create --name Four");
    assert_ne!(&alone["organization_id"], organization);

    let unknown = "00000000-0000-4000-8000-000000000000";
    let refusal = place
        .run(&format!(
            "project create --name Five --organization {unknown}"
        ))
        .refusal(1);
    assert_eq!(refusal, format!("there is no organisation {unknown}"));

    let list = place.json("project list");
    let names: Vec<&str> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["One", "Two", "Three", "Four"]);
    assert!(list["results"][0].get("secret_token").is_none(), "{list}");
    assert_eq!(place.run("project list").ok().lines().count(), 5);
}

#[test]
fn settings_that_the_command_line_sets_are_in_the_activity_log() {
    let place = with_ada();
    place.json("project set 1 timezone=Europe/Berlin name=Acme+2");
    place.json("project set 1 timezone=Europe/Berlin");
    place.run("project set 1 timezone=UTC nope=1").refusal(2);
    let key = place.json("key create --user 1 --scopes *");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let server = crate::server::Server::start(&place);
    let headers = [("Authorization", bearer.as_str())];
    let path = "/api/projects/1/activity_log/?scope=Project";
    let log = server.get(path, &headers).json();
    assert_eq!(log["count"], 1, "{log}");
    let row = &log["results"][0];
    assert_eq!(
        (&row["activity"], &row["client"]),
        (&json!("updated"), &json!("command line"))
    );
    assert_eq!(row["user"], json!(null));
    let changes = row["detail"]["changes"].as_array().unwrap();
    let fields: Vec<_> = changes.iter().map(|it| &it["field"]).collect();
    assert_eq!(fields, ["name", "timezone"]);
    assert_eq!(
        (&changes[1]["before"], &changes[1]["after"]),
        (&json!("UTC"), &json!("Europe/Berlin"))
    );
}

#[test]
fn nobody_is_without_a_name() {
    let place = with_ada();
    let blank = "user create --email bo@example.com --name + --project 1";
    assert_eq!(place.run(blank).refusal(2), "a person needs a name");
    let key = place.run("key create --user bo@example.com --scopes *");
    assert_eq!(key.refusal(1), "there is no user bo@example.com");
}

#[test]
fn settings_of_a_project_are_set_all_or_none() {
    let place = with_ada();
    let set = place.json("project set 1 timezone=Europe/Berlin ai_burst=30/min name=Acme+2 widget_domains=a.example,b.example");
    assert_eq!(set["timezone"], "Europe/Berlin");
    assert_eq!(set["ai_burst"], "30/minute");
    assert_eq!(set["name"], "Acme 2");
    assert_eq!(set["widget_domains"], json!(["a.example", "b.example"]));
    assert_eq!(place.json("project show 1"), set);

    for (changes, reason) in [
        ("timezone=UTC nope=1", "nope: There is no such setting."),
        (
            "timezone=UTC ai_replies=loud",
            "ai_replies: \"loud\" is not a valid choice.",
        ),
        (
            "timezone=UTC verbose",
            "\"verbose\" is not of the form KEY=VALUE",
        ),
        ("timezone=UTC name=", "a project needs a name"),
    ] {
        assert_eq!(
            place.run(&format!("project set 1 {changes}")).refusal(2),
            reason
        );
    }
    assert_eq!(place.json("project show 1"), set);
    assert_eq!(
        place.json("project set 1 timezone=default")["timezone"],
        "UTC"
    );
    let refusal = place.run("project set 9 timezone=UTC").refusal(1);
    assert_eq!(
        refusal,
        "there is no project 9; \"thicket project list\" shows those that exist"
    );
}

#[test]
fn what_the_api_calls_a_setting_is_a_key_here() {
    let place = with_ada();
    let settings = [
        ("conversations_enabled", "false", json!(false)),
        ("widget_enabled", "true", json!(true)),
        ("is_ai_data_processing_approved", "false", json!(false)),
        ("timezone", "Asia/Tokyo", json!("Asia/Tokyo")),
        ("reopen_on_customer_message", "true", json!(true)),
        (
            "notification_recipients",
            "a@example.com",
            json!(["a@example.com"]),
        ),
        ("ai_replies", "draft", json!("draft")),
        ("ai_credits_exhausted", "true", json!(true)),
        ("ai_limits_exempt", "true", json!(true)),
        ("sla_warning_minutes", "30,5", json!([30, 5])),
    ];
    let before = place.json("project show 1");
    for (name, text, value) in &settings {
        assert_ne!(&before[name], value, "{name}");
        let set = place.json(&format!("project set 1 {name}={text}"));
        assert_eq!(&set[name], value, "{name}");
    }
    let shown = place.json("project show 1");
    for (name, _, value) in &settings {
        assert_eq!(&shown[name], value, "{name}");
    }
}

#[test]
fn the_first_person_of_an_organisation_is_its_admin() {
    let place = Place::new();
    place.json("project create --name Acme");
    let ada =
        place.json("user create --email Ada@Example.com --name Ada+King+Lovelace --project 1");
    assert_eq!(ada["id"], 1);
    assert_eq!(ada["uuid"].as_str().unwrap().len(), 36);
    assert_eq!(ada["email"], "ada@example.com");
    assert_eq!(
        (&ada["first_name"], &ada["last_name"]),
        (&json!("Ada"), &json!("King Lovelace"))
    );
    assert_eq!(ada["role"], "admin");
    let bob = place.json("user create --email bob@example.com --name Bob --project 1");
    assert_eq!(bob["role"], "member");
    let eve = place.json("user create --email eve@example.com --name Eve --project 1 --role admin");
    assert_eq!(eve["role"], "admin");
}

#[test]
fn a_known_address_joins_another_organisation_as_the_same_person() {
    let place = with_ada();
    place.json("project create --name Other");
    let again = place.json("user create --email ADA@example.com --name Somebody --project 2");
    assert_eq!(
        (&again["id"], &again["first_name"], &again["role"]),
        (&json!(1), &json!("Ada"), &json!("admin"))
    );
    let same = place.json("user create --email ada@example.com --name Ada --project 1");
    assert_eq!(same["role"], "admin", "a repetition takes no rights away");
    let less =
        place.json("user create --email ada@example.com --name Ada --project 1 --role member");
    assert_eq!(less["role"], "member");
}

#[test]
fn a_password_comes_from_standard_input_only() {
    let place = with_ada();
    let line = "user create --email bob@example.com --name Bob --project 1 --password-stdin --json";
    let refusal = place.run_with_input(line, "short\n").refusal(1);
    assert_eq!(refusal, "A password has at least 8 characters.");
    place
        .run_with_input(line, "correct horse battery staple\n")
        .json();
    place
        .run("user create --email x@example.com --name X --project 1 --password secret")
        .refused_by_clap();
}

/// What a browser sends with its requests once somebody has signed in.
fn cookies_of(server: &Server, login: &Value) -> String {
    let json = [("content-type", "application/json")];
    let mut answer = String::new();
    server
        .open("POST", "/api/login/", &json, Some(&login.to_string()))
        .read_to_string(&mut answer)
        .unwrap();
    let cookies: Vec<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next())
        .collect();
    cookies.join("; ")
}

#[test]
fn who_forgot_a_password_gets_another_while_the_server_runs_and_whoever_was_signed_in_is_out() {
    let place = with_ada();
    let json = [("content-type", "application/json")];
    let (first, second) = ("correct horse battery staple", "purple monkey dishwasher");
    let set = |who: &str, password: &str| {
        let line = format!("user set-password --user {who} --json");
        place.run_with_input(&line, &format!("{password}\n"))
    };
    set("1", first).json();
    let server = Server::start(&place);
    let sign_in = |password: &str| {
        let body = json!({"email": "ada@example.com", "password": password}).to_string();
        server.post("/api/login/", &json, &body)
    };
    let cookies = cookies_of(
        &server,
        &json!({"email": "ada@example.com", "password": first}),
    );
    let me = || {
        server
            .get("/api/users/@me/", &[("cookie", cookies.as_str())])
            .status
    };
    assert_eq!(me(), 200);

    assert_eq!(
        set("ada@example.com", "short").refusal(1),
        "A password has at least 8 characters."
    );
    assert_eq!(
        set("bob@example.com", second).refusal(1),
        "there is no user bob@example.com"
    );
    assert_eq!(me(), 200, "nothing has changed yet");
    let person = set("ada@example.com", second).json();
    assert_eq!(person["email"], "ada@example.com");

    until("the session is over", || (me() == 401).then_some(()));
    assert_eq!(sign_in(first).status, 400);
    assert_eq!(sign_in(second).status, 200);
}

#[test]
fn people_need_an_address_and_a_project() {
    let place = with_ada();
    let refusal = place
        .run("user create --email nobody --name N --project 1")
        .refusal(2);
    assert_eq!(refusal, "\"nobody\": Enter a valid email address.");
    place
        .run("user create --email a@example.com --name N --project 7")
        .refusal(1);
    place
        .run("user create --email a@example.com --name N")
        .refused_by_clap();
    place
        .run("user create --email a@example.com --name N --project 1 --role owner")
        .refused_by_clap();
}

#[test]
fn roles_are_made_filled_and_listed() {
    let place = with_ada();
    let role = place.json("role create --name Support --project 1");
    assert_eq!(role["id"].as_str().unwrap().len(), 36);
    assert_eq!(role["name"], "Support");
    let refusal = place
        .run("role create --name Support --project 1")
        .refusal(1);
    assert_eq!(refusal, "there is a role \"Support\" already");

    place
        .run("role add --role Support --user ada@example.com")
        .ok();
    let by_id = format!("role add --role {} --user 1", role["id"].as_str().unwrap());
    assert_eq!(place.json(&by_id)["user"], "ada@example.com");
    place
        .run("role add --role Sales --user ada@example.com")
        .refusal(1);
    place
        .run("role add --role Support --user bob@example.com")
        .refusal(1);

    let list = place.json("role list");
    assert_eq!(list["results"][0]["members"], json!(["ada@example.com"]));
    assert!(place.run("role list").ok().contains("Support"));
}

#[test]
fn a_key_shows_its_secret_once() {
    let place = with_ada();
    let key = place.json("key create --user ada@example.com --scopes conversation:read,ticket:write --label Bot --project 1");
    let secret = key["key"].as_str().unwrap();
    assert!(secret.starts_with("phx_"));
    assert_eq!(key["scopes"], json!(["conversation:read", "ticket:write"]));
    assert_eq!(key["projects"], json!([1]));
    assert_eq!(key["label"], "Bot");

    let list = place.run("key list --json").ok();
    assert!(!list.contains(secret), "{list}");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["results"][0]["id"], key["id"]);
    assert_eq!(list["results"][0]["user"], "ada@example.com");
    assert_eq!(list["results"][0]["revoked_at"], Value::Null);
    assert!(!place.run("key list").ok().contains(secret));

    let id = key["id"].as_str().unwrap();
    let revoked = place.json(&format!("key revoke {id}"));
    assert_eq!(&revoked["id"], id);
    assert!(revoked["revoked_at"].is_string());
    let refusal = place.run(&format!("key revoke {id}")).refusal(1);
    assert_eq!(refusal, format!("key {id} has been revoked already"));
    assert!(place.json("key list")["results"][0]["revoked_at"].is_string());
}

#[test]
fn keys_are_refused_for_unknown_people_scopes_and_projects() {
    let place = with_ada();
    let refusal = place
        .run("key create --user ada@example.com --scopes conversation:fly")
        .refusal(2);
    assert!(
        refusal.starts_with("\"conversation:fly\" is not a scope"),
        "{refusal}"
    );
    assert_eq!(
        place
            .run("key create --user bob@example.com --scopes *")
            .refusal(1),
        "there is no user bob@example.com"
    );
    place
        .run("key create --user ada@example.com --scopes * --project 5")
        .refusal(1);
    place
        .run("key create --user ada@example.com")
        .refused_by_clap();
    place.run("key revoke nonsense").refused_by_clap();
    place
        .run("key revoke 00000000-0000-4000-8000-000000000000")
        .refusal(1);
    assert_eq!(place.json("key list"), json!({"results": []}));
}

#[test]
fn nothing_is_made_up_where_there_is_no_database() {
    let place = Place::new();
    for line in [
        "project list",
        "project show 1",
        "project set 1 timezone=UTC",
        "role list",
        "key list",
        "article list",
        "user create --email a@example.com --name A --project 1",
        "check",
        "backup x.tar",
    ] {
        let refusal = place.run(line).refusal(1);
        assert!(
            refusal.starts_with("there is no database in ./thicket-data"),
            "{line}: {refusal}"
        );
    }
    assert!(!place.path("thicket-data").exists());
    assert_eq!(
        place.json("migrate"),
        json!({"engine": "sqlite", "up_to_date": true})
    );
    assert_eq!(place.json("project list"), json!({"results": []}));
    assert_eq!(place.run("project list").ok(), "none\n");
}

#[test]
fn the_openapi_document_is_printed() {
    let place = Place::new();
    let document = place.json("openapi");
    assert_eq!(document["openapi"], "3.1.0");
    let path = "/api/environments/{project_id}/conversations";
    let paths = document["paths"].as_object().unwrap();
    assert!(
        paths.keys().any(|key| key.trim_end_matches('/') == path),
        "{:?}",
        paths.keys()
    );
    let people: Value = serde_json::from_str(&place.run("openapi").ok()).unwrap();
    assert_eq!(people, document);
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    for line in [
        "",
        "project",
        "project create",
        "project show",
        "project set",
        "project list",
        "user create",
        "user set-password",
        "role create",
        "role add",
        "role list",
        "key create",
        "key list",
        "key revoke",
        "article import",
        "article list",
        "migrate",
        "backup",
        "restore",
        "check",
        "openapi",
        "serve",
        "demo",
    ] {
        let help = place.run(&format!("{line} --help")).ok();
        assert!(help.contains("Usage: thicket"), "{line}: {help}");
        assert!(help.contains("--data-dir"), "{line}: {help}");
        assert!(!help.contains("api-key"), "{line}: secrets have no flag");
    }
    assert!(place.run("--version").ok().starts_with("thicket "));
    place.run("").refused_by_clap();
    place.run("frobnicate").refused_by_clap();
}
