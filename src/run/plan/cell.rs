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
