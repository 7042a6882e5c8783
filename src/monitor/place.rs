//! The address of a server, and how to connect to it.

use std::sync::Arc;
use std::time::Duration;

use crate::store::redis::{RedisAdmin, RedisOptions};
use crate::store::{SecretUrl, StoreError};

/// Certificates of authorities, in PEM.
pub type Authorities = Arc<[u8]>;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Its `host:port`, by which it is shown.
    pub name: String,
    /// The URL to connect to.
    pub url: SecretUrl,
    /// Who must have signed its certificate, where it speaks TLS; `None` for the usual ones.
    authorities: Option<Authorities>,
}

impl ServerAddress {
    /// The place that a URL names.
    #[must_use]
    pub fn new(url: SecretUrl, authorities: Option<Authorities>) -> Self {
        let address = url.host_and_port();
        let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
            port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
        });
        let host = if address.is_empty() { "127.0.0.1" } else { address };
        let name = if has_port { address.to_owned() } else { format!("{host}:6379") };
        Self { name, url, authorities }
    }

    /// Another server that is connected to like this one.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { name, url: self.url.at(host, port), authorities: self.authorities.clone() }
    }
}

/// Connects, each step within the bound.
pub async fn connect(place: &ServerAddress, bound: Duration) -> Result<RedisAdmin, StoreError> {
    let options = RedisOptions {
        connect_timeout: bound,
        response_timeout: bound,
        root_certificates: place.authorities.as_ref().map(|pem| pem.to_vec()),
        ..RedisOptions::at(place.url.expose())
    };
    RedisAdmin::connect_as(&options, "hotset-monitor").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_host_and_port_alone() {
        let name = |url: &str| ServerAddress::new(SecretUrl::new(url), None).name;
        assert_eq!(name("redis://user:secret@host:7000/2"), "host:7000");
        assert_eq!(name("redis://:secret@host"), "host:6379");
        assert_eq!(name("rediss://[::1]:7000"), "[::1]:7000");
        assert_eq!(name("rediss://[::1]"), "[::1]:6379");
    }
}
