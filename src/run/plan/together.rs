//! What is right by itself in a scenario, and wrong together or on this machine.

use std::time::Duration;

use super::scenario::Scenario;
use super::settings::{CacheAtStart, PinSettings, RunSettings};
use super::{application, capacity, size, told};
use crate::base::processors;
use crate::base::units::{Share, show_duration};
use crate::scenario::{Mistake, Reader};
use crate::topology::servers::Persistence;
use crate::topology::settings::MongoUrl;
use crate::topology::tls;

/// Reports what is right by itself and wrong together.
pub(super) fn check(scenario: &Scenario, top: &Reader<'_>) {
    check_clients(scenario, top);
    check_room(scenario, top);
    check_batches(scenario, top);
    check_lives(scenario, top);
    check_delays(scenario, top);
    check_database_name(scenario, top);
    application::check(&scenario.application, &scenario.facts(), top);
    if scenario.workload.trace.is_some() && !scenario.is_catalog() {
        let message = format!(
            "a trace says reads and writes of keys, which {} has not",
            scenario.application.spec.name()
        );
        let place = top.place_of(&["workload", "trace"]);
        top.mistakes().push(
            Mistake::new(place, "workload.trace", message)
                .help("leave the trace out, or run it with application = \"catalog\""),
        );
    }
    let (needed, there) = (scenario.distribution.keys_needed(), scenario.dataset.keys.get());
    if needed > there {
        let path = ["workload", "keys", "path"];
        let message = format!("asks for {needed} keys, and the dataset has {there}");
        top.mistakes().push(
            Mistake::new(top.place_of(&path), path.join("."), message)
                .help(format!("write dataset.keys = {needed} or more")),
        );
    }
    capacity::check(scenario, top);
    size::check(scenario, top);
    check_repeats(&scenario.run, top);
    check_eviction(scenario, top);
    told::check_room(scenario, top);
    check_tls(scenario, top);
    check_restored(scenario, top);
    for (number, topology) in scenario.topologies.iter().enumerate() {
        if let Some((message, help)) = topology.spec.impossible(&scenario.cache) {
            let place = top.place_of(&["topologies"]);
            let key = format!("topologies[{number}] ({})", topology.label);
            top.mistakes().push(Mistake::new(place, key, message).help(help));
        }
    }
    if scenario.run.window.0 > scenario.run.duration.0 {
        top.mistakes().push(
            Mistake::new(
                top.place_of(&["run", "window"]),
                "run.window",
                "is longer than run.duration, so that no window would be whole",
            )
            .help("make run.window shorter"),
        );
    }
}

/// Reports instances that no client would use.
fn check_clients(scenario: &Scenario, top: &Reader<'_>) {
    let workload = &scenario.workload;
    if workload.clients < workload.instances {
        let message = format!(
            "{} clients cannot use {} instances of the application",
            workload.clients, workload.instances
        );
        top.mistakes().push(
            Mistake::new(top.place_of(&["workload", "clients"]), "workload.clients", message)
                .help("give every instance one client or more"),
        );
    }
}

/// Reports reads of several documents where an operation asks for something else.
fn check_batches(scenario: &Scenario, top: &Reader<'_>) {
    let workload = &scenario.workload;
    let (message, help) = if !workload.keys_per_read.is_batch() {
        return;
    } else if !scenario.is_catalog() {
        let application = scenario.application.spec.name();
        let message = format!("means nothing to {application}, whose operations ask for what they show");
        (message, "leave it out, or run it with application = \"catalog\"")
    } else if workload.trace.is_some() {
        let message = "means nothing to a trace, each of whose reads asks for one key".to_owned();
        (message, "leave it out, or leave the trace out")
    } else {
        return;
    };
    let place = top.place_of(&["workload", "keys_per_read"]);
    top.mistakes().push(Mistake::new(place, "workload.keys_per_read", message).help(help));
}

/// Reports delays in which no operation would end: no timeout bounds them, as they stand for the way.
fn check_delays(scenario: &Scenario, top: &Reader<'_>) {
    const LONGEST: Duration = Duration::from_mins(1);
    let network = &scenario.network;
    let delays = [
        (["network", "cache_rtt"], network.cache_rtt),
        (["network", "database_rtt"], network.database_rtt),
        (["network", "database_jitter"], network.database_jitter),
    ];
    for (path, delay) in delays.into_iter().filter(|(_, delay)| *delay > LONGEST) {
        let message = format!(
            "{} is longer than a minute, so that hardly an operation would end",
            show_duration(delay)
        );
        let mistake = Mistake::new(top.place_of(&path), path.join("."), message);
        top.mistakes().push(mistake.help("give a delay as it is on a network, such as 2ms"));
    }
}

/// Reports a name that MongoDB takes for no database (its manual, "Naming Restrictions").
fn check_database_name(scenario: &Scenario, top: &Reader<'_>) {
    /// Of the 63 bytes that there may be, the rest is for the time of the run.
    const LONGEST: usize = 38;
    let name = &scenario.database.name;
    let refused = name.chars().find(|letter| "/\\. \"$*<>:|?\0".contains(*letter) || letter.is_control());
    let message = match refused {
        Some(letter) => format!("no database can have {letter:?} in its name"),
        None if name.is_empty() => "is empty".to_owned(),
        None if name.len() > LONGEST => {
            format!("is longer than {LONGEST} bytes, behind which the time of the run has to follow")
        }
        None => return,
    };
    let path = ["database", "name"];
    let mistake = Mistake::new(top.place_of(&path), path.join("."), message);
    top.mistakes().push(mistake.help("write letters, digits, - and _"));
}

/// Reports documents that come and go where they cannot.
fn check_lives(scenario: &Scenario, top: &Reader<'_>) {
    let workload = &scenario.workload;
    let wrong = |path: [&str; 2], message: String, help: &str| {
        let mistake = Mistake::new(top.place_of(&path), path.join("."), message);
        top.mistakes().push(mistake.help(help));
    };
    let set = [
        (["workload", "inserts"], workload.inserts > Share::NONE),
        (["workload", "deletes"], workload.deletes > Share::NONE),
        (["dataset", "loaded"], scenario.dataset.loaded < Share::ALL),
    ];
    for (path, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        if !scenario.is_catalog() {
            let application = scenario.application.spec.name();
            let message = format!("means nothing to {application}, whose documents are there all the time");
            wrong(path, message, "leave it out, or run it with application = \"catalog\"");
        } else if workload.trace.is_some() {
            let message = "means nothing to a trace, whose operations read and write".to_owned();
            wrong(path, message, "leave it out, or leave the trace out");
        }
    }
    let sum = workload.inserts.get() + workload.deletes.get();
    if sum > 1.0 + 1e-9 {
        let message =
            format!("with workload.inserts, more than all writes: {} in all", (sum * 1e6).round() / 1e6);
        wrong(["workload", "deletes"], message, "what is left of the writes changes documents");
    }
    let writes_never =
        workload.reads == Share::ALL && scenario.phases.iter().all(|phase| phase.reads == Share::ALL);
    if writes_never && workload.has_lives() && scenario.is_catalog() {
        let key = if workload.inserts > Share::NONE { "inserts" } else { "deletes" };
        let message = "is a share of the writes, and there are none".to_owned();
        wrong(["workload", key], message, "give workload.reads less than 1");
    }
}

/// Reports a bound on operations under way that has no effect or leaves an instance without any.
fn check_room(scenario: &Scenario, top: &Reader<'_>) {
    // What could not be read stands as its default here, which may contradict what could.
    let workload = &scenario.workload;
    let Some(most) = workload.max_in_flight.filter(|_| top.mistakes().is_empty()) else { return };
    let (message, help) = if workload.rate_per_second.is_none() {
        let message = "means nothing in a closed loop, where each client has one operation under way";
        (message.to_owned(), "leave it out, or give a rate".to_owned())
    } else if !scenario.shares_arrivals() {
        let message = "means nothing where each client has a queue, and one operation under way";
        (message.to_owned(), "leave it out, or give fewer clients".to_owned())
    } else if most < workload.instances {
        let message =
            format!("{most} operations at once leave some of {} instances none", workload.instances);
        (message, format!("give {} or more", workload.instances))
    } else {
        return;
    };
    let place = top.place_of(&["workload", "max_in_flight"]);
    top.mistakes().push(Mistake::new(place, "workload.max_in_flight", message).help(help));
}

/// Reports a range of repeats that nothing ends, and what would end one that is not there.
fn check_repeats(run: &RunSettings, top: &Reader<'_>) {
    // What could not be read stands as its default here, which may contradict what could.
    if !top.mistakes().is_empty() {
        return;
    }
    let wrong = |key: &str, message: &str, help: &str| {
        let mistake = Mistake::new(top.place_of(&["run", key]), format!("run.{key}"), message);
        top.mistakes().push(mistake.help(help));
    };
    let fixed = "give run.repeats a range such as \"5..30\"";
    match (run.repeats.is_range(), run.until.is_some()) {
        (true, false) => wrong(
            "repeats",
            "is a range, and nothing says when enough have been run",
            "give run.until, as in until = \"2%\", or a number of repeats",
        ),
        (false, true) => wrong("until", "needs repeats whose number is open", fixed),
        _ => {}
    }
    if run.max_duration.is_some() && !run.repeats.is_range() {
        wrong("max_duration", "bounds repeats whose number is open, and theirs is not", fixed);
    }
}

/// This process may use the processors that are named.
pub(super) fn check_pin(pin: &PinSettings, top: &Reader<'_>) {
    let allowed = processors::allowed();
    for (key, wanted) in [("hotset", &pin.hotset), ("cache", &pin.cache), ("database", &pin.database)] {
        for processor in wanted.iter().filter(|processor| !allowed.contains(processor)) {
            let message = format!("there is no processor {processor} for this process");
            let place = top.place_of(&["run", "pin", key]);
            let mistake = Mistake::new(place, format!("run.pin.{key}"), message);
            let help = format!("it may use the processors {}", processors::in_words(&allowed));
            top.mistakes().push(mistake.help(help));
        }
    }
}

/// A strategy that writes to the cache first must not lose there what the database does not hold yet.
fn check_eviction(scenario: &Scenario, top: &Reader<'_>) {
    let dirty = scenario.strategies.iter().find(|one| {
        scenario.application.incompatibility(&one.spec).is_none()
            && scenario.application.holds_back(&one.spec)
    });
    let evicts =
        scenario.topologies.iter().find_map(|topology| topology.spec.evicts_any_key(&scenario.cache));
    let (Some(strategy), Some(policy)) = (dirty, evicts) else { return };
    let message = format!(
        "{} may evict what {} has acknowledged and the database does not hold yet",
        policy.word(),
        strategy.label
    );
    let mistake = Mistake::new(top.place_of(&["cache", "eviction"]), "cache.eviction", message);
    top.mistakes().push(mistake.help(
        "write eviction = \"volatile-lru\" (what is not flushed has no time to live and is safe there), or run that strategy in a scenario of its own",
    ));
}

/// Reports a cache that is to be met restored where hotset cannot restart it, or where it is empty then.
fn check_restored(scenario: &Scenario, top: &Reader<'_>) {
    if scenario.run.cache != CacheAtStart::Restored {
        return;
    }
    let wrong = |message: String, help: &str| {
        let mistake = Mistake::new(top.place_of(&["run", "cache"]), "run.cache", message);
        top.mistakes().push(mistake.help(help));
    };
    for topology in &scenario.topologies {
        let (label, shape) = (&topology.label, topology.spec.shape());
        let why = if !topology.spec.manages_cache_servers() {
            format!("{label} has no server that hotset starts, and so none that it may restart")
        } else if shape.shards > 1 || shape.replicas > 0 {
            format!("{label} has several nodes, which take over from each other in a restart")
        } else {
            continue;
        };
        wrong(why, "run it on topologies = [\"single\"], without url and replicas");
    }
    if scenario.cache.persistence == Persistence::None {
        let message = "a cache that is restarted with cache.persistence = \"none\" is empty".into();
        wrong(message, "give cache.persistence = \"aof-every-second\", or write cache = \"cold\"");
    }
}

/// The files of TLS are there before anything is started.
fn check_tls(scenario: &Scenario, top: &Reader<'_>) {
    for (key, fault) in tls::faults(&scenario.cache) {
        let place = top.place_of(&["cache", key]);
        top.mistakes().push(Mistake::new(place, format!("cache.{key}"), fault));
    }
    let of_database = scenario.database.url.as_ref().map(MongoUrl::faults_of_files).unwrap_or_default();
    for fault in of_database {
        let place = top.place_of(&["database", "url"]);
        top.mistakes().push(Mistake::new(place, "database.url", fault));
    }
}

#[cfg(test)]
mod tests {
    use crate::run::plan::{Plan, PlanError, PlanOptions};

    #[test]
    fn a_bound_on_operations_at_once_is_for_open_loops_whose_clients_share_their_arrivals() {
        let told = |workload: &str| {
            let text = format!(
                "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[workload]\ninstances = 3\n{workload}"
            );
            match Plan::parse("test", "test.toml", &text, &PlanOptions::default()) {
                Ok(_) => String::new(),
                Err(PlanError::Invalid(invalid)) => {
                    let mistakes = invalid.mistakes.iter();
                    mistakes.map(|one| format!("{}: {}", one.key, one.message)).collect::<Vec<_>>().concat()
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(told("rate_per_second = 9\nmax_in_flight = 3"), "");
        assert!(
            told("max_in_flight = 9").starts_with("workload.max_in_flight: means nothing in a closed loop")
        );
        let own = told("rate_per_second = 9\nqueue = \"client\"\nmax_in_flight = 9");
        assert!(
            own.starts_with("workload.max_in_flight: means nothing where each client has a queue"),
            "{own}"
        );
        let few = told("rate_per_second = 9\nmax_in_flight = 2");
        assert_eq!(few, "workload.max_in_flight: 2 operations at once leave some of 3 instances none");
    }

    #[test]
    fn only_a_server_of_hotsets_own_that_keeps_something_on_disk_can_be_met_restored() {
        let told = |topology: &str, persistence: &str| {
            let text = format!(
                "strategies = [\"cache-aside\"]\ntopologies = [{topology}]\n[cache]\npersistence = \"{persistence}\"\n\
                 [run]\ncache = \"restored\"\n"
            );
            match Plan::parse("test", "test.toml", &text, &PlanOptions::default()) {
                Ok(_) => Vec::new(),
                Err(PlanError::Invalid(invalid)) => {
                    invalid.mistakes.iter().map(|one| format!("{}: {}", one.key, one.message)).collect()
                }
                Err(other) => panic!("{other}"),
            }
        };
        let single = "\"single\"";
        assert_eq!(told(single, "aof-every-second"), Vec::<String>::new());
        for (topology, persistence, why) in [
            (single, "none", "a cache that is restarted with cache.persistence = \"none\" is empty"),
            ("\"embedded\"", "aof-always", "embedded has no server that hotset starts"),
            (
                "{ name = \"single\", url = \"redis://h\" }",
                "aof-always",
                "single has no server that hotset starts",
            ),
            ("{ name = \"single\", replicas = 1 }", "aof-always", "single has several nodes"),
            ("\"cluster\"", "aof-always", "cluster has several nodes"),
        ] {
            let told = told(topology, persistence);
            assert!(
                told.iter().any(|one| one.starts_with(&format!("run.cache: {why}"))),
                "{topology}: {told:?}"
            );
        }
    }

    #[test]
    fn a_file_of_certificates_that_is_none_is_a_mistake_of_the_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let plan = || {
            let text = format!("topologies = [\"embedded\"]\n[cache]\ntls_ca = '{}'\n", file.display());
            Plan::parse("test", "test.toml", &text, &PlanOptions::default())
        };
        let said = |plan: Result<Plan, PlanError>| match plan {
            Err(PlanError::Invalid(invalid)) => invalid.mistakes[0].message.clone(),
            other => panic!("{other:?}"),
        };
        assert!(said(plan()).starts_with("cannot read"));
        std::fs::write(&file, "nonsense").unwrap();
        assert!(said(plan()).starts_with("there is no certificate"));
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert!(said(plan()).to_lowercase().contains("certificate"));
        let real = rcgen::generate_simple_self_signed(vec!["h".to_owned()]).unwrap().cert.pem();
        std::fs::write(&file, real).unwrap();
        assert!(plan().is_ok());
    }
}
