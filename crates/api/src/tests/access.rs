//! What a caller may reach, in the order of conventions.md 2.4.

use super::support::{Server, request};
use model::{MemberLevel, OrganizationId, ProjectId};
use serde_json::json;

#[tokio::test]
async fn says_what_a_key_may_not_reach() {
    let server = Server::start().await;
    let (ours, theirs) = (server.project, server.foreign);
    let all = server.key(&["*"]).await;
    let reader = server.key(&["project:read"]).await;
    let writer = server.key(&["project:write"]).await;
    let other = server.key(&["ticket:write"]).await;
    let elsewhere = OrganizationId(server.app.env.uuid());
    let this_project = server
        .key_of(server.ada.id, &["*"], |key| {
            key.scoped_projects = vec![ours]
        })
        .await;
    let no_project = server
        .key_of(server.ada.id, &["project:read"], |key| {
            key.scoped_projects = vec![ProjectId(99)]
        })
        .await;
    let no_organization = server
        .key_of(server.ada.id, &[], |key| {
            key.scoped_organizations = vec![elsewhere]
        })
        .await;
    let own = format!("/api/projects/{ours}/");
    let foreign = format!("/api/projects/{theirs}/");
    let not_found = (404, "not_found", "Project not found.".to_owned());
    let denied = |detail: String| (403, "permission_denied", detail);
    for (method, path, key, (status, code, detail)) in [
        ("GET", "/api/projects/999999/", &all, not_found.clone()),
        ("GET", "/api/projects/abc/", &all, not_found.clone()),
        ("GET", "/api/projects/-1/", &all, not_found.clone()),
        (
            "GET",
            "/api/projects/99999999999999999999/",
            &all,
            not_found.clone(),
        ),
        // Before the scope.
        ("GET", "/api/projects/999999/", &other, not_found),
        (
            "GET",
            &foreign,
            &all,
            denied("You don't have access to the project.".into()),
        ),
        (
            "GET",
            &foreign,
            &this_project,
            denied(format!(
                "API key does not have access to the requested project: ID {theirs}."
            )),
        ),
        (
            "GET",
            &own,
            &no_project,
            denied(format!(
                "API key does not have access to the requested project: ID {ours}."
            )),
        ),
        (
            "GET",
            &own,
            &no_organization,
            denied(format!(
                "API key does not have access to the requested organization: ID {}.",
                server.organization
            )),
        ),
        (
            "GET",
            &own,
            &other,
            denied("API key missing required scope 'project:read'".into()),
        ),
        (
            "PATCH",
            &own,
            &reader,
            denied("API key missing required scope 'project:write'".into()),
        ),
        // The scope before the membership.
        (
            "GET",
            &foreign,
            &other,
            denied("API key missing required scope 'project:read'".into()),
        ),
    ] {
        let answer = server.send(request(method, path).key(key)).await;
        assert_eq!(
            answer.error(),
            (status, code.to_owned(), detail),
            "{method} {path}"
        );
        assert!(answer.json()["attr"].is_null());
    }
    for (method, key) in [
        ("GET", &all),
        ("GET", &reader),
        ("GET", &writer),
        ("PATCH", &writer),
        ("GET", &this_project),
    ] {
        let answer = server.send(request(method, &own).key(key)).await;
        assert_eq!(answer.status, 200, "{method} {}", answer.text);
    }
}

#[tokio::test]
async fn an_organisation_can_forbid_keys() {
    let server = Server::start().await;
    let key = server.key(&["ticket:read"]).await;
    let forbidden = server.app.store.write(|c| {
        Box::pin(async move {
            const SQL: &str = "UPDATE organization SET allows_personal_api_keys = ?1";
            c.exec(SQL, store::params![false]).await
        })
    });
    forbidden.await.unwrap();
    let answer = server
        .get(&format!("/api/projects/{}/", server.project), &key)
        .await;
    assert_eq!(
        answer.error().2,
        "Organization 'Acme' does not allow using personal API keys. Contact an admin to enable personal API keys \
         for this organization."
    );
}

#[tokio::test]
async fn current_is_the_keys_only_project_else_the_chosen_one_else_the_first() {
    let server = Server::start().await;
    let (ours, theirs) = (server.project, server.foreign);
    let name = |path: &'static str, key: String| {
        let server = &server;
        async move {
            server.get(path, &key).await.json()["id"]
                .as_i64()
                .map(ProjectId)
        }
    };
    let current = "/api/projects/@current/";
    let organization = server.organization;
    let eve = server.eve.id;
    let plain = server.key(&["*"]).await;
    assert_eq!(name(current, plain.clone()).await, Some(ours));
    assert_eq!(
        name("/api/environments/%40current/", plain).await,
        Some(ours)
    );
    let now = server.app.env.now();
    let joined = server.app.store.write(move |c| {
        Box::pin(async move {
            store::organizations::set_member(c, organization, eve, MemberLevel::Member, now)
                .await?;
            store::users::set_current_project(c, eve, theirs).await
        })
    });
    joined.await.unwrap();
    let eves = server.key_of(eve, &["*"], |_| {}).await;
    assert_eq!(name(current, eves).await, Some(theirs));
    let restricted = server
        .key_of(eve, &["*"], |key| key.scoped_projects = vec![ours])
        .await;
    assert_eq!(name(current, restricted).await, Some(ours));
}

#[tokio::test]
async fn a_changed_setting_takes_effect_at_once_in_the_process_that_changed_it() {
    let server = Server::start().await;
    let key = server.key(&["project:write"]).await;
    let path = format!("/api/projects/{}/", server.project);
    assert_eq!(server.get(&path, &key).await.json()["timezone"], "UTC");
    let change = request("PATCH", &path)
        .key(&key)
        .json(r#"{"timezone":"Europe/Berlin"}"#);
    assert_eq!(
        server.send(change).await.json()["timezone"],
        "Europe/Berlin"
    );
    assert_eq!(
        server.get(&path, &key).await.json()["timezone"],
        json!("Europe/Berlin")
    );
}
