use super::*;
use uuid::Uuid;

fn passage(article: u128, title: &str, text: &str, score: f64) -> Passage {
    Passage {
        origin: Origin::Article(Uuid::from_u128(article)),
        title: title.to_owned(),
        url: None,
        heading: None,
        text: text.to_owned(),
        score,
    }
}

#[test]
fn the_best_passage_is_quoted_with_title_link_and_heading() {
    let passages = [Passage {
        url: Some("https://example.com/q_(1)".to_owned()),
        heading: Some("Limits".to_owned()),
        ..passage(1, "The [queue]", "Two messages can wait.", 0.6)
    }];
    let answer = answer("How many messages can wait?", None, &passages);
    assert_eq!(
        answer.text,
        "This is what I found in the knowledge of this project:\n\n\
         **[The \\[queue\\]](https://example.com/q_%281%29)** › Limits\n\n\
         > Two messages can wait.\n\n\
         *No language model is configured, so I can only quote this project's articles.*"
    );
    assert_eq!(answer.sources, [passages[0].to_source()]);
}

#[test]
fn a_macro_is_named_for_what_it_is() {
    let passages = [Passage {
        origin: Origin::Macro("m1".to_owned()),
        ..passage(1, "Late parcel", "A late parcel is traced.", 0.6)
    }];
    let answer = answer("Where is my late parcel?", None, &passages);
    assert_eq!(
        answer.text,
        "This is what I found in the knowledge of this project:\n\n\
         **Late parcel** › prepared by the team\n\n\
         > A late parcel is traced.\n\n\
         *No language model is configured, so I can only quote this project's articles and what its team has prepared.*"
    );
    let source = &answer.sources[0];
    assert_eq!(
        (source.article_id, source.macro_id.as_deref()),
        (None, Some("m1"))
    );
}

#[test]
fn passages_of_one_article_stand_together_and_weak_ones_are_left_out() {
    let passages = [
        passage(1, "A", "one", 0.50),
        passage(2, "B", "two", 0.49),
        passage(1, "A", "three", 0.47),
        passage(3, "C", "four", 0.20),
    ];
    let answer = answer("apples", None, &passages);
    let order: Vec<usize> = ["**A**", "> one", "> three", "**B**", "> two"]
        .iter()
        .map(|part| answer.text.find(part).unwrap())
        .collect();
    assert!(order.is_sorted(), "{}", answer.text);
    assert_eq!(answer.text.matches("**A**").count(), 1);
    assert!(!answer.text.contains("four"));
    assert_eq!(answer.sources.len(), 2);
}

#[test]
fn an_uncertain_answer_says_so() {
    let answer = answer("apples", None, &[passage(1, "A", "one", ANSWERS)]);
    assert!(answer.text.starts_with("I am not sure"));
}

#[test]
fn nothing_fits() {
    for (question, expected) in [
        ("What is the capital of France?", "“capital of France”"),
        ("how do I bake *bread*", "“bake \\*bread”"),
        ("Wie backe ich Brot?", "“Wie backe ich Brot”"),
    ] {
        let answer = answer(question, None, &[passage(1, "A", "one", 0.09)]);
        assert!(
            answer.text.starts_with(&format!(
                "I found nothing about {expected} in the knowledge of this project."
            )),
            "{}",
            answer.text
        );
        assert!(answer.sources.is_empty());
        assert_eq!(answer.text.matches("language model").count(), 1);
    }
}

#[test]
fn a_long_question_is_not_repeated_in_full() {
    let question = "unfathomable ".repeat(100);
    let answer = answer(&question, None, &[]);
    assert!(answer.text.contains(" …”"));
    assert!(answer.text.len() < 300);
}

#[test]
fn a_greeting_gets_a_hint() {
    let passages = [
        passage(1, "Backups", "x", 0.0),
        passage(2, "Keys", "y", 0.0),
    ];
    for greeting in [
        "Hello!",
        "hi there",
        "thanks",
        "Can you help me?",
        "good morning",
        "🙂",
        "",
    ] {
        let answer = answer(greeting, None, &passages);
        assert!(
            answer.text.contains("\n- Backups\n- Keys\n\n*No language"),
            "{greeting}: {}",
            answer.text
        );
        assert!(answer.sources.is_empty());
    }
    assert!(answer("Hello!", None, &[]).text.contains("it has none yet"));
}

#[test]
fn a_follow_up_is_answered_in_context() {
    let text = "Backups are made with one command. ".to_owned()
        + &"Here is a sentence to fill the passage with words. ".repeat(8)
        + "On PostgreSQL backups are made with pg_dump.";
    let answer = answer(
        "and on Postgres?",
        Some("How do I make backups?"),
        &[passage(1, "A", &text, 0.5)],
    );
    assert!(
        answer
            .text
            .contains("> On PostgreSQL backups are made with pg_dump.\n"),
        "{}",
        answer.text
    );
}

#[test]
fn answers_are_the_same_every_time() {
    let passages = [
        passage(1, "A", "one apple", 0.3),
        passage(2, "B", "two apples", 0.3),
    ];
    let first = answer("apple", None, &passages);
    assert!((0..20).all(|_| answer("apple", None, &passages) == first));
}

#[test]
fn pieces_are_words_and_add_up() {
    for text in [
        "",
        " ",
        "one",
        "one two  three\n\n> four ",
        " lead",
        "日本語 テスト\u{3000}x",
        "a\r\nb",
    ] {
        assert_eq!(pieces(text).concat(), text);
    }
    assert_eq!(pieces("one two\n\nthree"), ["one ", "two\n\n", "three"]);
    assert_eq!(pieces(" lead"), [" ", "lead"]);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn any_passages() -> impl Strategy<Value = Vec<Passage>> {
        let text = prop_oneof![
            any::<String>(),
            "([#`~>|*_.:-]{0,3} ?[a-z]{0,6}[.:]?\n?){0,80}"
        ];
        let passage = (text, "\\PC{0,20}", 0.0..1.0_f64, 0..3_u128).prop_map(
            |(text, title, score, article)| Passage {
                heading: (article == 1).then(|| title.clone()),
                ..passage(article, &title, &text, score)
            },
        );
        prop::collection::vec(passage, 0..5)
    }

    proptest! {
        #[test]
        fn anything_can_be_answered(
            question in prop_oneof![any::<String>(), "[a-z ]{0,40}"],
            previous in prop::option::of("[a-z ]{0,20}"),
            passages in any_passages(),
        ) {
            let answer = answer(&question, previous.as_deref(), &passages);
            prop_assert_eq!(pieces(&answer.text).concat(), answer.text.clone());
            prop_assert!(answer.text.ends_with(NO_MODEL));
            prop_assert!(answer.sources.len() <= QUOTES_MAX);
        }

        #[test]
        fn pieces_begin_with_words(text in any::<String>()) {
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.concat(), text.clone());
            prop_assert!(pieces.iter().skip(1).all(|piece| !piece.starts_with(char::is_whitespace)));
        }

        #[test]
        fn excerpts_are_part_of_the_text(question in "[a-f ]{0,20}", text in "([a-f]{1,4}[ .:\n]{1,2}|- |1\\. |```\n){0,300}") {
            let interest = Interest::new(&Query::new(&question), &[]);
            prop_assert!(text.contains(excerpt(&interest, &text)));
        }
    }
}
