//! Any number of readers, who come and go as they like (spec "SSE carries event ids"; design 3 and 4).

use super::scene::{hold, raw, stepwise, with_another_key};
use crate::common::Stage;
use api::App;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::Method;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use testkit::{Chat, Event, Gate, PATIENCE, Script, Setup, on_both_engines};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

on_both_engines! {
    early_and_late_readers_get_the_same_bytes,
    fifty_readers_get_the_same_bytes,
    a_starter_that_leaves_cancels_nothing,
    a_second_tab_that_closes_starves_nobody,
    another_key_of_the_same_user_reads_along,
    a_reader_is_cut_when_its_key_is_revoked_and_the_turn_goes_on,
    a_reader_is_cut_likewise_while_the_server_shuts_down,
    a_reader_is_cut_when_its_session_ends,
    a_silent_stream_says_that_it_lives,
    a_reader_that_takes_nothing_is_cut_and_can_come_back,
}

async fn early_and_late_readers_get_the_same_bytes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    let pieces = ["one ", "two ", "three ", "four"];
    stage.model.script([stepwise(&gate, &pieces)]);
    let body = chat.message("count");
    let mut starter = chat.stream_deltas(&body).await.expect(201);
    let mut seen = Vec::new();
    let mut readers = vec![chat.stream_deltas(&chat.attaching()).await.expect(200)];
    for _ in pieces {
        stage.app.advance(Duration::from_millis(60));
        gate.open(1);
        seen.extend(starter.until(Event::is_partial).await);
        let reader = chat.stream_deltas(&chat.attaching()).await;
        readers.push(reader.expect(200));
    }
    gate.open_all();
    seen.extend(starter.events().await);
    for reader in readers {
        assert_eq!(raw(&reader.events().await), raw(&seen));
    }
    let replayed = chat.stream_deltas(&body).await.expect(200);
    assert_eq!(raw(&replayed.events().await), raw(&seen));
    let from_the_log = chat.attach_after("1:0", "delta").await.expect(200);
    assert_eq!(raw(&from_the_log.events().await), raw(&seen));
    let text: String = seen
        .iter()
        .filter(|event| event.is_partial())
        .map(Event::content)
        .collect();
    assert_eq!(text, pieces.concat());
}

async fn fifty_readers_get_the_same_bytes(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (starter, gate) = hold(&stage, &chat, &["a", "b", "c"]).await;
    let mut readers = Vec::new();
    for _ in 0..50 {
        readers.push(chat.attach().await.expect(200));
    }
    gate.open_all();
    let seen = raw(&starter.events().await);
    for reader in readers {
        assert_eq!(raw(&reader.events().await), seen);
    }
    assert_eq!(stage.model.turns().len(), 1);
}

async fn a_starter_that_leaves_cancels_nothing(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([stepwise(&gate, &["a", "b", "c"])]);
    let mut starter = chat.say("go on").await.expect(201);
    gate.open(1);
    starter.until(Event::is_partial).await;
    drop(starter);
    // Nobody reads now, and still the answer goes on.
    gate.open(1);
    let mut reader = chat.attach_after("1:0", "delta").await.expect(200);
    reader.until(|event| event.name == "delta").await;
    drop(reader);
    assert_eq!(chat.status().await, "in_progress");
    gate.open_all();
    chat.wait_until_idle().await;
    assert_eq!(chat.messages().await[1].1, "abc");
    assert_eq!(stage.model.disconnects(), 0);
    assert_eq!(stage.model.turns().len(), 1);
}

async fn a_second_tab_that_closes_starves_nobody(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (mut first, gate) = hold(&stage, &chat, &["a", "b", "c"]).await;
    let mut second = chat.attach().await.expect(200);
    gate.open(1);
    let mut seen = first.until(Event::is_partial).await;
    second.until(Event::is_partial).await;
    drop(second);
    let third = chat.attach().await.expect(200);
    gate.open_all();
    seen.extend(first.events().await);
    assert_eq!(seen.last().unwrap().content(), "abc");
    assert_eq!(raw(&third.events().await), raw(&seen));
}

async fn another_key_of_the_same_user_reads_along(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (phone, _) = with_another_key(&stage, &chat).await;
    let (starter, gate) = hold(&stage, &chat, &["a", "b"]).await;
    let reader = phone.attach().await.expect(200);
    gate.open_all();
    assert_eq!(raw(&reader.events().await), raw(&starter.events().await));
}

async fn a_reader_is_cut_when_its_key_is_revoked_and_the_turn_goes_on(setup: Setup) {
    is_cut_when_its_key_is_revoked(setup, |_| ()).await;
}

async fn a_reader_is_cut_likewise_while_the_server_shuts_down(setup: Setup) {
    is_cut_when_its_key_is_revoked(setup, |app| app.shutdown.cancel()).await;
}

async fn is_cut_when_its_key_is_revoked(setup: Setup, before: impl FnOnce(&App)) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (phone, key) = with_another_key(&stage, &chat).await;
    let (starter, gate) = hold(&stage, &chat, &["a", "b"]).await;
    let readers = [
        phone.attach().await.expect(200),
        phone.attach().await.expect(200),
    ];
    before(&stage.app.app);
    stage.app.revoke(&key).await;
    let revoked = Instant::now();
    for reader in readers {
        assert!(!has_answer(&reader.events().await));
    }
    let took = revoked.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    gate.open_all();
    assert!(has_answer(&starter.events().await));
}

async fn a_reader_is_cut_when_its_session_ends(setup: Setup) {
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let browser = stage.app.signed_in(stage.tenant.user).await;
    let (starter, gate) = hold(&stage, &chat, &["a", "b"]).await;
    let reader = chat.seen_by(&browser).attach().await.expect(200);
    browser.post("/api/logout/", &json!({})).await.expect(204);
    assert!(!has_answer(&reader.events().await));
    gate.open_all();
    assert!(has_answer(&starter.events().await));
}

/// The pieces stand behind a gate, so they are there only when it was opened.
fn has_answer(seen: &[Event]) -> bool {
    seen.iter().any(|event| event.content() == "ab")
}

/// A stream as the bytes that come in.
async fn open(chat: &Chat) -> BoxStream<'static, Bytes> {
    let request = chat.api.request(Method::POST, &chat.root());
    let response = request.json(&chat.attaching()).send().await.unwrap();
    response.bytes_stream().map(Result::unwrap).boxed()
}

/// Reads until the text has been seen so often.
async fn read_until(stream: &mut BoxStream<'static, Bytes>, text: &str, times: usize) -> String {
    let mut read = String::new();
    let reading = async {
        while read.matches(text).count() < times {
            let chunk = stream.next().await.expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await;
    in_time.expect("what was waited for comes");
    read
}

async fn a_silent_stream_says_that_it_lives(mut setup: Setup) {
    setup.assistant.keep_alive = Duration::from_millis(20);
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    let (starter, gate) = hold(&stage, &chat, &["a"]).await;
    let mut stream = open(&chat).await;
    let so_far = read_until(&mut stream, ": keepalive\n\n", 3).await;
    let (events, comments) = so_far.split_at(so_far.find(": keepalive").unwrap());
    assert!(events.ends_with("\n\n"));
    assert_eq!(
        comments.replace(": keepalive\n\n", ""),
        "",
        "nothing else in between"
    );
    gate.open_all();
    let events = starter.events().await;
    let mut rest = String::new();
    while let Some(chunk) = stream.next().await {
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let whole = (so_far + &rest).replace(": keepalive\n\n", "");
    assert_eq!(
        whole,
        raw(&events),
        "comments stand between events, not in them"
    );
}

/// A client that asks for everything since the beginning and then takes nothing.
async fn stalled(stage: &Stage, chat: &Chat) -> TcpStream {
    let address: SocketAddr = stage
        .app
        .base
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let body = chat.attaching().to_string();
    let head = format!(
        "POST {}?stream=delta HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Last-Event-ID: 1:0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        chat.root(),
        stage.tenant.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

async fn a_reader_that_takes_nothing_is_cut_and_can_come_back(mut setup: Setup) {
    setup.serve.write_timeout = Duration::from_millis(100);
    setup.assistant.keep_alive = Duration::from_millis(20);
    let stage = Stage::new(setup).await;
    let chat = stage.chat();
    // Text and final form together are more than all buffers on the way hold.
    const LENGTH: usize = 36 * 64 * 1024;
    stage.model.script([Script::flood(36, 64 * 1024)]);
    let stream = chat.stream_deltas(&chat.message("hi")).await.expect(201);
    stream.events().await;
    let gate = Gate::new();
    stage.model.script([stepwise(&gate, &["half", " done"])]);
    let mut stream = chat.say("go on").await.expect(201);
    let mut lazy = stalled(&stage, &chat).await;
    // The answer has begun once its first byte is there.
    let mut first = [0; 1];
    lazy.read_exact(&mut first).await.unwrap();
    // The silence that another reader hears now lasts several times as long as the lazy one is borne.
    read_until(&mut open(&chat).await, ": keepalive\n\n", 20).await;
    // Only now it reads what was on the way, and finds that the rest will not come.
    let mut taken = first.to_vec();
    let read = tokio::time::timeout(PATIENCE, lazy.read_to_end(&mut taken)).await;
    let _reset_or_end = read.expect("the connection is closed");
    let taken = String::from_utf8(taken).unwrap();
    assert!(taken.starts_with("HTTP/1.1 200"));
    assert!(taken.len() < 2 * LENGTH, "{}", taken.len());
    assert!(
        !taken.ends_with("\r\n0\r\n\r\n"),
        "the body has no proper end"
    );
    // The turn went on all the while.
    gate.open(1);
    stream.until(Event::is_partial).await;
    // With the last id that it has, the reader gets the rest as everybody else.
    let last = taken.rfind("\nid: ").unwrap();
    let last = taken[last + 5..].split('\n').next().unwrap();
    let reader = chat.attach_after(last, "delta").await.expect(200);
    gate.open_all();
    let (rest, _) = futures::join!(reader.events(), stream.events());
    let whole = chat.attach_after("1:0", "delta").await.expect(200);
    let whole = whole.events().await;
    let at = whole.iter().position(|event| event.id == last).unwrap();
    assert_eq!(raw(&rest), raw(&whole[at + 1..]));
    assert_eq!(rest.last().unwrap().content(), "half done");
}
