//! The errors of managed servers, with what to do about each.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::protocol::ServerExit;

/// A reason why a managed server, or the supervisor that holds it, could not be started, reached or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server is not installed where hotset looks.
    #[error("{program} was not found (looked in {looked_in}); {remedy}")]
    NotFound {
        /// The program that is missing.
        program: &'static str,
        /// Every place that was tried.
        looked_in: String,
        /// What remedies it.
        remedy: String,
    },
    /// A program exists but did not tell its version.
    #[error("{} could not be asked for its version: {reason}; check that it runs on this machine", .path.display())]
    NoVersion {
        /// The path of the program.
        path: PathBuf,
        /// The result of asking for the version.
        reason: String,
    },
    /// The temporary directory cannot be used.
    #[error(
        "cannot {action} {}: {source}; the servers need a private directory there, so free some space or set TMPDIR to a directory that can be written",
        .path.display()
    )]
    Directory {
        /// The step that failed.
        action: &'static str,
        /// The file or directory of that step.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The supervisor process did not come up.
    #[error("cannot start the servers' supervisor ({}): {reason}", .program.display())]
    NoSupervisor {
        /// The program that was to be the supervisor.
        program: PathBuf,
        /// The reason why it did not come up.
        reason: String,
    },
    /// The supervisor ended while it was needed; the servers have died with it.
    #[error("the servers' supervisor ended while hotset wanted to {action}, and the servers with it{log}")]
    SupervisorGone {
        /// The request that was made to it.
        action: String,
        /// The last lines of its log; may be empty.
        log: String,
    },
    /// The supervisor runs but gave no answer.
    #[error("the servers' supervisor did not {action} within {waited:?}; is the machine overloaded?")]
    NoAnswer {
        /// The request that was made to it.
        action: String,
        /// The time that hotset waited.
        waited: Duration,
    },
    /// The supervisor answered that it could not do what was requested.
    #[error("could not {action}: {reason}")]
    Refused {
        /// The request that was made to it.
        action: String,
        /// The reason that it gave.
        reason: String,
    },
    /// A server ended before it was ready.
    #[error("{server} ended at its start ({exit}); the last lines of its log:\n{log}")]
    DiedAtStart {
        /// The server's name.
        server: String,
        /// Its exit code or signal.
        exit: ServerExit,
        /// The end of its log, without secrets.
        log: String,
    },
    /// A server runs but is not ready in time.
    #[error("{server} was not ready within {waited:?} ({last}); the last lines of its log:\n{log}")]
    NotReady {
        /// The server's name.
        server: String,
        /// The time that hotset waited.
        waited: Duration,
        /// The result of the last attempt to reach it.
        last: String,
        /// The end of its log, without secrets.
        log: String,
    },
    /// Every port that was tried was taken by another process by the time the server opened it.
    #[error(
        "{server} found no free port on 127.0.0.1: {ports:?} were taken; end what else opens ports on this machine"
    )]
    NoPort {
        /// The server's name.
        server: String,
        /// The ports that were tried.
        ports: Vec<u16>,
    },
    /// A server did not end within its bound.
    #[error(
        "{server} (process {pid}) did not end within {waited:?} of being killed; it may hang in the kernel"
    )]
    DidNotEnd {
        /// The server's name.
        server: String,
        /// The id of its process.
        pid: u32,
        /// The time that hotset waited.
        waited: Duration,
    },
    /// A setting cannot be written into a server's configuration.
    #[error("{server}: the setting `{key}` cannot be used: {reason}")]
    Setting {
        /// The kind of server.
        server: &'static str,
        /// The setting's name.
        key: String,
        /// The reason why it cannot be used.
        reason: &'static str,
    },
}
