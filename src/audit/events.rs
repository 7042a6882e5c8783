//! What the audit is told: how much there is, what is read and written, and how that ended.

/// The number of fields that writes patch. Each is kept with the write that set it last.
pub const FIELDS: usize = 2;

/// The id of a write. 0 is the dataset itself; the others are positive, and each is used once.
pub type WriteId = i64;

/// The sizes that an audit is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// The number of keys, which are numbered from 0.
    pub keys: u64,
    /// The number of clients, which are numbered from 0.
    pub clients: u64,
    /// The number of instances: client `c` belongs to instance `c % instances`.
    pub instances: u64,
}

/// The version and the writes of a document that was found in an answer or in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its version.
    pub version: u64,
    /// The write that set each field last.
    pub writes: [WriteId; FIELDS],
}

/// The fields that a write sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSet {
    /// One of them, below [`FIELDS`]: a patch.
    One(usize),
    /// All of them: the document is inserted or deleted.
    All,
}

impl FieldSet {
    /// Each of them.
    #[inline]
    #[must_use]
    pub fn each(self) -> std::ops::Range<usize> {
        match self {
            Self::One(field) => field..field + 1,
            Self::All => 0..FIELDS,
        }
    }
}

/// A write of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: u64,
    /// The fields that it sets.
    pub fields: FieldSet,
    /// The id of the write.
    pub id: WriteId,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was acknowledged, with the version that it got.
    Acknowledged(u64),
    /// The database holds it, at this version if that is known, but a later step failed, so the caller saw an error.
    CommittedThenFailed(Option<u64>),
    /// It was not carried out.
    Failed,
    /// It is unknown whether it was carried out, or still will be.
    Indeterminate,
}

/// The versions that a read is checked against, taken when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The highest acknowledged version; 0 where none is.
    pub acknowledged: u64,
    /// The highest version that the database is known to hold, acknowledged or not.
    pub in_database: u64,
    /// True if a write to the key is under way.
    pub under_way: bool,
    /// The number of writes to the key that have begun.
    pub(super) begun: u64,
}
