//! The command line: what it prints, and what it says of input that is wrong.

mod support;

use std::fs;
use std::net::Ipv4Addr;

use insta::assert_snapshot;
use support::{Foreign, Place, files_below, free_port, row};

/// A scenario that is right and takes a second for each cell.
const TINY: &str = r#"
strategies = ["no-cache"]
topologies = ["embedded"]
[dataset]
keys = 100
value_size = "300B"
[workload]
clients = 4
[run]
duration = "300ms"
warmup_max = "300ms"
window = "100ms"
"#;

/// Returns what is said of a scenario, which is refused.
fn refused(text: &str) -> String {
    let place = Place::new();
    place.write("scenario.toml", text);
    place.fails(2, &["check", "scenario.toml"])
}

/// Returns what is said of options to a scenario that is right.
fn refused_options(options: &[&str]) -> String {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    let arguments: Vec<_> = ["check", "scenario.toml"].into_iter().chain(options.iter().copied()).collect();
    place.fails(2, &arguments)
}

/// Holds a message to its place in the file, its key and reason, and its remedy.
#[track_caller]
fn says(message: &str, at: &str, reason: &str, remedy: &str) {
    let words = message.replace("\n  │", "").replace("\n ", " ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [&format!("scenario.toml:{at}"), reason, remedy] {
        assert!(words.contains(part), "{part:?} is not in:\n{message}");
    }
    assert!(words.contains("1 mistake in scenario.toml: nothing was run"), "{message}");
}

#[test]
fn the_help_explains_itself_by_examples() {
    assert_snapshot!(Place::new().succeeds(&["--help"]).stdout);
}

#[test]
fn the_help_of_a_comparison_names_its_formats_and_its_gate() {
    assert_snapshot!(Place::new().succeeds(&["compare", "--help"]).stdout);
}

#[test]
fn the_help_of_the_monitor_names_its_columns_and_whose_lookups_count() {
    assert_snapshot!(Place::new().succeeds(&["monitor", "--help"]).stdout);
}

#[test]
fn the_help_of_the_history_names_its_times() {
    assert_snapshot!(Place::new().succeeds(&["monitor", "history", "--help"]).stdout);
}

#[test]
fn a_password_in_a_url_that_is_refused_is_not_shown() {
    let said = Place::new().fails(2, &["monitor", "redis://user:topsecret@host"]);
    assert!(said.contains("redis://user:***@host") && !said.contains("topsecret"), "{said}");
}

#[test]
fn without_a_terminal_a_watched_run_says_so_and_shows_its_progress_as_ever() {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    let ended = place.succeeds(&["scenario.toml", "--watch", "--no-plots"]);
    assert!(ended.stderr.contains("note: --watch needs a terminal"), "{ended:?}");
    assert!(ended.stderr.contains("[1/1]") && !ended.stdout.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn a_check_asks_every_server_that_a_scenario_names_and_says_which_does_not_answer() {
    let place = Place::new();
    // Nobody listens on port 1.
    place.write(
        "scenario.toml",
        "strategies = [\"cache-aside\"]\n[[topologies]]\nname = \"single\"\nurl = \"redis://me:topsecret@127.0.0.1:1\"\ndatabase = \"embedded\"\n",
    );
    let ended = place.run(&["check", "scenario.toml", "--connect"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stdout.contains("DOES NOT ANSWER redis://me:***@127.0.0.1:1 (topology single)"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("topsecret"), "{ended:?}");
    assert_eq!(place.run(&["check", "scenario.toml"]).code, 0, "without --connect nobody is asked");
    place.write("managed.toml", TINY);
    assert!(place.succeeds(&["check", "managed.toml", "--connect"]).stdout.contains("It names no server"));
}

#[test]
fn every_list_names_what_there_is_with_its_settings() {
    let place = Place::new();
    for list in ["strategies", "topologies", "distributions", "faults", "charts", "settings", "columns"] {
        assert_snapshot!(format!("list_{list}"), place.succeeds(&["list", list]).stdout);
    }
}

#[test]
fn a_list_without_a_sort_is_all_the_lists() {
    let place = Place::new();
    let all = place.succeeds(&["list"]).stdout;
    for list in ["strategies", "topologies", "distributions", "faults", "charts", "settings", "columns"] {
        let one = place.succeeds(&["list", list]).stdout;
        assert!(one.lines().count() > 3 && all.contains(&one), "{list}:\n{all}");
    }
}

#[test]
fn every_scenario_that_comes_along_is_valid() {
    let place = Place::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    // They name their traces as seen from where the README's commands are run.
    fs::create_dir(place.path().join("scenarios")).unwrap();
    let files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| format!("scenarios/{}", file.unwrap().file_name().display()))
        .collect();
    for file in &files {
        fs::copy(folder.with_file_name(file), place.path().join(file)).unwrap();
    }
    for scenario in
        files.iter().filter(|file| std::path::Path::new(file).extension() == Some("toml".as_ref()))
    {
        let said = place.succeeds(&["check", scenario]).stdout;
        assert!(said.contains(" is valid: ") && said.contains("It takes "), "{said}");
        seen += 1;
    }
    assert!(seen >= 2, "{seen} scenarios");
}

#[test]
fn a_check_prints_the_cells_in_their_order_and_how_long_they_take() {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    let arguments = ["check", "scenario.toml", "--set", "strategies=[\"no-cache\", \"cache-aside\"]"];
    assert_snapshot!(place.succeeds(&[&arguments[..], &["--repeats", "2"]].concat()).stdout);
}

#[test]
fn the_doctor_finds_both_servers_and_tells_their_versions() {
    let said = Place::new().succeeds(&["doctor"]).stdout;
    for server in ["redis-server", "mongod"] {
        let line = said.lines().find(|line| line.split_whitespace().nth(1) == Some(server));
        let line = line.unwrap_or_else(|| panic!("{server} is missing, scripts/test gets it:\n{said}"));
        assert!(line.starts_with("ok") && line.contains(" at /"), "{line}");
        assert!(line.chars().any(|c| c.is_ascii_digit()), "{line}");
    }
    assert!(said.contains("open files allowed") && said.contains("cores"), "{said}");
}

#[test]
fn the_doctor_says_how_to_get_a_server_that_is_missing() {
    let place = Place::new();
    let mut command = place.hotset(&["doctor"]);
    command.env("PATH", place.path());
    let ended = place.start(command).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let missing: Vec<_> = ended.stdout.lines().filter(|line| line.starts_with("MISSING")).collect();
    assert!(
        missing.iter().any(|line| line.contains("redis-server") && line.contains("install")),
        "{ended:?}"
    );
}

#[test]
fn a_scenario_that_is_not_there_is_refused() {
    let said = Place::new().fails(2, &["nowhere.toml"]);
    assert!(said.contains("nowhere.toml: No such file") && said.contains("check the path"), "{said}");
}

#[test]
fn a_directory_is_no_scenario() {
    let place = Place::new();
    fs::create_dir(place.path().join("folder.toml")).unwrap();
    let said = place.fails(2, &["folder.toml"]);
    assert!(said.contains("folder.toml: Is a directory") && said.contains("check the path"), "{said}");
}

#[test]
fn a_scenario_that_is_not_text_is_refused() {
    let place = Place::new();
    place.write("binary.toml", [b'a', 0xff, 0xfe]);
    let said = place.fails(2, &["binary.toml"]);
    assert!(said.contains("binary.toml: it is not text (UTF-8)"), "{said}");
}

#[test]
fn both_errors_of_broken_toml_are_shown_at_once() {
    assert_snapshot!(refused("description = \n[run\nseed = 1\n"));
}

#[test]
fn several_mistakes_are_shown_at_once_each_with_its_line() {
    assert_snapshot!(refused(
        r#"strategies = ["cache-asid", { name = "no-cache" }, "no-cache"]
topologies = []
[dataset]
keys = 0
[workload]
reads = 1.5
clients = 1
instances = 2
clinets = 3
[workload.keys]
distribution = "zip"
[cache]
capacity = 0
[run]
duration = "0s"
window = "60s"
[sweep]
"workload.reads" = 0.5
"#
    ));
}

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    let said = refused("[workload]\nclinets = 3\n");
    says(&said, "2:1", "workload.clinets: there is no such key", "did you mean \"clients\"?");
}

#[test]
fn an_unknown_table_gets_the_nearest_known_one() {
    says(
        &refused("[worklod]\nclients = 3\n"),
        "1:",
        "worklod: there is no such key",
        "did you mean \"workload\"?",
    );
}

#[test]
fn an_unknown_strategy_gets_the_nearest_known_one() {
    let said = refused("strategies = [\"cache-asid\"]");
    says(&said, "1:15", "there is no \"cache-asid\"", "did you mean \"cache-aside\"?");
}

#[test]
fn an_unknown_topology_gets_the_nearest_known_one() {
    let said = refused("topologies = [{ name = \"singel\" }]");
    says(&said, "1:24", "there is no \"singel\"", "did you mean \"single\"?");
}

#[test]
fn an_unknown_distribution_gets_the_nearest_known_one() {
    let said = refused("[workload.keys]\ndistribution = \"unifrom\"");
    says(&said, "2:16", "workload.keys.distribution", "did you mean \"uniform\"?");
}

#[test]
fn a_dataset_of_no_keys_is_refused() {
    says(&refused("[dataset]\nkeys = 0"), "2:8", "dataset.keys: 0 is too few", "1 or more");
}

#[test]
fn a_share_outside_0_to_1_is_refused() {
    for share in ["1.5", "-0.1", "nan", "\"150%\"", "\"95\"", "\"many%\""] {
        says(
            &refused(&format!("[workload]\nreads = {share}")),
            "2:9",
            "workload.reads",
            "a share from 0 to 1",
        );
    }
}

#[test]
fn a_share_may_be_a_percentage() {
    let place = Place::new();
    place.write("scenario.toml", TINY.replace("[workload]", "[workload]\nreads = \"95%\""));
    place.succeeds(&["scenario.toml", "--no-plots"]);
    assert!(place.results("scenario").run.settings.contains("\nreads = 0.95\n"));
}

#[test]
fn a_cache_without_room_is_refused() {
    says(
        &refused("[cache]\ncapacity = 0"),
        "2:12",
        "cache.capacity: a cache of no entries",
        "a number of entries",
    );
    for none in ["\"0%\"", "\"0B\"", "\"120%\""] {
        says(
            &refused(&format!("[cache]\ncapacity = {none}")),
            "2:12",
            "cache.capacity",
            "a size (\"64MiB\")",
        );
    }
}

#[test]
fn a_duration_of_0_is_refused() {
    says(&refused("[run]\nduration = \"0s\""), "2:12", "run.duration: a duration of 0", "such as \"500ms\"");
}

#[test]
fn what_no_run_could_obey_is_refused_with_its_place() {
    let single = |url: &str| {
        format!(
            "strategies = [\"cache-aside\"]\ntopologies = [{{ name = \"single\", url = \"{url}\", database = \"embedded\" }}]"
        )
    };
    for (text, key, why) in [
        ("[sweep]\n\"run.repeats\" = [1, 3]".to_owned(), "sweep.run.repeats", "of the whole run"),
        ("[network]\ndatabase_rtt = \"1h\"".to_owned(), "network.database_rtt", "longer than a minute"),
        ("[database]\nname = \"a b\"".to_owned(), "database.name", "' ' in its name"),
        (format!("[database]\nname = \"{}\"", "x".repeat(70)), "database.name", "longer than 38 bytes"),
        (
            single("redis://127.0.0.1:1?password=Wolkenbruch77"),
            "topologies[0].url",
            "nothing obeys \"password\"",
        ),
        (single("redis://127.0.0.1:1/?db=3"), "topologies[0].url", "redis://HOST:6379/3"),
        (single("unix:///run/none.sock?password=Wolkenbruch77"), "topologies[0].url", "write pass="),
    ] {
        let said = refused(&text);
        assert!(said.contains(key) && said.replace("\n  │ ", " ").contains(why), "{text}: {said}");
        assert!(!said.contains("Wolkenbruch77"), "{said}");
    }
}

/// What is struck out of a label makes two of them one, and parts a cell from its files.
#[test]
fn a_label_or_a_name_that_holds_a_secret_is_refused() {
    let place = Place::new();
    let scenario = |strategy: &str, topology: &str| {
        format!(
            "strategies = [{{ name = \"cache-aside\", label = \"{strategy}\" }}]\n[[topologies]]\nname = \"single\"\n\
             label = \"{topology}\"\nurl = \"redis://app:${{PASSWORD}}@127.0.0.1:1\"\ndatabase = \"embedded\"\n"
        )
    };
    let check = |file: &str, text: String| {
        place.write(file, text);
        let mut command = place.hotset(&["check", file]);
        let ended = command.env("PASSWORD", "Wolkenbruch77").output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("Wolkenbruch77"), "{said}");
        (ended.status.code(), said)
    };
    for (strategy, topology) in [("Wolkenbruch77", "b"), ("a", "to-Wolkenbruch77-there")] {
        let (code, said) = check("labels.toml", scenario(strategy, topology));
        assert!(code == Some(2) && said.contains("a label holds a secret"), "{said}");
    }
    let (code, said) = check("Wolkenbruch77.toml", scenario("a", "b"));
    assert!(code == Some(2) && said.contains("the scenario's name holds a secret"), "{said}");
    assert_eq!(check("fine.toml", scenario("a", "b")).0, Some(0));
}

#[test]
fn what_stands_where_a_report_is_to_be_written_stays_what_it_is() {
    let place = Place::new();
    place.write("tiny.toml", TINY);
    place.succeeds(&["tiny.toml", "--quiet", "--no-plots"]);
    let target = place.path().join("target.xml");
    std::fs::write(&target, "old").unwrap();
    let link = place.path().join("link.xml");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    place.succeeds(&["report", "results/tiny/latest", "--junit", "link.xml"]);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&target).unwrap().contains("<testsuite"));
    let said = place.fails(3, &["report", "results/tiny/latest", "--junit", "results/tiny/latest"]);
    assert!(said.contains("results/tiny/latest"), "{said}");
    assert!(
        place.path().join("results/tiny/latest/summary.csv").is_file(),
        "the link still leads to the run"
    );
}

#[test]
fn a_trace_that_was_not_finished_has_not_its_name() {
    let place = Place::new();
    place.write("tiny.toml", TINY);
    place.succeeds(&["record", "tiny.toml", "--operations", "50", "--out", "whole.csv"]);
    let record = ["record", "tiny.toml", "--operations", "4000000000", "--out", "cut.csv"];
    let mut recording = place.start(place.hotset(&record));
    recording.until("it is being recorded", || place.path().join(".partial-cut.csv").exists());
    drop(recording);
    assert!(place.path().join("whole.csv").is_file() && !place.path().join("cut.csv").exists());
}

#[test]
fn the_advice_on_a_password_that_was_not_encoded_is_shown_whole() {
    let place = Place::new();
    let said = place.fails(2, &["monitor", "--redis", "redis://u:pa@s#s77@127.0.0.1:1"]);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("in a user or a password write %3F for ?") && said.contains("%40 for the at sign"),
        "{said}"
    );
    assert!(!said.contains("s77"), "{said}");
}

#[test]
fn a_monitor_that_no_server_answered_did_not_do_what_was_asked() {
    let place = Place::new();
    let none = ["monitor", "--redis", "redis://127.0.0.1:1", "--interval", "100ms", "--csv", "-"];
    for lasts in [["--count", "2"], ["--for", "500ms"]] {
        let ended = place.run(&[&none[..], &lasts].concat());
        assert!(ended.code == 3 && ended.stderr.contains("no server has answered"), "{ended:?}");
    }
}

#[test]
fn an_exponent_of_0_is_refused() {
    says(&refused("[workload.keys]\nexponent = 0"), "2:12", "workload.keys.exponent", "above 0");
}

#[test]
fn fewer_clients_than_instances_are_refused() {
    let said = refused("[workload]\nclients = 1\ninstances = 2");
    says(&said, "2:11", "workload.clients: 1 clients cannot use 2 instances", "every instance one client");
}

#[test]
fn a_window_longer_than_what_is_measured_is_refused() {
    let said = refused("[run]\nduration = \"1s\"\nwindow = \"2s\"");
    says(&said, "3:10", "run.window: is longer than run.duration", "make run.window shorter");
}

#[test]
fn two_strategies_cannot_have_one_label() {
    let said = refused("strategies = [\"no-cache\", { name = \"cache-aside\", label = \"no-cache\" }]");
    says(&said, "1:27", "two are called \"no-cache\"", "label = \"…\"");
}

#[test]
fn an_empty_list_is_refused() {
    says(&refused("strategies = []"), "1:14", "strategies: is empty", "leave the key out");
}

#[test]
fn servers_that_are_there_already_are_named_each_once_and_one_or_more() {
    let sentinel = |list: &str| {
        refused(&format!(
            "[[topologies]]\nname = \"sentinel\"\nsentinels = [\"redis://127.0.0.1:26379\"]\n{list}"
        ))
    };
    let none = "an empty list names none";
    says(&sentinel("masters = []"), "4:11", none, "give a list of one or more, each named once");
    let twice = sentinel("masters = [\"a\", \"b\", \"a\"]");
    says(&twice, "4:11", "masters: \"a\" is named twice", "each named once");
    let own = refused("[[topologies]]\nname = \"sentinel\"\nmasters = []");
    says(&own, "3:11", none, "one or more");
    says(&refused("[[topologies]]\nname = \"sentinel\"\nsentinels = []"), "3:13", none, "one or more");
    says(&refused("[[topologies]]\nname = \"cluster\"\nnodes = []"), "3:9", none, "one or more");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let said = refused("[database]\nurl = \"mongodb://u:${HOTSET_NOT_SET}@localhost\"");
    says(&said, "2:7", "no variable HOTSET_NOT_SET", "set it, as in HOTSET_NOT_SET=… hotset");
}

#[test]
fn a_processor_that_is_not_there_is_named_with_those_that_are() {
    let said = refused("[run.pin]\nhotset = [100000]");
    says(
        &said,
        "2:10",
        "run.pin.hotset: there is no processor 100000 for this process",
        "it may use the processors 0",
    );
}

#[test]
fn a_sweep_takes_lists() {
    let said = refused("[sweep]\n\"workload.reads\" = 0.5");
    says(&said, "2:20", "sweep.workload.reads: 0.5 is not a list", "= [0.8, 0.99]");
}

#[test]
fn a_swept_value_is_checked_where_it_stands() {
    let said = refused("[sweep]\n\"workload.reads\" = [0.5, 1.5]");
    says(&said, "2:26", "workload.reads: 1.5 is not between 0 and 1", "a share from 0 to 1");
}

#[test]
fn a_fault_that_outlasts_the_cell_is_refused() {
    let said =
        refused("[run]\nduration = \"3s\"\n[[fault]]\nat = \"2s\"\nkind = \"stop-cache\"\nfor = \"2s\"");
    says(&said, "4:6", "fault[0].at: the fault does not end", "before run.duration");
}

#[test]
fn options_that_are_wrong_are_all_shown_at_once() {
    let said = refused_options(&[
        "--set",
        "seed",
        "--set",
        "workload.nothing=3",
        "--set",
        "run.seed=many",
        "--only",
        "colour=red",
        "--only",
        "strategy=no-cach",
    ]);
    assert_snapshot!(said);
}

#[test]
fn repeats_and_durations_of_0_are_refused() {
    assert!(refused_options(&["--repeats", "0"]).contains("1 or more"));
    assert!(refused_options(&["--duration", "0s"]).contains("a duration of 0 measures nothing"));
}

#[test]
fn a_password_in_a_scenario_is_not_shown_with_its_mistakes() {
    let place = Place::new();
    place.write(
        "scenario.toml",
        "topologies = [{ name = \"single\", url = \"redis://:hunter21@h\", foo = 1 }]\n\
         [database]\nname = \"hunter-in-the-wood\"\n[dataset]\nkeys = \"mongodb://u:hunter22@h\"\n",
    );
    let said = place.fails(
        2,
        &[
            "scenario.toml",
            "--set",
            "database.name=\"mongodb://u:hunter23@h\"",
            "--set",
            "database.name.x=redis://:hunter24@h",
        ],
    );
    assert!(said.contains("topologies[0].foo") && said.contains("redis://:********@h"), "{said}");
    assert!(said.contains("database.name.x") && said.contains("***@h"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// A scenario with one cell that can be run and one that needs the servers of `more`.
fn two_topologies(single: &str, more: &str) -> String {
    TINY.replace("[\"embedded\"]", &format!("[\"embedded\", {single}]")) + more
}

#[test]
fn a_redis_that_is_not_there_fails_its_cells_and_keeps_the_others() {
    let place = Place::new();
    let single = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}/\" }}",
        free_port()
    );
    place.write("down.toml", two_topologies(&single, ""));

    let said = place.fails(3, &["down.toml"]);

    assert!(said.contains("connecting to the cache at redis://127.0.0.1"), "{said}");
    assert!(said.contains("check the address, and that the server runs"), "{said}");
    let results = place.results("down");
    assert_eq!(results.summary.len(), 2);
    let of = |topology: &str| results.summary.iter().find(|row| row.topology == topology).unwrap();
    assert!(of("embedded").operations > 0);
    assert_eq!((of("single").status.name(), of("single").operations), ("failed", 0));
    assert!(
        of("single").reason.contains("check the address, and that the server runs"),
        "{}",
        of("single").reason
    );
    place.is_left_clean();
}

#[test]
fn a_mongodb_that_is_not_there_fails_its_cells_and_keeps_the_others() {
    let place = Place::new();
    let database =
        format!("[database]\nurl = \"mongodb://127.0.0.1:{}\"\ntimeout = \"500ms\"\n", free_port());
    place.write("down.toml", two_topologies("\"single\"", &database));

    let said = place.fails(3, &["down.toml"]);

    assert!(said.contains("connecting to the database") || said.contains("loading the dataset"), "{said}");
    assert!(said.contains("check the address, and that the server runs"), "{said}");
    let results = place.results("down");
    let of = |topology: &str| results.summary.iter().find(|row| row.topology == topology).unwrap();
    assert!(of("embedded").operations > 0);
    assert_eq!(of("single").status.name(), "failed");
    place.is_left_clean();
}

/// Holds everything that a run has left, and said, to a secret that must not be there.
fn is_nowhere(secret: &str, place: &Place, ended: &support::Ended) {
    assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    let files = files_below(&place.path().join("results"));
    assert!(files.iter().any(|(path, _)| path.ends_with("run.json")));
    for (path, bytes) in files {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "in {}", path.display());
    }
}

#[test]
fn a_wrong_password_is_refused_with_a_remedy_and_shown_nowhere() {
    let place = Place::new();
    let redis = Foreign::redis(&["--requirepass", "the-right-one"]);
    let url = format!("redis://:${{HOTSET_TEST_PASSWORD}}@{}:{}/", Ipv4Addr::LOCALHOST, redis.port);
    let single = format!("{{ name = \"single\", database = \"embedded\", url = \"{url}\" }}");
    place.write("locked.toml", TINY.replace("\"embedded\"", &single).replace("no-cache", "cache-aside"));
    let run = |password: &str| {
        let mut command = place.hotset(&["locked.toml"]);
        command.env("HOTSET_TEST_PASSWORD", password);
        place.start(command).end()
    };

    let ended = run("the%2Dwrong-one");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("check the user and the password in the URL"), "{ended:?}");
    for secret in ["the%2Dwrong-one", "the-wrong-one"] {
        is_nowhere(secret, &place, &ended);
    }

    let ended = run("the-right-one");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(row(&place.results("locked"), "cache-aside").operations > 0);
    is_nowhere("the-right-one", &place, &ended);
}

#[test]
fn a_password_that_is_swept_or_set_is_not_written() {
    let place = Place::new();
    let url = |password: &str| format!("mongodb://u:{password}@127.0.0.1:1/");
    place.write(
        "swept.toml",
        format!("{TINY}[sweep]\n\"database.url\" = [\"{}\", \"{}\"]\n", url("hunter21"), url("hunter22")),
    );

    let ended = place.succeeds(&["swept.toml", "--set", &format!("description={}", url("hunter23"))]);

    // The embedded database has no URL, so both values would be one run.
    assert_eq!(place.results("swept").summary.len(), 1);
    is_nowhere("hunter2", &place, &ended);
}

#[test]
fn results_that_cannot_be_written_say_what_is_in_the_way() {
    let place = Place::new();
    place.write("tiny.toml", TINY);
    place.write("taken", "a file");
    let said = place.fails(3, &["tiny.toml", "--out", "taken"]);
    assert!(said.contains("cannot create taken/tiny") && said.contains("in the way"), "{said}");
    assert_eq!(fs::read_to_string(place.path().join("taken")).unwrap(), "a file");
}

#[test]
fn a_directory_without_results_is_not_drawn_and_not_resumed() {
    let place = Place::new();
    place.write("tiny.toml", TINY);
    fs::create_dir(place.path().join("empty")).unwrap();
    for arguments in [&["report", "empty"][..], &["report", "nowhere"], &["tiny.toml", "--resume", "empty"]] {
        let said = place.fails(2, arguments);
        assert!(said.contains("is not a results folder: it has no run.json"), "{said}");
        assert!(said.contains("results/<scenario>/latest"), "{said}");
    }
    assert_eq!(fs::read_dir(place.path().join("empty")).unwrap().count(), 0);
}

#[test]
fn the_commands_that_size_a_cache_explain_their_options() {
    let place = Place::new();
    for command in ["curve", "record"] {
        assert_snapshot!(format!("help_{command}"), place.succeeds(&[command, "--help"]).stdout);
    }
}

#[test]
fn a_capacity_or_policy_that_cannot_be_is_refused_with_the_remedy() {
    let with = |cache: &str| refused(&format!("{TINY}\n[cache]\n{cache}\n"));
    says(&with("capacity = 0"), "15:12", "a cache of no entries cannot be", "no-cache");
    says(
        &with("capacity = \"0.5%\""),
        "15:12",
        "0.5% of 100 documents is less than one entry",
        "give 1% or more",
    );
    says(&with("capacity = \"100B\""), "15:12", "is less than one entry", "give the cache room");
    says(&with("capacity = \"900000GiB\""), "15:12", "is more than the", "at the most");
    says(&with("policy = \"siv\""), "15:10", "\"siv\" is not known", "did you mean \"sieve\"?");
    says(&with("ttl = \"0s\""), "15:7", "a duration of 0 cannot be", "give a duration longer than 0");
    says(&with("max_memory_percent = 0"), "15:22", "0 is not above 0 and up to 100", "percent");
}

/// A scenario to simulate: enough for a curve that is worth looking at.
const SKEWED: &str = "strategies = [\"cache-aside\"]\ntopologies = [\"embedded\"]\n[dataset]\nkeys = 2000\n[workload]\nreads = 1.0\n\
                      clients = 4\n[cache]\ncapacity = 200\npolicy = \"sieve\"\n[run]\nduration = \"1s\"\nwarmup_max = \"1s\"\nwindow = \"200ms\"\n";

#[test]
fn a_curve_is_simulated_drawn_and_held_against_what_was_measured() {
    let place = Place::new();
    place.write("skewed.toml", SKEWED);
    place.succeeds(&["skewed.toml", "--quiet", "--no-plots"]);
    let curve = ["curve", "skewed.toml", "--policies", "lru,sieve", "--operations", "300000"];
    let said = place.succeeds(&[&curve[..], &["--target-hit-rate", "0.8"]].concat()).stdout;
    let answer = said.lines().last().unwrap();
    assert!(
        answer.starts_with("a hit rate of 80 % needs ") && answer.contains(" under sieve; lru "),
        "{said}"
    );
    let folder = place.path().join("results/skewed");
    let rows = fs::read_to_string(folder.join("curve.csv")).unwrap();
    let point = |source: &str| -> (f64, f64) {
        let row = rows.lines().find(|row| row.starts_with(&format!("{source},sieve,200,")));
        let row = row.unwrap_or_else(|| panic!("no {source} point:\n{rows}"));
        let column = |at: usize| row.split(',').nth(at).unwrap().parse().unwrap();
        (column(4), column(6))
    };
    let ((_, simulated), (reads, measured)) = (point("simulated"), point("measured"));
    // Loads that are under way take room as well, and a busy machine does few reads in a second.
    let allowed = 0.02 + 3.0 * (measured * (1.0 - measured) / reads).sqrt();
    assert!((simulated - measured).abs() < allowed, "{rows}");
    let picture = fs::read_to_string(folder.join("curve.svg")).unwrap();
    for word in ["Hit rate against capacity", "sieve", "lru", "measured by earlier runs"] {
        assert!(picture.contains(word), "{word}");
    }
    assert!(folder.join("curve.png").is_file());
}

#[test]
fn a_recorded_trace_can_be_simulated_and_a_broken_one_is_refused_with_its_line() {
    let place = Place::new();
    place.write("skewed.toml", SKEWED);
    place.succeeds(&["record", "skewed.toml", "--out", "trace.csv", "--operations", "5000", "--quiet"]);
    let curve = ["curve", "skewed.toml", "--trace", "trace.csv", "--target-hit-rate", "0.5"];
    let said = place.succeeds(&curve).stdout;
    assert!(said.lines().last().unwrap().starts_with("a hit rate of 50 % needs "), "{said}");
    let mut trace = fs::read_to_string(place.path().join("trace.csv")).unwrap();
    trace.push_str("nonsense\n");
    place.write("trace.csv", trace);
    let refused = place.fails(2, &curve);
    assert!(refused.contains("line 5002 of the trace: 1 column instead of 4"), "{refused}");
    let skipped = place.succeeds(&[&curve[..], &["--skip-broken"]].concat()).stderr;
    assert!(skipped.contains("1 broken lines were left out"), "{skipped}");
}

#[test]
fn what_a_curve_cannot_simulate_is_refused_with_what_there_is() {
    let place = Place::new();
    place.write("skewed.toml", SKEWED);
    for (option, value, remedy) in [
        ("--policies", "lruu", "did you mean \"lru\"?"),
        ("--capacities", "0", "1 or more"),
        ("--capacities", "10%,101%", "a share of the keys"),
        ("--capacities", "64XB", "for a trace a size, as 64MiB"),
        ("--capacities", "64MiB", "give --trace FILE"),
        ("--target-hit-rate", "90", "a share above 0 and up to 1"),
        ("--rate", "0", "choose one above 0"),
    ] {
        let refused = place.fails(2, &["curve", "skewed.toml", option, value]);
        assert!(refused.contains(remedy), "{option} {value}: {refused}");
    }
}

#[test]
fn a_trace_is_simulated_in_bytes_and_its_entries_expire() {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    let lines =
        |key: u64| format!("{key},k{key},2,{},1,get,0\n{key},k{key},2,{},1,set,3\n", 98 * key, 98 * key);
    let again = (1..=3).rev().map(|key| format!("4,k{key},2,{},1,get,0\n", 98 * key));
    place.write("trace.csv", (1..=3).map(lines).chain(again).collect::<String>());
    let curve = [
        "curve",
        "scenario.toml",
        "--trace",
        "trace.csv",
        "--capacities",
        "300B,2KiB",
        "--policies",
        "lru,fifo",
    ];
    let said = place.succeeds(&[&curve[..], &["--target-hit-rate", "0.5"]].concat()).stdout;
    let column = |said: &str, at: usize| -> Vec<String> {
        let table = said.lines().skip_while(|line| !line.starts_with("policy "));
        let of_line = |line: &str| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).nth(at).map(str::to_owned)
        };
        table.take_while(|line| !line.starts_with("a hit rate")).filter_map(of_line).collect()
    };
    assert_eq!(column(&said, 2), ["hit rate", "16.67 %", "50.00 %", "16.67 %", "50.00 %"], "{said}");
    assert!(said.lines().last().unwrap().starts_with("a hit rate of 50 % needs 2KiB under lru"), "{said}");
    let folder = place.path().join("results/scenario");
    let header = fs::read_to_string(folder.join("curve.csv")).unwrap();
    assert!(
        header.lines().next().unwrap().contains("capacity_bytes,read_bytes,hit_bytes,byte_hit_rate"),
        "{header}"
    );
    assert!(fs::read_to_string(folder.join("curve.svg")).unwrap().contains("capacity (bytes)"));
    let said = place.succeeds(&[&curve[..], &["--expire"]].concat()).stdout;
    assert_eq!(column(&said, 2), ["hit rate", "16.67 %", "33.33 %", "16.67 %", "33.33 %"], "{said}");
}

/// Runs two cells of these labels to their end, the second after a resumption.
fn run_and_resumed(labels: [&str; 2]) -> Place {
    let place = Place::new();
    let quoted = labels.map(|label| toml::Value::String(label.to_owned()).to_string());
    let strategies = format!(
        "strategies = [{{ name = \"cache-aside\", label = {} }}, {{ name = \"no-cache\", label = {} }}]",
        quoted[0], quoted[1]
    );
    place.write("scenario.toml", TINY.replace("strategies = [\"no-cache\"]", &strategies));
    let ended = place.succeeds(&["scenario.toml", "--no-plots"]);
    let steers = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    assert!(!steers(&ended.stdout) && !steers(&ended.stderr), "{ended:?}");
    let whole = place.results("scenario");
    let written: Vec<_> = whole.summary.iter().map(|row| row.strategy.as_str()).collect();
    assert!(labels.iter().all(|label| written.contains(label)), "{written:?}");

    // As if it had been interrupted after the first cell.
    let folder = place.latest("scenario");
    let summary = fs::read_to_string(folder.join("summary.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(summary.as_bytes());
    let second = reader.records().nth(1).unwrap().unwrap().position().unwrap().byte() as usize;
    fs::write(folder.join("summary.csv"), &summary[..second]).unwrap();
    place.succeeds(&["scenario.toml", "--resume", folder.to_str().unwrap(), "--no-plots"]);
    let resumed = place.results("scenario");
    let ids = |results: &hotset::results::Results| {
        results.summary.iter().map(|row| row.cell.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&resumed), ids(&whole));
    assert_eq!(ids(&whole).len(), 2);
    for cell in ids(&whole) {
        assert!(folder.join(format!("{cell}.hlog")).exists(), "{cell}");
    }
    place
}

#[test]
fn cells_of_any_labels_have_files_of_their_own_and_are_resumed() {
    run_and_resumed(["旁路", "直写"]);
    run_and_resumed(["a b", "a-b"]);
    run_and_resumed([&"l".repeat(300), &"l".repeat(301)]);
    let place = run_and_resumed(["\u{1b}]0;owned\u{7}", "../../x\r\n\u{9b}2J"]);
    place.succeeds(&["report", place.latest("scenario").to_str().unwrap()]);
}

#[test]
fn a_trace_out_of_a_pipe_with_commas_in_its_keys_has_a_curve() {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    let trace = "0,a:b,c:1,5,10,1,get,0\n0,k,1,10,1,get,0\n0,k,1,10,1,get,0\n";
    place.write("trace.csv", trace);
    let shell = "cat trace.csv | \"$0\" curve scenario.toml --trace /dev/stdin --capacities 1,2";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_hotset")]).current_dir(place.path());
    let ended = place.start(command).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let of_pipe = fs::read(place.path().join("results/scenario/curve.csv")).unwrap();
    place.succeeds(&["curve", "scenario.toml", "--trace", "trace.csv", "--capacities", "1,2"]);
    assert_eq!(fs::read(place.path().join("results/scenario/curve.csv")).unwrap(), of_pipe);
}

#[test]
fn a_report_of_lost_rows_keeps_the_page() {
    let place = Place::new();
    place.write("scenario.toml", TINY);
    place.succeeds(&["scenario.toml", "--repeats", "2"]);
    let folder = place.latest("scenario");
    let page = fs::read(folder.join("report.html")).unwrap();
    let summary = fs::read_to_string(folder.join("summary.csv")).unwrap();
    let lines: Vec<_> = summary.lines().collect();
    fs::write(folder.join("summary.csv"), format!("{}\n{}\n", lines[0], lines[1])).unwrap();
    let said = place.fails(2, &["report", folder.to_str().unwrap()]);
    assert!(said.contains("is of 2 runs and summary.csv has 1 now (without r"), "{said}");
    assert_eq!(fs::read(folder.join("report.html")).unwrap(), page);
}

#[test]
fn a_picture_alone_has_the_prediction_of_the_page() {
    let place = Place::new();
    let swept = "[sweep]\n\"cache.capacity\" = [\"5%\", \"20%\"]\n";
    place.write("scenario.toml", format!("{}{swept}", TINY.replace("no-cache", "cache-aside")));
    place.succeeds(&["scenario.toml"]);
    let folder = place.latest("scenario");
    let options = ["report", folder.to_str().unwrap(), "--chart", "sweep", "--format", "svg"];
    let drawn = place.succeeds(&options).stdout;
    let told = "Predicted and not measured, by the model";
    for file in [folder.join("report.html"), drawn.trim().into()] {
        assert!(fs::read_to_string(&file).unwrap().contains(told), "{}", file.display());
    }
}

#[test]
fn a_picture_alone_writes_no_requirements_and_is_refused_together_with_them() {
    let options = ["report", "anywhere", "--chart", "trade-off", "--junit", "requirements.xml"];
    let said = Place::new().fails(2, &options);
    assert!(
        said.contains("--chart") && said.contains("--junit") && said.contains("cannot be used with"),
        "{said}"
    );
}

#[test]
fn who_asks_for_requirements_is_told_where_the_file_is_of_another_run_since_nothing_was_run() {
    let place = Place::new();
    place.write("scenario.toml", TINY.replace("strategies", "strategie"));
    place.write("requirements.xml", "of an earlier run");
    let said = place.fails(2, &["scenario.toml", "--junit", "requirements.xml"]);
    let told =
        "requirements.xml is not written, since nothing was run; the file that is there is of another run";
    assert!(said.contains(told), "{said}");
    let resumed = place.fails(2, &["scenario.toml", "--junit", "new.xml", "--resume", "nowhere"]);
    assert!(resumed.contains("new.xml is not written") && !resumed.contains("of another run"), "{resumed}");
}

#[test]
fn the_list_of_criteria_says_in_which_unit_the_files_have_them() {
    let listed = Place::new().succeeds(&["list", "criteria"]).stdout;
    for (name, unit) in [("read.p99", "µs"), ("stale_age_max", "s"), ("hit_rate", "share")] {
        let (_, of_it) =
            listed.split_once(&format!("\n  {name}\n")).unwrap_or_else(|| panic!("{name} in {listed}"));
        let told = of_it.lines().nth(1).unwrap_or_default().trim();
        assert_eq!(told, format!("unit in result files: {unit}"), "{name}");
    }
}
