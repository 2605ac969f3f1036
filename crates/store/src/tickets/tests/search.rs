//! The search of the list, on both engines.

use super::*;
use crate::tickets::list::found;
use std::collections::BTreeMap;
use std::sync::Arc;

crate::on_both_engines! {
    a_search_finds_parts_of_texts,
    a_search_finds_indexed_and_waiting_texts_as_they_are_now,
    what_more_than_a_thousand_tickets_have_is_found_page_by_page,
    what_is_asked_again_is_right_after_any_change,
    what_a_write_saw_and_took_back_is_never_found,
}

const WORDS: [&str; 4] = ["alpha", "beta", "alphabet", "gamma"];

/// A project's tickets and their texts, as they should be, by number.
#[derive(Default)]
struct Texts(BTreeMap<i64, Expected>);

struct Expected {
    ticket: Ticket,
    /// In its traits.
    name: &'static str,
    /// The words of those that are not deleted.
    messages: Vec<(MessageId, Option<&'static str>)>,
}

impl Texts {
    fn with(&self, part: &str) -> Vec<i64> {
        let has = |word: &str| word.contains(part);
        let fitting = self.0.iter().filter(|(_, it)| {
            has(it.name) || it.messages.iter().any(|(_, word)| word.is_some_and(has))
        });
        fitting.map(|(number, _)| *number).collect()
    }
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

/// SQLite keeps what was found, and adds what came since.
async fn what_is_asked_again_is_right_after_any_change(store: TestStore) {
    let projects = [project(&store).await, project(&store).await];
    let mut expected = [Texts::default(), Texts::default()];
    let mut dice = Dice(7);
    for step in 0..150 {
        let which = dice.below(2);
        step_of_walk(
            &store,
            projects[which],
            &mut expected[which],
            &mut dice,
            step,
        )
        .await;
        for (project, texts) in projects.iter().zip(&expected) {
            for part in ["alpha", "beta", "be", "nothing"] {
                let wanted = texts.with(part);
                let count = i64::try_from(wanted.len()).unwrap();
                let query = format!("search={part}");
                let found = numbers(&store, *project, &query, "ticket_number").await;
                assert_eq!(found, (wanted, count), "{part} after step {step}");
            }
        }
    }
    assert_eq!(store.check().await.unwrap(), []);
}

/// One change of a project's texts. Once there are many at once: more than SQLite looks through.
async fn step_of_walk(
    store: &Store,
    project: ProjectId,
    texts: &mut Texts,
    dice: &mut Dice,
    step: usize,
) {
    let named = |word: &str| TicketChange {
        anonymous_traits: Some(json!({ "name": word })),
        ..TicketChange::default()
    };
    let word = dice.word();
    let many = if step == 80 { 2_100 } else { 1 };
    let kind = match (dice.below(8), many) {
        (kind, 1) => kind,
        // Messages, whatever the dice say.
        _ => 7,
    };
    if texts.0.len() < 3 || kind == 0 {
        let made = Expected {
            ticket: add(store, project, named(word)).await,
            name: word,
            messages: Vec::new(),
        };
        texts.0.insert(made.ticket.number, made);
        return;
    }
    let at = dice.below(texts.0.len());
    let number = *texts.0.keys().nth(at).unwrap();
    let Expected {
        ticket,
        name,
        messages,
    } = texts.0.get_mut(&number).unwrap();
    let (it, key) = (scene(project), TicketKey::Id(ticket.id));
    let message = match messages.len() {
        0 => None,
        count => messages.get_mut(dice.below(count)),
    };
    match (kind, message) {
        (1, _) => {
            change(store, ticket, named(word)).await;
            *name = word;
        }
        (2, _) if step > 40 => {
            store
                .write(move |c| Box::pin(async move { delete(c, &it, key).await }))
                .await
                .unwrap();
            texts.0.remove(&number);
        }
        (3 | 4, Some((id, said))) => {
            let (id, was_deleted) = (*id, said.is_none());
            let new = (kind == 3 || was_deleted).then_some(word);
            store
                .write(move |c| {
                    Box::pin(async move {
                        if was_deleted {
                            restore_message(c, &it, key, id, |_| Ok(())).await?;
                        }
                        match new {
                            Some(word) => {
                                let text = (word.to_owned(), None);
                                edit_message(c, &it, key, id, |_| Ok(()), text).await
                            }
                            None => delete_message(c, &it, key, id, |_| Ok(())).await,
                        }
                    })
                })
                .await
                .unwrap();
            *said = new;
        }
        _ => {
            let ids: Vec<_> = (0..many).map(|_| MessageId(it.env.uuid())).collect();
            messages.extend(ids.iter().map(|id| (*id, Some(word))));
            store
                .write(move |c| {
                    Box::pin(async move {
                        for id in ids {
                            let new = NewMessage::by_customer(id, word.to_owned());
                            add_message(c, &it, key, &new, false).await?;
                        }
                        Ok::<_, Error>(())
                    })
                })
                .await
                .unwrap();
        }
    }
}

async fn what_a_write_saw_and_took_back_is_never_found(store: TestStore) {
    let project = project(&store).await;
    let ticket = add(&store, project, TicketChange::default()).await;
    let look = async || numbers(&store, project, "search=alpha", "").await;
    let (it, key) = (scene(project), TicketKey::Id(ticket.id));
    let taken_back: Result<()> = store
        .write(move |c| {
            Box::pin(async move {
                let new = NewMessage::by_customer(MessageId(it.env.uuid()), "alpha".to_owned());
                add_message(c, &it, key, &new, false).await?;
                let filters = Filters::read("search=alpha", it.now, "UTC", UserId(1));
                let seen = list(c, project, &filters, Order::read(""), PAGE).await?;
                assert_eq!(seen.1, 1);
                Err(Error::Internal("changed my mind".to_owned()))
            })
        })
        .await;
    assert!(taken_back.is_err());
    // A text that gets the number of the one that was taken back. Nobody looks in between, who would notice.
    say(&store, &ticket, "beta").await;
    assert_eq!(look().await, (vec![], 0));
}

#[tokio::test]
async fn what_was_found_is_kept_until_a_text_of_the_project_changes() {
    let test = "what_was_found_is_kept_until_a_text_of_the_project_changes";
    let opened = TestStore::open(crate::Engine::Sqlite, test).await.unwrap();
    let store = opened.unwrap();
    let (project, other) = (project(&store).await, project(&store).await);
    let look = async || {
        store
            .read(move |c| Box::pin(async move { found::find(c, project, "alpha").await }))
            .await
            .unwrap()
    };
    let ticket = add(&store, project, TicketChange::default()).await;
    let elsewhere = add(&store, other, TicketChange::default()).await;
    let (_, message) = say_it(&store, &ticket, "alpha").await;
    let first = look().await;
    assert_eq!(first.numbers.len(), 1);
    assert!(Arc::ptr_eq(&first, &look().await));
    // Another project's texts change nothing but where to go on from.
    let (_, strange) = say_it(&store, &elsewhere, "alpha").await;
    let second = look().await;
    assert_eq!(second.numbers, first.numbers);
    assert_eq!(
        (second.removals, second.newest),
        (first.removals, first.newest + 1)
    );
    for (project, ticket, id) in [
        (other, &elsewhere, strange.id),
        (project, &ticket, message.id),
    ] {
        let (it, key) = (scene(project), TicketKey::Id(ticket.id));
        store
            .write(move |c| {
                Box::pin(async move { delete_message(c, &it, key, id, |_| Ok(())).await })
            })
            .await
            .unwrap();
        let third = look().await;
        assert_eq!(third.numbers.len(), i64::from(project == other));
        assert_eq!(third.removals, i64::from(project != other));
    }
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
