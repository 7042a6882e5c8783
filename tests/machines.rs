//! Machines as people have them: what their folders, terminals, limits and environments do not let hotset do.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use hotset::topology::servers::find_redis_server;
use support::{Ended, Place, row};

/// A scenario of a moment.
fn scenario(topologies: &str) -> String {
    format!(
        "strategies = [\"cache-aside\"]\ntopologies = [{topologies}]\n[dataset]\nkeys = 300\n\
         [workload]\nclients = 6\nrate_per_second = 200\n\
         [run]\nduration = \"300ms\"\nwarmup_max = \"300ms\"\nwindow = \"100ms\"\n"
    )
}

const SINGLE: &str = "{ name = \"single\", database = \"embedded\" }";
const RUN: [&str; 2] = ["shop.toml", "--no-plots"];

/// Runs hotset by way of a shell, which prepares what a process inherits.
fn after(place: &Place, prepare: &str, arguments: &[&str]) -> Ended {
    let hotset = place.hotset(arguments);
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{prepare}; exec \"$0\" \"$@\"")]);
    shell.arg(hotset.get_program()).args(hotset.get_args()).current_dir(place.path()).stdin(Stdio::null());
    for (name, value) in hotset.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    place.start(shell).end()
}

#[test]
fn too_few_open_files_are_told_before_the_run() {
    let place = Place::new();
    place.write("shop.toml", scenario(SINGLE).replace("clients = 6", "clients = 6\ninstances = 6"));
    let ended = after(&place, "ulimit -n 64", &["check", "shop.toml", "--set", "workload.connections=200"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("this process may have 64"), "{ended:?}");
    let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("which is 64 and which only root raises"), "{said}");
}

#[test]
fn processors_have_the_numbers_that_the_machine_gives_them() {
    let allowed = hotset::base::processors::allowed();
    let (mine, other) = (allowed[allowed.len() - 1], allowed[0]);
    let place = Place::new();
    place.write("shop.toml", scenario("\"embedded\""));
    let check = |number: u64| {
        let pin = format!("run.pin.hotset=[{number}]");
        let hotset = place.hotset(&["check", "shop.toml", "--set", &pin]);
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &mine.to_string()]).arg(hotset.get_program()).args(hotset.get_args());
        pinned.current_dir(place.path());
        place.start(pinned).end()
    };
    assert_eq!(check(mine).code, 0);
    let missing = if other == mine { mine + 1000 } else { other };
    let ended = check(missing);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains(&format!("it may use the processors {mine}")), "{ended:?}");
}

#[test]
fn a_file_or_folder_called_latest_stays_what_it_is() {
    let place = Place::new();
    place.write("shop.toml", scenario("\"embedded\""));
    let parent = place.path().join("results/shop");
    for (mine, is_folder) in [("latest", false), ("latest/mine", true)] {
        let _ = fs::remove_dir_all(&parent);
        fs::create_dir_all(parent.join(mine).parent().unwrap()).unwrap();
        fs::write(parent.join(mine), "mine").unwrap();
        let ended = place.succeeds(&RUN);
        assert!(ended.stderr.contains("is no link and stays as it is"), "{ended:?}");
        assert_eq!(fs::read(parent.join(mine)).unwrap(), b"mine");
        assert_eq!(parent.join("latest").is_dir(), is_folder);
        assert!(ended.stderr.contains("the run is in results/shop/2"), "{ended:?}");
    }
}

#[test]
fn a_folder_that_takes_no_results_is_told_before_anything_is_started() {
    let place = Place::new();
    place.write("shop.toml", scenario(SINGLE));
    // Nobody makes a folder in either, root included.
    for folder in ["/proc", "/sys/kernel"] {
        let ended = place.run(&[&RUN[..], &["--out", folder]].concat());
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.stderr.contains(&format!("cannot create {folder}/shop: ")), "{ended:?}");
        assert!(!ended.stderr.contains("[1/1]"), "{ended:?}");
    }
}

#[test]
fn a_working_folder_that_is_gone_is_told_and_is_not_needed_where_all_paths_are_whole() {
    let place = Place::new();
    place.write("shop.toml", scenario(SINGLE));
    let whole = |name: &str| place.path().join(name).display().to_string();
    let (file, out) = (whole("shop.toml"), whole("out"));
    let gone = "mkdir gone && cd gone && rmdir ../gone";
    let ended = after(&place, gone, &[&file, "--no-plots"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("cannot create results/shop: "), "{ended:?}");
    let ended = after(&place, gone, &[&file, "--no-plots", "--out", &out]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(Path::new(&out).join("shop/latest/summary.csv").exists());
}

#[test]
fn a_temporary_folder_that_cannot_be_used_is_told_with_the_remedy_and_an_empty_name_is_none() {
    let place = Place::new();
    place.write("shop.toml", scenario("\"embedded\""));
    place.write("taken", "a file");
    let with = |folder: &str| {
        let mut command = place.hotset(&RUN);
        command.env("TMPDIR", folder);
        place.start(command).end()
    };
    // No file finds room in the last, and so nothing is begun.
    for (folder, code) in [("/nonexistent", 3), ("taken", 3), ("/proc", 2)] {
        let ended = with(folder);
        assert_eq!(ended.code, code, "{ended:?}");
        let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(folder) && said.contains("set TMPDIR to"), "{folder}: {said}");
    }
    assert_eq!(row(&place.results("shop"), "cache-aside").status.name(), "failed");
    assert_eq!(with("").code, 0);
}

#[test]
fn servers_start_and_end_whatever_signals_were_ignored() {
    let place = Place::new();
    let topologies = format!("{SINGLE}, {{ name = \"embedded\", database = \"mongodb\" }}");
    place.write("shop.toml", scenario(&topologies));
    // As daemons start what they start, who do not care how it ends.
    let ignoring = "trap '' CHLD HUP PIPE";
    let ended = after(&place, ignoring, &RUN);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.results("shop").summary.len(), 2);
    place.is_left_clean();
    let doctor = after(&place, ignoring, &["doctor"]).stdout;
    assert!(!doctor.contains("MISSING") && doctor.contains("mongod"), "{doctor}");
}

#[test]
fn a_run_needs_nothing_of_its_environment_and_tells_the_time_of_no_zone() {
    let place = Place::new();
    place.write("shop.toml", scenario(SINGLE));
    let redis = find_redis_server().unwrap_or_else(|error| panic!("{error}")).path;
    for zone in [None, Some("Asia/Kathmandu"), Some("No/Where")] {
        let mut command = place.hotset(&RUN);
        command.env_clear().env("HOTSET_REDIS_SERVER", &redis).env("TMPDIR", place.path().join("tmp"));
        if let Some(zone) = zone {
            command.env("TZ", zone);
        }
        let ended = place.start(command).end();
        assert_eq!(ended.code, 0, "{zone:?}: {ended:?}");
        let results = place.results("shop");
        let began: jiff::Timestamp = results.run.started_utc.parse().unwrap();
        let passed = jiff::Timestamp::now().duration_since(began);
        assert!((0..60).contains(&passed.as_secs()), "{zone:?}: {}", results.run.started_utc);
    }
}

#[test]
fn a_run_goes_on_where_its_program_is_replaced_meanwhile() {
    let place = Place::new();
    // Whichever is first, the servers of the other are started later.
    place.write("shop.toml", scenario(&format!("\"embedded\", {SINGLE}")));
    let program = place.path().join("hotset");
    fs::copy(env!("CARGO_BIN_EXE_hotset"), &program).unwrap();
    let hotset = place.hotset(&RUN);
    let mut copied = Command::new(&program);
    copied.args(hotset.get_args()).current_dir(place.path()).env("TMPDIR", place.path().join("tmp"));
    let mut running = place.start(copied);
    running.until("it has begun", || place.latest("shop").join("run.json").exists());
    fs::remove_file(&program).unwrap();
    let ended = running.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.results("shop").summary.len(), 2);
    place.is_left_clean();
}

#[test]
fn a_limit_of_file_sizes_is_an_error_that_is_told() {
    let place = Place::new();
    place.write("shop.toml", scenario("\"embedded\""));
    // As the shell counts them, of a KiB each.
    let ended = after(&place, "ulimit -f 100", &RUN);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("File too large"), "{ended:?}");
    let results = place.results("shop");
    assert!(row(&results, "cache-aside").reason.contains("File too large"));
    place.is_left_clean();
}
