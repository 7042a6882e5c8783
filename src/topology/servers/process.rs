//! One server process that the supervisor holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::error::ServerError;
use super::log;
use super::protocol::{ServerExit, ServerSignal, ServerSpec, SupervisorReply, SupervisorRequest};
use super::supervisor::{Supervisor, refused};

/// The time within which a killed process has to disappear.
const KILL_BOUND: Duration = Duration::from_secs(10);

/// A server that the supervisor started. Dropping it kills the server and removes its directory, soon but not at
/// once; [`remove`](Self::remove) does the same and waits.
pub struct ServerProcess {
    supervisor: Supervisor,
    spec: ServerSpec,
    pid: AtomicU32,
}

impl ServerProcess {
    /// Starts a server in its directory, which the caller has made with [`Supervisor::make_directory`].
    /// After Ok the process exists; the caller has to find out if it serves.
    pub async fn start(supervisor: &Supervisor, spec: ServerSpec) -> Result<Self, ServerError> {
        let pid = supervisor.start_process(&spec).await?;
        Ok(Self { supervisor: supervisor.clone(), spec, pid: AtomicU32::new(pid) })
    }

    /// The server's name, unique within the run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The server's process id; another one after a restart.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// The server's private directory.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.supervisor.directory().join(&self.spec.name)
    }

    /// The file that holds everything the server printed.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.spec.log
    }

    /// Sends a signal. After Ok it was sent, not necessarily acted upon.
    pub async fn signal(&self, signal: ServerSignal) -> Result<(), ServerError> {
        let action = format!("send {signal:?} to {}", self.name());
        let request = SupervisorRequest::Signal { name: self.name().to_owned(), signal };
        match self.supervisor.request(&action, request, Duration::ZERO).await? {
            SupervisorReply::Done => Ok(()),
            other => Err(refused(action, &other)),
        }
    }

    /// Freezes the server: its connections stay open and nothing answers.
    pub async fn pause(&self) -> Result<(), ServerError> {
        self.signal(ServerSignal::Pause).await
    }

    /// Lets a frozen server go on.
    pub async fn resume(&self) -> Result<(), ServerError> {
        self.signal(ServerSignal::Resume).await
    }

    /// Ends the server hard (SIGKILL). After Ok it has ended and been reaped. A server that had ended already stays so.
    pub async fn kill(&self) -> Result<ServerExit, ServerError> {
        self.stop(Duration::ZERO).await
    }

    /// Sends SIGTERM to the server, and kills it after `grace`; without any grace it is only killed. After Ok it has
    /// ended, in the returned way.
    pub async fn stop(&self, grace: Duration) -> Result<ServerExit, ServerError> {
        let action = format!("stop {}", self.name());
        let name = self.name().to_owned();
        let request = SupervisorRequest::Stop { name, grace_ms: milliseconds(grace) };
        match self.supervisor.request(&action, request, grace.saturating_add(KILL_BOUND)).await? {
            SupervisorReply::Exited(exit) => Ok(exit),
            SupervisorReply::Running => Err(ServerError::DidNotEnd {
                server: self.name().to_owned(),
                pid: self.pid(),
                waited: KILL_BOUND,
            }),
            other => Err(refused(action, &other)),
        }
    }

    /// Waits for the server's end, at most for `bound`, and returns how it ended, or `None` if it still runs. A bound
    /// of zero only looks.
    pub async fn wait(&self, bound: Duration) -> Result<Option<ServerExit>, ServerError> {
        let action = format!("wait for {}", self.name());
        let request =
            SupervisorRequest::Wait { name: self.name().to_owned(), timeout_ms: milliseconds(bound) };
        match self.supervisor.request(&action, request, bound).await? {
            SupervisorReply::Exited(exit) => Ok(Some(exit)),
            SupervisorReply::Running => Ok(None),
            other => Err(refused(action, &other)),
        }
    }

    /// Starts the server again as it was started first, in the same directory; one that still runs is killed before.
    /// After Ok the process exists; the caller has to find out if it serves.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.kill().await?;
        let pid = self.supervisor.start_process(&self.spec).await?;
        self.pid.store(pid, Ordering::Relaxed);
        Ok(())
    }

    /// Kills the server and removes its directory. After Ok neither is left.
    pub async fn remove(self) -> Result<(), ServerError> {
        let action = format!("remove {}", self.name());
        let request = SupervisorRequest::Remove { name: self.name().to_owned() };
        match self.supervisor.request(&action, request, KILL_BOUND).await? {
            SupervisorReply::Done => Ok(()),
            other => Err(refused(action, &other)),
        }
    }

    /// The last part of the server's log.
    pub(super) fn log_tail(&self) -> String {
        log::tail(self.log())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.supervisor.send(SupervisorRequest::Remove { name: self.name().to_owned() });
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
