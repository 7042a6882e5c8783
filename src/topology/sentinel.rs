//! Shards of Redis that Sentinel monitors: each is a primary with replicas, and sentinels promote a replica when the
//! primary has died. The client spreads the keys over the shards.

use std::num::NonZeroU64;
use std::time::Duration;

use redis::cmd;

use super::cache::{CacheDeployment, RedisEndpoint};
use super::forming::{self, millis, until};
use super::nodes::Nodes;
use super::servers::CacheProgram;
use super::settings::DatabaseKind;
use super::settings::UserUrl;
use super::{DeploymentContext, TopologyError, TopologyShape};
use crate::scenario::{Distinct, Positive};
use crate::store::SecretUrl;
use crate::store::redis::{DeploymentKind, ReadFrom, Sharding};

const fn at_least_one(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

crate::settings! {
    /// The settings of `sentinel`.
    pub struct Spec {
        /// sentinels that are there already, as redis://host:26379, with their own password where they have one; left out, hotset starts everything
        sentinels: Option<Distinct<SecretUrl>> = None,
        /// the names that sentinels know the shards by, in the order of the shards; left out, shard0, shard1 and so on
        masters: Option<Distinct<String>> = None,
        /// user and password of the shards' nodes that are there already, as in redis://user:${NAME}@; left out, they want none
        node: Option<UserUrl> = None,
        /// which program hotset starts: `redis` or `valkey`
        server: CacheProgram = CacheProgram::Redis,
        /// how many shards
        shards: NonZeroU64 = at_least_one(3),
        /// how many replicas hotset starts for each shard
        replicas: NonZeroU64 = at_least_one(1),
        /// how many sentinels hotset starts; most of them must agree, so an odd number
        sentinel_count: NonZeroU64 = at_least_one(3),
        /// how long a primary must be silent until a sentinel calls it down
        down_after: Positive = Positive::seconds(2),
        /// Sentinel's failover-timeout: a failed attempt waits twice as long
        failover_timeout: Positive = Positive::seconds(5),
        /// how keys are spread over the shards: `rendezvous`, or `modulo` (control: one more shard moves nearly every key)
        sharding: Sharding = Sharding::Rendezvous,
        /// which nodes answer reads: `primary`, `replicas` by turns, the `nearest` live one, or `spread` over all live ones
        read_from: ReadFrom = ReadFrom::Primary,
        /// whether faults may be tried on servers that are there already
        allow_faults: bool = false,
        /// which database stands behind the cache: `mongodb`, or `embedded` for one file written by this process
        database: DatabaseKind = DatabaseKind::Mongodb,
    }
}

/// The time from the agreement that a primary is down to a promoted replica: the election of a leader among the
/// sentinels, which begins within a second, and the replica's answer, which is polled once a second.
const ELECTION_AND_PROMOTION: Duration = Duration::from_secs(3);

impl Spec {
    /// Returns true if the servers are hotset's own.
    #[must_use]
    pub fn manages_cache_servers(&self) -> bool {
        self.sentinels.is_none()
    }

    /// The servers that are there already.
    #[must_use]
    pub fn addresses(&self) -> Vec<SecretUrl> {
        self.sentinels.iter().flat_map(Distinct::all).cloned().collect()
    }

    /// Its parts and abilities.
    #[must_use]
    pub fn shape(&self) -> TopologyShape {
        TopologyShape {
            shards: self.masters().len() as u64,
            replicas: self.replicas.get(),
            sentinels: self.sentinel_count.get(),
            fails_over: true,
            reads_replicas: self.read_from != ReadFrom::Primary,
            may_be_disturbed: self.allow_faults,
            speaks_tls: self.sentinels.iter().flat_map(Distinct::all).chain(self.node.as_ref().map(|node| &node.0)).any(SecretUrl::speaks_tls),
            grows: false,
            // The timeouts of servers that are there already are unknown.
            outage_bound: self.manages_cache_servers().then(|| {
                (
                    self.down_after.0 + ELECTION_AND_PROMOTION,
                    "down_after, up to 3 s for the sentinels' election and the promotion, and 1 s until clients look again",
                )
            }),
        }
    }

    fn masters(&self) -> Vec<String> {
        match &self.masters {
            Some(masters) => masters.all().to_vec(),
            None => (0..self.shards.get()).map(|number| format!("shard{number}")).collect(),
        }
    }

    /// Starts or finds the servers.
    ///
    /// # Errors
    /// Returns an error that tells what could not be started or reached, or which name no sentinel knows.
    pub async fn deploy_cache(&self, site: &DeploymentContext<'_>) -> Result<CacheDeployment, TopologyError> {
        let masters = self.masters();
        if let Some(sentinels) = &self.sentinels {
            let (first, _) = sentinels.split_first();
            let node = self.node.clone().map_or_else(|| SecretUrl::new("redis://127.0.0.1/"), |node| node.0);
            let kind = DeploymentKind::Sentinel {
                sentinels: sentinels.all().to_vec(),
                masters,
                sharding: self.sharding,
            };
            let endpoint = RedisEndpoint::new(&node, kind, self.read_from, site.run_prefix, site)?;
            return CacheDeployment::redis(endpoint, None).await.map_err(|error| match error {
                TopologyError::Store { doing, source } => TopologyError::Store {
                    doing: format!("{doing} by way of the sentinels ({first} …)"),
                    source,
                },
                other => other,
            });
        }
        let nodes = Nodes::new(self.server, &forming::replication(), site).await?;
        let mut primaries = Vec::new();
        for name in &masters {
            primaries.push(forming::shard(&nodes, name, self.replicas.get()).await?);
        }
        let watched: Vec<_> =
            masters.iter().cloned().zip(primaries.iter().map(|node| node.server().port())).collect();
        let sentinels = start_sentinels(&nodes, self, &watched).await?;
        let node = SecretUrl::new(primaries[0].server().url().expose());
        let kind = DeploymentKind::Sentinel { sentinels, masters, sharding: self.sharding };
        let endpoint = RedisEndpoint::new(&node, kind, self.read_from, "", site)?;
        let deployment = CacheDeployment::redis(endpoint, Some(nodes)).await?;
        deployment.limit_to_capacity(site).await?;
        Ok(deployment)
    }
}

/// Starts sentinels, has them monitor the shards, and waits until they know each other and every replica.
///
/// # Errors
/// Returns an error that tells which of them did not start or find the others.
async fn start_sentinels(
    nodes: &Nodes,
    spec: &Spec,
    watched: &[(String, u16)],
) -> Result<Vec<SecretUrl>, TopologyError> {
    let count = spec.sentinel_count.get();
    let quorum = count / 2 + 1;
    let mut sentinels = Vec::new();
    for number in 0..count {
        let sentinel = nodes.start_sentinel(&format!("sentinel{number}")).await?;
        let admin = sentinel.admin().await?;
        let doing = || TopologyError::store(format!("telling {} what to look after", sentinel.name()));
        for (name, port) in watched {
            let mut monitor = cmd("SENTINEL");
            monitor.arg("MONITOR").arg(name).arg("127.0.0.1").arg(*port).arg(quorum);
            admin.ask::<()>(&monitor, "asking a sentinel").await.map_err(doing())?;
            let password = nodes.password().expose();
            let mut set = cmd("SENTINEL");
            set.arg("SET").arg(name).arg("auth-pass").arg(password);
            set.arg("down-after-milliseconds").arg(millis(spec.down_after.0));
            set.arg("failover-timeout").arg(millis(spec.failover_timeout.0));
            set.arg("parallel-syncs").arg(1);
            admin.ask::<()>(&set, "asking a sentinel").await.map_err(doing())?;
        }
        sentinels.push((sentinel, admin));
    }
    for (sentinel, admin) in &sentinels {
        for (name, _) in watched {
            let what = format!("{} to find the others that look after {name}", sentinel.name());
            until(&what, async || {
                let mut ask = cmd("SENTINEL");
                ask.arg("MASTER").arg(name);
                let known: std::collections::HashMap<String, String> =
                    admin.ask(&ask, "asking a sentinel").await?;
                let number = |field: &str| known.get(field).and_then(|text| text.parse::<u64>().ok());
                Ok(number("num-other-sentinels") == Some(count - 1)
                    && number("num-slaves") == Some(spec.replicas.get()))
            })
            .await?;
        }
    }
    Ok(sentinels.iter().map(|(sentinel, _)| SecretUrl::new(sentinel.server().url().expose())).collect())
}
