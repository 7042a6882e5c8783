//! Every kind of fault: a file and a row in `faults!` each.

pub mod add_shard;
pub mod crash_application;
pub mod cut;
pub mod failover;
pub mod fill_memory;
pub mod flush;
pub mod kill;
pub mod pause;
pub mod remove_shard;
pub mod reset;
pub mod restart;
pub mod slow;
pub mod slow_database;
pub mod stop_cache;
pub mod stop_database;
pub mod throttle;

use super::{Course, Effects, Fault, Nature, Surroundings};
use crate::scenario::{Reader, SettingDoc, Settings};
use crate::topology::{Target, TopologyError};

/// A kind of fault, as scenarios name it.
#[derive(Debug)]
pub struct FaultRow {
    /// Its name in a scenario.
    pub name: &'static str,
    /// A line that says what it does.
    pub summary: &'static str,
    /// Where it makes sense, as a line; `Fault::check` holds a scenario to it.
    pub fits: &'static str,
    /// The nature of the kind.
    pub nature: Nature,
    /// Its settings, besides those that every fault has.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings.
    pub read: fn(&Reader<'_>) -> FaultSpec,
}

/// Generates, from one row a kind, the registry and the enum in which kinds of fault meet.
macro_rules! faults {
    ($( $name:literal => $variant:ident, $module:ident, $summary:literal, $fits:literal; )+) => {
        /// Every kind of fault there is.
        pub const REGISTRY: &[FaultRow] = &[ $( FaultRow {
            name: $name,
            summary: $summary,
            fits: $fits,
            nature: <$module::Spec as Fault>::NATURE,
            docs: <$module::Spec as Settings>::docs,
            read: |reader| FaultSpec::$variant(<$module::Spec as Settings>::read(reader)),
        }, )+ ];

        /// A kind of fault with its settings.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum FaultSpec { $( $variant($module::Spec), )+ }

        impl FaultSpec {
            /// Returns its name in a scenario.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )+ }
            }

            /// See [`Fault::NATURE`].
            #[must_use]
            pub fn nature(&self) -> Nature {
                match self { $( Self::$variant(_) => <$module::Spec as Fault>::NATURE, )+ }
            }

            /// See [`Fault::check`].
            ///
            /// # Errors
            /// Says why it makes no sense there.
            pub fn check(&self, target: Target, on: &Surroundings<'_>) -> Result<(), String> {
                match self { $( Self::$variant(spec) => spec.check(target, on), )+ }
            }

            /// See [`Fault::effects`].
            #[must_use]
            pub fn effects(&self, target: Target, on: &Surroundings<'_>) -> Effects {
                match self { $( Self::$variant(spec) => spec.effects(target, on), )+ }
            }

            /// See [`Fault::carry_out`].
            ///
            /// # Errors
            /// Says which server did not do what it was told.
            pub async fn carry_out(&self, course: &mut Course<'_>) -> Result<(), TopologyError> {
                match self { $( Self::$variant(spec) => Box::pin(spec.carry_out(course)).await, )+ }
            }
        }
    };
}

faults! {
    "stop-cache" => StopCache, stop_cache,
        "every cache server is killed (SIGKILL), and started again after `for`",
        "only where hotset starts the servers of the cache";
    "stop-database" => StopDatabase, stop_database,
        "the server of the database is killed (SIGKILL), and started again after `for`",
        "only where hotset starts the server of the database";
    "flush" => Flush, flush,
        "every entry of this run is gone from the cache at once",
        "everywhere";
    "slow-database" => SlowDatabase, slow_database,
        "every call of the database takes `delay` longer, as long as `for` says",
        "everywhere";
    "crash-application" => CrashApplication, crash_application,
        "an instance of the application loses all that it holds in memory, starts again after `for` and takes up what it left behind",
        "everywhere";
    "kill" => Kill, kill,
        "one node of the cache is killed (SIGKILL), and started again after `for` where that is given",
        "only where hotset starts the servers of the cache";
    "pause" => Pause, pause,
        "one node of the cache is frozen (SIGSTOP) and goes on after `for` (SIGCONT): its connections stay open and silent",
        "only where hotset starts the servers of the cache";
    "restart" => Restart, restart,
        "one node of the cache is asked to end (SIGTERM) and started again at once",
        "only where hotset starts the servers of the cache";
    "failover" => Failover, failover,
        "a replica of the shard becomes its primary, by order of Sentinel or the cluster",
        "only where a replica can take over, by cluster, sentinel or `replicas`; on servers of your own only with `allow_faults = true`";
    "fill-memory" => FillMemory, fill_memory,
        "the memory of every primary is filled with other keys, which are removed after `for`",
        "only on a cache server with a limit of memory, as by `cache.capacity`; on servers of your own only with `allow_faults = true`";
    "slow" => Slow, slow,
        "a round trip over the link takes `delay` longer and up to `jitter` more, as long as `for` says",
        "only on a link to a server and without TLS; to servers of your own only with `allow_faults = true`";
    "cut" => Cut, cut,
        "nothing gets through the link as long as `for` says, but connections stay open; what was under way arrives afterwards",
        "only on a link to a server and without TLS; to servers of your own only with `allow_faults = true`";
    "reset" => Reset, reset,
        "every connection over the link is reset at once",
        "only on a link to a server and without TLS; to servers of your own only with `allow_faults = true`";
    "throttle" => Throttle, throttle,
        "no more than `rate` a second gets through the link in each direction, as long as `for` says",
        "only on a link to a server and without TLS; to servers of your own only with `allow_faults = true`";
    "add-shard" => AddShard, add_shard,
        "a cluster gets one more primary and its share of the slots, while the load runs",
        "only on a cluster that hotset starts, and without `cache.wait_replicas`";
    "remove-shard" => RemoveShard, remove_shard,
        "the slots of the shard are moved to the others and it is taken out, while the load runs",
        "only on a cluster that hotset starts, of two shards or more";
}

#[cfg(test)]
mod tests {
    use super::REGISTRY;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_no_setting_that_every_fault_has() {
        let names: BTreeSet<&str> = REGISTRY.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), REGISTRY.len());
        for row in REGISTRY {
            for setting in (row.docs)() {
                assert!(
                    !["at", "kind", "for", "target"].contains(&setting.key),
                    "{} {}",
                    row.name,
                    setting.key
                );
            }
        }
    }
}
