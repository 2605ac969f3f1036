//! Articles and their search, on both engines.

use super::*;
use crate::organizations::{self, Organization};
use crate::sealed::SecretKey;
use crate::testing::TestStore;
use crate::{Store, projects};
use model::settings::ProjectSettings;
use model::text::Query;
use model::{Env, OrganizationId};

crate::on_both_engines! {
    an_article_is_kept_as_it_was_made,
    a_list_is_newest_first_and_counted,
    a_change_touches_only_what_it_names,
    a_change_to_the_same_is_none,
    an_article_is_found_by_its_source,
    a_source_is_imported_once,
    search_finds_every_form_of_a_word,
    search_follows_every_change,
    search_sees_only_enabled_articles,
    projects_do_not_see_each_other,
    spelling_is_corrected,
    titles_and_headings_weigh_more,
    scripts_without_spaces_are_found,
    odd_texts_can_be_stored_and_searched,
    a_common_word_is_bounded_and_newest_first,
    first_passages_are_of_the_newest_articles,
    totals_follow_every_change,
}

async fn project(store: &Store) -> ProjectId {
    store
        .write(|c| {
            Box::pin(async move {
                let env = Env::system();
                let organization = Organization {
                    id: OrganizationId(env.uuid()),
                    name: "O".to_owned(),
                    allows_personal_api_keys: true,
                    created_at: env.now(),
                };
                organizations::create(c, &organization).await?;
                let settings = ProjectSettings::default();
                let key = SecretKey::from_text(&"k".repeat(64)).unwrap();
                let (project, _) =
                    projects::create(c, &env, &key, organization.id, "P", settings).await?;
                Ok::<_, crate::Error>(project.id)
            })
        })
        .await
        .unwrap()
}

fn article(title: &str, body: &str) -> NewArticle {
    NewArticle {
        id: ArticleId(Env::system().uuid()),
        title: title.to_owned(),
        body: Body::new(body.to_owned()),
        url: None,
        is_enabled: true,
        source_path: None,
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

async fn add_at(store: &Store, project: ProjectId, new: NewArticle, now: i64) -> Article {
    store
        .write(move |c| Box::pin(async move { create(c, project, &new, at(now)).await }))
        .await
        .unwrap()
}

async fn add(store: &Store, project: ProjectId, title: &str, body: &str) -> Article {
    add_at(store, project, article(title, body), 1).await
}

async fn change(
    store: &Store,
    project: ProjectId,
    id: ArticleId,
    change: ArticleChange,
) -> Option<Article> {
    store
        .write(move |c| Box::pin(async move { update(c, project, id, &change, at(99)).await }))
        .await
        .unwrap()
}

async fn hits(store: &Store, project: ProjectId, question: &str) -> Vec<PassageHit> {
    let terms = Query::new(question).terms;
    store
        .read(move |c| Box::pin(async move { search(c, project, &terms, 10).await }))
        .await
        .unwrap()
}

async fn titles(store: &Store, project: ProjectId, question: &str) -> Vec<String> {
    let hits = hits(store, project, question).await;
    hits.into_iter().map(|hit| hit.title).collect()
}

async fn page(store: &Store, project: ProjectId, limit: i64, offset: i64) -> (Vec<String>, i64) {
    let (articles, count) = store
        .read(move |c| Box::pin(list(c, project, Page { limit, offset })))
        .await
        .unwrap();
    (articles.into_iter().map(|a| a.title).collect(), count)
}

async fn an_article_is_kept_as_it_was_made(store: TestStore) {
    let project = project(&store).await;
    let new = NewArticle {
        url: Some("https://example.com/".to_owned()),
        source_path: Some("a/b.md".to_owned()),
        ..article("Title", "# Body\n\ntext")
    };
    let id = new.id;
    let made = add_at(&store, project, new, 7).await;
    assert_eq!(made.body, "# Body\n\ntext");
    assert_eq!((made.created_at, made.updated_at), (at(7), at(7)));
    let found = store
        .read(move |c| Box::pin(find(c, project, id)))
        .await
        .unwrap();
    assert_eq!(found, Some(made));
}

async fn a_list_is_newest_first_and_counted(store: TestStore) {
    let project = project(&store).await;
    assert_eq!(page(&store, project, 10, 0).await, (vec![], 0));
    for (title, time) in [("b", 2), ("c", 3), ("a", 1)] {
        add_at(&store, project, article(title, "x"), time).await;
    }
    let shown = |titles: &[&str]| titles.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        page(&store, project, 10, 0).await,
        (shown(&["c", "b", "a"]), 3)
    );
    assert_eq!(page(&store, project, 1, 1).await, (shown(&["b"]), 3));
    assert_eq!(page(&store, project, 1, 3).await, (vec![], 3));
}

async fn a_change_touches_only_what_it_names(store: TestStore) {
    let project = project(&store).await;
    let old = add(&store, project, "Old", "body of old").await;
    let renamed = ArticleChange {
        title: Some("New".to_owned()),
        url: Some(Some("https://x.y".to_owned())),
        ..ArticleChange::default()
    };
    let new = change(&store, project, old.id, renamed).await.unwrap();
    let expected = Article {
        title: "New".to_owned(),
        url: Some("https://x.y".to_owned()),
        updated_at: at(99),
        ..old.clone()
    };
    assert_eq!(new, expected);
    let unlinked = ArticleChange {
        url: Some(None),
        ..ArticleChange::default()
    };
    let new = change(&store, project, old.id, unlinked).await.unwrap();
    assert_eq!(new.url, None);
    let nobody = ArticleId(Env::system().uuid());
    assert_eq!(
        change(&store, project, nobody, ArticleChange::default()).await,
        None
    );
}

async fn a_change_to_the_same_is_none(store: TestStore) {
    let project = project(&store).await;
    let old = add(&store, project, "Title", "body").await;
    let same = ArticleChange {
        title: Some("Title".to_owned()),
        body: Some(Body::new("body".to_owned())),
        url: Some(None),
        is_enabled: Some(true),
    };
    assert_eq!(change(&store, project, old.id, same).await, Some(old));
}

async fn an_article_is_found_by_its_source(store: TestStore) {
    let project = project(&store).await;
    let new = NewArticle {
        source_path: Some("a.md".to_owned()),
        ..article("A", "a")
    };
    let made = add_at(&store, project, new, 1).await;
    let by_source = |path: &'static str| {
        let store = &store;
        async move {
            store
                .read(move |c| Box::pin(find_by_source(c, project, path)))
                .await
                .unwrap()
        }
    };
    assert_eq!(by_source("a.md").await, Some(made));
    assert_eq!(by_source("b.md").await, None);
}

async fn a_source_is_imported_once(store: TestStore) {
    let project = project(&store).await;
    let new = NewArticle {
        source_path: Some("a.md".to_owned()),
        ..article("A", "a")
    };
    add_at(&store, project, new.clone(), 1).await;
    let again = NewArticle {
        id: ArticleId(Env::system().uuid()),
        ..new
    };
    let refused = store
        .write(move |c| Box::pin(async move { create(c, project, &again, at(2)).await }))
        .await;
    assert!(
        refused
            .unwrap_err()
            .is_unique("article.project_id,source_path")
    );
    assert_eq!(page(&store, project, 10, 0).await.1, 1);
}

async fn search_finds_every_form_of_a_word(store: TestStore) {
    let project = project(&store).await;
    add(
        &store,
        project,
        "One",
        "How cancelled ANSWERS are kept, straße",
    )
    .await;
    for question in ["cancel", "Cancelling the answer?", "STRASSE", "cañcels"] {
        assert_eq!(
            titles(&store, project, question).await,
            ["One"],
            "{question}"
        );
    }
    for question in ["", "the and of", "canopy", "? !"] {
        assert!(
            titles(&store, project, question).await.is_empty(),
            "{question}"
        );
    }
}

async fn search_follows_every_change(store: TestStore) {
    let project = project(&store).await;
    let id = add(&store, project, "Apples", "# Pears\n\nplums").await.id;
    for word in ["apples", "pears", "plums"] {
        assert_eq!(titles(&store, project, word).await.len(), 1, "{word}");
    }
    let rename = ArticleChange {
        title: Some("Cherries".to_owned()),
        ..ArticleChange::default()
    };
    change(&store, project, id, rename).await;
    assert!(titles(&store, project, "apples").await.is_empty());
    assert_eq!(titles(&store, project, "cherries").await, ["Cherries"]);
    assert_eq!(titles(&store, project, "plums").await, ["Cherries"]);

    let rewrite = ArticleChange {
        body: Some(Body::new("quinces".to_owned())),
        ..ArticleChange::default()
    };
    change(&store, project, id, rewrite).await;
    assert!(titles(&store, project, "plums").await.is_empty());
    assert!(titles(&store, project, "pears").await.is_empty());
    assert_eq!(titles(&store, project, "quinces").await, ["Cherries"]);

    let removed = store
        .write(move |c| Box::pin(delete(c, project, id)))
        .await
        .unwrap();
    assert!(removed.is_some());
    assert!(titles(&store, project, "quinces cherries").await.is_empty());
    let again = store
        .write(move |c| Box::pin(delete(c, project, id)))
        .await
        .unwrap();
    assert!(again.is_none());
}

async fn search_sees_only_enabled_articles(store: TestStore) {
    let project = project(&store).await;
    let id = add(&store, project, "Hidden", "secret plans").await.id;
    for (is_enabled, found) in [(false, 0), (true, 1)] {
        let switch = ArticleChange {
            is_enabled: Some(is_enabled),
            ..ArticleChange::default()
        };
        change(&store, project, id, switch).await;
        assert_eq!(titles(&store, project, "secret").await.len(), found);
        // Not even its words are used to correct a spelling.
        assert_eq!(titles(&store, project, "secrte").await.len(), found);
    }
}

async fn projects_do_not_see_each_other(store: TestStore) {
    let ours = project(&store).await;
    let theirs = project(&store).await;
    let id = add(&store, theirs, "Theirs", "secret plans").await.id;
    assert!(hits(&store, ours, "secret plans").await.is_empty());
    assert_eq!(
        change(&store, ours, id, ArticleChange::default()).await,
        None
    );
    let removed = store
        .write(move |c| Box::pin(delete(c, ours, id)))
        .await
        .unwrap();
    assert!(removed.is_none());
    assert_eq!(page(&store, ours, 10, 0).await.1, 0);
    // A text that looks like the mark of a project inside the index.
    add(&store, ours, "Ours", &format!("{theirs}§secret {ours}§x §")).await;
    assert!(hits(&store, theirs, &format!("{ours}§x")).await.is_empty());
    assert_eq!(titles(&store, theirs, "secret").await, ["Theirs"]);
}

async fn spelling_is_corrected(store: TestStore) {
    let project = project(&store).await;
    add(
        &store,
        project,
        "Database",
        "PostgreSQL stores conversations",
    )
    .await;
    for question in ["databse", "postgres", "conversatoins", "cnoversations"] {
        assert_eq!(
            titles(&store, project, question).await,
            ["Database"],
            "{question}"
        );
    }
    let exact = hits(&store, project, "database").await[0].score;
    let corrected = hits(&store, project, "databse").await[0].score;
    assert!(exact > corrected);
}

async fn titles_and_headings_weigh_more(store: TestStore) {
    let project = project(&store).await;
    let filler = "Many other words stand here so that the text is long enough for a comparison.";
    add(&store, project, "Text", &format!("Backups. {filler}")).await;
    add(
        &store,
        project,
        "Heading",
        &format!("# Backups\n\n{filler}"),
    )
    .await;
    add(&store, project, "Backups", filler).await;
    add(&store, project, "Neither", filler).await;
    let found = hits(&store, project, "backup").await;
    let shown: Vec<_> = found.iter().map(|hit| hit.title.as_str()).collect();
    assert_eq!(shown, ["Backups", "Heading", "Text"]);
    assert_eq!(found[1].heading, "Backups");
    assert!(found.iter().all(|hit| hit.score > 0.0 && hit.score < 1.0));
}

async fn scripts_without_spaces_are_found(store: TestStore) {
    let project = project(&store).await;
    add(&store, project, "検索", "データベースの設定を変更します。").await;
    add(&store, project, "其他", "今天天气很好。").await;
    assert_eq!(titles(&store, project, "設定の変更").await, ["検索"]);
    assert_eq!(titles(&store, project, "天气").await, ["其他"]);
    assert_eq!(titles(&store, project, "ﾃﾞｰﾀﾍﾞｰｽ").await, ["検索"]);
}

async fn odd_texts_can_be_stored_and_searched(store: TestStore) {
    let project = project(&store).await;
    let odd = "it's \"quoted\" 'x' \\ back ' AND OR NOT NEAR( * ^ : & | ! <-> -- ; DROP §1 ½ ﷺ e\u{301}\u{200d}";
    add(&store, project, odd, odd).await;
    add(&store, project, "🦀", "![image](x)").await;
    for question in [
        odd, "quoted", "NEAR", "drop", "' OR 1=1", "\" *", "x:*", "½",
    ] {
        // Finding something or nothing are both fine, failing is not.
        hits(&store, project, question).await;
    }
    assert_eq!(titles(&store, project, "quoted").await, [odd]);
    assert_eq!(titles(&store, project, "é").await, [odd]);
}

async fn a_common_word_is_bounded_and_newest_first(store: TestStore) {
    let project = project(&store).await;
    // More passages with the same word than are considered: 1,100 in two articles.
    let section = "# h\n\ncommon\n\n# i\n\ncommon\n\n";
    add(&store, project, "Old", &section.repeat(275)).await;
    add(&store, project, "New", &section.repeat(275)).await;
    add(&store, project, "Rare", "common and singular").await;
    let found = hits(&store, project, "common").await;
    assert_eq!(found.len(), 10);
    assert!(found.iter().skip(1).all(|hit| hit.title == "New"));
    assert_eq!(titles(&store, project, "singular common").await[0], "Rare");
}

async fn first_passages_are_of_the_newest_articles(store: TestStore) {
    let project = project(&store).await;
    for (title, time) in [("a", 1), ("b", 2), ("c", 3)] {
        let body = format!("opening of {title}\n\n# More\n\nrest");
        add_at(&store, project, article(title, &body), time).await;
    }
    let first = store
        .read(move |c| Box::pin(first_passages(c, project, 2)))
        .await
        .unwrap();
    let shown: Vec<_> = first.iter().map(|hit| (&*hit.text, hit.score)).collect();
    assert_eq!(shown, [("opening of c", 0.0), ("opening of b", 0.0)]);
}

async fn totals_follow_every_change(store: TestStore) {
    let project = project(&store).await;
    let totals = || async {
        let row: Totals = store
            .read(move |c| Box::pin(async move { c.one(LOCK_TOTALS, params![project]).await }))
            .await
            .unwrap();
        (row.articles, row.enabled, row.passages, row.words)
    };
    let id = add(&store, project, "a", "one two\n\n# h\n\nthree")
        .await
        .id;
    add(&store, project, "b", "four").await;
    assert_eq!(totals().await, (2, 2, 3, 4));
    for (is_enabled, expected) in [(false, (2, 1, 1, 1)), (true, (2, 2, 3, 4))] {
        let switch = ArticleChange {
            is_enabled: Some(is_enabled),
            ..ArticleChange::default()
        };
        change(&store, project, id, switch).await;
        assert_eq!(totals().await, expected);
    }
    let rewrite = ArticleChange {
        body: Some(Body::new("five six seven".to_owned())),
        is_enabled: Some(false),
        ..ArticleChange::default()
    };
    change(&store, project, id, rewrite).await;
    assert_eq!(totals().await, (2, 1, 1, 1));
    store
        .write(move |c| Box::pin(delete(c, project, id)))
        .await
        .unwrap();
    assert_eq!(totals().await, (1, 1, 1, 1));
}
