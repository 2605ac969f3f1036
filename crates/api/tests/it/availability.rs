//! Who takes tickets at the moment (tickets.md 16.6).

use crate::common::{assert_error, assert_json, demote};
use crate::tickets_desk::path;
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, Tenant, on_both_engines};

on_both_engines! {
    availability_is_said_by_oneself_and_by_admins,
}

async fn availability_is_said_by_oneself_and_by_admins(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let member = app.member(tenant.organization, tenant.project).await;
    demote(&app, &member).await;
    let everybody = path(&tenant, "availability/");
    let of = |user: Value| format!("{everybody}{user}/");
    let list = member.api.get(&everybody).await.expect(200).json;
    for (entry, user) in list
        .as_array()
        .unwrap()
        .iter()
        .zip([tenant.user, member.user])
    {
        assert_eq!(entry["user"]["id"], json!(user));
        assert_eq!(entry["is_available"], true);
        assert_eq!(
            (&entry["changed_by"], &entry["updated_at"]),
            (&Value::Null, &Value::Null)
        );
    }
    let put = async |who: &Tenant, path: String, body: Value| {
        let request = who.api.request(Method::PUT, &path).json(&body);
        who.api.send(request).await
    };
    let off = json!({"is_available": false});
    let said = put(&member, of(json!(member.user)), off.clone()).await;
    assert_json(
        &said,
        200,
        &json!({"user_id": member.user, "is_available": false}),
    );
    let refused = put(&member, of(json!(tenant.user)), off.clone()).await;
    assert_error(&refused, 403, "permission_denied", "");
    put(
        &tenant,
        of(json!(member.user)),
        json!({"is_available": "true"}),
    )
    .await
    .expect(200);
    let list = tenant.api.get(&everybody).await.expect(200).json;
    assert_eq!(list[1]["is_available"], true);
    assert_eq!(list[1]["changed_by"]["id"], json!(tenant.user));
    assert!(list[1]["updated_at"].is_string());
    // Who takes no tickets can still be given one by hand.
    put(&tenant, of(json!(member.user)), off.clone())
        .await
        .expect(200);
    let body = json!({"assignee": {"type": "user", "id": member.user}});
    tenant
        .api
        .post(&path(&tenant, "tickets/"), &body)
        .await
        .expect(201);
    let assignees = tenant
        .api
        .get(&path(&tenant, "assignees/"))
        .await
        .expect(200)
        .json;
    assert_eq!(assignees["users"][0]["is_available"], true);
    assert_eq!(assignees["users"][1]["is_available"], false);

    let stranger = app.tenant().await;
    for unknown in [json!(stranger.user), json!(987_654), json!("abc")] {
        let unknown = unknown.to_string().replace('"', "");
        let reply = put(&tenant, format!("{everybody}{unknown}/"), off.clone()).await;
        assert_error(&reply, 404, "not_found", "");
        assert_eq!(reply.json["detail"], "Person not found.");
    }
    let reply = put(&tenant, of(json!(tenant.user)), json!({})).await;
    assert_error(&reply, 400, "required", "is_available");
    let theirs = stranger
        .api
        .get(&path(&stranger, "availability/"))
        .await
        .expect(200)
        .json;
    assert_eq!(theirs.as_array().unwrap().len(), 1);
}
