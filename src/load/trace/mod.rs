//! Traces: recorded operations, read as a stream, so that a trace need not fit in memory.
//!
//! Three formats of CSV are read, plain or compressed with zstd, gzip, bzip2 or xz: hotset's own, that of Twitter's cache-trace, and
//! that of CacheLib's kvcache traces. A trace is one record a line; a line that breaks the format is refused with
//! its number, or skipped and counted where the caller says so.

mod cachelib;
mod error;
mod fields;
mod fills;
mod layout;
mod lines;
mod own;
mod reader;
mod rereadable;
mod source;
#[cfg(test)]
mod testing;
mod twitter;

pub use error::{Broken, TraceError};
pub use fills::Fills;
pub use own::{TraceColumns, Writer};
pub use reader::{Skipped, TraceReader};
pub use rereadable::Rereadable;

use std::time::Duration;

/// The operation of a record on its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceOperation {
    /// The key's value is asked for.
    Read,
    /// The key gets a new value.
    Write,
    /// The key gets a value, be it new or one that a read has missed: see [`Fills`].
    Put,
    /// The key and its value are removed.
    Delete,
}

/// One operation of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    /// When it happened, in milliseconds from wherever the trace counts; never less than that of the record
    /// before. 0 throughout where the trace has no times.
    pub time_ms: u64,
    /// The key; never empty.
    pub key: Box<str>,
    /// The size of the key in bytes, as the trace tells it of keys that were made anonymous, or else that of `key`.
    pub key_bytes: u64,
    /// The operation that was done.
    pub operation: TraceOperation,
    /// The size of the value in bytes, as the trace tells it; 0 where it was not known, as on many reads.
    pub size_bytes: u64,
    /// The time to live of the written value, where the trace gives one.
    pub ttl: Option<Duration>,
}

/// The formats that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// hotset's own: the header `time_ms,key,operation,size_bytes`, with `ttl_ms` at its end or without; operations `read`,
    /// `write` and `delete`.
    Own,
    /// Twitter's cache-trace (Yang et al., OSDI 2020): no header; time in seconds, key, key size, value size, client,
    /// operation, TTL in seconds.
    Twitter,
    /// CacheLib's kvcache traces (Berg et al., OSDI 2020): a header whose names say what the columns are.
    CacheLib,
}

impl Format {
    /// Returns true if such traces were recorded at a cache that its application fills itself.
    #[must_use]
    pub fn is_look_aside(self) -> bool {
        match self {
            Self::Twitter | Self::CacheLib => true,
            Self::Own => false,
        }
    }

    /// Returns true if an operation on a key only fills the cache after a miss, given whether the last operation on the
    /// key was a read: see [`Fills`].
    #[must_use]
    pub fn is_fill(self, operation: TraceOperation, was_read_last: bool) -> bool {
        self.is_look_aside() && was_read_last && operation == TraceOperation::Put
    }
}

/// The treatment of a line that breaks the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnBroken {
    /// The trace is refused at that line.
    #[default]
    Refuse,
    /// The line is left out and counted.
    Skip,
}
