//! The list of conversations (ai-conversations.md 2; conventions.md 5).

use crate::common::keys;
use serde_json::{Value, json};
use testkit::{Api, Chat, Setup, Tenant, on_both_engines};

on_both_engines! {
    the_list_holds_ones_own_conversations_without_messages,
    a_new_conversation_is_listed_at_once,
    the_newest_change_comes_first,
    pages_link_to_their_neighbours,
    links_keep_the_form_of_the_request,
    strange_limits_and_offsets_count_as_absent,
    the_list_needs_a_key_that_may_read,
}

const MINIMAL: [&str; 12] = [
    "created_at",
    "id",
    "is_internal",
    "slack_thread_key",
    "slack_workspace_domain",
    "status",
    "task",
    "title",
    "topic",
    "type",
    "updated_at",
    "user",
];

async fn talk(chat: Chat, text: &str) -> Chat {
    chat.say(text).await.expect(201).events().await;
    chat
}

/// A tenant with so many conversations, titled `talk 0` and so on, oldest first.
async fn with_talks(setup: Setup, count: usize) -> (testkit::TestApp, Tenant, Vec<Chat>) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let mut chats = Vec::new();
    for number in 0..count {
        chats.push(talk(tenant.chat(), &format!("talk {number}")).await);
    }
    (app, tenant, chats)
}

fn titles(list: &Value) -> Vec<&str> {
    let results = list["results"].as_array().unwrap();
    results
        .iter()
        .map(|it| it["title"].as_str().unwrap())
        .collect()
}

async fn the_list_holds_ones_own_conversations_without_messages(setup: Setup) {
    let (app, tenant, chats) = with_talks(setup, 1).await;
    let colleague = app.member(tenant.organization, tenant.project).await;
    talk(colleague.chat(), "of a colleague").await;
    let elsewhere = app.project(tenant.organization).await;
    talk(
        Chat {
            project: elsewhere,
            ..tenant.chat()
        },
        "in another project",
    )
    .await;
    let list = tenant.api.get(&chats[0].root()).await.expect(200).json;
    assert_eq!(keys(&list), ["count", "next", "previous", "results"]);
    assert_eq!(
        (&list["count"], &list["next"], &list["previous"]),
        (&json!(1), &Value::Null, &Value::Null)
    );
    assert_eq!(titles(&list), ["talk 0"]);

    let item = &list["results"][0];
    assert_eq!(keys(item), MINIMAL);
    let detail = chats[0].detail().await;
    for name in MINIMAL {
        assert_eq!(item[name], detail[name], "{name}");
    }
    let user = [
        "distinct_id",
        "email",
        "first_name",
        "hedgehog_config",
        "id",
        "is_email_verified",
        "last_name",
        "role_at_organization",
        "uuid",
    ];
    assert_eq!(keys(&item["user"]), user);
    assert_eq!(item["user"]["id"], json!(tenant.user));
    assert_eq!(
        (&item["type"], &item["is_internal"]),
        (&json!("assistant"), &json!(false))
    );
    let time = item["created_at"].as_str().unwrap();
    assert!(
        time.ends_with('Z') && time.len() <= "2026-01-02T03:04:05.678901Z".len(),
        "{time}"
    );
}

async fn a_new_conversation_is_listed_at_once(setup: Setup) {
    let model = testkit::StubModel::start().await;
    model.script([testkit::Script::hang()]);
    let app = setup.answered_by(&model).start().await;
    let tenant = app.tenant().await;
    let chat = tenant.chat();
    chat.say("How do I\n  reset it?").await.expect(201);
    let list = tenant.api.get(&chat.root()).await.expect(200).json;
    assert_eq!(titles(&list), ["How do I reset it?"]);
    assert_eq!(list["results"][0]["status"], "in_progress");
    assert_eq!(chat.detail().await["title"], "How do I reset it?");
}

async fn the_newest_change_comes_first(setup: Setup) {
    let (_app, tenant, chats) = with_talks(setup, 3).await;
    let root = chats[0].root();
    let order = async |tenant: &Tenant| titles(&tenant.api.get(&root).await.json).join(", ");
    assert_eq!(order(&tenant).await, "talk 2, talk 1, talk 0");
    talk(chats[0].clone(), "again").await;
    assert_eq!(order(&tenant).await, "talk 0, talk 2, talk 1");
    // A cancel counts as a change, a note does not.
    let note = json!({"content": "noted"});
    tenant
        .api
        .post(&chats[2].path("append_message/"), &note)
        .await
        .expect(200);
    assert_eq!(order(&tenant).await, "talk 0, talk 2, talk 1");
    tenant
        .api
        .patch(&chats[1].path("cancel/"), &json!({}))
        .await
        .expect(200);
    assert_eq!(order(&tenant).await, "talk 1, talk 0, talk 2");
}

/// A page: its titles, and its links without scheme and host.
async fn page(api: &Api, path: &str) -> (String, Option<String>, Option<String>) {
    let list = api.get(path).await.expect(200).json;
    assert_eq!(list["count"], 5);
    let link = |name: &str| {
        let link = list[name].as_str()?;
        let (_, path) = link
            .strip_prefix("http://127.0.0.1:")
            .unwrap()
            .split_once('/')
            .unwrap();
        Some(format!("/{path}"))
    };
    (titles(&list).join(", "), link("next"), link("previous"))
}

async fn pages_link_to_their_neighbours(setup: Setup) {
    let (_app, tenant, chats) = with_talks(setup, 5).await;
    let root = chats[0].root();
    let some = |query: &str| Some(format!("{root}?{query}"));
    for (query, titles, next, previous) in [
        ("?limit=2", "talk 4, talk 3", some("limit=2&offset=2"), None),
        (
            "?limit=2&offset=2",
            "talk 2, talk 1",
            some("limit=2&offset=4"),
            some("limit=2"),
        ),
        (
            "?limit=2&offset=4",
            "talk 0",
            None,
            some("limit=2&offset=2"),
        ),
        (
            "?limit=2&offset=1",
            "talk 3, talk 2",
            some("limit=2&offset=3"),
            some("limit=2"),
        ),
        ("?offset=3", "talk 1, talk 0", None, some("limit=100")),
        ("?offset=99&limit=5", "", None, some("limit=5&offset=94")),
        (
            "?zed=1&limit=1&offset=1&a=2&zed=x+y%26z",
            "talk 3",
            some("a=2&limit=1&offset=2&zed=1&zed=x+y%26z"),
            some("a=2&limit=1&zed=1&zed=x+y%26z"),
        ),
    ] {
        let found = page(&tenant.api, &format!("{root}{query}")).await;
        assert_eq!(found, (titles.to_owned(), next, previous), "{query}");
    }
    // A client that follows the links sees everything once.
    let mut seen = Vec::new();
    let mut at = Some(format!("{root}?limit=2"));
    while let Some(path) = at {
        let (titles, next, _) = page(&tenant.api, &path).await;
        seen.push(titles);
        at = next;
    }
    assert_eq!(seen, ["talk 4, talk 3", "talk 2, talk 1", "talk 0"]);
}

async fn links_keep_the_form_of_the_request(setup: Setup) {
    let (_app, tenant, chats) = with_talks(setup, 5).await;
    let root = chats[0].root();
    let bare = root.trim_end_matches('/');
    let projects = root.replace("environments", "projects");
    for path in [
        bare.to_owned(),
        root.clone(),
        projects,
        format!("{bare}.json"),
    ] {
        let (titles, next, _) = page(&tenant.api, &format!("{path}?limit=3")).await;
        assert_eq!(titles, "talk 4, talk 3, talk 2");
        assert_eq!(next, Some(format!("{path}?limit=3&offset=3")));
    }
}

async fn strange_limits_and_offsets_count_as_absent(setup: Setup) {
    let (_app, tenant, chats) = with_talks(setup, 5).await;
    let root = chats[0].root();
    let plain = tenant.api.get(&root).await.expect(200).json;
    for query in [
        "?limit=abc",
        "?limit=0",
        "?limit=-1",
        "?limit=1.5",
        "?limit=",
        "?offset=-3",
        "?offset=x",
        "?limit=99999999999999999999",
        "?limit=1000000",
    ] {
        let list = tenant
            .api
            .get(&format!("{root}{query}"))
            .await
            .expect(200)
            .json;
        assert_eq!(list, plain, "{query}");
    }
    let (titles, next, _) = page(&tenant.api, &format!("{root}?offset=99999999999999999999")).await;
    assert_eq!((titles.as_str(), next), ("", None));
}

async fn the_list_needs_a_key_that_may_read(setup: Setup) {
    let (app, tenant, chats) = with_talks(setup, 1).await;
    let root = chats[0].root();
    for (scopes, status) in [
        (&["conversation:read"][..], 200),
        (&["conversation:write"], 200),
        (&["*"], 200),
        (&["ticket:read", "ticket:write", "project:write"], 403),
        (&[], 403),
    ] {
        let key = app.key(tenant.user, scopes).await;
        let reply = app.api(&key).get(&root).await.expect(status);
        if status == 403 {
            let detail = "API key missing required scope 'conversation:read'";
            assert_eq!(reply.json["detail"], detail, "{scopes:?}");
        }
    }
    assert_eq!(app.stranger().get(&root).await.status, 401);
}
