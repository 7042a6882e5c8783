//! The order of the cells: one block a repeat, each block with every cell in an order of its own,
//! so that drift of the machine hits every strategy alike.

use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::choice::{LeftOut, Only, nonsense};
use super::{Cell, Scenario};

/// The values of the swept keys, and the scenario with them.
pub type Variant = (Vec<(String, String)>, Arc<Scenario>);

/// The cells of all repeats in the order of the run.
#[must_use]
pub fn cells(variants: &[Variant], only: &Only, left_out: &mut Vec<LeftOut>) -> Vec<Cell> {
    let Some((_, first)) = variants.first() else { return Vec::new() };
    let mut order = rand::rngs::SmallRng::seed_from_u64(first.run.seed ^ 0x0bad_cafe);
    let mut cells: Vec<Cell> = Vec::new();
    for repeat in 1..=first.run.repeats.get() {
        let mut block = block(variants, only, repeat, left_out);
        block.shuffle(&mut order);
        cells.extend(block);
    }
    for (index, cell) in cells.iter_mut().enumerate() {
        cell.position = index + 1;
    }
    cells
}

fn block(variants: &[Variant], only: &Only, repeat: u64, left_out: &mut Vec<LeftOut>) -> Vec<Cell> {
    let mut block = Vec::new();
    for (index, (swept, scenario)) in variants.iter().enumerate() {
        for strategy in &scenario.strategies {
            for topology in &scenario.topologies {
                if !only.allows(strategy, topology) {
                    continue;
                }
                if let Some(reason) = nonsense(scenario, strategy, topology) {
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
                let mut id = format!("r{repeat}-{}-{}", slug(&strategy.label), slug(&topology.label));
                if variants.len() > 1 {
                    id = format!("{id}-v{}", index + 1);
                }
                block.push(Cell {
                    id,
                    position: 0,
                    repeat,
                    strategy: strategy.clone(),
                    topology: topology.clone(),
                    swept: swept.clone(),
                    scenario: Arc::clone(scenario),
                });
            }
        }
    }
    block
}

/// A label as part of a file name.
fn slug(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}
