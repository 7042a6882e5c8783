//! What tests of the whole program share: a place of its own for each, bounded waits, and real servers.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod tls;

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotset::results::{Results, SummaryRow};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Everything that these tests wait for takes less than this, also on a busy machine.
pub const BOUND: Duration = Duration::from_mins(3);

/// Waits until a condition holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + BOUND;
    while !condition() {
        assert!(Instant::now() < until, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A directory for one test: scenarios, results, and the temporary directory of the program.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.temporary()).unwrap();
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// hotset in this place, with output that is kept in files.
    pub fn hotset(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotset"));
        command.args(arguments).current_dir(self.path()).env("TMPDIR", self.temporary());
        command.env_remove("HOTSET_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    pub fn start(&self, mut command: Command) -> Running<'_> {
        let file = |name: &str| File::create(self.path().join(name)).unwrap();
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Running { child, place: self }
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(self.hotset(arguments)).end()
    }

    /// Runs and expects that all went well.
    pub fn succeeds(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    /// Runs and expects an exit code; returns what was said on stderr.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{ended:?}");
        ended.stderr
    }

    /// The directory of the last run of a scenario.
    pub fn latest(&self, scenario: &str) -> PathBuf {
        self.path().join("results").join(scenario).join("latest")
    }

    pub fn results(&self, scenario: &str) -> Results {
        Results::read(&self.latest(scenario)).unwrap()
    }

    /// The command lines of processes that work in this place's temporary directory.
    pub fn processes(&self) -> Vec<String> {
        let mine = self.temporary().canonicalize().unwrap();
        let mine = mine.to_str().unwrap();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let read = |file: &str| {
                let text = fs::read(process.path().join(file)).unwrap_or_default();
                String::from_utf8_lossy(&text).replace('\0', " ")
            };
            let directory = fs::read_link(process.path().join("cwd")).unwrap_or_default();
            let command = read("cmdline");
            if !command.is_empty()
                && (command.contains(mine) || directory.starts_with(mine) || read("environ").contains(mine))
            {
                found.push(command);
            }
        }
        found
    }

    /// Lists what is in the temporary directory.
    pub fn temporary_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.temporary()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub fn runs_a_server(&self, name: &str) -> bool {
        self.processes().iter().any(|command| command.contains(name))
    }

    /// No process and no file of the program is left, at the latest in a moment.
    pub fn is_left_clean(&self) {
        eventually("every process has ended", || self.processes().is_empty());
        eventually("the temporary directory is empty", || self.temporary_files().is_empty());
    }
}

/// hotset while it runs; killed when the test ends before it.
pub struct Running<'a> {
    child: Child,
    place: &'a Place,
}

impl Running<'_> {
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a condition while the program runs.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        eventually(what, || {
            if condition() {
                return true;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before {what}: {:?}", self.output(-1));
            false
        });
    }

    pub fn end(mut self) -> Ended {
        let mut status = None;
        eventually("hotset has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        self.output(status.code().unwrap_or_else(|| -status.signal().unwrap_or_default()))
    }

    fn output(&self, code: i32) -> Ended {
        let read = |name: &str| fs::read_to_string(self.place.path().join(name)).unwrap();
        Ended { code, stdout: read("stdout"), stderr: read("stderr") }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of hotset: its exit code, or the signal that ended it as a negative number.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A server that was there before hotset.
pub struct Foreign {
    child: Child,
    pub port: u16,
    _directory: TempDir,
}

impl Foreign {
    pub fn redis(arguments: &[&str]) -> Self {
        Self::start("redis-server", |port, directory| {
            let port = port.to_string();
            let own = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir", directory];
            own.iter().chain(arguments).map(ToString::to_string).collect()
        })
    }

    /// A sentinel whose configuration is in a file.
    pub fn sentinel(file: &str) -> Self {
        Self::start("redis-server", |port, directory| {
            let port = port.to_string();
            let own = [file, "--sentinel", "--port", &port, "--bind", "127.0.0.1", "--dir", directory];
            own.map(ToString::to_string).to_vec()
        })
    }

    pub fn mongod() -> Self {
        Self::mongod_with(&[])
    }

    pub fn mongod_with(more: &[&str]) -> Self {
        Self::start("mongod", |port, directory| {
            let port = port.to_string();
            let own = ["--port", &port, "--bind_ip", "127.0.0.1", "--nounixsocket", "--dbpath", directory];
            own.iter()
                .chain(&["--wiredTigerCacheSizeGB", "0.25"])
                .chain(more)
                .map(ToString::to_string)
                .collect()
        })
    }

    fn start(program: &str, arguments: impl Fn(u16, &str) -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Command::new(program)
            .args(arguments(port, directory.path().to_str().unwrap()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; scripts/test gets it and runs the tests"));
        let server = Self { child, port, _directory: directory };
        eventually("the server listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        server
    }

    /// Freezes it: its connections stay open and nothing answers.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The text of every file below a directory.
pub fn files_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    files
}

/// The row of the strategy's only cell.
pub fn row<'a>(results: &'a Results, strategy: &str) -> &'a SummaryRow {
    let mut rows = results.summary.iter().filter(|row| row.strategy == strategy);
    let row = rows.next().unwrap_or_else(|| panic!("no row of {strategy}: {:?}", results.summary));
    assert!(rows.next().is_none(), "two rows of {strategy}");
    row
}
