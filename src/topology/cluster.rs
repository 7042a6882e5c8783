//! Redis Cluster: primaries that share the hash slots, each with replicas. The cluster itself promotes a replica when
//! its primary has died. It is formed by hotset over the protocol, or is there already.

use std::num::NonZeroU64;
use std::time::Duration;

use super::cache::{CacheDeployment, RedisEndpoint};
use super::forming;
use super::nodes::Nodes;
use super::servers::CacheProgram;
use super::settings::DatabaseKind;
use super::{DeploymentContext, TopologyError, TopologyShape};
use crate::scenario::{Distinct, Positive};
use crate::store::SecretUrl;
use crate::store::redis::{DeploymentKind, ReadFrom};

const fn at_least_one(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

crate::settings! {
    /// The settings of `cluster`.
    pub struct Spec {
        /// nodes of a cluster that is there already, as redis://host:6379; any will do. Left out, hotset starts and forms one
        nodes: Option<Distinct<SecretUrl>> = None,
        /// which program hotset starts: `redis` or `valkey`
        server: CacheProgram = CacheProgram::Redis,
        /// how many primaries hotset starts; a failover needs most of them alive, so three or more
        primaries: NonZeroU64 = at_least_one(3),
        /// how many replicas hotset starts for each primary
        replicas: u64 = 1,
        /// how long a node must be silent until the others think that it has failed (cluster-node-timeout)
        node_timeout: Positive = Positive::seconds(2),
        /// whether all of the cluster refuses to serve while a part of the slots is not served (cluster-require-full-coverage)
        require_full_coverage: bool = false,
        /// which nodes answer reads: `primary`, `replicas` by turns, the `nearest` live one, or `spread` over all live ones
        read_from: ReadFrom = ReadFrom::Primary,
        /// whether faults may be tried on a cluster that is there already
        allow_faults: bool = false,
        /// which database stands behind the cache: `mongodb`, or `embedded` for one file written by this process
        database: DatabaseKind = DatabaseKind::Mongodb,
    }
}

/// The time from the agreement that a primary has failed to a promoted replica: 500 ms, a random 500 ms, a second for
/// each rank of the replica, and the votes (Redis Cluster specification, "Replica election and promotion").
const ELECTION: Duration = Duration::from_secs(2);

impl Spec {
    /// Returns true if the servers are hotset's own.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        self.nodes.is_none()
    }

    /// The servers that are there already.
    #[must_use]
    pub fn addresses(&self) -> Vec<SecretUrl> {
        self.nodes.iter().flat_map(Distinct::all).cloned().collect()
    }

    /// Its parts and abilities.
    #[must_use]
    pub fn shape(&self) -> TopologyShape {
        TopologyShape {
            shards: self.primaries.get(),
            replicas: self.replicas,
            sentinels: 0,
            fails_over: self.replicas > 0,
            reads_replicas: self.read_from != ReadFrom::Primary,
            may_be_disturbed: self.allow_faults,
            speaks_tls: self.nodes.iter().flat_map(Distinct::all).any(SecretUrl::speaks_tls),
            grows: true,
            // The timeouts of servers that are there already are unknown.
            outage_bound: (self.manages_cache_servers() && self.replicas > 0).then(|| {
                (
                    self.node_timeout.0 + self.node_timeout.0 / 2 + ELECTION,
                    "node_timeout, half of it until enough primaries have heard, 2 s for the election, and 1 s until clients look again",
                )
            }),
        }
    }

    /// Starts or finds the servers.
    ///
    /// # Errors
    /// Returns an error that tells what could not be started, formed or reached.
    pub async fn deploy_cache(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
        if let Some(seeds) = &self.nodes {
            let (first, more) = seeds.split_first();
            let kind = DeploymentKind::Cluster { seeds: more.to_vec() };
            let endpoint = RedisEndpoint::new(first, kind, self.read_from, site.run_prefix, site)?;
            return CacheDeployment::redis(endpoint, None).await;
        }
        let nodes = Nodes::new(self.server, &self.configuration(), site).await?;
        let mut shards = Vec::new();
        for shard in 0..self.primaries.get() {
            let name = format!("shard{shard}");
            let primary = nodes.start(&name, &[]).await?;
            let mut replicas = Vec::new();
            for replica in 0..self.replicas {
                replicas.push(nodes.start(&format!("{name}-replica{replica}"), &[]).await?);
            }
            shards.push((primary, replicas));
        }
        forming::cluster(&shards).await?;
        let url = |node: &super::nodes::Node| SecretUrl::new(node.server().url().expose());
        let seeds = shards.iter().skip(1).map(|(primary, _)| url(primary)).collect();
        let kind = DeploymentKind::Cluster { seeds };
        let endpoint = RedisEndpoint::new(&url(&shards[0].0), kind, self.read_from, "", site)?;
        let deployment = CacheDeployment::redis(endpoint, Some(nodes)).await?;
        deployment.limit_to_capacity(site).await?;
        Ok(deployment)
    }

    /// The lines of a node's configuration that make it one of a cluster.
    fn configuration(&self) -> Vec<(&'static str, String)> {
        let coverage = if self.require_full_coverage { "yes" } else { "no" };
        let mut lines = forming::replication();
        lines.extend([
            ("cluster-enabled", "yes".into()),
            ("cluster-config-file", "nodes.conf".into()),
            ("cluster-node-timeout", self.node_timeout.0.as_millis().to_string()),
            ("cluster-require-full-coverage", coverage.into()),
            // A replica that has heard nothing for a while may still become the primary: an old copy is better than
            // none.
            ("cluster-replica-validity-factor", "0".into()),
        ]);
        lines
    }
}
