//! The search of the list, on both engines.

use super::*;

crate::on_both_engines! {
    a_search_finds_parts_of_texts,
    a_search_finds_indexed_and_waiting_texts_as_they_are_now,
    what_more_than_a_thousand_tickets_have_is_found_page_by_page,
}

async fn a_search_finds_parts_of_texts(store: TestStore) {
    let project = project(&store).await;
    let named = |name: &str| TicketChange {
        anonymous_traits: Some(json!({"name": name, "email": "jane@example.com"})),
        ..TicketChange::default()
    };
    let jane = add(&store, project, named("Jane \"50%_off\" Öster\\")).await;
    let other = add(&store, project, TicketChange::default()).await;
    say(&store, &other, "the PRINTER is on fire").await;
    say(&store, &other, "the printer again").await;
    let found = async |text: &str| {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        numbers(&store, project, &format!("search={encoded}"), "").await
    };
    for text in ["jane@", "JANE@", "ÖSTER", "0%_o", "\"50%", "r\\", "ja", "j"] {
        assert_eq!(found(text).await, (vec![jane.number], 1), "{text}");
    }
    for text in ["Printer", "on fire", "fi", "#2", "2"] {
        assert_eq!(found(text).await, (vec![other.number], 1), "{text}");
    }
    for text in ["j%e", "x_x", "nothing", "99999999999999999999", "#"] {
        assert_eq!(found(text).await, (vec![], 0), "{text}");
    }
}

/// SQLite takes new texts into its index a thousand at a time.
async fn a_search_finds_indexed_and_waiting_texts_as_they_are_now(store: TestStore) {
    let project = project(&store).await;
    let ticket = add(&store, project, TicketChange::default()).await;
    let other = add(&store, project, TicketChange::default()).await;
    let expect = async |text: &str, tickets: &[&Ticket]| {
        let numbers_of = tickets.iter().map(|it| it.number).collect::<Vec<_>>();
        let count = i64::try_from(numbers_of.len()).unwrap();
        let found = numbers(&store, project, &format!("search={text}"), "ticket_number").await;
        assert_eq!(found, (numbers_of, count), "{text}");
    };
    let change = async |ticket: &Ticket, message: &Message, text: Option<&str>| {
        let (it, key, id) = (scene(project), TicketKey::Id(ticket.id), message.id);
        let text = text.map(str::to_owned);
        store
            .write(move |c| {
                Box::pin(async move {
                    match text {
                        Some(text) => edit_message(c, &it, key, id, |_| Ok(()), (text, None)).await,
                        None => delete_message(c, &it, key, id, |_| Ok(())).await,
                    }
                })
            })
            .await
            .unwrap();
    };
    let (_, edited) = say_it(&store, &ticket, "an elephant walks in").await;
    let (_, deleted) = say_it(&store, &ticket, "and a giraffe").await;
    expect("elephant", &[&ticket]).await;
    let (it, key) = (scene(project), TicketKey::Id(ticket.id));
    store
        .write(move |c| {
            Box::pin(async move {
                for number in 0..1_100 {
                    let id = MessageId(it.env.uuid());
                    let message = NewMessage::by_customer(id, format!("number {number}"));
                    add_message(c, &it, key, &message, false).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    // All of it is in the index now, and what comes now waits for it.
    let (_, waiting) = say_it(&store, &other, "one more elephant").await;
    let (_, dropped) = say_it(&store, &other, "one more giraffe").await;
    expect("elephant", &[&ticket, &other]).await;
    expect("giraffe", &[&ticket, &other]).await;
    expect("number%20599", &[&ticket]).await;
    change(&ticket, &edited, Some("a rhino walks in")).await;
    change(&other, &waiting, Some("one more rhino")).await;
    change(&ticket, &deleted, None).await;
    change(&other, &dropped, None).await;
    expect("elephant", &[]).await;
    expect("giraffe", &[]).await;
    expect("rhino", &[&ticket, &other]).await;
    assert_eq!(store.check().await.unwrap(), []);
}

/// So many are not sorted: the list is walked over, and each ticket looked at.
async fn what_more_than_a_thousand_tickets_have_is_found_page_by_page(store: TestStore) {
    let (project, other) = (project(&store).await, project(&store).await);
    let traits = |name: &str| TicketChange {
        anonymous_traits: Some(json!({ "name": name })),
        ..TicketChange::default()
    };
    say(
        &store,
        &add(&store, other, traits("Walker")).await,
        "walker",
    )
    .await;
    let scene = scene(project);
    let is_open = |number: i64| number % 24 != 7;
    store
        .write(move |c| {
            Box::pin(async move {
                for number in 1..=1_350_i64 {
                    // Two fifths have the word in a message, two in their own text, one nowhere.
                    let fields = TicketChange {
                        status: is_open(number).then_some(Status::Open),
                        ..traits(if matches!(number % 5, 1 | 2) {
                            "Walker"
                        } else {
                            "Runner"
                        })
                    };
                    let new = NewTicket::new(TicketId(scene.env.uuid()), fields);
                    let ticket = create(c, &scene, new).await?;
                    let text = if matches!(number % 5, 3 | 4) {
                        "WALKER"
                    } else {
                        "standing"
                    };
                    let id = MessageId(scene.env.uuid());
                    let said = NewMessage::by_customer(id, text.to_owned());
                    let key = TicketKey::Id(ticket.id);
                    add_message(c, &scene, key, &said, false).await?;
                    if number == 1_349 {
                        delete(c, &scene, key).await?;
                    }
                }
                Ok::<_, WriteError>(())
            })
        })
        .await
        .unwrap();
    let expected: Vec<i64> = (1..=1_350)
        .rev()
        .filter(|it| it % 5 != 0 && *it != 1_349)
        .collect();
    let open: Vec<i64> = expected.iter().copied().filter(|it| is_open(*it)).collect();
    assert!(open.len() > 1_000);
    for (query, expected) in [
        ("search=walker", &expected),
        ("search=lk", &expected),
        ("search=walker&status=open", &open),
        ("search=lk&status=open", &open),
    ] {
        for offset in [0, 37, 480, 1_030] {
            let page = Page { limit: 100, offset };
            let filters = Filters::read(query, Env::system().now(), "UTC", UserId(1));
            let order = Order::read("-ticket_number");
            let (tickets, count) = store
                .read(move |c| {
                    Box::pin(async move { list(c, project, &filters, order, page).await })
                })
                .await
                .unwrap();
            let from = usize::try_from(offset).unwrap().min(expected.len());
            let shown: Vec<i64> = tickets.iter().map(|it| it.number).collect();
            let wanted: Vec<i64> = expected.iter().copied().skip(from).take(100).collect();
            assert_eq!(shown, wanted, "{query} from {offset}");
            assert_eq!(count, i64::try_from(expected.len()).unwrap(), "{query}");
        }
    }
}
