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
    /// What it is.
    pub nature: Nature,
    /// Its settings, besides those that every fault has.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings.
    pub read: fn(&Reader<'_>) -> FaultSpec,
}

/// Generates, from one row a kind, the registry and the enum in which kinds of fault meet.
macro_rules! faults {
    ($( $name:literal => $variant:ident, $module:ident; )+) => {
        /// Every kind of fault there is.
        pub const REGISTRY: &[FaultRow] = &[ $( FaultRow {
            name: $name,
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
    "stop-cache" => StopCache, stop_cache;
    "stop-database" => StopDatabase, stop_database;
    "flush" => Flush, flush;
    "slow-database" => SlowDatabase, slow_database;
    "crash-application" => CrashApplication, crash_application;
    "kill" => Kill, kill;
    "pause" => Pause, pause;
    "restart" => Restart, restart;
    "failover" => Failover, failover;
    "fill-memory" => FillMemory, fill_memory;
    "slow" => Slow, slow;
    "cut" => Cut, cut;
    "reset" => Reset, reset;
    "throttle" => Throttle, throttle;
    "add-shard" => AddShard, add_shard;
    "remove-shard" => RemoveShard, remove_shard;
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
