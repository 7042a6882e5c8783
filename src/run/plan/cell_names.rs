//! Names of cells, which are also names of their files: of letters and digits that every file system takes, and no two
//! alike, whatever the labels are.

use std::collections::HashMap;

use super::scenario::Scenario;

/// The longest that a label is within a name. With all that comes beside it, a file's name stays below the 143 bytes
/// that encrypted folders allow.
const LONGEST: usize = 40;

/// The names of the cells of each strategy on each topology of a scenario, without repeat and swept values.
///
/// All combinations have a name, so that it does not depend on which of them are run.
#[derive(Debug)]
pub struct CellNames {
    topologies: usize,
    names: Vec<String>,
}

impl CellNames {
    /// The names of a scenario's combinations.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let mut names = Vec::new();
        for strategy in &scenario.strategies {
            for topology in &scenario.topologies {
                let strategy = readable(&strategy.label, strategy.spec.name());
                let topology = readable(&topology.label, topology.spec.name());
                names.push(format!("{strategy}-{topology}"));
            }
        }
        let topologies = scenario.topologies.len();
        Self { topologies, names: told_apart(names, topologies) }
    }

    /// The name for the strategy and the topology at these places of the scenario's lists.
    #[must_use]
    pub fn of(&self, strategy: usize, topology: usize) -> &str {
        &self.names[strategy * self.topologies + topology]
    }
}

/// Adds to names that several have the places of strategy and topology, behind a dot, which no other name has. Some
/// file systems take capitals and small letters for the same.
fn told_apart(mut names: Vec<String>, topologies: usize) -> Vec<String> {
    let mut wanted: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *wanted.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    for (at, name) in names.iter_mut().enumerate() {
        if wanted[&name.to_ascii_lowercase()] > 1 {
            *name = format!("{name}.s{}t{}", at / topologies + 1, at % topologies + 1);
        }
    }
    names
}

/// Returns the part of a label that can stand in a name; where nothing can, the name of what it labels.
fn readable(label: &str, otherwise: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !label.is_empty() && label.len() <= LONGEST && label.chars().all(is_plain) {
        return label.to_owned();
    }
    let mut readable = String::new();
    for c in label.chars() {
        if is_plain(c) {
            readable.push(c);
        } else if !readable.is_empty() && !readable.ends_with('-') {
            readable.push('-');
        }
        if readable.len() == LONGEST {
            break;
        }
    }
    let readable = readable.trim_end_matches('-');
    if readable.is_empty() { otherwise.to_owned() } else { readable.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::results::{file_safe, interval_log_name};
    use crate::run::plan::{Plan, PlanOptions};

    fn quoted(label: &str) -> String {
        toml::Value::String(label.to_owned()).to_string()
    }

    fn plan(strategies: &[&str], topologies: &[&str], more: &str) -> Plan {
        let list = |name: &str, labels: &[&str]| {
            let items =
                labels.iter().map(|label| format!("{{ name = \"{name}\", label = {} }}", quoted(label)));
            items.collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "strategies = [{}]\ntopologies = [{}]\n{more}",
            list("cache-aside", strategies),
            list("embedded", topologies)
        );
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap()
    }

    fn ids(strategies: &[&str], topologies: &[&str]) -> Vec<String> {
        let mut cells = plan(strategies, topologies, "[run]\nrepeats = 1\n").cells;
        cells.sort_by_key(|cell| {
            let place = |labels: &[&str], label: &str| labels.iter().position(|other| *other == label);
            (place(strategies, &cell.strategy.label), place(topologies, &cell.topology.label))
        });
        cells.into_iter().map(|cell| cell.id).collect()
    }

    #[test]
    fn names_are_the_labels_where_they_can_be_and_are_told_apart_where_they_are_alike() {
        assert_eq!(ids(&["cache-aside", "a_B"], &["single"]), ["r1-cache-aside-single", "r1-a_B-single"]);
        assert_eq!(ids(&["cache-aside (again)"], &["x"]), ["r1-cache-aside-again-x"]);
        assert_eq!(ids(&["旁路", "直写"], &["x"]), ["r1-cache-aside-x.s1t1", "r1-cache-aside-x.s2t1"]);
        assert_eq!(ids(&["a b", "a-b", "c"], &["x"]), ["r1-a-b-x.s1t1", "r1-a-b-x.s2t1", "r1-c-x"]);
        assert_eq!(ids(&["LRU", "lru"], &["x"]), ["r1-LRU-x.s1t1", "r1-lru-x.s2t1"]);
        assert_eq!(
            ids(&["a", "a-b"], &["b-c", "c"]),
            ["r1-a-b-c.s1t1", "r1-a-c", "r1-a-b-b-c", "r1-a-b-c.s2t2"]
        );
        assert_eq!(ids(&[""], &["\u{1b}[2J/../"]), ["r1-cache-aside-2J"]);
    }

    /// Labels out of few characters, so that many are alike but for what a name cannot hold.
    fn labels() -> impl Strategy<Value = BTreeSet<String>> {
        let alike = "[aAb\\-_. /路\u{1b}]{0,4}";
        let long = "[ab]{38,42}";
        let told_apart = "[ab](\\.s[12]t[12])?(-v[12])?";
        prop::collection::btree_set(
            prop_oneof![alike, long, told_apart, any::<String>(), "[a\u{00e9}]{300}"],
            1..6,
        )
    }

    proptest! {
        #[test]
        fn ids_are_unique_and_safe_as_names_of_files_for_any_labels(
            strategies in labels(),
            topologies in labels(),
            sweeps in any::<bool>(),
        ) {
            let as_list = |labels: &BTreeSet<String>| labels.iter().cloned().collect::<Vec<_>>();
            let (strategies, topologies) = (as_list(&strategies), as_list(&topologies));
            let strategies: Vec<_> = strategies.iter().map(String::as_str).collect();
            let topologies: Vec<_> = topologies.iter().map(String::as_str).collect();
            let more = if sweeps { "[sweep]\n\"run.seed\" = [1, 2]\n[run]\nrepeats = 2\n" } else { "" };
            let plan = plan(&strategies, &topologies, more);
            let mut taken = BTreeSet::new();
            for cell in &plan.cells {
                prop_assert!(taken.insert(cell.id.to_ascii_lowercase()), "{} is there twice", cell.id);
                let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
                prop_assert!(cell.id.chars().all(is_safe), "{:?}", cell.id);
                prop_assert!(cell.id.len() < 120, "{}", cell.id);
                prop_assert_eq!(file_safe(&cell.id), cell.id.clone());
                prop_assert_eq!(interval_log_name(&cell.id), format!("{}.hlog", cell.id));
                prop_assert!(strategies.contains(&cell.strategy.label.as_str()));
                prop_assert!(topologies.contains(&cell.topology.label.as_str()));
            }
            let each = strategies.len() * topologies.len();
            prop_assert_eq!(taken.len(), each * if sweeps { 4 } else { plan.scenario.run.repeats.most() as usize });
        }
    }
}
