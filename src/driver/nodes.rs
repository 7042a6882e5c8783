//! How keys and commands were spread over the nodes of the cache.

use super::figures::Measured;
use crate::plan::Cell;
use crate::results::NodeRow;

/// A row for each node that answered when measuring ended.
#[must_use]
pub fn rows(cell: &Cell, measured: &Measured) -> Vec<NodeRow> {
    let [before, after] = &measured.nodes;
    let commands = |run_id: &str, now: u64| {
        let start = before.iter().find(|node| node.run_id == run_id)?;
        Some(now.saturating_sub(start.commands))
    };
    let all: u64 = after.iter().filter_map(|node| commands(&node.run_id, node.commands)).sum();
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let row = |node: &crate::topology::NodeFigures| {
        let alike = after.iter().filter(|other| other.role == node.role);
        let commands = commands(&node.run_id, node.commands);
        NodeRow {
            cell: cell.id.clone(),
            shard: node.shard.clone(),
            address: node.address.clone(),
            role: node.role.into(),
            slots: node.slots,
            keys: node.keys,
            keys_share: share(node.keys, alike.map(|other| other.keys).sum()),
            commands,
            commands_share: commands.and_then(|commands| share(commands, all)),
        }
    };
    after.iter().map(row).collect()
}
