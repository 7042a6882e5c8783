//! What the audit is told: how much there is, what is read and written, and how that ended.

/// How many fields writes patch, each kept with the write that set it last.
pub const FIELDS: usize = 2;

/// A write: 0 is the dataset itself, the others are positive and each is used once.
pub type WriteId = i64;

/// How much there is to audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Keys, which are numbered from 0.
    pub keys: u64,
    /// Clients, which are numbered from 0.
    pub clients: u64,
    /// Instances: client `c` belongs to instance `c % instances`.
    pub instances: u64,
}

/// A document as somebody found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its version.
    pub version: u64,
    /// The write that set each field last.
    pub writes: [WriteId; FIELDS],
}

/// A write of one field of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: u64,
    /// Which field it patches, below [`FIELDS`].
    pub field: usize,
    /// Which write it is.
    pub id: WriteId,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was acknowledged, with the version that it got.
    Acknowledged(u64),
    /// The database holds it, at a version where that is known, but a later step failed and so the
    /// caller saw an error.
    CommittedThenFailed(Option<u64>),
    /// It has not happened.
    Failed,
    /// Nobody knows whether it has happened, or will.
    Indeterminate,
}

/// What a read may be held to, taken when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The highest acknowledged version; 0 where none is.
    pub acknowledged: u64,
    /// The highest version that the database is known to hold, acknowledged or not.
    pub in_database: u64,
    /// Whether a write to the key is under way.
    pub under_way: bool,
    /// How many writes to the key have begun.
    pub(super) begun: u64,
}
