//! Where Redis is.

use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use std::fmt;
use std::str::FromStr;

/// The address of a Redis server (`redis://`, `rediss://`), or of nodes of a cluster (`redis-cluster://`, several
/// hosts separated by commas; `rediss-cluster://` with TLS). Its password is not shown.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) servers: Vec<ConnectionInfo>,
    pub(super) is_cluster: bool,
}

/// The text is no address of a Redis server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRedisUrl;

impl fmt::Display for InvalidRedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a redis://, rediss:// or redis-cluster:// URL, such as redis://127.0.0.1:6379/0")
    }
}

impl std::error::Error for InvalidRedisUrl {}

impl RedisUrl {
    /// The number of the database, which keeps apart what several installations say on one server.
    pub(super) fn database(&self) -> i64 {
        let first = self.servers.first();
        first.map_or(0, |server| server.redis_settings().db())
    }
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidRedisUrl)?;
        let (scheme, is_cluster) = match scheme {
            "redis" => ("redis", false),
            "rediss" => ("rediss", false),
            "redis-cluster" => ("redis", true),
            "rediss-cluster" => ("rediss", true),
            _ => return Err(InvalidRedisUrl),
        };
        let urls = if is_cluster {
            every_host(scheme, rest)
        } else {
            vec![format!("{scheme}://{rest}")]
        };
        let servers: Result<Vec<_>, _> = urls.iter().map(|url| server(url)).collect();
        let servers = servers?;
        // A cluster has one database.
        if is_cluster && servers.iter().any(|it| it.redis_settings().db() != 0) {
            return Err(InvalidRedisUrl);
        }
        Ok(Self {
            servers,
            is_cluster,
        })
    }
}

/// One URL for each host, all with the same credentials and parameters.
fn every_host(scheme: &str, rest: &str) -> Vec<String> {
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => (format!("{credentials}@"), rest),
        None => (String::new(), rest),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (hosts, tail) = rest.split_at(end);
    hosts
        .split(',')
        .map(|host| format!("{scheme}://{credentials}{host}{tail}"))
        .collect()
}

fn server(url: &str) -> Result<ConnectionInfo, InvalidRedisUrl> {
    let info = url.into_connection_info().map_err(|_| InvalidRedisUrl)?;
    // Published messages and answers share a connection, which the older protocol cannot do.
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        let address = |it: &ConnectionInfo| it.addr().to_string();
        self.is_cluster == other.is_cluster
            && self.database() == other.database()
            && self
                .servers
                .iter()
                .map(address)
                .eq(other.servers.iter().map(address))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self
            .servers
            .iter()
            .map(|it| it.addr().to_string())
            .collect();
        let kind = if self.is_cluster {
            "redis-cluster"
        } else {
            "redis"
        };
        write!(f, "{kind}://…@{}/{}", addresses.join(","), self.database())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_or_the_nodes_of_a_cluster() {
        let shown = |text: &str| format!("{:?}", text.parse::<RedisUrl>().unwrap());
        assert_eq!(shown("redis://localhost"), "redis://…@localhost:6379/0");
        assert_eq!(
            shown("redis://:hunter2@cache:7000/3"),
            "redis://…@cache:7000/3"
        );
        assert_eq!(shown("rediss://u:hunter2@cache"), "redis://…@cache:6379/0");
        assert_eq!(
            shown("redis-cluster://u:hunter2@a:7000,b:7001"),
            "redis-cluster://…@a:7000,b:7001/0"
        );
        let cluster: RedisUrl = "redis-cluster://u:hunter2@a,b".parse().unwrap();
        for server in &cluster.servers {
            assert_eq!(server.redis_settings().username(), Some("u"));
            assert_eq!(server.redis_settings().password(), Some("hunter2"));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "localhost",
            "http://localhost",
            "redis:localhost",
            "redis://",
            "redis://a/x",
            "redis-cluster://",
            "redis-cluster://a/1",
            "redis-cluster://a,,b",
            "unix:///tmp/redis.sock",
        ] {
            assert_eq!(text.parse::<RedisUrl>(), Err(InvalidRedisUrl), "{text}");
        }
    }
}
