//! What a scenario chooses: its application, its strategies and its topologies.

use crate::application::{ApplicationSpec, EntityKind, Served};
use crate::base::units::Share;
use crate::load::workload::WorkloadSettings;
use crate::strategy::StrategySpec;
use crate::topology::TopologySpec;

/// An application as a scenario asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenApplication {
    /// The application with its settings.
    pub spec: ApplicationSpec,
    /// The shares of its operations, in its own order; `None` where `[workload] reads` says them.
    pub mix: Option<Vec<f64>>,
    /// The strategies of its kinds of entity where they are not the cell's, in its own order.
    pub strategies: Vec<Option<StrategySpec>>,
}

impl ChosenApplication {
    /// Returns the weight of each kind of operation where so many of a workload read.
    #[must_use]
    pub fn weights(&self, workload: &WorkloadSettings, reads: Share) -> Vec<f64> {
        self.mix.clone().unwrap_or_else(|| workload.shares(reads).to_vec())
    }

    /// The strategy of a kind of entity, where the cell's own is this.
    #[must_use]
    pub fn strategy<'a>(&'a self, entity: usize, own: &'a StrategySpec) -> &'a StrategySpec {
        self.strategies.get(entity).and_then(Option::as_ref).unwrap_or(own)
    }

    /// The strategies that are in use where the cell's own is this, by the kinds of entity that have one.
    pub fn in_use<'a>(&'a self, own: &'a StrategySpec) -> impl Iterator<Item = (usize, &'a StrategySpec)> {
        let served = |(_, entity): &(usize, &EntityKind)| entity.served != Served::InTheCache;
        let entities = self.spec.entities().iter().enumerate().filter(served);
        entities.map(|(entity, _)| (entity, self.strategy(entity, own)))
    }

    /// Returns true if it asks a cache where the cell's own strategy is this.
    #[must_use]
    pub fn uses_cache(&self, own: &StrategySpec) -> bool {
        let lives_there = self.spec.entities().iter().any(|entity| entity.served == Served::InTheCache);
        lives_there || self.in_use(own).any(|(_, spec)| spec.uses_cache())
    }

    /// Returns true if something is acknowledged before the database has it.
    #[must_use]
    pub fn holds_back(&self, own: &StrategySpec) -> bool {
        self.in_use(own).any(|(_, spec)| spec.promise().needs().no_eviction_of_dirty)
    }

    /// Why it makes no sense with this strategy, where it does not.
    #[must_use]
    pub fn incompatibility(&self, own: &StrategySpec) -> Option<String> {
        let (entity, spec) = self.in_use(own).find(|(entity, spec)| {
            self.spec.entities()[*entity].served == Served::ByReading
                && spec.promise().needs().no_eviction_of_dirty
        })?;
        let name = self.spec.entities()[entity].name;
        Some(format!(
            "{} of {name} makes no sense, as a {name} is only ever read: nobody writes it, so that there is nothing to write behind; write [application.strategies] {name} = \"read-through\", say",
            spec.name()
        ))
    }
}

/// A strategy with the name that the results give it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenStrategy {
    /// The name in the results.
    pub label: String,
    /// The strategy with its settings.
    pub spec: StrategySpec,
}

/// A topology with the name that the results give it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenTopology {
    /// The name in the results.
    pub label: String,
    /// The topology with its settings.
    pub spec: TopologySpec,
}
