//! Where a request came from and where its answers' links point to.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A list of networks, such as `10.0.0.0/8, ::1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is not a list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a network: write an address such as 127.0.0.1, or a network such as 10.0.0.0/8"
)]
pub struct InvalidNetwork(String);

impl FromStr for Networks {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        items
            .map(Network::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            None => longest,
            Some(prefix) => prefix.parse().map_err(|_| invalid())?,
        };
        if prefix > longest {
            return Err(invalid());
        }
        // An address of the fourth version in the clothes of the sixth is compared as what it is.
        Ok(match (address.to_canonical(), prefix.checked_sub(96)) {
            (canonical @ IpAddr::V4(_), Some(shorter)) if address.is_ipv6() => Self {
                address: canonical,
                prefix: shorter,
            },
            _ => Self { address, prefix },
        })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl Networks {
    /// Whether one of the networks contains the address.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who sent the request: the other end of the connection, or who a trusted proxy says it was. Of several addresses
/// that proxies have added to each other, the last one that is not a trusted proxy's: what stands before it was
/// written by the client.
pub(crate) fn client(
    trusted: &Networks,
    peer: Option<Peer>,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let Peer(peer) = peer?;
    let mut client = peer;
    let lists = headers.get_all("x-forwarded-for");
    let lists: Vec<_> = lists.iter().filter_map(|list| list.to_str().ok()).collect();
    for text in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
        if !trusted.contain(client) {
            break;
        }
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
    }
    Some(client)
}

/// Whose address it is: who has one of the sixth version has at least 2⁶⁴ of them.
pub(crate) fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

/// Scheme and host that absolute links begin with, without a slash at the end: the configured one, else what a
/// trusted proxy says the client asked for, else the request's own `Host`.
pub(crate) fn base_url(
    public_url: Option<&str>,
    trusted: &Networks,
    peer: Option<Peer>,
    headers: &HeaderMap,
) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let is_trusted = peer.is_some_and(|peer| trusted.contain(peer.0));
    let forwarded = |name: &str| {
        let value = headers.get(name).filter(|_| is_trusted)?.to_str().ok()?;
        // The first of several is the one nearest to the client.
        Some(value.split(',').next().unwrap_or_default().trim())
    };
    let scheme = match forwarded("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = forwarded("x-forwarded-host")
        .into_iter()
        .chain(host)
        .find(|host| is_host(host))
        .unwrap_or("localhost");
    format!("{scheme}://{host}")
}

/// A host with an optional port, and nothing that could change a link's meaning.
fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(public: Option<&str>, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = "10.0.0.0/8, ::1".parse().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        base_url(
            public,
            &trusted,
            Some(Peer(peer.parse().unwrap())),
            &headers,
        )
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (networks, address, is_in) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "fd12::1", true),
            ("10.0.0.0/8,::1", "::1", true),
            ("", "127.0.0.1", false),
        ] {
            let networks: Networks = networks.parse().unwrap();
            assert_eq!(
                networks.contain(address.parse().unwrap()),
                is_in,
                "{networks:?} {address}"
            );
        }
        for text in ["x", "10.0.0.0/33", "10.0.0.0/", "::/129", "example.com"] {
            assert!(text.parse::<Networks>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_client_is_whom_the_last_trusted_proxy_names() {
        let trusted: Networks = "10.0.0.0/8".parse().unwrap();
        for (peer, lists, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.1"][..], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1"][..], "198.51.100.1"),
            (
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.1, 10.0.0.2"][..],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &["203.0.113.9", "198.51.100.1"][..],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["nonsense"][..], "10.0.0.1"),
            ("10.0.0.1", &["nonsense, 10.0.0.2"][..], "10.0.0.2"),
            ("10.0.0.1", &["::ffff:198.51.100.1"][..], "198.51.100.1"),
            ("10.0.0.1", &[][..], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", list.parse().unwrap());
            }
            let peer = Peer(peer.parse().unwrap());
            let client = client(&trusted, Some(peer), &headers).unwrap();
            assert_eq!(client.to_string(), expected, "{lists:?}");
        }
    }

    #[test]
    fn an_address_of_either_version_means_the_same_proxy() {
        for (trusted, peer, expected) in [
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::/0", "10.0.0.1", false),
        ] {
            let networks: Networks = trusted.parse().unwrap();
            assert_eq!(
                networks.contain(peer.parse().unwrap()),
                expected,
                "{trusted} {peer}"
            );
        }
    }

    #[test]
    fn links_point_where_the_client_came_in() {
        let forwarded = [
            ("host", "inner:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "help.example.com, second"),
        ];
        for (public, peer, headers, expected) in [
            (None, "10.0.0.9", &forwarded[..], "https://help.example.com"),
            (None, "192.0.2.1", &forwarded[..], "http://inner:8080"),
            (
                Some("https://x.example/"),
                "10.0.0.9",
                &forwarded[..],
                "https://x.example",
            ),
            (None, "192.0.2.1", &[][..], "http://localhost"),
            (
                None,
                "192.0.2.1",
                &[("host", "evil.example/path?")][..],
                "http://localhost",
            ),
            (
                None,
                "192.0.2.1",
                &[("host", "user@evil.example")][..],
                "http://localhost",
            ),
        ] {
            assert_eq!(base(public, peer, headers), expected);
        }
    }
}
