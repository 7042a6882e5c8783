//! Discovery of the nodes and their roles, with one file for each kind of deployment.

mod cluster;
mod one;
mod sentinel;
mod switches;

use std::sync::Arc;

use redis::{FromRedisValue, Value};
use tokio::sync::Notify;

pub(super) use self::switches::Listening;

use super::layout::{Layout, NodeAddress};
use super::link::Link;
use super::options::{Kind, RedisOptions};
use crate::store::{ErrorKind, SecretUrl, StoreError};

/// Finds out the layout of a deployment.
pub(super) enum Scout {
    One(one::One),
    Cluster(cluster::Cluster),
    Sentinel(Box<sentinel::Sentinel>),
}

impl Scout {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StoreError> {
        Ok(match &options.kind {
            Kind::One => Self::One(one::One::new(options)?),
            Kind::Cluster { seeds } => Self::Cluster(cluster::Cluster::new(options, seeds)?),
            Kind::Sentinel { sentinels, masters, sharding } => {
                let looks = sentinel::Sentinel::new(options, sentinels, masters, *sharding)?;
                Self::Sentinel(Box::new(looks))
            }
        })
    }

    /// Returns true if the layout may change.
    pub(super) fn can_change(&self) -> bool {
        match self {
            Self::One(one) => one.has_replicas(),
            Self::Cluster(_) | Self::Sentinel(_) => true,
        }
    }

    /// Wakes `wake` as soon as a sentinel reports a change, until the returned value is dropped; `None` if
    /// the deployment has no sentinels.
    pub(super) fn listen(&self, wake: &Arc<Notify>) -> Option<Listening> {
        match self {
            Self::One(_) | Self::Cluster(_) => None,
            Self::Sentinel(sentinel) => Some(sentinel.listen(Arc::clone(wake))),
        }
    }

    /// The layout at this moment. Nodes that are known already may be asked for it.
    pub(super) async fn look(&self, known: &[Arc<Link>]) -> Result<Layout, StoreError> {
        match self {
            Self::One(one) => one.look().await,
            Self::Cluster(cluster) => cluster.look(known).await,
            Self::Sentinel(sentinel) => sentinel.look(known).await,
        }
    }
}

/// The role of a node as it reports it: true for a primary, and the replicas that it feeds.
async fn role(link: &Arc<Link>) -> Result<(bool, Vec<NodeAddress>), StoreError> {
    let answer = link.request(&redis::cmd("ROLE"), "asking for the role").await?;
    let Value::Array(parts) = answer else { return Err(unexpected("asking for the role")) };
    let mut parts = parts.into_iter();
    let role: String = read(parts.next().unwrap_or(Value::Nil), "asking for the role")?;
    if role != "master" {
        return Ok((false, Vec::new()));
    }
    let replicas: Vec<(String, String, String)> =
        read(parts.nth(1).unwrap_or(Value::Array(Vec::new())), "asking for the role")?;
    let replicas = replicas.into_iter();
    Ok((true, replicas.filter_map(|(ip, port, _)| Some(NodeAddress::new(ip, port.parse().ok()?))).collect()))
}

fn read<T: FromRedisValue>(value: Value, doing: &str) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|_| unexpected(doing))
}

fn unexpected(doing: &str) -> StoreError {
    StoreError::new(ErrorKind::Malformed, format!("{doing}: the answer is not what Redis answers"))
}

/// The host and port in a URL.
fn address_of(url: &SecretUrl) -> Result<NodeAddress, StoreError> {
    use redis::IntoConnectionInfo as _;
    let info = url.expose().into_connection_info();
    let info = info.map_err(|error| super::errors::store_error(&error, "reading the address", url))?;
    match info.addr() {
        redis::ConnectionAddr::Tcp(host, port) | redis::ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(NodeAddress::new(host.clone(), *port))
        }
        _ => Err(StoreError::new(ErrorKind::Other, format!("{url} names no host and port"))),
    }
}
