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

/// What has to be done for this process to hold so many: [`raise`] has gone as far as it may go itself.
#[must_use]
pub fn how_to_raise(needed: u64) -> String {
    let hard = getrlimit(Resource::Nofile).maximum;
    let hard = hard.map_or_else(|| "none".to_owned(), |hard| hard.to_string());
    format!(
        "have the hard limit of open files raised, which is {hard} and which only root raises: `* hard nofile {needed}` in /etc/security/limits.conf and a new login, LimitNOFILE={needed} of a service, or docker run --ulimit nofile={needed}"
    )
}

/// The limit now.
#[must_use]
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_a_process_cannot_raise_is_named_with_who_can() {
        let told = how_to_raise(4096);
        let hard = getrlimit(Resource::Nofile).maximum;
        assert!(hard.is_none_or(|hard| told.contains(&format!("which is {hard} "))), "{told}");
        assert!(told.contains("LimitNOFILE=4096") && !told.contains("ulimit -n"), "{told}");
    }
}
