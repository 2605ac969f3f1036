//! Uploaded files: how they come, who reads them, and when they go (tickets.md 11.3).

use crate::common::{assert_error, keys};
use crate::tickets_desk::Desk;
use http::Method;
use model::media::{MEDIA_PER_MESSAGE, SIZE_MAX};
use model::{MediaId, Timestamp};
use serde_json::{Value, json};
use testkit::{Api, Reply, Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_file_is_uploaded_and_read_by_its_uploader,
    only_pictures_are_shown_in_place,
    bad_uploads_are_told_what_is_wrong,
    a_file_may_be_so_big_and_no_bigger,
    who_may_see_the_ticket_sees_its_files,
    the_link_opens_what_a_public_message_links_and_nothing_else,
    a_forged_token_opens_nothing,
    a_message_links_so_many_files,
    a_file_goes_when_nothing_links_it_for_a_day,
    a_file_goes_with_the_last_message_that_links_it,
    a_note_that_links_no_more_lets_go,
    nobody_fills_the_store_with_files_that_nothing_links,
    keys_need_the_scope_and_the_project,
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest of a picture";
const DAY: u64 = 24 * 3600;

fn path(desk: &Desk) -> String {
    format!("/api/projects/{}/uploaded_media/", desk.tenant.project)
}

/// A form with one file.
fn form(field: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    form.extend_from_slice(
        b"--X\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\ntext\r\n",
    );
    let head = format!(
        "--X\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(bytes);
    form.extend_from_slice(b"\r\n--X--\r\n");
    form
}

async fn send(api: &Api, path: &str, body: Vec<u8>) -> Reply {
    let request = api.request(Method::POST, path);
    let request = request.header("content-type", "multipart/form-data; boundary=X");
    api.send(request.body(body)).await
}

async fn upload(desk: &Desk, name: &str, bytes: &[u8]) -> Value {
    send(&desk.api, &path(desk), form("image", name, bytes))
        .await
        .expect(201)
        .json
}

/// The part of a file's address behind the host; with the token, and without.
fn link(desk: &Desk, media: &Value) -> String {
    let link = media["image_location"].as_str().unwrap();
    link.strip_prefix(&desk.app.base).unwrap().to_owned()
}

fn bare(desk: &Desk, media: &Value) -> String {
    link(desk, media).split('?').next().unwrap().to_owned()
}

fn markdown(media: &Value) -> String {
    format!("see ![x]({})", media["image_location"].as_str().unwrap())
}

async fn status(api: &Api, path: &str) -> u16 {
    api.get(path).await.status.as_u16()
}

async fn note(desk: &Desk, ticket: &Value, text: &str) -> Value {
    desk.reply(ticket, json!({"message": text, "is_private": true}))
        .await
        .expect(201)
        .json
}

/// Whether the bytes are still there.
async fn is_stored(desk: &Desk, media: &Value) -> bool {
    let id = MediaId(media["id"].as_str().unwrap().parse().unwrap());
    desk.app
        .app
        .blobs
        .size(desk.tenant.project, id)
        .await
        .unwrap()
        .is_some()
}

async fn a_file_is_uploaded_and_read_by_its_uploader(setup: Setup) {
    let desk = Desk::new(setup).await;
    for field in ["image", "file"] {
        let made = send(&desk.api, &path(&desk), form(field, "../shot.png", PNG))
            .await
            .expect(201)
            .json;
        assert_eq!(
            keys(&made),
            ["content_type", "id", "image_location", "name", "size"]
        );
        assert_eq!(
            (&made["name"], &made["content_type"]),
            (&json!("shot.png"), &json!("image/png"))
        );
        assert_eq!(made["size"], PNG.len());
        let place = format!(
            "{}/uploaded_media/{}?token=",
            desk.app.base,
            made["id"].as_str().unwrap()
        );
        assert!(
            made["image_location"].as_str().unwrap().starts_with(&place),
            "{made}"
        );
        for address in [link(&desk, &made), bare(&desk, &made)] {
            let file = desk
                .api
                .send(
                    desk.api
                        .request(Method::GET, &address)
                        .header("accept", "image/*"),
                )
                .await
                .expect(200);
            assert_eq!(file.header("content-type"), "image/png");
            assert_eq!(file.header("content-length"), PNG.len().to_string());
        }
        let response = desk
            .api
            .request(Method::GET, &bare(&desk, &made))
            .send()
            .await
            .unwrap();
        assert_eq!(response.bytes().await.unwrap(), PNG);
        let head = desk
            .api
            .send(desk.api.request(Method::HEAD, &bare(&desk, &made)))
            .await
            .expect(200);
        assert_eq!(head.header("content-length"), PNG.len().to_string());
    }
}

async fn only_pictures_are_shown_in_place(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (name, bytes, content_type, disposition) in [
        (
            "a.png",
            PNG,
            "image/png",
            "inline; filename=\"a.png\"; filename*=UTF-8''a.png",
        ),
        (
            "a.html",
            &b"<script>alert(1)</script>"[..],
            "application/octet-stream",
            "attachment; filename=\"a.html\"; filename*=UTF-8''a.html",
        ),
        (
            "a.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "application/octet-stream",
            "attachment; filename=\"a.svg\"; filename*=UTF-8''a.svg",
        ),
        (
            "a.png",
            b"<html>",
            "application/octet-stream",
            "attachment; filename=\"a.png\"; filename*=UTF-8''a.png",
        ),
        (
            "\u{fc} %20.pdf",
            b"%PDF-1.7",
            "application/octet-stream",
            "attachment; filename=\"_ _20.pdf\"; filename*=UTF-8''%C3%BC%20%2520.pdf",
        ),
    ] {
        let made = upload(&desk, name, bytes).await;
        let file = desk.api.get(&bare(&desk, &made)).await.expect(200);
        assert_eq!(file.header("content-type"), content_type, "{name}");
        assert_eq!(file.header("content-disposition"), disposition, "{name}");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert_eq!(
            file.header("content-security-policy"),
            "default-src 'none'; sandbox"
        );
        assert!(file.header("cache-control").starts_with("private"));
    }
}

async fn bad_uploads_are_told_what_is_wrong(setup: Setup) {
    let desk = Desk::new(setup).await;
    let path = path(&desk);
    let other = send(&desk.api, &path, form("other", "a.png", PNG)).await;
    assert_error(&other, 400, "required", "file");
    let empty = send(&desk.api, &path, form("image", "a.png", b"")).await;
    assert_error(&empty, 400, "empty", "file");
    let broken = send(&desk.api, &path, b"--X\r\nContent".to_vec()).await;
    assert_error(&broken, 400, "parse_error", "");
    let json = desk.api.post(&path, &json!({"image": "x"})).await;
    assert_error(&json, 415, "unsupported_media_type", "");
    let stranger = send(&desk.app.stranger(), &path, form("image", "a.png", PNG)).await;
    assert_error(&stranger, 401, "not_authenticated", "");
    assert_error(&desk.api.get(&path).await, 405, "method_not_allowed", "");
    // A key in the query serves as well as one in the header.
    let by_query = format!("{path}?personal_api_key={}", desk.tenant.key);
    send(&desk.app.stranger(), &by_query, form("image", "a.png", PNG))
        .await
        .expect(201);
}

async fn a_file_may_be_so_big_and_no_bigger(setup: Setup) {
    let desk = Desk::new(setup).await;
    let most = usize::try_from(SIZE_MAX).unwrap();
    let made = upload(&desk, "big.bin", &vec![7; most]).await;
    assert_eq!(made["size"], most);
    for more in [1, 1_000_000] {
        let refused = send(
            &desk.api,
            &path(&desk),
            form("file", "big.bin", &vec![7; most + more]),
        )
        .await;
        assert_error(&refused, 413, "request_too_large", "");
    }
}

async fn who_may_see_the_ticket_sees_its_files(setup: Setup) {
    let desk = Desk::new(setup).await;
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    let foreigner = desk.app.tenant().await;
    let made = upload(&desk, "a.png", PNG).await;
    let address = bare(&desk, &made);
    // Before a message links it, it is the uploader's alone.
    assert_eq!(status(&desk.api, &address).await, 200);
    assert_eq!(status(&colleague.api, &address).await, 404);
    let ticket = desk.add(json!({})).await;
    note(&desk, &ticket, &markdown(&made)).await;
    assert_eq!(status(&desk.api, &address).await, 200);
    assert_eq!(status(&colleague.api, &address).await, 200);
    assert_eq!(status(&foreigner.api, &address).await, 404);
    assert_error(
        &desk.app.stranger().get(&address).await,
        401,
        "not_authenticated",
        "",
    );
    for nothing in [
        format!("/uploaded_media/{}", new_uuid()),
        "/uploaded_media/nope".to_owned(),
    ] {
        assert_eq!(status(&desk.api, &nothing).await, 404);
    }
    // With the ticket the file is out of sight.
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    assert_eq!(status(&desk.api, &address).await, 404);
    assert_eq!(status(&colleague.api, &address).await, 404);
}

async fn the_link_opens_what_a_public_message_links_and_nothing_else(setup: Setup) {
    let desk = Desk::new(setup).await;
    let customer = desk.app.stranger();
    let made = upload(&desk, "a.png", PNG).await;
    let link = link(&desk, &made);
    assert_eq!(status(&customer, &link).await, 401);
    let ticket = desk.add(json!({})).await;
    note(&desk, &ticket, &markdown(&made)).await;
    assert_eq!(
        status(&customer, &link).await,
        401,
        "notes are for the team"
    );
    let document = json!({"type": "doc", "content": [{"type": "image", "attrs": {"src": made["image_location"]}}]});
    let reply = json!({"message": "look", "rich_content": document});
    desk.reply(&ticket, reply).await.expect(201);
    let file = customer.get(&link).await.expect(200);
    assert_eq!(file.header("content-type"), "image/png");
    assert_eq!(file.header("cross-origin-resource-policy"), "cross-origin");
    let own = desk.api.get(&bare(&desk, &made)).await.expect(200);
    assert_eq!(own.header("cross-origin-resource-policy"), "same-origin");
    // Deleting the message closes the link.
    let list = format!(
        "/api/projects/{}/comments/?scope=conversations_ticket",
        desk.tenant.project
    );
    let public = desk.api.get(&list).await.expect(200).json["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["item_context"]["is_private"] == false)
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = format!("/api/projects/{}/comments/{public}/", desk.tenant.project);
    desk.api
        .patch(&one, &json!({"deleted": true}))
        .await
        .expect(200);
    assert_eq!(status(&customer, &link).await, 401);
    desk.api
        .patch(&one, &json!({"deleted": false}))
        .await
        .expect(200);
    assert_eq!(status(&customer, &link).await, 200);
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    assert_eq!(status(&customer, &link).await, 401);
}

async fn a_forged_token_opens_nothing(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let (made, other) = (
        upload(&desk, "a.png", PNG).await,
        upload(&desk, "b.png", PNG).await,
    );
    desk.reply(
        &ticket,
        json!({"message": format!("{} {}", markdown(&made), markdown(&other))}),
    )
    .await
    .expect(201);
    let token = |media: &Value| {
        link(&desk, media)
            .split("token=")
            .nth(1)
            .unwrap()
            .to_owned()
    };
    let good = token(&made);
    let (project, signature) = good.split_once('.').unwrap();
    let customer = desk.app.stranger();
    for forged in [
        String::new(),
        signature.to_owned(),
        format!("{project}."),
        format!("{}.{signature}", desk.tenant.project.0 + 1),
        format!("{project}.{}", &signature[1..]),
        format!("{project}.{}A", &signature[..signature.len() - 1]),
        token(&other),
    ] {
        if forged == good {
            continue;
        }
        let address = format!("{}?token={forged}", bare(&desk, &made));
        assert_eq!(status(&customer, &address).await, 401, "{forged}");
    }
    assert_eq!(status(&customer, &link(&desk, &made)).await, 200);
    // It opens one file, and no other door.
    let tickets = format!("{}?token={good}", desk.path);
    assert_eq!(status(&customer, &tickets).await, 401);
}

async fn a_message_links_so_many_files(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let mut text = String::new();
    for number in 0..=MEDIA_PER_MESSAGE {
        let made = upload(&desk, &format!("{number}.png"), PNG).await;
        text.push_str(&format!("{}\n", bare(&desk, &made)));
    }
    let refused = desk.reply(&ticket, json!({"message": text})).await;
    assert_error(&refused, 400, "invalid_input", "");
    let fewer: Vec<&str> = text.lines().skip(1).collect();
    desk.reply(&ticket, json!({"message": fewer.join("\n")}))
        .await
        .expect(201);
}

async fn clean_up(desk: &Desk) -> usize {
    let now = desk.app.env.now();
    let (env, grace) = (desk.app.env.clone(), 30 * 24 * 3_600_000_000);
    let before = Timestamp::from_micros(now.as_micros() - grace);
    desk.app
        .store
        .write(move |c| {
            Box::pin(async move { store::tickets::erase_deleted(c, &env, before, 100).await })
        })
        .await
        .unwrap();
    desk.app.app.remove_unused_media().await.unwrap()
}

async fn a_file_goes_when_nothing_links_it_for_a_day(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let (kept, swept) = (
        upload(&desk, "a.png", PNG).await,
        upload(&desk, "b.png", PNG).await,
    );
    desk.reply(&ticket, json!({"message": markdown(&kept)}))
        .await
        .expect(201);
    desk.later(DAY - 10);
    assert_eq!(clean_up(&desk).await, 0);
    assert_eq!(status(&desk.api, &bare(&desk, &swept)).await, 200);
    desk.later(11);
    assert_eq!(clean_up(&desk).await, 1);
    assert_eq!(status(&desk.api, &bare(&desk, &swept)).await, 404);
    assert!(!is_stored(&desk, &swept).await && is_stored(&desk, &kept).await);
    // A link to it comes too late.
    note(&desk, &ticket, &markdown(&swept)).await;
    assert_eq!(status(&desk.api, &bare(&desk, &swept)).await, 404);
    assert_eq!(status(&desk.api, &bare(&desk, &kept)).await, 200);
}

async fn a_file_goes_with_the_last_message_that_links_it(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (one, two) = (desk.add(json!({})).await, desk.add(json!({})).await);
    let (shared, own) = (
        upload(&desk, "a.png", PNG).await,
        upload(&desk, "b.png", PNG).await,
    );
    let both = format!("{} {}", markdown(&shared), markdown(&own));
    desk.reply(&one, json!({"message": both})).await.expect(201);
    note(&desk, &two, &markdown(&shared)).await;
    desk.api.delete(&desk.at(&one, "")).await.expect(204);
    desk.later(31 * DAY);
    assert_eq!(clean_up(&desk).await, 1);
    assert!(!is_stored(&desk, &own).await && is_stored(&desk, &shared).await);
    assert_eq!(status(&desk.api, &bare(&desk, &shared)).await, 200);
    desk.api.delete(&desk.at(&two, "")).await.expect(204);
    desk.later(31 * DAY);
    assert_eq!(clean_up(&desk).await, 1);
    assert!(!is_stored(&desk, &shared).await);
    assert_eq!(desk.app.store.check().await.unwrap(), []);
}

async fn a_note_that_links_no_more_lets_go(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let (first, second) = (
        upload(&desk, "a.png", PNG).await,
        upload(&desk, "b.png", PNG).await,
    );
    let made = note(&desk, &ticket, &markdown(&first)).await;
    let one = desk.at(&ticket, &format!("notes/{}/", made["id"].as_str().unwrap()));
    desk.api
        .patch(&one, &json!({"message": markdown(&second)}))
        .await
        .expect(200);
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    assert_eq!(status(&colleague.api, &bare(&desk, &first)).await, 404);
    assert_eq!(status(&colleague.api, &bare(&desk, &second)).await, 200);
    desk.later(DAY + 1);
    assert_eq!(clean_up(&desk).await, 1);
    assert!(!is_stored(&desk, &first).await && is_stored(&desk, &second).await);
}

async fn nobody_fills_the_store_with_files_that_nothing_links(setup: Setup) {
    let desk = Desk::new(setup).await;
    let (env, project, user) = (desk.app.env.clone(), desk.tenant.project, desk.tenant.user);
    // As if so much had been uploaded.
    desk.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let media = model::media::Media {
                    project_id: project,
                    id: MediaId(env.uuid()),
                    name: "big".into(),
                    content_type: "application/octet-stream".into(),
                    size: 0,
                    is_attached: false,
                    uploaded_by: Some(user),
                    created_at: env.now(),
                };
                store::media::create(c, &media).await?;
                store::media::set_stored(c, project, media.id, model::media::UNATTACHED_MAX).await
            })
        })
        .await
        .unwrap();
    let refused = send(&desk.api, &path(&desk), form("image", "a.png", PNG)).await;
    assert_error(&refused, 400, "invalid_input", "");
    let colleague = desk
        .app
        .member(desk.tenant.organization, desk.tenant.project)
        .await;
    send(&colleague.api, &path(&desk), form("image", "a.png", PNG))
        .await
        .expect(201);
    desk.later(DAY + 1);
    clean_up(&desk).await;
    upload(&desk, "a.png", PNG).await;
}

async fn keys_need_the_scope_and_the_project(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    let made = upload(&desk, "a.png", PNG).await;
    note(&desk, &ticket, &markdown(&made)).await;
    let app = &desk.app;
    let reader = app.api(&app.key(desk.tenant.user, &["ticket:read"]).await);
    assert_eq!(status(&reader, &bare(&desk, &made)).await, 200);
    let refused = send(&reader, &path(&desk), form("image", "a.png", PNG)).await;
    assert_error(&refused, 403, "permission_denied", "");
    let other_scope = app.api(&app.key(desk.tenant.user, &["person:read"]).await);
    assert_eq!(status(&other_scope, &bare(&desk, &made)).await, 403);
    let other_project = app.project(desk.tenant.organization).await;
    let elsewhere = app
        .key_with(desk.tenant.user, &["*"], |key| {
            key.scoped_projects = vec![other_project]
        })
        .await;
    assert_eq!(status(&app.api(&elsewhere), &bare(&desk, &made)).await, 404);
}
