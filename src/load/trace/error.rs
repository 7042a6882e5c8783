//! Errors in a trace, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// A line that breaks the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the trace: {reason}; {remedy}, or set on_broken = \"skip\" to leave such lines out")]
pub struct Broken {
    /// The line's number; the first line, be it a header or a record, is 1.
    pub line: u64,
    /// The mistake.
    pub reason: String,
    /// The remedy, as an imperative.
    pub remedy: &'static str,
}

/// Why a trace cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be opened or created.
    #[error("cannot open the trace {}: {source}; check the path and its permissions", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// What comes out of a pipe cannot be kept to be read again.
    #[error(
        "cannot keep what comes out of the pipe in {}: {source}; make room there, or set TMPDIR to a larger disk",
        folder.display()
    )]
    Keep {
        /// The folder for temporary files.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The operating system could not read.
    #[error("cannot read the trace after line {line}: {source}; check the disk and the path")]
    Read {
        /// The last line that was read whole.
        line: u64,
        /// The error that made it fail.
        source: io::Error,
    },
    /// The compressed data is not what its compressor wrote.
    #[error(
        "the trace is damaged after line {line}: its compressed data does not decompress ({source}); the file is broken and not the disk: copy or record it again"
    )]
    Damaged {
        /// The last line that was read whole.
        line: u64,
        /// The decompressor's own error.
        source: io::Error,
    },
    /// The compressed data ends in the middle.
    #[error(
        "the trace is cut off after line {line}: its compressed data ends in the middle; copy or record it again"
    )]
    Truncated {
        /// The last line that was read whole.
        line: u64,
    },
    /// A line breaks the format.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// There is no record.
    #[error(
        "the trace has no record ({skipped} broken lines were skipped); give a trace with at least one operation"
    )]
    Empty {
        /// Lines that were left out.
        skipped: u64,
    },
    /// The first line is that of no known format.
    #[error(
        "line 1 of the trace is that of no known format: \"{first_line}\"; known are hotset's own (the header \
         time_ms,key,operation,size_bytes), Twitter's cache-trace (7 columns, no header; keys may have commas) and CacheLib's kvcache \
         (a header with key, op and size), plain or compressed with zstd, gzip, bzip2 or xz"
    )]
    UnknownFormat {
        /// The beginning of the line.
        first_line: String,
    },
    /// The header does not suit the format.
    #[error("line 1 of the trace: {reason}; {remedy}")]
    Header {
        /// The mistake.
        reason: String,
        /// The remedy, as an imperative.
        remedy: &'static str,
    },
    /// There are more keys than numbers for them.
    #[error(
        "the trace has more than 2147483648 keys, and each of them is numbered; give a part of the trace"
    )]
    TooManyKeys,
    /// The operations of a large trace could not be put where they are read from again.
    #[error(
        "cannot keep the operations of the trace in {}: {source}; free some space there, {bytes} bytes for each, or set TMPDIR to a folder on a larger disk",
        folder.display()
    )]
    NotKept {
        /// The folder for temporary files.
        folder: PathBuf,
        /// The bytes that each operation takes.
        bytes: usize,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A record has no place in the format.
    #[error("record {record} cannot be written to a trace: {reason}; {remedy}")]
    Unwritable {
        /// The record's number from 1.
        record: u64,
        /// The mistake.
        reason: String,
        /// The remedy, as an imperative.
        remedy: &'static str,
    },
    /// Writing failed.
    #[error(
        "cannot write the trace after record {record}: {source}; check the free space and the permissions"
    )]
    Write {
        /// The last record that was taken.
        record: u64,
        /// The error that made it fail.
        source: io::Error,
    },
}
