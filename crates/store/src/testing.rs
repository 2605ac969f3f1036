//! Fresh stores for tests, on either engine.
//!
//! SQLite is always there. PostgreSQL is used when `THICKET_TEST_DATABASE_URL` names a server
//! (`scripts/with-postgres` starts one); every test gets a schema of its own, dropped afterwards. Without a server
//! a test is skipped by name on standard error, and with `CI=true` a skip is a failure.

use crate::{Engine, Error, Result, Store, StoreConfig, Target};
use model::Env;
use std::io::Write as _;
use std::ops::Deref;
use tempfile::TempDir;

/// Names the server to test on.
pub const DATABASE_URL: &str = "THICKET_TEST_DATABASE_URL";

/// Names a file to which the names of skipped tests are appended: a test's own output is not shown when it passes.
pub const SKIPPED: &str = "THICKET_TEST_SKIPPED";

/// Names a test that cannot run here, and why: on standard error, and in the file of [`SKIPPED`].
///
/// # Panics
/// With `CI=true`: nothing is skipped there.
pub fn skip(test: &str, reason: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !in_ci,
        "{test} cannot run, which in CI is a failure: {reason}"
    );
    eprintln!("SKIPPED {test}: {reason}");
    if let Some(path) = std::env::var_os(SKIPPED) {
        let file = std::fs::OpenOptions::new().append(true).open(path);
        // One write, so that tests that run at once do not mix their lines.
        file.and_then(|mut file| file.write_all(format!("{test}: {reason}\n").as_bytes()))
            .unwrap_or_else(|error| eprintln!("{SKIPPED} cannot be written: {error}"));
    }
}

/// A store that nobody else has, gone with its data when it is dropped.
pub struct TestStore {
    store: Store,
    place: TestPlace,
}

impl TestStore {
    /// Opens a fresh store, or returns `None` after naming `test` as skipped: there is no server.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    ///
    /// # Panics
    /// With `CI=true`, instead of skipping.
    pub async fn open(engine: Engine, test: &str) -> Result<Option<Self>> {
        let Some(place) = TestPlace::create(engine, test).await? else {
            return Ok(None);
        };
        let store = Store::open(&place.config()).await?;
        Ok(Some(Self { store, place }))
    }

    /// How this store was opened, to open it again.
    pub fn config(&self) -> StoreConfig {
        self.place.config()
    }

    /// Where its data is.
    pub fn place(&self) -> &TestPlace {
        &self.place
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// An empty place for a store: a temporary directory, or a schema.
pub struct TestPlace {
    dir: TempDir,
    schema: Option<Schema>,
}

struct Schema {
    server: String,
    name: String,
}

impl TestPlace {
    /// Makes a place, or returns `None` after naming `test` as skipped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there can be none.
    ///
    /// # Panics
    /// With `CI=true`, instead of skipping.
    pub async fn create(engine: Engine, test: &str) -> Result<Option<Self>> {
        let dir = tempfile::tempdir().map_err(unavailable)?;
        if engine == Engine::Sqlite {
            return Ok(Some(Self { dir, schema: None }));
        }
        let Ok(server) = std::env::var(DATABASE_URL) else {
            skip(test, &format!("{DATABASE_URL} is not set"));
            return Ok(None);
        };
        let name = format!("test_{}", Env::system().uuid().simple());
        script(&server, &format!("CREATE SCHEMA {name}")).await?;
        Ok(Some(Self {
            dir,
            schema: Some(Schema { server, name }),
        }))
    }

    /// How to open a store here. Its numbers are small, as there are many tests at once.
    pub fn config(&self) -> StoreConfig {
        let target = match &self.schema {
            None => Target::Sqlite {
                path: self.dir.path().join(crate::DATABASE_FILE),
            },
            Some(schema) => Target::Postgres { url: schema.url() },
        };
        StoreConfig {
            reader_threads: 2,
            pool_size: 4,
            ..StoreConfig::new(target)
        }
    }

    /// A data directory: where the database is on SQLite, and empty on PostgreSQL.
    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The URL of the schema on PostgreSQL, `None` on SQLite.
    pub fn database_url(&self) -> Option<String> {
        self.schema.as_ref().map(Schema::url)
    }
}

impl Schema {
    fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!(
            "{}{separator}options=-csearch_path%3D{}",
            self.server, self.name
        )
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let server = self.server.clone();
        let drop_schema = format!("DROP SCHEMA {} CASCADE", self.name);
        // A thread of its own, because the test's runtime may be shutting down.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(unavailable)?
                .block_on(script(&server, &drop_schema))
        })
        .join();
        if let Ok(Err(error)) = dropped {
            eprintln!("the schema {} is left behind: {error}", self.name);
        }
    }
}

async fn script(server: &str, sql: &str) -> Result<()> {
    crate::pg::script(server, sql).await
}

fn unavailable(error: std::io::Error) -> Error {
    Error::Unavailable(error.to_string())
}

/// Makes a test on each engine of every named `async fn(TestStore)`: in the modules `sqlite` and `postgres`.
///
/// ```ignore
/// store::on_both_engines! { a_name_is_taken_once, an_empty_list_is_a_list }
/// ```
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
        let opened = $crate::testing::TestStore::open($crate::Engine::$engine, name).await;
        if let Some(store) = opened.unwrap() {
            super::$test(store).await;
        }
    };
}
