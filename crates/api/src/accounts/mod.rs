//! Signing in and out, inviting people, and setting a new server up (spec/README.md, "Sessions").

mod accept;
mod device;
mod invites;
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
        .merge(invites::routes())
        .merge(accept::routes())
}
