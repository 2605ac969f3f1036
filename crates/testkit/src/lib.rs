//! What tests run Thicket with: a whole server in the test's process, a clock that can be moved, a client that
//! reads event streams, and a scripted model server.
//!
//! ```ignore
//! testkit::on_both_engines! { a_first_message_makes_a_conversation }
//!
//! async fn a_first_message_makes_a_conversation(setup: Setup) {
//!     let app = setup.start().await;
//!     let tenant = app.tenant().await;
//!     let chat = tenant.chat();
//!     let events = chat.say("hello").await.events().await;
//! }
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is test code: what goes wrong here must stop the test"
)]

mod app;
mod client;
mod clock;
mod damage;
pub mod redis;
mod smtp;

pub use app::{Setup, Tenant, TestApp};
pub use client::{Api, Chat, Event, EventStream, PATIENCE, Reply, Session, http_client, new_uuid};
pub use clock::ShiftedClock;
pub use damage::Table;
pub use redis::{RedisServer, redis_database};
pub use smtp::{MailAnswer, ReceivedMail, SmtpOptions, SmtpServer};
pub use store::Engine;
pub use stubmodel as stub_model;
pub use stubmodel::{Gate, Script, StubModel};

/// Makes a test on each engine of every named `async fn(Setup)`: in the modules `sqlite` and `postgres`.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::on_both_engines!(@run Sqlite $test);
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::on_both_engines!(@run Postgres $test);
            })*
        }
    };
    (@run $engine:ident $test:ident) => {
        let name = concat!(module_path!(), "::", stringify!($test));
        if let Some(setup) = $crate::Setup::new($crate::Engine::$engine, name).await {
            super::$test(setup).await;
        }
    };
}
