//! A checked scenario.

use std::sync::Arc;
use std::time::Duration;

use super::chosen::{ChosenApplication, ChosenStrategy, ChosenTopology};
use super::cost::CostSettings;
use super::search::SearchSettings;
use super::settings::{DatasetSettings, PinSettings, RunSettings};
use crate::application::catalog::Products;
use crate::application::{AnyDataset, ApplicationSpec, DatasetParameters, Population};
use crate::base::key_share::KeyShare;
use crate::load::workload::{Distribution, LoadPart, LoadPhase, Recording, WorkloadSettings};
use crate::run::fault::ScheduledFault;
use crate::scenario::PositiveNumber;
use crate::strategy::source::TimesToLive;
use crate::topology::settings::{CacheSettings, DatabaseSettings, NetworkSettings};

/// The heading of a table, and its settings, those that were left out included.
pub(super) type ShownTable = (&'static str, Vec<(&'static str, String)>);

/// A checked scenario: every value can be run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name, from its file.
    pub name: String,
    /// The purpose of the scenario, in its author's words.
    pub description: String,
    /// `application`.
    pub application: ChosenApplication,
    /// `[dataset]`.
    pub dataset: DatasetSettings,
    /// `[workload]`.
    pub workload: WorkloadSettings,
    /// `[workload.keys]`.
    pub distribution: Distribution,
    /// `[cache]`.
    pub cache: CacheSettings,
    /// `[database]`.
    pub database: DatabaseSettings,
    /// `[network]`.
    pub network: NetworkSettings,
    /// `[run]`.
    pub run: RunSettings,
    /// `[run.pin]`.
    pub pin: PinSettings,
    /// `[cost]`.
    pub cost: CostSettings,
    /// `[[fault]]`.
    pub faults: Vec<ScheduledFault>,
    /// `[[phase]]`, or the steps of `[staircase]`.
    pub phases: Vec<LoadPhase>,
    /// `[search]`.
    pub search: Option<SearchSettings>,
    /// The tables that say the load in place of a rate, as they are shown.
    pub(super) load_tables: Vec<ShownTable>,
    /// The rate in `[workload]`, where it was written there and does not follow from those tables.
    pub(super) written_rate: Option<PositiveNumber>,
    /// `strategies`.
    pub strategies: Vec<ChosenStrategy>,
    /// `topologies`.
    pub topologies: Vec<ChosenTopology>,
    /// The trace that drives the run, where there is one.
    pub recorded: Option<Arc<Recording>>,
    /// The times to live of entries, as `cache.ttl` says.
    pub ttl: TimesToLive,
    /// The part of the load that this process drives; the command line says it.
    pub part: LoadPart,
}

impl Scenario {
    /// Returns true if a run of the other is a run of this: all that is set is equal. What a trace holds follows from
    /// its name, and the times to live from that and the settings.
    #[must_use]
    pub fn runs_as(&self, other: &Self) -> bool {
        let Self {
            name,
            description,
            application,
            dataset,
            workload,
            distribution,
            cache,
            database,
            network,
            run,
            pin,
            faults,
            phases,
            search,
            strategies,
            topologies,
            // Other prices change no run.
            cost: _,
            recorded: _,
            ttl: _,
            // They are shown, and what follows from them is above.
            load_tables: _,
            written_rate: _,
            // It is the same for all combinations of swept values.
            part: _,
        } = self;
        (name, description, application, dataset)
            == (&other.name, &other.description, &other.application, &other.dataset)
            && (workload, distribution, cache) == (&other.workload, &other.distribution, &other.cache)
            && (database, network, run, pin) == (&other.database, &other.network, &other.run, &other.pin)
            && (faults, phases, search) == (&other.faults, &other.phases, &other.search)
            && (strategies, topologies) == (&other.strategies, &other.topologies)
    }

    /// The most runs that a cell is measured by: one, or those of a search.
    #[must_use]
    pub fn most_runs(&self) -> u32 {
        let most = self.search.as_ref().map_or(1, |search| search.most_runs.get());
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    /// The longest that one operation can take: each of its calls ends within its timeout, and no
    /// strategy makes more than a handful of them one after another.
    #[must_use]
    pub fn longest_operation(&self) -> Duration {
        (self.cache.timeout.0 + self.cache.connect_timeout.0 + self.network.cache_rtt + self.longest_wait())
            * 8
            + (self.database.timeout.0 + self.network.database_rtt + self.network.database_jitter) * 2
            + self.longest_service()
    }

    /// The longest that a change of the cache waits for its replicas.
    fn longest_wait(&self) -> Duration {
        match self.cache.wait_replicas {
            0 => Duration::ZERO,
            _ => self.cache.wait_timeout.0 + self.cache.timeout.0,
        }
    }

    /// The longest that a service adds to an operation: a load waits for one that is under way.
    fn longest_service(&self) -> Duration {
        let spec = &self.application.spec;
        let latencies = (0..spec.entities().len()).filter_map(|entity| spec.service_latency(entity));
        latencies.max().map_or(Duration::ZERO, |latency| latency * 2 + self.database.timeout.0)
    }

    /// Returns the parameters that the documents are made from.
    #[must_use]
    pub fn facts(&self) -> DatasetParameters {
        DatasetParameters {
            keys: self.dataset.keys.get(),
            population: self.population(),
            categories: self.dataset.categories.get(),
            value_size: self.dataset.value_size.clone(),
            seed: self.run.seed,
        }
    }

    /// Which documents there are. The place of the hot keys has no part in which of them are there at first.
    fn population(&self) -> Population {
        const MILLION: f64 = 1e6;
        let loaded = (self.dataset.loaded.get() * MILLION).round() as u64;
        let at_first = KeyShare::of(loaded, MILLION as u64, self.run.seed ^ 0x10AD_ED00);
        Population { at_first, changes: self.workload.has_lives() }
    }

    /// The documents that every cell starts from.
    #[must_use]
    pub fn documents(&self) -> AnyDataset {
        self.application.spec.dataset(self.facts())
    }

    /// The products of a catalogue.
    #[must_use]
    pub fn products(&self) -> Products {
        let DatasetParameters { keys, population, categories, value_size, seed } = self.facts();
        Products { keys, population, categories, value_size, seed }
    }

    /// Returns true if it is the catalogue that is loaded: the one application that traces and models know.
    #[must_use]
    pub fn is_catalog(&self) -> bool {
        matches!(self.application.spec, ApplicationSpec::Catalog(_))
    }
}
