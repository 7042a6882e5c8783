//! The address of a server, and how to connect to it.

use std::sync::Arc;
use std::time::Duration;

use crate::store::redis::address_map::AddressMap;
use crate::store::redis::layout::NodeAddress;
use crate::store::redis::options::Tls;
use crate::store::redis::{RedisAdmin, RedisOptions};
use crate::store::{SecretUrl, StoreError};

/// What is to be known of servers that nobody has looked at.
pub const UNVERIFIED: &str = "--tls-insecure: nobody has looked at who the servers are";

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Its `host:port`, by which it is shown.
    pub name: String,
    /// The URL to connect to.
    pub url: SecretUrl,
    /// How else it is connected to.
    how: Arc<How>,
}

/// How servers are connected to, besides their URLs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct How {
    /// How servers and this client prove who they are, where they speak TLS.
    pub tls: Tls,
    /// The addresses to connect to in place of those that nodes announce.
    pub address_map: AddressMap,
}

impl ServerAddress {
    /// The place that a URL names.
    #[must_use]
    pub fn new(url: SecretUrl, how: Arc<How>) -> Self {
        let address = url.host_and_port();
        if url.is_socket() {
            return Self { name: address.to_owned(), url, how };
        }
        let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
            port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
        });
        let host = if address.is_empty() { "127.0.0.1" } else { address };
        let name = if has_port { address.to_owned() } else { format!("{host}:6379") };
        Self { name, url, how }
    }

    /// Another server that is connected to like this one.
    #[must_use]
    pub fn at(&self, node: &NodeAddress) -> Self {
        Self { name: node.to_string(), url: self.options().url_of(node), how: Arc::clone(&self.how) }
    }

    /// The address by which nodes that do not know their own host are reached beside it.
    #[must_use]
    pub fn address(&self) -> NodeAddress {
        let here = || NodeAddress::new("127.0.0.1", 6379);
        if self.url.is_socket() {
            here()
        } else {
            NodeAddress::parse(&self.name, "127.0.0.1").unwrap_or_else(here)
        }
    }

    /// Returns true if it is connected to over TLS without looking at who it is.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.how.tls.insecure && self.url.speaks_tls()
    }

    /// The addresses to connect to in place of those that nodes announce.
    #[must_use]
    pub fn address_map(&self) -> &AddressMap {
        &self.how.address_map
    }

    fn options(&self) -> RedisOptions {
        RedisOptions {
            tls: self.how.tls.clone(),
            address_map: self.how.address_map.clone(),
            ..RedisOptions::at(self.url.expose())
        }
    }
}

/// Connects, each step within the bound.
pub async fn connect(place: &ServerAddress, bound: Duration) -> Result<RedisAdmin, StoreError> {
    let options = RedisOptions { connect_timeout: bound, response_timeout: bound, ..place.options() };
    RedisAdmin::connect_as(&options, "hotset-monitor").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_host_and_port_alone() {
        let name = |url: &str| ServerAddress::new(SecretUrl::new(url), Arc::default()).name;
        assert_eq!(name("redis://user:secret@host:7000/2"), "host:7000");
        assert_eq!(name("redis://:secret@host"), "host:6379");
        assert_eq!(name("rediss://[::1]:7000"), "[::1]:7000");
        assert_eq!(name("rediss://[::1]"), "[::1]:6379");
        assert_eq!(name("unix:///run/redis.sock?pass=secret"), "/run/redis.sock");
    }
}
