//! What the load does: the kinds of entity of an application and the operations on them.

pub mod catalog;

use std::future::Future;
use std::time::Duration;

use crate::audit::Seen;
use crate::store::{Document, ErrorKind, StoreError, Version};
use crate::strategy::{Backlog, ReadOutcome, WriteError};
use crate::workload::Operation;

/// One kind of operation of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationKind {
    /// Its name in results.
    pub name: &'static str,
    /// Whether it may ask for what does not exist.
    pub can_be_absent: bool,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A read was answered.
    Read {
        /// How it was answered.
        outcome: ReadOutcome,
        /// The document as it was read, `None` where there rightly is none; or what is wrong with it.
        seen: Result<Option<Seen>, Damage>,
    },
    /// A write was acknowledged at this version.
    Written(Version),
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
    /// Carries out one operation of a client.
    ///
    /// # Errors
    /// Those of the strategy; where a write was committed all the same, the error says so.
    fn perform(
        &self,
        client: u32,
        operation: &Operation,
    ) -> impl Future<Output = Result<Answer, WriteError>> + Send;

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

/// The documents that an application starts from.
pub trait Dataset: Send + Sync + 'static {
    /// The collection that holds them.
    fn collection(&self) -> &'static str;
    /// How many there are.
    fn len(&self) -> u64;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The document of a key, always the same for one seed.
    fn document(&self, key: u64) -> Document;
}
