//! Discovery of the nodes and their roles, with one file for each kind of deployment.

mod answers;
mod cluster;
mod one;
mod sentinel;
mod switches;

use std::sync::Arc;

use tokio::sync::Notify;

pub(super) use self::sentinel::refused_by_node;
pub(super) use self::switches::Listening;

use super::layout::{Layout, NodeAddress};
use super::link::Link;
use super::options::{DeploymentKind, RedisOptions};
use crate::store::{ErrorKind, StoreError};

/// Finds out the layout of a deployment.
pub(super) enum Scout {
    One(one::One),
    Cluster(cluster::Cluster),
    Sentinel(Box<sentinel::Sentinel>),
}

/// The nodes on which a rehearsal is worth while: every primary, or the node that was named where it does not say which
/// there are (`None`).
pub(super) async fn to_rehearse_on(options: &RedisOptions) -> Result<Vec<Option<NodeAddress>>, StoreError> {
    let scout = Scout::new(options)?;
    if let Scout::Sentinel(sentinel) = &scout {
        return Ok(sentinel.named().await?.into_iter().map(Some).collect());
    }
    match scout.look(&[]).await {
        Ok(layout) => Ok(layout.shards.into_iter().map(|shard| shard.primary).collect()),
        // It says what else it refuses.
        Err(error) if error.kind == ErrorKind::Denied => Ok(vec![None]),
        Err(error) => Err(error),
    }
}

impl Scout {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StoreError> {
        Ok(match &options.kind {
            DeploymentKind::One => Self::One(one::One::new(options)?),
            DeploymentKind::Cluster { seeds } => Self::Cluster(cluster::Cluster::new(options, seeds)?),
            DeploymentKind::Sentinel { sentinels, masters, sharding } => {
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

    /// Why a shard has no primary, as far as that is known.
    pub(super) fn why_no_primary(&self, shard: &str) -> Option<String> {
        match self {
            Self::One(_) | Self::Cluster(_) => None,
            Self::Sentinel(sentinel) => sentinel.unconfirmed(shard),
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
