//! Settings that were written and have no effect where they stand.

use super::scenario::Scenario;
use crate::scenario::{Table, Value, ValueKind};
use crate::topology::settings::DatabaseKind;
use crate::topology::{TopologyShape, TopologySpec};

/// Settings of `[cache]` that servers which are there already decide for themselves, and how.
const OF_SERVERS: &[(&str, &str)] = &[
    ("capacity", "the servers that are there already keep the limits that they have"),
    ("eviction", "the servers that are there already evict as they were told to"),
    ("persistence", "the servers that are there already write to their disks what they were told to"),
    ("policy", "only the embedded cache has a policy"),
    ("max_memory_percent", "only the embedded cache watches the memory"),
];
/// Settings of topologies that only servers of hotset's own obey.
const OF_MANAGED: &[&str] =
    &["server", "node_timeout", "require_full_coverage", "sentinel_count", "down_after", "failover_timeout"];

/// A sentence for each.
#[must_use]
pub fn notes(tree: &Table, scenario: &Scenario) -> Vec<String> {
    let is_written = |table: &str, key: &str| match tree.get(table).map(|value| &value.kind) {
        Some(ValueKind::Table(table)) => table.get(key).is_some(),
        _ => false,
    };
    let mut notes = Vec::new();
    let mut idle = |key: String, why: &str| notes.push(format!("{key} has no effect: {why}"));
    let specs = || scenario.topologies.iter().map(|topology| &topology.spec);
    for (key, why) in OF_SERVERS {
        let full = format!("cache.{key}");
        if is_written("cache", key) && specs().all(|spec| !spec.obeys(&full)) {
            idle(full, why);
        }
    }
    let shapes = || specs().map(TopologySpec::shape);
    if !shapes().any(|shape| shape.speaks_tls) {
        for key in ["tls_ca", "tls_cert", "tls_key", "tls_insecure"] {
            if is_written("cache", key) {
                idle(format!("cache.{key}"), "no URL of a cache begins with rediss://");
            }
        }
    }
    if is_written("cache", "wait_timeout") && scenario.cache.wait_replicas == 0 {
        idle("cache.wait_timeout".into(), "cache.wait_replicas is 0, so that no write waits");
    }
    if is_written("cache", "address_map") && !specs().any(|spec| names_other_nodes(spec, &spec.shape())) {
        idle("cache.address_map".into(), "no server here names others to connect to");
    }
    let has_mongodb = specs().any(|spec| spec.database() == DatabaseKind::Mongodb);
    for key in ["cache_size", "replica_set"] {
        if is_written("database", key) && (scenario.database.url.is_some() || !has_mongodb) {
            idle(format!("database.{key}"), "hotset starts no MongoDB here");
        }
    }
    for key in ["url", "write_concern", "read_preference"] {
        if is_written("database", key) && !has_mongodb {
            idle(format!("database.{key}"), "every topology here has the embedded database");
        }
    }
    for (topology, value) in scenario.topologies.iter().zip(items(tree)) {
        let ValueKind::Table(written) = &value.kind else { continue };
        let (label, spec) = (&topology.label, &topology.spec);
        let of_managed = OF_MANAGED.iter().filter(|_| !spec.manages_cache_servers() && !spec.is_embedded());
        for key in of_managed.filter(|key| written.get(key).is_some()) {
            idle(format!("{key} of the topology {label}"), "hotset does not start its servers");
        }
        for key in ["allow_faults", "node"] {
            if spec.manages_cache_servers() && written.get(key).is_some() {
                idle(format!("{key} of the topology {label}"), "its servers are hotset's own");
            }
        }
    }
    notes
}

fn items(tree: &Table) -> &[Value] {
    match tree.get("topologies").map(|value| &value.kind) {
        Some(ValueKind::Array(items)) => items,
        _ => &[],
    }
}

/// Returns true if servers tell of others, which are then connected to.
fn names_other_nodes(spec: &TopologySpec, shape: &TopologyShape) -> bool {
    !spec.manages_cache_servers() && !spec.is_embedded() && (spec.is_sharded() || shape.reads_replicas)
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanOptions};

    fn notes(topology: &str, more: &str) -> Vec<String> {
        let text = format!("strategies = [\"cache-aside\"]\ntopologies = [{topology}]\n{more}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap().notes()
    }

    const THERE: &str = "{ name = \"single\", url = \"redis://127.0.0.1:1\", database = \"embedded\" }";

    #[test]
    fn a_setting_that_nothing_obeys_is_named_and_one_that_something_obeys_is_not() {
        let capacity = notes(THERE, "[cache]\ncapacity = 1000\n");
        assert_eq!(capacity.len(), 1, "{capacity:?}");
        assert!(capacity[0].starts_with("cache.capacity has no effect: the servers"), "{capacity:?}");
        assert_eq!(notes(&format!("{THERE}, \"embedded\""), "[cache]\ncapacity = 1000\n"), [] as [String; 0]);
        assert_eq!(
            notes("\"single\"", "[cache]\ncapacity = 1000\neviction = \"allkeys-lfu\"\n"),
            [] as [String; 0]
        );
        let replica_set = notes(THERE, "[database]\nreplica_set = true\n");
        assert!(replica_set[0].contains("database.replica_set has no effect"), "{replica_set:?}");
        let cluster = "{ name = \"cluster\", nodes = [\"redis://h:1\"], node_timeout = \"1s\", database = \"embedded\" }";
        assert!(notes(cluster, "")[0].contains("node_timeout of the topology cluster has no effect"));
        assert!(notes("\"embedded\"", "[cache]\nwait_timeout = \"1s\"\n")[0].contains("wait_replicas is 0"));
    }
}
