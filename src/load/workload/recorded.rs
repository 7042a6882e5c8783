//! A trace that drives a run. Its operations take four bytes each, in memory where they are few and otherwise in a temporary
//! file; its times take sixteen for each that differs, and what it tells of its keys eight for each, both in memory.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use super::key_facts::KeyFacts;
use super::keys::TopShares;
use super::recorded_times::RecordedTimes;
use super::trace_row::TraceRow;
use super::trace_rows::{RowsInMemory, TraceRows, TraceRowsWriter};
use crate::base::temporary;
use crate::load::trace::{Fills, OnBroken, TraceError, TraceOperation as Recorded, TraceReader};
use crate::results::Phase;

crate::choices! {
    /// The ways to deal with a line of a trace that cannot be read.
    pub enum BrokenLines {
        /// The trace is refused.
        Refuse = "refuse",
        /// It is left out and counted.
        Skip = "skip",
    }
}

/// The operations of a trace, in its order. Keys are numbered in the order of their first occurrence.
#[derive(Debug, PartialEq, Eq)]
pub struct Recording {
    rows: TraceRows,
    times: RecordedTimes,
    facts: KeyFacts,
    distinct: u64,
    skipped: u64,
    fills: u64,
}

impl Recording {
    /// Reads a trace of any format that hotset knows, plain or compressed, once. Reads are of kind 0. Every change or removal is a
    /// write, of kind 1, since products are changed and not removed. Operations that only filled the cache at which the
    /// trace was recorded are left out, see [`Fills`]: here the strategy fills.
    ///
    /// While it is read it takes some forty bytes of memory for each key.
    ///
    /// # Errors
    /// Where the trace cannot be read, or its operations not be kept.
    pub fn read(path: &Path, on_broken: BrokenLines) -> Result<Self, TraceError> {
        Self::read_into(path, on_broken, RowsInMemory::default())
    }

    fn read_into(path: &Path, on_broken: BrokenLines, in_memory: RowsInMemory) -> Result<Self, TraceError> {
        let on_broken = match on_broken {
            BrokenLines::Refuse => OnBroken::Refuse,
            BrokenLines::Skip => OnBroken::Skip,
        };
        let mut numbers = KeyNumbers::default();
        let mut rows = TraceRowsWriter::new(in_memory);
        let (mut times, mut facts) = (RecordedTimes::default(), KeyFacts::default());
        let mut reader = TraceReader::open(path, None, on_broken)?;
        let mut fills = Fills::of(reader.format());
        for record in reader.by_ref() {
            let record = record?;
            let key = numbers.of(&record.key)?;
            // A set that only filled a cache still tells what it filled it with.
            facts.learn(key, &record);
            if fills.is_fill(key.into(), record.operation) {
                continue;
            }
            times.note(record.time_ms);
            let row = TraceRow::new(key, record.operation != Recorded::Read);
            rows.push(row).map_err(not_kept)?;
        }
        facts.shrink();
        Ok(Self {
            rows: rows.finish().map_err(not_kept)?,
            times,
            facts,
            distinct: numbers.count(),
            skipped: reader.skipped().lines,
            fills: fills.left_out(),
        })
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.rows.len()
    }

    /// Returns true if the trace has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of different keys.
    #[must_use]
    pub fn distinct_keys(&self) -> u64 {
        self.distinct
    }

    /// The facts that its rows tell of its keys.
    #[must_use]
    pub fn facts(&self) -> &KeyFacts {
        &self.facts
    }

    /// The number of operations that were left out because they only filled the cache at which the trace was recorded.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.fills
    }

    /// A description of what was left out of the trace; `None` if nothing was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let counted = |count: u64, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {more}")),
        };
        let lines = counted(self.skipped, "broken line", "broken lines");
        let recorded_at = "filled the cache it was recorded at";
        let fills =
            counted(self.fills, &format!("set that {recorded_at}"), &format!("sets that {recorded_at}"));
        let what: Vec<_> = lines.into_iter().chain(fills).collect();
        let are = if self.skipped + self.fills == 1 { "is" } else { "are" };
        (!what.is_empty()).then(|| format!("{} {are} left out", what.join(" and ")))
    }

    /// The part of the trace that belongs to a phase: the first half warms the cache, the second is measured. A run
    /// that needs more operations starts its part again.
    fn part(&self, phase: Phase) -> Range<u64> {
        let half = self.len() / 2;
        match phase {
            Phase::Warmup => 0..half.max(1).min(self.len()),
            Phase::Measure => half..self.len(),
        }
    }

    /// The bytes that it takes in memory at the most, now that it has been read.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let of_keys = self.facts.sizes.memory_bytes() + self.facts.ttls.memory_bytes();
        self.rows.memory_bytes() + self.times.memory_bytes() + of_keys
    }

    /// The bytes that its operations take in a temporary file; 0 where they are held in memory.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.rows.file_bytes()
    }

    /// Why some of its operations could not be read again from that file, so that others were carried out in their place.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.rows.failure()
    }

    /// The times at which its operations happened.
    #[must_use]
    pub fn times(&self) -> &RecordedTimes {
        &self.times
    }

    /// The numbers of the operations that are measured, in the whole trace.
    #[must_use]
    pub fn measured(&self) -> Range<u64> {
        self.part(Phase::Measure)
    }

    /// The kind and the key of an operation of a phase, counted over all clients.
    #[must_use]
    pub fn at(&self, phase: Phase, number: u64) -> (u8, u64) {
        let Range { start, end } = self.part(phase);
        let row = self.rows.at(start + number % (end - start).max(1));
        (u8::from(row.writes()), row.key().into())
    }

    /// The shares of the hottest keys in a phase's part.
    #[must_use]
    pub fn shares(&self, phase: Phase) -> TopShares {
        let part = self.part(phase);
        let mut counts = vec![0_u64; self.distinct as usize];
        let operations = part.end - part.start;
        self.rows.for_each(part, |row| {
            if let Some(count) = counts.get_mut(row.key() as usize) {
                *count += 1;
            }
        });
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let of_top = |keys: usize| counts[..keys].iter().sum::<u64>() as f64 / operations.max(1) as f64;
        TopShares {
            top_key: of_top(1.min(counts.len())),
            top_1_percent: of_top(counts.len().div_ceil(100)),
            top_10_percent: of_top(counts.len().div_ceil(10)),
        }
    }
}

/// The keys of a trace by the number of each. They are told apart by a hash of 64 bits: among a hundred million keys the odds
/// that two are taken for one are 1 to 3000.
#[derive(Default)]
struct KeyNumbers(HashMap<u64, u32, FxBuildHasher>);

impl KeyNumbers {
    fn of(&mut self, key: &str) -> Result<u32, TraceError> {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let number = *self.0.entry(xxh3_64(key.as_bytes())).or_insert(next);
        if number < TraceRow::MOST_KEYS { Ok(number) } else { Err(TraceError::TooManyKeys) }
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

fn not_kept(source: io::Error) -> TraceError {
    TraceError::NotKept { folder: temporary::directory(), bytes: TraceRow::BYTES, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(text: &str) -> Result<Recording, TraceError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("time_ms,key,operation,size_bytes\n{text}")).unwrap();
        Recording::read(file.path(), BrokenLines::Refuse)
    }

    #[test]
    fn the_first_half_warms_up_the_second_is_measured_and_both_begin_again_at_their_ends() {
        let trace = recording("0,a,read,1\n1,b,write,1\n2,a,delete,1\n3,c,read,1\n").unwrap();
        assert_eq!((trace.len(), trace.distinct_keys()), (4, 3));
        let first: Vec<_> = (0..3).map(|number| trace.at(Phase::Warmup, number)).collect();
        assert_eq!(first, [(0, 0), (1, 1), (0, 0)]);
        let second: Vec<_> = (0..3).map(|number| trace.at(Phase::Measure, number)).collect();
        assert_eq!(second, [(1, 0), (0, 2), (1, 0)], "a delete changes its product");
        assert!((trace.shares(Phase::Measure).top_key - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_filled_the_cache_of_the_trace_is_left_out_and_counted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines =
            "0,a,1,9,1,get,0\n0,b,1,9,1,set,60\n0,a,1,9,1,set,60\n1,a,1,9,1,get,0\n1,a,1,9,1,incr,0\n";
        std::fs::write(file.path(), lines).unwrap();
        let trace = Recording::read(file.path(), BrokenLines::Refuse).unwrap();
        assert_eq!((trace.len(), trace.fills(), trace.distinct_keys()), (4, 1, 2));
        let all: Vec<_> = [Phase::Warmup, Phase::Measure]
            .into_iter()
            .flat_map(|phase| [trace.at(phase, 0), trace.at(phase, 1)])
            .collect();
        assert_eq!(
            all,
            [(0, 0), (1, 1), (0, 0), (1, 0)],
            "of a set that no get came before nothing is known"
        );
    }

    #[test]
    fn what_a_fill_tells_of_its_key_is_known_though_it_is_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0,a,1,0,1,get,0\n0,a,1,900,1,set,60\n1,b,1,30,1,get,0\n").unwrap();
        let trace = Recording::read(file.path(), BrokenLines::Refuse).unwrap();
        assert_eq!((trace.len(), trace.fills()), (2, 1));
        assert_eq!(**trace.facts().sizes.of_keys(), [900, 30]);
        assert_eq!(**trace.facts().ttls.of_keys(), [60_000]);
    }

    #[test]
    fn a_trace_whose_operations_are_in_a_file_is_the_same_as_one_that_is_held() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |number: u64| {
            format!("{},k{},{},9\n", number / 3, number * 7 % 101, ["read", "write"][(number % 2) as usize])
        };
        let text: String = (0..1_001).map(line).collect();
        std::fs::write(file.path(), format!("time_ms,key,operation,size_bytes\n{text}")).unwrap();
        let held = Recording::read(file.path(), BrokenLines::Refuse).unwrap();
        let in_memory = RowsInMemory { held: 10, a_chunk: 16, chunks: 4 };
        let in_file = Recording::read_into(file.path(), BrokenLines::Refuse, in_memory).unwrap();
        assert_eq!((held.file_bytes(), in_file.file_bytes()), (0, 4 * 1_001));
        assert_eq!(held, in_file);
        for phase in [Phase::Warmup, Phase::Measure] {
            // By turns of seven clients, of which each is at another place.
            for number in (0..3_000).map(|at| at * 7 % 2_999 + at % 7 * 200) {
                assert_eq!(held.at(phase, number), in_file.at(phase, number), "{number}");
            }
            assert_eq!(held.shares(phase), in_file.shares(phase));
        }
    }

    #[test]
    fn one_operation_is_both_parts_and_a_broken_line_is_told_by_its_number() {
        let one = recording("0,a,read,1\n").unwrap();
        assert_eq!((one.at(Phase::Warmup, 5), one.at(Phase::Measure, 5)), ((0, 0), (0, 0)));
        let error = recording("0,a,read,1\n1,b,nonsense,1\n").unwrap_err().to_string();
        assert!(error.contains('3'), "{error}");
    }
}
