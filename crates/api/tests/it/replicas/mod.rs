//! Several servers on one PostgreSQL and one Redis (design.md 3 and 4; engineering.md 5; tickets.md 13).
//!
//! Where a test shows that Redis carries something, looking into the log by the clock is switched off.

mod counting;
mod desk;
mod outages;
mod turns;

use std::time::Duration;
use testkit::{Api, Chat, Engine, RedisServer, Setup, StubModel, Tenant, TestApp};

/// Makes a test of every named `async fn(Setup)`, on PostgreSQL and an empty database of the shared Redis.
macro_rules! on_replicas {
    ($($test:ident),* $(,)?) => {
        mod shared {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                if let Some(setup) = crate::replicas::setup(name).await {
                    super::$test(setup).await;
                }
            })*
        }
    };
}

/// Makes a test of every named `async fn(Setup, RedisServer)`, on PostgreSQL and a Redis of its own.
macro_rules! with_own_redis {
    ($($test:ident),* $(,)?) => {
        mod own {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                if let Some((setup, redis)) = crate::replicas::setup_with_own(name, &[]).await {
                    super::$test(setup, redis).await;
                }
            })*
        }
    };
}

pub(crate) use {on_replicas, with_own_redis};

/// A setup on PostgreSQL and the shared Redis; `None` after naming the test as skipped.
async fn setup(test: &str) -> Option<Setup> {
    let url = testkit::redis_database(test).await?;
    let mut setup = Setup::new(Engine::Postgres, test).await?;
    setup.redis = Some(url.parse().unwrap());
    Some(setup)
}

/// A setup on PostgreSQL and a Redis that only this test uses.
async fn setup_with_own(
    test: &str,
    arguments: &'static [&'static str],
) -> Option<(Setup, RedisServer)> {
    let redis = RedisServer::start_with(test, arguments).await?;
    let mut setup = Setup::new(Engine::Postgres, test).await?;
    setup.redis = Some(redis.address());
    Some((setup, redis))
}

/// Never looks into the log by the clock: what comes in time has come over Redis.
fn deaf(mut setup: Setup) -> Setup {
    setup.assistant.look_every = Duration::from_secs(3600);
    setup
}

/// Three servers, their one model, and a member as the first knows them.
struct Trio {
    a: TestApp,
    b: TestApp,
    c: TestApp,
    model: StubModel,
    tenant: Tenant,
}

impl Trio {
    async fn open(setup: Setup) -> Self {
        let model = StubModel::start().await;
        let setup = setup.answered_by(&model);
        let (b, c) = (setup.twin().start().await, setup.twin().start().await);
        let a = setup.start().await;
        let tenant = a.tenant().await;
        a.set(tenant.project, "titles_by_model", "false").await;
        Self {
            a,
            b,
            c,
            model,
            tenant,
        }
    }

    /// The member's clients of the three servers.
    fn apis(&self) -> [Api; 3] {
        [&self.a, &self.b, &self.c].map(|app| app.api(&self.tenant.key))
    }

    /// A new conversation, as seen through the three servers.
    fn chats(&self) -> [Chat; 3] {
        let chat = self.tenant.chat();
        self.apis().map(|api| chat.seen_by(&api))
    }
}
