//! From a conversation to a ticket: `/ticket`, the tool `create_ticket`, and what survives a crash.

use crate::common::{Stage, cancel, finals};
use crate::turns::scene::{Mortal, brisk, stepwise};
use serde_json::{Value, json};
use testkit::{Api, Chat, Event, Gate, Script, Setup, StubModel, on_both_engines};

on_both_engines! {
    the_command_opens_a_ticket_and_names_it,
    the_ticket_holds_the_conversation_and_the_caller,
    the_text_behind_the_command_is_the_reason,
    other_commands_are_plain_text,
    a_repeated_request_opens_one_ticket,
    a_queued_command_is_carried_out,
    a_project_that_opens_no_tickets_says_so,
    a_model_can_open_a_ticket,
    a_model_opens_one_ticket_a_turn,
    a_tool_of_the_pages_by_that_name_is_the_pages,
    a_cancelled_turn_opens_no_ticket,
    without_a_model_the_answer_says_how_to_reach_a_person,
    a_crash_after_the_ticket_opens_no_second_one,
    the_live_inbox_hears_of_it,
}

async fn stage(setup: Setup) -> Stage {
    let stage = Stage::new(setup).await;
    let project = stage.tenant.project;
    stage.app.set(project, "ai_opens_tickets", "true").await;
    stage
}

fn tickets_path(chat: &Chat) -> String {
    format!("/api/projects/{}/conversations/tickets/", chat.project)
}

async fn tickets(api: &Api, chat: &Chat) -> Vec<Value> {
    let list = api.get(&tickets_path(chat)).await.expect(200).json;
    list["results"].as_array().unwrap().clone()
}

async fn first_message(api: &Api, chat: &Chat, ticket: &Value) -> Value {
    let id = ticket["id"].as_str().unwrap();
    let path = format!("{}{id}/messages/", tickets_path(chat));
    api.get(&path).await.expect(200).json["results"][0].clone()
}

async fn say(chat: &Chat, text: &str) -> Vec<Event> {
    chat.say(text).await.expect(201).events().await
}

async fn the_command_opens_a_ticket_and_names_it(setup: Setup) {
    let stage = stage(setup).await;
    let chat = stage.chat();
    say(&chat, "where is my parcel?").await;
    let asked = stage.model.requests().len();
    let events = say(&chat, "/ticket").await;
    assert_eq!(stage.model.requests().len(), asked, "no model is asked");
    let tickets = tickets(&stage.tenant.api, &chat).await;
    assert_eq!(tickets.len(), 1);
    let last = events.last().unwrap();
    assert_eq!(last.kind(), "ai");
    let number = format!("#{}", tickets[0]["ticket_number"]);
    assert!(last.content().contains(&number), "{}", last.content());
    assert_eq!(chat.messages().await.last().unwrap().1, last.content());
    let named = json!({"ticket": {"id": tickets[0]["id"], "number": tickets[0]["ticket_number"]}});
    assert_eq!(last.json()["meta"], named);
    let detail = chat.detail().await;
    let shown = detail["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(shown["meta"], named);
    assert_eq!(chat.status().await, "idle");
    assert_eq!(
        tickets[0]["escalation_reason"],
        "The user asked for a person."
    );
    assert_eq!(tickets[0]["status"], "new");
    assert_eq!(tickets[0]["unread_team_count"], 1);
}

async fn the_ticket_holds_the_conversation_and_the_caller(setup: Setup) {
    let stage = stage(setup).await;
    stage.model.script([Script::text(["It is on its way."])]);
    let chat = stage.chat();
    say(&chat, "where is my parcel?").await;
    say(&chat, "/ticket").await;
    let api = &stage.tenant.api;
    let tickets = tickets(api, &chat).await;
    let me = api.get("/api/users/@me/").await.expect(200).json;
    assert_eq!(tickets[0]["distinct_id"], me["distinct_id"]);
    assert_eq!(tickets[0]["anonymous_traits"]["email"], me["email"]);
    let first = first_message(api, &chat, &tickets[0]).await;
    assert_eq!(
        first["content"],
        "**User:** where is my parcel?\n\n**Assistant:** It is on its way."
    );
    assert_eq!(first["author_type"], "customer");
    assert_eq!(tickets[0]["message_count"], 1);
}

async fn the_text_behind_the_command_is_the_reason(setup: Setup) {
    let stage = stage(setup).await;
    let chat = stage.chat();
    say(&chat, "/ticket my parcel is lost").await;
    let api = &stage.tenant.api;
    let tickets = tickets(api, &chat).await;
    assert_eq!(tickets[0]["escalation_reason"], "my parcel is lost");
    let first = first_message(api, &chat, &tickets[0]).await;
    assert_eq!(first["content"], "my parcel is lost");
}

async fn other_commands_are_plain_text(setup: Setup) {
    let stage = stage(setup).await;
    let chat = stage.chat();
    for text in [
        "/init",
        "/remember this",
        "/usage",
        "/feedback bad",
        "/tickets",
        "a /ticket",
    ] {
        say(&chat, text).await;
        assert_eq!(stage.model.turns().last().unwrap().last_user_text(), text);
    }
    assert!(tickets(&stage.tenant.api, &chat).await.is_empty());
}

async fn a_repeated_request_opens_one_ticket(setup: Setup) {
    let stage = stage(setup).await;
    let chat = stage.chat();
    let body = chat.message("/ticket");
    let first = chat.stream(&body).await.expect(201).events().await;
    let again = chat.stream(&body).await.expect(200).events().await;
    assert_eq!(finals(&first), finals(&again));
    assert_eq!(tickets(&stage.tenant.api, &chat).await.len(), 1);
}

async fn a_queued_command_is_carried_out(setup: Setup) {
    let stage = stage(setup).await;
    let chat = stage.chat();
    let gate = Gate::new();
    stage.model.script([stepwise(&gate, &["one"])]);
    let stream = chat.say("hello").await.expect(201);
    crate::common::enqueue(&chat, "/ticket it is urgent")
        .await
        .expect(200);
    gate.open_all();
    let events = stream.events().await;
    assert!(events.last().unwrap().content().contains("#1"));
    let tickets = tickets(&stage.tenant.api, &chat).await;
    assert_eq!(tickets[0]["escalation_reason"], "it is urgent");
}

async fn a_project_that_opens_no_tickets_says_so(setup: Setup) {
    let stage = stage(setup).await;
    for setting in ["ai_opens_tickets", "conversations_enabled"] {
        let project = stage.tenant.project;
        stage.app.set(project, setting, "false").await;
        let chat = stage.chat();
        let events = say(&chat, "/ticket").await;
        let last = events.last().unwrap();
        assert_eq!(last.kind(), "ai");
        assert!(
            last.content().contains("switched them off"),
            "{}",
            last.content()
        );
        say(&chat, "hello").await;
        assert!(stage.model.turns().last().unwrap().tools().is_empty());
        assert!(tickets(&stage.tenant.api, &chat).await.is_empty());
        stage.app.set(project, setting, "true").await;
    }
}

async fn a_model_can_open_a_ticket(setup: Setup) {
    let stage = stage(setup).await;
    stage.model.script([
        Script::tool_call("create_ticket", json!({"reason": "The parcel is lost."})),
        Script::text(["Done."]),
    ]);
    let chat = stage.chat();
    let events = say(&chat, "I want to talk to somebody").await;
    let kinds: Vec<_> = finals(&events).into_iter().map(|it| it.0).collect();
    assert_eq!(kinds, ["human", "ai", "tool", "ai"]);
    let tickets = tickets(&stage.tenant.api, &chat).await;
    assert_eq!(tickets[0]["escalation_reason"], "The parcel is lost.");
    let asked = stage.model.turns();
    assert_eq!(asked[0].tools(), ["create_ticket"]);
    let told = &asked[1].messages().last().unwrap().1.clone();
    assert!(told.contains("Ticket #1 has been opened"), "{told}");
    let first = first_message(&stage.tenant.api, &chat, &tickets[0]).await;
    assert_eq!(first["content"], "**User:** I want to talk to somebody");
}

async fn a_model_opens_one_ticket_a_turn(setup: Setup) {
    let stage = stage(setup).await;
    let twice =
        Script::tool_call("create_ticket", json!({})).and_tool_call("create_ticket", json!({}));
    let again = Script::tool_call("create_ticket", json!({}));
    stage.model.script([twice, again, Script::text(["Done."])]);
    let chat = stage.chat();
    say(&chat, "a person, please").await;
    assert_eq!(tickets(&stage.tenant.api, &chat).await.len(), 1);
    let told: Vec<_> = stage.model.turns()[2].messages();
    let told: Vec<_> = told
        .iter()
        .filter(|it| it.0 == "tool")
        .map(|it| &it.1)
        .collect();
    assert!(told[0].contains("#1") && told[1].contains("already") && told[2].contains("already"));
}

async fn a_tool_of_the_pages_by_that_name_is_the_pages(setup: Setup) {
    let stage = stage(setup).await;
    stage.model.script([
        Script::tool_call("create_ticket", json!({"to": "page"})),
        Script::text(["Done."]),
    ]);
    let chat = stage.chat();
    let mut body = chat.message("open one on my page");
    body["contextual_tools"] = json!({"create_ticket": {"description": "the page's"}});
    chat.stream(&body).await.expect(201).events().await;
    assert_eq!(stage.model.turns()[0].tools(), ["create_ticket"]);
    assert!(tickets(&stage.tenant.api, &chat).await.is_empty());
}

async fn a_cancelled_turn_opens_no_ticket(setup: Setup) {
    let stage = stage(setup).await;
    let gate = Gate::new();
    let call = Script::text(["wait "])
        .and_wait(&gate)
        .and_tool_call("create_ticket", json!({}));
    stage.model.script([call]);
    let chat = stage.chat();
    let mut stream = chat.say("a person, please").await.expect(201);
    stream.until(Event::is_partial).await;
    cancel(&chat).await;
    gate.open_all();
    stream.events().await;
    stage.model.wait_until_idle().await;
    assert!(tickets(&stage.tenant.api, &chat).await.is_empty());
}

async fn without_a_model_the_answer_says_how_to_reach_a_person(setup: Setup) {
    let app = setup.start().await;
    let tenant = app.tenant().await;
    let chat = tenant.chat();
    let offer = "write `/ticket`";
    let last = |events: Vec<Event>| events.last().unwrap().content();
    let content = last(say(&chat, "Is there a ferry to Corsica?").await);
    assert!(content.contains(offer), "{content}");
    let content = last(say(&chat, "/ticket").await);
    assert!(content.contains("#1"), "{content}");
    app.set(tenant.project, "ai_opens_tickets", "false").await;
    let content = last(say(&chat, "Is there a ferry to Corsica?").await);
    assert!(!content.contains(offer), "{content}");
}

/// The server dies with the ticket opened and the model asked for its last words: whoever takes the turn over does not open
/// another ticket.
async fn a_crash_after_the_ticket_opens_no_second_one(setup: Setup) {
    let model = StubModel::start().await;
    let mortal = Mortal::start(brisk(setup).answered_by(&model)).await;
    let tenant = mortal.app.tenant().await;
    mortal
        .app
        .set(tenant.project, "titles_by_model", "false")
        .await;
    model.script([
        Script::tool_call("create_ticket", json!({"reason": "lost"})),
        Script::hang(),
        Script::text(["Done."]),
    ]);
    let chat = tenant.chat();
    let id = chat.id;
    let _stream = chat.say("a person, please").await.expect(201);
    model.wait_for_turns(2).await;
    let app = mortal.kill_and_wait().start().await;
    let api = app.api(&tenant.key);
    let chat = testkit::Tenant {
        api: api.clone(),
        ..tenant
    }
    .chat_with(id);
    let events = chat
        .attach_after("1:0", "delta")
        .await
        .expect(200)
        .events()
        .await;
    let kinds: Vec<_> = finals(&events).into_iter().map(|it| it.0).collect();
    assert_eq!(kinds, ["human", "ai", "tool", "ai"]);
    assert_eq!(tickets(&api, &chat).await.len(), 1);
    // And a command, cut off by a crash or not, opens exactly one.
    let more = say(&chat, "/ticket").await;
    assert_eq!(finals(&more).len(), 2);
    assert_eq!(tickets(&api, &chat).await.len(), 2);
}

async fn the_live_inbox_hears_of_it(setup: Setup) {
    let stage = stage(setup).await;
    let api = &stage.tenant.api;
    let chat = stage.chat();
    let path = format!("{}unread_count/", tickets_path(&chat));
    assert_eq!(api.get(&path).await.expect(200).json["count"], 0);
    say(&chat, "/ticket").await;
    assert_eq!(
        api.get(&path).await.expect(200).json["count"],
        1,
        "no old count is kept"
    );
    let events = format!("/api/projects/{}/conversations/events/", chat.project);
    let events = api.get(&events).await.expect(200).json;
    let kinds: Vec<_> = events["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "$conversation_ticket_created",
            "$conversation_message_received"
        ]
    );
}
