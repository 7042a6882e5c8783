//! The first reading of a trace, which counts its keys. What it has read is kept for the simulations, where it is not
//! too much, as reading a trace takes longer than simulating it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::{mem, thread};

use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use crate::load::trace::{OnBroken, Skipped, TraceError, TraceOperation, TraceReader, TraceRecord};

/// So many operations are kept at most, at nine bytes each.
pub(super) const KEPT_AT_MOST: usize = 1 << 24;
/// Operations that are handed over at once.
const CHUNK: usize = 1 << 14;
/// Chunks that may wait for the counting; the trace is read no further ahead.
const CHUNKS_AHEAD: usize = 4;

/// An operation, and the hash of its key.
pub(super) type HashedOperation = (u64, TraceOperation);

/// The operation of a record.
pub(super) fn hashed(record: &TraceRecord) -> HashedOperation {
    (xxh3_64(record.key.as_bytes()), record.operation)
}

/// Operations in their order.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    keys: Vec<u64>,
    operations: Vec<TraceOperation>,
}

impl Chunk {
    fn push(&mut self, (key, operation): HashedOperation) {
        self.keys.push(key);
        self.operations.push(operation);
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = HashedOperation> {
        self.keys.iter().copied().zip(self.operations.iter().copied())
    }
}

/// What the first reading has found.
#[derive(Debug)]
pub(super) struct FirstReading {
    /// The number of different keys.
    pub(super) keys: u64,
    /// The lines that were left out.
    pub(super) skipped: Skipped,
    /// All operations; `None` where they are too many to be kept.
    pub(super) kept: Option<Vec<Chunk>>,
}

impl FirstReading {
    /// Reads a trace to its end, and counts on another thread, which takes about 16 bytes of memory for each key.
    ///
    /// # Errors
    /// Those of the trace.
    pub(super) fn of(path: &Path, on_broken: OnBroken, keep_at_most: usize) -> Result<Self, TraceError> {
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(CHUNKS_AHEAD);
            let counting = scope.spawn(move || count(&receiver, keep_at_most));
            let mut reader = TraceReader::open(path, None, on_broken)?;
            let mut chunk = Chunk::default();
            for record in reader.by_ref() {
                chunk.push(hashed(&record?));
                // The counting ends only after this, or by a panic that is passed on below.
                if chunk.keys.len() == CHUNK && sender.send(mem::take(&mut chunk)).is_err() {
                    break;
                }
            }
            let _ = sender.send(chunk);
            drop(sender);
            let (keys, kept) = counting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(Self { keys, skipped: reader.skipped().clone(), kept })
        })
    }
}

/// Counts the keys of all chunks, and keeps the chunks while they are not too many.
fn count(chunks: &Receiver<Chunk>, keep_at_most: usize) -> (u64, Option<Vec<Chunk>>) {
    let mut keys: HashSet<u64, FxBuildHasher> = HashSet::default();
    let (mut kept, mut operations) = (Some(Vec::new()), 0);
    for chunk in chunks {
        keys.extend(&chunk.keys);
        operations += chunk.keys.len();
        match &mut kept {
            Some(kept) if operations <= keep_at_most => kept.push(chunk),
            _ => kept = None,
        }
    }
    (keys.len() as u64, kept)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_reading_counts_the_keys_and_keeps_the_operations_in_their_order_unless_they_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let keys = || (0..40_000_u64).map(|number| crate::base::hash::mix(number) % 100);
        let mut text = String::new();
        for key in keys() {
            writeln!(text, "0,k{key},1,9,1,get,0").unwrap();
        }
        std::fs::write(&path, text).unwrap();
        let first = FirstReading::of(&path, OnBroken::Refuse, 40_000).unwrap();
        assert_eq!(first.keys, 100);
        let kept = first.kept.unwrap();
        let kept: Vec<_> = kept.iter().flat_map(Chunk::operations).collect();
        let written: Vec<_> =
            keys().map(|key| (xxh3_64(format!("k{key}").as_bytes()), TraceOperation::Read)).collect();
        assert_eq!(kept, written);
        let first = FirstReading::of(&path, OnBroken::Refuse, 39_999).unwrap();
        assert!(first.keys == 100 && first.kept.is_none());
    }
}
