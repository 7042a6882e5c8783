//! The conditions on a load that several processes drive together.

use super::scenario::Scenario;
use crate::scenario::{Mistake, Reader};
use crate::topology::settings::DatabaseKind;

/// Reports what cannot be driven in parts, where the load is shared out.
pub(super) fn check(scenario: &Scenario, top: &Reader<'_>) {
    if !scenario.part.is_shared_out() {
        return;
    }
    let mistake = |path: &[&str], message: String, help: &str| {
        top.mistakes().push(Mistake::new(top.place_of(path), path.join("."), message).help(help));
    };
    let parts = scenario.part.parts();
    let instances = scenario.workload.instances;
    if !instances.get().is_multiple_of(parts.get()) {
        let message =
            format!("--segment shares {instances} instances out among {parts} processes, unequally");
        mistake(&["workload", "instances"], message, "make it a multiple of the number of segments");
    }
    if scenario.dataset.keys < parts {
        let message = format!("{} keys leave some of {parts} segments none to write", scenario.dataset.keys);
        mistake(&["dataset", "keys"], message, "give as many keys as segments, or more");
    }
    check_servers(scenario, top);
    if !scenario.is_catalog() {
        let message = format!(
            "--segment shares out keys that are written, and {} writes what many clients share",
            scenario.application.spec.name()
        );
        mistake(&["application"], message, "run it in one process, or with application = \"catalog\"");
    }
    if scenario.workload.trace.is_some() {
        let message = "--segment shares out keys that are written, and a trace says which keys are written";
        mistake(&["workload", "trace"], message.into(), "run it in one process, or leave the trace out");
    }
    if !scenario.faults.is_empty() {
        let message = "--segment has no faults: several processes would each break the same servers";
        mistake(&["fault"], message.into(), "leave [[fault]] out, or run it in one process");
    }
    if scenario.search.is_some() {
        let message = "--segment has no search: each process would come to a rate of its own";
        mistake(
            &["search"],
            message.into(),
            "give workload.rate_per_second, or run the search in one process",
        );
    }
    if scenario.run.until.is_some() {
        let message =
            "--segment has no open number of repeats: each process would come to a number of its own";
        mistake(&["run", "until"], message.into(), "give repeats as one number, as repeats = 5");
    }
}

/// All processes are to use the same servers, which one that hotset starts for one of them is not.
fn check_servers(scenario: &Scenario, top: &Reader<'_>) {
    for (number, topology) in scenario.topologies.iter().enumerate() {
        let key = format!("topologies[{number}] ({})", topology.label);
        let place = || top.place_of(&["topologies"]);
        let own = if topology.spec.is_embedded() {
            Some("its cache is inside each process, and would be another in each segment")
        } else if topology.spec.manages_cache_servers() {
            Some("hotset would start its servers anew for each segment")
        } else {
            None
        };
        if let Some(why) = own {
            let message = format!("--segment needs a cache that all processes share: {why}");
            let help = "give the url of a Redis that is there, as { name = \"single\", url = \"redis://HOST:6379\" }";
            top.mistakes().push(Mistake::new(place(), key.clone(), message).help(help));
        }
        let is_shared = topology.spec.database() == DatabaseKind::Mongodb && scenario.database.url.is_some();
        if !is_shared {
            let message =
                "--segment needs a database that all processes share, and this one is each segment's own";
            let help = "write database = \"mongodb\" here, and url = \"mongodb://HOST:27017\" in [database]";
            top.mistakes().push(Mistake::new(place(), key, message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::load::workload::LoadPart;
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    const SHARED: &str = "topologies = [{ name = \"single\", url = \"redis://127.0.0.1:1\", database = \"mongodb\" }]\n\
                          [database]\nurl = \"mongodb://127.0.0.1:1\"\n";

    fn plan(part: &str, text: &str) -> Result<Plan, Vec<String>> {
        let options = PlanOptions { part: LoadPart::parse(part).unwrap(), ..PlanOptions::default() };
        let text = format!("strategies = [\"cache-aside\"]\n{text}");
        Plan::parse("test", "test.toml", &text, &options).map_err(|error| match error {
            PlanError::Invalid(invalid) => {
                let told = |one: &crate::scenario::Mistake| format!("{}: {}", one.key, one.message);
                invalid.mistakes.iter().map(told).collect()
            }
            PlanError::Unreadable { .. } => panic!("{error}"),
        })
    }

    #[test]
    fn a_load_on_servers_that_are_there_is_shared_out() {
        let plan = plan("2/2", &format!("{SHARED}[workload]\ninstances = 4\nclients = 10\n")).unwrap();
        let cell = &plan.cells[0];
        assert_eq!(cell.own_instances().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(cell.own_clients(), 5);
        assert!((plan.scenario.own_share() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_each_process_would_have_for_itself_is_refused_but_for_one_that_is_alone() {
        let said = plan("1/2", "topologies = [\"embedded\", \"single\"]\n").unwrap_err();
        assert_eq!(said.iter().filter(|one| one.contains("a cache that all processes share")).count(), 2);
        assert_eq!(said.iter().filter(|one| one.contains("a database that all processes share")).count(), 2);
        assert!(plan("1/1", "topologies = [\"embedded\", \"single\"]\n").is_ok());
    }

    #[test]
    fn what_does_not_add_up_is_refused_with_its_key() {
        for (key, more) in [
            ("workload.instances", "[workload]\ninstances = 3\n"),
            ("fault", "[[fault]]\nkind = \"flush\"\nat = \"2s\"\n[run]\nduration = \"20s\"\n"),
            ("search", "[search]\nfrom_per_second = 5\n"),
            ("run.until", "[run]\nrepeats = \"3..5\"\nuntil = \"5%\"\n"),
        ] {
            let said = plan("1/2", &format!("{SHARED}{more}")).unwrap_err();
            let of_key = said.iter().filter(|one| one.starts_with(&format!("{key}: --segment"))).count();
            assert_eq!(of_key, 1, "{key}: {said:?}");
        }
        let said = plan("1/2", &format!("application = \"sessions\"\n{SHARED}")).unwrap_err();
        assert!(said.iter().any(|one| one.contains("--segment shares out keys")), "{said:?}");
    }
}
