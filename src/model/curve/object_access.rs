//! Accesses to objects that have sizes and may expire, and what is counted of them.

/// The time at which something expires that never does.
pub const NEVER: u64 = u64::MAX;

/// One operation on one object, with what is known of the object by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAccess {
    /// The number of the object; numbers are best small, since they are the places of arrays.
    pub object: u32,
    /// The kind of access.
    pub kind: ObjectAccessKind,
    /// The bytes that the object takes, its key included.
    pub bytes: u64,
    /// When it happens, in milliseconds; never before the access that came before.
    pub time_ms: u64,
    /// The first millisecond at which what is put in now is there no longer; [`NEVER`] where it stays.
    pub expires_ms: u64,
}

/// The kinds of access to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectAccessKind {
    /// Looks for the object, and puts it in where it is not there.
    Read,
    /// Tells the size and the time to live of what the last read of the object has put in, if that read missed.
    Fill,
    /// Gives the object a new value and a new time to live.
    Put,
    /// Gives the object a new value; where it is cached, it expires when it would have.
    Amend,
    /// Deletes the object.
    Delete,
}

/// Reads that hit, and the bytes of what they asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectTally {
    /// Reads that found their object in the cache.
    pub hits: u64,
    /// The bytes of those objects, each as often as it was found.
    pub hit_bytes: u64,
}

/// The counts of a whole stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadTotals {
    /// Reads.
    pub reads: u64,
    /// The bytes of the objects that were read; `None` where nothing tells them.
    pub bytes: Option<u64>,
}
