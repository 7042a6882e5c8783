//! The part of the page that says how keys and commands were spread over the nodes of the cache.

use maud::{Markup, html};

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::safety::percent;
use super::table::{PageTable, figures, words};

/// A table of the nodes of each strategy's first repeat, folded away; empty where there is but one node.
#[must_use]
pub fn section(group: &Group<'_>) -> Markup {
    let mut table = PageTable::new(
        "Keys and commands by node",
        [
            words("strategy"),
            words("node"),
            figures("slots"),
            figures("keys"),
            figures("of all"),
            figures("commands"),
            figures("of all"),
        ],
    );
    for entry in &group.entries {
        let Some(first) = entry.measured.first() else { continue };
        let nodes: Vec<_> = group.results.nodes.iter().filter(|node| node.cell == first.cell).collect();
        if nodes.len() < 2 {
            continue;
        }
        for node in nodes {
            let share = |share: Option<f64>| share.map_or_else(|| NONE.into(), percent);
            table.add(&[
                entry.label.to_owned(),
                format!("{} {}", node.shard, node.role),
                node.slots.map_or_else(|| NONE.into(), |slots| format::count(slots as f64)),
                format::count(node.keys as f64),
                share(node.keys_share),
                node.commands.map_or_else(|| NONE.into(), |commands| format::count(commands as f64)),
                share(node.commands_share),
            ]);
        }
    }
    if table.is_empty() {
        return html! {};
    }
    html! {
        details {
            summary { "How keys and commands were spread over the nodes (first repeat)" }
            (table.html())
        }
    }
}
