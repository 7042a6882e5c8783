//! Whether the servers that a scenario names answer, each within a bound and all at once.

use std::time::Duration;

use futures_util::future::join_all;

use super::TopologySpec;
use super::settings::{CacheSettings, DatabaseSettings};
use super::{remedy, tls};
use crate::store::mongodb::{MongoDatabase, MongoOptions};
use crate::store::redis::RedisAdmin;
use crate::store::redis::options::RedisOptions;
use crate::store::{Counters, ErrorKind, SecretUrl, StoreError};

/// The longest that one server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that a scenario names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedServer {
    /// Its address; shown without its password.
    pub url: SecretUrl,
    /// Who names it, such as `topology single`.
    pub named_by: Vec<String>,
    kind: ServerKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerKind {
    Redis,
    Mongodb,
}

/// What became of asking one.
#[derive(Debug)]
pub struct ReachedServer {
    /// The server.
    pub server: NamedServer,
    /// What came of it.
    pub answer: ServerAnswer,
}

/// The answers of a server, with the reason and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAnswer {
    /// It takes this client.
    Taken,
    /// It answers, and refuses this client.
    Refused(String),
    /// It does not answer.
    Missing(String),
}

impl ServerAnswer {
    fn of(answered: Result<(), StoreError>) -> Self {
        let Err(error) = answered else { return Self::Taken };
        let why = format!("{}{}", error.detail, remedy::of(&error));
        match error.kind {
            ErrorKind::Connection | ErrorKind::Timeout => Self::Missing(why),
            _ => Self::Refused(why),
        }
    }
}

/// Every server that some topologies and a database name, each once. What hotset starts itself has no address yet.
#[must_use]
pub fn named_servers<'a>(
    topologies: impl Iterator<Item = (&'a str, &'a TopologySpec)>,
    database: &DatabaseSettings,
) -> Vec<NamedServer> {
    let mut servers: Vec<NamedServer> = Vec::new();
    let mut add =
        |url: &SecretUrl, kind, named_by: String| match servers.iter_mut().find(|one| one.url == *url) {
            Some(known) if known.named_by.contains(&named_by) => {}
            Some(known) => known.named_by.push(named_by),
            None => servers.push(NamedServer { url: url.clone(), named_by: vec![named_by], kind }),
        };
    for (label, topology) in topologies {
        for url in topology.addresses() {
            add(&url, ServerKind::Redis, format!("topology {label}"));
        }
        if let Some(url) = database.url.as_ref().filter(|_| topology.has_mongodb()) {
            add(&url.0, ServerKind::Mongodb, "database.url".into());
        }
    }
    servers
}

/// Asks all of them at once.
pub async fn reach(
    servers: Vec<NamedServer>,
    cache: &CacheSettings,
    database: &DatabaseSettings,
) -> Vec<ReachedServer> {
    join_all(servers.into_iter().map(|server| async {
        let asked = async {
            match server.kind {
                ServerKind::Redis => ask_redis(&server.url, cache).await,
                ServerKind::Mongodb => ask_mongodb(&server.url, database).await,
            }
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            let late = format!("it did not answer within {} s", PATIENCE.as_secs());
            Err(StoreError::new(ErrorKind::Timeout, late))
        });
        ReachedServer { server, answer: ServerAnswer::of(answered) }
    }))
    .await
}

async fn ask_redis(url: &SecretUrl, cache: &CacheSettings) -> Result<(), StoreError> {
    let options = RedisOptions {
        connect_timeout: cache.connect_timeout.0,
        response_timeout: cache.timeout.0,
        tls: tls::read(cache).map_err(|fault| StoreError::new(ErrorKind::Other, fault))?,
        ..RedisOptions::at(url.expose())
    };
    // Connecting says who one is only where the URL does. A server that wants to know refuses the first command.
    let admin = RedisAdmin::connect_as(&options, "hotset-check").await?;
    admin.ask::<redis::Value>(&redis::cmd("PING"), "asking Redis").await.map(drop)
}

async fn ask_mongodb(url: &SecretUrl, database: &DatabaseSettings) -> Result<(), StoreError> {
    let options = MongoOptions {
        uri: url.clone(),
        database: database.name.clone(),
        // One connection is opened at once, which logs in.
        min_pool_size: 1,
        max_pool_size: 1,
        connect_timeout: PATIENCE,
        response_timeout: PATIENCE,
        write_concern: database.write_concern,
        read_preference: database.read_preference,
        app_name: "hotset-check".into(),
    };
    MongoDatabase::connect(options, Counters::default()).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_refuses_is_not_said_to_be_silent_and_both_have_their_remedy() {
        let of = |kind, detail: &str| ServerAnswer::of(Err(StoreError::new(kind, detail)));
        let refused = of(ErrorKind::Denied, "asking Redis redis://h: NOAUTH Authentication required.");
        assert!(
            matches!(&refused, ServerAnswer::Refused(why) if why.contains("NOAUTH") && why.contains("into the URL")),
            "{refused:?}"
        );
        let missing = of(ErrorKind::Connection, "connecting: Connection refused (os error 111)");
        assert!(
            matches!(&missing, ServerAnswer::Missing(why) if why.contains("nobody listens there")),
            "{missing:?}"
        );
    }
}
