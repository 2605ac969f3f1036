//! Finding and checking credentials (conventions.md 2.1 and 11, cases 1 to 9).

use super::support::{NOW, Server, request};
use store::keys::TOUCH_INTERVAL_MICROS;

const ME: &str = "/api/users/@me/";
const NONE: (&str, &str) = (
    "not_authenticated",
    "Authentication credentials were not provided.",
);

fn invalid(place: &str) -> (&'static str, String) {
    let detail = format!("Personal API key found in request {place} is invalid.");
    ("authentication_failed", detail)
}

#[tokio::test]
async fn says_exactly_what_is_wrong_with_the_credentials() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    let header = |value: &str| request("GET", ME).header("authorization", value);
    let project = format!("/api/projects/{}/", server.project);
    for (case, request, code, detail) in [
        ("nothing", request("GET", ME), NONE.0, NONE.1.to_owned()),
        (
            "unknown key",
            header("Bearer phx_nope"),
            invalid("Authorization header").0,
            invalid("Authorization header").1,
        ),
        (
            "a project's secret",
            header("Bearer phs_x"),
            invalid("Authorization header").0,
            invalid("Authorization header").1,
        ),
        (
            "a project's token",
            header("Bearer phc_x"),
            invalid("Authorization header").0,
            invalid("Authorization header").1,
        ),
        (
            "an OAuth token",
            header("Bearer pha_x"),
            "authentication_failed",
            "Invalid access token.".to_owned(),
        ),
        (
            "another scheme",
            header(&format!("Token {key}")),
            NONE.0,
            NONE.1.to_owned(),
        ),
        ("no scheme", header(&key), NONE.0, NONE.1.to_owned()),
        (
            "one character",
            header("Bearer x"),
            NONE.0,
            NONE.1.to_owned(),
        ),
        (
            "only the scheme",
            header("Bearer "),
            NONE.0,
            NONE.1.to_owned(),
        ),
        (
            "query",
            request("GET", "/api/users/@me/?personal_api_key=nope"),
            invalid("query string").0,
            invalid("query string").1,
        ),
        (
            "the header beats the query",
            request("GET", &format!("{ME}?personal_api_key={key}")).key("nope"),
            invalid("Authorization header").0,
            invalid("Authorization header").1,
        ),
        (
            "body",
            request("PATCH", &project).json(r#"{"personal_api_key":"nope"}"#),
            invalid("body").0,
            invalid("body").1,
        ),
        (
            "the body beats the query",
            request("PATCH", &format!("{project}?personal_api_key={key}"))
                .json(r#"{"personal_api_key":"nope"}"#),
            invalid("body").0,
            invalid("body").1,
        ),
        (
            "a token of no project",
            request("GET", "/api/users/@me/?token=phc_x"),
            "authentication_failed",
            "Incorrect authentication credentials.".to_owned(),
        ),
    ] {
        let answer = server.send(request).await;
        assert_eq!(answer.error(), (401, code.to_owned(), detail), "{case}");
        assert_eq!(answer.json()["type"], "authentication_error", "{case}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{case}");
    }
}

#[tokio::test]
async fn takes_a_key_from_header_body_or_query() {
    let server = Server::start().await;
    let key = server.key(&["*"]).await;
    let project = format!("/api/projects/{}/", server.project);
    for request in [
        request("GET", ME).key(&key),
        request("GET", ME).header("authorization", &format!("bearer {key}")),
        request("GET", ME).header("authorization", &format!("Bearer   {key}")),
        request("GET", &format!("{ME}?personal_api_key={key}")),
        request("PATCH", &project).json(&format!(r#"{{"personal_api_key":"{key}"}}"#)),
        request("PATCH", &project).body(
            "application/x-www-form-urlencoded",
            &format!("personal_api_key={key}&name=New"),
        ),
    ] {
        let answer = server.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn without_a_header_the_body_is_read_before_anything_else() {
    let server = Server::start().await;
    let project = format!("/api/projects/{}/", server.project);
    let malformed = server.send(request("PATCH", &project).json("{bad")).await;
    assert_eq!(
        (malformed.error().0, malformed.error().1.as_str()),
        (400, "parse_error")
    );
    let unread = server
        .send(request("PATCH", &project).body("text/plain", "x"))
        .await;
    assert_eq!(
        unread.error(),
        (
            415,
            "unsupported_media_type".to_owned(),
            "Unsupported media type \"text/plain\" in request.".to_owned()
        )
    );
    let bad_key = server
        .send(request("PATCH", &project).key("phx_nope").json("{bad"))
        .await;
    assert_eq!(bad_key.status, 401);
}

#[tokio::test(flavor = "current_thread")]
async fn a_revoked_key_is_refused_within_a_second() {
    let server = Server::start().await;
    let mut id = None;
    let key = server
        .key_of(server.ada.id, &["*"], |key| id = Some(key.id))
        .await;
    assert_eq!(server.get(ME, &key).await.status, 200);
    let id = id.unwrap();
    server
        .app
        .store
        .write(move |c| Box::pin(store::keys::revoke(c, id, NOW)))
        .await
        .unwrap();
    let revoked_at = std::time::Instant::now();
    while server.get(ME, &key).await.status != 401 {
        assert!(
            revoked_at.elapsed().as_millis() < 1000,
            "still valid after a second"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_use_of_a_key_is_recorded() {
    let server = Server::start().await;
    let mut id = None;
    let key = server
        .key_of(server.ada.id, &["*"], |key| {
            id = Some(key.id);
            key.unthrottled = true;
        })
        .await;
    let id = id.unwrap();
    let last_used = || async {
        let found = server
            .app
            .store
            .read(move |c| Box::pin(store::keys::find(c, id)))
            .await;
        found.unwrap().unwrap().last_used_at
    };
    assert_eq!(server.get(ME, &key).await.status, 200);
    while last_used().await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(last_used().await, Some(NOW));
    server.advance(TOUCH_INTERVAL_MICROS / 1_000_000);
    while last_used().await == Some(NOW) {
        assert_eq!(server.get(ME, &key).await.status, 200);
    }
}
