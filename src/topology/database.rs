//! The database behind the cache: one file written by this process, or a MongoDB that hotset starts or that is there
//! already.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::relay::{LinkTo, Relays};
use super::servers::{MongodConfig, MongodServer, UsageSampler};
use super::settings::{DatabaseKind, DatabaseSettings, NetworkSettings};
use super::{DeploymentContext, ServerUse, TopologyError};
use crate::store::mongodb::{MongoDatabase, MongoOptions};
use crate::store::redb::{EmbeddedDatabase, EmbeddedOptions};
use crate::store::{
    AnyDatabase, AppDatabase, Counters, DatabaseDelay, DelayedDatabase, ErrorKind, RoundTrip, SecretUrl,
    StoreError,
};

/// The least time that hotset's own commands are given for an answer, and an application for its first connections: what
/// hotset loads, looks at and removes is no part of what is measured, and has to succeed however impatient the application is.
const OWN_PATIENCE: Duration = Duration::from_secs(5);

/// The database as an instance connects to it.
#[derive(Debug, Clone)]
pub struct DatabaseEndpoint {
    place: Place,
    /// The places that calls occupy during their service time; all instances share them.
    servers: Arc<Semaphore>,
    /// The time that every call now takes longer, on any connection.
    slowness: RoundTrip,
    /// The relays that connections pass through, if the link is to be broken.
    relays: Option<Relays>,
}

/// The location of the database.
#[derive(Debug, Clone)]
enum Place {
    /// In a file of this process.
    Embedded(EmbeddedDatabase),
    /// On a MongoDB server.
    Mongo(MongoOptions),
}

impl Place {
    /// The same place with hotset's own patience.
    fn patient(&self) -> Self {
        match self {
            Self::Embedded(database) => Self::Embedded(database.at_least_waiting(OWN_PATIENCE)),
            Self::Mongo(options) => Self::Mongo(patient(options)),
        }
    }
}

impl DatabaseEndpoint {
    /// Opens an instance's connections, on the runtime that the caller runs on.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn connect(
        &self,
        network: &NetworkSettings,
        settings: &DatabaseSettings,
        counters: Counters,
    ) -> Result<AppDatabase, StoreError> {
        let database = match &self.place {
            Place::Embedded(database) => AnyDatabase::Embedded(database.counted_by(counters)),
            Place::Mongo(options) => {
                AnyDatabase::Mongo(MongoDatabase::connect(self.detoured(options)?, counters).await?)
            }
        };
        Ok(DelayedDatabase::new(database, self.delay(network, settings)))
    }

    /// Connects hotset itself: past the relays, without the simulated round trip and service time, and with at least 5 s for
    /// an answer.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn connect_directly(&self, settings: &DatabaseSettings) -> Result<AppDatabase, StoreError> {
        let settings = DatabaseSettings { service_time: Duration::ZERO, ..settings.clone() };
        let direct = Self { place: self.place.patient(), relays: None, ..self.clone() };
        direct.connect(&NetworkSettings::default(), &settings, Counters::default()).await
    }

    /// The options to connect through the relay, if the link is to be broken.
    fn detoured(&self, options: &MongoOptions) -> Result<MongoOptions, StoreError> {
        let Some(relays) = &self.relays else { return Ok(options.clone()) };
        let failed = |reason: String| StoreError::new(ErrorKind::Other, reason);
        if let Some(reason) = no_relay(&options.uri) {
            return Err(failed(reason.into()));
        }
        let place = options.uri.host_and_port();
        let (host, port) = place.rsplit_once(':').unwrap_or((place, "27017"));
        let port = port.parse().map_err(|_| failed(format!("\"{port}\" is no port")))?;
        let relay = relays
            .detour(LinkTo::Database, host, port)
            .map_err(|error| failed(format!("no relay to the database: {error}")))?;
        // Without a direct connection the driver would ask a replica set for its address, and go there past the relay.
        let mut uri = options.uri.at("127.0.0.1", relay).expose().to_owned();
        if !uri.contains("directConnection") {
            if !uri[uri.find("://").map_or(0, |at| at + 3)..].contains('/') {
                uri.push('/');
            }
            uri.push_str(if uri.contains('?') { "&directConnection=true" } else { "?directConnection=true" });
        }
        Ok(MongoOptions { uri: SecretUrl::new(uri), ..options.clone() })
    }

    fn delay(&self, network: &NetworkSettings, settings: &DatabaseSettings) -> DatabaseDelay {
        DatabaseDelay {
            round_trip: RoundTrip::new(network.database_rtt),
            jitter: network.database_jitter,
            service_time: settings.service_time,
            servers: (!settings.service_time.is_zero()).then(|| Arc::clone(&self.servers)),
            queue_timeout: settings.timeout.0,
            slowness: self.slowness.clone(),
        }
    }

    /// The location as messages show it, without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Embedded(_) => "embedded in this process".into(),
            Place::Mongo(options) => options.uri.to_string(),
        }
    }

    fn new(place: Place, site: &DeploymentContext<'_>) -> Self {
        let servers = usize::try_from(site.database.concurrency.get()).unwrap_or(usize::MAX);
        let servers = Arc::new(Semaphore::new(servers.min(Semaphore::MAX_PERMITS)));
        Self { place, servers, slowness: RoundTrip::default(), relays: site.relays.clone() }
    }

    /// The time that every call takes longer. It may be changed while a cell runs.
    #[must_use]
    pub fn slowness(&self) -> &RoundTrip {
        &self.slowness
    }
}

/// The reason why no relay can stand in the link to a MongoDB; `None` if one can.
#[must_use]
pub fn no_relay(uri: &SecretUrl) -> Option<&'static str> {
    let (place, query) = uri.expose().split_once('?').unwrap_or((uri.expose(), ""));
    let is_on = |option: &str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        ["tls", "ssl"].iter().any(|tls| name.eq_ignore_ascii_case(tls)) && value.eq_ignore_ascii_case("true")
    };
    if place.starts_with("mongodb+srv") || query.split('&').any(is_on) {
        return Some(
            "a relay cannot stand in a link to a MongoDB that speaks TLS or is named by mongodb+srv: the server's name would not be its own; break it in a scenario of its own without TLS",
        );
    }
    let hosts = uri.host_and_port();
    hosts
        .contains(',')
        .then_some("only the link to a single MongoDB can be broken; name one host in database.url")
}

/// A database that is up.
pub struct DatabaseDeployment {
    endpoint: DatabaseEndpoint,
    server: Option<Arc<MongodServer>>,
    external: bool,
    /// The directory of an embedded database, which is removed with it.
    directory: Option<PathBuf>,
}

impl DatabaseDeployment {
    /// Makes the database ready to be connected to.
    /// # Errors
    /// Returns an error that tells what could not be started or reached, why, and what to do.
    /// Says what could not be started or reached, why, and what to do.
    pub async fn deploy(kind: DatabaseKind, site: &DeploymentContext<'_>) -> Result<Self, TopologyError> {
        match (kind, &site.database.url) {
            (DatabaseKind::Embedded, _) => embedded(site).await,
            (DatabaseKind::Mongodb, Some(url)) => Ok(Self {
                endpoint: DatabaseEndpoint::new(Place::Mongo(options(url.0.clone(), site)), site),
                server: None,
                external: true,
                directory: None,
            }),
            (DatabaseKind::Mongodb, None) => managed(site).await,
        }
    }

    /// The database as instances connect to it.
    #[must_use]
    pub fn endpoint(&self) -> &DatabaseEndpoint {
        &self.endpoint
    }

    /// The server, if hotset started it and so may stop it.
    #[must_use]
    pub fn server(&self) -> Option<Arc<MongodServer>> {
        self.server.clone()
    }

    /// The resources that the server has used, if hotset started it.
    pub fn server_use(&self, sampler: &mut UsageSampler) -> Option<ServerUse> {
        let pid = self.server.as_ref()?.process().pid();
        let usage = sampler.sample(pid)?;
        Some(ServerUse { server: pid.into(), cpu_seconds: usage.cpu_time.as_secs_f64() })
    }

    /// The description for the run's record: name, version, configuration.
    pub async fn describe(&self) -> (String, String, Vec<(String, String)>) {
        match &self.endpoint.place {
            Place::Embedded(_) => (
                "embedded database (redb)".into(),
                env!("CARGO_PKG_VERSION").into(),
                vec![("durability".into(), "every commit".into())],
            ),
            Place::Mongo(options) => {
                let version = match administrator(options).await {
                    Ok(database) => database.server_version().await.unwrap_or_else(|_| "unknown".into()),
                    Err(_) => "unknown".into(),
                };
                let configuration = vec![
                    ("managed".into(), self.server.is_some().to_string()),
                    ("url".into(), options.uri.to_string()),
                    ("database".into(), options.database.clone()),
                ];
                ("mongodb".into(), version, configuration)
            }
        }
    }

    /// Returns true if it is on a server that hotset did not start.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// Removes the data of this run from a database that is not hotset's own.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn drop_data(&self) -> Result<(), TopologyError> {
        if let (Place::Mongo(options), true) = (&self.endpoint.place, self.external) {
            let connecting = format!("connecting to the database ({})", self.endpoint.shown());
            let administrator = administrator(options).await.map_err(TopologyError::store(connecting))?;
            let doing = format!("removing the database \"{}\" of this run", options.database);
            administrator.remove_all().await.map_err(TopologyError::store(doing))?;
        }
        Ok(())
    }

    /// Closes it, after [`drop_data`](Self::drop_data).
    ///
    /// # Errors
    /// Where the directory of an embedded database stays.
    pub fn close(self) -> Result<(), TopologyError> {
        let directory = self.directory.clone();
        // An embedded database's file has to be closed before its directory is removed.
        drop(self);
        if let Some(directory) = directory {
            std::fs::remove_dir_all(&directory)
                .map_err(|source| TopologyError::Directory { path: directory, source })?;
        }
        Ok(())
    }
}

/// Makes an embedded database in the directory of the run's servers, which is removed however hotset ends.
async fn embedded(site: &DeploymentContext<'_>) -> Result<DatabaseDeployment, TopologyError> {
    let supervisor = site.servers.supervisor().await?;
    let directory = supervisor.make_directory(&supervisor.name("embedded"))?;
    let file = directory.join("documents.redb");
    let options = EmbeddedOptions { response_timeout: site.database.timeout.0, ..EmbeddedOptions::at(&file) };
    let database = EmbeddedDatabase::open(&options, Counters::default())
        .map_err(TopologyError::store(format!("making the embedded database {}", file.display())))?;
    Ok(DatabaseDeployment {
        endpoint: DatabaseEndpoint::new(Place::Embedded(database), site),
        server: None,
        external: false,
        directory: Some(directory),
    })
}

async fn managed(site: &DeploymentContext<'_>) -> Result<DatabaseDeployment, TopologyError> {
    let config = MongodConfig {
        replica_set: site.database.replica_set.then(|| "hotset".into()),
        cache_gb: (site.database.cache_size.0 as f64 / f64::from(1_u32 << 30)).max(0.25),
        cpus: site.database_cpus.iter().map(|cpu| *cpu as usize).collect(),
        ..MongodConfig::default()
    };
    let server = MongodServer::start(site.servers.supervisor().await?, config).await?;
    let endpoint = DatabaseEndpoint::new(Place::Mongo(options(SecretUrl::new(server.url()), site)), site);
    Ok(DatabaseDeployment { endpoint, server: Some(Arc::new(server)), external: false, directory: None })
}

/// A connection for hotset's own commands, which are not counted.
async fn administrator(options: &MongoOptions) -> Result<MongoDatabase, StoreError> {
    let few = MongoOptions { min_pool_size: 0, max_pool_size: 2, ..patient(options) };
    MongoDatabase::connect(few, Counters::default()).await
}

fn patient(options: &MongoOptions) -> MongoOptions {
    let response_timeout = options.response_timeout.max(OWN_PATIENCE);
    MongoOptions { response_timeout, ..options.clone() }
}

fn options(uri: SecretUrl, site: &DeploymentContext<'_>) -> MongoOptions {
    let connections = u32::try_from(site.database.connections.get()).unwrap_or(u32::MAX);
    MongoOptions {
        uri,
        // The name belongs to this run, so that dropping the database at the end takes nothing of anybody else's.
        database: format!(
            "{}_{}",
            site.database.name,
            site.run_prefix.trim_start_matches("hotset").replace(':', "")
        ),
        min_pool_size: connections,
        max_pool_size: connections,
        connect_timeout: site.database.timeout.0.max(OWN_PATIENCE),
        response_timeout: site.database.timeout.0,
        write_concern: site.database.write_concern,
        read_preference: site.database.read_preference,
        app_name: "hotset".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::mongodb::{ReadPreference, WriteConcern};

    #[test]
    fn hotset_itself_waits_for_a_database_however_impatient_the_application_is() {
        let waits = |millis| {
            let options = MongoOptions {
                uri: SecretUrl::new("mongodb://host/"),
                database: "hotset".into(),
                min_pool_size: 1,
                max_pool_size: 1,
                connect_timeout: OWN_PATIENCE,
                response_timeout: Duration::from_millis(millis),
                write_concern: WriteConcern::Journaled,
                read_preference: ReadPreference::Primary,
                app_name: "hotset".into(),
            };
            let Place::Mongo(own) = Place::Mongo(options).patient() else { unreachable!("it is a MongoDB") };
            own.response_timeout
        };
        assert_eq!((waits(300), waits(9_000)), (OWN_PATIENCE, Duration::from_secs(9)));
    }

    #[test]
    fn no_relay_stands_before_a_mongodb_that_shows_a_certificate_or_is_several() {
        let why = |uri: &str| no_relay(&SecretUrl::new(uri));
        assert_eq!(why("mongodb://user:tls=true@host:27017/"), None);
        assert_eq!(why("mongodb://host/?tls=false&retryWrites=true"), None);
        for tls in [
            "mongodb+srv://cluster.example/",
            "mongodb://host/?tls=true",
            "mongodb://host/?w=1&ssl=true",
            "mongodb://host/?TLS=True",
        ] {
            assert!(why(tls).unwrap().contains("TLS"), "{tls}");
        }
        assert!(why("mongodb://a:1,b:2/").unwrap().contains("one host"));
    }
}
