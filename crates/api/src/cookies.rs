//! The two cookies of a session (spec/README.md, "Sessions"), and the one by which a browser is known afterwards.
//!
//! Over HTTPS the session's cookie has a name that browsers let nobody but this very host set, and only over HTTPS.
//! So the plain name counts only where there is no HTTPS: else whoever owns a neighbouring host could set it.

use axum::http::{HeaderMap, HeaderValue, header};
use model::sessions::{LIFETIME, SessionSecret};
use std::time::Duration;

const OVER_HTTPS: &str = "__Host-thicket_session";
const OVER_HTTP: &str = "thicket_session";
/// Readable by the page, which sends it back in a header.
const CSRF: &str = "thicket_csrf";

fn is_secure(base_url: &str) -> bool {
    base_url.starts_with("https://")
}

const fn session_name(secure: bool) -> &'static str {
    if secure { OVER_HTTPS } else { OVER_HTTP }
}

const fn device_name(secure: bool) -> &'static str {
    if secure {
        "__Host-thicket_device"
    } else {
        "thicket_device"
    }
}

/// What the session's cookie holds. `base_url` is how the client came in.
pub(crate) fn session_secret(headers: &HeaderMap, base_url: &str) -> Option<SessionSecret> {
    find(headers, session_name(is_secure(base_url))).and_then(SessionSecret::read)
}

/// What the cookie of a browser in which somebody has signed in before holds.
pub(crate) fn device<'a>(headers: &'a HeaderMap, base_url: &str) -> Option<&'a str> {
    find(headers, device_name(is_secure(base_url)))
}

fn find<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lists = headers.get_all(header::COOKIE);
    lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// Lets a browser be known for so long, also after its session.
pub(crate) fn set_device(headers: &mut HeaderMap, base_url: &str, value: &str, life: Duration) {
    let secure = is_secure(base_url);
    let name = device_name(secure);
    let cookie = format!("{name}={value}; HttpOnly");
    add(headers, secure, &cookie, life.as_secs());
}

/// Gives a browser a session, or lets it keep the one it has.
pub(crate) fn set(headers: &mut HeaderMap, base_url: &str, secret: &SessionSecret) {
    let secure = is_secure(base_url);
    let name = session_name(secure);
    let life = LIFETIME.as_secs();
    add(
        headers,
        secure,
        &format!("{name}={}; HttpOnly", secret.reveal()),
        life,
    );
    add(
        headers,
        secure,
        &format!("{CSRF}={}", secret.csrf_token()),
        life,
    );
}

/// Takes the session away from a browser.
pub(crate) fn clear(headers: &mut HeaderMap, base_url: &str) {
    let secure = is_secure(base_url);
    let name = session_name(secure);
    add(headers, secure, &format!("{name}=; HttpOnly"), 0);
    add(headers, secure, &format!("{CSRF}="), 0);
}

fn add(headers: &mut HeaderMap, secure: bool, cookie: &str, seconds: u64) {
    let only_https = if secure { "; Secure" } else { "" };
    let text = format!("{cookie}; Path=/; SameSite=Lax; Max-Age={seconds}{only_https}");
    // A header value of visible ASCII is always valid.
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(header::SET_COOKIE, value);
        // What sets a cookie is for one browser only.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Env;

    fn sent(cookies: &[&str], base_url: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for list in cookies {
            headers.append(header::COOKIE, list.parse().unwrap());
        }
        session_secret(&headers, base_url).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn the_name_depends_on_how_the_client_came_in() {
        let value = "s".repeat(43);
        let plain = format!("a=1; thicket_session={value}");
        let host = format!("__Host-thicket_session={value}");
        for (cookies, base_url, is_found) in [
            (&[&*plain][..], "http://127.0.0.1:8080", true),
            (&["a=1", &*plain][..], "http://127.0.0.1:8080", true),
            (&[&*host][..], "https://help.example.com", true),
            // Set by a neighbour, or left over.
            (&[&*plain][..], "https://help.example.com", false),
            (&[&*host][..], "http://127.0.0.1:8080", false),
            (&["thicket_session="][..], "http://127.0.0.1:8080", false),
            (&["thicket_session"][..], "http://127.0.0.1:8080", false),
            (&[][..], "http://127.0.0.1:8080", false),
        ] {
            assert_eq!(
                sent(cookies, base_url).is_some(),
                is_found,
                "{cookies:?} {base_url}"
            );
        }
    }

    #[test]
    fn cookies_are_kept_from_scripts_other_sites_and_plain_connections() {
        let secret = SessionSecret::new(&Env::system());
        let (value, token) = (secret.reveal(), secret.csrf_token());
        let set_cookies = |base_url: &str| {
            let mut headers = HeaderMap::new();
            set(&mut headers, base_url, &secret);
            let cookies = headers.get_all(header::SET_COOKIE);
            cookies
                .iter()
                .map(|cookie| cookie.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            set_cookies("https://help.example.com"),
            [
                format!(
                    "__Host-thicket_session={value}; HttpOnly; Path=/; SameSite=Lax; Max-Age=1209600; Secure"
                ),
                format!("thicket_csrf={token}; Path=/; SameSite=Lax; Max-Age=1209600; Secure"),
            ]
        );
        assert_eq!(
            set_cookies("http://127.0.0.1:8080"),
            [
                format!("thicket_session={value}; HttpOnly; Path=/; SameSite=Lax; Max-Age=1209600"),
                format!("thicket_csrf={token}; Path=/; SameSite=Lax; Max-Age=1209600"),
            ]
        );
    }
}
