//! Organisations, projects, people, roles and keys.

use crate::keys::{Key, TOUCH_INTERVAL_MICROS};
use crate::organizations::{self, Organization};
use crate::projects::{self, Project};
use crate::roles::{self, Role};
use crate::sealed::SecretKey;
use crate::testing::TestStore;
use crate::users::{self, NewUser, User};
use crate::{ConstraintKind, Error, Result, keys};
use model::scopes::Scopes;
use model::settings::ProjectSettings;
use model::{
    Env, KeyId, MemberLevel, OrganizationId, ProjectId, RoleId, Timestamp, UserId, secrets,
};
use serde_json::json;

crate::on_both_engines! {
    an_organisation_comes_back_as_it_went_in,
    a_member_has_one_level_which_can_change,
    an_address_is_taken_once_in_any_case,
    a_name_is_split_into_first_and_last,
    a_new_project_has_its_tokens_and_keeps_its_secret_sealed,
    the_widget_token_follows_the_conversations_switch,
    a_project_is_found_with_the_callers_level,
    the_current_project_is_the_first_one_before_one_was_chosen,
    a_role_is_unique_within_its_organisation,
    a_key_is_found_by_its_digest_until_it_is_revoked,
    the_use_of_a_key_is_recorded_once_an_hour,
}

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

pub(super) async fn organization(store: &TestStore, name: &str) -> Organization {
    let organization = Organization {
        id: OrganizationId(Env::system().uuid()),
        name: name.to_owned(),
        allows_personal_api_keys: true,
        created_at: NOW,
    };
    let created = organization.clone();
    store
        .write(move |c| Box::pin(async move { organizations::create(c, &created).await }))
        .await
        .unwrap();
    organization
}

async fn try_user(store: &TestStore, email: &str, name: &str) -> Result<User> {
    let new = NewUser {
        email: email.to_owned(),
        name: name.to_owned(),
        password_hash: None,
    };
    store
        .write(move |c| Box::pin(async move { users::create(c, &Env::system(), &new).await }))
        .await
}

pub(super) async fn user(store: &TestStore, email: &str) -> User {
    try_user(store, email, "Ada Lovelace").await.unwrap()
}

pub(super) async fn project(
    store: &TestStore,
    organization: OrganizationId,
    name: &'static str,
) -> Project {
    let settings = ProjectSettings::default();
    let created = store
        .write(move |c| {
            Box::pin(async move {
                projects::create(c, &Env::system(), &sealing(), organization, name, settings).await
            })
        })
        .await;
    created.unwrap().0
}

async fn set_level(
    store: &TestStore,
    organization: OrganizationId,
    user: UserId,
    level: MemberLevel,
) {
    store
        .write(move |c| {
            Box::pin(
                async move { organizations::set_member(c, organization, user, level, NOW).await },
            )
        })
        .await
        .unwrap();
}

fn sealing() -> SecretKey {
    SecretKey::from_text("a secret of sixteen characters").unwrap()
}

async fn an_organisation_comes_back_as_it_went_in(store: TestStore) {
    let acme = organization(&store, "Acme").await;
    let second = organization(&store, "Acme").await;
    let found = store
        .read(move |c| {
            Box::pin(async move {
                Ok::<_, Error>((
                    organizations::find(c, acme.id).await?,
                    organizations::find_by_name(c, "Acme").await?,
                    organizations::find_by_name(c, "acme").await?,
                    organizations::list(c).await?,
                ))
            })
        })
        .await
        .unwrap();
    let first = if acme.id < second.id { &acme } else { &second };
    assert_eq!(found.0.as_ref(), Some(&acme));
    assert_eq!(found.1.as_ref(), Some(first));
    assert_eq!(found.2, None);
    assert_eq!(found.3.len(), 2);
}

async fn a_member_has_one_level_which_can_change(store: TestStore) {
    let acme = organization(&store, "Acme").await;
    let ada = user(&store, "ada@example.com").await;
    let (id, ada_id) = (acme.id, ada.id);
    let has_members = |expected: bool| {
        let read = store.read(move |c| Box::pin(organizations::has_members(c, id)));
        async move { assert_eq!(read.await.unwrap(), expected) }
    };
    has_members(false).await;
    set_level(&store, id, ada_id, MemberLevel::Admin).await;
    set_level(&store, id, ada_id, MemberLevel::Member).await;
    has_members(true).await;
    let found = store
        .read(move |c| {
            Box::pin(async move {
                Ok::<_, Error>((
                    organizations::find_level(c, id, ada_id).await?,
                    organizations::find_level(c, id, UserId(999)).await?,
                    organizations::list_members(c, id).await?,
                    organizations::list_of_user(c, ada_id).await?,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!(found.0, Some(MemberLevel::Member));
    assert_eq!(found.1, None);
    assert_eq!(found.2, [(ada, MemberLevel::Member)]);
    assert_eq!(found.3, [(acme, MemberLevel::Member)]);
}

async fn an_address_is_taken_once_in_any_case(store: TestStore) {
    let ada = user(&store, " Ada@Example.COM ").await;
    assert_eq!(ada.email, "ada@example.com");
    let error = try_user(&store, "ADA@example.com", "").await.unwrap_err();
    assert!(error.is_unique("users.email"), "{error}");
    let found = store
        .read(|c| Box::pin(users::find_by_email(c, "aDa@example.com")))
        .await;
    assert_eq!(found.unwrap().as_ref(), Some(&ada));
    let id = ada.id;
    let found = store.read(move |c| Box::pin(users::find(c, id))).await;
    assert_eq!(found.unwrap(), Some(ada));
}

async fn a_name_is_split_into_first_and_last(store: TestStore) {
    for (number, (name, first, last)) in [
        ("Ada Lovelace", "Ada", "Lovelace"),
        (" Augusta  Ada King ", "Augusta", "Ada King"),
        ("Ada", "Ada", ""),
        ("", "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let user = try_user(&store, &format!("{number}@example.com"), name)
            .await
            .unwrap();
        assert_eq!(
            (user.first_name.as_str(), user.last_name.as_str()),
            (first, last)
        );
    }
}

async fn a_new_project_has_its_tokens_and_keeps_its_secret_sealed(store: TestStore) {
    let acme = organization(&store, "Acme").await.id;
    let (created, secret) = store
        .write(move |c| {
            Box::pin(async move {
                let mut settings = ProjectSettings::default();
                settings.set("timezone", &json!("Europe/Berlin")).unwrap();
                projects::create(c, &Env::system(), &sealing(), acme, "Help", settings).await
            })
        })
        .await
        .unwrap();
    assert!(secret.starts_with("phs_"));
    assert!(created.public_token.starts_with("phc_"));
    assert!(created.widget_token.is_some());
    let id = created.id;
    let (found, opened, wrong_key) = store
        .read(move |c| {
            Box::pin(async move {
                let other = SecretKey::from_text("another secret, quite as long").unwrap();
                Ok::<_, Error>((
                    projects::find(c, id).await?,
                    projects::find_secret(c, &sealing(), id).await?,
                    projects::find_secret(c, &other, id).await,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!(found, Some(created));
    assert_eq!(opened, secret);
    assert!(matches!(wrong_key, Err(Error::Corrupt(_))));
}

async fn the_widget_token_follows_the_conversations_switch(store: TestStore) {
    let acme = organization(&store, "Acme").await.id;
    let created = project(&store, acme, "Help").await;
    let id = created.id;
    let switch = |on: bool| {
        store.write(move |c| {
            Box::pin(async move {
                let mut project = projects::lock(c, id).await?.unwrap();
                project.settings.conversations_enabled = on;
                projects::update(c, &Env::system(), &mut project).await?;
                assert_eq!(projects::find(c, id).await?.as_ref(), Some(&project));
                Ok::<_, Error>(project.widget_token)
            })
        })
    };
    assert_eq!(switch(true).await.unwrap(), created.widget_token);
    assert_eq!(switch(false).await.unwrap(), None);
    let again = switch(true).await.unwrap();
    assert!(again.is_some() && again != created.widget_token);
}

async fn a_project_is_found_with_the_callers_level(store: TestStore) {
    let acme = organization(&store, "Acme").await;
    let help = project(&store, acme.id, "Help").await;
    let ada = user(&store, "ada@example.com").await.id;
    let eve = user(&store, "eve@example.com").await.id;
    set_level(&store, acme.id, ada, MemberLevel::Admin).await;
    let id = help.id;
    let (hers, others, none) = store
        .read(move |c| {
            Box::pin(async move {
                Ok::<_, Error>((
                    projects::find_for_user(c, id, ada).await?.unwrap(),
                    projects::find_for_user(c, id, eve).await?.unwrap(),
                    projects::find_for_user(c, ProjectId(999), ada).await?,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!((&hers.project, &hers.organization), (&help, &acme));
    assert_eq!(hers.level, Some(MemberLevel::Admin));
    assert_eq!(others.level, None);
    assert_eq!(none, None);
}

async fn the_current_project_is_the_first_one_before_one_was_chosen(store: TestStore) {
    let acme = organization(&store, "Acme").await.id;
    let ada = user(&store, "ada@example.com").await.id;
    let first = || store.read(move |c| Box::pin(projects::first_of_user(c, ada)));
    assert_eq!(first().await.unwrap(), None);
    let one = project(&store, acme, "One").await.id;
    let two = project(&store, acme, "Two").await.id;
    set_level(&store, acme, ada, MemberLevel::Member).await;
    assert_eq!(first().await.unwrap(), Some(one));
    let chosen = store
        .write(move |c| {
            Box::pin(async move {
                users::set_current_project(c, ada, two).await?;
                users::set_password(c, ada, "$argon2id$…").await?;
                Ok::<_, Error>(users::find(c, ada).await?.unwrap())
            })
        })
        .await
        .unwrap();
    assert_eq!(chosen.current_project_id, Some(two));
}

async fn a_role_is_unique_within_its_organisation(store: TestStore) {
    let acme = organization(&store, "Acme").await.id;
    let other = organization(&store, "Other").await.id;
    let ada = user(&store, "ada@example.com").await;
    let create = |organization, name: &str| {
        let role = Role {
            organization_id: organization,
            id: RoleId(Env::system().uuid()),
            name: name.to_owned(),
            created_at: NOW,
        };
        store.write(move |c| {
            Box::pin(async move {
                roles::create(c, &role).await?;
                Ok::<_, Error>(role)
            })
        })
    };
    let billing = create(acme, "Billing").await.unwrap();
    let admins = create(acme, "admins").await.unwrap();
    create(other, "Billing").await.unwrap();
    let error = create(acme, "Billing").await.unwrap_err();
    assert!(error.is_unique("role.organization_id,name"), "{error}");
    let (id, ada_id) = (billing.id, ada.id);
    let found = store
        .write(move |c| {
            Box::pin(async move {
                for _ in 0..2 {
                    roles::add_member(c, acme, id, ada_id, NOW).await?;
                }
                Ok::<_, Error>((
                    roles::list(c, acme).await?,
                    roles::list_members(c, acme, id).await?,
                    roles::list_members(c, other, id).await?,
                    roles::find(c, acme, id).await?,
                    roles::find(c, other, id).await?,
                    roles::find_by_name(c, acme, "Billing").await?,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!(found.0, [billing.clone(), admins]);
    assert_eq!(found.1, [ada]);
    assert_eq!(found.2, []);
    assert_eq!(found.3.as_ref(), Some(&billing));
    assert_eq!(found.4, None);
    assert_eq!(found.5, Some(billing));
    let stranger = store
        .write(move |c| Box::pin(roles::add_member(c, acme, id, UserId(999), NOW)))
        .await;
    let foreign_key = ConstraintKind::ForeignKey;
    assert!(matches!(stranger, Err(Error::Constraint { kind, .. }) if kind == foreign_key));
}

fn key(user: UserId) -> Key {
    Key {
        id: KeyId(Env::system().uuid()),
        user_id: user,
        label: "ci".to_owned(),
        mask: "phx_...abcd".to_owned(),
        scopes: Scopes::parse(["ticket:read", "conversation:write"]).unwrap(),
        scoped_projects: vec![ProjectId(7)],
        scoped_organizations: vec![OrganizationId(Env::system().uuid())],
        unthrottled: true,
        created_at: NOW,
        last_used_at: None,
        revoked_at: None,
    }
}

async fn created_key(store: &TestStore, digest: secrets::Digest) -> (Key, User) {
    let ada = user(store, "ada@example.com").await;
    let key = key(ada.id);
    let created = key.clone();
    store
        .write(move |c| Box::pin(async move { keys::create(c, &created, &digest).await }))
        .await
        .unwrap();
    (key, ada)
}

async fn a_key_is_found_by_its_digest_until_it_is_revoked(store: TestStore) {
    let digest = secrets::digest("phx_one");
    let (key, ada) = created_key(&store, digest).await;
    let (id, owner) = (key.id, ada.id);
    let find = |digest| {
        store.read(move |c| Box::pin(async move { keys::find_by_digest(c, &digest).await }))
    };
    let found = find(digest).await.unwrap().unwrap();
    assert_eq!(found.key, key);
    assert_eq!(found.user, ada);
    assert_eq!(found.digest, digest);
    assert!(find(secrets::digest("phx_two")).await.unwrap().is_none());
    let outcome = store
        .write(move |c| {
            Box::pin(async move {
                Ok::<_, Error>((
                    keys::revoke(c, id, NOW).await?,
                    keys::revoke(c, id, NOW).await?,
                    keys::find(c, id).await?.unwrap(),
                    keys::list(c).await?,
                    keys::list_of_user(c, owner).await?,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!((outcome.0, outcome.1), (true, false));
    assert_eq!(outcome.2.revoked_at, Some(NOW));
    assert_eq!(outcome.3, [outcome.2]);
    assert_eq!(outcome.4, outcome.3);
    assert!(find(digest).await.unwrap().is_none());
}

async fn the_use_of_a_key_is_recorded_once_an_hour(store: TestStore) {
    let (key, _) = created_key(&store, secrets::digest("phx_one")).await;
    let id = key.id;
    let touch = |micros: i64| {
        let now = Timestamp::from_micros(NOW.as_micros() + micros);
        store.write(move |c| Box::pin(keys::touch(c, id, now)))
    };
    for (micros, is_recorded) in [
        (0, true),
        (1, false),
        (TOUCH_INTERVAL_MICROS - 1, false),
        (TOUCH_INTERVAL_MICROS, true),
        (TOUCH_INTERVAL_MICROS + 1, false),
    ] {
        assert_eq!(touch(micros).await.unwrap(), is_recorded, "{micros}");
    }
    let found = store.read(move |c| Box::pin(keys::find(c, id))).await;
    let expected = Timestamp::from_micros(NOW.as_micros() + TOUCH_INTERVAL_MICROS);
    assert_eq!(found.unwrap().unwrap().last_used_at, Some(expected));
}
