//! Faults as scenarios write them, and what they are tried on, for the tests of this room.

use std::num::NonZeroU64;

use super::{Effects, ScheduledFault, Surroundings};
use crate::scenario::{Mistakes, Reader, Settings, Table};
use crate::topology::settings::{CacheSettings, DatabaseSettings};
use crate::topology::{TopologySpec, cluster, embedded, sentinel, single};

/// Reads the table of one fault in a cell of two instances, and every mistake with its remedy.
pub fn read(table: &str) -> (ScheduledFault, Vec<String>) {
    let mistakes = Mistakes::default();
    let parsed = Table::parse(table, &mistakes);
    let reader = Reader::new(&parsed, "", &mistakes);
    let fault = ScheduledFault::read(&reader, NonZeroU64::new(2).unwrap());
    reader.finish();
    let said = mistakes.into_sorted().into_iter();
    let said = said.map(|one| format!("{}: {}; {}", one.key, one.message, one.help.unwrap_or_default()));
    (fault, said.collect())
}

/// Reads the table of one fault in which nothing is wrong.
pub fn fault(table: &str) -> ScheduledFault {
    let (fault, mistakes) = read(table);
    assert_eq!(mistakes, Vec::<String>::new(), "{table}");
    fault
}

/// A cell, as far as faults depend on it.
pub struct Ground {
    pub topology: TopologySpec,
    pub uses_cache: bool,
    pub cache: CacheSettings,
    pub database: DatabaseSettings,
}

impl Ground {
    /// A strategy with a cache on a topology whose settings are those of a table.
    pub fn new(topology: &str, settings: &str) -> Self {
        let mistakes = Mistakes::default();
        let parsed = Table::parse(settings, &mistakes);
        let reader = Reader::new(&parsed, "", &mistakes);
        let topology = match topology {
            "embedded" => TopologySpec::Embedded(embedded::Spec::read(&reader)),
            "single" => TopologySpec::Single(single::Spec::read(&reader)),
            "cluster" => TopologySpec::Cluster(cluster::Spec::read(&reader)),
            "sentinel" => TopologySpec::Sentinel(sentinel::Spec::read(&reader)),
            other => panic!("{other} is no topology"),
        };
        reader.finish();
        assert!(mistakes.is_empty(), "{settings}");
        let (cache, database) = (CacheSettings::default(), DatabaseSettings::default());
        Self { topology, uses_cache: true, cache, database }
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            topology: &self.topology,
            uses_cache: self.uses_cache,
            cache: &self.cache,
            database: &self.database,
        }
    }

    /// Returns why a fault makes no sense here; nothing where it does.
    pub fn refuses(&self, table: &str) -> String {
        fault(table).check(&self.surroundings()).err().unwrap_or_default()
    }

    /// Returns what a fault takes from promises here.
    pub fn effects(&self, table: &str) -> Effects {
        fault(table).effects(&self.surroundings())
    }
}
