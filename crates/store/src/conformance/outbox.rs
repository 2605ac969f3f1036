//! Mails are lent to one sender at a time, given back by one that dies, and given up when they are too late.

use super::tenancy;
use crate::outbox::{self, Mail, Resent};
use crate::testing::TestStore;
use model::outbox::{MailState, NewMail, RESTORE};
use model::pagination::Page;
use model::{Env, MailId, ProjectId, Timestamp};
use std::time::Duration;

crate::on_both_engines! {
    a_mail_is_lent_to_one_sender_until_its_time_is_over,
    a_mail_that_failed_comes_back_when_it_is_time,
    a_mail_that_is_too_late_is_given_up,
    a_mail_that_was_given_up_can_be_sent_again,
    two_senders_take_no_mail_twice,
    old_mails_are_erased,
}

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);
const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

async fn queued(store: &TestStore) -> ProjectId {
    let organization = tenancy::organization(store, "Acme").await;
    let project = tenancy::project(store, organization.id, "Support").await.id;
    append_mail(store, project, "Hi").await;
    project
}

async fn append_mail(store: &TestStore, project: ProjectId, subject: &str) {
    let mail = NewMail {
        id: MailId(Env::system().uuid()),
        purpose: RESTORE,
        to: "jo@example.com".to_owned(),
        subject: subject.to_owned(),
        text: "ä".to_owned(),
        html: None,
        expires_at: at(3600),
    };
    store
        .write(move |c| Box::pin(async move { outbox::append(c, project, &mail, NOW).await }))
        .await
        .unwrap();
}

async fn claim(store: &TestStore, now: Timestamp) -> Vec<Mail> {
    store
        .write(move |c| Box::pin(outbox::claim(c, now, LEASE, 10)))
        .await
        .unwrap()
}

async fn only(store: &TestStore, project: ProjectId) -> Mail {
    let page = Page {
        limit: 10,
        offset: 0,
    };
    let (mut mails, count) = store
        .read(move |c| Box::pin(outbox::list(c, project, page)))
        .await
        .unwrap();
    assert_eq!(count, 1);
    mails.remove(0)
}

async fn sent(store: &TestStore, mail: &Mail, now: Timestamp) -> bool {
    let (project, id) = (mail.project_id, mail.id);
    store
        .write(move |c| Box::pin(outbox::mark_sent(c, project, id, now)))
        .await
        .unwrap()
}

async fn failed(store: &TestStore, mail: &Mail, retry_at: Option<Timestamp>) -> bool {
    let (project, id) = (mail.project_id, mail.id);
    store
        .write(move |c| Box::pin(outbox::mark_failed(c, project, id, "refused", retry_at)))
        .await
        .unwrap()
}

async fn a_mail_is_lent_to_one_sender_until_its_time_is_over(store: TestStore) {
    let project = queued(&store).await;
    let mail = claim(&store, NOW).await.remove(0);
    assert_eq!((mail.project_id, mail.text.as_str()), (project, "ä"));
    assert_eq!(claim(&store, at(59)).await, []);
    // The first sender has died.
    let again = claim(&store, at(60)).await.remove(0);
    assert_eq!((again.id, again.attempts), (mail.id, 2));
    assert!(sent(&store, &again, at(61)).await);
    assert!(!sent(&store, &again, at(62)).await);
    assert_eq!(claim(&store, at(600)).await, []);
    let kept = only(&store, project).await;
    assert_eq!((kept.state, kept.sent_at), (MailState::Sent, Some(at(61))));
}

async fn a_mail_that_failed_comes_back_when_it_is_time(store: TestStore) {
    let project = queued(&store).await;
    let mail = claim(&store, NOW).await.remove(0);
    assert!(failed(&store, &mail, Some(at(100))).await);
    assert_eq!(claim(&store, at(99)).await, []);
    let kept = only(&store, project).await;
    assert_eq!(
        (kept.state, kept.error.as_deref()),
        (MailState::Queued, Some("refused"))
    );
    let mail = claim(&store, at(100)).await.remove(0);
    assert!(failed(&store, &mail, None).await);
    assert_eq!(claim(&store, at(500)).await, []);
    assert_eq!(only(&store, project).await.state, MailState::Failed);
}

async fn a_mail_that_is_too_late_is_given_up(store: TestStore) {
    let project = queued(&store).await;
    assert_eq!(claim(&store, at(3600)).await, []);
    let kept = only(&store, project).await;
    assert_eq!((kept.state, kept.attempts), (MailState::Failed, 0));
    assert!(kept.error.is_some());
}

async fn resend(store: &TestStore, mail: &Mail, now: Timestamp) -> Option<Resent> {
    let (project, id) = (mail.project_id, mail.id);
    store
        .write(move |c| Box::pin(outbox::resend(c, project, id, now)))
        .await
        .unwrap()
}

async fn a_mail_that_was_given_up_can_be_sent_again(store: TestStore) {
    queued(&store).await;
    let mail = claim(&store, NOW).await.remove(0);
    assert_eq!(resend(&store, &mail, NOW).await, Some(Resent::NotFailed));
    assert!(failed(&store, &mail, None).await);
    let elsewhere = Mail {
        project_id: ProjectId(mail.project_id.0 + 1),
        ..mail.clone()
    };
    assert_eq!(resend(&store, &elsewhere, at(1)).await, None);
    let Some(Resent::Queued(again)) = resend(&store, &mail, at(1)).await else {
        panic!("it was not queued");
    };
    assert_eq!((again.state, again.attempts), (MailState::Queued, 0));
    let taken = claim(&store, at(1)).await.remove(0);
    assert_eq!((taken.id, taken.attempts), (mail.id, 1));
    assert!(failed(&store, &taken, None).await);
    assert_eq!(resend(&store, &mail, at(3600)).await, Some(Resent::Expired));
}

async fn two_senders_take_no_mail_twice(store: TestStore) {
    let project = queued(&store).await;
    for number in 1..20 {
        append_mail(&store, project, &number.to_string()).await;
    }
    let look = || async {
        let mut taken = Vec::new();
        while is_due(&store).await {
            let claimed = store
                .write(move |c| Box::pin(outbox::claim(c, NOW, LEASE, 1)))
                .await
                .unwrap();
            taken.extend(claimed.into_iter().map(|mail| mail.id));
        }
        taken
    };
    let (mut all, others) = tokio::join!(look(), look());
    all.extend(others);
    assert_eq!(all.len(), 20);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
}

async fn is_due(store: &TestStore) -> bool {
    store
        .read(move |c| Box::pin(outbox::is_due(c, NOW)))
        .await
        .unwrap()
}

async fn old_mails_are_erased(store: TestStore) {
    let project = queued(&store).await;
    let erase = |before| store.write(move |c| Box::pin(outbox::erase(c, before, 10)));
    assert_eq!(erase(NOW).await.unwrap(), 0);
    only(&store, project).await;
    assert_eq!(erase(at(1)).await.unwrap(), 1);
    assert_eq!(erase(at(1)).await.unwrap(), 0);
}
