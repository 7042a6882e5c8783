//! What can go wrong with a managed server, in words that say what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::protocol::Exit;

/// Why a managed server, or the supervisor that holds it, could not be started, reached or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server is not installed where hotset looks.
    #[error("{program} was not found (looked in {looked_in}); {remedy}")]
    NotFound {
        /// The program that is missing.
        program: &'static str,
        /// Every place that was tried.
        looked_in: String,
        /// The command that mends it.
        remedy: &'static str,
    },
    /// A program exists but could not say which version it is.
    #[error("{} could not be asked for its version: {reason}; check that it runs on this machine", .path.display())]
    NoVersion {
        /// The program that was asked.
        path: PathBuf,
        /// What happened instead.
        reason: String,
    },
    /// The temporary directory cannot be used.
    #[error(
        "cannot {action} {}: {source}; the servers need a private directory there, so free some space or set TMPDIR to a directory that can be written",
        .path.display()
    )]
    Directory {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The supervisor process did not come up.
    #[error("cannot start the servers' supervisor ({}): {reason}", .program.display())]
    NoSupervisor {
        /// The program that was to be the supervisor.
        program: PathBuf,
        /// Why it did not.
        reason: String,
    },
    /// The supervisor ended while it was needed; the servers have died with it.
    #[error("the servers' supervisor ended while hotset wanted to {action}, and the servers with it{log}")]
    SupervisorGone {
        /// What was asked of it.
        action: String,
        /// What it wrote last, or nothing.
        log: String,
    },
    /// The supervisor is there but gave no answer.
    #[error("the servers' supervisor did not {action} within {waited:?}; is the machine overloaded?")]
    NoAnswer {
        /// What was asked of it.
        action: String,
        /// How long hotset waited.
        waited: Duration,
    },
    /// The supervisor answered that it could not do what was asked.
    #[error("could not {action}: {reason}")]
    Refused {
        /// What was asked of it.
        action: String,
        /// Its reason.
        reason: String,
    },
    /// A server ended before it was ready.
    #[error("{server} ended at its start ({exit}); the last lines of its log:\n{log}")]
    DiedAtStart {
        /// The server's name.
        server: String,
        /// How it ended.
        exit: Exit,
        /// The end of its log, without secrets.
        log: String,
    },
    /// A server runs but is not ready in time.
    #[error("{server} was not ready within {waited:?} ({last}); the last lines of its log:\n{log}")]
    NotReady {
        /// The server's name.
        server: String,
        /// How long hotset waited.
        waited: Duration,
        /// What the last attempt to reach it said.
        last: String,
        /// The end of its log, without secrets.
        log: String,
    },
    /// Every port that was tried belonged to someone else by the time the server wanted it.
    #[error(
        "{server} found no free port on 127.0.0.1: {ports:?} were taken; end what else opens ports on this machine"
    )]
    NoPort {
        /// The server's name.
        server: String,
        /// The ports that were tried.
        ports: Vec<u16>,
    },
    /// A server outlived its bound for ending.
    #[error(
        "{server} (process {pid}) did not end within {waited:?} of being killed; it may hang in the kernel"
    )]
    DidNotEnd {
        /// The server's name.
        server: String,
        /// Its process.
        pid: u32,
        /// How long hotset waited.
        waited: Duration,
    },
    /// A setting cannot be written into a server's configuration.
    #[error("{server}: the setting `{key}` cannot be used: {reason}")]
    Setting {
        /// The kind of server.
        server: &'static str,
        /// The setting's name.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}
