//! The order of the cells: one block a repeat, each block with every cell in an order of its own,
//! so that drift of the machine hits every strategy alike.

use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::cell::Cell;
use super::cell_names::CellNames;
use super::choice::{LeftOut, Only, incompatibility};
use super::ignored;
use super::scenario::Scenario;

/// The values of the swept keys, and the scenario with them.
pub type Variant = (Vec<(String, String)>, Arc<Scenario>);

/// The cells of all repeats in the order of the run. `given` are the keys of the settings that were written.
#[must_use]
pub fn cells(variants: &[Variant], only: &Only, given: &[String], left_out: &mut Vec<LeftOut>) -> Vec<Cell> {
    let Some((_, first)) = variants.first() else { return Vec::new() };
    let mut order = rand::rngs::SmallRng::seed_from_u64(first.run.seed ^ 0x0bad_cafe);
    let mut cells: Vec<Cell> = Vec::new();
    for repeat in 1..=first.run.repeats.most() {
        let mut block = block(variants, only, given, repeat, left_out);
        block.shuffle(&mut order);
        cells.extend(block);
    }
    for (index, cell) in cells.iter_mut().enumerate() {
        cell.position = index + 1;
    }
    cells
}

fn block(
    variants: &[Variant],
    only: &Only,
    given: &[String],
    repeat: u64,
    left_out: &mut Vec<LeftOut>,
) -> Vec<Cell> {
    let mut block = Vec::new();
    for (index, (swept, scenario)) in variants.iter().enumerate() {
        let names = CellNames::new(scenario);
        for (strategy_at, strategy) in scenario.strategies.iter().enumerate() {
            for (topology_at, topology) in scenario.topologies.iter().enumerate() {
                if !only.allows(strategy, topology) {
                    continue;
                }
                if let Some(reason) = incompatibility(scenario, strategy, topology) {
                    let out = LeftOut {
                        strategy: strategy.label.clone(),
                        topology: topology.label.clone(),
                        reason,
                    };
                    if !left_out.contains(&out) {
                        left_out.push(out);
                    }
                    continue;
                }
                // Other values of what means nothing here would run the same cell again.
                let is_again = |((key, value), (_, first)): (&(String, String), &(String, String))| {
                    !topology.spec.obeys(key) && value != first
                };
                if swept.iter().zip(&variants[0].0).any(is_again) {
                    continue;
                }
                let variant = if variants.len() > 1 { format!("-v{}", index + 1) } else { String::new() };
                block.push(Cell {
                    id: format!("r{repeat}-{}{variant}", names.of(strategy_at, topology_at)),
                    position: 0,
                    repeat,
                    strategy: strategy.clone(),
                    topology: topology.clone(),
                    swept: swept.iter().filter(|(key, _)| topology.spec.obeys(key)).cloned().collect(),
                    ignored: ignored::on(&topology.spec, scenario, given),
                    scenario: Arc::clone(scenario),
                });
            }
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanOptions};

    #[test]
    fn a_swept_value_that_means_nothing_to_a_topology_makes_no_cells_of_it() {
        let text = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\", \"single\"]\n[dataset]\nkeys = 100\n[sweep]\n\
                    \"cache.policy\" = [\"lru\", \"sieve\", \"fifo\"]\n\"cache.eviction\" = [\"allkeys-lru\", \"allkeys-random\"]\n\
                    \"cache.capacity\" = [50, 90]";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        let swept_of = |topology: &str| {
            let cells = plan.cells.iter().filter(|cell| cell.topology.label == topology);
            cells
                .map(|cell| cell.swept.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        assert_eq!(swept_of("embedded"), vec![["cache.policy", "cache.capacity"]; 6]);
        assert_eq!(swept_of("single"), vec![["cache.eviction", "cache.capacity"]; 4]);
    }
}
