//! Which site a request comes from, and whether the project lists it (tickets.md 14.6, 14.8).

use crate::persons::lower_case;

/// Parameter that brings the token of a mailed link to the widget.
const RESTORE_PARAMETER: &str = "ph_conv_restore";

/// Scheme, host and port: what the header `Origin` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Site {
    /// The site of an address, such as `https://example.com:8443/page`. An address whose authority could be read in
    /// two ways (user information, a backslash, white space) has none.
    pub fn of(url: &str) -> Option<Self> {
        if url.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace()) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = host_and_port(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Some(Self {
            port: port.or(usual),
            scheme,
            host,
        })
    }

    /// The name of the host, in one case.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.rfind(']') {
        // An address of the sixth version has colons of its own.
        Some(end) => {
            let (host, rest) = authority.split_at(end + 1);
            let port = rest.strip_prefix(':');
            if !rest.is_empty() && port.is_none() {
                return None;
            }
            (host, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    let host = lower_case(host.strip_suffix('.').unwrap_or(host));
    (!host.is_empty()).then_some((host, port))
}

/// Whether a project's list has a host. An entry is a name or an address of a page; its port and path play no part. A
/// `*` in it stands for any text, and `*.example.com` means `example.com` too.
pub fn is_listed(domains: &[String], host: &str) -> bool {
    domains.iter().any(|entry| {
        let entry = entry.trim();
        let name = match entry.split_once("://") {
            Some((_, rest)) => rest,
            None => entry,
        };
        let authority = name.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((pattern, _)) = host_and_port(authority) else {
            return false;
        };
        let is_bare = pattern.strip_prefix("*.").is_some_and(|bare| bare == host);
        is_bare || fits(pattern.as_bytes(), host.as_bytes())
    })
}

/// Whether the text fits the pattern, in which `*` stands for any text. Of several stars only the last is ever tried
/// again, so it takes at most as many steps as the one length times the other.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else {
                    return false;
                };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The page's address with the token, and without its fragment and an older token.
pub fn restore_link(url: &str, token: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (page, query) = url.split_once('?').unwrap_or((url, ""));
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && name != RESTORE_PARAMETER
    };
    let token = format!("{RESTORE_PARAMETER}={token}");
    let pairs: Vec<&str> = query
        .split('&')
        .filter(is_kept)
        .chain([token.as_str()])
        .collect();
    format!("{page}?{}", pairs.join("&"))
}
