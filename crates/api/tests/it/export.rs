//! A whole project as lines, and back (operating.md, `export` and `import`).

use crate::common::{assert_error, contents};
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use store::sealed::SecretKey;
use store::transfer::{Import, ImportError, Imported, Into};
use testkit::{Engine, Setup, TestApp, on_both_engines};

on_both_engines! {
    what_is_read_again_is_the_same_project,
    a_copy_within_one_server_has_conversations_of_its_own,
    people_and_roles_are_found_again_by_address_and_name,
    no_secret_is_written,
    broken_lines_are_refused_and_leave_nothing,
    only_admins_get_the_export,
}

/// A project with something of everything.
async fn full_desk(setup: Setup) -> Desk {
    let desk = Desk::new(setup).await;
    let (api, tenant) = (&desk.api, &desk.tenant);
    let base = format!("/api/projects/{}", tenant.project);
    let roles = format!("/api/organizations/{}/roles/", tenant.organization);
    let role = api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    let members = format!("{roles}{}/members/", role["id"].as_str().unwrap());
    api.post(&members, &json!({"user": tenant.user}))
        .await
        .expect(201);
    api.patch(
        &format!("{base}/"),
        &json!({"name": "Help \u{1f600}\n", "timezone": "Europe/Berlin"}),
    )
    .await
    .expect(200);
    let article = json!({"title": "Refunds", "body": "# Refunds\n\nWe refund within ten days."});
    api.post(&format!("{base}/conversations/articles/"), &article)
        .await
        .expect(201);
    let person = json!({"distinct_ids": ["jo", "jo-2"], "properties": {"email": "jo@example.com", "n": 1.5}});
    api.post(&format!("{base}/persons/"), &person)
        .await
        .expect(201);
    for assignee in [
        json!(null),
        json!({"type": "user", "id": tenant.user}),
        json!({"type": "role", "id": role["id"]}),
    ] {
        let ticket = desk
            .add(json!({"tags": ["vip", "Ärger"], "priority": "high"}))
            .await;
        let path = format!("{}{}/", desk.path, ticket["id"].as_str().unwrap());
        api.patch(&path, &json!({"assignee": assignee}))
            .await
            .expect(200);
        desk.hear(&ticket, "Help \"me\"\r\nplease \u{2028}").await;
        desk.reply(
            &ticket,
            json!({"message": "Here is how.", "rich_content": {"type": "doc"}}),
        )
        .await
        .expect(201);
    }
    let filters = json!({"assignee": [{"type": "user", "id": tenant.user}], "status": ["open"]});
    let view = json!({"name": "Mine", "filters": filters, "visibility": "shared"});
    api.post(&format!("{base}/conversations/views/"), &view)
        .await
        .expect(201);
    let draft = format!("{base}/conversations/drafts/new/");
    let request = api
        .request(Method::PUT, &draft)
        .json(&json!({"content": "Dear "}));
    api.send(request).await.expect(200);
    let chat = tenant.chat();
    chat.say("How long does a refund take?")
        .await
        .expect(201)
        .events()
        .await;
    desk
}

async fn export(app: &TestApp, project: model::ProjectId) -> String {
    let admin = app.store.read(move |c| {
        Box::pin(async move {
            let found = store::projects::find(c, project)
                .await?
                .ok_or(store::Error::NoRow)?;
            let members = store::organizations::list_members(c, found.organization_id).await?;
            Ok::<_, store::Error>(members[0].0.id)
        })
    });
    let key = app.key(admin.await.unwrap(), &["project:read"]).await;
    let reply = app
        .api(&key)
        .get(&format!("/api/projects/{project}/export/"))
        .await
        .expect(200);
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert!(reply.header("content-disposition").contains(".ndjson"));
    reply.text
}

async fn import(
    app: &TestApp,
    text: &str,
    into: Into,
) -> Result<(model::ProjectId, Imported), ImportError> {
    let mut lines = text.lines();
    let key = SecretKey::from_text("a secret key for tests only").unwrap();
    let first = lines.next().unwrap_or_default();
    let mut import = Import::begin(app.store.clone(), app.env.clone(), key, first, into).await?;
    let mut taken = Ok(());
    for line in lines {
        taken = import.line(line).await.map(|_| ());
        if taken.is_err() {
            break;
        }
    }
    let finished = match taken {
        Ok(()) => import.finish().await,
        Err(error) => Err(error),
    };
    let project = import.project();
    match finished {
        Ok(report) => Ok((project, report)),
        Err(error) => {
            import.undo().await.unwrap();
            Err(error)
        }
    }
}

/// The lines but for what must differ, in one order. Each export is itself in the log, and so in the next one.
fn comparable(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for name in ["exported_at", "created_at"] {
        lines[0][name].take();
    }
    let all = lines.len();
    lines.retain(|line| line["activity"] != "exported");
    let left_out = all - lines.len();
    let end = lines.last_mut().unwrap();
    end["lines"] = json!(end["lines"].as_u64().unwrap() - left_out as u64);
    lines.sort_by_cached_key(Value::to_string);
    lines
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["line"] == kind).collect()
}

async fn what_is_read_again_is_the_same_project(setup: Setup) {
    let desk = full_desk(setup).await;
    let text = export(&desk.app, desk.tenant.project).await;
    let before = comparable(&text);
    for kind in [
        "role",
        "person",
        "person_distinct_id",
        "article",
        "article_passage",
        "ticket",
        "ticket_tag",
        "ticket_message",
        "ticket_text",
        "ticket_view",
        "draft",
        "conversation",
        "message",
        "turn",
        "event",
        "activity",
        "project_counter",
        "end",
    ] {
        assert!(!of_kind(&before, kind).is_empty(), "{kind}");
    }
    // On the other engine, and on the same: on a server of its own, where everything is free.
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(setup) = Setup::new(engine, "what_is_read_again").await else {
            continue;
        };
        let there = setup.start().await;
        let (project, report) = import(&there, &text, Into::NewOrganization).await.unwrap();
        assert_eq!(report.rows["ticket"], 3);
        assert_eq!(report.new_people.len(), 1);
        assert_eq!(there.store.check().await.unwrap(), []);
        let after = comparable(&export(&there, project).await);
        for (one, two) in before.iter().zip(&after) {
            assert_eq!(one, two);
        }
        assert_eq!(before.len(), after.len());

        // And it works: the next ticket has the next number, knowledge is found, lists and badges are right.
        let user = model::UserId(of_kind(&after, "user")[0]["id"].as_i64().unwrap());
        let api = there.api(&there.key(user, &["*"]).await);
        let base = format!("/api/projects/{project}");
        let tickets = format!("{base}/conversations/tickets/");
        let made = api.post(&tickets, &json!({})).await.expect(201).json;
        assert_eq!(made["ticket_number"], 4);
        assert_eq!(
            api.get(&format!("{tickets}?search=here+is"))
                .await
                .expect(200)
                .json["count"],
            3
        );
        let mine = format!("{tickets}?tags=[\"vip\"]");
        assert_eq!(api.get(&mine).await.expect(200).json["count"], 3);
        let conversations = api
            .get(&format!("{base}/conversations/"))
            .await
            .expect(200)
            .json;
        assert_eq!(conversations["count"], 1);
        let id = conversations["results"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let chat = testkit::Chat {
            api: api.clone(),
            project,
            id: id.parse().unwrap(),
        };
        let said = contents(&chat.detail().await["messages"]);
        assert_eq!(said[0], "How long does a refund take?");
        let events = chat
            .say("And how long exactly is a refund?")
            .await
            .expect(201)
            .events()
            .await;
        assert!(
            events
                .iter()
                .any(|event| event.content().contains("ten days"))
        );
    }
}

async fn a_copy_within_one_server_has_conversations_of_its_own(setup: Setup) {
    let desk = full_desk(setup).await;
    let text = export(&desk.app, desk.tenant.project).await;
    let into = Into::Organization(desk.tenant.organization);
    let (copy, report) = import(&desk.app, &text, into).await.unwrap();
    assert_eq!(report.new_people, Vec::<String>::new());
    assert_eq!(desk.app.store.check().await.unwrap(), []);
    let api = &desk.api;
    let list = |project| format!("/api/projects/{project}/conversations/");
    let theirs = api.get(&list(desk.tenant.project)).await.expect(200).json;
    let ours = api.get(&list(copy)).await.expect(200).json;
    assert_eq!((&theirs["count"], &ours["count"]), (&json!(1), &json!(1)));
    assert_ne!(theirs["results"][0]["id"], ours["results"][0]["id"]);
    let messages = async |page: &Value, project| {
        let id = page["results"][0]["id"].as_str().unwrap();
        let detail = api
            .get(&format!("{}{id}/", list(project)))
            .await
            .expect(200)
            .json;
        contents(&detail["messages"])
    };
    assert_eq!(
        messages(&theirs, desk.tenant.project).await,
        messages(&ours, copy).await
    );
    // A second copy is a third project.
    import(&desk.app, &text, into).await.unwrap();
}

async fn people_and_roles_are_found_again_by_address_and_name(setup: Setup) {
    let desk = full_desk(setup).await;
    let text = export(&desk.app, desk.tenant.project).await;
    let Some(setup) = Setup::new(Engine::Sqlite, "people_and_roles").await else {
        return;
    };
    let there = setup.start().await;
    // Somebody else has the number, and the same person another one; the role is there under another id.
    for _ in 0..3 {
        there.tenant().await;
    }
    let email = desk.api.get("/api/users/@me/").await.json["email"]
        .as_str()
        .unwrap()
        .to_owned();
    let tenant = there.tenant().await;
    let name = email.clone();
    let user = there
        .store
        .write(move |c| {
            Box::pin(async move {
                let new = store::users::NewUser {
                    email: name,
                    name: "Robin".into(),
                    password_hash: None,
                };
                store::users::create(c, &model::Env::system(), &new).await
            })
        })
        .await
        .unwrap();
    let roles = format!("/api/organizations/{}/roles/", tenant.organization);
    let role = tenant
        .api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    let into = Into::Organization(tenant.organization);
    let (project, report) = import(&there, &text, into).await.unwrap();
    assert_eq!(report.new_people, Vec::<String>::new());
    let lines = comparable(&export(&there, project).await);
    let assignees: Vec<_> = of_kind(&lines, "ticket")
        .iter()
        .map(|it| it["assignee"].clone())
        .collect();
    for expected in [
        json!(""),
        json!(format!("user:{}", user.id)),
        json!(format!("role:{}", role["id"].as_str().unwrap())),
    ] {
        assert!(assignees.contains(&expected), "{expected} {assignees:?}");
    }
    let view = of_kind(&lines, "ticket_view")[0];
    assert_eq!(view["filters"]["assignee"][0]["id"], json!(user.id));
    assert_eq!(view["created_by"], json!(user.id));
    let level = tenant
        .api
        .get(&format!(
            "/api/organizations/{}/members/",
            tenant.organization
        ))
        .await
        .json;
    assert_eq!(level["count"], 2);
}

async fn no_secret_is_written(setup: Setup) {
    let desk = full_desk(setup).await;
    let ticket = desk
        .arrive(|new| new.widget_session_id = Some("a-visitors-secret".into()))
        .await;
    desk.hear(&ticket, "Hello").await;
    let text = export(&desk.app, desk.tenant.project).await;
    for secret in [
        "a-visitors-secret",
        "phs_",
        "phc_",
        "phx_",
        "password",
        "argon2",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

async fn broken_lines_are_refused_and_leave_nothing(setup: Setup) {
    let desk = full_desk(setup).await;
    let text = export(&desk.app, desk.tenant.project).await;
    let lines: Vec<&str> = text.lines().collect();
    let projects = async || {
        let list = desk
            .app
            .store
            .read(|c| Box::pin(store::projects::list(c)))
            .await;
        list.unwrap().len()
    };
    let without_end = lines[..lines.len() - 1].join("\n");
    let without_one = [&lines[..lines.len() - 2], &lines[lines.len() - 1..]]
        .concat()
        .join("\n");
    let twice = [&lines[..], &lines[lines.len() - 1..]].concat().join("\n");
    let other_format = text.replacen("\"format\":1", "\"format\":2", 1);
    let unknown = text.replacen("\"line\":\"ticket\"", "\"line\":\"spell\"", 1);
    let no_number = text.replacen("\"number\":1", "\"number\":\"one\"", 1);
    let missing = text.replacen("\"priority\":\"high\",", "", 1);
    let duplicate = {
        let is_ticket = |line: &&&str| line.starts_with("{\"line\":\"ticket\",");
        let tickets: Vec<_> = lines.iter().filter(is_ticket).collect();
        text.replacen(tickets[1], tickets[0], 1)
    };
    for (broken, why) in [
        ("", "this is no export"),
        ("{}", "this is no export"),
        (&other_format, "has the form 2"),
        (&without_end, "is incomplete"),
        (&without_one, "lines are missing"),
        (&twice, "behind the last line"),
        (&unknown, "does not know such a line"),
        (&no_number, "number is not what it has to be"),
        (&missing, "priority is missing"),
        (&duplicate, "or one before it"),
    ] {
        let error = import(&desk.app, broken, Into::NewOrganization)
            .await
            .unwrap_err();
        assert!(
            error.to_string().to_lowercase().contains(why),
            "{why}: {error}"
        );
        assert_eq!(projects().await, 1, "{why}");
    }
    assert_eq!(desk.app.store.check().await.unwrap(), []);
    assert_eq!(
        comparable(&export(&desk.app, desk.tenant.project).await),
        comparable(&text)
    );
}

async fn only_admins_get_the_export(setup: Setup) {
    let desk = full_desk(setup).await;
    let (app, tenant) = (&desk.app, &desk.tenant);
    let member = app.member(tenant.organization, tenant.project).await;
    let members = format!(
        "/api/organizations/{}/members/{}/",
        tenant.organization, member.user
    );
    desk.api
        .patch(&members, &json!({"level": 1}))
        .await
        .expect(200);
    let path = format!("/api/projects/{}/export/", tenant.project);
    let other = app.tenant().await;
    let without = app.api(&app.key(tenant.user, &["ticket:read"]).await);
    for api in [&member.api, &other.api, &without] {
        assert_error(&api.get(&path).await, 403, "permission_denied", "");
    }
    assert_error(
        &app.stranger().get(&path).await,
        401,
        "not_authenticated",
        "",
    );
    app.signed_in(tenant.user)
        .await
        .get(&path)
        .await
        .expect(200);
}
