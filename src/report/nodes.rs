//! The part of the page that says how keys and commands were spread over the nodes of the cache.

use std::fmt::Write as _;

use super::format;
use super::group::Group;
use super::headline::NONE;
use super::html::escape;
use super::safety::percent;

/// A table of the nodes of each strategy's first repeat, folded away; empty where there is but one node.
#[must_use]
pub fn section(group: &Group<'_>) -> String {
    let mut rows = String::new();
    for entry in &group.entries {
        let Some(first) = entry.measured.first() else { continue };
        let nodes: Vec<_> = group.results.nodes.iter().filter(|node| node.cell == first.cell).collect();
        if nodes.len() < 2 {
            continue;
        }
        for node in nodes {
            let share = |share: Option<f64>| share.map_or_else(|| NONE.into(), percent);
            let cells = [
                entry.label.to_owned(),
                format!("{} {}", node.shard, node.role),
                node.slots.map_or_else(|| NONE.into(), |slots| format::count(slots as f64)),
                format::count(node.keys as f64),
                share(node.keys_share),
                node.commands.map_or_else(|| NONE.into(), |commands| format::count(commands as f64)),
                share(node.commands_share),
            ];
            rows += "<tr>";
            for (at, cell) in cells.iter().enumerate() {
                let class = if at < 2 { " class=\"word\"" } else { "" };
                let _ = write!(rows, "<td{class}>{}</td>", escape(cell));
            }
            rows += "</tr>\n";
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<details><summary>How keys and commands were spread over the nodes (first repeat)</summary>\n<div \
         class=\"wide\"><table>\n<thead><tr><th>strategy</th><th>node</th><th>slots</th><th>keys</th><th>of all</th>\
         <th>commands</th><th>of all</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div></details>\n"
    )
}
