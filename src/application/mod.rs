//! What the load does: the kinds of entity of an application and the operations on them.
//!
//! An application is a file and a row in the table of [`registry`]: its settings, its tables of entities and operations, the
//! documents that it starts from, and what an instance of it does.

pub mod any_source;
pub mod catalog;
pub mod ecommerce;
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
use crate::scenario::Settings;
use crate::source::Kind;
use crate::store::{Changes, Document, ErrorKind, StoreError, Version};
use crate::strategy::{Backlog, ReadOutcome, StrategyCache, StrategySpec, WriteError};
use crate::workload::{Operation, ValueSizes};
pub use any_source::EntityStrategy;
pub use registry::{AnyApplication, AnyDataset, AnyWorld, ApplicationRow, ApplicationSpec, REGISTRY};
pub use visitor::Visitor;

/// Whether an operation reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

/// One kind of operation of an application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationKind {
    /// Its name in results, and in `[application.mix]`.
    pub name: &'static str,
    /// Whether it reads or writes.
    pub class: Class,
    /// Whether it may ask for what does not exist.
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
    /// The collection of the database that holds it; `None` for what is made of others, or lives in the cache only.
    pub collection: Option<&'static str>,
    /// The fields that writes change, in the order of [`Seen::writes`]; empty where there is none.
    pub fields: [&'static str; FIELDS],
    /// How its strategy is chosen.
    pub served: Served,
    /// The kind that it is made of, where it is: it shows that one's writes once the database has them.
    pub made_of: Option<usize>,
}

/// How the strategy of a kind of entity is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// By the cell's strategy, unless `[application.strategies]` names another.
    ByStrategy,
    /// As before, but it is only ever read: a strategy that writes to the cache first makes no sense.
    ByReading,
    /// It lives in the cache itself, whatever the strategy.
    InTheCache,
}

/// Where an entity is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind of entity: an index into the application's table.
    pub entity: usize,
    /// Its id.
    pub id: CompactString,
}

/// How an operation was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A read was answered.
    Read(ReadOutcome),
    /// A write was acknowledged.
    Written,
    /// What is neither was done.
    Done,
    /// It was refused, as it had to be: whoever asked has no session.
    Refused,
}

/// Why an answer cannot be what was stored.
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
    /// A document that exists was said to be absent.
    SaidAbsent,
    /// A document that does not exist was returned.
    SaidPresent,
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
            Self::SaidAbsent => "said absent",
            Self::SaidPresent => "said present",
        }
    }
}

/// One instance of an application.
pub trait Application: Send + Sync + 'static {
    /// Carries out one operation of a client, which has what it reads and writes audited.
    ///
    /// # Errors
    /// Those of the strategy; where a write was committed all the same, the error says so.
    fn perform(
        &self,
        visitor: &mut Visitor,
        operation: &Operation,
    ) -> impl Future<Output = Result<Answer, WriteError>> + Send;

    /// How long the client of a closed loop thinks before its next operation.
    fn pause_after(&self, _visitor: &Visitor, _operation: &Operation) -> Duration {
        Duration::ZERO
    }

    /// See [`Strategy::recover`](crate::strategy::Strategy::recover).
    fn recover(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// See [`Strategy::drain`](crate::strategy::Strategy::drain).
    fn drain(&self, bound: Duration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// See [`Strategy::backlog`](crate::strategy::Strategy::backlog).
    fn backlog(&self) -> Backlog;
}

/// An error for a write to a document that should exist and does not.
#[must_use]
pub fn lost_document(id: &str) -> StoreError {
    StoreError::new(ErrorKind::Other, format!("document {id} is not in the database although it was loaded"))
}

/// The documents that an application starts from. The entities that the audit follows are numbered from 0, kind by kind;
/// each is one document of one collection.
pub trait Dataset: fmt::Debug + Send + Sync + 'static {
    /// The application's kinds of entity.
    fn entities(&self) -> &'static [EntityKind];
    /// How many entities there are in collections.
    fn len(&self) -> u64;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Where an entity is found.
    fn place(&self, subject: u64) -> Place;
    /// The document of an entity, always the same for one seed.
    fn document(&self, subject: u64) -> Document;
    /// Checks a document that was found under an entity's id and version, and says what the audit wants to know of it.
    ///
    /// # Errors
    /// The first thing that is wrong.
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
    /// What it is.
    pub name: &'static str,
    /// How much; `None` where it is not known.
    pub value: Option<f64>,
    /// In what.
    pub unit: &'static str,
}

/// How old the answers were that showed a kind of entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// How many of them were audited.
    pub audited: u64,
    /// The greatest age of a stale one; `None` where none was stale.
    pub oldest: Option<Duration>,
    /// The age that is promised not to be passed; `None` where nothing is promised.
    pub bound: Option<Duration>,
}

/// What outlives the instances of an application in a cell and is shared by all of them: its users with what they
/// hold, and the services beside it.
pub trait World: fmt::Debug + Default + Send + Sync + 'static {
    /// From now on what happens is measured.
    fn begin_measuring(&self) {}
    /// What is to be said of it at the end.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// A world in which nothing outlives an instance.
impl World for () {}

/// What the documents of an application are made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// How many there are of what is asked for by key: products, users.
    pub keys: u64,
    /// How many categories they are in.
    pub categories: u64,
    /// How large a document is.
    pub value_size: ValueSizes,
    /// What else decides what they look like.
    pub seed: u64,
}

/// What one instance of an application is built from; lists are by kind of entity.
#[derive(Debug)]
pub struct Parts<C, D, M: Model> {
    /// Which instance it is, from 0.
    pub number: u64,
    /// Its connection to the cache.
    pub cache: C,
    /// Its connection to the database.
    pub database: D,
    /// What is said of each kind of entity.
    pub kinds: Vec<Kind>,
    /// The strategy of each kind of entity.
    pub strategies: Vec<StrategySpec>,
    /// The documents that the run starts from.
    pub dataset: M::Dataset,
    /// What outlives it.
    pub world: Arc<M::World>,
}

/// An application as its settings make it.
pub trait Model: Settings + Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Its kinds of entity.
    const ENTITIES: &'static [EntityKind];
    /// Its operations; an operation's kind is an index into this table.
    const OPERATIONS: &'static [OperationKind];
    /// Whether something runs beside its instances, see [`Model::beside`].
    const HAS_COMPANY: bool = false;
    /// The documents that it starts from.
    type Dataset: Dataset;
    /// What outlives its instances.
    type World: World;
    /// One instance of it.
    type Instance<C: StrategyCache, D: Changes>: Application;

    /// The documents that it starts from.
    fn dataset(&self, facts: Facts) -> Self::Dataset;

    /// What stands before the id in the cache key of a kind of entity.
    fn key_prefix(&self, entity: usize) -> &'static str;

    /// The time to live of a kind of entity, where that is not the cache's.
    fn ttl(&self, _entity: usize) -> Option<Duration> {
        None
    }

    /// How long a service takes that stands before a kind of entity, where there is one, see
    /// [`Service`](crate::source::Service).
    fn service_latency(&self, _entity: usize) -> Option<Duration> {
        None
    }

    /// What more is to be said at the end, from what the audit found and what is promised of each kind of entity.
    fn figures(&self, _entities: &[Judged]) -> Vec<Figure> {
        Vec::new()
    }

    /// One instance; its background work runs on the runtime of the caller.
    fn build<C: StrategyCache, D: Changes>(&self, parts: Parts<C, D, Self>) -> Self::Instance<C, D>;

    /// What runs beside the instances, once a cell, over a connection of its own. When it is told that they have ended
    /// it does what they have left to do and returns; where that takes too long it is dropped.
    fn beside<C: StrategyCache>(
        &self,
        _cache: C,
        _world: Arc<Self::World>,
        _ended: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        std::future::ready(())
    }

    /// What is wrong with the settings, given the dataset: key, message, remedy.
    fn mistakes(&self, _facts: &Facts) -> Vec<(&'static str, String, String)> {
        Vec::new()
    }
}
