//! Launches a server of any kind until it answers: a free port, a start, a bounded wait, and another port if that one
//! was taken in between.

use std::path::Path;
use std::time::{Duration, Instant};

use super::error::ServerError;
use super::log;
use super::ports::free_port;
use super::process::ServerProcess;
use super::protocol::{ServerExit, ServerSpec};
use super::supervisor::Supervisor;
use crate::base::secrets;

/// The most starts of a server whose port turns out to be taken each time.
const PORT_TRIES: usize = 5;
/// The pause between two looks at a server that is starting.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
/// The bound of one probe. A probe that hangs (something else listens there and is silent) must not use up the whole
/// bound.
const PROBE_BOUND: Duration = Duration::from_secs(2);
/// The C library's text for EADDRINUSE, which every server logs.
const TAKEN: &str = "Address already in use";

/// The differences between the kinds of servers.
pub(super) trait ServerKind: Sync {
    /// The prefix of its servers' names.
    const NAME: &'static str;
    /// The time within which the first start has to succeed.
    const START_BOUND: Duration;
    /// The time within which a start over existing data has to succeed.
    const RESTART_BOUND: Duration;

    /// Writes the server's files into its directory, and returns how to start it.
    fn prepare(&self, name: String, directory: &Path, port: u16) -> Result<ServerSpec, ServerError>;

    /// Returns Ok if process `pid`, and not another one on its port, answers and serves; otherwise what is still
    /// missing.
    fn probe(&self, port: u16, pid: u32) -> impl Future<Output = Result<(), String>> + Send;

    /// The lines of a log that explain an early end, without secrets.
    fn quote(&self, log: &str) -> String;
}

/// Starts a server on a free port (`first_port` is tried first if it is given) and waits until it serves.
pub(super) async fn launch<K: ServerKind>(
    supervisor: &Supervisor,
    kind: &K,
    first_port: Option<u16>,
) -> Result<(ServerProcess, u16), ServerError> {
    let mut next_port = first_port;
    let mut taken = Vec::new();
    while taken.len() < PORT_TRIES {
        let port = match next_port.take() {
            Some(port) => port,
            None => pick_port(supervisor)?,
        };
        // Each attempt has another directory, so that nothing of a failed one is left in the one that serves.
        let name = supervisor.name(K::NAME);
        let directory = supervisor.make_directory(&name)?;
        let process = ServerProcess::start(supervisor, kind.prepare(name, &directory, port)?).await?;
        match wait_until_it_serves(kind, &process, port, K::START_BOUND).await {
            Ok(()) => return Ok((process, port)),
            Err(ServerError::DiedAtStart { .. }) if process.log_tail().contains(TAKEN) => taken.push(port),
            Err(error) => return Err(error),
        }
    }
    Err(ServerError::NoPort { server: K::NAME.to_owned(), ports: taken })
}

/// Starts a server again on the port that it had, and waits until it serves its data.
pub(super) async fn relaunch<K: ServerKind>(
    kind: &K,
    process: &ServerProcess,
    port: u16,
) -> Result<(), ServerError> {
    process.restart().await?;
    wait_until_it_serves(kind, process, port, K::RESTART_BOUND).await
}

fn pick_port(supervisor: &Supervisor) -> Result<u16, ServerError> {
    free_port().map_err(|source| ServerError::Directory {
        action: "find a free port on 127.0.0.1 for a server in",
        path: supervisor.directory().to_owned(),
        source,
    })
}

async fn wait_until_it_serves<K: ServerKind>(
    kind: &K,
    process: &ServerProcess,
    port: u16,
    bound: Duration,
) -> Result<(), ServerError> {
    let until = Instant::now() + bound;
    loop {
        let left = until.saturating_duration_since(Instant::now()).min(PROBE_BOUND);
        let last = match tokio::time::timeout(left, kind.probe(port, process.pid())).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => "no answer".to_owned(),
        };
        // The pause ends at once when the server ends.
        if let Some(exit) = process.wait(PROBE_PAUSE).await? {
            return Err(died(kind, process, exit));
        }
        if Instant::now() >= until {
            return Err(ServerError::NotReady {
                server: process.name().to_owned(),
                waited: bound,
                last: secrets::strike(&last).into_owned(),
                log: kind.quote(&process.log_tail()),
            });
        }
    }
}

fn died<K: ServerKind>(kind: &K, process: &ServerProcess, exit: ServerExit) -> ServerError {
    ServerError::DiedAtStart { server: process.name().to_owned(), exit, log: kind.quote(&process.log_tail()) }
}

/// The last lines of a log, without a choice among them.
pub(super) fn quote_plainly(log: &str) -> String {
    log::last_lines(log.lines())
}
