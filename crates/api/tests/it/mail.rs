//! Mails leave the outbox over SMTP: once, later, or not at all (tickets.md 11.5, 14.6).

use crate::common::{assert_error, eventually};
use crate::tickets_desk::Desk;
use crate::widget::Site;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use testkit::{Gate, MailAnswer, Setup, SmtpOptions, SmtpServer, new_uuid, on_both_engines};

on_both_engines! {
    a_mail_goes_out_once,
    a_restore_link_arrives_whole,
    a_mail_that_is_refused_for_now_is_tried_again,
    a_mail_that_is_refused_for_good_is_given_up_and_can_be_sent_again,
    a_mail_server_that_is_away_holds_nobody_up,
    one_bad_mail_holds_no_other_up,
    a_mail_that_expires_before_its_next_attempt_is_given_up,
    a_mail_that_was_being_sent_when_the_server_stopped_is_not_lost,
    what_waited_goes_out_when_there_is_a_mail_server,
    a_mail_server_that_wants_a_password_loses_no_mail,
    only_admins_send_again,
}

/// A desk that is told of new tickets by mail.
async fn desk(setup: Setup, server: SocketAddr) -> Desk {
    let desk = Desk::new(setup.mailed_by(server)).await;
    let recipients = "team@example.com";
    desk.app
        .set(desk.tenant.project, "notification_recipients", recipients)
        .await;
    desk
}

/// A customer writes a first message.
async fn hear(desk: &Desk, text: &str) {
    let ticket = desk.arrive(|_| ()).await;
    desk.hear(&ticket, text).await;
}

fn path(desk: &Desk) -> String {
    let project = desk.tenant.project;
    format!("/api/projects/{project}/conversations/outbox/")
}

async fn mails(desk: &Desk) -> Vec<Value> {
    let list = desk.api.get(&path(desk)).await.expect(200).json;
    list["results"].as_array().unwrap().clone()
}

/// Waits until the newest mail is so.
async fn newest(desk: &Desk, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async { is_so(&mails(desk).await[0]) }).await;
    mails(desk).await.remove(0)
}

async fn is_sent(desk: &Desk) -> Value {
    newest(desk, "a mail is sent", |mail| mail["state"] == "sent").await
}

async fn has_failed(desk: &Desk) -> Value {
    newest(desk, "a mail has failed", |mail| mail["state"] == "failed").await
}

/// Waits until an attempt has failed that will not be the last one.
async fn is_postponed(desk: &Desk) -> Value {
    newest(desk, "a mail is postponed", |mail| {
        mail["state"] == "queued" && mail["error"].is_string()
    })
    .await
}

async fn resend(desk: &Desk, mail: &Value) -> testkit::Reply {
    let id = mail["id"].as_str().unwrap();
    let path = format!("{}{id}/resend/", path(desk));
    desk.api.post(&path, &json!({})).await
}

async fn a_mail_goes_out_once(setup: Setup) {
    let server = SmtpServer::start().await;
    let desk = desk(setup, server.address()).await;
    hear(&desk, "My printer burns").await;
    let mail = server.wait_for(1).await.remove(0);
    assert_eq!(mail.from, "thicket@example.com");
    assert_eq!(mail.to, "team@example.com");
    for header in [
        "From: thicket@example.com\r\n",
        "To: team@example.com\r\n",
        "Subject: [Test project] New ticket #1: My printer burns\r\n",
        "Auto-Submitted: auto-generated\r\n",
    ] {
        assert!(mail.data.contains(header), "{header} in {}", mail.data);
    }
    assert!(mail.text().contains("\r\n\r\nMy printer burns\r\n\r\n"));
    let shown = is_sent(&desk).await;
    assert_eq!(shown["attempts"], 1);
    assert_eq!(shown["error"], Value::Null);
    assert!(shown["sent_at"].is_string());
    // Later looks find the later mail only.
    desk.later(3600);
    hear(&desk, "It still burns").await;
    is_sent(&desk).await;
    assert_eq!(server.received().len(), 2);
}

async fn a_restore_link_arrives_whole(setup: Setup) {
    let server = SmtpServer::start().await;
    let site = Site::new(setup.mailed_by(server.address())).await;
    site.set("widget_restore_enabled", "true").await;
    site.set("widget_domains", "shop.example").await;
    let mut browser = site.browser("u");
    browser.origin = Some("https://shop.example".to_owned());
    let body = json!({"message": "Hi", "traits": {"email": "jo@example.com"}});
    let ticket = browser.write(body).await.expect(200).json["ticket_id"].clone();
    let page =
        "https://shop.example/a-rather-long-page-that-makes-a-line-longer-than-a-mail-may-have?x=1";
    let body = json!({"email": "jo@example.com", "request_url": page});
    browser.post("restore/request", &body).await.expect(200);
    let mail = server.wait_for(1).await.remove(0);
    assert_eq!(mail.to, "jo@example.com");
    let text = mail.text();
    let link = text.lines().find(|line| line.starts_with(page)).unwrap();
    let (_, token) = link.split_once("ph_conv_restore=").unwrap();
    let body = json!({
        "restore_token": token, "widget_session_id": new_uuid(), "distinct_id": "d",
        "current_url": "https://shop.example",
    });
    let moved = browser.post("restore", &body).await.expect(200).json;
    assert_eq!(moved["migrated_ticket_ids"], json!([ticket]));
}

async fn a_mail_that_is_refused_for_now_is_tried_again(setup: Setup) {
    let server = SmtpServer::start().await;
    server.script([
        MailAnswer::Refuse("450 4.2.1 Greylisted"),
        MailAnswer::RefuseText("451 4.3.0 Disk full"),
    ]);
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    let mail = is_postponed(&desk).await;
    assert_eq!(mail["attempts"], 1);
    let reason = "The mail server answered 450 4.2.1 Greylisted";
    assert_eq!(mail["error"], reason);
    desk.later(15);
    newest(&desk, "a second attempt", |mail| {
        mail["error"] == "The mail server answered 451 4.3.0 Disk full"
    })
    .await;
    desk.later(30);
    let mail = is_sent(&desk).await;
    assert_eq!(
        (&mail["attempts"], &mail["error"]),
        (&json!(3), &Value::Null)
    );
}

async fn a_mail_that_is_refused_for_good_is_given_up_and_can_be_sent_again(setup: Setup) {
    let server = SmtpServer::start().await;
    server.script([MailAnswer::Refuse("550 5.1.1 Nobody of that name")]);
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    let mail = has_failed(&desk).await;
    let reason = "The mail server answered 550 5.1.1 Nobody of that name";
    assert_eq!(
        (&mail["attempts"], &mail["error"]),
        (&json!(1), &json!(reason))
    );
    assert!(server.received().is_empty());
    let queued = resend(&desk, &mail).await.expect(200).json;
    let log = format!(
        "/api/projects/{}/activity_log/?scope=Project",
        desk.tenant.project
    );
    let resent = async || {
        let log = desk.api.get(&log).await.expect(200).json;
        let rows = log["results"].as_array().unwrap().clone();
        rows.into_iter()
            .filter(|it| it["activity"] == "mail_resent")
            .collect::<Vec<_>>()
    };
    let rows = resent().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["detail"]["name"], mail["subject"]);
    assert_eq!(rows[0]["user"]["id"], json!(desk.tenant.user));
    assert_eq!(
        (&queued["state"], &queued["attempts"]),
        (&json!("queued"), &json!(0))
    );
    let sent = is_sent(&desk).await;
    assert_eq!(sent["id"], mail["id"]);
    assert_eq!(server.received().len(), 1);
    assert_error(&resend(&desk, &mail).await, 409, "conflict", "");
    let unknown = json!({"id": new_uuid()});
    assert_error(&resend(&desk, &unknown).await, 404, "not_found", "");
    assert_eq!(
        resent().await.len(),
        1,
        "what was refused is not in the log"
    );
}

async fn a_mail_server_that_is_away_holds_nobody_up(setup: Setup) {
    let server = SmtpServer::start().await;
    let address = server.address();
    drop(server);
    let desk = desk(setup, address).await;
    hear(&desk, "Hello").await;
    let mail = is_postponed(&desk).await;
    let reason = mail["error"].as_str().unwrap();
    assert!(
        reason.starts_with("The mail server cannot be reached: "),
        "{reason}"
    );
    let server = SmtpServer::start_on(address, SmtpOptions::default()).await;
    desk.later(15);
    assert_eq!(server.wait_for(1).await[0].to, "team@example.com");
    is_sent(&desk).await;
}

async fn one_bad_mail_holds_no_other_up(setup: Setup) {
    let server = SmtpServer::start().await;
    server.script([MailAnswer::Refuse("550 5.1.1 Nobody")]);
    let desk = Desk::new(setup.mailed_by(server.address())).await;
    let recipients = "a@example.com,b@example.com,c@example.com";
    desk.app
        .set(desk.tenant.project, "notification_recipients", recipients)
        .await;
    hear(&desk, "Hello").await;
    server.wait_for(2).await;
    eventually("all are settled", || async {
        let mut states: Vec<_> = mails(&desk).await;
        states.retain(|mail| mail["state"] == "sent");
        states.len() == 2
    })
    .await;
}

async fn a_mail_that_expires_before_its_next_attempt_is_given_up(setup: Setup) {
    let server = SmtpServer::start().await;
    let later = MailAnswer::Refuse("450 4.2.1 Later");
    server.script(std::iter::repeat_n(later, 20));
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    is_postponed(&desk).await;
    // The news of a ticket is of use for three days.
    desk.later(3 * 86_400);
    let mail = has_failed(&desk).await;
    assert_eq!(mail["error"], "It was not sent in time.");
    assert_error(&resend(&desk, &mail).await, 409, "conflict", "");
}

async fn a_mail_that_was_being_sent_when_the_server_stopped_is_not_lost(setup: Setup) {
    let server = SmtpServer::start().await;
    let gate = Gate::new();
    server.script([MailAnswer::Hold(gate.clone())]);
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    server.wait_for(1).await;
    let (user, project) = (desk.tenant.user, desk.tenant.project);
    let app = desk.app.stop().await.start().await;
    let key = app.key(user, &["*"]).await;
    let api = app.api(&key);
    let path = format!("/api/projects/{project}/conversations/outbox/");
    let mail = || async { api.get(&path).await.expect(200).json["results"][0].clone() };
    assert_eq!(mail().await["state"], "sending");
    // Nobody answered for it, so it is lent again when the loan is over.
    app.advance(Duration::from_secs(180));
    let received = server.wait_for(2).await;
    eventually("it is sent", || async { mail().await["state"] == "sent" }).await;
    assert_eq!(mail().await["attempts"], 2);
    let id = |data: &str| {
        let mut lines = data.lines();
        lines
            .find(|line| line.starts_with("Message-ID: "))
            .map(str::to_owned)
    };
    assert!(id(&received[0].data).is_some());
    assert_eq!(id(&received[0].data), id(&received[1].data));
}

async fn what_waited_goes_out_when_there_is_a_mail_server(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.app
        .set(
            desk.tenant.project,
            "notification_recipients",
            "team@example.com",
        )
        .await;
    hear(&desk, "Hello").await;
    assert_eq!(mails(&desk).await[0]["state"], "queued");
    let project = format!("/api/projects/{}/", desk.tenant.project);
    let before = desk.api.get(&project).await.expect(200).json;
    assert_eq!(before["is_mail_configured"], json!(false));
    let (key, server) = (desk.tenant.key.clone(), SmtpServer::start().await);
    let setup = desk.app.stop().await;
    let app = setup.mailed_by(server.address()).start().await;
    assert_eq!(server.wait_for(1).await[0].to, "team@example.com");
    let after = app.api(&key).get(&project).await.expect(200).json;
    assert_eq!(after["is_mail_configured"], json!(true));
}

async fn a_mail_server_that_wants_a_password_loses_no_mail(setup: Setup) {
    let options = SmtpOptions {
        login: Some(("jo", "secret")),
        ..SmtpOptions::default()
    };
    let server = SmtpServer::start_with(options).await;
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    let mail = is_postponed(&desk).await;
    let reason = "The mail server answered 530 5.7.0 Authentication required";
    assert_eq!(mail["error"], reason);
}

async fn only_admins_send_again(setup: Setup) {
    let server = SmtpServer::start().await;
    server.script([MailAnswer::Refuse("550 5.1.1 Nobody")]);
    let desk = desk(setup, server.address()).await;
    hear(&desk, "Hello").await;
    let mail = has_failed(&desk).await;
    let path = format!("{}{}/resend/", path(&desk), mail["id"].as_str().unwrap());
    let key = desk.app.key(desk.tenant.user, &["project:read"]).await;
    let refused = desk.app.api(&key).post(&path, &json!({})).await;
    assert_error(&refused, 403, "permission_denied", "");
    let other = desk.app.tenant().await;
    let refused = other.api.post(&path, &json!({})).await;
    assert_error(&refused, 403, "permission_denied", "");
    assert_eq!(mails(&desk).await[0]["state"], "failed");
}
