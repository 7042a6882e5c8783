//! Settings that a scenario gives and that have no effect on one of its topologies.

use super::scenario::Scenario;
use crate::scenario::{Table, ValueKind};
use crate::topology::TopologySpec;

/// The tables whose settings a topology may not obey.
const TABLES: [&str; 3] = ["cache", "database", "run"];

/// The setting that is a table itself.
const ADDRESS_MAP: &str = "cache.address_map";

/// A setting without effect, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredSetting {
    /// Its dotted key.
    pub key: String,
    /// Why nothing obeys it.
    pub why: &'static str,
}

/// The dotted keys of the settings that were written, swept ones included.
pub(super) fn given<'a>(tree: &Table, swept: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut keys: Vec<String> = swept.map(str::to_owned).collect();
    for table in TABLES {
        if let Some(ValueKind::Table(table_of_key)) = tree.get(table).map(|value| &value.kind) {
            add_keys(table, table_of_key, &mut keys);
        }
    }
    keys
}

fn add_keys(path: &str, table: &Table, keys: &mut Vec<String>) {
    for entry in &table.entries {
        let key = format!("{path}.{}", entry.key);
        match &entry.value.kind {
            ValueKind::Table(inner) if key != ADDRESS_MAP => add_keys(&key, inner, keys),
            _ if keys.contains(&key) => {}
            _ => keys.push(key),
        }
    }
}

/// Those that have no effect on a topology.
pub(super) fn on(topology: &TopologySpec, scenario: &Scenario, given: &[String]) -> Vec<IgnoredSetting> {
    let of = |key: &String| {
        let why = topology.why_not_obeyed(key).or_else(|| why_not_by_database(topology, scenario, key))?;
        Some(IgnoredSetting { key: key.clone(), why })
    };
    let own = topology.settings_without_effect().into_iter();
    let own = own.map(|(name, why)| IgnoredSetting { key: format!("topologies.{name}"), why });
    given.iter().filter_map(of).chain(own).collect()
}

fn why_not_by_database(topology: &TopologySpec, scenario: &Scenario, key: &str) -> Option<&'static str> {
    let is_external = topology.has_mongodb() && scenario.database.url.is_some();
    match key {
        "database.cache_size" | "database.replica_set" | "run.pin.database" if is_external => {
            Some("hotset did not start that MongoDB")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanOptions};

    fn notes(text: &str) -> Vec<String> {
        let text = format!("strategies = [\"cache-aside\"]\n{text}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap().notes()
    }

    #[test]
    fn what_has_no_effect_on_a_server_that_is_there_already_is_said_with_the_reason() {
        let text = "topologies = [{ name = \"single\", url = \"redis://localhost/\" }, \"embedded\"]\n[cache]\n\
                    capacity = 100\neviction = \"allkeys-lru\"\nttl = \"5s\"\n[database]\ncache_size = \"64MiB\"\n";
        let notes = notes(text);
        let told = |parts: &[&str]| notes.iter().any(|note| parts.iter().all(|part| note.contains(part)));
        assert!(told(&["cache.capacity has no effect on single", "did not start"]), "{notes:?}");
        assert!(told(&["cache.eviction has no effect on embedded"]), "{notes:?}");
        assert!(told(&["database.cache_size has no effect on embedded"]), "{notes:?}");
        assert!(!told(&["cache.ttl"]), "{notes:?}");
    }

    #[test]
    fn what_every_topology_obeys_and_what_was_left_at_its_default_is_not_spoken_of() {
        assert_eq!(notes("topologies = [\"embedded\"]\n[cache]\ncapacity = 100\n"), Vec::<String>::new());
    }

    #[test]
    fn what_no_server_of_hotsets_own_and_no_plain_address_obeys_is_said() {
        let told = |notes: &[String], parts: &[&str]| {
            notes.iter().any(|note| parts.iter().all(|part| note.contains(part)))
        };
        let own = notes(
            "topologies = [{ name = \"single\", allow_faults = true }]\n[cache]\ntls_insecure = true\n\
             address_map = { \"10.0.0.5:6379\" = \"127.0.0.1:7001\" }\n",
        );
        assert!(told(&own, &["cache.tls_insecure has no effect on single", "no TLS"]), "{own:?}");
        assert!(told(&own, &["cache.address_map has no effect on single", "hotset's own"]), "{own:?}");
        assert!(told(&own, &["topologies.allow_faults has no effect on single"]), "{own:?}");
        assert!(!told(&own, &["nobody has looked"]) && !told(&own, &["10.0.0.5"]), "{own:?}");

        let plain = notes(
            "topologies = [{ name = \"single\", url = \"redis://localhost/\", server = \"valkey\", replicas = 2 }]\n\
             [cache]\ntls_insecure = true\n",
        );
        assert!(told(&plain, &["cache.tls_insecure has no effect on single", "rediss://"]), "{plain:?}");
        assert!(told(&plain, &["topologies.server has no effect on single", "did not start"]), "{plain:?}");
        assert!(told(&plain, &["topologies.replicas has no effect on single"]), "{plain:?}");
        assert!(!told(&plain, &["nobody has looked"]), "{plain:?}");

        let secure = notes(
            "topologies = [{ name = \"single\", url = \"rediss://localhost/\" }]\n[cache]\ntls_insecure = true\n",
        );
        assert!(told(&secure, &["nobody has looked at who the servers"]), "{secure:?}");
        assert!(!told(&secure, &["has no effect"]), "{secure:?}");
    }

    #[test]
    fn a_cell_knows_what_it_does_not_obey() {
        let text = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\", { name = \"single\", url = \"redis://localhost/\" }]\n\
                    [cache]\ncapacity = 100\n";
        let plan = Plan::parse("test", "test.toml", text, &PlanOptions::default()).unwrap();
        for cell in &plan.cells {
            let keys: Vec<&str> = cell.ignored.iter().map(|ignored| ignored.key.as_str()).collect();
            let wanted: &[&str] = if cell.topology.label == "single" { &["cache.capacity"] } else { &[] };
            assert_eq!(keys, wanted, "{}", cell.id);
        }
    }
}
