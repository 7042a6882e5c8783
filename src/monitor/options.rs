//! Options of the monitor: what to watch, how, and where the figures go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::place::{ServerAddress, UNVERIFIED};
use super::publish::Publish;

/// The shortest interval: more often, the asking itself would be seen in the figures.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Options of `hotset monitor`.
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// A server, any node of a cluster, or a sentinel; several for several deployments.
    pub redis: Vec<ServerAddress>,
    /// The way to the nodes behind a sentinel, where that is not how the sentinel is reached. Its host does not
    /// matter.
    pub nodes: Option<ServerAddress>,
    /// The interval at which each node is asked.
    pub interval: Duration,
    /// After so many samples of each node it ends.
    pub count: Option<u64>,
    /// After so long it ends.
    pub lasts: Option<Duration>,
    /// Where what is seen goes.
    pub output: Output,
    /// The address that metrics are served at.
    pub listen: Option<SocketAddr>,
    /// The target that samples are published to.
    pub publish: Option<Publish>,
    /// It ends when no server has answered for so long.
    pub give_up: Duration,
}

impl MonitorOptions {
    /// What is to be known of servers that nobody has looked at.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let published = self.publish.as_ref().map(|publish| &publish.place);
        let is_unverified =
            self.redis.iter().chain(&self.nodes).chain(published).any(ServerAddress::is_unverified);
        is_unverified.then(|| UNVERIFIED.into())
    }
}

/// Where what is seen goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To the terminal, full screen.
    Screen,
    /// To stdout, as rows of CSV.
    Stdout,
    /// To a file, as rows of CSV.
    File(PathBuf),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::place::How;
    use super::*;
    use crate::store::SecretUrl;
    use crate::store::redis::options::Tls;

    #[test]
    fn servers_that_nobody_has_looked_at_are_spoken_of_where_tls_is_spoken() {
        let warning = |url: &str, insecure: bool| {
            let how = Arc::new(How { tls: Tls { insecure, ..Tls::default() }, ..How::default() });
            let options = MonitorOptions {
                redis: vec![ServerAddress::new(SecretUrl::new(url), how)],
                nodes: None,
                interval: SHORTEST_INTERVAL,
                count: None,
                lasts: None,
                output: Output::Stdout,
                listen: None,
                publish: None,
                give_up: SHORTEST_INTERVAL,
            };
            options.warning()
        };
        assert!(warning("rediss://h", true).unwrap().contains("nobody has looked"));
        assert_eq!(warning("rediss://h", false), None);
        assert_eq!(warning("redis://h", true), None);
    }
}
