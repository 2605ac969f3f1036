//! `ai_replies` while something else happens: what takes an answer back, and what survives a crash.

use crate::replies::{
    QUESTION, answers, asked, desk, desk_with_model, eventually, idle, messages, quick, settled,
    stage, writes,
};
use crate::tickets_desk::{Desk, key};
use crate::turns::scene::{Mortal, brisk};
use model::MessageId;
use model::tickets::NewMessage;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Gate, Script, Setup, StubModel, new_uuid, on_both_engines};

on_both_engines! {
    a_persons_reply_takes_the_answer_back,
    a_resolve_takes_the_answer_back,
    a_newer_message_is_answered_instead,
    a_deleted_ticket_is_not_answered,
    switching_it_off_takes_the_answer_back,
    each_turn_of_the_customer_gets_at_most_one_answer,
    a_crash_loses_no_message,
    a_stop_hands_the_message_over,
    two_servers_give_one_answer,
    a_message_that_nobody_can_answer_is_given_to_people,
    a_ticket_that_cannot_be_read_holds_up_no_other,
}

/// A desk whose model waits at the gate before it writes, and a ticket that is being answered.
async fn held(setup: Setup) -> (Desk, StubModel, Gate, Value) {
    let gate = Gate::new();
    let script = Script::text(["It is traced."]).gated(&gate);
    let (desk, model) = desk_with_model(setup, "answer", writes(script)).await;
    let ticket = asked(&desk, QUESTION).await;
    eventually(async || (model.requests().len() == 2).then_some(())).await;
    assert_eq!(
        desk.peek(&ticket).await["ai_triage"]["status"],
        "in_progress"
    );
    let found = desk.numbers("ai_triage_result=in_progress").await;
    assert_eq!(json!(found), json!([ticket["ticket_number"]]));
    (desk, model, gate, ticket)
}

/// Lets the model go on, and waits until nothing can come of it any more.
async fn finish(desk: &Desk, model: &StubModel, gate: &Gate) {
    gate.open_all();
    model.wait_until_idle().await;
    idle(desk).await;
}

async fn a_persons_reply_takes_the_answer_back(setup: Setup) {
    let (desk, model, gate, ticket) = held(setup).await;
    desk.reply(&ticket, json!({"message": "I am on it."}))
        .await
        .expect(201);
    finish(&desk, &model, &gate).await;
    assert!(answers(&desk, &ticket).await.is_empty());
    assert_eq!(desk.peek(&ticket).await["ai_triage"], Value::Null);
}

async fn a_resolve_takes_the_answer_back(setup: Setup) {
    for how in ["patch", "bulk"] {
        let setup = Setup::new(setup.engine, &format!("a_resolve_{how}")).await;
        let Some(setup) = setup else { return };
        let (desk, model, gate, ticket) = held(setup).await;
        if how == "patch" {
            desk.patch(&ticket, json!({"status": "resolved"}))
                .await
                .expect(200);
            desk.patch(&ticket, json!({"status": "open"}))
                .await
                .expect(200);
        } else {
            let path = format!("{}bulk_update_status/", desk.path);
            let body = json!({"ids": [ticket["id"]], "status": "resolved"});
            desk.api.post(&path, &body).await.expect(200);
        }
        finish(&desk, &model, &gate).await;
        assert!(answers(&desk, &ticket).await.is_empty(), "{how}");
        assert_eq!(desk.peek(&ticket).await["ai_triage"], Value::Null);
    }
}

async fn a_newer_message_is_answered_instead(setup: Setup) {
    let (desk, model, gate, ticket) = held(setup).await;
    desk.hear(&ticket, "It is the red one.").await;
    gate.open_all();
    settled(&desk, &ticket, "persisted").await;
    finish(&desk, &model, &gate).await;
    assert_eq!(answers(&desk, &ticket).await.len(), 1);
    let order: Vec<_> = messages(&desk, &ticket)
        .await
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(order, ["customer", "customer", "AI"]);
    let last = model.requests();
    let last = last.iter().rfind(|it| stage(it) == "write").unwrap();
    assert!(last.messages()[0].1.contains("It is the red one."));
}

async fn a_deleted_ticket_is_not_answered(setup: Setup) {
    let (desk, model, gate, ticket) = held(setup).await;
    desk.api.delete(&desk.at(&ticket, "")).await.expect(204);
    finish(&desk, &model, &gate).await;
    assert!(
        desk.events_of("$conversation_message_sent")
            .await
            .is_empty()
    );
}

async fn switching_it_off_takes_the_answer_back(setup: Setup) {
    let (desk, model, gate, ticket) = held(setup).await;
    desk.app.set(desk.tenant.project, "ai_replies", "off").await;
    finish(&desk, &model, &gate).await;
    assert!(answers(&desk, &ticket).await.is_empty());
    assert_eq!(desk.peek(&ticket).await["ai_triage"], Value::Null);
}

/// Customers and people write to many tickets at once while the assistant answers. Whatever the order comes to: there is
/// never an answer without a customer's message just before it, so none is given twice and none after a person's word; and
/// no customer is left without a last word.
async fn each_turn_of_the_customer_gets_at_most_one_answer(setup: Setup) {
    for mode in ["draft", "answer"] {
        let name = format!("each_turn_{mode}");
        let Some(setup) = Setup::new(setup.engine, &name).await else {
            return;
        };
        let answer = writes(Script::text(["It is traced."]));
        let (desk, model) = desk_with_model(setup, mode, answer).await;
        let desk = Arc::new(desk);
        let mut tickets = Vec::new();
        for _ in 0..6 {
            tickets.push(desk.add(json!({})).await);
        }
        let mut writers = tokio::task::JoinSet::new();
        for (number, ticket) in tickets.iter().enumerate() {
            for writer in 0..3 {
                let (desk, ticket) = (Arc::clone(&desk), ticket.clone());
                writers.spawn(async move {
                    for turn in 0..4 {
                        let text = format!("{QUESTION} ({writer}.{turn})");
                        desk.hear(&ticket, &text).await;
                        // In every other ticket somebody of the team takes part.
                        if writer == 2 && number % 2 == 0 {
                            let word = json!({"message": "A person."});
                            desk.reply(&ticket, word).await.expect(201);
                        }
                    }
                });
            }
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        model.wait_until_idle().await;
        idle(&desk).await;
        for ticket in &tickets {
            let said = messages(&desk, ticket).await;
            for pair in said.windows(2) {
                if pair[1].0 == "AI" {
                    assert_eq!(pair[0].0, "customer", "{said:?}");
                }
            }
            assert_ne!(said.last().unwrap().0, "customer", "{said:?}");
            let shown = desk.peek(ticket).await;
            assert_ne!(shown["ai_triage"]["status"], "in_progress", "{shown}");
        }
    }
}

async fn a_crash_loses_no_message(setup: Setup) {
    let model = StubModel::start().await;
    let hang = writes(Script::hang());
    model.respond(hang);
    let mortal = Mortal::start(quick(brisk(setup)).answered_by(&model)).await;
    let tenant = mortal.app.tenant().await;
    mortal.app.set(tenant.project, "ai_replies", "answer").await;
    let path = crate::tickets_desk::path_of(&tenant);
    let ticket = tenant.api.post(&path, &json!({})).await.expect(201).json;
    crate::tickets_desk::hear(&mortal.app, &tenant, &ticket, QUESTION).await;
    eventually(async || (model.requests().len() == 2).then_some(())).await;
    let heir = mortal.kill_and_wait();
    model.respond(writes(Script::text(["It is traced."])));
    let desk = Desk::of(heir.start().await, tenant);
    settled(&desk, &ticket, "persisted").await;
    idle(&desk).await;
    assert_eq!(answers(&desk, &ticket).await.len(), 1);
}

async fn a_stop_hands_the_message_over(setup: Setup) {
    let mut setup = setup;
    setup.assistant.shutdown_grace = Duration::from_millis(50);
    let (desk, model, _gate, ticket) = held(setup).await;
    let tenant = desk.tenant.clone();
    let heir = desk.app.stop().await;
    model.respond(writes(Script::text(["It is traced."])));
    let desk = Desk::of(heir.start().await, tenant);
    settled(&desk, &ticket, "persisted").await;
    assert_eq!(answers(&desk, &ticket).await.len(), 1);
}

async fn two_servers_give_one_answer(setup: Setup) {
    if setup.engine == testkit::Engine::Sqlite {
        // One server holds the data directory.
        return;
    }
    let model = StubModel::start().await;
    model.respond(writes(Script::text(["It is traced."])));
    let setup = quick(brisk(setup)).answered_by(&model);
    let other = setup.twin().start().await;
    let desk = desk(setup, "answer").await;
    other.app.forget_cached();
    let mut tickets = Vec::new();
    for _ in 0..12 {
        tickets.push(asked(&desk, QUESTION).await);
    }
    for ticket in &tickets {
        settled(&desk, ticket, "persisted").await;
        assert_eq!(answers(&desk, ticket).await.len(), 1);
    }
    idle(&desk).await;
}

async fn a_message_that_nobody_can_answer_is_given_to_people(setup: Setup) {
    let mut setup = setup;
    setup.assistant.shutdown_grace = Duration::from_millis(50);
    let (desk, model, _gate, ticket) = held(setup).await;
    // As if it had been begun, and cut off, again and again.
    let (project, id) = (desk.tenant.project, key(&ticket));
    let model::tickets::TicketKey::Id(id) = id else {
        panic!("a ticket's id");
    };
    let tenant = desk.tenant.clone();
    let heir = desk.app.stop().await;
    let store = store::Store::open(&heir.place.config()).await.unwrap();
    let spent = store.write(move |c| {
        Box::pin(async move {
            for _ in 0..6 {
                let job = store::tickets::find_reply_job(c, project, id)
                    .await?
                    .unwrap();
                let owner = model::NodeId(testkit::new_uuid());
                let past = model::Timestamp::from_micros(0);
                assert!(store::tickets::claim_reply_job(c, &job, owner, past).await?);
            }
            Ok::<_, store::Error>(())
        })
    });
    spent.await.unwrap();
    store.close().await;
    let asked = model.requests().len();
    let desk = Desk::of(heir.start().await, tenant);
    let shown = settled(&desk, &ticket, "escalated_no_reply").await;
    assert_eq!(
        model.requests().len(),
        asked,
        "the model is not asked again"
    );
    assert!(
        shown["escalation_reason"]
            .as_str()
            .unwrap()
            .contains("again and again")
    );
}

async fn a_ticket_that_cannot_be_read_holds_up_no_other(setup: Setup) {
    let script = Script::text(["It is traced."]);
    let (desk, _model) = desk_with_model(setup, "answer", writes(script)).await;
    let broken = desk.add(json!({})).await;
    let (scene, of_broken) = (desk.scene(), key(&broken));
    let new = NewMessage::by_customer(MessageId(new_uuid()), QUESTION.to_owned());
    let heard = desk.app.store.write(move |c| {
        Box::pin(async move {
            let added = store::tickets::add_message(c, &scene, of_broken, &new, false).await?;
            let ticket = added.ok_or(store::Error::NoRow)?.0;
            let sql = "UPDATE ticket SET priority = 'none such' WHERE project_id = ?1 AND id = ?2";
            c.exec(sql, store::params![ticket.project_id, ticket.id])
                .await
        })
    });
    assert_eq!(heard.await.unwrap(), 1);
    let whole = asked(&desk, QUESTION).await;
    settled(&desk, &whole, "persisted").await;
    assert_eq!(answers(&desk, &whole).await.len(), 1);
}
