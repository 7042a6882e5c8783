//! Where the cache lives: one topology a file. A topology deploys a cache and says how an instance
//! connects to it; the database behind it is deployed by [`database`].

pub mod cache;
pub mod database;
pub mod embedded;
pub mod servers;
pub mod settings;
pub mod single;

use std::path::PathBuf;

use tokio::sync::OnceCell;

pub use cache::{CacheDeployment, CacheEndpoint, CacheFigures, ServerUse};
pub use database::{DatabaseDeployment, DatabaseEndpoint};
use servers::{EvictionPolicy, Persistence, ServerError, Supervisor};
use settings::{CacheSettings, DatabaseKind, DatabaseSettings};

use crate::fault::{Fault, FaultKind};
use crate::scenario::{Reader, SettingDoc, Settings};
use crate::store::{Document, StoreError};

/// Why a topology could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// A server of hotset's own did not start or end as it should.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A store did not answer as it should.
    #[error("{doing}: {source}{}", remedy(source))]
    Store {
        /// What was being done, to what.
        doing: String,
        /// What the store said.
        source: StoreError,
    },
    /// A directory or file of the run could not be made.
    #[error("cannot make {path}: {source}; free some space, or set TMPDIR to a directory that can be written", path = path.display())]
    Directory {
        /// Its path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The server is not what hotset needs.
    #[error("{0}")]
    Unfit(String),
}

impl TopologyError {
    /// For `map_err` on a store's answer.
    pub fn store(doing: impl Into<String>) -> impl FnOnce(StoreError) -> Self {
        let doing = doing.into();
        move |source| Self::Store { doing, source }
    }
}

/// What to do about a store's error.
fn remedy(error: &StoreError) -> &'static str {
    use crate::store::ErrorKind as Kind;
    match error.kind {
        Kind::Denied => "; check the user and the password in the URL",
        Kind::Connection | Kind::Timeout => {
            "; check that the server runs at that address and can be reached from here"
        }
        Kind::OutOfMemory => "; give the server more memory, or another eviction policy",
        _ => "",
    }
}

/// What a deployment is made from, apart from the topology's own settings.
pub struct Site<'a> {
    /// Starts the servers; started itself with the first one.
    pub servers: &'a ServerRoom,
    /// Stands before every key on a server that others use too.
    pub run_prefix: &'a str,
    /// `[cache]`.
    pub cache: &'a CacheSettings,
    /// `[database]`.
    pub database: &'a DatabaseSettings,
    /// How many documents there are.
    pub documents: u64,
    /// What they look like, to see how much memory they take.
    pub document: Box<dyn Fn(u64) -> Document + Send + Sync>,
    /// How many connections the instances will open to the cache in all.
    pub cache_connections: u64,
    /// The processors of cache servers.
    pub cache_cpus: &'a [u64],
    /// The processors of a database server.
    pub database_cpus: &'a [u64],
}

/// The cache and the database that a cell runs on.
#[derive(Clone, Copy)]
pub struct Deployed<'a> {
    /// The cache.
    pub cache: &'a CacheDeployment,
    /// The database.
    pub database: &'a DatabaseDeployment,
}

/// The supervisor of this run's servers, started when the first server is.
#[derive(Default)]
pub struct ServerRoom {
    supervisor: OnceCell<Supervisor>,
    program: Option<PathBuf>,
}

impl ServerRoom {
    /// A room whose supervisor runs as the given program, for tests.
    #[must_use]
    pub fn with_program(program: PathBuf) -> Self {
        Self { supervisor: OnceCell::new(), program: Some(program) }
    }

    /// The supervisor.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub async fn supervisor(&self) -> Result<&Supervisor, ServerError> {
        self.supervisor
            .get_or_try_init(|| async {
                let program = match &self.program {
                    Some(program) => program.clone(),
                    None => servers::own_program().map_err(|source| ServerError::Directory {
                        action: "find the program",
                        path: "hotset".into(),
                        source,
                    })?,
                };
                Supervisor::start(&program).await
            })
            .await
    }

    /// Ends every server and removes what they left.
    pub async fn close(&self) {
        if let Some(supervisor) = self.supervisor.get() {
            // What does not end in time is killed when the pipe closes.
            let _ = supervisor.shutdown().await;
        }
    }
}

/// A topology as `hotset list topologies` shows it.
pub struct TopologyRow {
    /// Its name in a scenario.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Its settings.
    pub docs: fn() -> Vec<SettingDoc>,
    /// Reads its settings.
    pub read: fn(&Reader<'_>) -> TopologySpec,
}

/// Generates, from one row a topology, the registry and the enum in which topologies meet.
macro_rules! topologies {
    ($( $name:literal => $variant:ident, $module:ident, $summary:literal; )+) => {
        /// Every topology there is.
        pub const REGISTRY: &[TopologyRow] = &[ $( TopologyRow {
            name: $name,
            summary: $summary,
            docs: <$module::Spec as Settings>::docs,
            read: |reader| TopologySpec::$variant(<$module::Spec as Settings>::read(reader)),
        }, )+ ];

        /// A topology with its settings.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is documented in its own file")]
        pub enum TopologySpec { $( $variant($module::Spec), )+ }

        impl TopologySpec {
            /// Its name in a scenario.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )+ }
            }

            /// Its settings as one would write them, without secrets.
            #[must_use]
            pub fn show(&self) -> Vec<(&'static str, String)> {
                match self { $( Self::$variant(spec) => spec.show(), )+ }
            }

            /// Which database stands behind the cache.
            #[must_use]
            pub fn database(&self) -> DatabaseKind {
                match self { $( Self::$variant(spec) => spec.database, )+ }
            }

            /// Whether hotset starts and stops the cache's servers itself, and so may stop them.
            #[must_use]
            pub fn manages_cache_servers(&self) -> bool {
                match self { $( Self::$variant(spec) => spec.manages_cache_servers(), )+ }
            }

            /// Makes the cache ready to be connected to.
            ///
            /// # Errors
            /// Says which server could not be started or reached, why, and what to do.
            pub async fn deploy_cache(&self, site: &Site<'_>) -> Result<CacheDeployment, TopologyError> {
                match self { $( Self::$variant(spec) => spec.deploy_cache(site).await, )+ }
            }
        }
    };
}

topologies! {
    "embedded" => Embedded, embedded, "the cache and the database inside this process: nothing to install";
    "single" => Single, single, "one Redis server, started by hotset or already there";
}

impl TopologySpec {
    /// Why a fault makes no sense here, where it does not.
    #[must_use]
    pub fn cannot_suffer(
        &self,
        fault: &Fault,
        uses_cache: bool,
        database: &DatabaseSettings,
    ) -> Option<String> {
        match fault.kind {
            FaultKind::StopCache if !uses_cache => None,
            FaultKind::StopCache if !self.manages_cache_servers() => {
                Some("hotset stops only cache servers that it started, and here there is none".into())
            }
            FaultKind::StopDatabase
                if self.database() == DatabaseKind::Embedded || database.url.is_some() =>
            {
                Some("hotset stops only database servers that it started, and here there is none".into())
            }
            _ => None,
        }
    }

    /// The policy by which a cache of hotset's own may evict what has no time to live; `None` where it
    /// never does. What a server does that is there already is known once it is asked, see
    /// [`CacheDeployment::may_evict_any_key`].
    #[must_use]
    pub fn evicts_any_key(&self, cache: &CacheSettings) -> Option<EvictionPolicy> {
        let evicts =
            self.manages_cache_servers() && cache.capacity.is_some() && cache.eviction.takes_any_key();
        evicts.then_some(cache.eviction)
    }

    /// Whether the cache still holds all that it has acknowledged when it was killed and has started again.
    #[must_use]
    pub fn cache_survives_kill(&self, cache: &CacheSettings) -> bool {
        self.manages_cache_servers() && cache.persistence != Persistence::None
    }
}
