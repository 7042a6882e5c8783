//! Applications: the kinds of entity that the load works on, and the operations on them.
//!
//! An application is a file and a row in the table of [`registry`]: its settings, its tables of entities and
//! operations, the documents that it starts from, and the operations of one instance.
//!
//! This room stands on floor 4 and may use `audit`, `base`, `load`, `measure`, `results`, `scenario`, `store`
//! and `strategy`.

pub mod any_source;
pub mod catalog;
pub mod ecommerce;
pub mod lives;
pub mod lookups;
pub mod population;
pub mod registry;
pub mod sessions;
pub mod touched;
pub mod visitor;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use tokio::sync::watch;

use crate::audit::{FIELDS, Seen};
use crate::load::workload::{Operation, ValueSizes};
use crate::results::OperationClass;
use crate::scenario::Settings;
use crate::store::{Changes, Document, ErrorKind, StoreError, Version};
use crate::strategy::source::Keyspace;
use crate::strategy::{Backlog, ReadOutcome, StrategyCache, StrategySpec, WriteError};
pub use any_source::EntityStrategy;
pub use lookups::Lookups;
pub use population::Population;
pub use registry::{AnyApplication, AnyDataset, AnyWorld, ApplicationRow, ApplicationSpec, REGISTRY};
pub use visitor::Visitor;

/// One kind of operation of an application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationKind {
    /// Its name in results, and in `[application.mix]`.
    pub name: &'static str,
    /// Its class: reading or writing.
    pub class: OperationClass,
    /// True if it may request an entity that does not exist.
    pub can_be_absent: bool,
    /// The kinds of entity that it shows or changes: indices into the application's table.
    pub shows: &'static [usize],
    /// Its share of the operations unless the scenario says otherwise.
    pub share: f64,
}

/// One kind of entity of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityKind {
    /// Its name in results, and in `[application.strategies]`.
    pub name: &'static str,
    /// The collection of the database that holds it; `None` if it is made of other entities, or lives only in the
    /// cache.
    pub collection: Option<&'static str>,
    /// The fields that writes change, in the order of [`Seen::writes`]; empty where there is none.
    pub fields: [&'static str; FIELDS],
    /// The rule by which its strategy is chosen.
    pub served: Served,
    /// The kind that it is made of, if any: it shows that kind's writes once the database has them.
    pub made_of: Option<usize>,
}

/// The rule by which a kind of entity gets its strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It has the cell's strategy, unless `[application.strategies]` names another.
    ByStrategy,
    /// As `ByStrategy`, but the entity is never written: a strategy that writes to the cache first makes no sense.
    ByReading,
    /// It lives in the cache itself, whatever the strategy.
    InTheCache,
}

/// The location of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRef {
    /// The kind of entity: an index into the application's table.
    pub entity: usize,
    /// The entity's id.
    pub id: CompactString,
}

/// The outcome of an operation that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A read was answered.
    Read(ReadOutcome),
    /// A read of several documents was answered.
    ReadMany(Lookups),
    /// A write was acknowledged.
    Written,
    /// An operation that neither reads nor writes an entity was done.
    Done,
    /// The request was refused, as it had to be, because its client has no session.
    Refused,
}

/// A reason why an answer cannot be what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Damage {
    /// It is another document.
    WrongDocument,
    /// A field is missing or of the wrong type.
    MissingField,
    /// A checksum does not match.
    Checksum,
    /// The version inside is not the version that it was kept under.
    VersionMismatch,
    /// A read answered "absent" for a document that exists.
    FalselyAbsent,
    /// A document that does not exist was returned.
    FalselyPresent,
}

impl Damage {
    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongDocument => "wrong document",
            Self::MissingField => "missing field",
            Self::Checksum => "checksum",
            Self::VersionMismatch => "version mismatch",
            Self::FalselyAbsent => "said absent",
            Self::FalselyPresent => "said present",
        }
    }
}

/// One instance of an application.
pub trait Application: Send + Sync + 'static {
    /// Carries out one operation of a client. Reads and writes go through the visitor, which has them audited.
    ///
    /// # Errors
    /// Returns the error of the strategy, which says so where a write was committed all the same.
    fn perform(
        &self,
        visitor: &mut Visitor,
        operation: &Operation,
    ) -> impl Future<Output = Result<Answer, WriteError>> + Send;

    /// The think time of a closed-loop client before its next operation.
    fn pause_after(&self, _visitor: &Visitor, _operation: &Operation) -> Duration {
        Duration::ZERO
    }

    /// See [`Strategy::recover`](crate::strategy::Strategy::recover). What holds nothing back has nothing to take over.
    fn recover(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }

    /// See [`Strategy::drain`](crate::strategy::Strategy::drain). What holds nothing back has nothing to deliver.
    fn drain(&self, _bound: Duration) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// See [`Strategy::backlog`](crate::strategy::Strategy::backlog). What holds nothing back has none.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}

/// An error for a write to a document that should exist and does not.
#[must_use]
pub fn lost_document(id: &str) -> StoreError {
    StoreError::new(ErrorKind::Other, format!("document {id} is not in the database although it was loaded"))
}

/// The documents that an application starts from. The audit numbers the entities from 0, kind by kind; each is one
/// document of one collection.
pub trait Dataset: fmt::Debug + Send + Sync + 'static {
    /// The application's kinds of entity.
    fn entities(&self) -> &'static [EntityKind];
    /// The number of entities that are in collections.
    fn len(&self) -> u64;
    /// Returns true if the database has an entity before the load begins.
    fn is_there_at_first(&self, _subject: u64) -> bool {
        true
    }
    /// Returns true if no entity is in a collection.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The kind and the id of an entity.
    fn place(&self, subject: u64) -> EntityRef;
    /// The document of an entity, always the same for one seed.
    fn document(&self, subject: u64) -> Document;
    /// Checks a document that was found under an entity's id and version, and returns its version and writes for the
    /// audit.
    ///
    /// # Errors
    /// Returns the first damage that it finds.
    fn verify(&self, subject: u64, version: Version, document: &Document) -> Result<Seen, Damage>;
    /// The collections, each once.
    fn collections(&self) -> Vec<&'static str> {
        let mut all: Vec<&'static str> = Vec::new();
        for collection in self.entities().iter().filter_map(|entity| entity.collection) {
            if !all.contains(&collection) {
                all.push(collection);
            }
        }
        all
    }
    /// The collection of an entity.
    fn collection(&self, subject: u64) -> &'static str {
        self.entities()[self.place(subject).entity].collection.unwrap_or_default()
    }
}

/// A figure of an application that no other file has: a row of `application.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name of the figure.
    pub name: &'static str,
    /// The value, in `unit`; `None` where it is unknown.
    pub value: Option<f64>,
    /// The unit of the value, as it is printed.
    pub unit: &'static str,
}

/// The audit's result on the answers that showed one kind of entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// The number of answers that were audited.
    pub audited: u64,
    /// The greatest age of a stale one; `None` where none was stale.
    pub oldest: Option<Duration>,
    /// The greatest age that the strategy promises; `None` where nothing is promised.
    pub bound: Option<Duration>,
}

/// State that outlives the instances of an application in a cell and is shared by all of them: its users and what they
/// hold, and the services beside it.
pub trait World: fmt::Debug + Default + Send + Sync + 'static {
    /// Starts the measurement: only later events count.
    fn begin_measuring(&self) {}
    /// The figures for the end of the cell.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// A world in which nothing outlives an instance.
impl World for () {}

/// The parameters from which an application's documents are made.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetParameters {
    /// The number of entities that are requested by key: products or users.
    pub keys: u64,
    /// Those of them that there are.
    pub population: Population,
    /// The number of categories that they are in.
    pub categories: u64,
    /// The sizes of the documents.
    pub value_size: ValueSizes,
    /// The seed of sizes and contents.
    pub seed: u64,
}

/// The parts that one instance of an application is built from; lists are by kind of entity.
#[derive(Debug)]
pub struct Parts<C, D, M: Model> {
    /// The instance's number, from 0.
    pub number: u64,
    /// Its connection to the cache.
    pub cache: C,
    /// Its connection to the database.
    pub database: D,
    /// The key prefix, the time to live and the tags of each kind of entity.
    pub kinds: Vec<Keyspace>,
    /// The strategy of each kind of entity.
    pub strategies: Vec<StrategySpec>,
    /// The documents that the run starts from.
    pub dataset: M::Dataset,
    /// The state that outlives the instance.
    pub world: Arc<M::World>,
}

/// An application with its settings.
pub trait Model: Settings + Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Its kinds of entity.
    const ENTITIES: &'static [EntityKind];
    /// Its operations; an operation's kind is an index into this table.
    const OPERATIONS: &'static [OperationKind];
    /// True if a task runs beside its instances, see [`Model::run_sidecar`].
    const HAS_SIDECAR: bool = false;
    /// True if it keeps streams or counters in the cache, beside what strategies keep there.
    const KEEPS_STREAMS: bool = false;
    /// True if it keeps sessions in the cache, beside what strategies keep there.
    const KEEPS_SESSIONS: bool = false;
    /// The documents that it starts from.
    type Dataset: Dataset;
    /// The state that outlives its instances.
    type World: World;
    /// One instance of it.
    type Instance<C: StrategyCache, D: Changes>: Application;

    /// The documents that it starts from.
    fn dataset(&self, facts: DatasetParameters) -> Self::Dataset;

    /// The prefix of the cache keys of a kind of entity.
    fn key_prefix(&self, entity: usize) -> &'static str;

    /// The time to live of a kind of entity, where it differs from the cache's.
    fn ttl(&self, _entity: usize) -> Option<Duration> {
        None
    }

    /// The latency of the service in front of a kind of entity, if it has one, see [`Service`](crate::strategy::source::Service).
    fn service_latency(&self, _entity: usize) -> Option<Duration> {
        None
    }

    /// Further figures for the end of the cell, from the audit's findings and the promises on each kind of entity.
    fn figures(&self, _entities: &[Judged]) -> Vec<Figure> {
        Vec::new()
    }

    /// Builds one instance. Its background work runs on the runtime of the caller.
    fn build<C: StrategyCache, D: Changes>(&self, parts: Parts<C, D, Self>) -> Self::Instance<C, D>;

    /// Runs beside the instances, once a cell, over a connection of its own. When `ended` says that the instances have
    /// ended, it finishes their remaining work and returns; if that takes too long, it is dropped.
    fn run_sidecar<C: StrategyCache>(
        &self,
        _cache: C,
        _world: Arc<Self::World>,
        _ended: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        std::future::ready(())
    }

    /// The mistakes in the settings, given the dataset: key, message, remedy.
    fn mistakes(&self, _facts: &DatasetParameters) -> Vec<(&'static str, String, String)> {
        Vec::new()
    }
}
