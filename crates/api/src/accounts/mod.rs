//! Signing in and out, and setting a new server up (spec/README.md, "Sessions").

mod login;
mod passwords;
mod sessions;
mod setup;

pub(crate) use passwords::Passwords;

use crate::Routes;

pub(crate) fn routes() -> Routes {
    setup::routes()
        .merge(login::routes())
        .merge(sessions::routes())
}
