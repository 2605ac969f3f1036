//! Browsers in which somebody has signed in before: strangers who use up the attempts of an e-mail address do not
//! shut them out (docs/decisions/0012).

use crate::{App, Visit, cookies};
use axum::http::HeaderMap;
use std::time::Duration;
use uuid::Uuid;

/// How long a browser is known after somebody signed in.
const LIFETIME: Duration = Duration::from_secs(180 * 86_400);
const PURPOSE: &str = "device";

/// Makes the browser one that is known to have been used with an address.
pub(super) fn remember(headers: &mut HeaderMap, app: &App, base_url: &str, email: &str) {
    let device = app.env.uuid().simple();
    let until = app.env.now().plus(LIFETIME).as_micros();
    let signature = app
        .secret_key
        .sign(PURPOSE, &signed(email, &device.to_string(), until));
    let value = format!("{device}.{until}.{signature}");
    cookies::set_device(headers, base_url, &value, LIFETIME);
}

/// The name of the browser, if somebody with this address has signed in in it. It proves nothing else.
pub(super) fn known(visit: &Visit, email: &str) -> Option<Uuid> {
    let value = cookies::device(&visit.headers, &visit.base_url)?;
    let (device, rest) = value.split_once('.')?;
    let (until, signature) = rest.split_once('.')?;
    let until: i64 = until.parse().ok()?;
    let is_ours = visit
        .app
        .secret_key
        .verify(PURPOSE, &signed(email, device, until), signature);
    (is_ours && until > visit.app.env.now().as_micros())
        .then(|| Uuid::parse_str(device).ok())
        .flatten()
}

fn signed(email: &str, device: &str, until: i64) -> String {
    format!("{device}.{until}.{email}")
}
