//! How keys, commands and work were spread over the nodes of the cache.

use super::observed::Observed;
use super::rounding::share;
use crate::results::NodeRow;
use crate::topology::NodeFigures;

/// A row for each node that answered when measuring ended.
#[must_use]
pub fn of(observed: &Observed) -> Vec<NodeRow> {
    let [before, after] = &observed.load.nodes;
    let commands = |run_id: &str, now: Option<u64>| {
        let start = before.iter().find(|node| node.run_id == run_id)?;
        Some(now?.saturating_sub(start.commands?))
    };
    let all: u64 = after.iter().filter_map(|node| commands(&node.run_id, node.commands)).sum();
    let row = |node: &NodeFigures| {
        let alike = after.iter().filter(|other| other.role == node.role);
        let commands = commands(&node.run_id, node.commands);
        NodeRow {
            shard: node.shard.clone(),
            address: node.address.clone(),
            role: node.role,
            slots: node.slots,
            keys: node.keys,
            keys_share: share(node.keys, alike.map(|other| other.keys).sum()),
            commands,
            commands_share: commands.and_then(|commands| share(commands, all)),
        }
    };
    after.iter().map(row).collect()
}

/// Returns the busiest node's part of the processors' time that all nodes took; `None` where no node was there from
/// the beginning to the end.
#[must_use]
pub fn busiest_share([before, after]: &[Vec<NodeFigures>; 2]) -> Option<f64> {
    let used = after.iter().filter_map(|node| {
        let start = before.iter().find(|start| start.run_id == node.run_id)?;
        Some((node.cpu_seconds? - start.cpu_seconds?).max(0.0))
    });
    let used: Vec<f64> = used.collect();
    let all: f64 = used.iter().sum();
    used.into_iter().max_by(f64::total_cmp).filter(|_| all > 0.0).map(|busiest| busiest / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::NodeRole;

    fn node(run_id: &str, cpu_seconds: f64) -> NodeFigures {
        NodeFigures {
            shard: "shard0".into(),
            address: "127.0.0.1:6379".into(),
            role: NodeRole::Primary,
            slots: None,
            keys: 0,
            commands: Some(0),
            cpu_seconds: Some(cpu_seconds),
            run_id: run_id.into(),
        }
    }

    #[test]
    fn the_busiest_node_is_told_by_what_it_used_while_it_was_measured() {
        let before = vec![node("a", 100.0), node("b", 1.0)];
        let after = vec![node("a", 104.0), node("b", 7.0), node("started meanwhile", 50.0)];
        assert_eq!(busiest_share(&[before, after]), Some(0.6), "b used 6 s of 10 s");
        assert_eq!(busiest_share(&[vec![node("a", 1.0)], vec![node("b", 9.0)]]), None);
        assert_eq!(busiest_share(&[Vec::new(), Vec::new()]), None);
    }
}
