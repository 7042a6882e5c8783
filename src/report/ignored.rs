//! Settings of a scenario that had no effect, so that nobody takes them for the configuration that was measured.

use super::format;
use crate::results::Results;

/// A sentence for each topology on which something had no effect.
#[must_use]
pub fn sentences(results: &Results) -> Vec<String> {
    let mut of_topology: Vec<(&str, Vec<String>)> = Vec::new();
    for row in &results.summary {
        let Some(ignored) = row.ignored_settings.as_deref().filter(|ignored| !ignored.is_empty()) else {
            continue;
        };
        let at =
            of_topology.iter().position(|(topology, _)| *topology == row.topology).unwrap_or_else(|| {
                of_topology.push((&row.topology, Vec::new()));
                of_topology.len() - 1
            });
        let (_, keys) = &mut of_topology[at];
        for key in ignored.split(';').map(str::to_owned) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let sentence = |(topology, keys): (&str, Vec<String>)| {
        let verb = if keys.len() == 1 { "has" } else { "have" };
        format!("{} {verb} no effect on {topology}: `hotset check` says why.", format::list(&keys))
    };
    of_topology.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::SummaryRow;

    #[test]
    fn each_topology_is_told_once_with_all_that_it_does_not_obey() {
        let row = |topology: &str, ignored: &str| SummaryRow {
            topology: topology.into(),
            ignored_settings: Some(ignored.into()),
            ..SummaryRow::default()
        };
        let summary = vec![
            row("single", "cache.capacity;cache.eviction"),
            row("single", "cache.capacity"),
            row("embedded", ""),
        ];
        let results = Results { summary, ..Results::default() };
        assert_eq!(
            sentences(&results),
            ["cache.capacity and cache.eviction have no effect on single: `hotset check` says why."]
        );
    }
}
