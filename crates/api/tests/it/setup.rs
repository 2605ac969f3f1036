//! A new server's first organisation, project and person.

use crate::common::assert_error;
use serde_json::{Value, json};
use testkit::{Session, Setup, on_both_engines};

on_both_engines! {
    a_new_server_is_set_up_once_and_the_admin_is_signed_in,
    of_two_who_set_a_server_up_at_once_one_does,
    what_is_missing_is_told_and_nothing_is_made,
    a_server_with_people_is_not_set_up_again,
}

const PATH: &str = "/api/setup/";

fn body(email: &str) -> Value {
    json!({
        "organization_name": "Acme", "project_name": "Help", "name": "Ada King Lovelace", "email": email,
        "password": "correct horse battery",
    })
}

async fn a_new_server_is_set_up_once_and_the_admin_is_signed_in(setup: Setup) {
    let app = setup.start().await;
    let stranger = app.stranger();
    assert_eq!(
        stranger.get(PATH).await.expect(200).json,
        json!({"is_needed": true})
    );
    let made = stranger
        .post(PATH, &body("Ada@Example.com"))
        .await
        .expect(201);
    assert_eq!(made.json["email"], "ada@example.com");
    assert_eq!(
        (&made.json["first_name"], &made.json["last_name"]),
        (&json!("Ada"), &json!("King Lovelace"))
    );
    assert_eq!(made.json["organization"]["name"], "Acme");
    assert_eq!(made.json["organization"]["membership_level"], 8);
    assert_eq!(made.json["team"]["name"], "Help");
    let browser = stranger.with_session(Session::of(&made).unwrap());
    assert_eq!(
        browser.get("/api/users/@me/").await.expect(200).json,
        made.json
    );
    browser
        .patch("/api/projects/@current/", &json!({"name": "Help desk"}))
        .await
        .expect(200);
    // Once.
    assert_eq!(
        stranger.get(PATH).await.expect(200).json,
        json!({"is_needed": false})
    );
    for body in [body("eve@example.com"), json!({})] {
        let again = stranger.post(PATH, &body).await;
        assert_error(&again, 403, "permission_denied", "");
        assert_eq!(Session::of(&again), None);
    }
    let login = json!({"email": "ada@example.com", "password": "correct horse battery"});
    stranger.post("/api/login/", &login).await.expect(200);
}

async fn of_two_who_set_a_server_up_at_once_one_does(setup: Setup) {
    let app = setup.start().await;
    let stranger = app.stranger();
    let attempts = (0..8).map(|index| {
        let stranger = stranger.clone();
        async move {
            stranger
                .post(PATH, &body(&format!("{index}@example.com")))
                .await
        }
    });
    let replies = futures::future::join_all(attempts).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.status == 403).count();
    assert_eq!((made, refused), (1, 7));
    let people = app
        .store
        .read(|c| Box::pin(store::users::list(c)))
        .await
        .unwrap();
    let organizations = app
        .store
        .read(|c| Box::pin(store::organizations::list(c)))
        .await
        .unwrap();
    assert_eq!((people.len(), organizations.len()), (1, 1));
}

async fn what_is_missing_is_told_and_nothing_is_made(setup: Setup) {
    let app = setup.start().await;
    let stranger = app.stranger();
    let without = |name: &str, value: Option<Value>| {
        let mut body = body("ada@example.com");
        match value {
            Some(value) => body[name] = value,
            None => drop(body.as_object_mut().unwrap().remove(name)),
        }
        body
    };
    for name in [
        "organization_name",
        "project_name",
        "name",
        "email",
        "password",
    ] {
        let reply = stranger.post(PATH, &without(name, None)).await;
        assert_error(&reply, 400, "required", name);
        let reply = stranger.post(PATH, &without(name, Some(json!("")))).await;
        assert_error(&reply, 400, "blank", name);
    }
    let reply = stranger
        .post(PATH, &without("email", Some(json!("ada"))))
        .await;
    assert_error(&reply, 400, "invalid_input", "email");
    let reply = stranger
        .post(PATH, &without("password", Some(json!("1234567"))))
        .await;
    assert_error(&reply, 400, "invalid_input", "password");
    assert_eq!(
        stranger.get(PATH).await.expect(200).json,
        json!({"is_needed": true})
    );
}

async fn a_server_with_people_is_not_set_up_again(setup: Setup) {
    let app = setup.start().await;
    app.tenant().await;
    let stranger = app.stranger();
    assert_eq!(
        stranger.get(PATH).await.expect(200).json,
        json!({"is_needed": false})
    );
    assert_error(
        &stranger.post(PATH, &body("eve@example.com")).await,
        403,
        "permission_denied",
        "",
    );
}
