//! Finds out which nodes there are and what each is for: one file for each kind of deployment.

mod answers;
mod cluster;
mod one;
mod sentinel;
mod switches;

use std::sync::Arc;

use tokio::sync::Notify;

pub(super) use self::switches::Listening;

use super::layout::Layout;
use super::link::Link;
use super::options::{Kind, RedisOptions};
use crate::store::StoreError;

/// Looks at a deployment.
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

    /// Whether there is anything to be seen that may be otherwise later.
    pub(super) fn can_change(&self) -> bool {
        match self {
            Self::One(one) => one.has_replicas(),
            Self::Cluster(_) | Self::Sentinel(_) => true,
        }
    }

    /// Has whoever looks woken as soon as somebody tells that there is something to be seen, until what this returns
    /// is dropped; `None` where nobody tells.
    pub(super) fn listen(&self, wake: &Arc<Notify>) -> Option<Listening> {
        match self {
            Self::One(_) | Self::Cluster(_) => None,
            Self::Sentinel(sentinel) => Some(sentinel.listen(Arc::clone(wake))),
        }
    }

    /// What there is now. Nodes that are known already may be asked too.
    pub(super) async fn look(&self, known: &[Arc<Link>]) -> Result<Layout, StoreError> {
        match self {
            Self::One(one) => one.look().await,
            Self::Cluster(cluster) => cluster.look(known).await,
            Self::Sentinel(sentinel) => sentinel.look(known).await,
        }
    }
}
