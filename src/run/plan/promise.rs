//! What a strategy promises in a cell: its own promise, and what the topology and the faults take from it.

use std::time::Duration;

use super::cell::Cell;
use crate::application::Served;
use crate::results::HeldIn;
use crate::run::fault::{Effects, ScheduledFault, Surroundings, Target};
use crate::store::mongodb::{ReadPreference, WriteConcern};
use crate::strategy::source::{Keyspace, TAGS, TimesToLive};
use crate::strategy::{Circumstances, Guarantee, Loss, Staleness, StrategySpec};
use crate::topology::TopologySpec;
use crate::topology::servers::{EvictionPolicy, Persistence};
use crate::topology::settings::CacheSettings;

impl Cell {
    /// The strategy of a kind of entity.
    #[must_use]
    pub fn strategy_of(&self, entity: usize) -> &StrategySpec {
        self.scenario.application.strategy(entity, &self.strategy.spec)
    }

    /// Returns true if it asks a cache.
    #[must_use]
    pub fn uses_cache(&self) -> bool {
        self.scenario.application.uses_cache(&self.strategy.spec)
    }

    /// Returns true if something is acknowledged before the database has it.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.scenario.application.holds_back(&self.strategy.spec)
    }

    /// Returns true if all instances see the same backlog.
    #[must_use]
    pub fn shares_backlog(&self) -> bool {
        let mut backlogs = self
            .scenario
            .application
            .in_use(&self.strategy.spec)
            .map(|(_, spec)| spec.promise())
            .filter(|promise| promise.needs().no_eviction_of_dirty)
            .peekable();
        backlogs.peek().is_some() && backlogs.all(crate::strategy::guarantee::Promise::shares_backlog)
    }

    /// Where acknowledged writes wait that are durable nowhere; `None` where the database, or the cache's disk, has each
    /// before it is acknowledged.
    #[must_use]
    pub fn at_risk_in(&self) -> Option<HeldIn> {
        let mut holders = self
            .scenario
            .application
            .in_use(&self.strategy.spec)
            .filter_map(|(_, spec)| self.held_in(spec))
            .peekable();
        holders.peek()?;
        // Where some wait in instances and some in the cache, the crash that happens more often is named.
        let in_instances = holders.any(|held| held == HeldIn::Instances);
        Some(if in_instances { HeldIn::Instances } else { HeldIn::Cache })
    }

    fn held_in(&self, spec: &StrategySpec) -> Option<HeldIn> {
        let promise = spec.promise();
        if !promise.needs().no_eviction_of_dirty {
            return None;
        }
        if !promise.shares_backlog() {
            return Some(HeldIn::Instances);
        }
        // What somebody else's cache writes to its disk is not known.
        let on_a_disk = self.topology.spec.manages_cache_servers()
            && self.scenario.cache.persistence == Persistence::AofAlways;
        (!on_a_disk).then_some(HeldIn::Cache)
    }

    /// The promise for a kind of entity in words. What a strategy promises while nothing crashes is no promise that nothing
    /// is lost when something does, so it says which crash would lose what.
    #[must_use]
    pub fn promised_of(&self, entity: usize) -> String {
        let guarantee = self.guarantee_of(entity);
        let words = guarantee.to_string();
        match self.held_in(self.strategy_of(entity)) {
            Some(held_in) if guarantee.loss == Loss::Nothing => {
                words + &format!(" unless {}", crash(held_in))
            }
            Some(_) | None => words,
        }
    }

    /// Returns the keyspace of each kind of entity.
    #[must_use]
    pub fn kinds(&self) -> Vec<Keyspace> {
        (0..self.scenario.application.spec.entities().len()).map(|entity| self.kind(entity)).collect()
    }

    /// Returns the keyspace of a kind of entity.
    #[must_use]
    pub fn kind(&self, entity: usize) -> Keyspace {
        // What is beside the entries must be on their servers.
        let together = self.topology.spec.is_sharded() && self.strategy_of(entity).promise().shares_backlog();
        Keyspace {
            key_prefix: self.scenario.application.spec.key_prefix(entity).into(),
            ttl: self.ttl(entity),
            tags: if together { TAGS } else { 0 },
        }
    }

    /// The times to live of a kind of entity.
    fn ttl(&self, entity: usize) -> TimesToLive {
        let own = self.scenario.application.spec.ttl(entity);
        own.map_or_else(|| self.scenario.ttl.clone(), |own| Some(own).into())
    }

    /// Returns the guarantee of each kind of entity.
    #[must_use]
    pub fn guarantees(&self) -> Vec<Guarantee> {
        let entities = self.scenario.application.spec.entities();
        (0..entities.len()).map(|entity| self.guarantee_of(entity)).collect()
    }

    /// Returns the guarantee of a kind of entity here.
    #[must_use]
    pub fn guarantee_of(&self, entity: usize) -> Guarantee {
        let scenario = &self.scenario;
        let topology = &self.topology.spec;
        let kind = &scenario.application.spec.entities()[entity];
        let spec = self.strategy_of(entity);
        let in_the_cache = kind.served == Served::InTheCache;
        let surroundings = self.surroundings();
        let effects =
            self.visible_faults().map(|fault| fault.effects(&surroundings)).fold(Effects::NONE, Effects::or);
        let ttl = self.ttl(entity).longest();
        let longest_load = self.longest_load(entity);
        let circumstances = Circumstances {
            undisturbed: self.visible_faults().next().is_none(),
            application_crashes: effects.instance_crashes,
            cache_loses_entries: effects.cache_loses_entries,
            ttl,
            longest_load,
            // A full memory is an error like any other to whoever passes the cache by on errors.
            cache_out_of_reach: effects.cache_out_of_reach || refuses_when_full(topology, &scenario.cache),
        };
        let mut guarantee = if in_the_cache {
            in_the_cache_itself(&circumstances)
        } else {
            spec.promise().guarantee(&circumstances)
        };
        if in_the_cache || spec.uses_cache() {
            let fails_over = topology.shape().fails_over
                && self.visible_faults().any(|fault| fault.nature().may_move_primary);
            if topology.shape().reads_replicas || fails_over {
                // A replica has what its primary had a moment ago; and what a failover leaves behind, an invalidation
                // say, is gone with it.
                let converges = guarantee.converges && !fails_over;
                guarantee = guarantee.weakened_to(ttl.map(|ttl| ttl + longest_load));
                guarantee.converges = converges;
            }
            if fails_over && !in_the_cache && spec.promise().needs().no_eviction_of_dirty {
                // An old dirty entry that a failover brings back has no time to live.
                let loss = guarantee.loss.clone().and_cache_persistence();
                guarantee = Guarantee { loss, ..guarantee.weakened_to(None) };
            }
        }
        if let Some(made_of) = kind.made_of {
            let writer = self.strategy_of(made_of).promise();
            if writer.needs().no_eviction_of_dirty {
                // What is made of others shows their writes once the database has them.
                let delay = writer.write_delay(&circumstances);
                guarantee = guarantee.weakened_to(delay.map(|delay| delay + longest_load));
            }
        }
        if scenario.database.read_preference != ReadPreference::Primary && !in_the_cache {
            // What is read from a node that is behind may be old before it is cached.
            guarantee = guarantee.weakened_to(ttl.map(|ttl| ttl + longest_load));
        }
        let keeps_writes = scenario.database.write_concern != WriteConcern::W1;
        if keeps_writes || guarantee.loss != Loss::Nothing || !effects.database_loses_unjournaled {
            return guarantee;
        }
        // Whoever relies on the database relies on what it means by acknowledged.
        Guarantee { staleness: Staleness::UntilEvicted, loss: Loss::DatabaseJournal, converges: false }
    }

    /// Returns the surroundings that faults are tried on here.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            topology: &self.topology.spec,
            uses_cache: self.uses_cache(),
            cache: &self.scenario.cache,
            database: &self.scenario.database,
        }
    }

    /// The faults that show in the data: not those of a sentinel, nor of a replica that answers no reads.
    fn visible_faults(&self) -> impl Iterator<Item = &ScheduledFault> {
        let reads_replicas = self.topology.spec.shape().reads_replicas;
        self.scenario.faults.iter().filter(move |fault| match fault.target {
            Target::Sentinel(_) => false,
            Target::Replica { .. } => reads_replicas,
            Target::Instance(_) | Target::Shard(_) | Target::Cache | Target::Database => true,
        })
    }

    /// The longest that one load of a kind of entity may take: behind a service it may first wait for one that is under way.
    fn longest_load(&self, entity: usize) -> Duration {
        let call = self.longest_call();
        self.scenario.application.spec.service_latency(entity).map_or(call, |latency| (call + latency) * 2)
    }

    /// The longest that one call of the database may take.
    fn longest_call(&self) -> Duration {
        let scenario = &self.scenario;
        let surroundings = self.surroundings();
        let slow = scenario.faults.iter().map(|fault| fault.effects(&surroundings).longer_calls);
        scenario.database.timeout.0
            + scenario.network.database_rtt
            + scenario.network.database_jitter
            + slow.max().unwrap_or_default()
    }
}

/// The crash that loses what waits here.
fn crash(held_in: HeldIn) -> &'static str {
    match held_in {
        HeldIn::Instances => "an instance crashes: what waits is in its memory",
        HeldIn::Cache => "the cache loses its data: what waits is there",
    }
}

/// Returns true if a full cache refuses what is to be put there, and keeps what it has.
fn refuses_when_full(topology: &TopologySpec, cache: &CacheSettings) -> bool {
    topology.manages_cache_servers()
        && cache.capacity.is_some()
        && cache.eviction == EvictionPolicy::NoEviction
}

/// Returns the guarantee of what lives in the cache and nowhere else: what the cache loses is lost.
fn in_the_cache_itself(circumstances: &Circumstances) -> Guarantee {
    let loss = if circumstances.cache_loses_entries { Loss::CachePersistence } else { Loss::Nothing };
    Guarantee { loss, ..Guarantee::SOUND }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    const TTL: Duration = Duration::from_mins(1);

    fn guarantee(strategy: &str, topology: &str, more: &str) -> Guarantee {
        let text = format!(
            "strategies = [{strategy}]\ntopologies = [{topology}]\n[cache]\nttl = \"1m\"\n{more}\n[run]\nduration = \"30s\"\n"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        plan.cells[0].guarantee_of(0)
    }

    fn fault(kind: &str, target: &str) -> String {
        format!("[[fault]]\nat = \"1s\"\nkind = \"{kind}\"\ntarget = \"{target}\"\n")
    }

    const ASIDE: &str = "\"cache-aside\"";
    const LOAD: Duration = Duration::from_secs(5);

    #[test]
    fn reads_from_replicas_and_failovers_leave_what_the_ttl_bounds() {
        let bounded = Staleness::Within(TTL + LOAD);
        assert_eq!(guarantee(ASIDE, "\"cluster\"", ""), Guarantee::SOUND);
        let replicas = guarantee(ASIDE, "{ name = \"cluster\", read_from = \"replicas\" }", "");
        assert_eq!((&replicas.staleness, replicas.converges), (&bounded, true));
        for topology in ["\"cluster\"", "\"sentinel\""] {
            let failed_over = guarantee(ASIDE, topology, &fault("failover", "shard0"));
            assert_eq!((&failed_over.staleness, failed_over.converges), (&bounded, false));
            assert_eq!(failed_over.loss, Loss::Nothing);
        }
    }

    #[test]
    fn what_is_written_to_the_cache_first_may_be_lost_in_a_failover_and_an_old_dirty_entry_stays() {
        let behind = guarantee("\"cache-behind\"", "\"sentinel\"", &fault("failover", "shard0"));
        assert_eq!((behind.staleness, behind.loss), (Staleness::UntilEvicted, Loss::CachePersistence));
        // What waits in the memory of an instance is lost with it, whatever the cache keeps.
        let crash = "[[fault]]\nat = \"1s\"\nkind = \"crash-application\"\ntarget = 1\nfor = \"1s\"\n";
        let both = format!("{}{crash}", fault("failover", "shard0"));
        let in_memory = guarantee("\"write-behind\"", "\"sentinel\"", &both);
        assert_eq!(in_memory.loss, Loss::CachePersistenceAndBacklog { most: 10_000 });
        assert_eq!(guarantee("\"write-behind\"", "\"sentinel\"", crash).loss, Loss::Backlog { most: 10_000 });
    }

    #[test]
    fn a_fault_that_nobody_feels_takes_nothing_from_a_promise() {
        for target in ["sentinel0", "shard0-replica0"] {
            assert_eq!(
                guarantee(ASIDE, "\"sentinel\"", &fault("kill", target)),
                Guarantee::SOUND,
                "{target}"
            );
        }
    }

    #[test]
    fn a_copy_of_what_may_be_old_is_as_old_as_both_together() {
        let near = guarantee("\"near-cache\"", "\"cluster\"", &fault("failover", "shard0"));
        // Ten seconds near, and a load each.
        assert_eq!(near.staleness, Staleness::Within(TTL + LOAD + Duration::from_secs(10) + LOAD));
    }

    #[test]
    fn a_near_copy_is_no_older_than_the_entry_that_it_was_made_of_can_be() {
        let near = |more: &str| guarantee(&format!("{{ name = \"near-cache\", {more} }}"), "\"single\"", "");
        let within = |bound| Staleness::Within(bound);
        assert_eq!(near("near_ttl = \"10s\"").staleness, within(Duration::from_secs(10) + LOAD));
        assert_eq!(near("near_ttl = \"10m\"").staleness, within(TTL));
        let cut = "[[fault]]\nat = \"1s\"\nkind = \"cut\"\nfor = \"1s\"\n";
        let bypass = "{ name = \"near-cache\", on_cache_error = \"bypass\" }";
        assert_eq!(guarantee(bypass, "\"single\"", cut).staleness, within(TTL));
    }

    #[test]
    fn whoever_passes_a_cache_by_that_cannot_be_reached_or_is_full_promises_what_the_ttl_bounds() {
        let bypass = "{ name = \"cache-aside\", on_cache_error = \"bypass\" }";
        let full = "capacity = 10000\neviction = \"noeviction\"";
        let cut = "[[fault]]\nat = \"1s\"\nkind = \"cut\"\nfor = \"1s\"\n";
        for more in [full, cut] {
            assert_eq!(guarantee(bypass, "\"single\"", more).staleness, Staleness::Within(TTL), "{more}");
            assert_eq!(guarantee(ASIDE, "\"single\"", more), Guarantee::SOUND, "{more}");
        }
    }
}
