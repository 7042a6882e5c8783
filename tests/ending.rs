//! How a run is ended, wherever it is just then, and what a standard output that takes nothing changes.

mod support;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Foreign, Place, eventually};

/// The longest time that an end may take from the first Ctrl-C on.
const AT_ONCE: Duration = Duration::from_secs(1);

const LOCAL: &str = "\"embedded\"";
const REDIS: &str = "{ name = \"single\", database = \"embedded\" }";

/// A run that nobody would wait for; `more` may change its tables.
fn endless(strategy: &str, topology: &str, workload: &str, more: &str) -> String {
    format!(
        "strategies = [\"{strategy}\"]\ntopologies = [{topology}]\n[workload]\nclients = 8\n{workload}\n{more}\n"
    )
}

const SMALL: &str = "[dataset]\nkeys = 500\nvalue_size = \"300B\"\n";

fn run(warmup: &str, duration: &str, more: &str) -> String {
    format!("[run]\nwarmup_max = \"{warmup}\"\nduration = \"{duration}\"\nwindow = \"100ms\"\n{more}\n")
}

/// Starts a run that says in its log what it does, and waits until it says so, and then a while.
struct Ending<'a> {
    place: &'a Place,
    child: Child,
}

impl<'a> Ending<'a> {
    fn start(place: &'a Place, scenario: &str, arguments: &[&str]) -> Self {
        place.write("s.toml", scenario);
        let mut command = place.hotset(&["s.toml"]);
        command.args(arguments).env("HOTSET_LOG", "hotset=info");
        let file = |name: &str| File::create(place.path().join(name)).unwrap();
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { place, child }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.place.path().join("stderr")).unwrap()
    }

    fn until(&mut self, said: &str, and: Duration) {
        eventually(said, || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before \"{said}\": {}", self.said());
            self.said().contains(said)
        });
        std::thread::sleep(and);
        assert!(self.child.try_wait().unwrap().is_none(), "it still runs: {}", self.said());
    }

    /// Sends a signal, and returns after how long the process ended and with which code.
    fn end(&mut self, signal: Signal) -> (Duration, i32) {
        let asked = Instant::now();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        // Where the tests were started with SIGINT ignored, as a shell starts what is in the background, hotset ignores it too.
        let mut ended = None;
        eventually("the run ends (is SIGINT ignored here?)", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        let status = ended.expect("it has ended");
        (asked.elapsed(), status.code().unwrap_or_else(|| -status.signal().unwrap_or_default()))
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Interrupts a run after `said` and some moments more, and holds it to the bound at each of them.
fn ends_at_once(what: &str, scenario: &str, said: &str, moments: &[u64]) {
    for (moment, signal) in moments.iter().zip([Signal::INT, Signal::TERM].into_iter().cycle()) {
        let place = Place::new();
        let mut ending = Ending::start(&place, scenario, &["--set", "run.seed=7", "--no-plots"]);
        ending.until(said, Duration::from_millis(*moment));
        let (took, code) = ending.end(signal);
        let said = ending.said();
        assert!(took < AT_ONCE, "{what} after {moment} ms: {took:?}\n{said}");
        assert_eq!(code, 130, "{what} after {moment} ms: {said}");
        let command = " s.toml --set run.seed=7 --no-plots --resume results/s/";
        assert!(said.contains("go on with\n") && said.contains(command), "{what}: {said}");
        place.is_left_clean();
    }
}

#[test]
fn the_schedule_of_an_open_loop_does_not_hold_up_the_end() {
    // An operation a client in more than two hours.
    let rare = "rate_per_second = 0.001";
    let open = |run: String| endless("cache-aside", LOCAL, rare, &[SMALL, &run].concat());
    ends_at_once("an open loop that fills", &open(run("1h", "24h", "")), "filling the cache", &[300]);
    ends_at_once("an open loop", &open(run("200ms", "24h", "")), "measuring", &[500, 1500]);
}

#[test]
fn a_closed_loop_and_slow_stores_do_not_hold_up_the_end() {
    let more = [SMALL, &run("100ms", "1h", "")].concat();
    ends_at_once("a closed loop", &endless("cache-aside", LOCAL, "", &more), "measuring", &[0, 300]);
    let slow = "[database]\nservice_time = \"1h\"\ntimeout = \"2h\"\n";
    let more = [&more, slow].concat();
    ends_at_once("an operation under way", &endless("no-cache", LOCAL, "", &more), "[1/1]", &[1500]);
}

#[test]
fn what_comes_before_the_load_does_not_hold_up_the_end() {
    let dataset = |keys: u64| format!("[dataset]\nkeys = {keys}\nvalue_size = \"300B\"\n");
    let more = [dataset(3_000_000), run("1s", "1s", "")].concat();
    let sums = endless("cache-aside", LOCAL, "", &more);
    ends_at_once("working out a checksum", &sums, "starting the database", &[100]);
    let more = [dataset(100_000), run("1s", "1s", "")].concat();
    let loads = endless("cache-aside", LOCAL, "", &more);
    ends_at_once("loading", &loads, "loading 10000 of", &[0]);
    let loads = endless("cache-aside", "\"single\"", "", &more);
    ends_at_once("loading a MongoDB", &loads, "loading 10000 of", &[200]);
    let clients = endless("cache-aside", LOCAL, "", &[SMALL, &run("1s", "1s", "")].concat());
    let clients = clients.replace("clients = 8", "clients = 300000");
    ends_at_once("drawing the operations of many clients", &clients, "[1/1]", &[300]);
    let more = [dataset(10_000), run("1s", "1s", ""), "[cache]\ncapacity = 5000\n".into()].concat();
    let calibrates = endless("cache-aside", REDIS, "", &more);
    ends_at_once("calibrating", &calibrates, "starting the cache", &[300, 1000, 2000]);
}

#[test]
fn what_is_being_formed_or_broken_does_not_hold_up_the_end() {
    for kind in ["cluster", "sentinel"] {
        let topology = format!("{{ name = \"{kind}\", database = \"embedded\" }}");
        let forms = endless("cache-aside", &topology, "", &[SMALL, &run("1s", "1s", "")].concat());
        ends_at_once(kind, &forms, "starting the cache", &[0, 150, 400, 900]);
    }
    let paused = "[[fault]]\nat = \"0s\"\nkind = \"pause\"\nfor = \"50s\"\n";
    let more = [SMALL, &run("100ms", "1m", ""), paused].concat();
    ends_at_once("a frozen cache", &endless("cache-aside", REDIS, "", &more), "measuring", &[800]);
    let failover = "[[fault]]\nat = \"0s\"\nkind = \"failover\"\n";
    let more = [SMALL, &run("100ms", "1m", ""), failover].concat();
    let topology = "{ name = \"sentinel\", database = \"embedded\" }";
    ends_at_once("failing over", &endless("cache-aside", topology, "", &more), "measuring", &[100, 600]);
    let crash = "[[fault]]\nat = \"0s\"\nkind = \"crash-application\"\nfor = \"50s\"\n";
    let more = [SMALL, &run("100ms", "1m", ""), crash].concat();
    ends_at_once("a crashed instance", &endless("cache-aside", LOCAL, "", &more), "measuring", &[500]);
}

#[test]
fn draining_does_not_hold_up_the_end() {
    let slow = "[database]\nservice_time = \"1s\"\nconcurrency = 1\ntimeout = \"2h\"\n";
    let more = [
        "[dataset]\nkeys = 100\nvalue_size = \"300B\"\n",
        &run("100ms", "1s", "drain_timeout = \"1h\""),
        slow,
    ];
    let drains = endless("write-behind", LOCAL, "reads = 0.0", &more.concat());
    ends_at_once("draining", &drains, "measuring", &[3000]);
}

#[test]
fn a_server_of_others_that_does_not_answer_is_not_waited_for_and_one_that_does_is_left_as_it_was() {
    let server = Foreign::redis(&[]);
    let topology = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}\" }}",
        server.port
    );
    let scenario = endless("cache-aside", &topology, "", &[SMALL, &run("100ms", "1h", "")].concat());
    ends_at_once("a server of others", &scenario, "measuring", &[500]);
    let mut connection =
        redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("DBSIZE").query::<u64>(&mut connection).unwrap(), 0, "nothing of the run is left");

    let place = Place::new();
    let mut ending = Ending::start(&place, &scenario, &["--no-plots"]);
    ending.until("measuring", Duration::from_millis(500));
    server.freeze();
    let (took, code) = ending.end(Signal::INT);
    let said = ending.said();
    assert!(took < AT_ONCE, "{took:?}\n{said}");
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("may still be there"), "it says what is left: {said}");
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let more = [SMALL, &run("100ms", "2s", "")].concat();
    for name in ["HUP", "INT", "TERM"] {
        let place = Place::new();
        place.write("s.toml", endless("cache-aside", LOCAL, "", &more));
        let hotset = env!("CARGO_BIN_EXE_hotset");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' {name}; exec {hotset} s.toml --no-plots")]);
        command.current_dir(place.path()).env("TMPDIR", place.path().join("tmp"));
        let mut running = place.start(command);
        let stderr = place.path().join("stderr");
        running.until("it measures", || fs::read_to_string(&stderr).unwrap().contains("measuring"));
        running.signal(match name {
            "HUP" => Signal::HUP,
            "INT" => Signal::INT,
            _ => Signal::TERM,
        });
        let ended = running.end();
        assert_eq!(ended.code, 0, "{name}: {ended:?}");
        assert!(!ended.stderr.contains("interrupted"), "{name}: {ended:?}");
    }
}

/// A run of a second, with its stdout and stderr made by `open`; its code, and the rows of its summary.
fn with_output(open: impl Fn(&str) -> [Stdio; 2]) -> (Option<i32>, usize, String) {
    let place = Place::new();
    place.write("s.toml", endless("cache-aside", LOCAL, "", &[SMALL, &run("100ms", "300ms", "")].concat()));
    let stderr = place.path().join("stderr");
    File::create(&stderr).unwrap();
    let [out, err] = open(stderr.to_str().unwrap());
    let status = place.hotset(&["s.toml", "--no-plots"]).stdout(out).stderr(err).status().unwrap();
    let summary = fs::read_to_string(place.latest("s").join("summary.csv")).unwrap_or_default();
    (status.code(), summary.lines().count().saturating_sub(1), fs::read_to_string(stderr).unwrap())
}

/// The end of a pipe that nobody reads.
fn gone() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn file(path: &str) -> Stdio {
    OpenOptions::new().append(true).open(path).unwrap().into()
}

#[test]
fn a_reader_that_has_gone_ends_the_printing_and_not_the_run() {
    assert_eq!(with_output(|_| [gone(), gone()]), (Some(0), 1, String::new()));
    let (code, rows, said) = with_output(|stderr| [gone(), file(stderr)]);
    assert_eq!((code, rows), (Some(0), 1), "{said}");
    let (code, rows, _) = with_output(|_| [Stdio::null(), gone()]);
    assert_eq!((code, rows), (Some(0), 1));
}

#[test]
fn a_full_disk_under_what_is_printed_is_an_error_and_the_results_are_kept() {
    let (code, rows, said) = with_output(|stderr| [full(), file(stderr)]);
    assert_eq!((code, rows), (Some(3), 1), "{said}");
    assert!(said.contains("error: cannot write to standard output: No space left on device"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let (code, rows, _) = with_output(|_| [full(), full()]);
    assert_eq!((code, rows), (Some(3), 1));
}

#[test]
fn no_command_panics_where_nothing_can_be_printed() {
    let place = Place::new();
    place.write("s.toml", endless("cache-aside", LOCAL, "", SMALL));
    let commands: [&[&str]; 10] = [
        &["list"],
        &["list", "--markdown"],
        &["--help"],
        &["--version"],
        &["check", "s.toml"],
        &["check", "none.toml"],
        &["doctor"],
        &["curve", "s.toml", "--operations", "1000"],
        &["record", "s.toml", "--operations", "10", "--out", "t.csv"],
        &["--wrong"],
    ];
    for arguments in commands {
        let code =
            |out: Stdio, err: Stdio| place.hotset(arguments).stdout(out).stderr(err).status().unwrap().code();
        let usual = code(Stdio::null(), Stdio::null());
        assert_eq!(code(gone(), gone()), usual, "{arguments:?} with nobody who reads");
        let mut child = place.hotset(arguments).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let full = child.wait().unwrap().code();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        // What is wrong with a command line goes to stderr, and is not printed to the full disk.
        assert_eq!(full, if usual == Some(2) { usual } else { Some(3) }, "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_does_not_read_holds_up_neither_the_run_nor_its_end() {
    let place = Place::new();
    place.write("s.toml", endless("cache-aside", LOCAL, "", &[SMALL, &run("100ms", "1h", "")].concat()));
    let (reader, writer) = std::io::pipe().unwrap();
    // As full as a pipe gets, so that every line waits.
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
    let out = writer.try_clone().unwrap();
    let mut child = place.hotset(&["s.toml", "--no-plots"]).stdout(out).stderr(writer).spawn().unwrap();
    eventually("it runs", || place.latest("s").join("summary.csv").exists());
    std::thread::sleep(Duration::from_secs(2));
    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    drop(reader);
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Foreign::redis(&[]);
    let topology = format!(
        "{{ name = \"single\", database = \"embedded\", url = \"redis://127.0.0.1:{}\" }}",
        server.port
    );
    let place = Place::new();
    let scenario = endless("cache-aside", &topology, "", &[SMALL, &run("100ms", "1h", "")].concat());
    let mut ending = Ending::start(&place, &scenario, &[]);
    ending.until("measuring", Duration::from_millis(300));
    server.freeze();
    kill_process(Pid::from_child(&ending.child), Signal::INT).unwrap();
    ending.until("interrupted", Duration::ZERO);
    let (took, code) = ending.end(Signal::TERM);
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert_eq!(code, 130);
}

#[test]
fn paths_and_arguments_that_are_not_text_work() {
    let place = Place::new();
    let name = |bytes: &'static [u8]| place.path().join(OsStr::from_bytes(bytes));
    let (folder, scenario, temporary) = (name(b"out\xff"), name(b"s\xfe.toml"), name(b"tmp\xfd 'x"));
    fs::create_dir(&temporary).unwrap();
    fs::write(&scenario, endless("cache-aside", REDIS, "", &[SMALL, &run("100ms", "300ms", "")].concat()))
        .unwrap();
    let hotset = || {
        let mut command = place.hotset(&[]);
        command.env("TMPDIR", &temporary).env("ODD", OsStr::from_bytes(b"\xff"));
        command
    };
    let ended = hotset().arg(&scenario).arg("--out").arg(&folder).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let results = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path().join("latest");
    assert!(results.join("report.html").exists());
    let drawn = hotset().arg("report").arg(&results).output().unwrap();
    assert_eq!(drawn.status.code(), Some(0), "{}", String::from_utf8_lossy(&drawn.stderr));
    for command in [&["check"][..], &["curve", "--operations", "1000"]] {
        let ended = hotset().args(command).arg(&scenario).output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let traced = name(b"t\xff.csv");
    let mut record = hotset();
    record.arg("record").arg(&scenario).args(["--operations", "9", "--out"]).arg(&traced);
    assert!(record.output().unwrap().status.success() && traced.exists());
    let wrong = hotset().arg(OsStr::from_bytes(b"--w\xff")).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
    let wrong = hotset().arg(&scenario).arg("--set").arg(OsStr::from_bytes(b"a=\xff")).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
    eventually("no folder is left", || fs::read_dir(&temporary).unwrap().next().is_none());
}
