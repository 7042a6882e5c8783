//! One cell: what is run as a whole, and has a row in the results.

use std::sync::Arc;

use super::chosen::{ChosenStrategy, ChosenTopology};
use super::ignored::IgnoredSetting;
use super::scenario::Scenario;

/// One strategy on one topology with one value of every swept parameter, one repeat.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its name in every result: the same for the same scenario.
    pub id: String,
    /// Its place in the order of the run, from 1.
    pub position: usize,
    /// The repeat that it belongs to, counted from 1.
    pub repeat: u64,
    /// The strategy.
    pub strategy: ChosenStrategy,
    /// The topology.
    pub topology: ChosenTopology,
    /// The swept parameters and their values here.
    pub swept: Vec<(String, String)>,
    /// What the scenario sets without effect on this topology.
    pub ignored: Vec<IgnoredSetting>,
    /// The scenario with those values.
    pub scenario: Arc<Scenario>,
}

impl Cell {
    /// The numbers of the instances that this process drives.
    pub fn own_instances(&self) -> impl Iterator<Item = u64> + use<> {
        let part = self.scenario.part;
        (0..self.scenario.workload.instances.get()).filter(move |instance| part.drives(*instance))
    }

    /// The number of clients of those instances.
    #[must_use]
    pub fn own_clients(&self) -> u64 {
        // The client of each number is of the instance that is left when that is divided by their number, which the
        // number of parts divides.
        self.scenario.part.share_of(self.scenario.workload.clients.get())
    }
}
