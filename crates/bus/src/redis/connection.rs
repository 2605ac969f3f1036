//! A connection to one server or to a cluster.

use super::address::RedisUrl;
use redis::aio::MultiplexedConnection;
use redis::aio::{AsyncPushSender, ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, ProtocolVersion, RedisFuture, RedisResult, Value,
};
use std::time::Duration;

/// How long making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// After this an answer is not waited for any more, whoever asked.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// For commands. Makes itself again when it breaks.
#[derive(Clone)]
pub(crate) enum Commands {
    Server(ConnectionManager),
    Cluster(Box<ClusterConnection>),
}

/// For published messages. The server's breaks for good, and says so by a push; the cluster's repairs itself, and
/// says so too.
pub(super) enum Subscriptions {
    Server(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl Commands {
    /// Prepares a connection; it is made when it is first used.
    pub(super) async fn open(url: &RedisUrl) -> RedisResult<Self> {
        if url.is_cluster {
            let client = cluster(url).build()?;
            let config = redis::cluster::ClusterConfig::new();
            let connection = client.get_pending_async_connection_with_config(config);
            return Ok(Self::Cluster(Box::new(connection)));
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT));
        let manager = ConnectionManager::new_lazy_with_config(server(url)?, config)?;
        Ok(Self::Server(manager))
    }
}

impl Subscriptions {
    /// Connects; what is published arrives at `pushes`.
    pub(super) async fn open(url: &RedisUrl, pushes: impl AsyncPushSender) -> RedisResult<Self> {
        if url.is_cluster {
            let client: ClusterClient = cluster(url).push_sender(pushes).build()?;
            let connection = client.get_async_connection().await?;
            return Ok(Self::Cluster(Box::new(connection)));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT))
            .set_push_sender(pushes);
        let client = server(url)?;
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(Self::Server(connection))
    }

    pub(super) async fn subscribe(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::Server(connection) => connection.subscribe(channels).await,
            Self::Cluster(connection) => connection.subscribe(channels).await,
        }
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::Server(connection) => connection.unsubscribe(channels).await,
            Self::Cluster(connection) => connection.unsubscribe(channels).await,
        }
    }

    /// Whether the other side is still there.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        match self {
            Self::Server(connection) => ping.query_async::<()>(connection).await,
            Self::Cluster(connection) => ping.query_async::<()>(connection.as_mut()).await,
        }
    }
}

fn server(url: &RedisUrl) -> RedisResult<Client> {
    match url.servers.first() {
        Some(server) => Client::open(server.clone()),
        None => Err((redis::ErrorKind::InvalidClientConfig, "no server is named").into()),
    }
}

fn cluster(url: &RedisUrl) -> ClusterClientBuilder {
    ClusterClient::builder(url.servers.clone())
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(CONNECT_LIMIT)
        .response_timeout(ANSWER_LIMIT)
        .retries(1)
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
