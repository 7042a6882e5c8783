//! The number of files and connections that this process may hold open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as a process may raise it by itself. Servers that are started inherit it.
pub fn raise() {
    let limits = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limits.maximum, maximum: limits.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("the limit of open files stays: {error}");
    }
}

/// The limit now.
#[must_use]
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
