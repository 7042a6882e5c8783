//! Discovery for one primary and the replicas that it feeds.

use std::sync::Arc;

use super::answers::role;
use crate::store::redis::layout::{Layout, NodeAddress, Placement, Shard};
use crate::store::redis::link::{Address, Link};
use crate::store::redis::options::{ReadFrom, RedisOptions};
use crate::store::{ErrorKind, StoreError};

/// The scout for one primary, see the module.
pub(in crate::store::redis) struct One {
    address: NodeAddress,
    /// The connection that is asked for replicas; `None` if they do not matter.
    link: Option<Arc<Link>>,
}

impl One {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StoreError> {
        let matters = options.read_from != ReadFrom::Primary || options.finds_replicas;
        let link = matters.then(|| Address::new(options)).transpose()?;
        let link = link.map(|address| Link::unconnected(Arc::new(address)));
        Ok(Self { address: NodeAddress::of_url(&options.url)?, link })
    }

    pub(super) fn has_replicas(&self) -> bool {
        self.link.is_some()
    }

    pub(super) async fn look(&self) -> Result<Layout, StoreError> {
        let mut replicas = Vec::new();
        if let Some(link) = &self.link {
            link.connected().await?;
            let (is_primary, of_primary) = role(link).await?;
            if !is_primary {
                let at = &self.address;
                let error = format!("the Redis at {at} is a replica; give the address of its primary");
                return Err(StoreError::new(ErrorKind::ReadOnly, error));
            }
            replicas = of_primary;
            // They are sorted, so that a different order in the answer is not a different layout.
            replicas.sort();
        }
        let shard = Shard { name: "shard0".into(), primary: Some(self.address.clone()), replicas };
        Ok(Layout { shards: vec![shard], placement: Placement::One })
    }
}
