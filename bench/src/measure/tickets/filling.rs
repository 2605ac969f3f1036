//! Tickets like those of a shop that has been open for a while, written without the server.

use super::say;
use crate::world::World;
use model::tickets::{NewMessage, NewTicket, Priority, Status, TicketChange, TicketKey};
use model::{MessageId, OrganizationId, TicketId};
use serde_json::json;
use std::ops::Range;
use store::persons::{self, NewPerson};
use store::tickets::{self, Actor, Scene};
use store::{Conn, Store};
use uuid::Uuid;

/// A word that twenty tickets have, however many there are.
pub(super) const RARE: &str = "xylophone";
const RARE_TICKETS: i64 = 20;
/// A word that every tenth ticket has.
pub(super) const COMMON: &str = "invoice";
/// What these tickets have it in.
const SENTENCE: &str = "I also need the invoice.";
/// In every part of the sentence that is searched for.
const CORE: &str = "nv";

/// Tickets written in one transaction.
const BATCH: i64 = 1_000;
/// Customers, who share the tickets.
const PERSONS: i64 = 5_000;

const WORDS: [&str; 24] = [
    "delivery",
    "refund",
    "password",
    "account",
    "shipping",
    "address",
    "discount",
    "return",
    "colour",
    "broken",
    "missing",
    "parcel",
    "newsletter",
    "payment",
    "voucher",
    "size",
    "order",
    "tracking",
    "warranty",
    "manual",
    "battery",
    "charger",
    "subscription",
    "gift",
];

/// Parts of texts, all different, that every tenth ticket has: more than the server keeps the findings of.
pub(super) fn common_parts() -> Vec<&'static str> {
    let core = SENTENCE.find(CORE).unwrap_or(0);
    let ends = core + CORE.len()..=SENTENCE.len();
    let parts = (0..=core).flat_map(|start| ends.clone().map(move |end| &SENTENCE[start..end]));
    parts
        .filter(|part| part.len() > CORE.len() && !part.starts_with(' '))
        .collect()
}

/// Writes tickets number `numbers.start + 1` to `numbers.end`, each with a message of its customer's.
pub(super) async fn fill(world: &World, numbers: Range<i64>) -> anyhow::Result<()> {
    let store = world.store().await?;
    let mut next = numbers.start;
    if next == 0 {
        add_persons(world, &store).await?;
    }
    while next < numbers.end {
        if next % 100_000 == 0 {
            say(&format!("  filling, {next} of {} tickets", numbers.end));
        }
        let batch = next..(next + BATCH).min(numbers.end);
        next = batch.end;
        let scene = scene(world);
        store
            .write(move |c| {
                Box::pin(async move {
                    for number in batch {
                        add(c, &scene, number).await?;
                    }
                    Ok::<_, tickets::WriteError>(())
                })
            })
            .await?;
    }
    store.close().await;
    Ok(())
}

fn scene(world: &World) -> Scene {
    Scene {
        project: world.project(),
        // Nothing is assigned, so nothing is looked up in it.
        organization: OrganizationId(Uuid::nil()),
        actor: Actor::customer(),
        env: world.env().clone(),
        now: world.env().now(),
    }
}

async fn add_persons(world: &World, store: &Store) -> anyhow::Result<()> {
    let (env, project) = (world.env().clone(), world.project());
    store
        .write(move |c| {
            Box::pin(async move {
                for number in 0..PERSONS {
                    let properties = json!({
                        "name": format!("Customer {number}"), "email": format!("customer-{number}@example.com"),
                        "plan": "standard", "country": "NL",
                    });
                    let new = NewPerson {
                        distinct_ids: vec![format!("customer-{number}")],
                        properties: properties.as_object().cloned().unwrap_or_default(),
                        is_identified: true,
                    };
                    persons::create(c, &env, project, &new).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await?;
    Ok(())
}

async fn add(c: &Conn, scene: &Scene, number: i64) -> Result<(), tickets::WriteError> {
    let customer = number % PERSONS;
    let status = [
        Status::Open,
        Status::Pending,
        Status::Resolved,
        Status::Resolved,
    ];
    let pick = |from: i64| WORDS[usize::try_from((number * from + from) % 24).unwrap_or(0)];
    let fields = TicketChange {
        status: status
            .get(usize::try_from(number % 4).unwrap_or(0))
            .copied(),
        priority: Some((number % 5 == 0).then_some(Priority::High)),
        anonymous_traits: Some(json!({
            "name": format!("Customer {customer}"), "email": format!("customer-{customer}@example.com"),
        })),
        tags: Some(vec![pick(7).to_owned()]),
        ..TicketChange::default()
    };
    let mut new = NewTicket::new(TicketId(scene.env.uuid()), fields);
    new.distinct_id = format!("customer-{customer}");
    new.session_context = json!({"current_url": "https://shop.example.com/orders"});
    let ticket = tickets::create(c, scene, new).await?;
    let mut text = format!(
        "Hello, my {} from last week has a problem with the {} and the {}. My order number is {}. Can you help?",
        pick(1),
        pick(5),
        pick(11),
        100_000 + number * 37,
    );
    if number % 10 == 3 {
        text.push(' ');
        text.push_str(SENTENCE);
    }
    if number < RARE_TICKETS {
        text.push_str(" It is about the xylophone.");
    }
    let message = NewMessage::by_customer(MessageId(scene.env.uuid()), text);
    tickets::add_message(c, scene, TicketKey::Id(ticket.id), &message, false).await?;
    Ok(())
}
