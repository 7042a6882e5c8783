//! hotset's end of the pipe to the supervisor, the process that holds the servers of a run.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::directory::{self, sweep_stale_in};
use super::error::ServerError;
use super::log;
use super::protocol::{GREETING, Message, SUPERVISE, ServerSpec, SupervisorReply, SupervisorRequest};
use crate::base::temporary;

/// The time for an answer of the supervisor, beyond the time that the request itself allows.
const ANSWER_BOUND: Duration = Duration::from_secs(10);
/// The time for a shutdown: killing, reaping and removing a directory of gigabytes.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(30);
const LOG: &str = "supervisor.log";

/// The program that can be a supervisor: hotset itself. On Linux it is found even after the file was replaced by a
/// newer build.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Holds the servers of a run and its private directory. They last until [`shutdown`](Self::shutdown), until the
/// last clone and the last server are dropped, or until hotset ends in any way, whichever is first.
///
/// Clones are cheap and mean the same supervisor.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    pid: u32,
    /// Closing it ends the supervisor and everything that it holds.
    pipe: Mutex<Option<ChildStdin>>,
    replies: Arc<Replies>,
    last_id: AtomicU64,
    last_server: AtomicU64,
    ended: watch::Receiver<bool>,
}

/// The senders of awaited answers, by the request's id; `None` once the supervisor has ended.
struct Replies {
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<SupervisorReply>>>>,
}

impl Supervisor {
    /// Sweeps what dead runs left in the temporary directory and starts `program`, a hotset, as the supervisor.
    /// Pass [`own_program`] unless a test stands in for hotset.
    pub async fn start(program: &Path) -> Result<Self, ServerError> {
        Self::start_in(program, &temporary::directory()).await
    }

    /// As [`start`](Self::start), with another directory in place of the temporary one.
    pub async fn start_in(program: &Path, root: &Path) -> Result<Self, ServerError> {
        let (program, root) = (program.to_owned(), root.to_owned());
        let spawned = tokio::task::spawn_blocking({
            let program = program.clone();
            move || spawn(&program, &root)
        });
        let no_supervisor = |reason: String| ServerError::NoSupervisor { program: program.clone(), reason };
        let (supervisor, greeting) = spawned.await.map_err(|error| no_supervisor(error.to_string()))??;
        match tokio::time::timeout(ANSWER_BOUND, greeting).await {
            Ok(Ok(SupervisorReply::Ready)) => Ok(supervisor),
            Ok(Ok(other)) => Err(no_supervisor(format!("it greeted with {other:?}"))),
            Ok(Err(_)) => Err(no_supervisor(format!("it ended at its start{}", supervisor.own_log()))),
            Err(_) => Err(no_supervisor(format!("it was not ready within {ANSWER_BOUND:?}"))),
        }
    }

    /// The run's private directory; every server has a directory of its name in it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// The supervisor's process id, whose use of the processor is counted as hotset's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// A name for a server that no other server of this run has, such as `redis-3`.
    #[must_use]
    pub fn name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.shared.last_server.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Makes the private directory of a server that is about to start. It goes with the server.
    pub fn make_directory(&self, name: &str) -> Result<PathBuf, ServerError> {
        let path = self.shared.directory.join(name);
        directory::create_for_server(&path)?;
        Ok(path)
    }

    pub(super) async fn start_process(&self, spec: &ServerSpec) -> Result<u32, ServerError> {
        let action = format!("start {}", spec.name);
        match self.request(&action, SupervisorRequest::Start(spec.clone()), Duration::ZERO).await? {
            SupervisorReply::Started { pid } => Ok(pid),
            other => Err(refused(action, &other)),
        }
    }

    /// Ends every server at once and removes the directory. The servers are killed rather than asked: their data
    /// goes with them. After Ok no process and no directory is left.
    pub async fn shutdown(&self) -> Result<(), ServerError> {
        let action = "end the servers";
        let outcome = match self.request(action, SupervisorRequest::Shutdown, SHUTDOWN_BOUND).await {
            Ok(SupervisorReply::Done) => Ok(()),
            Ok(other) => Err(refused(action.to_owned(), &other)),
            Err(error) => Err(error),
        };
        self.shared.pipe.lock().take();
        let mut ended = self.shared.ended.clone();
        let _ = tokio::time::timeout(ANSWER_BOUND, ended.wait_for(|ended| *ended)).await;
        // A supervisor that was killed has taken its servers with it, but not the directory.
        self.shared.sweep_if_left();
        if self.shared.directory.exists() { outcome } else { Ok(()) }
    }

    /// Sends a request and waits for its answer; `allowed` is the time that the request itself may take.
    pub(super) async fn request(
        &self,
        action: &str,
        request: SupervisorRequest,
        allowed: Duration,
    ) -> Result<SupervisorReply, ServerError> {
        let waited = allowed.saturating_add(ANSWER_BOUND);
        let Some(reply) = self.shared.send(request) else { return Err(self.gone(action)) };
        match tokio::time::timeout(waited, reply).await {
            Ok(Ok(SupervisorReply::Failed { reason })) => {
                Err(ServerError::Refused { action: action.to_owned(), reason })
            }
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(self.gone(action)),
            Err(_) => Err(ServerError::NoAnswer { action: action.to_owned(), waited }),
        }
    }

    /// Sends a request whose answer nobody needs. It can be called where nothing can be awaited.
    pub(super) fn send(&self, request: SupervisorRequest) {
        drop(self.shared.send(request));
    }

    fn gone(&self, action: &str) -> ServerError {
        ServerError::SupervisorGone { action: action.to_owned(), log: self.own_log() }
    }

    fn own_log(&self) -> String {
        let log = log::tail(&self.shared.directory.join(LOG));
        if log.trim().is_empty() {
            return String::new();
        }
        format!("; it wrote:\n{}", log::last_lines(log.lines()))
    }
}

pub(super) fn refused(action: String, reply: &SupervisorReply) -> ServerError {
    ServerError::Refused { action, reason: format!("unexpected answer {reply:?}") }
}

impl Shared {
    /// Sends a request; `None` if the supervisor is gone.
    fn send(&self, request: SupervisorRequest) -> Option<oneshot::Receiver<SupervisorReply>> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let reply = self.replies.expect(id)?;
        let mut line = serde_json::to_vec(&Message { id, body: request }).ok()?;
        line.push(b'\n');
        // A line is far smaller than a pipe's buffer, so this does not block.
        self.pipe.lock().as_mut()?.write_all(&line).ok()?;
        Some(reply)
    }

    fn sweep_if_left(&self) {
        if *self.ended.borrow() && self.directory.exists() {
            directory::sweep_directory(&self.directory);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pipe.lock().take();
        self.sweep_if_left();
    }
}

impl Replies {
    fn expect(&self, id: u64) -> Option<oneshot::Receiver<SupervisorReply>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().as_mut()?.insert(id, sender);
        Some(receiver)
    }

    fn deliver(&self, Message { id, body }: Message<SupervisorReply>) {
        let waiting = self.waiting.lock().as_mut().and_then(|waiting| waiting.remove(&id));
        if let Some(sender) = waiting {
            // The sender of the request may have stopped waiting.
            let _ = sender.send(body);
        }
    }

    fn close(&self) {
        self.waiting.lock().take();
    }
}

fn spawn(
    program: &Path,
    root: &Path,
) -> Result<(Supervisor, oneshot::Receiver<SupervisorReply>), ServerError> {
    let swept = sweep_stale_in(root);
    if !swept.directories.is_empty() {
        tracing::info!(?swept, "removed what a dead run had left");
    }
    let (directory, lock) = directory::create(root)?;
    let replies = Arc::new(Replies { waiting: Mutex::new(Some(HashMap::new())) });
    let greeting = replies.expect(GREETING);
    let started = spawn_process(program, &directory).and_then(|mut child| {
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        let pid = child.id();
        let ended = listen(child, stdout, lock, Arc::clone(&replies))?;
        Ok((stdin, pid, ended))
    });
    let ((stdin, pid, ended), greeting) = match (started, greeting) {
        (Ok(started), Some(greeting)) => (started, greeting),
        (started, _) => {
            let reason = started.err().map_or_else(String::new, |error| error.to_string());
            let _ = std::fs::remove_dir_all(&directory);
            return Err(ServerError::NoSupervisor { program: program.to_owned(), reason });
        }
    };
    let shared = Shared {
        directory,
        pid,
        pipe: Mutex::new(Some(stdin)),
        replies,
        last_id: AtomicU64::new(GREETING),
        last_server: AtomicU64::new(0),
        ended,
    };
    Ok((Supervisor { shared: Arc::new(shared) }, greeting))
}

fn spawn_process(program: &Path, directory: &Path) -> io::Result<Child> {
    // The log is not hotset's own standard error, so that a reader of that need not wait for the supervisor to see its
    // end.
    let log = File::create(directory.join(LOG))?;
    Command::new(program)
        .arg(SUPERVISE)
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
}

/// Starts a thread that passes the supervisor's answers on, and reaps it when it has ended. `lock` keeps the directory
/// alive until the supervisor holds the lock itself.
fn listen(
    mut child: Child,
    stdout: ChildStdout,
    lock: File,
    replies: Arc<Replies>,
) -> io::Result<watch::Receiver<bool>> {
    let (ended_sender, ended) = watch::channel(false);
    std::thread::Builder::new().name("supervisor".to_owned()).spawn(move || {
        let mut lock = Some(lock);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Message<SupervisorReply>>(&line) else { continue };
            lock.take_if(|_| message.id == GREETING);
            replies.deliver(message);
        }
        let _ = child.wait();
        drop(lock);
        // This comes before the replies are closed, so that a caller without an answer can see that the directory may
        // go.
        ended_sender.send_replace(true);
        replies.close();
    })?;
    Ok(ended)
}
