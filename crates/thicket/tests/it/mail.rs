//! Mails leave the server over SMTP, as its operator configures it: by STARTTLS or TLS, with a password, and whole after
//! a `kill -9`.

use crate::harness::Place;
use crate::server::{Server, until};
use serde_json::{Value, json};
use std::process::Command;
use testkit::{Gate, MailAnswer, SmtpOptions, SmtpServer};

/// A place with a project whose team is told of new tickets, and a key for everything.
fn place() -> (Place, String) {
    let place = Place::new();
    place.json("project create --name Acme");
    place.json("project set 1 widget_enabled=true notification_recipients=team@example.com");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes *");
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    (place, bearer)
}

/// A server that sends by way of this URL, and trusts this certificate.
fn serve(place: &Place, smtp_url: &str, certificate: &str) -> Server {
    let certificate = place.write("root.pem", certificate);
    let mut command: Command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("THICKET_SMTP_URL", smtp_url)
        .env("SSL_CERT_FILE", certificate);
    Server::of(command)
}

/// A customer writes by way of the widget.
fn hear(place: &Place, server: &Server, text: &str) {
    let project = place.json("project show 1");
    let token = project["widget_token"].as_str().unwrap();
    let body = json!({
        "widget_session_id": testkit::new_uuid(), "distinct_id": "d", "message": text,
    });
    let headers = [("X-Conversations-Token", token)];
    let path = "/api/conversations/v1/widget/message";
    let answer = server.post(path, &headers, &body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn newest(server: &Server, bearer: &str) -> Value {
    let headers = [("Authorization", bearer)];
    let path = "/api/projects/1/conversations/outbox/";
    server.get(path, &headers).json()["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_out_over_tls_with_a_password() {
    for (scheme, starttls, implicit_tls) in [("smtp", true, false), ("smtps", false, true)] {
        let smtp = SmtpServer::start_with(SmtpOptions {
            login: Some(("ada@example.com", "p:/@ss")),
            starttls,
            implicit_tls,
        })
        .await;
        let (place, _) = place();
        let port = smtp.address().port();
        let url = format!("{scheme}://ada%40example.com:p%3A%2F%40ss@localhost:{port}");
        let server = serve(&place, &url, smtp.certificate());
        hear(&place, &server, "Hello");
        let mail = smtp.wait_for(1).await.remove(0);
        assert!(mail.is_encrypted, "{scheme}");
        assert_eq!(mail.user.as_deref(), Some("ada@example.com"), "{scheme}");
        // The account is the sender where no other is named.
        assert_eq!(mail.from, "ada@example.com");
        let end = server.stop();
        assert_eq!(end.code, Some(0));
        assert!(
            !end.stderr.contains("p:/@ss") && !end.stderr.contains("team@"),
            "{end:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_and_no_password_goes_to_a_server_that_is_not_the_right_one() {
    let options = SmtpOptions {
        login: Some(("ada", "secret")),
        starttls: true,
        implicit_tls: false,
    };
    let smtp = SmtpServer::start_with(options).await;
    let other = SmtpServer::start().await;
    let port = smtp.address().port();
    for (query, certificate, reason) in [
        (
            "",
            other.certificate(),
            "The mail server cannot be reached: invalid peer certificate: ",
        ),
        (
            "?tls=off",
            "",
            "The mail server answered 535 5.7.8 Wrong name or password",
        ),
    ] {
        let (place, bearer) = place();
        let url = format!("smtp://ada:wrong@localhost:{port}{query}");
        let server = serve(&place, &url, certificate);
        hear(&place, &server, "Hello");
        let mail = until("an attempt has failed", || {
            Some(newest(&server, &bearer)).filter(|mail| mail["error"].is_string())
        });
        assert_eq!(
            mail["state"], "queued",
            "its operator may still mend it: {mail}"
        );
        let error = mail["error"].as_str().unwrap();
        assert!(error.starts_with(reason), "{error}");
    }
    let (place, bearer) = place();
    let port = other.address().port();
    let url = format!("smtp://localhost:{port}?tls=required");
    let server = serve(&place, &url, "");
    hear(&place, &server, "Hello");
    let mail = until("an attempt has failed", || {
        Some(newest(&server, &bearer)).filter(|mail| mail["error"].is_string())
    });
    assert_eq!(mail["error"], "The mail server offers no TLS.");
    assert!(smtp.received().is_empty() && other.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_queued_when_the_server_was_killed_goes_out_once() {
    let smtp = SmtpServer::start().await;
    let gate = Gate::new();
    smtp.script([MailAnswer::Hold(gate.clone())]);
    let (place, bearer) = place();
    // Killed while one mail is with the mail server, and another waits.
    let url = format!("smtp://{}", smtp.address());
    let server = serve(&place, &url, "");
    hear(&place, &server, "first");
    smtp.wait_for(1).await;
    drop(server);
    let silent = Server::start(&place);
    hear(&place, &silent, "second");
    drop(silent);
    let server = serve(&place, &url, "");
    smtp.wait_for(2).await;
    until("the second is sent", || {
        (newest(&server, &bearer)["state"] == "sent").then_some(())
    });
    let received = smtp.received();
    let of_second = |mail: &&testkit::ReceivedMail| mail.text().contains("second");
    assert_eq!(received.iter().filter(of_second).count(), 1);
    // The first one has been borrowed by nobody who lives, and will be lent again.
    let path = "/api/projects/1/conversations/outbox/?offset=1";
    let first = server
        .get(path, &[("Authorization", bearer.as_str())])
        .json()["results"][0]
        .clone();
    assert_eq!(first["state"], "sending");
}

#[test]
fn a_sender_that_makes_no_address_stops_the_start() {
    let place = Place::new().with("THICKET_MAIL_FROM", "Help".to_owned());
    let refusal = place.run("serve").refusal(2);
    assert!(
        refusal.starts_with("THICKET_MAIL_FROM: expected a mail address"),
        "{refusal}"
    );
}
