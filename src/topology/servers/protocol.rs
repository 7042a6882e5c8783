//! The lines of JSON between hotset and its supervisor.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line in either direction; an answer carries the number of its question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message<T> {
    pub id: u64,
    pub body: T,
}

pub(super) const SUPERVISE: &str = "__supervise";
pub(super) const EXEC: &str = "__exec";
/// The number of the greeting that the supervisor sends, unasked, once it holds the directory's lock.
pub(super) const GREETING: u64 = 0;

/// A request of hotset to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SupervisorRequest {
    /// Start a server; a server of that name that has ended is replaced.
    Start(ServerSpec),
    /// Send a signal to a server's whole process group.
    Signal { name: String, signal: ServerSignal },
    /// Answer when the server has ended, or with `Running` after the timeout.
    Wait { name: String, timeout_ms: u64 },
    /// Ask the server to end, kill it after the grace, answer when it has ended.
    Stop { name: String, grace_ms: u64 },
    /// Kill the server, forget it, and remove its directory.
    Remove { name: String },
    /// Kill everything, remove the run's directory and end.
    Shutdown,
}

/// An answer of the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum SupervisorReply {
    Ready,
    Started { pid: u32 },
    Running,
    Exited(ServerExit),
    Done,
    Failed { reason: String },
}

/// The program, arguments and environment of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Unique within the supervisor; also the name of the server's directory below the run's.
    pub name: String,
    /// The absolute path of the program.
    #[serde(with = "path")]
    pub program: PathBuf,
    /// Its arguments. They are visible to every user of the machine, so no secret belongs here.
    pub args: Vec<String>,
    /// Environment variables on top of hotset's own.
    pub env: Vec<(String, String)>,
    /// The processors that the server may use; empty for all. Linux only: elsewhere it is ignored.
    pub cpus: Vec<usize>,
    /// The file, inside the server's directory, that receives standard output and standard error.
    #[serde(with = "path")]
    pub log: PathBuf,
}

/// A path as its bytes: it need not be text.
mod path {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(path.as_os_str().as_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::from_vec(Vec::deserialize(deserializer)?).into())
    }
}

/// A signal that hotset sends to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerSignal {
    /// SIGKILL: the process ends at once, nothing is flushed.
    Kill,
    /// SIGTERM: the process is asked to end.
    Terminate,
    /// SIGSTOP: freezes the process; its connections stay open and silent.
    Pause,
    /// SIGCONT: lets a frozen process go on.
    Resume,
}

/// The way in which a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerExit {
    /// It ended by itself with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ServerExit {
    pub(super) fn of(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Code(status.code().unwrap_or(-1)),
        }
    }
}

impl fmt::Display for ServerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}
