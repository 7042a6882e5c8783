//! `hotset __supervise DIR`: the process that holds a run's servers and ends them when hotset ends.
//!
//! hotset writes requests to its standard input. When that pipe ends, for whatever reason, everything ends. It
//! has one thread on purpose: on Linux a child's death signal is tied to the thread that started it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::directory::{self, ProcessList, RecordedProcess};
use super::protocol::{
    EXEC, GREETING, Message, ServerExit, ServerSignal, ServerSpec, SupervisorReply, SupervisorRequest,
};
use crate::base::inherited;
use crate::base::output::note;

/// The interval at which ended servers are noticed while a request waits for one, and while none does.
const WAITING_TICK: Duration = Duration::from_millis(2);
const IDLE_TICK: Duration = Duration::from_millis(500);
/// The time for killed servers to disappear before the directory is removed anyway.
const END_BOUND: Duration = Duration::from_secs(10);
/// The time for which files may keep appearing in a directory that is being removed.
const REMOVE_BOUND: Duration = Duration::from_secs(2);

/// Runs until hotset closes the pipe or asks for the end.
pub(super) fn main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(directory) = args.next().map(PathBuf::from) else {
        note!("hotset: the supervisor needs a directory");
        return ExitCode::FAILURE;
    };
    match supervise(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note!("hotset: the supervisor failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn supervise(directory: PathBuf) -> io::Result<()> {
    // The supervisor has a session of its own: Ctrl-C and the closing of the terminal reach only hotset, which decides
    // about the servers.
    rustix::process::setsid()?;
    outlive_polite_signals()?;
    inherited::hear()?;
    let _lock = directory::share_lock(&directory)?;
    // Its working directory is `/`, so that a file system in which hotset was started can be unmounted.
    std::env::set_current_dir("/")?;

    let mut supervise = Supervise { directory, servers: BTreeMap::new(), waiting: Vec::new() };
    let outcome = supervise.serve();
    let removed = supervise.end();
    match outcome? {
        Ended::PipeClosed => removed,
        Ended::Asked { id } => {
            let reply = removed.map_or_else(|error| failed(&error), |()| SupervisorReply::Done);
            answer(id, &reply)
        }
    }
}

/// `pkill hotset` and a service manager's stop reach hotset and its supervisor alike. The supervisor must outlive
/// hotset to clean up after it, and its servers get these signals only from it.
fn outlive_polite_signals() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // A handler stays for the life of the process once it is installed, and execing a server removes it again. The
    // runtime adds no thread and is only needed for the installation.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _context = runtime.enter();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        drop(signal(kind)?);
    }
    Ok(())
}

enum Ended {
    PipeClosed,
    Asked { id: u64 },
}

struct Supervise {
    directory: PathBuf,
    servers: BTreeMap<String, Server>,
    waiting: Vec<Waiting>,
}

struct Server {
    child: Child,
    started: Option<u64>,
    exit: Option<ServerExit>,
}

/// A request that is answered when a server ends or a bound has passed.
struct Waiting {
    id: u64,
    name: String,
    until: Instant,
    then: AtBound,
}

#[derive(Clone, Copy)]
enum AtBound {
    SayRunning,
    Kill,
}

impl Supervise {
    fn serve(&mut self) -> io::Result<Ended> {
        answer(GREETING, &SupervisorReply::Ready)?;
        let mut input = Input::default();
        loop {
            if !input.wait(self.tick())? {
                return Ok(Ended::PipeClosed);
            }
            while let Some(line) = input.next_line() {
                let Message { id, body } = serde_json::from_slice(&line)?;
                if matches!(body, SupervisorRequest::Shutdown) {
                    return Ok(Ended::Asked { id });
                }
                if let Some(reply) = self.handle(id, body) {
                    answer(id, &reply)?;
                }
            }
            self.reap();
            self.answer_waiting()?;
        }
    }

    fn tick(&self) -> Duration {
        if self.waiting.is_empty() { IDLE_TICK } else { WAITING_TICK }
    }

    /// Handles a request. Returns its answer, or `None` if the answer comes later.
    fn handle(&mut self, id: u64, request: SupervisorRequest) -> Option<SupervisorReply> {
        let done = match request {
            SupervisorRequest::Start(spec) => self.start(&spec),
            SupervisorRequest::Signal { name, signal } => {
                self.signal(&name, signal).map(|()| SupervisorReply::Done)
            }
            SupervisorRequest::Wait { name, timeout_ms } => {
                self.wait(id, name, timeout_ms, AtBound::SayRunning);
                return None;
            }
            SupervisorRequest::Stop { name, grace_ms } => {
                if grace_ms > 0 {
                    self.ask_to_end(&name);
                }
                self.wait(id, name, grace_ms, AtBound::Kill);
                return None;
            }
            SupervisorRequest::Remove { name } => self.remove(&name).map(|()| SupervisorReply::Done),
            SupervisorRequest::Shutdown => Ok(SupervisorReply::Done),
        };
        Some(done.unwrap_or_else(|error| failed(&error)))
    }

    fn start(&mut self, spec: &ServerSpec) -> io::Result<SupervisorReply> {
        self.reap();
        if self.servers.get(&spec.name).is_some_and(|server| server.exit.is_none()) {
            return Err(io::Error::other("it is running already"));
        }
        let child = self.command(spec)?.spawn()?;
        let pid = child.id();
        let server = Server { child, started: directory::start_time(pid), exit: None };
        self.servers.insert(spec.name.clone(), server);
        self.save_record();
        Ok(SupervisorReply::Started { pid })
    }

    fn command(&self, spec: &ServerSpec) -> io::Result<Command> {
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&spec.log)?;
        let mut command = Command::new(super::own_program()?);
        command.arg(EXEC).arg("--parent").arg(std::process::id().to_string());
        if !spec.cpus.is_empty() {
            let cpus: Vec<String> = spec.cpus.iter().map(ToString::to_string).collect();
            command.arg("--cpus").arg(cpus.join(","));
        }
        command
            .arg("--")
            .arg(&spec.program)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.server_directory(&spec.name)?)
            // The server has a process group of its own, so that its forks (a Redis that rewrites its log) are killed
            // with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    /// The directory of a server. A name is one plain component, so that nothing outside the run's directory can be
    /// removed by name.
    fn server_directory(&self, name: &str) -> io::Result<PathBuf> {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if plain { Ok(self.directory.join(name)) } else { Err(io::Error::other("its name is not plain")) }
    }

    fn signal(&mut self, name: &str, signal: ServerSignal) -> io::Result<()> {
        self.reap();
        let server = self.servers.get(name).ok_or_else(|| io::Error::other("there is no such server"))?;
        match server.exit {
            Some(exit) => Err(io::Error::other(format!("it has ended ({exit})"))),
            None => server.signal(signal),
        }
    }

    fn ask_to_end(&self, name: &str) {
        if let Some(server) = self.servers.get(name).filter(|server| server.exit.is_none()) {
            let _ = server.signal(ServerSignal::Terminate);
            // A frozen process sees the signal only once it is resumed.
            let _ = server.signal(ServerSignal::Resume);
        }
    }

    fn wait(&mut self, id: u64, name: String, bound_ms: u64, then: AtBound) {
        // A longer bound is cut to a day, since it might not fit into an instant.
        let bound = Duration::from_millis(bound_ms).min(Duration::from_hours(24));
        let until = Instant::now() + bound;
        self.waiting.push(Waiting { id, name, until, then });
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let directory = self.server_directory(name)?;
        if let Some(mut server) = self.servers.remove(name) {
            server.kill();
            server.reap_within(END_BOUND);
            self.save_record();
        }
        remove_directory(&directory)
    }

    /// Notes the servers that have ended.
    fn reap(&mut self) {
        let mut changed = false;
        for server in self.servers.values_mut().filter(|server| server.exit.is_none()) {
            changed |= server.has_ended();
        }
        if changed {
            self.save_record();
        }
    }

    fn answer_waiting(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for waiting in std::mem::take(&mut self.waiting) {
            match self.outcome_of(&waiting, now) {
                Some(reply) => answer(waiting.id, &reply)?,
                // After the bound of a stop, the server is killed and its end is near; hotset also bounds the wait on
                // its side.
                None => self.waiting.push(waiting),
            }
        }
        Ok(())
    }

    fn outcome_of(&self, waiting: &Waiting, now: Instant) -> Option<SupervisorReply> {
        let Some(server) = self.servers.get(&waiting.name) else {
            return Some(failed(&io::Error::other("there is no such server")));
        };
        if let Some(exit) = server.exit {
            return Some(SupervisorReply::Exited(exit));
        }
        match waiting.then {
            _ if now < waiting.until => None,
            AtBound::SayRunning => Some(SupervisorReply::Running),
            AtBound::Kill => {
                server.kill();
                // A process that hangs in the kernel does not end, so the answer does not wait for ever.
                (now > waiting.until + END_BOUND).then_some(SupervisorReply::Running)
            }
        }
    }

    /// Writes the record. Only the sweep of a later run reads it, and only if this process is killed, so a failure is
    /// only logged.
    fn save_record(&self) {
        let alive = self.servers.values().filter(|server| server.exit.is_none());
        let recorded = alive.filter_map(|server| {
            server.started.map(|started| RecordedProcess { pid: server.child.id(), started })
        });
        if let Err(error) = ProcessList::of(recorded.collect()).save(&self.directory) {
            note!("hotset: cannot write the record of servers: {error}");
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.servers.values().for_each(Server::kill);
        self.servers.values_mut().for_each(|server| server.reap_within(END_BOUND));
        remove_directory(&self.directory)
    }
}

impl Server {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    fn has_ended(&mut self) -> bool {
        if let Ok(Some(status)) = self.child.try_wait() {
            self.exit = Some(ServerExit::of(status));
        }
        self.exit.is_some()
    }

    /// Sends a signal. The caller has seen that the server was not reaped, so its id cannot have become another
    /// process'.
    fn signal(&self, signal: ServerSignal) -> io::Result<()> {
        let pid = self.pid().ok_or_else(|| io::Error::other("it has no process id"))?;
        match signal {
            ServerSignal::Kill => self.kill(),
            // The server ends its children itself.
            ServerSignal::Terminate => kill_process(pid, Signal::TERM)?,
            ServerSignal::Pause => kill_process_group(pid, Signal::STOP)?,
            ServerSignal::Resume => kill_process_group(pid, Signal::CONT)?,
        }
        Ok(())
    }

    /// Kills the server and its forks. An error means that they are gone.
    fn kill(&self) {
        if let Some(pid) = self.pid().filter(|_| self.exit.is_none()) {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn reap_within(&mut self, bound: Duration) {
        let until = Instant::now() + bound;
        while self.exit.is_none() && !self.has_ended() && Instant::now() < until {
            std::thread::sleep(WAITING_TICK);
        }
    }
}

/// Removes a directory, and retries while children of the killed servers still write there.
fn remove_directory(directory: &Path) -> io::Result<()> {
    let until = Instant::now() + REMOVE_BOUND;
    loop {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if Instant::now() < until => std::thread::sleep(WAITING_TICK),
            outcome => return outcome,
        }
    }
}

fn failed(error: &io::Error) -> SupervisorReply {
    SupervisorReply::Failed { reason: error.to_string() }
}

fn answer(id: u64, reply: &SupervisorReply) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Message { id, body: reply })?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

/// Standard input as lines, read without blocking longer than a tick and without a second thread.
#[derive(Default)]
struct Input {
    pending: Vec<u8>,
}

impl Input {
    /// Waits for input up to `bound`. Returns false if the pipe has ended.
    fn wait(&mut self, bound: Duration) -> io::Result<bool> {
        let stdin = rustix::stdio::stdin();
        let bound = Timespec::try_from(bound).map_err(io::Error::other)?;
        let ready = match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&bound)) {
            Err(rustix::io::Errno::INTR) => 0,
            outcome => outcome?,
        };
        if ready == 0 {
            return Ok(true);
        }
        let mut bytes = [0; 4096];
        match rustix::io::read(stdin, &mut bytes) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.pending.extend_from_slice(&bytes[..count]);
                Ok(true)
            }
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.pending.iter().position(|byte| *byte == b'\n')?;
        Some(self.pending.drain(..=end).collect())
    }
}
