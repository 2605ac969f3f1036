//! How much the program asks of PostgreSQL, counted on the way there (tickets.md 18.1 row 51).

use crate::harness::Place;
use crate::postgres::on_postgres;
use crate::server::Server;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Api, http_client};

const TICKETS: &str = "/api/projects/1/conversations/tickets/";

/// Stands between a program and a PostgreSQL server, and counts the statements that are carried out.
struct Relay {
    /// The database, by way of this.
    url: String,
    executed: Arc<AtomicUsize>,
}

impl Relay {
    fn start(database: &str) -> Self {
        let (scheme, rest) = database.split_once("://").unwrap();
        let (authority, rest) = rest.split_once('/').unwrap();
        let (user, server) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Encrypted, nothing could be counted. There is a `?` already: the schema is in it.
        let url = format!("{scheme}://{user}{address}/{rest}&sslmode=disable");
        let executed = Arc::new(AtomicUsize::new(0));
        let (server, counted) = (server.to_owned(), Arc::clone(&executed));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&server).unwrap();
                relay(client, server, Arc::clone(&counted));
            }
        });
        Self { url, executed }
    }

    /// So many until now.
    fn executed(&self) -> usize {
        self.executed.load(Ordering::SeqCst)
    }
}

/// Passes everything on in both directions until one side ends.
fn relay(client: TcpStream, server: TcpStream, executed: Arc<AtomicUsize>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let mut answers = server.try_clone().unwrap();
    let mut back = client.try_clone().unwrap();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        // Every message but the first begins with its kind.
        let mut told = pass(&client, &server, None);
        while told.is_some() {
            told = kind(&client).and_then(|kind| {
                executed.fetch_add(usize::from(kind == b'E'), Ordering::SeqCst);
                pass(&client, &server, Some(kind))
            });
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// The kind of the next message; `None` at the end.
fn kind(mut client: &TcpStream) -> Option<u8> {
    let mut kind = [0];
    client.read_exact(&mut kind).ok()?;
    Some(kind[0])
}

/// Passes on the rest of a message: its length, which counts itself, and what it says. `None` at the end.
fn pass(mut client: &TcpStream, mut server: &TcpStream, kind: Option<u8>) -> Option<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    let rest = usize::try_from(u32::from_be_bytes(length)).ok()? - length.len();
    let mut message: Vec<u8> = kind.into_iter().chain(length).collect();
    let begun = message.len();
    message.resize(begun + rest, 0);
    client.read_exact(&mut message[begun..]).ok()?;
    server.write_all(&message).ok()
}

/// A server by way of the relay, and a client with a key for everything.
fn serve(place: &Place) -> (Server, Api) {
    place.json("project create --name Acme");
    place.json("user create --email ada@example.com --name Ada --project 1");
    let key = place.json("key create --user 1 --scopes *");
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    command.env("THICKET_RATE_LIMITS", "off");
    let server = Server::of(command);
    let key = key["key"].as_str().unwrap().to_owned();
    let api = Api::new(http_client(), server.url(), Some(key));
    (server, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_twenty_tickets_takes_as_many_statements_as_a_page_of_one() {
    let test = "a_page_of_twenty_tickets_takes_as_many_statements_as_a_page_of_one";
    let Some((place, schema)) = on_postgres("statements", test).await else {
        return;
    };
    let relay = Relay::start(&schema.database_url().unwrap());
    let place = place.with("THICKET_DATABASE_URL", relay.url.clone());
    let (_server, api) = serve(&place);
    for number in 0..20 {
        let id = format!("user-{number}");
        let person = json!({"distinct_ids": [id], "properties": {"name": id}});
        let persons = "/api/projects/1/persons/";
        api.post(persons, &person).await.expect(201);
        let assignee = json!({"type": "user", "id": 1});
        let ticket = json!({"distinct_id": id, "tags": ["all", id], "assignee": assignee});
        api.post(TICKETS, &ticket).await.expect(201);
    }
    let cost = async |limit: usize| {
        let before = relay.executed();
        let page = api.get(&format!("{TICKETS}?limit={limit}")).await;
        let after = relay.executed();
        let shown = page.expect(200).json["results"].clone();
        let shown = shown.as_array().unwrap();
        assert_eq!(shown.len(), limit);
        for ticket in shown {
            let is_whole = ticket["person"].is_object()
                && ticket["assignee"].is_object()
                && ticket["tags"][1] == ticket["distinct_id"];
            assert!(is_whole, "{ticket}");
        }
        after - before
    };
    // The background asks for something now and then, and who calls is remembered for a moment. So the cheapest of many.
    let (mut one, mut twenty) = (usize::MAX, usize::MAX);
    for _ in 0..20 {
        one = one.min(cost(1).await);
        twenty = twenty.min(cost(20).await);
    }
    assert!(one > 0, "nothing came by");
    assert_eq!(one, twenty);
}
