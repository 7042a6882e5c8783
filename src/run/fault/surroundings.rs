//! What faults are tried on, and the questions that several kinds ask of it.

use crate::topology::settings::{CacheSettings, DatabaseKind, DatabaseSettings};
use crate::topology::{Target, TopologyShape, TopologySpec};

/// The surroundings of a fault: what there is to be broken, as far as settings say.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The topology that is deployed.
    pub topology: &'a TopologySpec,
    /// True if the strategy asks a cache.
    pub uses_cache: bool,
    /// `[cache]`.
    pub cache: &'a CacheSettings,
    /// `[database]`.
    pub database: &'a DatabaseSettings,
}

impl Surroundings<'_> {
    /// Returns what there is of the topology.
    #[must_use]
    pub fn shape(&self) -> TopologyShape {
        self.topology.shape()
    }

    /// Returns true if the cache has all that it acknowledged when it is killed and has started again.
    #[must_use]
    pub fn cache_survives_kill(&self) -> bool {
        self.topology.cache_survives_kill(self.cache)
    }

    /// Checks that the cache is a server.
    ///
    /// # Errors
    /// Says that it is inside this process.
    pub fn has_cache_server(&self) -> Result<(), String> {
        if self.shape().shards == 0 {
            return Err("the cache is inside this process: there is no server to break".into());
        }
        Ok(())
    }

    /// Checks that the cache is a server whose process hotset may signal.
    ///
    /// # Errors
    /// Says that there is none.
    pub fn has_cache_process(&self) -> Result<(), String> {
        self.has_cache_server()?;
        if !self.topology.manages_cache_servers() {
            return Err("hotset kills and pauses only servers that it started, and here there is none".into());
        }
        Ok(())
    }

    /// Checks that the scenario lets hotset disturb the cache.
    ///
    /// # Errors
    /// Says that it is somebody else's, and what would allow it.
    pub fn may_disturb_cache(&self) -> Result<(), String> {
        if !self.topology.manages_cache_servers() && !self.shape().may_be_disturbed {
            return Err(
                "its servers are not hotset's own: say allow_faults = true in the topology where that is wanted"
                    .into(),
            );
        }
        Ok(())
    }

    /// Checks that shards can be added and removed.
    ///
    /// # Errors
    /// Says what could.
    pub fn moves_slots(&self) -> Result<(), String> {
        if self.shape().grows {
            return Ok(());
        }
        Err("only a cluster moves keys between shards while it serves".into())
    }

    /// Checks that a node of the cache is there.
    ///
    /// # Errors
    /// Says which nodes are.
    pub fn has_node(&self, target: Target) -> Result<(), String> {
        // What servers that are there already consist of is known once they are asked.
        if !self.topology.manages_cache_servers() {
            return Ok(());
        }
        missing(target, &self.shape()).map_or(Ok(()), Err)
    }

    /// Checks that the database is a server that hotset starts.
    ///
    /// # Errors
    /// Says that there is none.
    pub fn has_database_process(&self) -> Result<(), String> {
        if self.topology.database() == DatabaseKind::Mongodb && self.database.url.is_none() {
            return Ok(());
        }
        Err("hotset stops only database servers that it started, and here there is none".into())
    }
}

/// Returns a sentence that there is no such node, where there is none.
fn missing(target: Target, shape: &TopologyShape) -> Option<String> {
    let of = |what: &str, number: u64, there_are: u64| {
        let last = there_are.checked_sub(1);
        let there = last.map_or_else(|| "none".to_owned(), |last| format!("{what}0 to {what}{last}"));
        (number >= there_are).then(|| format!("there is no {}; there is {there}", target.name()))
    };
    match target {
        Target::Shard(shard) => of("shard", shard, shape.shards),
        Target::Replica { shard, replica } => of("shard", shard, shape.shards)
            .or_else(|| of(&format!("shard{shard}-replica"), replica, shape.replicas)),
        Target::Sentinel(number) => of("sentinel", number, shape.sentinels),
        Target::Instance(_) | Target::Cache | Target::Database => None,
    }
}
