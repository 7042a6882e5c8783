use std::time::Duration;

use super::{Distribution, LoadPhase};
use crate::load::workload::phase::starts;
use crate::run::plan::{Plan, PlanError, PlanOptions};

const HEAD: &str = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\nrun.window = \"500ms\"\n";

fn plan(text: &str) -> Result<Plan, Vec<String>> {
    let parsed = Plan::parse("test", "test.toml", &format!("{HEAD}{text}"), &PlanOptions::default());
    parsed.map_err(|error| match error {
        PlanError::Invalid(invalid) => {
            let of = |one: crate::scenario::Mistake| {
                assert!(one.help.is_some(), "{}: {}", one.key, one.message);
                format!("{}: {}", one.key, one.message)
            };
            invalid.mistakes.into_iter().map(of).collect()
        }
        unreadable @ PlanError::Unreadable { .. } => vec![unreadable.to_string()],
    })
}

#[test]
fn how_long_a_cell_is_measured_and_how_it_is_warmed_follow_from_the_phases() {
    let scenario = plan(
        "[[phase]]\nduration = \"5s\"\nkind = \"ramp\"\nto_per_second = 200\n[[phase]]\nduration = \"10s\"\n\
         kind = \"pause\"\n[[phase]]\nname = \"after\"\nduration = \"5s\"\nrate_per_second = 300\nreads = 0.5\n",
    )
    .unwrap()
    .scenario
    .clone();
    assert_eq!(scenario.run.duration.0, Duration::from_secs(20));
    assert_eq!(scenario.workload.rate_per_second.map(|rate| rate.0), Some(100.0), "the mean of the ramp");
    let told: Vec<(u64, &str, f64)> = starts(&scenario.phases)
        .map(|(start, phase)| (start.as_secs(), phase.name.as_str(), phase.reads.get()))
        .collect();
    assert_eq!(told, [(0, "ramp", 0.95), (5, "pause", 0.95), (15, "after", 0.5)]);
}

#[test]
fn a_rate_that_is_left_out_is_that_at_which_the_phase_before_ended() {
    let scenario = plan(
        "[workload]\nrate_per_second = 100\n[[phase]]\nduration = \"5s\"\n[[phase]]\nduration = \"5s\"\n\
         kind = \"ramp\"\nto_per_second = 200\n[[phase]]\nduration = \"5s\"\nkind = \"spike\"\nto_per_second = 900\n",
    )
    .unwrap()
    .scenario
    .clone();
    let last: Vec<f64> = scenario.phases.iter().map(LoadPhase::last).collect();
    assert_eq!(last, [100.0, 200.0, 200.0]);
}

#[test]
fn a_closed_loop_has_phases_of_clients() {
    let closed =
        "[workload]\nclients = 10\n[[phase]]\nduration = \"5s\"\nclients = 4\n[[phase]]\nduration = \"5s\"\n";
    let ends = |more: &str| {
        let scenario = plan(&format!("{closed}{more}")).unwrap().scenario.clone();
        assert_eq!(scenario.workload.rate_per_second, None, "it stays a closed loop");
        scenario.phases.iter().map(|phase| (phase.highest(), phase.last())).collect::<Vec<_>>()
    };
    assert_eq!(ends("kind = \"pause\"\n"), [(4.0, 4.0), (0.0, 0.0)]);
    assert_eq!(ends("kind = \"ramp\"\nto_clients = 10\n"), [(4.0, 4.0), (10.0, 10.0)]);
    assert_eq!(ends("kind = \"step\"\nto_clients = 2\n"), [(4.0, 4.0), (4.0, 2.0)], "from the phase before");
    assert_eq!(ends("kind = \"spike\"\nfrom_clients = 1\nto_clients = 7\n"), [(4.0, 4.0), (7.0, 1.0)]);
    let first =
        plan("[workload]\nclients = 10\n[[phase]]\nduration = \"5s\"\nkind = \"ramp\"\nto_clients = 1\n");
    let highest: Vec<f64> = first.unwrap().scenario.phases.iter().map(LoadPhase::highest).collect();
    assert_eq!(highest, [10.0], "all of them at first");
    let told = |more: &str| plan(&format!("{closed}{more}")).unwrap_err();
    assert_eq!(told("kind = \"ramp\"\n"), ["phase[1].to_clients: is missing"]);
    assert_eq!(
        told("clients = 11\n"),
        ["phase[1].clients: 11 clients are more than the 10 of workload.clients"]
    );
    assert_eq!(
        told("kind = \"sine\"\nto_clients = 11\n"),
        ["phase[1].to_clients: 11 clients are more than the 10 of workload.clients"]
    );
    let open = closed.replace("[workload]\n", "[workload]\nrate_per_second = 5\n");
    assert_eq!(
        plan(&format!("{open}kind = \"ramp\"\nto_clients = 8\nto_per_second = 5\n")).unwrap_err(),
        ["phase[0].clients", "phase[1].to_clients"]
            .map(|key| format!("{key}: means nothing in an open loop, where a rate says how much is asked"))
    );
}

#[test]
fn no_client_rests_where_all_of_them_take_turns() {
    let of = |keys: &str, phases: &str| {
        plan(&format!("[workload]\nclients = 10\n[workload.keys]\ndistribution = \"{keys}\"\n{phases}"))
    };
    let fewer = "[[phase]]\nduration = \"5s\"\nclients = 4\n";
    let then = "[[phase]]\nduration = \"5s\"\nkeys = { distribution = \"sequential\" }\nkind = \"ramp\"\nto_clients = 10\n";
    for (keys, phases, key) in [
        ("sequential", fewer.to_owned(), "phase[0].clients"),
        ("zipf-one-hit", fewer.replace("clients", "kind = \"ramp\"\nto_clients"), "phase[0].to_clients"),
        ("zipf", [fewer, then].concat(), "phase[1].from_clients"),
    ] {
        let told = of(keys, &phases).unwrap_err();
        let what = "lets clients rest, and the keys are taken by all 10 of them in turns";
        assert_eq!(told, [format!("{key}: {what}")], "{keys}: {phases}");
    }
    assert!(of("zipf", fewer).is_ok(), "each draws its own keys");
    assert!(of("sequential", &fewer.replace('4', "10")).is_ok());
    let pause = "[[phase]]\nduration = \"5s\"\nkind = \"pause\"\n";
    assert!(of("sequential", &[&fewer.replace('4', "10"), pause].concat()).is_ok(), "nobody goes on alone");
}

#[test]
fn a_phase_may_ask_for_no_more_keys_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.csv");
    std::fs::write(&file, "rank,weight\n1,3\n2,2\n3,1\n").unwrap();
    let of = |documents: u64| {
        plan(&format!(
            "[dataset]\nkeys = {documents}\n[[phase]]\nduration = \"5s\"\nrate_per_second = 9\n\
             keys = {{ distribution = \"file\", path = '{}' }}\n",
            file.display()
        ))
    };
    assert_eq!(of(3).unwrap().scenario.phases[0].keys.as_ref().map(Distribution::name), Some("file"));
    let told = of(2).unwrap_err();
    assert_eq!(told, ["phase[0].keys: asks for 3 keys, and the dataset has 2"]);
}

#[test]
fn what_is_wrong_with_a_phase_is_told_at_its_key_with_a_remedy() {
    let one = "[[phase]]\nduration = \"5s\"\nrate_per_second = 9\n";
    for (text, told) in [
        ("phase = 3\n", "phase: is not a list of tables"),
        ("[[phase]]\nrate_per_second = 9\n", "phase[0].duration: is missing"),
        (
            "[[phase]]\nduration = \"1200ms\"\nrate_per_second = 9\n",
            "phase[0].duration: 1.2s is not a whole number of windows",
        ),
        ("[[phase]]\nduration = \"5s\"\nfrom_per_second = -1\n", "phase[0].from_per_second: -1 is below 0"),
        (&format!("{one}clients = 3\n"), "phase[0].clients: means nothing in an open loop"),
        (&format!("{one}name = \"a\"\n{one}name = \"a\"\n"), "phase[1].name: there is a phase \"a\" before"),
        (&format!("{one}shfit = 0.3\n"), "phase[0].shfit: there is no such key"),
        (
            &format!("{one}shift = 0.3\n[workload.keys]\ndistribution = \"uniform\"\n"),
            "phase[0].shift: uniform keys are all alike, so that none is hot",
        ),
        (
            &format!("{one}shift = 0.3\nkeys = {{ distribution = \"sequential\" }}\n"),
            "phase[0].shift: sequential keys are all alike, so that none is hot",
        ),
        (
            &format!("{one}keys = {{ distribution = \"unifrom\" }}\n"),
            "phase[0].keys: distribution: there is no distribution \"unifrom\"",
        ),
        (
            &format!("{one}keys = {{ distribution = \"uniform\", absent_share = 0.1 }}\n"),
            "phase[0].keys: absent_share: there is no such key",
        ),
        (
            &format!("{one}[phase.keys]\ndistribution = \"uniform\"\nexponent = 1.1\n"),
            "phase[0].keys: exponent: there is no such key",
        ),
        (&format!("{one}keys = \"uniform\"\n"), "phase[0].keys: \"uniform\" does not fit"),
        (
            &format!("{one}[workload]\ntrace = \"none.csv\"\n")
                .replace("rate_per", "keys = { distribution = \"uniform\" }\nrate_per"),
            "phase[0].keys: means nothing to a trace, which says every operation",
        ),
        (
            "[[phase]]\nduration = \"5s\"\nkind = \"pause\"\nkeys = { distribution = \"uniform\" }\n",
            "phase[0].keys: means nothing to a phase of kind pause",
        ),
        (
            &format!("{one}reads = 0.3\n[application]\nname = \"ecommerce\"\n"),
            "phase[0].reads: means nothing to ecommerce, whose mix is its own",
        ),
        (
            "[[phase]]\nduration = \"5s\"\nkind = \"pause\"\n[workload]\nrate_per_second = 3\n",
            "phase: no operation is due in any of the phases",
        ),
        (
            "[[phase]]\nduration = \"5s\"\nkind = \"pause\"\n",
            "phase: no operation is due in any of the phases",
        ),
        (
            &"[[phase]]\nduration = \"10000000000000000000s\"\nrate_per_second = 9\n".repeat(2),
            "phase[0].duration: \"10000000000000000000s\" is more than a hundred years",
        ),
        (
            "[[phase]]\nduration = \"10000000000000000000s\"\nkind = \"step\"\nto_per_second = 9\n",
            "phase[0].duration: \"10000000000000000000s\" is more than a hundred years",
        ),
        (
            "[staircase]\nfrom_per_second = 5\nto_per_second = 9\nduration = \"10000000000000000000s\"\n",
            "staircase.duration: \"10000000000000000000s\" is more than a hundred years",
        ),
        (
            "[[phase]]\nduration = \"5s\"\nrate_per_second = 1e12\n",
            "phase: 1000000000000 operations a second are more than",
        ),
    ] {
        let mistakes = plan(text).map(|_| text).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(told)), "{text}\n{mistakes:?}");
    }
    let twice =
        Plan::parse("t", "t", &format!("{HEAD}run.duration = \"9s\"\n{one}"), &PlanOptions::default());
    let Err(PlanError::Invalid(twice)) = twice else { panic!("two durations are one too many") };
    assert_eq!(twice.mistakes[0].key, "run.duration");
    assert!(twice.mistakes[0].message.contains("they last 5s together"), "{:?}", twice.mistakes);
    let stairs = "run.duration = \"9s\"\n[staircase]\nfrom_per_second = 5\nto_per_second = 9\n";
    let told = plan(stairs).unwrap_err();
    assert!(told[0].starts_with("run.duration: is given although the steps of [staircase]"), "{told:?}");
}
