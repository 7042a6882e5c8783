//! One Redis server, with replicas if wanted: started by hotset on free ports of the loopback, or there already.

use super::cache::{CacheDeployment, RedisEndpoint};
use super::forming;
use super::nodes::Nodes;
use super::servers::CacheProgram;
use super::settings::DatabaseKind;
use super::{DeploymentContext, TopologyError, TopologyShape};
use crate::store::SecretUrl;
use crate::store::redis::{DeploymentKind, ReadFrom};

crate::settings! {
    /// The settings of `single`.
    pub struct Spec {
        /// a Redis (7.0 or newer) or Valkey that is there already; hotset writes only keys under a prefix of its own there. Left out, hotset starts one
        url: Option<SecretUrl> = None,
        /// which program hotset starts: `redis` or `valkey`
        server: CacheProgram = CacheProgram::Redis,
        /// how many replicas hotset starts beside it
        replicas: u64 = 0,
        /// which nodes answer reads: `primary`, `replicas` by turns, the `nearest` live one, or `spread` over all live ones
        read_from: ReadFrom = ReadFrom::Primary,
        /// whether faults may be tried on a Redis that is there already
        allow_faults: bool = false,
        /// which database stands behind the cache: `mongodb`, or `embedded` for one file written by this process
        database: DatabaseKind = DatabaseKind::Mongodb,
    }
}

impl Spec {
    /// Returns true if the server is hotset's own.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        self.url.is_none()
    }

    /// The servers that are there already.
    #[must_use]
    pub fn addresses(&self) -> Vec<SecretUrl> {
        self.url.iter().cloned().collect()
    }

    /// Its parts and abilities.
    #[must_use]
    pub fn shape(&self) -> TopologyShape {
        TopologyShape {
            shards: 1,
            replicas: self.replicas,
            sentinels: 0,
            fails_over: false,
            reads_replicas: self.read_from != ReadFrom::Primary,
            may_be_disturbed: self.allow_faults,
            speaks_tls: self.url.as_ref().is_some_and(SecretUrl::speaks_tls),
            grows: false,
            outage_bound: None,
        }
    }

    /// Starts or finds the server.
    ///
    /// # Errors
    /// Returns an error that tells what could not be started or reached.
    pub async fn deploy_cache(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
        let Some(url) = &self.url else { return self.start(site).await };
        let endpoint = RedisEndpoint::new(url, DeploymentKind::One, self.read_from, site.run_prefix, site)?;
        CacheDeployment::redis(endpoint, None).await
    }

    async fn start(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
        let nodes = Nodes::new(self.server, &forming::replication(), site).await?;
        let primary = forming::shard(&nodes, "shard0", self.replicas).await?;
        let url = SecretUrl::new(primary.server().url().expose());
        let endpoint = RedisEndpoint::new(&url, DeploymentKind::One, self.read_from, "", site)?;
        let deployment = CacheDeployment::redis(endpoint, Some(nodes)).await?;
        deployment.limit_to_capacity(site).await?;
        Ok(deployment)
    }
}
